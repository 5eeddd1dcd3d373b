"""What is read out of the answers of Flink's REST API, without a cluster."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import Any

import psutil
import pytest

from footfall.deploy import cluster, metrics, rest
from footfall.errors import FootfallError
from footfall.settings import Settings, load_settings

METRIC = "0.Source__raw_events[1].KafkaSourceReader.topic.raw_events.partition.{}.currentOffset"
# Of each partition, the offset of the last record that the job has read; -1 before the first.
CURRENT = {METRIC.format(0): "-1", METRIC.format(1): "377", METRIC.format(2): "0"}


def test_a_job_tells_a_place_only_in_partitions_that_it_has_read_something_of(monkeypatch: pytest.MonkeyPatch) -> None:
    def call(_settings: Settings, path: str) -> Any:
        if path == "/jobs/j":
            return {"vertices": [{"id": "v", "name": "Source: raw_events[1]"}]}
        _, _, query = path.partition("?get=")
        if not query:
            return [{"id": name} for name in CURRENT]
        name = query.removesuffix("&agg=max").replace("%5B", "[").replace("%5D", "]")
        return [{"id": name, "max": CURRENT[name]}]

    monkeypatch.setattr(rest, "call", call)
    assert metrics.offsets(load_settings(), "j") == {1: 378, 2: 1}
    assert metrics.places(load_settings(), "j").items() >= {1: 378, 2: 1}.items()
    assert set(metrics.places(load_settings(), "j").values()) == {0, 1, 378}


def test_what_flink_does_not_bring_to_an_end_is_said_when_time_is_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def call(_settings: Settings, path: str, *_: object, **__: object) -> Any:
        if path == "/jobs/j":
            return {"state": "RUNNING", "vertices": [{"status": "RUNNING"}]}
        if path == "/jobs/overview":
            return {"jobs": [{"jid": "j", "name": "sessions", "state": "CANCELLING"}]}
        return {"request-id": "r", "status": {"id": "IN_PROGRESS"}}

    monkeypatch.setattr(rest, "call", call)
    monkeypatch.setattr(cluster, "END_SECONDS", 0.1)
    job = cluster.Job("j", "sessions", "RUNNING")
    with pytest.raises(FootfallError, match=r"sessions has taken no savepoint within 0 s: `footfall stop --force sess"):
        cluster.stop(load_settings(), job, seconds=0.1)
    with pytest.raises(FootfallError, match="Flink has not ended the job j"):
        cluster._gone(load_settings(), "j", 0.1)


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")
def test_a_client_ends_with_the_verb_that_started_it() -> None:
    script = (
        "import subprocess, time; from footfall.deploy import client;"
        " print(subprocess.Popen(['sleep', '600'], preexec_fn=client._end_with_us).pid, flush=True); time.sleep(600)"
    )
    verb = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert verb.stdout
    client = psutil.Process(int(verb.stdout.readline()))
    os.kill(verb.pid, signal.SIGKILL)
    verb.communicate()
    client.wait(10)
