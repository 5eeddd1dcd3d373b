"""What can be done to a running stack, and undone again."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import combinations
from pathlib import Path

import psutil
import psycopg

from footfall.database import connections
from footfall.settings import Settings
from footfall.stack import postgres, processes

from ..helpers import away

# Servers of the embedded stack by the name of their pid file; Postgres has one of its own.
SERVERS = ("kafka", "postgres", "jobmanager", "taskmanager", "collector")
WATCHERS = ("supervisor", "maintenance")  # which start again what has ended, each other too
COLLECTORS = ("collector", "all servers")  # in the names of faults that reach the collector
KEPT_FREE = 512 * 1024  # bytes that a full disk still has: less than any of them writes at once
DISK = "3G"


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong; do() returns once it is over, as far as it is over by itself."""

    name: str
    do: Callable[[Settings], None]
    log: timedelta = timedelta(hours=9)  # of the log's own clock: enough for its load, some 200 records a minute


def process(settings: Settings, name: str) -> psutil.Process | None:
    """The living process of a part."""
    if name == "postgres":
        pid = postgres.is_running(settings.home / "data" / "postgres")
        with contextlib.suppress(psutil.NoSuchProcess):
            return psutil.Process(pid) if pid else None
        return None
    return processes.find(settings.home / "run" / f"{name}.pid")


def kill(*names: str) -> Callable[[Settings], None]:
    """SIGKILL, as a machine without memory does it; to the process alone, not to its children."""

    def do(settings: Settings) -> None:
        for name in names:
            if found := process(settings, name):
                with contextlib.suppress(psutil.NoSuchProcess):
                    found.kill()

    return do


def pause(name: str, seconds: float) -> Callable[[Settings], None]:
    """SIGSTOP for a while, to the process and its children: it is there and does not answer."""

    def do(settings: Settings) -> None:
        found = process(settings, name)
        stopped = [found, *found.children(recursive=True)] if found else []
        for one in stopped:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.suspend()
        time.sleep(seconds)
        for one in stopped:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.resume()

    return do


def refuse_logins(seconds: float) -> Callable[[Settings], None]:
    """The writer may not log in, and is thrown out, for a while."""

    def do(settings: Settings) -> None:
        with psycopg.connect(connections.admin(settings), autocommit=True) as connection:
            connection.execute("ALTER ROLE footfall_writer NOLOGIN")
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'footfall_writer'"
            )
        time.sleep(seconds)
        with psycopg.connect(connections.admin(settings), autocommit=True) as connection:
            connection.execute("ALTER ROLE footfall_writer LOGIN")

    return do


def restart_postgres(settings: Settings) -> None:
    """An orderly stop, as an administrator does it."""
    postgres.stop(settings.home / "data" / "postgres")


def stop_postgres(seconds: float) -> Callable[[Settings], None]:
    """An orderly stop, and nobody starts it again for a while."""

    def do(settings: Settings) -> None:
        with away(settings, "Postgres"):
            time.sleep(seconds)

    return do


def fill_disk(seconds: float) -> Callable[[Settings], None]:
    """No space is left where Kafka, Postgres and Flink keep what they keep, for a while."""

    def do(settings: Settings) -> None:
        filler = settings.home / "data" / "filler"
        free = shutil.disk_usage(filler.parent).free - KEPT_FREE
        with contextlib.suppress(OSError), filler.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, max(free, 1))
        time.sleep(seconds)
        filler.unlink(missing_ok=True)

    return do


def singles(disk: bool) -> list[Fault]:
    """One of each kind; disk: whether the data lie on a disk that may be filled."""
    found = [Fault(f"kill {name}", kill(name)) for name in (*SERVERS, *WATCHERS)]
    found += [Fault(f"stop {name} for 12 s", pause(name, 12)) for name in SERVERS]
    found += [
        Fault("restart Postgres", restart_postgres),
        Fault("refuse logins for 15 s", refuse_logins(15)),
        Fault("kill all servers", kill(*SERVERS)),
    ]
    return found + ([Fault("no space for 12 s", fill_disk(12))] if disk else [])


def outages(disk: bool) -> list[Fault]:
    """What lasts for minutes, in which jobs wait."""
    found = [
        Fault("no Postgres for 10 min", stop_postgres(600), timedelta(hours=24)),
        Fault("refuse logins for 2 min", refuse_logins(120)),
    ]
    return found + ([Fault("no space for 2 min", fill_disk(120))] if disk else [])


def plan(seed: int, runs: int, *, disk: bool) -> list[Sequence[Fault]]:
    """The faults of each run: every kind once, in an order of the seed, and then pairs of two kinds.

    Those of the collector come last, where events come through it.
    """
    rng = random.Random(seed)
    alone = singles(disk)
    rng.shuffle(alone)
    pairs = list(combinations(alone, 2))
    rng.shuffle(pairs)
    chosen = [*((fault,) for fault in alone), *pairs][:runs]
    return sorted(chosen, key=lambda faults: any(word in fault.name for fault in faults for word in COLLECTORS))


@contextlib.contextmanager
def small_disk(home: Path) -> Iterator[bool]:
    """home/data on a file system of its own, so that it can be full; False where this user may not mount one."""
    image, data = home / "disk.img", home / "data"
    data.mkdir(parents=True, exist_ok=True)
    with image.open("wb") as file:
        file.truncate(_bytes(DISK))
    commands = (["mkfs.ext4", "-q", "-m", "0", str(image)], ["mount", "-o", "loop", str(image), str(data)])
    mounted = bool(shutil.which("mkfs.ext4")) and all(
        subprocess.run(command, capture_output=True).returncode == 0 for command in commands
    )
    if mounted:
        data.chmod(0o755)
        shutil.rmtree(data / "lost+found", ignore_errors=True)
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", str(data)], check=True)
        image.unlink()


def _bytes(size: str) -> int:
    return int(size[:-1]) * {"M": 1 << 20, "G": 1 << 30}[size[-1]]
