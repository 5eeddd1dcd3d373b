"""`footfall simulate`: made-up visitors into the topic."""

from __future__ import annotations

from datetime import timedelta

import click

from footfall.commands.common import Duration, out, progress_bar, site_option
from footfall.settings import load_settings


@click.command()
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
    from footfall.simulate import run as simulation

    settings = load_settings()
    if history:
        with progress_bar() as bar:
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
