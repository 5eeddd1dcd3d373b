"""`footfall up`: the embedded stack starts."""

from __future__ import annotations

import click

from footfall.commands.common import out
from footfall.commands.status import print_parts
from footfall.settings import load_settings
from footfall.stack import control, health, kafka


@click.command()
def up() -> None:
    """Start the embedded stack: Kafka, Postgres, Flink, the collector and the dashboards on loopback.

    Jobs that ran when it went down, by whatever, are resumed from their newest savepoint or checkpoint.
    """
    lines: list[str] = []
    try:
        with out.status("starting") as status:
            settings = control.up(load_settings(), lambda what: status.update(f"starting: {what}"), lines.append)
    finally:
        for line in lines:
            out.print(line, markup=False)
    print_parts(health.look_at_parts(settings))
    is_durable, why = kafka.durability(settings)
    if not is_durable:
        out.print(f"warning: {why}", markup=False)
    out.print("next: footfall load FILE, or footfall simulate; then footfall submit JOB")
