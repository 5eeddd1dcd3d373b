"""From which checkpoint a restore is tried while the job goes on, without a cluster."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from footfall.deploy import plan
from footfall.deploy.cluster import Job
from footfall.deploy.versions import Version
from footfall.settings import load_settings

RUNNING = Job("a" * 32, "sessions", "RUNNING")


class Refuses:
    """A planner to which these checkpoints do not restore."""

    def __init__(self, *checkpoints: str) -> None:
        self.checkpoints = checkpoints
        self.tried: list[str] = []

    def trial(self, _: Version) -> Callable[[str], str]:
        return self.refusal

    def refusal(self, checkpoint: str) -> str:
        self.tried.append(checkpoint)
        return f"no {checkpoint}" if checkpoint in self.checkpoints else ""


@pytest.mark.parametrize(
    ("newest", "refused", "found", "tried"),
    [
        (["1"], (), ("1", ""), ["1"]),
        (["1", "1"], ("1",), ("1", "no 1"), ["1"]),  # it is still there: that is Flink's answer
        (["1", "3"], ("1",), ("3", ""), ["1", "3"]),  # it was removed meanwhile
        (["1", "2", "3", "4"], ("1", "2", "3"), ("3", "no 3"), ["1", "2", "3"]),
        ([None], (), (None, None), []),
    ],
)
def test_a_checkpoint_that_is_gone_is_no_refusal(
    monkeypatch: pytest.MonkeyPatch,
    newest: Sequence[str | None],
    refused: tuple[str, ...],
    found: tuple[str | None, str | None],
    tried: list[str],
) -> None:
    answers = iter(newest)
    monkeypatch.setattr(plan.checkpoints, "latest_checkpoint", lambda *_: next(answers))
    planner: Any = Refuses(*refused)
    version = Version(job="sessions", files={})
    assert plan._tried(load_settings(), planner, version, RUNNING, None) == found
    assert planner.tried == tried


def test_the_savepoint_of_a_stopped_job_is_tried_once() -> None:
    planner: Any = Refuses("1")
    version = Version(job="sessions", files={})
    assert plan._tried(load_settings(), planner, version, None, "1") == ("1", "no 1")
    assert planner.tried == ["1"]
