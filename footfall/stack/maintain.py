"""What has to be done from time to time: roll-ups, partitions, retention, old savepoints, a watch over the jobs."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial

from footfall.database import connections, maintenance
from footfall.deploy import rest, resume, savepoints
from footfall.errors import FootfallError
from footfall.settings import Settings
from footfall.stack import watch

HOUR = 3600.0
REST = 9.0  # rest by work, at least: roll-ups are needed soon, what is written can't wait


def maintain(settings: Settings) -> list[str]:
    """All of it, once; returns a sentence for each partition and savepoint made or removed. Raises FootfallError."""
    lines = _by_age(settings)
    maintenance.refresh_rollups(connections.owner(settings))
    return lines


def _by_age(settings: Settings) -> list[str]:
    lines = maintenance.maintain_tables(settings)
    if rest.answers(settings):
        lines += savepoints.expire(settings)
        lines += resume.remove_dead_checkpoints(settings)
    return lines


def maintain_continuously(settings: Settings, every: timedelta, say: Callable[[str], None]) -> None:
    """Refresh the roll-ups that often, do all of it once an hour, and watch the jobs, until SIGTERM or Ctrl-C.

    Less often where it takes long: no more than a tenth of the time is work, so that writers come first. A database
    that is away for a while is no reason to end: what was written waits in its queues.
    """
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    complaints: dict[str, str] = {}

    def complain(who: str, what: str) -> None:
        if what and what not in complaints.values():  # once, not every few seconds
            say(what)
        complaints[who] = what

    # Ends with this process, whatever it waits for.
    threading.Thread(target=watch.watch, args=(settings, ended, say, partial(complain, "watch")), daemon=True).start()
    due = time.monotonic()
    while not ended.is_set():
        begun = time.monotonic()
        try:
            if time.monotonic() >= due:
                for line in _by_age(settings):
                    say(line)
                due = time.monotonic() + HOUR
            maintenance.refresh_rollups(connections.owner(settings), all_funnels=False)
            complain("roll-ups", "")
        except FootfallError as error:
            complain("roll-ups", str(error))
        ended.wait(pause(every, time.monotonic() - begun))


def pause(every: timedelta, took: float) -> float:
    """Seconds until the next work, after one that took so many."""
    return max(every.total_seconds(), REST * took)
