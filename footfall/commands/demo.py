"""`footfall demo`: everything at once."""

from __future__ import annotations

from datetime import timedelta

import click

from footfall.commands.common import Duration, out


@click.command()
@click.option("--keep", is_flag=True, help="Leave the data when it ends.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed makes the same visitors.")
@click.option("--for", "duration", type=Duration(), help="End after this long live; else on Ctrl-C.")
def demo(keep: bool, seed: int, duration: timedelta | None) -> None:
    """Start everything, simulate a day of visitors, let more come through the collector, and show what comes out."""
    from footfall.demo.demo import demo as run_demo

    run_demo(out, seed=seed, keep=keep, duration=duration)
