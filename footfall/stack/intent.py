"""Whether the stack is meant to run, and whether a command is at work on it: files that all its processes look at."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterable, Iterator
from pathlib import Path

from footfall.errors import FootfallError
from footfall.settings import Settings
from footfall.stack import processes


def _mark(settings: Settings) -> Path:
    return settings.home / "run" / "up"


def set_up(settings: Settings, own: Iterable[str]) -> None:
    """From now on the stack is meant to run: what ends of these parts is started again."""
    _mark(settings).parent.mkdir(parents=True, exist_ok=True)
    processes.write_whole(_mark(settings), "".join(f"{name}\n" for name in own))


def set_down(settings: Settings) -> None:
    _mark(settings).unlink(missing_ok=True)


def is_up(settings: Settings) -> bool:
    """Whether `up` was typed and no `down` since."""
    return _mark(settings).exists()


def own_parts(settings: Settings) -> list[str]:
    """The parts that are ours, not the user's. Only `up` knows: what it starts has all addresses in its environment."""
    try:
        return _mark(settings).read_text().splitlines()
    except FileNotFoundError:
        return []


@contextlib.contextmanager
def hold(settings: Settings) -> Iterator[None]:
    """One `up` or `down` at a time, and no supervisor beside it; the lock goes with the process that holds it."""
    settings.home.mkdir(parents=True, exist_ok=True)
    with (settings.home / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise FootfallError("another `footfall up` or `down` is at work on this stack: wait for it") from None
        yield


def is_held(settings: Settings) -> bool:
    """Whether an `up` or `down` is at work."""
    try:
        # For reading: it must not make the lock that it looks for.
        with (settings.home / "lock").open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False
