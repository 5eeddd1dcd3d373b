"""What was started again, when and why: a small file for each part, written by whoever watches it, read by `status`."""

from __future__ import annotations

import contextlib
import json
import shutil
import time
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from footfall.settings import Settings
from footfall.stack import processes

WINDOW = 600.0  # seconds in which restarts are counted
# Seconds from one restart to the next. After as many within WINDOW nothing is tried any more: it would not help.
PAUSES = (0.0, 5.0, 15.0, 45.0, 90.0)

LEAST_FREE = 64_000_000  # bytes that a server may need as it starts


@dataclass(frozen=True)
class Restarts:
    """Of one part or job. times: Unix seconds, the oldest first, of the last WINDOW; reason: of the last one."""

    name: str
    times: tuple[float, ...] = ()
    reason: str = ""
    gave_up: bool = False

    def advice(self, now: float) -> Literal["now", "later", "never"]:
        """Whether to start it again."""
        recent = [at for at in self.times if now - at < WINDOW]
        if self.gave_up or len(recent) >= len(PAUSES):
            return "never"
        return "now" if not recent or now - recent[-1] >= PAUSES[len(recent)] else "later"

    def sentence(self) -> str:
        """For people; '' where nothing happened lately."""
        if not self.times:
            return ""
        last = datetime.fromtimestamp(self.times[-1], UTC)
        if self.gave_up:
            return (
                f"ended again and again, {len(self.times)} times in ten minutes: not started any more ({self.reason})"
            )
        often = f", {len(self.times)} times in ten minutes" if len(self.times) > 1 else ""
        return f"was started again at {last:%H:%M:%S} UTC{often}: {self.reason}"


def read(settings: Settings, name: str) -> Restarts:
    """What happened to a part within the last WINDOW; what was given up stays until clear()."""
    try:
        given = json.loads(_path(settings, name).read_text())
        found = Restarts(name, tuple(given["times"]), given["reason"], given["gave_up"])
    except (OSError, ValueError, KeyError, TypeError):
        return Restarts(name)
    now = time.time()
    return found if found.gave_up else replace(found, times=tuple(at for at in found.times if now - at < WINDOW))


def every(settings: Settings) -> dict[str, Restarts]:
    """All that something happened to, by name."""
    found = (read(settings, path.stem) for path in sorted(_folder(settings).glob("*.json")))
    return {record.name: record for record in found if record.times or record.reason}


def record(settings: Settings, name: str, reason: str) -> None:
    """It is started again now."""
    before = read(settings, name)
    _write(settings, replace(before, times=(*before.times, time.time()), reason=reason))


def amend(settings: Settings, name: str, reason: str) -> None:
    """Why the last start came to nothing."""
    _write(settings, replace(read(settings, name), reason=reason))


def give_up(settings: Settings, name: str, reason: str) -> None:
    """It ended once more, and is left alone until clear()."""
    _write(settings, replace(read(settings, name), reason=reason, gave_up=True))


def clear(settings: Settings, name: str | None = None) -> None:
    """Try again: one, or all."""
    if name is None:
        shutil.rmtree(_folder(settings), ignore_errors=True)
    else:
        _path(settings, name).unlink(missing_ok=True)


def lacks_space(settings: Settings) -> str:
    """Why nothing is started again now, in words; '' where the disks of the stack's data have space.

    A server that can't write ends at once: to try it then would use up its tries.
    """
    data = settings.home / "data"
    if not data.is_dir():
        return ""
    found = []
    for path in (data, *data.iterdir()):
        with contextlib.suppress(OSError):  # it is just removed
            found.append((shutil.disk_usage(path).free, path))
    free, place = min(found)
    if free >= LEAST_FREE:
        return ""
    return (
        f"only {free / 1e6:.1f} MB are free in {place}: what ends is not started again"
        f" until there are {LEAST_FREE / 1e6:.0f}"
    )


def _write(settings: Settings, record: Restarts) -> None:
    _folder(settings).mkdir(parents=True, exist_ok=True)
    processes.write_whole(_path(settings, record.name), json.dumps(asdict(record)))


def _folder(settings: Settings) -> Path:
    return settings.home / "run" / "restarts"


def _path(settings: Settings, name: str) -> Path:
    return _folder(settings) / f"{name}.json"
