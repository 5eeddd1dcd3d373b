"""The text of a job: its file and every table and view that it is made of. Kept in Postgres for each submitted job."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path

from footfall.planner.statements import written
from footfall.project.catalog import AnyValue, below, reads_and_writes, sources
from jobs.sql_script import parse, significant
from jobs.statement_sets import FOLDER, jobs_of


@dataclass(frozen=True)
class Version:
    """What a job is: path below sql/ to text, for all that decides what its tables hold."""

    job: str
    files: Mapping[str, str]

    @property
    def id(self) -> str:
        """SHA-256 of the files: the same texts have the same id anywhere."""
        return hashlib.sha256(json.dumps([self.job, sorted(self.files.items())]).encode()).hexdigest()

    @property
    def tables(self) -> list[str]:
        """The tables that it writes, in their order."""
        files = [(name, text) for name, text in self.files.items() if name.startswith("jobs/")]
        return written(statement for name, text in files for statement in parse(text, name))

    def write(self, folder: Path) -> Path:
        """Lay the files out below folder, as an sql/ that runs this job. Returns folder."""
        for name, text in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return folder


def read_version(sql_dir: Path, job: str) -> Version:
    """The version that lies in sql_dir: the job, what it names, and what that names. ScriptError for wrong files."""
    made_of = sources(AnyValue(), sql_dir)
    reads, writes = reads_and_writes(job, sql_dir)
    names = {*reads, *writes, *below(made_of, reads)}
    paths = [f"jobs/{name}.sql" for name in jobs_of(sql_dir, job)]
    paths += [f"{made_of[name].kind}s/{name}.sql" for name in names]
    paths += [path for path in ("functions.sql", f"{FOLDER}/{job}.toml") if (sql_dir / path).exists()]
    return Version(job, {path: (sql_dir / path).read_text(encoding="utf-8") for path in sorted(paths)})


def diff(old: Version, new: Version) -> list[str]:
    """The lines that differ, as `diff -u` writes them with one line around each."""
    lines: list[str] = []
    for name in sorted({*old.files, *new.files}):
        before, after = (version.files.get(name, "").splitlines() for version in (old, new))
        lines += unified_diff(before, after, f"sql/{name}", f"sql/{name}", lineterm="", n=1)
    return lines


def other_declarations(old: Version, new: Version) -> list[str]:
    """The tables and functions that differ in more than comments: their options are in no plan."""
    return [
        f"sql/{name}"
        for name in sorted(old.files.keys() & new.files.keys())
        if name.startswith(("tables/", "functions"))
        and [token.text for token in significant(old.files[name])] != [t.text for t in significant(new.files[name])]
    ]
