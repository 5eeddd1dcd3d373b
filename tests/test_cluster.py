"""What is read out of the answers of Flink's REST API, without a cluster."""

from __future__ import annotations

from typing import Any

import pytest

from footfall import cluster
from footfall.settings import Settings, load_settings
from footfall.stack import flink

METRIC = "0.Source__raw_events[1].KafkaSourceReader.topic.raw_events.partition.{}.currentOffset"
# Of each partition, the offset of the last record that the job has read; -1 before the first.
CURRENT = {METRIC.format(0): "-1", METRIC.format(1): "377", METRIC.format(2): "0"}


def test_a_job_tells_a_place_only_in_partitions_that_it_has_read_something_of(monkeypatch: pytest.MonkeyPatch) -> None:
    def rest(_settings: Settings, path: str) -> Any:
        if path == "/jobs/j":
            return {"vertices": [{"id": "v", "name": "Source: raw_events[1]"}]}
        _, _, query = path.partition("?get=")
        if not query:
            return [{"id": name} for name in CURRENT]
        name = query.removesuffix("&agg=max").replace("%5B", "[").replace("%5D", "]")
        return [{"id": name, "max": CURRENT[name]}]

    monkeypatch.setattr(flink, "rest", rest)
    assert cluster.offsets(load_settings(), "j") == {1: 378, 2: 1}
    assert cluster.places(load_settings(), "j").items() >= {1: 378, 2: 1}.items()
    assert set(cluster.places(load_settings(), "j").values()) == {0, 1, 378}
