"""What the commands share: the consoles, and options that mean the same everywhere."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

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
        except (KeyError, ValueError, OverflowError):
            self.fail(f"{value!r} is no length of time: write 90s, 30m, 24h or 7d", param, ctx)


class Last(click.ParamType[int | timedelta]):
    """So many events, or those of so long."""

    name = "number or duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | timedelta:
        if not isinstance(value, str):
            return value  # type: ignore[no-any-return]
        if value.isdecimal() and 0 < int(value) < 10**9:
            return int(value)
        return Duration().convert(value, param, ctx)


def _key_and_value(ctx: click.Context, param: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...]:
    for option in given:
        if not all(option.partition("=")):
            raise click.BadParameter(f"{option} is not KEY=VALUE")
    return given


job_arguments = click.argument("names", metavar="JOB...", nargs=-1, required=True)
site_option = click.option("--site", default="shop", show_default=True, help="Site that the events belong to.")
parallelism_option = click.option(
    "-p", "--parallelism", type=click.IntRange(1), default=1, show_default=True, help="Parallelism of each job."
)
set_option = click.option(
    "--set", "set_", metavar="KEY=VALUE", multiple=True, callback=_key_and_value,
    help="A Flink option, such as state.backend.type=hashmap; may be repeated.",
)  # fmt: skip
within_option = click.option(
    "--within", type=Duration(), default="6h", show_default=True, help="How long a replay may take, if there is one."
)
dry_run_option = click.option("--dry-run", is_flag=True, help="Print the stock command instead of running it.")


def progress_bar() -> Progress:
    """A bar for work of which the end is known."""
    return Progress(
        TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn(), console=out
    )
