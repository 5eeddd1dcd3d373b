"""What sql/ holds, for the command line: jobs, tables, what is made of what, the init file of the stock SQL client."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any, NamedTuple

from footfall.errors import FootfallError
from footfall.settings import ROOT, Settings
from jobs.sql_script import Statement, close_match, significant
from jobs.sql_suite import grain, job_names, read_job, read_suite
from jobs.statement_sets import jobs_of, set_names

SQL = ROOT / "sql"
DASHBOARDS = ROOT / "dashboards"


class AnyValue(dict[str, str]):
    """A value for every ${NAME}, for what uses no address: tests and plans."""

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> str:
        return "unused"


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
    for name in names:
        if name in set_names(SQL):
            raise UnknownJob(f"{name} is a statement set: name one of its jobs ({', '.join(jobs_of(SQL, name))})")
    return _known(names, job_names(SQL))


def check_runnable(names: tuple[str, ...]) -> list[str]:
    """The names, each once, if all are jobs or statement sets and no job is meant twice. Raises UnknownJob."""
    checked = _known(names, [*set_names(SQL), *job_names(SQL)])
    for one, other in combinations(checked, 2):
        if twice := [job for job in jobs_of(SQL, one) if job in jobs_of(SQL, other)]:
            raise UnknownJob(f"{one} and {other} both have {twice[0]}: name one of them")
    return checked


def _known(names: tuple[str, ...], known: list[str]) -> list[str]:
    for name in names:
        if name not in known:
            raise UnknownJob(f"no job {name} in sql/jobs{close_match(name, known)} (there are: {', '.join(known)})")
    return list(dict.fromkeys(names))


class UnknownJob(FootfallError):
    """A name on the command line that is no job: misused (exit code 2)."""


def reads_and_writes(name: str, sql_dir: Path = SQL) -> tuple[list[str], list[str]]:
    """Views and tables that a job file names, and the tables that it writes."""
    objects = {path.stem for folder in ("tables", "views") for path in (sql_dir / folder).glob("*.sql")}
    reads: list[str] = []
    writes: list[str] = []
    for statement in read_job(sql_dir, name):
        words = significant(statement.text)
        for before, token in pairwise(words):
            if token.identifier in objects:
                (writes if before.word == "INTO" else reads).append(token.identifier)
    return sorted(set(reads)), sorted(set(writes))


@dataclass(frozen=True)
class Source:
    """A table or view of sql/: what it is, the tables and views that it is made of, the options of a table."""

    name: str
    kind: str
    about: str
    reads: tuple[str, ...]
    options: Mapping[str, str]

    @property
    def topics(self) -> list[str]:
        """The Kafka topics that it reads itself."""
        found = self.options.get("topic", "") if self.options.get("connector") == "kafka" else ""
        return [name.strip() for name in found.split(";") if name.strip()]


def written_tables() -> list[str]:
    """Every table that a shipped job writes."""
    return sorted({table for name in job_names(SQL) for table in reads_and_writes(name)[1]})


def sources(values: Mapping[str, str], sql_dir: Path = SQL) -> dict[str, Source]:
    """Every table and view, each after those that it is made of; values are those of ${NAME}.

    A table that is LIKE another has its options too. Raises ScriptError with all faults of the files.
    """
    statements = [found for found in read_suite(sql_dir, values) if found.kind in ("CREATE TABLE", "CREATE VIEW")]
    names = {statement.name for statement in statements}
    found: dict[str, Source] = {}
    for statement in statements:
        name, kind = statement.name or "", statement.kind.split()[1].lower()
        words = list(pairwise(significant(statement.text)))
        if kind == "table":
            reads = [token.identifier for before, token in words if before.word == "LIKE"]
        else:
            reads = [token.identifier for before, token in words if before.word != "AS"]
        reads = [read for read in dict.fromkeys(reads) if read in names and read != name]
        options = {key: value for read in reads if kind == "table" for key, value in found[read].options.items()}
        about = Path(statement.path).read_text(encoding="utf-8").partition("\n")[0].removeprefix(f"-- {name}: ")
        found[name] = Source(name, kind, about, tuple(reads), {**options, **_options(statement)})
    return found


def below(found: Mapping[str, Source], names: Iterable[str]) -> list[str]:
    """What these tables and views are made of, directly or not, the nearest first."""
    start = list(names)
    order = list(start)
    for name in order:  # grows while it is walked
        order += [read for read in found[name].reads if read not in order]
    return order[len(start) :]


def _options(statement: Statement) -> dict[str, str]:
    """The options of a CREATE TABLE … WITH ('key' = 'value', …)."""
    found = significant(statement.text)
    begins = [place for place, (one, two) in enumerate(pairwise(found)) if one.word == "WITH" and two.text == "("]
    if statement.kind != "CREATE TABLE" or not begins:
        return {}
    rest = found[begins[0] :]
    triples = zip(rest, rest[1:], rest[2:], strict=False)
    return {_text(key.text): _text(value.text) for key, equals, value in triples if equals.text == "="}


def _text(string: str) -> str:
    return string[1:-1].replace("''", "'")


def dashboards(folder: Path = DASHBOARDS) -> dict[str, set[str]]:
    """Every word in the panels' queries of each Grafana dashboard, by the name of its file.

    Among them the tables that it shows, those too that it asks through views and functions of Postgres.
    """
    made = _made_in_postgres()
    found = {}
    for path in sorted(folder.glob("*.json")):
        panels = json.loads(path.read_text())["panels"]
        todo = [word for query in _queries(panels) for word in re.findall(r"\w+", query)]
        words: set[str] = set()
        while todo:
            word = todo.pop()
            if word not in words:
                words.add(word)
                todo += made.get(word, ())
        found[path.stem] = words
    return found


def _made_in_postgres() -> dict[str, set[str]]:
    """The words from which each view, function and filled table of the migrations is told, by its name."""
    found: dict[str, set[str]] = {}
    for path in sorted((SQL / "postgres" / "migrations").glob("*.sql")):
        text = re.sub("--.*", "", path.read_text().partition("-- migrate:down")[0])
        bodies = re.findall(r"CREATE VIEW (\w+) AS\b(.*?);", text, re.DOTALL)
        bodies += re.findall(r"CREATE (?:OR REPLACE )?FUNCTION (\w+)\(.*?\$\$(.*?)\$\$", text, re.DOTALL)
        for name, body in bodies:
            words = set(re.findall(r"\w+", body))
            for made in (name, *re.findall(r"INSERT INTO (\w+)", body)):
                found[made] = found.get(made, set()) | words
    return found


def _queries(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "rawSql" and isinstance(inner, str):
                yield inner
            else:
                yield from _queries(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _queries(inner)


def columns(table: str) -> list[Column]:
    """Columns of sql/tables/TABLE.sql that a person should know, in order."""
    found = []
    for line in (SQL / "tables" / f"{table}.sql").read_text().splitlines():
        if line.startswith("  ") and " COMMENT '" in line and not line.lstrip().startswith("--"):
            head, _, comment = line.strip().partition(" COMMENT '")
            name, _, kind = head.partition(" ")
            found.append(Column(name.strip("`"), kind, comment.rstrip(",").rstrip("'").replace("''", "'")))
    return found


def key(table: str) -> list[str]:
    """The columns of a table's primary key, in its order; none if it has none."""
    text = (SQL / "tables" / f"{table}.sql").read_text()
    found = re.search(r"^\s*PRIMARY KEY \(([^)]*)\)", text, re.MULTILINE)
    return [name.strip(" `") for name in found[1].split(",")] if found else []


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
