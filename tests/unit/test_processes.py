"""Processes that are found again by their pid files, and stopped."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from footfall.stack import processes

DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"


def started(folder: Path, *arguments: str) -> tuple[psutil.Process, Path]:
    pid_file = folder / "run" / "part.pid"
    return processes.start("a part", [*arguments], os.environ, pid_file, folder / "part.log"), pid_file


def test_a_process_is_stopped_and_nothing_is_left_of_it(tmp_path: Path) -> None:
    process, pid_file = started(tmp_path, "sleep", "60")
    assert processes.stop(pid_file)
    assert not process.is_running()
    assert not pid_file.exists()
    assert not processes.stop(pid_file)


@pytest.mark.skipif(sys.platform != "linux", reason="the time of a process's start is stored as such elsewhere")
@pytest.mark.parametrize("seconds", [-86_400, -1, 1, 86_400])
def test_a_process_is_found_after_the_clock_was_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: int
) -> None:
    process, pid_file = started(tmp_path, "sleep", "60")
    begun, boot = process.create_time(), psutil.boot_time()
    monkeypatch.setattr("psutil._pslinux.boot_time", lambda: boot + seconds)
    assert psutil.Process(process.pid).create_time() == begun + seconds
    assert processes.find(pid_file) == process
    assert processes.stop(pid_file)


def test_a_process_is_found_from_its_first_moment_and_while_its_program_starts_another(tmp_path: Path) -> None:
    """Between two programs a process has no environment that could be read."""
    again = 'n=$1; [ $n -eq 0 ] && exec sleep 60; exec sh -c "$0" "$0" $((n - 1))'
    for _ in range(20):
        process, pid_file = started(tmp_path, "sh", "-c", again, again, "100")
        while process.name() == "sh":
            assert processes.find(pid_file) == process
        assert processes.stop(pid_file)


def test_a_pid_that_is_another_process_by_now_is_not_it(tmp_path: Path) -> None:
    process, pid_file = started(tmp_path, "sleep", "60")
    other = subprocess.Popen(["sleep", "60"])
    (tmp_path / "other.pid").write_text(f"{process.pid} 0\n")
    begin = pid_file.read_text()
    pid_file.write_text(begin.replace(str(process.pid), str(other.pid)))
    assert processes.find(pid_file) is None
    assert processes.find(tmp_path / "other.pid") is None
    pid_file.write_text(begin)
    assert processes.stop(pid_file)
    other.kill()
    other.wait()


def test_a_process_that_does_not_listen_is_made_to_end(tmp_path: Path) -> None:
    process, pid_file = started(tmp_path, sys.executable, "-c", DEAF)
    while not (tmp_path / "part.log").read_text():
        time.sleep(0.05)
    assert processes.stop(pid_file, timeout=0.2)
    assert not process.is_running()


def test_a_process_is_stopped_whose_parent_takes_no_notice_of_its_end(tmp_path: Path) -> None:
    """As `footfall down` beside the program that started the stack: the ended process stays a zombie of that."""
    start = (
        "import os, sys, time; from pathlib import Path; from footfall.stack import processes;"
        " processes.start('a part', ['sleep', '60'], os.environ, Path(sys.argv[1]), Path(sys.argv[2]));"
        " print('started', flush=True); time.sleep(60)"
    )
    pid_file = tmp_path / "part.pid"
    command = [sys.executable, "-c", start, str(pid_file), str(tmp_path / "part.log")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        assert parent.stdout.readline() == "started\n"
        begun = time.monotonic()
        assert processes.stop(pid_file)
        assert time.monotonic() - begun < 10
        parent.kill()


def test_of_processes_those_are_left_that_go_on_and_not_those_that_nobody_took_notice_of(tmp_path: Path) -> None:
    start = (
        "import subprocess, time; ends, goes_on = (subprocess.Popen(['sleep', n]) for n in ('0', '60'));"
        " print(ends.pid, goes_on.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", start], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        ends, goes_on = (psutil.Process(int(pid)) for pid in parent.stdout.readline().split())
        assert processes.wait([ends], 10) == []
        assert ends.status() == psutil.STATUS_ZOMBIE
        assert processes.wait([ends, goes_on], 0.1) == [goes_on]
        begun = time.monotonic()
        processes.end([goes_on], seconds=10)
        assert time.monotonic() - begun < 5
        parent.kill()
