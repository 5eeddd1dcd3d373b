"""The latency part of `footfall bench`: from an event's production to its row in Postgres, watched from outside."""

from __future__ import annotations

import json
import statistics
import threading
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString

import psycopg
from rich.console import Console

from footfall.database import connections
from footfall.deploy import submission
from footfall.settings import Settings
from footfall.simulate.run import live
from footfall.topic import iso, sender

SITE, RATE = "latency", 2000
WATERMARK_DELAY = timedelta(seconds=70)  # of sql/tables/raw_events.sql
POLL_SECONDS = 0.05


def measure_latency(out: Console, settings: Settings, duration: timedelta) -> dict[str, dict[str, int]]:
    """Percentiles in ms at 2,000 events/s.

    late_events, which has a row for each event as soon as it is seen: from the moment the event is produced.
    page_views_per_minute: from the end of the minute + 70 s, the earliest that a row can be final.
    """
    names = ["late_events", "page_views_per_minute"]
    with out.status("submitting jobs"):
        submission.submit(settings, names, replay=True)
    probes = _Watch(settings, "SELECT message_id FROM late_events WHERE site = %s")
    minutes = _Watch(settings, "SELECT DISTINCT window_start FROM page_views_per_minute WHERE site = %s")
    produced: dict[str, float] = {}
    done = threading.Event()
    prober = threading.Thread(target=_probe, args=(settings, produced, done))
    try:
        with out.status("latency at 2,000 events/s") as status:
            prober.start()

            def show(sent: int) -> None:
                if sent % 1000 == 0:
                    status.update(f"latency at 2,000 events/s: {sent:,} events")

            live(settings, seed=3, site=SITE, rate=RATE, duration=duration, progress=show)
            # What is still on its way: the watermark needs 70 s of further heartbeats.
            live(settings, seed=4, site="heartbeats", rate=1, duration=WATERMARK_DELAY + timedelta(seconds=10))
    finally:
        done.set()
        prober.join()
        for watch in (probes, minutes):
            watch.stop()
        for name in names:
            submission.stop(settings, name)
    waits = [1000 * (seen - produced[key]) for key, seen in probes.seen.items() if key in produced]
    final = [
        1000 * (seen - (start + timedelta(minutes=1) + WATERMARK_DELAY).timestamp())
        for start, seen in minutes.seen.items()
    ]
    return {"event to row": _percentiles(waits), "minute + 70 s to row": _percentiles(final)}


class _Watch:
    """Polls a query of one column and notes when each value was first seen, Unix time in s."""

    def __init__(self, settings: Settings, query: LiteralString) -> None:
        self.seen: dict[Any, float] = {}
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._poll, args=(connections.reader(settings), query))
        self._thread.start()

    def _poll(self, conninfo: str, query: LiteralString) -> None:
        with psycopg.connect(conninfo, autocommit=True) as connection:
            while not self._done.wait(POLL_SECONDS):
                rows = connection.execute(query, (SITE,)).fetchall()
                now = time.time()
                for row in rows:
                    self.seen.setdefault(row[0], now)

    def stop(self) -> None:
        self._done.set()
        self._thread.join()


def _probe(settings: Settings, produced: dict[str, float], done: threading.Event) -> None:
    """Five events a second that are late on purpose: late_events shows each at once."""
    with sender(settings, linger_ms=5) as topic:
        while not done.wait(0.2):
            now = time.time()
            message, moment = str(uuid.uuid4()), datetime.fromtimestamp(now, UTC)
            event = {
                "messageId": message, "type": "track", "event": "Probe", "site": SITE, "anonymousId": message,
                "timestamp": iso(int((moment - timedelta(minutes=5)).timestamp() * 1000)),
            }  # fmt: skip
            produced[message] = now
            topic.send(message.encode(), json.dumps(event).encode())


def _percentiles(values: list[float]) -> dict[str, int]:
    if len(values) < 2:
        return {"count": len(values)}
    cuts = statistics.quantiles(values, n=100, method="inclusive")
    return {"count": len(values), "p50": round(cuts[49]), "p95": round(cuts[94]), "p99": round(cuts[98])}
