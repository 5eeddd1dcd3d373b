"""Events under which faults happen: acknowledged ids are remembered, so that none can be lost unseen."""

from __future__ import annotations

import base64
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from confluent_kafka import Producer

from footfall.settings import Settings
from footfall.simulate.run import as_call
from footfall.simulate.visitors import Arrival, arrivals

from ..day import parsed
from ..page_reports import with_reports
from .check import CLOSING

DELIVERY_SECONDS = 600
EVENTS_PER_SECOND = 1.0  # of the log's own clock; what pages report comes on top


class Load(threading.Thread):
    """Sends arrivals at a steady rate, each until it is acknowledged, whatever happens meanwhile."""

    def __init__(self, source: Iterable[Arrival], rate: float) -> None:
        """rate: events a second."""
        super().__init__(daemon=True)
        self.source, self.rate = source, rate
        self.acknowledged: set[str] = set()
        self.sent = 0
        self.last: datetime | None = None  # the log's own time of the last that was sent
        self.failure: BaseException | None = None
        self.ended = threading.Event()

    def run(self) -> None:
        try:
            self._send(self._paced())
        except BaseException as error:  # told to whoever waits for it
            self.failure = error

    def finish(self) -> None:
        """Wait until all is acknowledged. Raises what went wrong."""
        self.join()
        if self.failure:
            raise self.failure

    def _paced(self) -> Iterator[Arrival]:
        begun = time.monotonic()
        for arrival in self.source:
            if self.ended.is_set():
                return
            wait = begun + self.sent / self.rate - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            self.sent += 1
            self.last = arrival.time
            yield arrival

    def _send(self, paced: Iterator[Arrival]) -> None:
        raise NotImplementedError


class Topic(Load):
    """A producer of one's own, which writes events of any time straight into the topic, in their order."""

    def __init__(self, settings: Settings, source: Iterable[Arrival], rate: float) -> None:
        super().__init__(source, rate)
        self.topic = settings.topic
        self.producer = Producer(
            {
                "bootstrap.servers": settings.bootstrap_servers,
                "acks": "all",
                "max.in.flight": 1,  # what is sent again stays in its order
                "linger.ms": 20,
                "partitioner": "murmur2_random",
                "message.timeout.ms": DELIVERY_SECONDS * 1000,
                "reconnect.backoff.max.ms": 1000,
                "log_level": 0,
            }
        )

    def _send(self, paced: Iterator[Arrival]) -> None:
        for arrival in paced:
            self._produce(arrival.key, arrival.value)
            self.producer.poll(0)
        self.flush()

    def close_windows(self, moment: datetime, partitions: Iterable[int]) -> None:
        """One page view in each partition so much later that every window before it closes.

        No heartbeats: a collector that finds them in the topic begins to send its own, of the present.
        """
        for partition in partitions:
            visitor = f"{CLOSING}{partition}-{int(moment.timestamp())}"
            first = next(arrivals(seed=1, site="shop", start=moment, end=None, visits_per_day=9_000))
            event = parsed(first.value)
            assert event
            text = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
            event |= {"messageId": visitor, "anonymousId": visitor, "timestamp": text, "receivedAt": text}
            event["type"] = "page"
            event.pop("event", None)
            event["context"]["location"] = {"country": None, "region": None}
            self._produce(visitor.encode(), json.dumps(event).encode(), partition)
        self.flush()

    def flush(self) -> None:
        if left := self.producer.flush(DELIVERY_SECONDS):
            raise AssertionError(f"the broker did not take {left} events within {DELIVERY_SECONDS} s")

    def _produce(self, key: bytes, value: bytes, *partition: int) -> None:
        def delivered(error: object, _message: object) -> None:
            if error is None:
                self.acknowledged.update(_ids(value))
            else:
                self.failure = AssertionError(f"the broker did not take an event: {error}")

        self.producer.produce(self.topic, value, key, *partition, on_delivery=delivered)


class Collector(Load):
    """A sender over HTTP, as an SDK: what is not answered, or answered with 429 or 503, is sent again."""

    def __init__(self, settings: Settings, write_key: str, source: Iterable[Arrival], rate: float) -> None:
        super().__init__(source, rate)
        self.url = f"{settings.collector_url}/v1/batch"
        self.authorization = "Basic " + base64.b64encode(f"{write_key}:".encode()).decode()

    def _send(self, paced: Iterator[Arrival]) -> None:
        for arrival in paced:
            body = as_call(arrival.value)
            while not self._post(body):
                time.sleep(0.3)
            self.acknowledged.update(_ids(arrival.value))

    def _post(self, body: bytes) -> bool:
        headers = {"Authorization": self.authorization, "Content-Type": "application/json"}
        try:
            with urllib.request.urlopen(urllib.request.Request(self.url, body, headers), timeout=20):
                return True
        except urllib.error.HTTPError as error:
            if error.code in (401, 403, 429, 500, 503):
                return False
            raise
        except OSError:
            return False


def history(seed: int, site: str, start: datetime, length: timedelta) -> list[Arrival]:
    """What visitors and pages of a site send in that time, with copies, disorder and late events."""
    return with_reports(
        arrivals(seed=seed, site=site, start=start, end=start + length, events_per_second=EVENTS_PER_SECOND)
    )


def from_now(seed: int, site: str, start: datetime, rate: float) -> Iterator[Arrival]:
    """The same without an end, from now on; broken records, which a collector refuses, are left out."""
    for arrival in arrivals(seed=seed, site=site, start=start, end=None, events_per_second=rate):
        if (event := parsed(arrival.value)) and event.get("messageId") and event.get("timestamp"):
            yield arrival


def _ids(value: bytes) -> set[str]:
    event = parsed(value)
    return {event["messageId"]} if event and event.get("messageId") else set()
