"""When an upgrade believes that the new SQL has read what waited for it, without a cluster."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from footfall import topic
from footfall.deploy import checkpoints, cluster, metrics, upgrade
from footfall.settings import load_settings


def proof(monkeypatch: pytest.MonkeyPatch, told: list[dict[int, int]], read: dict[int, int]) -> tuple[int, float]:
    """How often a job is asked for its places, which it tells one after the other, and for how many seconds."""
    clock = 0.0
    asked = 0
    answers: Iterator[dict[int, int]] = itertools.chain(told, itertools.repeat(told[-1]))

    def sleep(seconds: float) -> None:
        nonlocal clock
        clock += seconds

    def places(*_: object) -> dict[int, int]:
        nonlocal asked
        asked += 1
        return next(answers)

    monkeypatch.setattr(upgrade.time, "monotonic", lambda: clock)
    monkeypatch.setattr(upgrade.time, "sleep", sleep)
    monkeypatch.setattr(topic, "ends", lambda _: {0: 5, 1: 7})
    monkeypatch.setattr(metrics, "places", places)
    monkeypatch.setattr(cluster, "refuse_failed", lambda *_: None)
    monkeypatch.setattr(checkpoints, "await_checkpoint", lambda *_: None)
    upgrade._prove(load_settings(), "j", read)
    return asked, clock


def test_a_job_that_is_slow_to_start_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    starts: list[dict[int, int]] = [{}] * 60  # half a minute
    assert proof(monkeypatch, [*starts, {0: 0, 1: 0}, {0: 5, 1: 6}, {0: 5, 1: 7}], {}) == (63, 31.0)


def test_a_partition_that_the_old_job_had_read_to_its_end_need_not_be_read_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert proof(monkeypatch, [{}], {0: 5, 1: 7}) == (1, 0.0)
    assert proof(monkeypatch, [{0: 0}, {0: 5}], {0: 4, 1: 7}) == (2, 0.5)


def test_a_partition_of_which_neither_tells_is_read_when_there_was_time_to_begin(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, seconds = proof(monkeypatch, [{}, {}, {0: 0, 1: 7}], {})
    assert seconds == 1.0 + upgrade.BEGIN_SECONDS + 0.5


def test_after_a_minute_the_checkpoint_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    _, seconds = proof(monkeypatch, [{}], {})
    assert seconds == upgrade.PROOF_SECONDS
