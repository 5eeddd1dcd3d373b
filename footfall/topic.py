"""Writing events to the raw_events topic, and a look at what it holds."""

from __future__ import annotations

import contextlib
import json
import logging
import socket
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaError

from footfall.errors import FootfallError
from footfall.settings import Settings

logging.getLogger("kafka").setLevel(logging.CRITICAL)
_EPOCH = datetime(1970, 1, 1)
YEAR_10000 = 253_402_300_800_000  # Unix time in ms at which the times end that a date of four digits can hold
LATENESS_MS = 60_000  # the bound of sql/views/received_events.sql
LOOK_SECONDS = 30  # how long to wait for what follows an offset
FLUSH_EVERY = 20_000  # records: the producer's queue has no bound of its own, and what waits in it too long expires


class Record(NamedTuple):
    """One record as the topic holds it; time is the broker's, Unix time in ms."""

    partition: int
    offset: int
    time: int
    key: bytes | None
    value: bytes | None


def iso(milliseconds: int) -> str:
    """ISO-8601 UTC with milliseconds and Z, the one form that Flink's JSON format reads."""
    return (_EPOCH + timedelta(milliseconds=milliseconds)).isoformat(timespec="milliseconds") + "Z"


def milliseconds(text: str) -> int:
    """Unix time in ms of an ISO-8601 text; without an offset it is UTC. ValueError where it is none of 1970 to 9999."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    time = round(moment.timestamp() * 1000)
    if not 0 <= time < YEAR_10000:
        raise ValueError(f"{text} is not of the years 1970 to 9999")
    return time


@dataclass
class Sender:
    """A producer that counts what the broker acknowledged and remembers the first failure."""

    producer: KafkaProducer
    topic: str
    sent: int = 0
    failure: Exception | None = None

    def send(self, key: bytes | None, value: bytes | None, partition: int | None = None) -> None:
        """Queue one record; FootfallError where an earlier one could not be delivered."""
        if self.failure:
            raise FootfallError(f"Kafka did not take an event: {self.failure}")
        try:
            future = self.producer.send(self.topic, value=value, key=key, partition=partition)
        except KafkaError as error:
            raise FootfallError(f"Kafka did not take an event: {error}") from None
        future.add_errback(self._failed)
        self.sent += 1
        if self.sent % FLUSH_EVERY == 0:
            self.flush()

    def flush(self) -> None:
        """Wait until everything queued is acknowledged; FootfallError where it is not."""
        try:
            self.producer.flush(60)
        except KafkaError as error:
            raise FootfallError(f"Kafka did not take an event: {error}") from None
        if self.failure:
            raise FootfallError(f"Kafka did not take an event: {self.failure}")

    def _failed(self, error: Exception) -> None:
        self.failure = self.failure or error

    def partitions(self) -> list[int]:
        return sorted(self.producer.partitions_for(self.topic) or ())


@contextlib.contextmanager
def sender(settings: Settings, *, linger_ms: int = 20) -> Iterator[Sender]:
    """Open a producer; on the way out everything queued is acknowledged, or FootfallError says what was not."""
    _require_topic(settings)
    try:
        producer = KafkaProducer(
            bootstrap_servers=settings.bootstrap_servers, acks="all", linger_ms=linger_ms, batch_size=128 * 1024,
            compression_type="lz4", max_request_size=1_000_000, delivery_timeout_ms=60_000,
        )  # fmt: skip
    except KafkaError:
        raise _unreachable(settings) from None
    opened = Sender(producer, settings.topic)
    try:
        yield opened
        opened.flush()
    finally:
        producer.close(timeout=5)


def last_records(settings: Settings, count: int | None = None) -> list[Record]:
    """The newest records, up to count of each partition, or all that the topic holds now; by the broker's time."""
    with open_consumer(settings) as (consumer, partitions):
        ends, beginnings = consumer.end_offsets(partitions), consumer.beginning_offsets(partitions)
        for partition in partitions:
            start = beginnings[partition] if count is None else max(ends[partition] - count, beginnings[partition])
            consumer.seek(partition, start)
        records = [record for batch in batches(consumer, ends) for record in batch]
        return sorted(records, key=lambda record: (record.time, record.partition, record.offset))


def batches(consumer: KafkaConsumer, ends: Mapping[TopicPartition, int]) -> Iterator[list[Record]]:
    """What these partitions hold before these offsets, from where the consumer stands.

    It ends by the consumer's position and not by a number of records: retention removes some meanwhile, and not every
    offset of a topic has a record. Raises FootfallError where Kafka sends nothing for LOOK_SECONDS.
    """
    moved = time.monotonic()
    while behind := [place for place, end in ends.items() if consumer.position(place) < end]:
        found = consumer.poll(timeout_ms=1000)
        if found:
            moved = time.monotonic()
        elif time.monotonic() - moved > LOOK_SECONDS:
            raise FootfallError(
                f"Kafka has sent nothing of partition {behind[0].partition} of {behind[0].topic} for {LOOK_SECONDS} s,"
                f" which ends at offset {ends[behind[0]]}: is its broker up?"
            )
        for place, batch in found.items():
            yield [as_record(record) for record in batch if record.offset < ends.get(place, 0)]


def follow(settings: Settings) -> Iterator[Record]:
    """Every record from now on, until the caller stops."""
    with open_consumer(settings) as (consumer, partitions):
        consumer.seek_to_end(*partitions)
        while True:
            for batch in consumer.poll(timeout_ms=500).values():
                yield from map(as_record, batch)


def record_count(settings: Settings) -> int:
    """How many records the topic holds."""
    with open_consumer(settings) as (consumer, partitions):
        ends, beginnings = consumer.end_offsets(partitions), consumer.beginning_offsets(partitions)
        return int(sum(ends.values()) - sum(beginnings.values()))


def ends(settings: Settings) -> dict[int, int]:
    """The offset at which each partition that holds anything ends now."""
    with open_consumer(settings) as (consumer, partitions):
        ends, beginnings = consumer.end_offsets(partitions), consumer.beginning_offsets(partitions)
        return {place.partition: end for place, end in ends.items() if end > beginnings[place]}


def beginnings(settings: Settings) -> dict[str, int]:
    """The oldest offset that each partition still has; the partition as text, as JSON has it."""
    with open_consumer(settings) as (consumer, partitions):
        return {str(place.partition): offset for place, offset in consumer.beginning_offsets(partitions).items()}


def none_before(settings: Settings, offsets: Mapping[int, int], time_ms: int, most: int) -> bool:
    """Whether from these offsets on no event came before that broker's time, heartbeats left out.

    False where a partition is not named, or where more than most heartbeats lie there. Raises FootfallError.
    """
    with open_consumer(settings) as (consumer, partitions):
        ends, beginnings = consumer.end_offsets(partitions), consumer.beginning_offsets(partitions)
        for place in partitions:
            offset = offsets.get(place.partition, 0 if not ends[place] else -1)
            if offset < beginnings[place] or offset > ends[place]:
                return False  # not all of it is there, or it is another topic of that name
            consumer.seek(place, offset)
        last = {place.partition: max(offsets.get(place.partition, 0), 0) + most for place in partitions}
        open_ = {place.partition for place in partitions if offsets.get(place.partition, 0) < ends[place]}
        deadline = time.monotonic() + LOOK_SECONDS
        while open_:
            if time.monotonic() > deadline:
                return False
            for batch in consumer.poll(timeout_ms=1000).values():
                for record in map(as_record, batch):
                    end = ends[TopicPartition(settings.topic, record.partition)]
                    if record.time >= time_ms or record.offset + 1 >= end:
                        open_.discard(record.partition)
                    if record.time < time_ms and (not _is_heartbeat(record) or record.offset >= last[record.partition]):
                        return False
    return True


def _is_heartbeat(record: Record) -> bool:
    try:
        return bool(json.loads(record.value or b"").get("type") == "heartbeat")
    except (ValueError, AttributeError, RecursionError):
        return False


def lost_until(settings: Settings) -> datetime | None:
    """Up to when the topic may have lost records, by the broker's time; None where it holds all that it ever did.

    A partition loses its oldest records first: what it lost came before the oldest that it has.
    """
    with open_consumer(settings) as (consumer, partitions):
        beginnings = {place: start for place, start in consumer.beginning_offsets(partitions).items() if start > 0}
        ends = consumer.end_offsets(list(beginnings))
        if any(ends[place] == start for place, start in beginnings.items()):
            return datetime.now(UTC)
        for place, start in beginnings.items():
            consumer.seek(place, start)
        consumer.pause(*(place for place in partitions if place not in beginnings))
        oldest: dict[int, int] = {}
        for batch in batches(consumer, ends):
            for record in batch[:1]:
                oldest.setdefault(record.partition, record.time)
            if len(oldest) == len(beginnings):
                break
    if len(oldest) < len(beginnings):  # what was there is gone meanwhile
        return datetime.now(UTC)
    return datetime.fromtimestamp(max(oldest.values()) / 1000, UTC) if oldest else None


def newest_time(settings: Settings) -> datetime:
    """The broker's time of the newest record of the topic; of 1970 where it has none."""
    newest = max((record.time for record in last_records(settings, 1)), default=0)
    return datetime.fromtimestamp(newest / 1000, UTC)


def refuse_behind(settings: Settings, oldest_ms: int, what: str) -> None:
    """Raise FootfallError where the topic already holds events so new that oldest_ms would come too late for windows.

    Windows follow the order of the log: history that is written behind newer events is on time by its own stamps, but
    no window would still be open for it.
    """
    newest = max((_event_time(record) for record in last_records(settings, 1)), default=None)
    if newest is not None and oldest_ms < newest - LATENESS_MS:
        raise FootfallError(
            f"{what} begins at {iso(oldest_ms)}, but {settings.topic} already holds events up to {iso(newest)}: "
            "behind those it would come too late for every window. Load history first, into an empty topic: "
            "`footfall down --volumes`, `footfall up`"
        )


def _event_time(record: Record) -> int:
    """What the record does to the watermark, at most; the broker's time where it says nothing."""
    try:
        event: Any = json.loads(record.value or b"")
        times = [event["timestamp"], event.get("receivedAt") or iso(record.time)]
        return min([int(record.time), *(milliseconds(time) for time in times)])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return 0


def listens(bootstrap_servers: str) -> bool:
    """Whether anything takes connections there. A client that finds nothing leaves a thread behind, each time."""
    for server in bootstrap_servers.split(","):
        host, _, port = server.strip().rpartition(":")
        with contextlib.suppress(OSError, ValueError), socket.create_connection((host.strip("[]"), int(port)), 2):
            return True
    return False


@contextlib.contextmanager
def open_consumer(settings: Settings) -> Iterator[tuple[KafkaConsumer, list[TopicPartition]]]:
    """A consumer of every partition of the topic, at no place yet. Raises FootfallError."""
    _require_topic(settings)
    try:
        consumer = KafkaConsumer(bootstrap_servers=settings.bootstrap_servers, enable_auto_commit=False)
    except KafkaError:
        raise _unreachable(settings) from None
    try:
        numbers = consumer.partitions_for_topic(settings.topic) or ()
        partitions = [TopicPartition(settings.topic, number) for number in sorted(numbers)]
        consumer.assign(partitions)
        yield consumer, partitions
    finally:
        consumer.close()


def _require_topic(settings: Settings) -> None:
    try:
        with contextlib.closing(
            KafkaAdminClient(bootstrap_servers=settings.bootstrap_servers, bootstrap_timeout_ms=5000)
        ) as admin:
            topics = admin.list_topics()
    except (KafkaError, OSError):
        raise _unreachable(settings) from None
    if settings.topic not in topics:
        raise FootfallError(f"Kafka has no topic {settings.topic}: `footfall up` makes it")


def _unreachable(settings: Settings) -> FootfallError:
    return FootfallError(
        f"no Kafka answers at {settings.bootstrap_servers}: start the stack with `footfall up`, "
        "or set KAFKA_BOOTSTRAP_SERVERS"
    )


def as_record(record: Any) -> Record:
    """What a consumer gave, as ours."""
    return Record(record.partition, record.offset, record.timestamp, record.key, record.value)
