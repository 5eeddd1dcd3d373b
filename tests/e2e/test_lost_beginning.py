"""A topic that has lost its beginning: a replay spoils no row of which the events are gone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, TopicPartition

from footfall.settings import Settings
from footfall.topic import last_records

from . import day
from .helpers import assert_same_rows, count, hashable, rows, settled_rows, stop_all
from .killed import JOBS, Killed, begin

pytestmark = pytest.mark.cluster


@pytest.fixture
def log(stack: Settings, tmp_path: Path) -> Iterator[Killed]:
    begun = begin(stack, tmp_path / "footfall", 5, per_second=0.05)
    begun.write(1000)
    yield begun
    stop_all(begun.settings)


def trim(settings: Settings, share: float) -> None:
    """Let the topic lose this share of each partition, as retention does."""
    offsets: dict[TopicPartition, int] = {}
    for record in last_records(settings):
        place = TopicPartition(settings.topic, record.partition)
        offsets[place] = max(offsets.get(place, 0), record.offset + 1)
    admin = KafkaAdminClient(bootstrap_servers=settings.bootstrap_servers)
    admin.delete_records({place: int(end * share) for place, end in offsets.items()})
    admin.close()


def test_rows_stay_of_which_the_topic_has_lost_events(log: Killed) -> None:
    log.done("submit", *JOBS)
    for name in JOBS:
        settled_rows(log.settings, name)
        log.done("stop", name)
    before = count(log.settings, "sessions")
    assert before > 50
    records = {(record.partition, record.offset): record for record in last_records(log.settings)}
    trim(log.settings, 0.4)
    said = log.done("submit", "--replay", *JOBS)
    assert said.count(" UTC stay: the topic has lost events of theirs)") == 2, said
    assert len({row[2] for row in rows(log.settings, "sessions")}) > 50
    log.write(500)
    log.close()
    records |= {(record.partition, record.offset): record for record in last_records(log.settings)}
    expected = day.tables(records.values())
    for name in JOBS:
        assert_same_rows(hashable(settled_rows(log.settings, name)), hashable(expected[name]))


def test_a_topic_that_lost_what_is_open_now_is_not_replayed(log: Killed) -> None:
    log.done("run", *JOBS)
    before = {name: rows(log.settings, name) for name in JOBS}
    trim(log.settings, 0.995)
    assert "what is open now is not whole" in log.done("submit", *JOBS)
    assert {name: rows(log.settings, name) for name in JOBS} == before
