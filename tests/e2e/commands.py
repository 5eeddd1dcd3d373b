"""The command line as a user has it: a process of its own, in the environment of the stack or a changed one.

planning() calls it in this process instead: what needs a planner finds the one that the call before it has started.
"""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from unittest.mock import patch

from footfall import cli
from footfall.settings import ROOT, Settings

FOOTFALL = Path(sys.executable).with_name("footfall")
Done = subprocess.CompletedProcess[str]


def run(*arguments: str, settings: Settings | None = None, changes: Mapping[str, str | None] | None = None) -> Done:
    """`footfall …` to its end; settings name the topic, changes are of the environment (None removes)."""
    done = subprocess.run(
        [str(FOOTFALL), *arguments],
        cwd=ROOT, env=_environment(settings, changes), capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert "Traceback" not in done.stdout + done.stderr, done.stdout + done.stderr
    return done


def planning(
    *arguments: str, settings: Settings | None = None, changes: Mapping[str, str | None] | None = None
) -> Done:
    """`footfall …` to its end as run() does it, by this process."""
    code, stdout, stderr = 0, io.StringIO(), io.StringIO()
    with (
        patch.dict(os.environ, _environment(settings, changes), clear=True),
        patch("sys.argv", ["footfall", *arguments]),
        patch.object(cli, "_end_as_on_ctrl_c"),
        contextlib.redirect_stdout(stdout),
        contextlib.redirect_stderr(stderr),
    ):
        try:
            cli.main()
        except SystemExit as ended:
            code = int(ended.code or 0)
    return Done(["footfall", *arguments], code, stdout.getvalue(), stderr.getvalue())


def _environment(settings: Settings | None, changes: Mapping[str, str | None] | None) -> dict[str, str]:
    topic = {"RAW_EVENTS_TOPIC": settings.topic} if settings else {}
    changed = {**os.environ, **topic, **(changes or {})}
    return {name: value for name, value in changed.items() if value is not None}


def output(*arguments: str, settings: Settings | None = None, by: Callable[..., Done] = run) -> str:
    """What a command that does its work prints."""
    done = by(*arguments, settings=settings)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def complaint(
    *arguments: str,
    code: int = 1,
    settings: Settings | None = None,
    changes: Mapping[str, str | None] | None = None,
    by: Callable[..., Done] = run,
) -> str:
    """The one line that a command which can't do its work says on stderr."""
    done = by(*arguments, settings=settings, changes=changes)
    assert done.returncode == code, done.stdout + done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    return lines[0]
