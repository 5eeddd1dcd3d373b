"""`footfall run`: jobs over what the topics hold now."""

from __future__ import annotations

import shlex

import click

from footfall.commands.common import dry_run_option, job_arguments, out, parallelism_option, set_option
from footfall.deploy import client, submission
from footfall.project import catalog
from footfall.settings import load_settings


@click.command()
@job_arguments
@parallelism_option
@set_option
@dry_run_option
def run(names: tuple[str, ...], parallelism: int, set_: tuple[str, ...], dry_run: bool) -> None:
    """Run jobs over what the topics hold now: all windows are closed, then it ends. Rows that are there give way."""
    settings = load_settings()
    checked = catalog.check_runnable(names)
    if dry_run:
        click.echo(shlex.join(client.command(settings, checked, "-p", str(parallelism), bounded=True, set_=set_)))
        return
    with out.status(f"submitting {', '.join(checked)}") as spinner:
        submission.run(settings, checked, parallelism=parallelism, set_=set_, progress=spinner.update)
    out.print(f"done: {', '.join(checked)}")
