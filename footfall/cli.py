"""The `footfall` command. Exit codes: 0 fine, 1 something failed, 2 misused."""

from __future__ import annotations

import json
import os
import shlex
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from footfall import cluster, suite
from footfall.errors import FootfallError
from footfall.settings import Settings, load_settings
from footfall.stack import control, flink
from jobs.sql_script import ScriptError

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


class Duration(click.ParamType[timedelta]):
    """A length of time such as 90s, 30m, 24h or 7d."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        if isinstance(value, timedelta):
            return value
        units = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
        try:
            return timedelta(**{units[value[-1:]]: float(value[:-1])})
        except (KeyError, ValueError):
            self.fail(f"{value!r} is no length of time: write 90s, 30m, 24h or 7d", param, ctx)


job_arguments = click.argument("names", metavar="JOB...", nargs=-1, required=True)
site_option = click.option("--site", default="shop", show_default=True, help="Site that the events belong to.")
parallelism_option = click.option(
    "-p", "--parallelism", type=click.IntRange(1), default=1, show_default=True, help="Parallelism of each job."
)
dry_run_option = click.option("--dry-run", is_flag=True, help="Print the stock command instead of running it.")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="footfall")
def footfall() -> None:
    """Real-time user analytics on your own Flink cluster."""


@footfall.command()
def up() -> None:
    """Start the embedded stack: Kafka, Postgres and Flink on loopback, topic and tables made."""
    with out.status("starting") as status:
        settings = control.up(load_settings(), lambda what: status.update(f"starting: {what}"))
    _print_parts(settings)
    out.print("next: footfall load FILE, or footfall simulate; then footfall submit JOB")


@footfall.command()
@click.option("--volumes", is_flag=True, help="Remove topics, tables and state too, after asking.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def down(volumes: bool, yes: bool) -> None:
    """Stop the embedded stack. Data stay, unless --volumes removes them."""
    settings = load_settings()
    if volumes and not yes and not control.is_empty(settings):
        click.confirm(f"Remove all topics, tables and state in {settings.home}?", abort=True)
    with out.status("stopping") as status:
        stopped = control.down(settings, lambda what: status.update(f"stopping: {what}"))
    out.print(f"stopped {', '.join(stopped)}" if stopped else "nothing was running")
    if volumes:
        control.remove_data(settings)
        out.print("data removed")


@footfall.command()
def status() -> None:
    """Say which parts answer and which jobs run. Exit code 1 where a part does not answer."""
    settings = load_settings()
    parts = _print_parts(settings)
    if parts[-1].answers:
        for job in cluster.jobs(settings):
            dropped = cluster.dropped_rows(settings, job)
            line = f"job {job.name} {job.state.lower()}"
            out.print(line + (f"; {dropped:,} rows came too late for a window" if dropped else ""))
    if not all(part.answers for part in parts):
        sys.exit(1)


@footfall.command("list")
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


@footfall.command()
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


@footfall.command()
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


@footfall.command()
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


@footfall.command()
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


@footfall.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--site", required=True, help="Site that the events belong to.")
def load(file: Path, site: str) -> None:
    """Write a file of events to the topic: CSV with user_id,event_time,url or Segment-Spec JSON lines, .gz or not."""
    from footfall.load import load as load_file

    settings = load_settings()
    size = file.stat().st_size if file.exists() else 0
    with _progress() as bar:
        task = bar.add_task(f"loading {file.name}", total=size or None)
        loaded = load_file(settings, file, site, lambda done: bar.update(task, completed=done))
    out.print(f"{loaded.count:,} events loaded into {settings.topic} as site {site}")
    if loaded.untimed:
        out.print(f"{loaded.untimed:,} of them have no readable time: they come into rejected_events")
    if loaded.late:
        out.print(f"{loaded.late:,} of them are more than 60 s behind others in the file: late. Sort the file by time")


@footfall.command()
@site_option
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed makes the same visitors.")
@click.option("--history", type=Duration(), help="First write this much of the past, such as 24h.")
@click.option(
    "--visits-per-day", type=click.IntRange(1), default=4000, show_default=True, help="Traffic of the history."
)
@click.option(
    "--rate", type=click.FloatRange(0), default=20.0, show_default=True, help="Live events a second; 0 for none."
)
@click.option("--for", "duration", type=Duration(), help="End after this long; else on Ctrl-C.")
def simulate(
    site: str, seed: int, history: timedelta | None, visits_per_day: int, rate: float, duration: timedelta | None
) -> None:
    """Write simulated visitors to the topic: history, then live."""
    from footfall import simulate as simulation

    settings = load_settings()
    if history:
        with _progress() as bar:
            task = bar.add_task(f"history of {history}", total=1.0)
            count, _ = simulation.history(
                settings, seed=seed, site=site, length=history, visits_per_day=visits_per_day,
                progress=lambda share: bar.update(task, completed=share),
            )  # fmt: skip
        out.print(f"{count:,} events of history written")
    if rate:
        with out.status("live") as spinner:
            count = simulation.live(
                settings, seed=seed + 1, site=site, rate=rate, duration=duration,
                progress=lambda sent: spinner.update(f"live: {sent:,} events, Ctrl-C ends it"),
            )  # fmt: skip
        out.print(f"{count:,} live events written")


@footfall.command()
@click.argument("names", metavar="[JOB...]", nargs=-1)
def test(names: tuple[str, ...]) -> None:
    """Run the cases of tests/sql on a Flink of its own: no stack needed."""
    from footfall.sql_tests import test_jobs

    sys.exit(test_jobs(names, out))


@footfall.command()
@click.option("-n", "count", type=click.IntRange(1), default=10, show_default=True, help="How many records.")
@click.option("-f", "--follow", is_flag=True, help="Go on with what comes, until Ctrl-C.")
def topic(count: int, follow: bool) -> None:
    """Print the newest records of the topic, one JSON object a line."""
    from footfall import events

    settings = load_settings()

    def show(record: events.Record) -> None:
        text = None if record.value is None else record.value.decode("utf-8", "replace")
        place = {"partition": record.partition, "offset": record.offset, "time": events.iso(record.time)}
        click.echo(json.dumps({**place, "value": text}, ensure_ascii=False))

    for record in events.last_records(settings, count)[-count:]:
        show(record)
    if follow:
        for record in events.follow(settings):
            show(record)


@footfall.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def psql(arguments: tuple[str, ...]) -> None:
    """Open psql on the tables as the reader; all arguments are psql's, such as -c 'SELECT …'."""
    from footfall import database

    command, environment = database.psql(load_settings())
    os.execvpe(command, [command, *arguments], environment)  # noqa: S606


@footfall.command()
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Where to; default .footfall/init.sql.")
def render(output: Path | None) -> None:
    """Write the init file with which the stock sql-client.sh runs any file of sql/jobs."""
    settings = load_settings()
    path = output or settings.home / "init.sql"
    suite.render(settings, path)
    out.print(f"written {path}")
    client = settings.flink_home / "bin" / "sql-client.sh"
    out.print(f"next: {client} -hist {suite.history(path)} -i {path} -f sql/jobs/sessions.sql")


@footfall.command()
def maintain() -> None:
    """Make partitions ahead and drop what is past its retention (plain Postgres; `up` does it too)."""
    from footfall import database

    for line in database.maintain_tables(load_settings()) or ["nothing to do"]:
        out.print(line)


@footfall.command()
@click.option("--keep", is_flag=True, help="Leave the data when it ends.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed makes the same visitors.")
@click.option("--for", "duration", type=Duration(), help="End after this long live; else on Ctrl-C.")
def demo(keep: bool, seed: int, duration: timedelta | None) -> None:
    """Start everything, simulate a day of visitors and more of them live, and show what comes out."""
    from footfall.demo import demo as run_demo

    run_demo(out, seed=seed, keep=keep, duration=duration)


@footfall.command()
@click.option("--events", type=click.IntRange(1000), default=1_000_000, show_default=True, help="Events to generate.")
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True, help="Times each is measured, in turn.")
@click.option("--latency-seconds", type=click.IntRange(0), default=120, show_default=True, help="0 leaves latency out.")
@click.option("-o", "--output", type=click.Path(path_type=Path), default="bench.json", show_default=True)
def bench(events: int, rounds: int, latency_seconds: int, output: Path) -> None:
    """Measure events a second against a plain scan, and the latency from event to row, in a topic of its own."""
    from footfall.bench import bench as run_bench

    run_bench(out, events=events, rounds=rounds, latency_seconds=latency_seconds, output=output)


def _print_parts(settings: Settings) -> list[control.Part]:
    parts = control.status(settings)
    for part in parts:
        state = "up" if part.answers else "down"
        whose = " (yours)" if part.yours else ""
        out.print(f"{part.name:9} {state:5} {part.address}{whose}")
    return parts


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn(), console=out
    )


def main() -> None:
    """Run the command line; a user's mistake is one line on stderr and no traceback."""
    try:
        footfall.main(standalone_mode=False)
    except click.exceptions.Abort:
        err.print("interrupted")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(1)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except suite.UnknownJob as error:
        err.print(f"footfall: {error}", markup=False)
        sys.exit(2)
    except (FootfallError, ScriptError) as error:
        err.print(f"footfall: {error}", markup=False)
        sys.exit(1)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


if __name__ == "__main__":
    main()
