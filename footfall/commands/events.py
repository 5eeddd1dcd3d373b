"""Events and rows: load, simulate, topic, psql."""

from __future__ import annotations

import json
import os
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from footfall.commands.common import Duration, out, progress_bar, site_option
from footfall.imports.lines import Format
from footfall.settings import load_settings


class Origin(click.ParamType[str]):
    """Where a site is, such as https://shop.example."""

    name = "url"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not re.fullmatch(r"https?://[^/?#\s]+/?", value):
            self.fail(f"{value!r} is no origin: write https://shop.example", param, ctx)
        return str(value).rstrip("/")


@click.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--site", required=True, help="Site that the events belong to.")
@click.option("--format", "kind", type=click.Choice([kind.value for kind in Format]), help="Else it is recognised.")
@click.option("--origin", type=Origin(), help="Where the pages of an access log are, such as https://shop.example.")
def load(files: tuple[Path, ...], site: str, kind: str | None, origin: str | None) -> None:
    """Write files of events to the topic, in order of their times, .gz or not.

    CSV with user_id,event_time,url; Segment-Spec JSON lines; access logs of Apache and nginx, combined format; a GA4
    BigQuery export as newline-delimited JSON; Snowplow's enriched events as TSV.
    """
    from footfall.load import load as load_files

    settings = load_settings()
    with progress_bar() as bar:
        task = bar.add_task("loading", total=None)
        loaded = load_files(
            settings, files, site, kind=Format(kind) if kind else None, origin=origin,
            progress=lambda doing, done, total: bar.update(task, description=doing, completed=done, total=total),
        )  # fmt: skip
    if not loaded.ruled:
        out.print(f"no privacy rules were applied: Postgres has no site {site}, or does not answer", markup=False)
    out.print(f"{loaded.count:,} events loaded into {settings.topic} as site {site}", markup=False)
    if loaded.left_out:
        out.print(f"left out: {', '.join(f'{count:,} {reason}' for reason, count in loaded.left_out.most_common())}")
    if loaded.unreadable:
        out.print(f"{loaded.unreadable:,} lines can't be read as events: they come into rejected_events")
    if loaded.untimed:
        out.print(f"{loaded.untimed:,} of them have no readable time: they come into rejected_events")
    if loaded.late:
        out.print(f"{loaded.late:,} of them are more than 60 s behind others in the file: late. Sort the file by time")


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
    from footfall import simulate as simulation

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


@click.command()
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


@click.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def psql(arguments: tuple[str, ...]) -> None:
    """Open psql on the tables as the reader; all arguments are psql's, such as -c 'SELECT …'."""
    from footfall import database

    command, environment = database.psql(load_settings())
    os.execvpe(command, [command, *arguments], environment)  # noqa: S606


COMMANDS = (load, simulate, topic, psql)
