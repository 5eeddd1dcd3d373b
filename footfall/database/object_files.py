"""The functions, views and triggers of Postgres as sql/postgres has them: one object a file, named after it.

A file opens with `-- NAME: what it is`, creates or replaces the object, and says its COMMENT and who may use it. A
trigger is named TABLE.NAME. Procedures and aggregates are among the functions.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from jobs.sql_script import Fault, read_text

FOLDERS = {"function": "functions", "view": "views", "trigger": "triggers"}
CREATED = re.compile(
    r"^CREATE OR REPLACE (?:(?:FUNCTION|PROCEDURE|AGGREGATE) (?P<function>\w+)\(|VIEW (?P<view>\w+) |"
    r"TRIGGER (?P<trigger>\w+) [^;]*?\bON (?P<table>\w+)\b)",
    re.MULTILINE,
)
MADE_ELSEWHERE = re.compile(r"^CREATE (?:OR REPLACE )?(FUNCTION|PROCEDURE|AGGREGATE|VIEW|TRIGGER) ", re.MULTILINE)
COMMENT = r"^COMMENT ON (?:FUNCTION|PROCEDURE|ROUTINE|VIEW|TRIGGER) {} IS\s+'((?:[^']|'')*)';"


@dataclass(frozen=True)
class ObjectFile:
    """A file of sql/postgres and the one object that it makes."""

    kind: str
    name: str
    path: Path
    text: str

    @property
    def key(self) -> tuple[str, str]:
        """By which the object is known: its kind and name."""
        return self.kind, self.name

    @property
    def hash(self) -> str:
        """SHA-256 of the text, in hexadecimal."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def about(self) -> str:
        """What the object is, in the words with which the file opens."""
        head = re.match(r"(?:-- .*\n)+", self.text)
        words = " ".join(line.removeprefix("-- ") for line in head[0].splitlines()) if head else ""
        return words.removeprefix(f"{self.name}: ")

    def words(self) -> set[str]:
        """The words of its definition, comments left out: among them are the objects that it is made of."""
        return set(re.findall(r"\w+", re.sub("--.*", "", self.text.partition("\nCOMMENT ON ")[0])))

    def filled_tables(self) -> set[str]:
        """The tables that it inserts into, but for change queues: what is in these says when, and not of what."""
        return {name for name in re.findall(r"INSERT INTO (\w+)", self.text) if not name.endswith("_queue")}


def read_objects(folder: Path) -> list[ObjectFile]:
    """The objects below sql/postgres, in the order of their paths. Raises ScriptError for a file that is no UTF-8."""
    found = []
    for kind, name in FOLDERS.items():
        for path in sorted((folder / name).glob("*.sql")):
            found.append(ObjectFile(kind, path.stem, path, read_text(path)))
    return found


def object_faults(objects: list[ObjectFile]) -> list[Fault]:
    """What is wrong with the files themselves; whether Postgres takes what they say, `footfall migrate` finds out."""
    return [fault for it in objects for fault in _faults(it)]


def migration_faults(folder: Path) -> list[Fault]:
    """What sql/postgres/migrations makes that has a file of its own."""
    found = []
    for path in sorted(folder.glob("*.sql")):
        text = read_text(path).partition("-- migrate:down")[0]
        for made in MADE_ELSEWHERE.finditer(text):
            kind = made[1].lower() if made[1] in ("VIEW", "TRIGGER") else "function"
            line = text.count("\n", 0, made.start()) + 1
            message = f"found CREATE {made[1]}: write it into a file of its own, in sql/postgres/{FOLDERS[kind]}"
            found.append(Fault(str(path), line, message))
    return found


def _faults(it: ObjectFile) -> Iterator[Fault]:
    if not it.text.startswith(f"-- {it.name}: "):
        yield Fault(str(it.path), 1, f"opens otherwise: write `-- {it.name}: what it is`")
    created = list(CREATED.finditer(it.text))
    names = [".".join(filter(None, (m["table"], m["function"] or m["view"] or m["trigger"]))) for m in created]
    kinds = [m.lastgroup if m["table"] is None else "trigger" for m in created]
    if names != [it.name] or kinds != [it.kind]:
        found = f"found {', '.join(f'{kind} {name}' for kind, name in zip(kinds, names, strict=True))}" if names else ""
        line = it.text.count("\n", 0, created[0].start()) + 1 if created else 0
        message = f"{found or 'makes nothing'}: write one CREATE OR REPLACE {it.kind.upper()}, {it.name}, here"
        yield Fault(str(it.path), line, message)
        return
    comment = re.search(COMMENT.format(re.escape(it.name)), it.text, re.MULTILINE)
    if comment and comment[1].replace("''", "'") != it.about:
        line = it.text.count("\n", 0, comment.start()) + 1
        yield Fault(str(it.path), line, "found a COMMENT in other words than the first line's: write the same in both")
    if it.kind == "view":
        yield from _view_faults(it, created[0].start())


def _view_faults(it: ObjectFile, start: int) -> Iterator[Fault]:
    line = it.text.count("\n", 0, start) + 1
    try:
        view = sqlglot.parse_one(it.text[start:].partition(";\n")[0], dialect="postgres")
    except SqlglotError as error:
        yield Fault(str(it.path), line, f"can't be read: {str(error).partition(chr(10))[0]}")
        return
    query = view.expression
    if isinstance(query, exp.Query) and query.is_star:
        # Which columns that is, Postgres decides when it makes the view: an old database may have others than new ones.
        yield Fault(str(it.path), line, "found SELECT *: name the columns")
