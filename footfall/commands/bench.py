"""`footfall bench`: how fast the jobs are."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import click

from footfall.commands.common import Duration, out, set_option
from footfall.project.catalog import check_runnable


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
    from footfall.bench.jobs import bench as run_bench

    if span < timedelta(seconds=1):
        raise click.BadParameter("events are spread over 1s or more", param_hint="'--span'")
    run_bench(
        out, jobs=jobs, events=events, span=span, rounds=rounds, suite_seconds=suite_seconds,
        suite_jobs=check_runnable(suite_jobs), suite_parallelism=suite_parallelism, rate=rate,
        latency_seconds=latency_seconds, options=set_, output=output,
    )  # fmt: skip
