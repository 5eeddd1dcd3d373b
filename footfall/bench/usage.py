"""What the task manager uses while a job of `footfall bench` runs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import psutil

from footfall.errors import FootfallError
from footfall.settings import Settings
from footfall.stack import flink


@dataclass
class Usage:
    """Processor time in s, with what it takes to start a job, and the most resident memory in bytes."""

    cpu_seconds: float = 0.0
    peak_bytes: int = 0


@contextmanager
def task_manager_used(settings: Settings) -> Iterator[Usage]:
    """Known when the block has ended; short where the task manager ended in it. FootfallError where there is none."""
    process = flink.task_manager(settings)
    if process is None:
        raise FootfallError("no task manager runs: start one with `footfall up`")
    used, before, done = Usage(), process.cpu_times(), threading.Event()

    def watch() -> None:
        with suppress(psutil.NoSuchProcess):
            while not done.wait(0.2):
                now = process.cpu_times()
                used.cpu_seconds = now.user + now.system - before.user - before.system
                used.peak_bytes = max(used.peak_bytes, process.memory_info().rss)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield used
    finally:
        done.set()
        thread.join()
