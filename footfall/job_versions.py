"""The text of a job: its file and every table and view that it is made of. Kept in Postgres for each submitted job."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import unified_diff
from itertools import pairwise
from pathlib import Path

from jobs.sql_script import significant


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
        found = significant(self.files[f"jobs/{self.job}.sql"])
        return list(dict.fromkeys(name.identifier for into, name in pairwise(found) if into.word == "INTO"))

    def write(self, folder: Path) -> Path:
        """Lay the files out below folder, as an sql/ that runs this job. Returns folder."""
        for name, text in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return folder


def read_version(sql_dir: Path, job: str) -> Version:
    """The version that lies in sql_dir now: the job, what it names, and what that names. OSError for a missing file."""
    known = {path.stem: path for folder in ("tables", "views") for path in sorted((sql_dir / folder).glob("*.sql"))}
    found: dict[str, str] = {}
    waiting = [sql_dir / "jobs" / f"{job}.sql"]
    if (functions := sql_dir / "functions.sql").exists():
        waiting.append(functions)
    while waiting:
        path = waiting.pop()
        name = str(path.relative_to(sql_dir))
        if name not in found:
            found[name] = path.read_text(encoding="utf-8")
            named = {token.identifier for token in significant(found[name])}
            waiting += [known[name] for name in named & known.keys()]
    return Version(job, dict(sorted(found.items())))


def diff(old: Version, new: Version) -> list[str]:
    """The lines that differ, as `diff -u` writes them with one line around each."""
    lines: list[str] = []
    for name in sorted({*old.files, *new.files}):
        before, after = (version.files.get(name, "").splitlines() for version in (old, new))
        lines += unified_diff(before, after, f"sql/{name}", f"sql/{name}", lineterm="", n=1)
    return lines
