"""Whether the SQL is right, before any cluster is touched: validate."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from footfall.commands.common import err
from footfall.project.catalog import SQL
from jobs.sql_suite import job_names


@click.command()
@click.argument("names", metavar="[JOB...]", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print a list of {path, line, message, job}, for editors and CI.")
def validate(names: tuple[str, ...], as_json: bool) -> None:
    """Find what is wrong in sql/, tests/sql and udfs/ with Flink's own planner: no stack needed."""
    from footfall.validate.project import validate as find_faults

    with err.status("asking Flink's planner"):
        faults = find_faults(names)
    if as_json:
        listed = [fault._asdict() | _job(fault.path) for fault in faults]
        click.echo(json.dumps(listed, indent=2, ensure_ascii=False))
    elif faults:
        click.echo("\n".join(map(str, faults)))
    else:
        jobs = len(set(names)) or len(job_names(SQL))
        tables, views = (len(list((SQL / folder).glob("*.sql"))) for folder in ("tables", "views"))
        click.echo(f"{jobs} job{'s' * (jobs != 1)}, {tables} tables and {views} views are right")
    sys.exit(1 if faults else 0)


def _job(path: str) -> dict[str, str]:
    """Which job a file is about: those of sql/jobs and tests/sql have its name."""
    found = Path(path)
    return {"job": found.stem} if found.parent.name == "jobs" or found.suffix == ".yml" else {}
