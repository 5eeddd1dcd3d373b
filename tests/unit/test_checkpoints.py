"""Whether a job that was just started runs, by what Flink answers."""

from __future__ import annotations

from typing import Any

import pytest

from footfall.deploy import checkpoints, cluster, rest
from footfall.errors import FootfallError
from footfall.settings import load_settings

JOB = cluster.Job("a", "sessions", "RUNNING")
READ = {"state": "INITIALIZING", "vertices": []}  # Flink has been given the job, and knows no task of it yet
DEPLOYED = {"state": "RUNNING", "vertices": [{"status": "DEPLOYING", "parallelism": 2}]}
RUNNING = {"state": "RUNNING", "vertices": [{"status": "RUNNING", "parallelism": 2}]}


class Flink:
    """Answers as Flink's REST API does; states are those of the job, one after the other, the last for good."""

    def __init__(self, *states: dict[str, Any], outcome: dict[str, Any] | None = None) -> None:
        self.states, self.outcome, self.calls = list(states), outcome, list[str]()
        self.failures: list[dict[str, str]] = []

    def call(self, _settings: object, path: str, body: object = None, **_: object) -> Any:
        self.calls.append(path)
        if path == "/jobs/a":
            return self.states.pop(0) if len(self.states) > 1 else self.states[0]
        if path == "/jobs/a/exceptions":
            return {"exceptionHistory": {"entries": self.failures}}
        if body is not None:
            assert self.states == [RUNNING], "a checkpoint of a job that does not run"
            return {"request-id": "1"}
        return {"status": {"id": "COMPLETED"}, "operation": self.outcome}


def asked(monkeypatch: pytest.MonkeyPatch, flink: Flink) -> Flink:
    monkeypatch.setattr(rest, "call", flink.call)
    return flink


def test_a_checkpoint_is_asked_for_once_all_tasks_run(monkeypatch: pytest.MonkeyPatch) -> None:
    flink = asked(monkeypatch, Flink(READ, READ, DEPLOYED, RUNNING, outcome={"checkpointId": 5}))
    checkpoints.await_checkpoint(load_settings(), "a")
    assert flink.calls.count("/jobs/a") > 3


@pytest.mark.parametrize("outcome", [None, {}, {"checkpointId": None}, {"failure-cause": {"stack-trace": "x: y"}}])
def test_a_checkpoint_that_is_none_is_a_failure(
    monkeypatch: pytest.MonkeyPatch, outcome: dict[str, Any] | None
) -> None:
    asked(monkeypatch, Flink(RUNNING, outcome=outcome))
    with pytest.raises(FootfallError, match="its checkpoint failed"):
        checkpoints.await_checkpoint(load_settings(), "a")


def test_a_job_that_is_read_for_ever_is_waited_for_so_long_and_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    asked(monkeypatch, Flink(READ))
    with pytest.raises(FootfallError, match="did not run within 0 s"):
        checkpoints.await_checkpoint(load_settings(), "a", seconds=0.1)
    monkeypatch.setattr(cluster, "END_SECONDS", 0.1)
    with pytest.raises(FootfallError, match="sessions has not begun"):
        cluster.parallelism(load_settings(), JOB)


def test_the_parallelism_of_a_job_that_is_being_read_is_known_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    asked(monkeypatch, Flink(READ, DEPLOYED, RUNNING))
    assert cluster.parallelism(load_settings(), JOB) == 2
