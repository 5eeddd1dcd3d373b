"""A copy of the repository, for tests that edit its SQL."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from footfall.settings import ROOT, Settings

COPIED = (
    "sql", "tests/sql", "flink", "flink-conf", "jobs", "udfs", "footfall", "setup.py", "pom.xml", "pyproject.toml",
)  # fmt: skip
Edit = tuple[tuple[str, str], ...]


def copy_repository(root: Path) -> None:
    """All that the commands need, below root; the jars are shared."""
    for name in COPIED:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__", "target"))
        else:
            shutil.copy(ROOT / name, root / name)
    (root / ".footfall").mkdir()
    (root / ".footfall" / "jars").symlink_to(ROOT / ".footfall" / "jars")


class Checkout:
    """A copy of the repository whose SQL a test may edit, and its command line."""

    def __init__(self, root: Path) -> None:
        self.root = root
        copy_repository(root)

    def edit(self, edit: Edit, file: str = "jobs/sessions.sql") -> None:
        """Take the shipped file and put the second text of each pair in the place of the first; '' is the end."""
        text = (ROOT / "sql" / file).read_text()
        for before, after in edit:
            assert before in text
            text = text.replace(before, after) if before else text + after
        (self.root / "sql" / file).write_text(text)

    def run(self, *arguments: str, settings: Settings) -> subprocess.CompletedProcess[str]:
        """`footfall` with these arguments."""
        return self.python("footfall.cli", *arguments, settings=settings)

    def python(self, module: str, *arguments: str, settings: Settings) -> subprocess.CompletedProcess[str]:
        path = f"{self.root}{os.pathsep}{ROOT / 'tests'}"
        environment = {**os.environ, "RAW_EVENTS_TOPIC": settings.topic, "PYTHONPATH": path}
        done = subprocess.run(
            [sys.executable, "-m", module, *arguments],
            cwd=self.root, env=environment, capture_output=True, text=True, timeout=900,
        )  # fmt: skip
        assert "Traceback" not in done.stdout + done.stderr, done.stdout + done.stderr
        return done

    def output(self, *arguments: str, settings: Settings) -> str:
        done = self.run(*arguments, settings=settings)
        print(done.stderr)  # its progress, for whoever reads why a test failed
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout
