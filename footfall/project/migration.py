"""`footfall migration`: the migration after which Postgres has a table as its file in sql/tables declares it."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import NamedTuple

from sqlglot import exp

from footfall.database import connections
from footfall.database.column_types import FITTING, fits, postgres_type, read_type
from footfall.database.migrate import applied
from footfall.database.migrated_tables import Column, Table, read_tables
from footfall.database.object_files import read_objects
from footfall.errors import FootfallError, Misused
from footfall.project import catalog
from footfall.project.identifiers import LONGEST_COLUMN, LONGEST_TABLE, PLAIN
from footfall.project.table_sql import alike, migration, steps
from footfall.settings import Settings
from jobs.sql_script import Fault, ScriptError, close_match, significant
from jobs.sql_suite import grain

NUMBERED = re.compile(r"(\d+)_.*\.sql")


class Written(NamedTuple):
    """What became of a file: made, rewritten or removed; why another one was left as it is."""

    what: str
    path: Path
    said: Sequence[str]
    left: str = ""


def write_migration(name: str, settings: Settings, sql_dir: Path = catalog.SQL) -> Written | None:
    """Write what the migrations lack of sql/tables/NAME.sql; None where they lack nothing.

    That is a new file, but for the newest one where this command wrote it for this table and nobody has it yet: it is
    rewritten. Raises Misused, ScriptError, and FootfallError for what ALTER TABLE can't do.
    """
    table = _postgres_name(name, sql_dir)
    paths = numbered(sql_dir)
    views = [it.name for it in read_objects(sql_dir / "postgres") if it.kind == "view" and table in it.words()]
    there = read_tables(paths).get(table)
    wanted = declared(name, there, sql_dir)
    if there and alike(there, wanted):
        return None
    newest, left = paths[-1] if paths and paths[-1].stem.partition("_")[2] == table else None, ""
    if newest and there:
        before = read_tables(paths[:-1]).get(table)
        left = _held(newest, settings) if _is_as_written(newest, table, before, there, views) else "it was edited"
        if not left:
            todo = steps(table, before, declared(name, before, sql_dir), views)
            if not todo.said:
                newest.unlink()
                return Written("removed", newest, [f"without it, {table} is as sql/tables declares it"])
            newest.write_text(migration(table, todo), encoding="utf-8")
            return Written("rewrote", newest, todo.said)
    todo = steps(table, there, wanted, views)
    path = next_path(paths, table, sql_dir, datetime.now(UTC).date())
    path.write_text(migration(table, todo), encoding="utf-8")
    return Written("made", path, todo.said, f"{newest.name} stays as it is: {left}" if newest and left else "")


def declared(name: str, there: Table | None, sql_dir: Path = catalog.SQL) -> Table:
    """The table of Postgres that sql/tables/NAME.sql asks for.

    Where the one that is there already takes what Flink writes, it stays: an int that is a bigint in Postgres, a column
    that may be NULL there. Raises ScriptError for what Postgres can't have.
    """
    path = sql_dir / "tables" / f"{name}.sql"
    key = catalog.key(name, sql_dir)
    faults: list[Fault] = []
    made = Table(key=key, comment=grain(path))
    for column in catalog.columns(name, sql_dir):
        given = read_type(column.type)
        if given.kind not in FITTING:
            message = f"found {column.name} {column.type}, which Flink can't write to Postgres: write STRING or columns"
            faults.append(_fault(name, sql_dir, column.name, f"{message} of their own"))
            continue
        if not PLAIN.fullmatch(column.name) or len(column.name) > LONGEST_COLUMN:
            message = f"found {column.name}: write small letters, digits and _, {LONGEST_COLUMN} at most"
            faults.append(_fault(name, sql_dir, column.name, message))
        found = there.columns.get(column.name) if there else None
        type_ = exp.DataType.build(postgres_type(given), dialect="postgres")
        type_ = found.type if found and fits(given, found.type_name) else type_
        not_null = given.not_null or column.name in key
        not_null = not_null and (found is None or found.not_null)
        made.columns[column.name] = Column(type_, not_null, found is not None and found.filled, column.comment)
    if unknown := [column for column in key if column not in made.columns and not faults]:
        faults.append(_fault(name, sql_dir, "PRIMARY", f"found {unknown[0]} in the key, which is no column"))
    if not key:
        faults.append(_fault(name, sql_dir, "", "found no PRIMARY KEY: write one; a row that has it replaces another"))
    if faults:
        raise ScriptError(faults)
    return made


def numbered(sql_dir: Path = catalog.SQL) -> list[Path]:
    """The migrations in the order in which dbmate applies them. Raises ScriptError where that is not plain."""
    paths = sorted((sql_dir / "postgres" / "migrations").glob("*.sql"))
    numbers: dict[str, Path] = {}
    faults = []
    for path in paths:
        match = NUMBERED.fullmatch(path.name)
        if not match:
            faults.append(Fault(str(path), 0, "has no number, so that it is never applied: name it NUMBER_NAME.sql"))
        elif match[1] in numbers:
            faults.append(Fault(str(path), 0, f"has the number of {numbers[match[1]].name}: give it another one"))
        else:
            numbers[match[1]] = path
    if faults:
        raise ScriptError(faults)
    return paths


def next_path(paths: Sequence[Path], table: str, sql_dir: Path, today: date) -> Path:
    """The file of a new migration, after all others: numbered by the day, which no migration of Footfall itself is."""
    number = f"{today:%Y%m%d}"
    newest = paths[-1].name.partition("_")[0] if paths else ""
    if number <= newest:
        number = str(int(newest) + 1).zfill(len(newest))
    if number <= newest:  # 10 comes before 9
        raise ScriptError([Fault(str(paths[-1]), 0, "has a number that leaves none after it: number it by a day")])
    return sql_dir / "postgres" / "migrations" / f"{number}_{table}.sql"


def _postgres_name(name: str, sql_dir: Path) -> str:
    """The name of the table in Postgres. Raises Misused for what is no table that a job writes to Postgres."""
    known = sorted(path.stem for path in (sql_dir / "tables").glob("*.sql"))
    if name not in known:
        raise Misused(f"no table {name} in sql/tables{close_match(name, known)} (there are: {', '.join(known)})")
    statement = catalog.create_table(name, sql_dir)
    options = catalog.options(statement)
    if options.get("connector") != "postgres":
        raise Misused(f"{name} is no table of Postgres: its connector is {options.get('connector', 'not named')}")
    if any(token.word == "LIKE" for token in significant(statement.text)):
        raise ScriptError([_fault(name, sql_dir, "", "found LIKE: write the columns of a table of Postgres here")])
    table = options.get("table-name", "")
    if not PLAIN.fullmatch(table) or len(table) > LONGEST_TABLE:
        message = f"found table-name '{table}': write small letters, digits and _, {LONGEST_TABLE} at most"
        raise ScriptError([_fault(name, sql_dir, "", message)])
    return table


def _fault(name: str, sql_dir: Path, column: str, message: str) -> Fault:
    statement = catalog.create_table(name, sql_dir)
    return Fault(statement.path, catalog.line_of(statement, column) if column else statement.line, message)


def _is_as_written(path: Path, table: str, before: Table | None, after: Table, views: Sequence[str]) -> bool:
    """Whether a file is to the letter what this command writes to get from one table to the other."""
    try:
        return path.read_text(encoding="utf-8") == migration(table, steps(table, before, after, views))
    except FootfallError:
        return False  # it does what this command refuses


def _held(path: Path, settings: Settings) -> str:
    """Why a migration may be in force somewhere, so that it can't be written again; '' where it is in force nowhere."""
    command = ["git", "cat-file", "-e", f"HEAD:./{path.name}"]
    try:
        if subprocess.run(command, cwd=path.parent, capture_output=True).returncode == 0:
            return "it is committed"
    except OSError:
        pass  # no git: nobody has it from there
    try:
        address = connections.owner(settings)
    except connections.DatabaseError:
        return ""  # no password of the owner: there never was a database
    try:
        with connections.connect(address) as connection:
            return "Postgres has it" if path.name.partition("_")[0] in applied(connection) else ""
    except FootfallError:
        return "Postgres may have it, and can't be asked"
