"""`footfall maintain`: what the database and the jobs need from time to time."""

from __future__ import annotations

from datetime import timedelta

import click

from footfall.commands.common import Duration, out
from footfall.settings import load_settings


@click.command()
@click.option("--every", type=Duration(), help="Go on: refresh the roll-ups that often, do all the rest once an hour.")
def maintain(every: timedelta | None) -> None:
    """Refresh the roll-ups, make partitions in advance, drop what is past its retention, and remove old savepoints.

    The embedded stack has `maintain --every 15s` running. It rests nine times as long as it worked, if that is longer.
    """
    from footfall.stack.maintain import maintain as maintain_once
    from footfall.stack.maintain import maintain_continuously

    settings = load_settings()
    if every:
        maintain_continuously(settings, every, lambda line: out.print(line, markup=False))
        return
    for line in maintain_once(settings) or ["nothing to do"]:
        out.print(line, markup=False)
