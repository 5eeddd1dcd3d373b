"""`footfall simulate`: believable visitors, first as history and then live, into the topic or through the collector."""

from __future__ import annotations

import base64
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta

from footfall.errors import FootfallError
from footfall.settings import Settings
from footfall.simulate.visitors import Arrival, arrivals, heartbeat
from footfall.topic import Sender, refuse_behind, sender

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
    next_beat = datetime.now(UTC)
    with sender(settings, linger_ms=50) as topic:

        def beat() -> None:
            nonlocal next_beat
            if (now := datetime.now(UTC)) >= next_beat:
                _beat(topic, site, now)
                next_beat = now + timedelta(seconds=HEARTBEAT_SECONDS)

        for arrival in in_time(_from_now(seed, site, rate, duration), beat):
            topic.send(arrival.key, arrival.value)
            progress(topic.sent)
        return topic.sent


def live_over_http(
    url: str,
    write_key: str,
    *,
    seed: int,
    site: str,
    rate: float,
    duration: timedelta | None = None,
    progress: Callable[[int], None] = lambda count: None,
) -> int:
    """Send rate events a second to the collector at url, each at its time; returns how many it took.

    An answer that says to try again is obeyed, and so is that of a collector that does not know the write key yet.
    Raises FootfallError where nothing else comes for a minute.
    """
    taken = 0
    for arrival in in_time(_from_now(seed, site, rate, duration)):
        taken += _post(f"{url}/v1/batch", write_key, as_call(arrival.value))
        progress(taken)
    return taken


def as_call(value: bytes) -> bytes:
    """What an SDK would have sent for this record: a batch of one, without what the collector stamps."""
    try:
        event = json.loads(value)
        sent = event.pop("sentAt", None)
        for stamped in ("receivedAt", "site"):
            event.pop(stamped, None)
        return json.dumps({"batch": [event], "sentAt": sent}).encode()
    except (ValueError, AttributeError):
        return value  # a broken record stays as it is


def _post(url: str, write_key: str, body: bytes) -> bool:
    """Whether the collector took it."""
    authorization = "Basic " + base64.b64encode(f"{write_key}:".encode()).decode()
    headers = {"Authorization": authorization, "Content-Type": "application/json"}
    request = urllib.request.Request(url, body, headers)  # noqa: S310 - the collector's own address
    deadline = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(request, timeout=30):  # noqa: S310
                return True
        except urllib.error.HTTPError as error:
            if error.code not in (401, 429, 503):
                return False
            reason, wait = str(error), float(error.headers.get("Retry-After", 1))
        except OSError as error:
            reason, wait = str(error), 1.0
        if time.monotonic() > deadline:
            raise FootfallError(f"the collector at {url} takes no events: {reason}; see `footfall status`")
        time.sleep(wait)


def _from_now(seed: int, site: str, rate: float, duration: timedelta | None) -> Iterator[Arrival]:
    start = datetime.now(UTC)
    end = start + duration if duration else None
    return arrivals(seed=seed, site=site, start=start, end=end, events_per_second=rate)


def in_time(source: Iterable[Arrival], meanwhile: Callable[[], None] = lambda: None) -> Iterator[Arrival]:
    """What arrives, each at its time; meanwhile is called several times a second while there is time."""
    for arrival in source:
        while (wait := (arrival.time - datetime.now(UTC)).total_seconds()) > 0:
            time.sleep(min(wait, 0.2))
            meanwhile()
        yield arrival


def _beat(topic: Sender, site: str, now: datetime) -> None:
    """Let the watermark move in every partition, however quiet it is."""
    for partition in topic.partitions():
        topic.send(None, heartbeat(site, now, partition), partition)
