"""`footfall down`: the embedded stack stops."""

from __future__ import annotations

import click

from footfall.commands.common import out
from footfall.settings import load_settings
from footfall.stack import control


@click.command()
@click.option("--volumes", is_flag=True, help="Remove topics, tables and state too, after asking.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def down(volumes: bool, yes: bool) -> None:
    """Stop the embedded stack. Data stay, unless --volumes removes them.

    Its jobs take savepoints first, for which they have a minute, and `up` resumes them from there.
    """
    settings = load_settings()
    if volumes and not yes and not control.is_empty(settings):
        click.confirm(f"Remove all topics, tables and state in {settings.home}?", abort=True)
    lines: list[str] = []
    try:
        with out.status("stopping") as status:
            stopped = control.down(
                settings, lambda what: status.update(f"stopping: {what}"), lines.append, keep_jobs=not volumes
            )
    finally:
        for line in lines:
            out.print(line, markup=False)
    out.print(f"stopped {', '.join(stopped)}" if stopped else "nothing was running")
    if volumes:
        control.remove_data(settings)
        out.print("data removed")
