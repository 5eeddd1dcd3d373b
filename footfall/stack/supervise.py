"""The supervisor: starts again what has ended of the embedded stack, while it is meant to run.

A part that does not answer though its process is there is killed after a minute and started again. That is safe for
all of them: what Kafka and Postgres acknowledged is on disk and read again, jobs go on from their checkpoints, and
nobody knew what a collector had under way. The maintenance watches the supervisor, and the supervisor it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import psutil

from footfall.errors import FootfallError
from footfall.settings import Settings, load_settings
from footfall.stack import intent, processes, restarts, supervisor
from footfall.stack.parts import PARTS, Part, by_name

EVERY = 2.0  # seconds from one look for their processes to the next
ASK_EVERY = 10.0
SILENCES = 5  # times without an answer, at least: a machine that was asleep for an hour has not hung


class Silence:
    """Since when parts do not answer, though their processes are there."""

    def __init__(self) -> None:
        self._since: dict[tuple[str, int], tuple[float, int]] = {}
        self._answered: set[tuple[str, int]] = set()

    def is_hung(self, part: str, pid: int, answers: bool, age: float, now: float) -> float:
        """Seconds for which it was silent, if that is too long for one that is that old; else 0."""
        if answers:
            self._since.pop((part, pid), None)
            self._answered.add((part, pid))
            return 0.0
        since, times = self._since.get((part, pid), (now, 0))
        self._since[part, pid] = since, times + 1
        has_started = (part, pid) in self._answered or age > processes.STARTS_WITHIN
        is_long = now - since > processes.HUNG_AFTER and times + 1 >= SILENCES
        return now - since if has_started and is_long else 0.0


def supervise(settings: Settings, ended: threading.Event) -> None:
    """Look after the parts that are ours, until `down`, or until ended is set."""
    silence, due = Silence(), 0.0
    with ThreadPoolExecutor(len(PARTS)) as pool:
        while intent.is_up(settings):
            own = [part for part in PARTS if part.name in intent.own_parts(settings) and part.name != "Supervisor"]
            if not intent.is_held(settings):
                start_missing(settings, own)
                if time.monotonic() >= due:
                    due = time.monotonic() + ASK_EVERY
                    start_hung(settings, own, silence, pool)
            if ended.wait(EVERY):
                return


def start_missing(settings: Settings, own: list[Part]) -> None:
    """Start again what has ended, where what it needs is there."""
    there = {part.name for part in own if part.find(settings)}
    missing = [part for part in own if part.name not in there]
    for part in missing:
        if not any(need.name in part.needs for need in missing):
            _start_again(settings, part, f"it had ended: {part.last_error(settings)}")


def start_hung(settings: Settings, own: list[Part], silence: Silence, pool: ThreadPoolExecutor) -> None:
    """Kill what has not answered for a minute, and start it again; not where what it needs does not answer either."""
    there = {part: process for part in own if (process := part.find(settings))}
    asked = {part: pool.submit(part.is_alive, settings) for part in there}
    alive = {part.name: answer.result() for part, answer in asked.items()}
    for part, process in there.items():
        if not all(alive.get(need, True) for need in part.needs):
            continue
        with contextlib.suppress(psutil.NoSuchProcess):
            age = time.time() - process.create_time()
            silent = silence.is_hung(part.name, process.pid, alive[part.name], age, time.monotonic())
            if silent:
                _start_again(settings, part, f"it had not answered for {silent:.0f} s", hung=True)


def _start_again(settings: Settings, part: Part, reason: str, *, hung: bool = False) -> None:
    if restarts.lacks_space(settings):
        return
    record = restarts.read(settings, part.name)
    advice = record.advice(time.time())
    if advice == "never" and not record.gave_up:
        restarts.give_up(settings, part.name, reason)
        _say(f"{part.name} is not started any more: {reason}")
    # An `up` or `down` that has begun meanwhile is the one to do it.
    if advice != "now" or intent.is_held(settings) or not intent.is_up(settings):
        return
    _say(f"{part.name} is started again: {reason}")
    restarts.record(settings, part.name, reason)
    try:
        if hung:
            part.kill(settings)
        part.launch(settings)
        if part.name == "Flink":  # it took its task manager with it
            by_name("Task manager").launch(settings)
    except FootfallError as error:
        restarts.amend(settings, part.name, f"{error}")
        _say(f"{part.name}: {error}")


def _say(line: str) -> None:
    """Into its log."""
    print(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} {line}", flush=True)


def main() -> None:
    """`python -m footfall.stack.supervise`."""
    settings, ended = load_settings(), threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    until = time.monotonic() + 10  # whoever started this writes its pid down a moment later
    while (process := supervisor.find(settings)) is None or process.pid != os.getpid():
        if process or time.monotonic() > until or ended.wait(0.1):
            return  # another was started at the same time
    supervise(settings, ended)


if __name__ == "__main__":
    main()
