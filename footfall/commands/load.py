"""`footfall load`: files of events into the topic."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from footfall.commands.common import out, progress_bar
from footfall.loaders.lines import Format
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
    from footfall.loaders.load import load as load_files

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
