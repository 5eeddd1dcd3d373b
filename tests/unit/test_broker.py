"""A collector whose Kafka producer can't go on, as after a broker forgot it; the producers here are stand-ins."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from footfall.collector import producer
from footfall.collector.producer import Broker, Record, Unavailable
from footfall.settings import load_settings

# What librdkafka says once it has given up: by its code alone, `fatal()` is false.
FATAL = KafkaError(KafkaError._FATAL)
RECORD = Record(b"k", b"v")


class StandIn:
    """A producer that delivers, keeps or, once it has given up, refuses what it is given."""

    def __init__(self) -> None:
        self.keeps = self.gave_up = False
        self.kept: list[Callable[[KafkaError | None, object], None]] = []
        self.written: list[Any] = []

    def produce(self, _topic: str, value: bytes, *_: object, on_delivery: Any = None, partition: int = -1) -> None:
        if self.gave_up:
            raise KafkaException(FATAL)
        self.written.append((value, partition))
        if on_delivery:
            self.kept.append(on_delivery)

    def poll(self, _seconds: float) -> None:
        while self.kept and not self.keeps:
            self.kept.pop()(FATAL if self.gave_up else None, None)

    def __len__(self) -> int:
        return len(self.kept)


@pytest.fixture
def producers(monkeypatch: pytest.MonkeyPatch) -> list[StandIn]:
    """Those that were made, in turn."""
    made: list[StandIn] = []

    def make(*_: object, **__: object) -> StandIn:
        made.append(StandIn())
        return made[-1]

    monkeypatch.setattr(producer, "Producer", make)
    return made


async def with_polls(of: Broker, work: Any) -> Any:
    """The outcome of work while callbacks run."""
    polls = asyncio.create_task(of._poll())
    try:
        async with asyncio.timeout(5):
            return await work
    finally:
        polls.cancel()


def test_after_a_producer_that_gave_up_comes_a_new_one(producers: list[StandIn]) -> None:
    async def run() -> None:
        of = Broker(load_settings())
        producers[0].gave_up = True
        with pytest.raises(Unavailable):
            await of.send([RECORD, RECORD])
        await with_polls(of, of.send([RECORD, RECORD]))
        assert (of.waiting_records, of.waiting_bytes, len(producers)) == (0, 0, 2)

    asyncio.run(run())


def test_what_waited_in_a_producer_that_gave_up_is_answered(producers: list[StandIn]) -> None:
    async def run() -> None:
        of = Broker(load_settings())
        producers[0].keeps = True
        waits = [asyncio.create_task(of.send([RECORD])) for _ in range(2)]
        await asyncio.sleep(0)
        producers[0].gave_up = True
        with pytest.raises(Unavailable):
            await of.send([RECORD])
        producers[0].keeps = False
        found = await with_polls(of, asyncio.gather(*waits, return_exceptions=True))
        assert [type(one) for one in found] == [Unavailable, Unavailable]
        assert (of.waiting_records, of.waiting_bytes, len(producers), of._dead) == (0, 0, 2, [])

    asyncio.run(run())


def test_heartbeats_go_on_with_a_new_producer(producers: list[StandIn]) -> None:
    async def run() -> None:
        of = Broker(load_settings())
        producers[0].gave_up = True
        for _ in range(2):
            of._send_heartbeats([0, 1])
        assert [partition for _, partition in producers[1].written] == [0, 1]
        assert len(producers) == 2

    asyncio.run(run())
