"""`footfall bench-collector`: how much a collector takes."""

from __future__ import annotations

from pathlib import Path

import click

from footfall.commands.common import out


@click.command("bench-collector")
@click.option("--seconds", type=click.IntRange(1), default=5, show_default=True, help="Of each measurement.")
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True, help="Times each is measured, in turn.")
@click.option("--sync", is_flag=True, help="With the broker's disk: it writes there before it acknowledges.")
@click.option("-o", "--output", type=click.Path(path_type=Path), default="bench-collector.json", show_default=True)
def bench_collector(seconds: int, rounds: int, sync: bool, output: Path) -> None:
    """Measure what a collector on one core takes, in a topic of its own that is deleted again."""
    from footfall.bench.collector import bench_collector as run_bench

    run_bench(out, seconds=seconds, rounds=rounds, sync=sync, output=output)
