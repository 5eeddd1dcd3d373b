"""The house of SQL files: what sql/tables, sql/views, sql/functions.sql and sql/jobs must hold, read and checked.

Standard library only. Everything raises ScriptError with all the faults that were found, each with its file and line.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

from jobs import statement_sets
from jobs.sql_script import Fault, ScriptError, Statement, close_match, read_script, read_text, significant, substitute

HEADER = re.compile(r"--\s*(\w+): (one row per .*\S)\s*")


def read_suite(sql_dir: Path | str, values: Mapping[str, str]) -> list[Statement]:
    """What every job may use, in the order in which it is created: functions, then tables and views.

    sql_dir/functions.sql (need not exist) holds CREATE FUNCTIONs, each file of tables/ one CREATE TABLE and each of
    views/ one CREATE VIEW of the file's own name. ${NAME} in tables is filled in from values.
    """
    root = Path(sql_dir)
    faults: list[Fault] = []
    functions: list[Statement] = []
    scripts: dict[str, list[Statement]] = {}
    if (root / "functions.sql").exists():
        with _collecting(faults):
            functions = substitute(read_script(root / "functions.sql"), values)
            _check_kinds(functions, "CREATE FUNCTION")
    for kind, path in _files(root):
        with _collecting(faults):
            script = read_script(path)
            _check_object(path, script, kind)
            if path.stem in scripts:
                message = f"found a table of this name too, {scripts[path.stem][0].path}: rename one of them"
                raise ScriptError([Fault(str(path), script[0].line, message)])
            scripts[path.stem] = script
            scripts[path.stem] = substitute(script, values)
    if faults:
        raise ScriptError(faults)
    return functions + [statement for name in load_order(scripts) for statement in scripts[name]]


def read_job(sql_dir: Path | str, name: str) -> list[Statement]:
    """The statements of a job: SETs and temporary views, then one INSERT or EXECUTE STATEMENT SET.

    They are those of sql_dir/jobs/NAME.sql, or of all the jobs that sql_dir/statement_sets/NAME.toml names.
    """
    known = job_names(sql_dir)
    if name in statement_sets.set_names(sql_dir):
        if wrong := statement_sets.set_faults(sql_dir, name, known):
            raise ScriptError(wrong)
        return statement_sets.read_set(sql_dir, name, read_jobs(sql_dir, statement_sets.jobs_of(sql_dir, name)))
    path = Path(sql_dir) / "jobs" / f"{name}.sql"
    if name not in known:
        listed = f"the jobs are {', '.join(known)}" if known else "there are no jobs"
        message = f"there is no job {name}{close_match(Path(name).stem, known)} ({listed})"
        raise ScriptError([Fault(str(path.parent), 0, message)])
    faults: list[Fault] = []
    statements: list[Statement] = []
    with _collecting(faults):
        job_header(path)
    with _collecting(faults):
        statements = read_script(path)
        faults += _job_faults(path, statements)
        substitute(statements, {})
    if faults:
        raise ScriptError(faults)
    return statements


def read_jobs(sql_dir: Path | str, names: Iterable[str]) -> dict[str, list[Statement]]:
    """The statements of several jobs by name. Raises ScriptError with the faults of all of them."""
    jobs: dict[str, list[Statement]] = {}
    faults: list[Fault] = []
    for name in names:
        with _collecting(faults):
            jobs[name] = read_job(sql_dir, name)
    if faults:
        raise ScriptError(faults)
    return jobs


def job_names(sql_dir: Path | str) -> list[str]:
    """The names of all jobs, in alphabetical order."""
    return sorted(path.stem for path in (Path(sql_dir) / "jobs").glob("*.sql"))


def load_order(scripts: Mapping[str, list[Statement]]) -> list[str]:
    """The names so ordered that each comes after those it mentions, alphabetical where that leaves a choice.

    A table mentions the one that it is LIKE, a view any name in its query. Raises ScriptError for a cycle.
    """
    waits = {name: _mentioned(script) & scripts.keys() - {name} for name, script in scripts.items()}
    order: list[str] = []
    while len(order) < len(waits):
        free = [name for name in waits if name not in order and waits[name] <= set(order)]
        if not free:
            raise ScriptError([_cycle(scripts, {name: needs - set(order) for name, needs in waits.items()}, order)])
        order.append(min(free))
    return order


def job_header(path: Path | str) -> tuple[str, str]:
    """(name, sentence) of a job file's first line, `-- name: one row per …`. Raises ScriptError if it is not that."""
    stem = Path(path).stem
    match = HEADER.fullmatch(read_text(path).partition("\n")[0])
    if match is None:
        raise ScriptError([Fault(str(path), 1, f"the first line says what a row is: write -- {stem}: one row per …")])
    if match[1] != stem:
        message = f"found the name {match[1]} in {stem}.sql: write -- {stem}: {match[2]}"
        raise ScriptError([Fault(str(path), 1, message)])
    return match[1], match[2]


def grain(path: Path | str) -> str:
    """What a row of a job's table is, `one row per …`. Raises as job_header does."""
    return job_header(path)[1]


def _mentioned(script: Iterable[Statement]) -> set[str]:
    names = set()
    for statement in script:
        found = significant(statement.text)
        for before, token in pairwise(found):
            if before.word == "LIKE" or (statement.kind != "CREATE TABLE" and before.word != "AS"):
                names.add(token.identifier)
    return names


def _cycle(scripts: Mapping[str, list[Statement]], waits: Mapping[str, set[str]], done: Collection[str]) -> Fault:
    chain = [min(name for name in waits if name not in done)]
    while chain[-1] not in chain[:-1]:
        chain.append(min(waits[chain[-1]]))
    circle = chain[chain.index(chain[-1]) :]
    first = scripts[circle[0]][0]
    return Fault(first.path, first.line, f"found a circle, {' → '.join(circle)}: select from what needs none of these")


@contextmanager
def _collecting(faults: list[Fault]) -> Iterator[None]:
    """Keep the faults of a ScriptError and go on after the block."""
    try:
        yield
    except ScriptError as error:
        faults += error.faults


def _files(root: Path) -> Iterator[tuple[str, Path]]:
    for kind, folder in ("CREATE TABLE", "tables"), ("CREATE VIEW", "views"):
        for path in sorted((root / folder).glob("*.sql")):
            yield kind, path


def _check_kinds(statements: Iterable[Statement], kind: str) -> None:
    wrong = [statement for statement in statements if statement.kind != kind]
    if wrong:
        raise ScriptError(
            Fault(statement.path, statement.line, f"found {statement.kind or 'no keyword'}: only {kind} belongs here")
            for statement in wrong
        )


def _check_object(path: Path, script: list[Statement], kind: str) -> None:
    _check_kinds(script, kind)
    if len(script) != 1:
        line = script[1].line if script else 1
        raise ScriptError([Fault(str(path), line, f"found {len(script)} statements: write one {kind} a file")])
    statement = script[0]
    if statement.temporary:
        message = f"found TEMPORARY: write {kind}, because tests put a temporary table of the same name before it"
        raise ScriptError([Fault(str(path), statement.line, message)])
    if statement.name != path.stem:
        message = f"found the name {statement.name}: write {kind} {path.stem}, or rename the file"
        raise ScriptError([Fault(str(path), statement.line, message)])


def _job_faults(path: Path, statements: list[Statement]) -> Iterator[Fault]:
    inserts = [statement for statement in statements if statement.kind in ("INSERT", "EXECUTE STATEMENT SET")]
    for statement in statements:
        message = ""
        if statement.kind == "SET" and statement.set_option is None:
            message = "found a SET without key and value: write SET 'key' = 'value';"
        elif statement.kind == "CREATE VIEW" and not statement.temporary:
            message = "found CREATE VIEW: write CREATE TEMPORARY VIEW here, or move it to sql/views"
        elif statement.kind not in ("SET", "CREATE VIEW") and statement not in inserts:
            message = (
                f"found {statement.kind or 'no keyword'}: a job holds SETs, CREATE TEMPORARY VIEWs and one INSERT"
                " or EXECUTE STATEMENT SET"
            )
        elif statement not in inserts and inserts and statement.line > inserts[-1].line:
            message = f"found {statement.kind} after the INSERT: move it before"
        elif statement in inserts[1:]:
            message = (
                f"found another INSERT after that of line {inserts[0].line}: a file is one job; put both between"
                " EXECUTE STATEMENT SET BEGIN and END;"
            )
        if message:
            yield Fault(statement.path, statement.line, message)
    if not inserts:
        yield Fault(str(path), 0, "found no INSERT: write one INSERT INTO … SELECT or EXECUTE STATEMENT SET")
