"""What is started again, how often, and when nothing is tried any more; what a killed parent leaves behind."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from e2e.helpers import wait_for

from footfall.errors import FootfallError
from footfall.settings import Settings, load_settings
from footfall.stack import intent, processes, restarts, supervise
from footfall.stack.parts import PARTS, Part, by_name
from footfall.stack.restarts import PAUSES, WINDOW, Restarts


@pytest.fixture
def stack(tmp_path: Path) -> Settings:
    """A stack of which nothing was ever started."""
    return dataclasses.replace(load_settings(), home=tmp_path)


def part_that(stack: Settings, launch: Callable[[Settings], object], name: str = "Kafka") -> Part:
    pid_file = stack.home / "run" / "part.pid"
    return dataclasses.replace(
        by_name(name), launch=launch, pid_file=lambda settings: pid_file, needs=(),
        log_file=lambda settings: stack.home / "logs" / "part.log",
    )  # fmt: skip


def test_a_part_is_started_at_once_then_ever_later_and_after_five_times_in_ten_minutes_not_any_more() -> None:
    now, times = 1_000_000.0, list[float]()
    for pause in PAUSES:
        record = Restarts("Kafka", tuple(times))
        if pause:
            assert record.advice(now + pause - 1) == "later"
        now += pause
        assert record.advice(now) == "now"
        times.append(now)
    assert len(times) == 5
    assert times[-1] - times[0] < WINDOW
    assert Restarts("Kafka", tuple(times)).advice(now + 60) == "never"
    assert Restarts("Kafka", tuple(times)).advice(times[0] + WINDOW + 1) == "now", "four are left in ten minutes"
    assert Restarts("Kafka", tuple(times), gave_up=True).advice(now + 2 * WINDOW) == "never"


def test_what_ends_again_and_again_is_given_up_with_its_reason_until_it_is_tried_anew(
    stack: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, launched = [1_000_000.0], []
    monkeypatch.setattr(time, "time", lambda: clock[0])
    intent.set_up(stack, ["Kafka"])

    def launch(settings: Settings) -> None:
        launched.append(clock[0])
        raise FootfallError("port 1 for Kafka is in use")

    part = part_that(stack, launch)
    for _ in range(300):
        supervise.start_missing(stack, [part])
        clock[0] += 1
    assert len(launched) == 5
    record = restarts.read(stack, "Kafka")
    assert record.gave_up
    assert restarts.every(stack) == {"Kafka": record}
    assert "5 times in ten minutes: not started any more" in record.sentence()
    restarts.clear(stack)
    supervise.start_missing(stack, [part])
    assert len(launched) == 6
    assert restarts.read(stack, "Kafka").sentence().endswith("UTC: port 1 for Kafka is in use")


def test_a_full_disk_uses_up_no_tries(stack: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    free, launched = [restarts.LEAST_FREE - 1], list[Settings]()
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=free[0]))
    intent.set_up(stack, ["Kafka"])
    part = part_that(stack, launched.append)
    assert restarts.lacks_space(stack) == ""  # nothing was ever started: there are no data
    (stack.home / "data").mkdir()
    supervise.start_missing(stack, [part])
    assert launched == []
    assert restarts.read(stack, "Kafka").times == ()
    assert restarts.lacks_space(stack) == (
        f"only 64.0 MB are free in {stack.home / 'data'}: what ends is not started again until there are 64"
    )
    free[0] += 1
    supervise.start_missing(stack, [part])
    assert launched == [stack]


def test_nothing_is_started_while_a_command_is_at_work_or_the_stack_is_down(stack: Settings) -> None:
    launched: list[Settings] = []
    part = part_that(stack, launched.append)
    supervise.start_missing(stack, [part])
    assert launched == []
    intent.set_up(stack, ["Kafka"])
    assert not intent.is_held(stack)
    with intent.hold(stack):
        assert intent.is_held(stack)
        supervise.start_missing(stack, [part])
        with pytest.raises(FootfallError, match="another `footfall up` or `down` is at work"), intent.hold(stack):
            pass
    assert launched == []
    supervise.start_missing(stack, [part])
    assert launched == [stack]
    intent.set_down(stack)
    assert not intent.is_up(stack)


def test_what_needs_a_part_that_is_not_there_waits_for_it(stack: Settings) -> None:
    launched: list[str] = []
    intent.set_up(stack, [part.name for part in PARTS])
    kafka = part_that(stack, lambda settings: launched.append("Kafka"))
    flink = dataclasses.replace(part_that(stack, lambda settings: launched.append("Flink"), "Flink"), needs=("Kafka",))
    supervise.start_missing(stack, [kafka, flink])
    assert launched == ["Kafka"]


def test_a_part_hangs_that_was_silent_five_times_in_a_minute_and_not_one_that_slept_with_the_machine() -> None:
    silence = supervise.Silence()
    assert [silence.is_hung("Kafka", 7, False, 900, at) for at in (0, 15, 30, 45, 70)] == [0, 0, 0, 0, 70]
    assert silence.is_hung("Kafka", 7, True, 900, 80) == 0
    assert silence.is_hung("Kafka", 7, False, 900, 90) == 0
    assert silence.is_hung("Kafka", 7, False, 900, 4000) == 0, "the machine was asleep"


def test_a_part_that_was_just_started_has_three_minutes_until_its_first_answer() -> None:
    silence = supervise.Silence()
    for at in range(0, 180, 10):
        assert silence.is_hung("Flink", 7, False, at, at) == 0
    assert silence.is_hung("Flink", 7, False, 181, 181) == 181
    assert silence.is_hung("Flink", 8, True, 10, 10) == 0
    assert [silence.is_hung("Flink", 8, False, at, at) for at in range(20, 100, 10)][-1] == 70, "it had answered"


def test_a_part_that_hangs_is_killed_and_started_again(stack: Settings) -> None:
    pid_file, log = stack.home / "run" / "part.pid", stack.home / "logs" / "part.log"
    intent.set_up(stack, ["Kafka"])

    def launch(settings: Settings) -> psutil.Process:
        return processes.start("a part", ["sleep", "60"], os.environ, pid_file, log)

    part = dataclasses.replace(part_that(stack, launch), answers=lambda settings: False)
    first = launch(stack)
    first.suspend()
    silence = supervise.Silence()
    silence.is_hung("Kafka", first.pid, True, 0, 0)
    for at in range(5):
        silence.is_hung("Kafka", first.pid, False, 0, time.monotonic() - 100 + at)
    with supervise.ThreadPoolExecutor(1) as pool:
        supervise.start_hung(stack, [part], silence, pool)
    second = part.find(stack)
    assert second
    assert second.pid != first.pid
    assert not first.is_running() or first.status() == psutil.STATUS_ZOMBIE
    assert "it had not answered for " in restarts.read(stack, "Kafka").sentence()
    processes.stop(pid_file)


PARENT = "import subprocess, time; subprocess.Popen(['sleep', '60']); time.sleep(60)"


def test_what_a_killed_parent_left_is_ended_before_its_part_is_started_and_nobody_elses(tmp_path: Path) -> None:
    pid_file, log = tmp_path / "run" / "part.pid", tmp_path / "part.log"
    parent = processes.start("a part", [sys.executable, "-c", PARENT], os.environ, pid_file, log)
    wait_for("its child", parent.children, 20)
    [child] = parent.children()
    foreign = subprocess.Popen(["sleep", "60"], env={**os.environ, processes.PID_FILE: str(tmp_path / "other.pid")})
    parent.kill()
    parent.wait(10)
    assert processes.find(pid_file) is None
    assert child.is_running()
    processes.start("a part", ["sleep", "60"], os.environ, pid_file, log)
    assert processes.wait([child], 0) == []
    assert foreign.poll() is None
    assert processes.stop(pid_file)
    foreign.kill()
    foreign.wait()


def test_a_parts_last_error_is_that_of_the_process_that_ended(tmp_path: Path) -> None:
    pid_file, log = tmp_path / "run" / "part.pid", tmp_path / "part.log"
    log.write_text("2026-11-29 12:00:00,000 ERROR of long ago\n")
    processes.start("a part", ["echo", "fine"], os.environ, pid_file, log)
    wait_for("its word", lambda: "fine" in log.read_text(), 10)
    assert processes.last_error(log, pid_file) == "no reason in its log"
    processes.start("a part", ["echo", "2026-11-29 12:00:01,000 FATAL disk full"], os.environ, pid_file, log)
    wait_for("its word", lambda: "disk" in log.read_text(), 10)
    assert processes.last_error(log, pid_file) == "FATAL disk full"
