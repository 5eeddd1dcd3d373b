"""`footfall bench-dashboards`: how fast the dashboards are."""

from __future__ import annotations

from pathlib import Path

import click

from footfall.commands.common import out


@click.command("bench-dashboards")
@click.option("--visits", type=click.IntRange(1000), default=10_000_000, show_default=True, help="Visits to make up.")
@click.option("--days", type=click.IntRange(1, 400), default=90, show_default=True, help="Days up to now with visits.")
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True, help="Times each query is asked.")
@click.option("--check", is_flag=True, help="Exit 1 where a query took longer than 300 ms.")
@click.option("--keep", type=click.Path(path_type=Path, file_okay=False), help="Folder in which the database stays.")
@click.option("-o", "--output", type=click.Path(path_type=Path), default="bench-dashboards.json", show_default=True)
def bench_dashboards(visits: int, days: int, rounds: int, check: bool, keep: Path | None, output: Path) -> None:
    """Measure each query of each dashboard on many visits, on a Postgres of its own that is removed again."""
    from footfall.bench.dashboards import bench_dashboards as run_bench

    if run_bench(out, visits=visits, days=days, rounds=rounds, check=check, keep=keep, output=output):
        raise click.exceptions.Exit(1)
