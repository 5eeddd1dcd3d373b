"""The embedded stack: up, down, status, migrate, maintain, demo, benches."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

import click

from footfall import cluster, database, schema
from footfall.commands.common import Duration, out, set_option
from footfall.settings import Settings, load_settings
from footfall.stack import control
from footfall.suite import check_runnable


@click.command()
def up() -> None:
    """Start the embedded stack: Kafka, Postgres, Flink, the collector and the dashboards on loopback."""
    with out.status("starting") as status:
        settings = control.up(load_settings(), lambda what: status.update(f"starting: {what}"))
    _print_parts(settings)
    out.print("next: footfall load FILE, or footfall simulate; then footfall submit JOB")


@click.command()
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


@click.command()
def status() -> None:
    """Say which parts answer and which jobs run. Exit code 1 where a part does not answer."""
    settings = load_settings()
    parts = _print_parts(settings)
    if any(part.name == "Flink" and part.answers for part in parts):
        for job in cluster.jobs(settings):
            dropped = cluster.dropped_rows(settings, job)
            line = f"job {job.name} {job.state.lower()}"
            out.print(line + (f"; {dropped:,} rows came too late for a window" if dropped else ""))
    if not all(part.answers for part in parts):
        sys.exit(1)


@click.command()
@click.option("--dry-run", is_flag=True, help="Only name the migrations that are missing. Exit code 1 where any is.")
def migrate(dry_run: bool) -> None:
    """Bring the tables in Postgres to this version, as footfall_owner; `footfall up` does it by itself.

    For a Postgres of your own (POSTGRES_HOST): roles and database are made where POSTGRES_ADMIN_PASSWORD is given. Jobs
    may go on writing.
    """
    settings = load_settings()
    if dry_run:
        missing = schema.pending(database.owner(settings))
        for name in missing or ["nothing to do"]:
            out.print(name, markup=False)
        sys.exit(bool(missing))
    for line in schema.prepare(settings) or ["nothing to do"]:
        out.print(line, markup=False)


@click.command()
@click.option("--every", type=Duration(), help="Go on: add up that often, all the rest once an hour.")
def maintain(every: timedelta | None) -> None:
    """Add up traffic, make partitions ahead, drop what is past its retention, and remove old savepoints.

    The embedded stack has `maintain --every 15s` running. It rests nine times as long as it worked, if that is longer.
    """
    from footfall import upkeep

    settings = load_settings()
    if every:
        upkeep.keep_up(settings, every, lambda line: out.print(line, markup=False))
        return
    for line in upkeep.maintain(settings) or ["nothing to do"]:
        out.print(line, markup=False)


@click.command()
@click.option("--keep", is_flag=True, help="Leave the data when it ends.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed makes the same visitors.")
@click.option("--for", "duration", type=Duration(), help="End after this long live; else on Ctrl-C.")
def demo(keep: bool, seed: int, duration: timedelta | None) -> None:
    """Start everything, simulate a day of visitors, let more come through the collector, and show what comes out."""
    from footfall.demo import demo as run_demo

    run_demo(out, seed=seed, keep=keep, duration=duration)


@click.command()
@click.argument("jobs", metavar="[JOB]...", nargs=-1)
@click.option("--events", type=click.IntRange(1000), default=1_000_000, show_default=True, help="Events to generate.")
@click.option(
    "--span",
    type=Duration(),
    default="1h",
    show_default=True,
    help="Event time over which they are spread; the less, the more visits are open at once.",
)
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True, help="Times each is measured, in turn.")
@click.option("--suite-seconds", type=click.IntRange(0), default=180, show_default=True, help="0 leaves the suite out.")
@click.option(
    "--suite", "suite_jobs", metavar="NAME", multiple=True, default=("all_jobs",), show_default=True,
    help="Job or statement set that runs in the suite; may be repeated.",
)  # fmt: skip
@click.option(
    "--suite-parallelism", type=click.IntRange(1), default=1, show_default=True, help="Parallelism of each of them."
)
@click.option("--rate", type=click.IntRange(1), default=5000, show_default=True, help="Events a second for the suite.")
@click.option("--latency-seconds", type=click.IntRange(0), default=120, show_default=True, help="0 leaves latency out.")
@set_option
@click.option("-o", "--output", type=click.Path(path_type=Path), default="bench.json", show_default=True)
def bench(
    jobs: tuple[str, ...],
    events: int,
    span: timedelta,
    rounds: int,
    suite_seconds: int,
    suite_jobs: tuple[str, ...],
    suite_parallelism: int,
    rate: int,
    latency_seconds: int,
    set_: tuple[str, ...],
    output: Path,
) -> None:
    """Measure each job, or those named, against a plain scan; the suite of them at once under load; and latency."""
    from footfall.bench import bench as run_bench

    if span < timedelta(seconds=1):
        raise click.BadParameter("events are spread over 1s or more", param_hint="'--span'")
    run_bench(
        out, jobs=jobs, events=events, span=span, rounds=rounds, suite_seconds=suite_seconds,
        suite_jobs=check_runnable(suite_jobs), suite_parallelism=suite_parallelism, rate=rate,
        latency_seconds=latency_seconds, options=set_, output=output,
    )  # fmt: skip


@click.command("bench-collector")
@click.option("--seconds", type=click.IntRange(1), default=5, show_default=True, help="Of each measurement.")
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True, help="Times each is measured, in turn.")
@click.option("-o", "--output", type=click.Path(path_type=Path), default="bench-collector.json", show_default=True)
def bench_collector(seconds: int, rounds: int, output: Path) -> None:
    """Measure what a collector on one core takes, in a topic of its own that is deleted again."""
    from footfall.bench_collector import bench_collector as run_bench

    run_bench(out, seconds=seconds, rounds=rounds, output=output)


@click.command("bench-dashboards")
@click.option("--visits", type=click.IntRange(1000), default=10_000_000, show_default=True, help="Visits to make up.")
@click.option("--days", type=click.IntRange(1, 400), default=90, show_default=True, help="Days up to now with visits.")
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True, help="Times each query is asked.")
@click.option("--check", is_flag=True, help="Exit 1 where a query took longer than 300 ms.")
@click.option("--keep", type=click.Path(path_type=Path, file_okay=False), help="Folder in which the database stays.")
@click.option("-o", "--output", type=click.Path(path_type=Path), default="bench-dashboards.json", show_default=True)
def bench_dashboards(visits: int, days: int, rounds: int, check: bool, keep: Path | None, output: Path) -> None:
    """Measure each query of each dashboard on many visits, on a Postgres of its own that is removed again."""
    from footfall.bench_dashboards import bench_dashboards as run_bench

    if run_bench(out, visits=visits, days=days, rounds=rounds, check=check, keep=keep, output=output):
        raise click.exceptions.Exit(1)


def _print_parts(settings: Settings) -> list[control.Part]:
    parts = control.status(settings)
    for part in parts:
        state = "up" if part.answers else "down"
        whose = " (yours)" if part.yours else ""
        out.print(f"{part.name:10} {state:5} {part.address}{whose}")
    return parts


COMMANDS = (up, down, status, migrate, maintain, demo, bench, bench_collector, bench_dashboards)
