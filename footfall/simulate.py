"""`footfall simulate`: believable visitors into the topic, first as history and then live."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from footfall.events import Sender, refuse_behind, sender
from footfall.settings import Settings
from footfall.visitors import arrivals, heartbeat

HEARTBEAT_SECONDS = 5


def history(
    settings: Settings,
    *,
    seed: int,
    site: str,
    length: timedelta,
    visits_per_day: int,
    progress: Callable[[float], None] = lambda share: None,
) -> tuple[int, datetime]:
    """Write the visitors of the time up to now, in order of arrival; returns the count of records and that now."""
    end = datetime.now(UTC).replace(microsecond=0)
    start = end - length
    refuse_behind(settings, int(start.timestamp() * 1000), f"history of {length}")
    with sender(settings, linger_ms=100) as topic:
        for arrival in arrivals(seed=seed, site=site, start=start, end=end, visits_per_day=visits_per_day):
            topic.send(arrival.key, arrival.value)
            if topic.sent % 1000 == 0:
                progress((arrival.time - start) / length)
        _beat(topic, site, end)
        progress(1.0)
        return topic.sent, end


def live(
    settings: Settings,
    *,
    seed: int,
    site: str,
    rate: float,
    duration: timedelta | None = None,
    progress: Callable[[int], None] = lambda count: None,
) -> int:
    """Write rate events a second, each at its time, with a heartbeat to every partition; returns the count."""
    start = datetime.now(UTC)
    end = start + duration if duration else None
    next_beat = start
    with sender(settings, linger_ms=5) as topic:
        for arrival in arrivals(seed=seed, site=site, start=start, end=end, events_per_second=rate):
            while (wait := (arrival.time - datetime.now(UTC)).total_seconds()) > 0:
                time.sleep(min(wait, 0.2))
                now = datetime.now(UTC)
                if now >= next_beat:
                    _beat(topic, site, now)
                    next_beat = now + timedelta(seconds=HEARTBEAT_SECONDS)
            topic.send(arrival.key, arrival.value)
            progress(topic.sent)
        return topic.sent


def _beat(topic: Sender, site: str, now: datetime) -> None:
    """Let the watermark move in every partition, however quiet it is."""
    for partition in topic.partitions():
        topic.send(None, heartbeat(site, now, partition), partition)
