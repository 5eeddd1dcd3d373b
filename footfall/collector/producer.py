"""The way into Kafka: an event counts as taken when all in-sync replicas have it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Sequence
from time import time
from typing import NamedTuple

from confluent_kafka import KafkaError, KafkaException, Producer

from footfall.errors import FootfallError
from footfall.settings import Settings
from footfall.topic import iso, last_records

log = logging.getLogger(__name__)

# An event is on time for 60 s after receivedAt, the watermark trails by 70 s: what waits here for longer than the 10 s
# between could reach the topic behind the watermark. Given up before that, it is sent again with a new stamp.
DELIVERY_SECONDS = 8
HEARTBEAT_SECONDS = 5
POLL_SECONDS = 0.002
# What may wait for the broker, in each worker. More is refused, so that an outage costs no memory.
MOST_BYTES = 64 * 1024 * 1024
MOST_RECORDS = 200_000


class Unavailable(Exception):
    """The broker has not taken all of it in time; whoever sent it should send it again."""


class Record(NamedTuple):
    """One record for the topic."""

    key: bytes
    value: bytes


class Broker:
    """A producer of one event loop. Its callbacks run in that loop: nothing here needs a lock."""

    def __init__(self, settings: Settings) -> None:
        self.topic = settings.topic
        self.waiting_bytes = self.waiting_records = 0
        self.reachable_at = 0.0  # Unix time at which the broker last named the partitions of the topic
        self.is_live = False  # whether live events are in the topic, and so heartbeats
        self._settings = settings
        self._configuration = {
            "bootstrap.servers": settings.bootstrap_servers,
            "acks": "all",
            "enable.idempotence": True,
            "linger.ms": 3,
            "compression.type": "lz4",
            "partitioner": "murmur2_random",  # as Java's and kafka-python's: a visitor stays in one partition
            "message.timeout.ms": DELIVERY_SECONDS * 1000,
            "queue.buffering.max.messages": 2 * MOST_RECORDS,
            "queue.buffering.max.kbytes": 2 * MOST_BYTES // 1024,
            "reconnect.backoff.max.ms": 1000,
            "log.connection.close": False,
        }
        self._producer = self._new_producer()
        self._dead: list[Producer] = []  # which still have to say that they did not deliver
        self._tasks: list[asyncio.Task[None]] = []
        self._work = asyncio.Event()

    async def __aenter__(self) -> Broker:
        self._tasks = [asyncio.create_task(self._poll()), asyncio.create_task(self._beat())]
        return self

    async def __aexit__(self, *_error: object) -> None:
        """Wait for what is on its way: its senders still wait for their answers."""
        self._tasks[1].cancel()
        deadline = time() + DELIVERY_SECONDS + 1
        while self.waiting_records and time() < deadline:
            await asyncio.sleep(POLL_SECONDS)
        self._tasks[0].cancel()

    @property
    def is_full(self) -> bool:
        return self.waiting_bytes > MOST_BYTES or self.waiting_records > MOST_RECORDS

    async def send(self, records: Sequence[Record]) -> None:
        """Return when the broker has acknowledged every record. Raises Unavailable."""
        if not records:
            return
        if self.is_full:
            raise Unavailable
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        producer = self._producer
        left, size, failed = len(records), sum(len(value) for _, value in records), False

        def delivered(error: KafkaError | None, _message: object) -> None:
            nonlocal left, failed
            left -= 1
            self.waiting_records -= 1
            if error is not None:
                failed = True
                self._failed(producer, error)
            if left == 0:
                self.waiting_bytes -= size
                if done.done():
                    return  # the client is gone
                if failed:
                    done.set_exception(Unavailable())
                else:
                    done.set_result(None)

        self.is_live = True
        self.waiting_bytes += size
        self.waiting_records += left
        self._work.set()
        for key, value in records:
            try:
                producer.produce(self.topic, value, key, on_delivery=delivered)
            except (BufferError, KafkaException) as error:
                reason = error.args[0] if error.args and isinstance(error.args[0], KafkaError) else None
                delivered(reason or KafkaError(KafkaError._QUEUE_FULL), None)
        await done

    async def partitions(self) -> list[int]:
        """The partitions of the topic. Raises Unavailable."""
        try:
            metadata = await asyncio.to_thread(self._producer.list_topics, self.topic, 5)
        except KafkaException:
            raise Unavailable from None
        found = metadata.topics[self.topic]
        if found.error is not None or not found.partitions:
            raise Unavailable
        return sorted(found.partitions)

    async def _poll(self) -> None:
        """Let the callbacks of what was acknowledged run: often while requests wait for it, else now and then."""
        while True:
            self._producer.poll(0)
            for dead in self._dead:
                dead.poll(0)
            self._dead = [dead for dead in self._dead if len(dead)]
            if self.waiting_records:
                await asyncio.sleep(POLL_SECONDS)
            else:
                self._work.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._work.wait(), 0.1)

    async def _beat(self) -> None:
        """Let the watermark of every partition move on, however quiet the sites are, from the first live event on.

        Not before: behind a heartbeat of now, history that is loaded into a new topic would come too late.
        """
        asked = False
        while True:
            with contextlib.suppress(Unavailable, BufferError, FootfallError):
                partitions = await self.partitions()
                self.reachable_at = time()
                if not self.is_live and not asked:
                    self.is_live = await asyncio.to_thread(_ends_with_heartbeats, self._settings)
                    asked = True
                if self.is_live:
                    self._send_heartbeats(partitions)
            await asyncio.sleep(HEARTBEAT_SECONDS)

    def _send_heartbeats(self, partitions: Sequence[int]) -> None:
        producer = self._producer
        for partition in partitions:
            now = iso(int(time() * 1000))
            value = json.dumps({"type": "heartbeat", "timestamp": now, "receivedAt": now}).encode()
            try:
                producer.produce(self.topic, value, partition=partition)
            except KafkaException as error:
                self._failed(producer, error.args[0])

    def _failed(self, producer: Producer, error: KafkaError) -> None:
        """An idempotent producer that the broker no longer knows can't go on: from then on it refuses every record.

        What it refuses has the code of a fatal error, and is not marked as one.
        """
        if producer is self._producer and (error.fatal() or error.code() == KafkaError._FATAL):
            log.warning("starting a new Kafka producer: %s", error.str())
            self._dead.append(producer)
            self._producer = self._new_producer()

    def _new_producer(self) -> Producer:
        return Producer(self._configuration, logger=logging.getLogger("footfall.collector.kafka"))


def _ends_with_heartbeats(settings: Settings) -> bool:
    """Whether a collector wrote to this topic before."""
    return any(b'"heartbeat"' in (record.value or b"") for record in last_records(settings, 1))
