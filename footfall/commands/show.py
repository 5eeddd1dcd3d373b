"""What the SQL is: show, graph, render."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from footfall import graph as graphs
from footfall import suite
from footfall.commands.common import out
from footfall.errors import FootfallError
from footfall.settings import ROOT, load_settings
from footfall.sql_cases import read_cases


@click.command()
@click.argument("name", metavar="JOB")
@click.option("--plan", is_flag=True, help="Draw Flink's operators as a tree instead.")
@click.option("--json", "as_json", is_flag=True, help="All of it as JSON; with --plan the operators too.")
def show(name: str, plan: bool, as_json: bool) -> None:
    """Show what a job reads and writes, its columns, its tests and what it keeps in memory."""
    suite.check_names((name,))
    about = _about(name)
    from footfall.show import clocks, in_words, plan_job, state, tree

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
    found = suite.sources(suite.AnyValue(load_settings().values))
    reads, writes = suite.reads_and_writes(name)
    through = suite.below(found, reads)
    cases = ROOT / "tests" / "sql" / f"{name}.yml"
    shows = [board for board, words in suite.dashboards().items() if board == name or words & set(writes)]
    return {
        "job": name,
        "grain": suite.all_jobs()[name],
        "file": f"sql/jobs/{name}.sql",
        "reads": reads,
        "through": through,
        "topics": sorted({topic for source in (*reads, *through) for topic in found[source].topics}),
        "writes": [
            {"table": table, "key": suite.key(table), "columns": [column._asdict() for column in suite.columns(table)]}
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


@click.command()
@click.option("-o", "--output", default="-", metavar="FILE", help=".svg, .mmd or .md; Mermaid on stdout if left out.")
def graph(output: str) -> None:
    """Draw what is made of what, from the topic to the dashboards, as SVG or Mermaid."""
    drawing = graphs.read_graph()
    if output == "-":
        click.echo(graphs.mermaid(drawing), nl=False)
        return
    makers = {".svg": graphs.svg, ".mmd": graphs.mermaid, ".md": graphs.markdown}
    path = Path(output)
    if path.suffix not in makers:
        raise click.BadParameter(f"{output} ends in none of .svg, .mmd and .md", param_hint="--output")
    try:
        path.write_text(makers[path.suffix](drawing), encoding="utf-8")
    except OSError as error:
        raise FootfallError(f"can't write {path}: {error.strerror}") from error
    out.print(f"written {path}", markup=False)


@click.command()
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Where to; default .footfall/init.sql.")
def render(output: Path | None) -> None:
    """Write the init file with which the stock sql-client.sh runs any file of sql/jobs."""
    settings = load_settings()
    path = output or settings.home / "init.sql"
    suite.render(settings, path)
    out.print(f"written {path}")
    client = settings.flink_home / "bin" / "sql-client.sh"
    out.print(f"next: {client} -hist {suite.history(path)} -i {path} -f sql/jobs/sessions.sql")


COMMANDS = (show, graph, render)
