"""Jobs on the cluster: list, submit, stop, run; plan, upgrade, rollback, history."""

from __future__ import annotations

import json
import shlex
from datetime import UTC

import click
from rich.markup import escape
from rich.table import Table

from footfall import cluster, submission, suite
from footfall.commands.common import dry_run_option, err, job_arguments, out, parallelism_option, set_option
from footfall.errors import FootfallError
from footfall.settings import Settings, load_settings
from footfall.stack import flink
from jobs.statement_sets import jobs_of, set_names


@click.command("list")
def list_jobs() -> None:
    """List the jobs of sql/jobs and the statement sets, and which of them run."""
    settings = load_settings()
    running = _running(settings) if flink.answers(settings) else {}
    parts = {job: f"{state} in {name}" for name, state in running.items() for job in jobs_of(suite.SQL, name)}
    states = parts | running
    table = Table(box=None, pad_edge=False)
    for title in ("job", "cluster", "one row per"):
        table.add_column(title)
    for name, grain in suite.all_jobs().items():
        table.add_row(name, states.get(name, "-"), grain.removeprefix("one row per "))
    for name in set_names(suite.SQL):
        table.add_row(name, states.get(name, "-"), f"row of the tables of its {len(jobs_of(suite.SQL, name))} jobs")
    out.print(table)


@click.command()
@job_arguments
@parallelism_option
@click.option("--replay", is_flag=True, help="From the start of the topic, even where a savepoint could go on.")
@dry_run_option
def submit(names: tuple[str, ...], parallelism: int, replay: bool, dry_run: bool) -> None:
    """Submit jobs to the cluster, where they run until they are stopped."""
    settings = load_settings()
    checked = suite.check_runnable(names)
    if dry_run:
        for line in submission.submit(settings, checked, parallelism=parallelism, replay=replay, dry_run=True):
            click.echo(line)
        return
    with out.status(f"submitting {', '.join(checked)}"):
        lines = submission.submit(settings, checked, parallelism=parallelism, replay=replay)
    for line in lines:
        out.print(f"submitted {line}")


@click.command()
@click.argument("name", metavar="JOB")
@dry_run_option
def stop(name: str, dry_run: bool) -> None:
    """Stop a job with a savepoint, from which the next submit goes on."""
    settings = load_settings()
    if name not in suite.all_jobs() and not (flink.answers(settings) and name in _running(settings)):
        suite.check_runnable((name,))
    if dry_run:
        click.echo(submission.stop(settings, name, dry_run=True))
        return
    with out.status(f"stopping {name}"):
        savepoint = submission.stop(settings, name)
    out.print(f"stopped {name}, savepoint {savepoint}")


@click.command()
@job_arguments
@parallelism_option
@set_option
@dry_run_option
def run(names: tuple[str, ...], parallelism: int, set_: tuple[str, ...], dry_run: bool) -> None:
    """Run jobs over what the topics hold now: all windows are closed, then it ends."""
    settings = load_settings()
    checked = suite.check_runnable(names)
    if dry_run:
        click.echo(shlex.join(cluster.command(settings, checked, "-p", str(parallelism), bounded=True, set_=set_)))
        return
    with out.status(f"submitting {', '.join(checked)}") as spinner:
        cluster.run(settings, checked, parallelism=parallelism, set_=set_, progress=spinner.update)
    out.print(f"done: {', '.join(checked)}")


@click.command()
@click.argument("names", metavar="[JOB...]", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def plan(names: tuple[str, ...], as_json: bool) -> None:
    """Say what the files of sql/ would change in the jobs that run, and in their state. Changes nothing."""
    from footfall.job_report import as_dict, report
    from footfall.verdict import verdicts

    settings = load_settings()
    checked = suite.check_runnable(names)
    with err.status("planning") as spinner:
        found = verdicts(settings, checked, say=lambda what: spinner.update(f"planning {what}"))
    if as_json:
        click.echo(json.dumps([as_dict(verdict) for verdict in found], indent=2, ensure_ascii=False))
        return
    for verdict in found:
        for line in report(settings, verdict):
            out.print(line, markup=False)


@click.command()
@job_arguments
@click.option("--replay", is_flag=True, help="From the start of the topic even where the state restores.")
@dry_run_option
def upgrade(names: tuple[str, ...], replay: bool, dry_run: bool) -> None:
    """Bring running jobs to the SQL that lies in sql/, from their state or by a replay.

    Where the new SQL can't write what waited for it, the old goes on. What fails later is not seen: `rollback` then.
    """
    from footfall.upgrade import commands
    from footfall.upgrade import upgrade as upgrade_job

    settings = load_settings()
    if dry_run:
        for name in suite.check_runnable(names):
            for line in commands(settings, name, replay=replay):
                click.echo(line)
        return
    for name in suite.check_runnable(names):
        with err.status(name) as spinner:
            done = upgrade_job(settings, name, replay=replay, say=spinner.update)
        out.print(done, markup=False)


@click.command()
@click.argument("name", metavar="JOB")
def rollback(name: str) -> None:
    """Bring a running job back to the SQL that it had before its last upgrade, in the same two ways."""
    from footfall.upgrade import rollback as roll_back

    suite.check_runnable((name,))
    with err.status(name) as spinner:
        done = roll_back(load_settings(), name, say=spinner.update)
    out.print(done, markup=False)


@click.command()
@click.argument("name", metavar="JOB")
@click.option("--sql", "version", metavar="VERSION", help="Print the SQL of this version, the beginning of its id.")
def history(name: str, version: str | None) -> None:
    """Say who did what to a job, when, from which savepoint and with which SQL."""
    from footfall import job_history

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
    for entry in found:
        place = (entry.savepoint or "-").rpartition("/")[2] + (" (removed)" if entry.savepoint_removed_at else "")
        when = entry.happened_at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
        table.add_row(when, entry.who, entry.action, entry.version.id[:8], place, escape(entry.note))
    out.print(table)


def _running(settings: Settings) -> dict[str, str]:
    """Name and state of every job on the cluster, also of those whose file is gone."""
    return {job.name: job.state.lower() for job in cluster.jobs(settings)}


COMMANDS = (list_jobs, submit, stop, run, plan, upgrade, rollback, history)
