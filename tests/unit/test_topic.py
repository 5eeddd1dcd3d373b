"""Reading a topic up to an offset: it ends, whatever lies between, and whatever the broker does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from kafka import TopicPartition

from footfall import topic
from footfall.errors import FootfallError
from footfall.settings import Settings, load_settings

PLACE = TopicPartition("raw_events", 0)


class Consumer:
    """A partition whose records have these offsets, some a poll; it ends at end, and begins at the first of them."""

    def __init__(self, offsets: Sequence[int], end: int, *, begins: int = 0) -> None:
        self.offsets, self.end, self.begins, self.at = offsets, end, begins, 0

    def end_offsets(self, places: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(places, self.end)

    def beginning_offsets(self, places: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(places, self.begins)

    def seek(self, _: TopicPartition, offset: int) -> None:
        self.at = offset

    def pause(self, *_: TopicPartition) -> None: ...

    def position(self, _: TopicPartition) -> int:
        return self.at

    def poll(self, timeout_ms: int) -> dict[TopicPartition, list[Any]]:
        found = [offset for offset in self.offsets if offset >= self.at][:2]
        self.at = found[-1] + 1 if found else self.end  # a batch without records moves it too
        records = [SimpleNamespace(partition=0, offset=n, timestamp=n * 1000, key=None, value=b"") for n in found]
        return {PLACE: records} if records else {}


def reading(monkeypatch: pytest.MonkeyPatch, consumer: Any) -> Settings:
    @contextmanager
    def opened(_: Settings) -> Iterator[tuple[Any, list[TopicPartition]]]:
        yield consumer, [PLACE]

    monkeypatch.setattr(topic, "open_consumer", opened)
    return load_settings()


@pytest.mark.parametrize(
    ("offsets", "end"),
    [((0, 1, 2, 3, 4), 5), ((0, 2, 3), 5), ((0, 1, 2), 9), ((), 3), ((), 0), ((0, 1, 2, 3, 4), 3)],
    ids=["whole", "gaps", "no record at the end", "no record at all", "empty", "more came since"],
)
def test_reading_ends_where_the_topic_ended_whether_its_offsets_have_records_or_not(
    monkeypatch: pytest.MonkeyPatch, offsets: Sequence[int], end: int
) -> None:
    settings = reading(monkeypatch, Consumer(offsets, end))
    expected = [offset for offset in offsets if offset < end]
    assert [record.offset for record in topic.last_records(settings)] == expected
    assert [record.offset for record in topic.last_records(settings, 2)] == [n for n in expected if n >= end - 2]


def test_up_to_when_a_topic_has_lost_records_is_the_time_of_its_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    assert topic.lost_until(reading(monkeypatch, Consumer((3, 4), 5))) is None
    lost = topic.lost_until(reading(monkeypatch, Consumer((3, 4), 5, begins=3)))
    assert lost == datetime(1970, 1, 1, 0, 0, 3, tzinfo=UTC)


def test_where_what_was_there_has_gone_meanwhile_all_may_be_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    before = datetime.now(UTC)
    lost = topic.lost_until(reading(monkeypatch, Consumer((), 5, begins=3)))
    assert lost
    assert lost >= before


def test_a_broker_that_sends_nothing_is_reported_and_not_waited_for_without_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    silent = Consumer((0, 1), 2)
    monkeypatch.setattr(silent, "poll", lambda timeout_ms: {})
    monkeypatch.setattr(topic, "LOOK_SECONDS", 0.1)
    with pytest.raises(FootfallError, match=r"nothing of partition 0 of raw_events for .* which ends at offset 2"):
        topic.last_records(reading(monkeypatch, silent))
