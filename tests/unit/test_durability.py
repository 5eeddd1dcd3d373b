"""What `footfall up` and `status` say of the topic; the broker's answers here are a stand-in's."""

from __future__ import annotations

from typing import Any

import pytest
from kafka.errors import KafkaConnectionError

from footfall.errors import FootfallError
from footfall.settings import load_settings
from footfall.stack import kafka


class StandIn:
    """What an admin client says of a topic whose partitions have so many replicas."""

    def __init__(self, replicas: list[int], options: dict[str, int], error: int = 0) -> None:
        self.replicas, self.options, self.error = replicas, options, error

    def describe_topics(self, topics: list[str]) -> list[dict[str, Any]]:
        partitions = [{"replica_nodes": list(range(count))} for count in self.replicas]
        return [{"name": topics[0], "error_code": self.error, "partitions": partitions}]

    def describe_configs(self, resources: list[Any], config_filter: str) -> dict[str, Any]:
        assert config_filter == "all"  # else what is as Kafka has it of itself would be missing
        return {"topic": {resources[0].name: {name: {"value": str(value)} for name, value in self.options.items()}}}

    def close(self) -> None:
        pass


def answer(
    monkeypatch: pytest.MonkeyPatch, *replicas: int, in_sync: int = 1, flush: int = kafka.NEVER
) -> tuple[bool, str]:
    options = {"min.insync.replicas": in_sync, "flush.messages": flush}
    monkeypatch.setattr(kafka, "_admin", lambda _servers: StandIn([*replicas], options))
    return kafka.durability(load_settings())


def test_three_replicas_of_which_two_have_it_keep_an_event(monkeypatch: pytest.MonkeyPatch) -> None:
    is_durable, why = answer(monkeypatch, 3, 3, in_sync=2)
    assert (is_durable, "3 replicas, and 2 have an event" in why) == (True, True)


def test_one_broker_that_syncs_keeps_an_event(monkeypatch: pytest.MonkeyPatch) -> None:
    is_durable, why = answer(monkeypatch, 1, 1, flush=1)
    assert (is_durable, "on its disk before it acknowledges" in why) == (True, True)


@pytest.mark.parametrize(
    ("replicas", "in_sync", "missing"),
    [
        ((1, 1), 1, ["replication factor is 1, not 3", "min.insync.replicas is 1, not 2"]),
        ((2, 2), 2, ["replication factor is 2, not 3"]),
        ((3, 3), 1, ["min.insync.replicas is 1, not 2"]),
        ((3, 2, 3), 2, ["replication factor is 2, not 3"]),  # one partition is enough to lose events
    ],
)
def test_what_is_missing_is_named(
    monkeypatch: pytest.MonkeyPatch, replicas: tuple[int, ...], in_sync: int, missing: list[str]
) -> None:
    is_durable, why = answer(monkeypatch, *replicas, in_sync=in_sync)
    assert not is_durable
    assert "topic raw_events may lose" in why
    assert [words for words in missing if words not in why] == []
    assert ("replication factor" in why, "min.insync" in why) == (replicas != (3, 3), in_sync < 2)


def test_a_broker_that_does_not_tell_is_believed_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka, "_admin", lambda _servers: StandIn([3], {}))
    assert kafka.durability(load_settings()) == (
        False, "the broker does not say how it keeps topic raw_events: allow DescribeConfigs",
    )  # fmt: skip


def test_a_topic_or_broker_that_is_missing_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka, "_admin", lambda _servers: StandIn([], {}, error=3))
    with pytest.raises(FootfallError, match="no topic raw_events"):
        kafka.durability(load_settings())

    def refused(_servers: str) -> StandIn:
        raise KafkaConnectionError("nobody there")

    monkeypatch.setattr(kafka, "_admin", refused)
    with pytest.raises(FootfallError, match="nobody there"):
        kafka.durability(load_settings())
