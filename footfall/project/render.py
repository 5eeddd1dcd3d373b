"""The init file of the stock SQL client: all that sql/ makes, every ${NAME} filled in."""

from __future__ import annotations

import os
from pathlib import Path

from footfall.project.catalog import SQL
from footfall.settings import Settings
from jobs.sql_script import Statement
from jobs.sql_suite import read_suite


def init_statements(settings: Settings) -> list[Statement]:
    """Functions, tables and views in the order in which they must be made, every ${NAME} filled in."""
    return read_suite(SQL, {**os.environ, **settings.values})


def render(settings: Settings, path: Path) -> None:
    """Write the init file for stock sql-client.sh, and an empty history for it, beside each other.

    The one holds the writer's password and the other will: both are readable by this user alone.
    """
    text = "".join(f"{statement.text};\n\n" for statement in init_statements(settings))
    path.parent.mkdir(parents=True, exist_ok=True)
    for file_path, content in ((path, text), (history(path), "")):
        file_path.unlink(missing_ok=True)
        with os.fdopen(os.open(file_path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(content)


def history(path: Path) -> Path:
    """Where the SQL client keeps its history, instead of in the home directory for others to read."""
    return path.with_suffix(".history")
