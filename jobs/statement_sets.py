"""Statement sets: several jobs of sql/jobs as one Flink job, named in sql/statement_sets/NAME.toml.

    jobs = ["page_views_per_minute", "sessions"]

    [options]  # of Flink, where the one job needs others than the jobs alone; need not be there
    "state.backend.rocksdb.memory.fixed-per-slot" = "640m"

What the jobs have in common, the source and the de-duplication, Flink then computes once. Standard library only;
mistakes are raised as ScriptError with all that were found.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobs.sql_script import Fault, ScriptError, Statement, close_match, read_text, significant

FOLDER = "statement_sets"
SHAPE = 'write jobs = ["…", "…"], and [options] with "key" = "value" where some are needed'


@dataclass(frozen=True)
class Inserts(Statement):
    """One EXECUTE STATEMENT SET of the INSERTs of several files. parts are in the order of the text."""

    parts: tuple[Statement, ...] = ()

    def place(self, line: int) -> tuple[str, int]:
        line -= 1  # EXECUTE STATEMENT SET BEGIN has the first
        for part in self.parts:
            length = part.text.count("\n") + 1
            if 0 < line <= length:
                return part.place(line)
            line -= length
        return self.path, 0


def set_names(sql_dir: Path | str) -> list[str]:
    """The names of all statement sets, in alphabetical order."""
    return sorted(path.stem for path in (Path(sql_dir) / FOLDER).glob("*.toml"))


def jobs_of(sql_dir: Path | str, name: str) -> list[str]:
    """The jobs of a statement set, in the order of its file; of any other name, that name alone."""
    return list(_read(sql_dir, name)["jobs"]) if name in set_names(sql_dir) else [name]


def read_set(sql_dir: Path | str, name: str, jobs: Mapping[str, Sequence[Statement]]) -> list[Statement]:
    """The statements of a set as those of one job: SETs, temporary views, then one EXECUTE STATEMENT SET.

    jobs are the statements of each of its jobs.
    """
    path = str(set_path(sql_dir, name))
    statements = [statement for job in jobs.values() for statement in job]
    sets = [statement for statement in statements if statement.kind == "SET"]
    views = [statement for statement in statements if statement.kind == "CREATE VIEW"]
    if faults := [*_contradictions(sets), *_clashes(views)]:
        raise ScriptError(faults)
    own = [
        Statement(f"SET {_quoted(key)} = {_quoted(value)}", path, 0)
        for key, value in _read(sql_dir, name).get("options", {}).items()
    ]
    parts = tuple(_inserts(job[-1]) for job in jobs.values())
    text = "\n".join(["EXECUTE STATEMENT SET BEGIN", *(part.text for part in parts), "END"])
    return [*sets, *own, *views, Inserts(text, path, 0, parts)]


def set_path(sql_dir: Path | str, name: str) -> Path:
    return Path(sql_dir) / FOLDER / f"{name}.toml"


def set_faults(sql_dir: Path | str, name: str, known: Iterable[str]) -> list[Fault]:
    """What is wrong with the file of a set, known being the names of the jobs that there are."""
    known = list(known)
    path = str(set_path(sql_dir, name))
    try:
        names = _read(sql_dir, name)["jobs"]
    except ScriptError as error:
        return list(error.faults)
    messages = [f"there is no job {job}{close_match(job, known)}" for job in names if job not in known]
    messages += [f"{job} is named twice: name it once" for job in dict.fromkeys(names) if names.count(job) > 1]
    if name in known:
        messages.append(f"there is a job {name} too: rename one of them")
    return [Fault(path, 0, message) for message in messages]


def _read(sql_dir: Path | str, name: str) -> dict[str, Any]:
    path = set_path(sql_dir, name)
    try:
        found = tomllib.loads(read_text(path))
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        raise ScriptError([Fault(str(path), int(line[1]) if line else 0, f"is no TOML: {error}")]) from error
    jobs, options = found.get("jobs"), found.get("options", {})
    is_right = (
        found.keys() <= {"jobs", "options"}
        and isinstance(jobs, list) and jobs and all(isinstance(job, str) for job in jobs)
        and isinstance(options, dict) and all(isinstance(value, str) for value in options.values())
    )  # fmt: skip
    if not is_right:
        raise ScriptError([Fault(str(path), 0, f"found something else than the jobs of a set: {SHAPE}")])
    return found


def _inserts(statement: Statement) -> Statement:
    """The INSERTs of a job's last statement, each with its `;`, without the words around a statement set."""
    if statement.kind == "INSERT":
        return Statement(f"{statement.text};", statement.path, statement.line)
    words = significant(statement.text)
    start, end = words[4].start, words[-1].start  # behind EXECUTE STATEMENT SET BEGIN, before END
    return Statement(statement.text[start:end].rstrip(), statement.path, statement.line_at(start))


def _clashes(views: Iterable[Statement]) -> list[Fault]:
    first: dict[str, Statement] = {}
    faults = []
    for view in views:
        other = first.setdefault(view.name or "", view)
        if other is not view:
            message = f"{other.path} makes a view {view.name} too, and a statement set has both: rename one"
            faults.append(Fault(view.path, view.line, message))
    return faults


def _contradictions(sets: Iterable[Statement]) -> list[Fault]:
    first: dict[str, tuple[str, Statement]] = {}
    faults = []
    for statement in sets:
        key, value = statement.set_option or ("", "")
        other, before = first.setdefault(key, (value, statement))
        if other != value:
            message = f"{before.path} sets {key} to {other}, and a statement set has both: one job has one value"
            faults.append(Fault(statement.path, statement.line, message))
    return faults


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
