"""`footfall show`: what a job is, reads, writes and keeps."""

from __future__ import annotations

import json
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from footfall.commands.common import out
from footfall.project import catalog
from footfall.settings import ROOT, load_settings
from footfall.testing.cases import read_cases


@click.command()
@click.argument("name", metavar="JOB")
@click.option("--plan", is_flag=True, help="Draw Flink's operators as a tree instead.")
@click.option("--json", "as_json", is_flag=True, help="All of it as JSON; with --plan the operators too.")
def show(name: str, plan: bool, as_json: bool) -> None:
    """Show what a job reads and writes, its columns, its tests and what it keeps in memory."""
    catalog.check_names((name,))
    about = _about(name)
    from footfall.project.describe import clocks, in_words, plan_job, state, tree

    if as_json:
        planned = plan_job(name)
        about["clocks"] = clocks(planned.plan)
        about["state"] = [{"what": kept.what, "by": kept.by, "how_long": kept.how_long} for kept in state(planned)]
        if plan:
            about["operators"] = [
                {
                    "id": operator.id,
                    "kind": operator.kind,
                    "inputs": operator.inputs,
                    "does": in_words(operator, planned.plan),
                }
                for operator in planned.plan.operators
            ]
        click.echo(json.dumps(about, indent=2, ensure_ascii=False))
        return
    if not plan:
        _print(about)
    with out.status("asking Flink for the plan"):
        planned = plan_job(name)
    if plan:
        _boxed().print(tree(planned, f"{name}: {about['grain']}"), soft_wrap=False)
    out.print()
    for clock in clocks(planned.plan):
        out.print(f"clock   {clock}", markup=False)
    kept = [str(one) for one in state(planned)] or ["nothing: each record is looked at by itself"]
    for label, line in zip(["keeps", *[""] * len(kept)], kept, strict=False):
        out.print(f"{label:<7} {line}", markup=False)


def _about(name: str) -> dict[str, Any]:
    """What the files say of a job, by the names that --json has."""
    found = catalog.sources(catalog.AnyValue(load_settings().values))
    reads, writes = catalog.reads_and_writes(name)
    through = catalog.below(found, reads)
    cases = ROOT / "tests" / "sql" / f"{name}.yml"
    shows = [board for board, words in catalog.dashboards().items() if board == name or words & set(writes)]
    return {
        "job": name,
        "grain": catalog.all_jobs()[name],
        "file": f"sql/jobs/{name}.sql",
        "reads": reads,
        "through": through,
        "topics": sorted({topic for source in (*reads, *through) for topic in found[source].topics}),
        "writes": [
            {
                "table": table,
                "key": catalog.key(table),
                "columns": [column._asdict() for column in catalog.columns(table)],
            }
            for table in writes
        ],
        "tests": [case.name for case in read_cases(cases)] if cases.exists() else [],
        "dashboards": shows,
    }


def _boxed() -> Console:
    """Where tables and trees go: as wide as the terminal, and wide enough for all where there is none."""
    return out if out.is_terminal else Console(file=out.file, width=160, highlight=False)


def _print(about: dict[str, Any]) -> None:
    tables = about["writes"]
    out.print(f"{about['job']}: {about['grain']}", markup=False)
    out.print(f"reads   {', '.join(about['reads'])}")
    if about["through"]:
        out.print(f"made of {', '.join(about['through'])}")
    out.print(f"topic   {', '.join(about['topics']) or 'none'}", markup=False)
    out.print(f"writes  {', '.join(table['table'] for table in tables)}")
    out.print(f"file    {about['file']}")
    boards = [f"dashboards/{board}.json" for board in about["dashboards"]]
    out.print(f"shown   {', '.join(boards) or 'none: no dashboard'}")
    for table in tables:
        grid = Table("column", "type", "meaning", box=None, pad_edge=False)
        for column in table["columns"]:
            grid.add_row(column["name"], Text(column["type"], style="dim"), Text(column["comment"]))
        out.print()
        _boxed().print(grid, soft_wrap=False)
        out.print(f"key     {', '.join(table['key'])}")
    out.print()
    if not about["tests"]:
        out.print("tests   none")
    for label, test in zip(["tests", *[""] * len(about["tests"])], about["tests"], strict=False):
        out.print(f"{label:<7} {test}", markup=False)
