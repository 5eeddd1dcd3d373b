"""The command line as a user has it: a process of its own, in the environment of the stack or a changed one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from footfall.settings import ROOT, Settings

FOOTFALL = Path(sys.executable).with_name("footfall")
Done = subprocess.CompletedProcess[str]


def run(*arguments: str, settings: Settings | None = None, changes: Mapping[str, str | None] | None = None) -> Done:
    """`footfall …` to its end; settings name the topic, changes are of the environment (None removes)."""
    environment = dict(os.environ)
    if settings:
        environment["RAW_EVENTS_TOPIC"] = settings.topic
    for name, value in (changes or {}).items():
        if value is None:
            environment.pop(name, None)
        else:
            environment[name] = value
    done = subprocess.run(
        [str(FOOTFALL), *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600
    )
    assert "Traceback" not in done.stdout + done.stderr, done.stdout + done.stderr
    return done


def output(*arguments: str, settings: Settings | None = None) -> str:
    """What a command that does its work prints."""
    done = run(*arguments, settings=settings)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def complaint(
    *arguments: str,
    code: int = 1,
    settings: Settings | None = None,
    changes: Mapping[str, str | None] | None = None,
) -> str:
    """The one line that a command which can't do its work says on stderr."""
    done = run(*arguments, settings=settings, changes=changes)
    assert done.returncode == code, done.stdout + done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    return lines[0]
