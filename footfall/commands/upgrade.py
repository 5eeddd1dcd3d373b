"""`footfall upgrade`: running jobs to the SQL that lies in sql/."""

from __future__ import annotations

from datetime import timedelta

import click

from footfall.commands.common import dry_run_option, err, job_arguments, out, within_option
from footfall.project import catalog
from footfall.settings import load_settings


@click.command()
@job_arguments
@click.option("--replay", is_flag=True, help="From the start of the topic even where the state restores.")
@within_option
@dry_run_option
def upgrade(names: tuple[str, ...], replay: bool, within: timedelta, dry_run: bool) -> None:
    """Bring running jobs to the SQL that lies in sql/, from their state or by a replay.

    Where the new SQL can't write what waited for it, the old goes on. What fails later is not seen: `rollback` then.
    """
    from footfall.deploy.upgrade import commands
    from footfall.deploy.upgrade import upgrade as upgrade_job

    settings = load_settings()
    if dry_run:
        for name in catalog.check_runnable(names):
            for line in commands(settings, name, anew=replay):
                click.echo(line)
        return
    for name in catalog.check_runnable(names):
        with err.status(name) as spinner:
            done = upgrade_job(settings, name, anew=replay, within=within, say=spinner.update)
        out.print(done, markup=False)
