"""Jobs on the cluster: list, submit, stop, run."""

from __future__ import annotations

import shlex

import click
from rich.table import Table

from footfall import cluster, suite
from footfall.commands.common import dry_run_option, job_arguments, out, parallelism_option
from footfall.settings import load_settings
from footfall.stack import flink


@click.command("list")
def list_jobs() -> None:
    """List the jobs of sql/jobs and which of them run."""
    settings = load_settings()
    running: dict[str, str] = {}
    if flink.answers(settings):
        running = {job.name: job.state.lower() for job in cluster.jobs(settings)}
    table = Table(box=None, pad_edge=False)
    for title in ("job", "cluster", "one row per"):
        table.add_column(title)
    for name, grain in suite.all_jobs().items():
        table.add_row(name, running.get(name, "-"), grain.removeprefix("one row per "))
    out.print(table)


@click.command()
@job_arguments
@parallelism_option
@click.option("--replay", is_flag=True, help="From the start of the topic, even where a savepoint could go on.")
@dry_run_option
def submit(names: tuple[str, ...], parallelism: int, replay: bool, dry_run: bool) -> None:
    """Submit jobs to the cluster, where they run until they are stopped."""
    settings = load_settings()
    checked = suite.check_names(names)
    if dry_run:
        for line in cluster.submit(settings, checked, parallelism=parallelism, replay=replay, dry_run=True):
            click.echo(line)
        return
    with out.status(f"submitting {', '.join(checked)}"):
        lines = cluster.submit(settings, checked, parallelism=parallelism, replay=replay)
    for line in lines:
        out.print(f"submitted {line}")


@click.command()
@click.argument("name", metavar="JOB")
@dry_run_option
def stop(name: str, dry_run: bool) -> None:
    """Stop a job with a savepoint, from which the next submit goes on."""
    suite.check_names((name,))
    settings = load_settings()
    if dry_run:
        click.echo(cluster.stop(settings, name, dry_run=True))
        return
    with out.status(f"stopping {name}"):
        savepoint = cluster.stop(settings, name)
    out.print(f"stopped {name}, savepoint {savepoint}")


@click.command()
@job_arguments
@parallelism_option
@click.option(
    "--set", "set_", metavar="KEY=VALUE", multiple=True, help="A Flink option, such as state.backend.type=hashmap."
)
@dry_run_option
def run(names: tuple[str, ...], parallelism: int, set_: tuple[str, ...], dry_run: bool) -> None:
    """Run jobs over what the topics hold now: all windows are closed, then it ends."""
    settings = load_settings()
    checked = suite.check_names(names)
    if dry_run:
        click.echo(shlex.join(cluster.command(settings, checked, "-p", str(parallelism), bounded=True, set_=set_)))
        return
    with out.status(f"submitting {', '.join(checked)}") as spinner:
        cluster.run(settings, checked, parallelism=parallelism, set_=set_, progress=spinner.update)
    out.print(f"done: {', '.join(checked)}")


COMMANDS = (list_jobs, submit, stop, run)
