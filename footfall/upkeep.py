"""What has to be done from time to time: adding up, partitions, retention, old savepoints."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from datetime import timedelta

from footfall import database, submission
from footfall.errors import FootfallError
from footfall.settings import Settings
from footfall.stack import flink

HOUR = 3600.0
REST = 9.0  # rest by work, at least: what is counted is needed soon, what is written can't wait


def maintain(settings: Settings) -> list[str]:
    """All of it, once; returns a sentence for each partition and savepoint made or removed. Raises FootfallError."""
    lines = _by_age(settings)
    database.add_up(database.owner(settings))
    return lines


def _by_age(settings: Settings) -> list[str]:
    lines = database.maintain_tables(settings)
    if flink.answers(settings):
        lines += submission.expire_savepoints(settings)
    return lines


def keep_up(settings: Settings, every: timedelta, say: Callable[[str], None]) -> None:
    """Add up that often, and do all of it once an hour, until SIGTERM or Ctrl-C.

    Less often where it takes long: no more than a tenth of the time is work, so that writers come first. A database
    that is away for a while is no reason to end: what was written waits in it to be counted.
    """
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    due, complaint = time.monotonic(), ""
    while not ended.is_set():
        begun = time.monotonic()
        try:
            if time.monotonic() >= due:
                for line in _by_age(settings):
                    say(line)
                due = time.monotonic() + HOUR
            database.add_up(database.owner(settings), all_funnels=False)
            complaint = ""
        except FootfallError as error:
            if str(error) != complaint:  # once, not every few seconds
                complaint = str(error)
                say(complaint)
        ended.wait(pause(every, time.monotonic() - begun))


def pause(every: timedelta, took: float) -> float:
    """Seconds until the next work, after one that took so many."""
    return max(every.total_seconds(), REST * took)
