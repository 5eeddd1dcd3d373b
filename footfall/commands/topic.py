"""`footfall topic`: the newest records of the topic."""

from __future__ import annotations

import json

import click

from footfall.settings import load_settings


@click.command()
@click.option("-n", "count", type=click.IntRange(1), default=10, show_default=True, help="How many records.")
@click.option("-f", "--follow", is_flag=True, help="Go on with what comes, until Ctrl-C.")
def topic(count: int, follow: bool) -> None:
    """Print the newest records of the topic, one JSON object a line."""
    from footfall.topic import Record, iso, last_records
    from footfall.topic import follow as records_to_come

    settings = load_settings()

    def show(record: Record) -> None:
        text = None if record.value is None else record.value.decode("utf-8", "replace")
        place = {"partition": record.partition, "offset": record.offset, "time": iso(record.time)}
        click.echo(json.dumps({**place, "value": text}, ensure_ascii=False))

    for record in last_records(settings, count)[-count:]:
        show(record)
    if follow:
        for record in records_to_come(settings):
            show(record)
