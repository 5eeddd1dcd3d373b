"""`footfall history`: what was done to a job."""

from __future__ import annotations

from datetime import UTC

import click
from rich.markup import escape
from rich.table import Table

from footfall.commands.common import out
from footfall.errors import FootfallError
from footfall.settings import load_settings


@click.command()
@click.argument("name", metavar="JOB")
@click.option("--sql", "version", metavar="VERSION", help="Print the SQL of this version, the beginning of its id.")
def history(name: str, version: str | None) -> None:
    """Say who did what to a job, when, from which savepoint and with which SQL.

    A command that was killed is in it too: the next one, or the maintenance process, says what became of it.
    """
    from footfall.deploy import history as job_history

    found = job_history.entries(load_settings(), name)
    if version:
        for entry in found:
            if entry.version.id.startswith(version):
                for path, text in entry.version.files.items():
                    click.echo(f"-- sql/{path}\n{text}")
                return
        raise FootfallError(f"{name} never had a version {version}: `footfall history {name}` lists them")
    if not found:
        out.print(f"nothing was done to {name} yet", markup=False)
        return
    table = Table("when (UTC)", "who", "what", "version", "savepoint", "note", box=None, pad_edge=False)
    for entry in job_history.shown(found):
        place = (entry.savepoint or "-").rpartition("/")[2] + (" (removed)" if entry.savepoint_removed_at else "")
        when = entry.happened_at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
        note = entry.note or ("at work, or cut short" if entry.action in job_history.INTENTS else "")
        table.add_row(when, entry.who, entry.action, entry.version.id[:8], place, escape(note))
    out.print(table)
