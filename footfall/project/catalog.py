"""What sql/ holds, for the command line: jobs, tables, what is made of what."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any, NamedTuple

from footfall.database.object_files import read_objects
from footfall.errors import Misused
from footfall.settings import ROOT
from jobs.sql_script import Fault, ScriptError, Statement, Token, close_match, read_script, significant
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


class UnknownJob(Misused):
    """A name on the command line that is no job."""


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
        inherited = {key: value for read in reads if kind == "table" for key, value in found[read].options.items()}
        about = Path(statement.path).read_text(encoding="utf-8").partition("\n")[0].removeprefix(f"-- {name}: ")
        found[name] = Source(name, kind, about, tuple(reads), {**inherited, **options(statement)})
    return found


def below(found: Mapping[str, Source], names: Iterable[str]) -> list[str]:
    """What these tables and views are made of, directly or not, the nearest first."""
    start = list(names)
    order = list(start)
    for name in order:  # grows while it is walked
        order += [read for read in found[name].reads if read not in order]
    return order[len(start) :]


def options(statement: Statement) -> dict[str, str]:
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
    """Every word in the panels' queries of each Grafana dashboard, by the name of its file."""
    return {
        path.stem: {
            word
            for query in _queries(json.loads(path.read_text())["panels"])
            for word in re.findall(r"\w+", query)
        }
        for path in sorted(folder.glob("*.json"))
    }  # fmt: skip


def made_in_postgres(sql_dir: Path = SQL) -> dict[str, set[str]]:
    """The words of which each view, function and filled table of sql/postgres is made, by its name."""
    found: dict[str, set[str]] = {}
    for it in read_objects(sql_dir / "postgres"):
        if it.kind != "trigger":
            for made in (it.name, *it.filled_tables()):
                found[made] = found.get(made, set()) | it.words()
    return found


def words_below(words: Iterable[str], made: Mapping[str, set[str]]) -> set[str]:
    """These words and all that they are made of, directly or not."""
    todo, found = list(words), set[str]()
    while todo:
        word = todo.pop()
        if word not in found:
            found.add(word)
            todo += made.get(word, ())
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


def columns(table: str, sql_dir: Path = SQL) -> list[Column]:
    """The columns that sql/tables/TABLE.sql declares, in order."""
    found = []
    for text, item in _items(create_table(table, sql_dir)):
        if item[0].word not in ("PRIMARY", "CONSTRAINT", "WATERMARK"):
            ends = [number for number, token in enumerate(item) if token.word in ("COMMENT", "PRIMARY", "CONSTRAINT")]
            last = item[ends[0] - 1] if ends else item[-1]
            comment = [two.text for one, two in pairwise(item) if one.word == "COMMENT" and two.kind == "string"]
            kind = " ".join(text[item[1].start : last.end].split())
            found.append(Column(item[0].identifier, kind, _text(comment[0]) if comment else ""))
    return found


def key(table: str, sql_dir: Path = SQL) -> list[str]:
    """The columns of a table's primary key, in its order; none if it has none."""
    for _, item in _items(create_table(table, sql_dir)):
        words = [token.word for token in item]
        if "PRIMARY" in words and words[0] not in ("PRIMARY", "CONSTRAINT"):
            return [item[0].identifier]
        if "PRIMARY" in words:
            named = [token for token in item[words.index("PRIMARY") + 2 :] if token.identifier]
            return [token.identifier for token in named if token.word not in ("NOT", "ENFORCED")]
    return []


def create_table(table: str, sql_dir: Path = SQL) -> Statement:
    """The statement of sql/tables/TABLE.sql. Raises ScriptError where there is none."""
    path = sql_dir / "tables" / f"{table}.sql"
    for statement in read_script(path):
        if statement.kind == "CREATE TABLE":
            return statement
    raise ScriptError([Fault(str(path), 0, "found no CREATE TABLE: write one")])


def line_of(statement: Statement, name: str) -> int:
    """The line on which a CREATE TABLE declares a column, or its PRIMARY key; else that on which it begins."""
    for before, token in pairwise(significant(statement.text)):
        if before.text in ("(", ",") and name in (token.identifier, token.word):
            return statement.line_at(token.start)
    return statement.line


def _items(statement: Statement) -> Iterator[tuple[str, list[Token]]]:
    """What stands between the commas of a CREATE TABLE's parentheses, with the text that the tokens are of."""
    depth = 0
    item: list[Token] = []
    for token in significant(statement.text):
        if depth == 1 and token.text in (",", ")"):
            if len(item) > 1:
                yield statement.text, item
            item = []
            if token.text == ")":
                return
        elif depth:
            item.append(token)
        if token.text in ("(", ")"):
            depth += 1 if token.text == "(" else -1
        elif token.text in ("<", ">") and [part.word for part in item[1:2]] != ["AS"]:
            depth += 1 if token.text == "<" else -1
