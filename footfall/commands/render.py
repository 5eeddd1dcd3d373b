"""`footfall render`: the init file of the stock SQL client."""

from __future__ import annotations

from pathlib import Path

import click

from footfall.commands.common import out
from footfall.project.render import history
from footfall.project.render import render as write
from footfall.settings import load_settings


@click.command()
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Where to; default .footfall/init.sql.")
def render(output: Path | None) -> None:
    """Write the init file with which the stock sql-client.sh runs any file of sql/jobs."""
    settings = load_settings()
    path = output or settings.home / "init.sql"
    write(settings, path)
    out.print(f"written {path}")
    client = settings.flink_home / "bin" / "sql-client.sh"
    out.print(f"next: {client} -hist {history(path)} -i {path} -f sql/jobs/sessions.sql")
