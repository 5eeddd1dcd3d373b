"""What sql/ holds, for the command line: jobs, tables, the init file of the stock SQL client."""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from footfall.errors import FootfallError
from footfall.settings import ROOT, Settings
from jobs.sql_script import Statement, close_match, significant
from jobs.sql_suite import grain, job_names, read_job, read_suite

SQL = ROOT / "sql"


class Column(NamedTuple):
    """One column of a table, as it is declared."""

    name: str
    type: str
    comment: str


def all_jobs() -> dict[str, str]:
    """Every shipped job with its first line: one row per …"""
    return {name: grain(SQL / "jobs" / f"{name}.sql") for name in job_names(SQL)}


def check_names(names: tuple[str, ...]) -> list[str]:
    """The names, each once, if all are jobs; raises UnknownJob with the nearest name."""
    known = job_names(SQL)
    for name in names:
        if name not in known:
            raise UnknownJob(f"no job {name} in sql/jobs{close_match(name, known)} (there are: {', '.join(known)})")
    return list(dict.fromkeys(names))


class UnknownJob(FootfallError):
    """A name on the command line that is no job: misused (exit code 2)."""


def reads_and_writes(name: str) -> tuple[list[str], list[str]]:
    """Views and tables that a job file names, and the tables that it writes."""
    objects = {path.stem for folder in ("tables", "views") for path in (SQL / folder).glob("*.sql")}
    reads: list[str] = []
    writes: list[str] = []
    for statement in read_job(SQL, name):
        words = significant(statement.text)
        for before, token in pairwise(words):
            if token.identifier in objects:
                (writes if before.word == "INTO" else reads).append(token.identifier)
    return sorted(set(reads)), sorted(set(writes))


def columns(table: str) -> list[Column]:
    """Columns of sql/tables/TABLE.sql that a person should know, in order."""
    found = []
    for line in (SQL / "tables" / f"{table}.sql").read_text().splitlines():
        if line.startswith("  ") and " COMMENT '" in line and not line.lstrip().startswith("--"):
            head, _, comment = line.strip().partition(" COMMENT '")
            name, _, kind = head.partition(" ")
            found.append(Column(name.strip("`"), kind, comment.rstrip(",").rstrip("'").replace("''", "'")))
    return found


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
    """Where the SQL client is told to keep its history, instead of in the home directory for others to read."""
    return path.with_suffix(".history")
