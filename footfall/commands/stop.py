"""`footfall stop`: a job off the cluster, with a savepoint."""

from __future__ import annotations

import shlex

import click

from footfall.commands.common import dry_run_option, out
from footfall.deploy import client, cluster, rest, submission
from footfall.project import catalog
from footfall.settings import load_settings


@click.command()
@click.argument("name", metavar="JOB")
@click.option("--force", is_flag=True, help="Cancel it, where it can't take a savepoint; its newest checkpoint counts.")
@dry_run_option
def stop(name: str, force: bool, dry_run: bool) -> None:
    """Stop a job with a savepoint, from which the next submit goes on. It is not resumed any more."""
    settings = load_settings()
    if name not in catalog.all_jobs() and not (rest.answers(settings) and name in cluster.states(settings)):
        catalog.check_runnable((name,))
    if dry_run:
        click.echo(shlex.join(client.stop_command(settings, cluster.running(settings, name))))
        return
    with out.status(f"stopping {name}"):
        state = submission.stop(settings, name, force=force)
    out.print(f"stopped {name}, {state}", markup=False)
