"""`footfall list`: the jobs of sql/jobs, and which run."""

from __future__ import annotations

import click
from rich.table import Table

from footfall.commands.common import out
from footfall.deploy import cluster, rest
from footfall.project import catalog
from footfall.settings import load_settings
from jobs.statement_sets import jobs_of, set_names


@click.command("list")
def list_jobs() -> None:
    """List the jobs of sql/jobs and the statement sets, and which of them run."""
    settings = load_settings()
    running = cluster.states(settings) if rest.answers(settings) else {}
    parts = {job: f"{state} in {name}" for name, state in running.items() for job in jobs_of(catalog.SQL, name)}
    states = parts | running
    table = Table(box=None, pad_edge=False)
    for title in ("job", "cluster", "one row per"):
        table.add_column(title)
    for name, grain in catalog.all_jobs().items():
        table.add_row(name, states.get(name, "-"), grain.removeprefix("one row per "))
    for name in set_names(catalog.SQL):
        table.add_row(name, states.get(name, "-"), f"row of the tables of its {len(jobs_of(catalog.SQL, name))} jobs")
    out.print(table)
