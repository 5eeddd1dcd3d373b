"""`footfall bench-sink`: how fast rows get into Postgres."""

from __future__ import annotations

from pathlib import Path

import click

from footfall.commands.common import out


@click.command("bench-sink")
@click.option(
    "--rows", type=click.IntRange(100), default=20_000, show_default=True, help="Of each table, way and round."
)
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True, help="Times each way has its turn.")
@click.option("-o", "--output", type=click.Path(path_type=Path), default="bench-sink.json", show_default=True)
def bench_sink(rows: int, rounds: int, output: Path) -> None:
    """Measure ways to write rows into Postgres, on one of its own that is removed again."""
    from footfall.bench.sink import bench_sink as run_bench

    run_bench(out, rows=rows, rounds=rounds, output=output)
