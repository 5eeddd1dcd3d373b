"""What the SQL is: show, render."""

from __future__ import annotations

from pathlib import Path

import click
from rich.table import Table

from footfall import suite
from footfall.commands.common import out
from footfall.settings import load_settings


@click.command()
@click.argument("name", metavar="JOB")
def show(name: str) -> None:
    """Show what a job reads and writes, its columns and its test cases."""
    suite.check_names((name,))
    reads, writes = suite.reads_and_writes(name)
    out.print(f"{name}: {suite.all_jobs()[name]}")
    out.print(f"reads   {', '.join(reads)}")
    out.print(f"writes  {', '.join(writes)}")
    out.print(f"file    sql/jobs/{name}.sql")
    for target in writes:
        table = Table("column", "type", "meaning", box=None, pad_edge=False)
        for column in suite.columns(target):
            table.add_row(column.name, column.type, column.comment)
        out.print()
        out.print(table)


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


COMMANDS = (show, render)
