"""`footfall submit`: jobs onto the cluster."""

from __future__ import annotations

from datetime import timedelta

import click

from footfall.commands.common import dry_run_option, job_arguments, out, parallelism_option, within_option
from footfall.deploy import submission
from footfall.project import catalog
from footfall.settings import load_settings


@click.command()
@job_arguments
@parallelism_option
@click.option("--replay", is_flag=True, help="From the start of the topic, even where a savepoint could go on.")
@within_option
@dry_run_option
def submit(names: tuple[str, ...], parallelism: int, replay: bool, within: timedelta, dry_run: bool) -> None:
    """Submit jobs to the cluster, where they run until they are stopped, whatever ends Flink or this machine.

    Each goes on from its last savepoint. What begins at the start of the topic while its tables hold rows replays it
    beside them, and the rows change places at the end.
    """
    settings = load_settings()
    checked = catalog.check_runnable(names)
    if dry_run:
        for line in submission.commands(settings, checked, parallelism=parallelism, replay=replay):
            click.echo(line)
        return
    with out.status(f"submitting {', '.join(checked)}") as spinner:
        lines = submission.submit(
            settings, checked, parallelism=parallelism, replay=replay, within=within, say=spinner.update
        )
    for line in lines:
        out.print(f"submitted {line}", markup=False)
