"""Whether what Flink writes fits into the tables that the migrations make."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import pairwise

from footfall.postgres_tables import Column
from footfall.postgres_tables import Table as PostgresTable
from footfall.sql_harness import Table
from jobs.sql_script import Fault, Statement, close_match, significant

# What Flink's JDBC connector writes of each type, and where Postgres takes it; the first is what to write.
FITTING = {
    "STRING": ("text",),
    "BOOLEAN": ("boolean",),
    "TINYINT": ("smallint", "int", "bigint"),
    "SMALLINT": ("smallint", "int", "bigint"),
    "INT": ("int", "bigint"),
    "BIGINT": ("bigint",),
    "FLOAT": ("real", "double precision"),
    "DOUBLE": ("double precision",),
    "DECIMAL": ("decimal",),
    "DATE": ("date",),
    "TIME": ("time",),
    "TIMESTAMP": ("timestamptz", "timestamp"),
    "BYTES": ("bytea",),
}  # fmt: skip
TYPE = re.compile(r"(\w+)(?:\(([\d, ]+)\))?.*?( NOT NULL)?")
MIGRATIONS = "a migration in sql/postgres/migrations"


def postgres_faults(statement: Statement, table: Table, made: Mapping[str, PostgresTable]) -> Iterator[Fault]:
    """What is wrong between one JDBC table of sql/tables and the tables that the migrations make."""
    name = table.options.get("table-name", "")
    there = made.get(name.rpartition(".")[2].lower())
    if there is None:
        message = f"found no table {name} in Postgres{close_match(name, made)}: write {MIGRATIONS} that makes it"
        yield Fault(statement.path, statement.line, message)
        return
    for column, type_name in table.columns.items():
        if message := _column(column, type_name, name, there):
            yield Fault(statement.path, _line(statement, column), message)
    # The connector doesn't quote names, so Postgres sees all of them in lower case
    known = {column.lower() for column in table.columns}
    for column, found in there.columns.items():
        if found.not_null and not found.filled and column not in known:
            message = f"found no {column}, NOT NULL in Postgres: write it here, or give it a DEFAULT there"
            yield Fault(statement.path, statement.line, message)
    if table.key and {column.lower() for column in table.key} != set(there.key):
        key = ", ".join(there.key)
        message = f"found PRIMARY KEY ({', '.join(table.key)}), in Postgres ({key}): write the same in both"
        yield Fault(statement.path, _line(statement, "PRIMARY"), message)


def _column(column: str, type_name: str, table: str, there: PostgresTable) -> str:
    match = TYPE.fullmatch(type_name)
    kind, size, not_null = match.groups() if match else (type_name, None, None)
    kind = {"VARCHAR": "STRING", "CHAR": "STRING", "VARBINARY": "BYTES", "BINARY": "BYTES"}.get(kind, kind)
    shown = type_name.removesuffix(" NOT NULL")
    if kind not in FITTING:
        instead = "TIMESTAMP(3), and CAST to it" if kind == "TIMESTAMP_LTZ" else "STRING or columns of their own"
        return f"found {column} {shown}, which Flink can't write to Postgres: write {instead}"
    found = there.columns.get(column.lower())
    if found is None:
        near = close_match(column, there.columns)
        return (
            f"found no {column} in {table} of Postgres{near}: write {MIGRATIONS} that adds {column} {FITTING[kind][0]}"
        )
    if not _fits(kind, size, found):
        instead = FITTING[kind][0]
        return f"found {column} {shown}, in Postgres {found.type_name}: write {instead} there or another type here"
    if found.not_null and not not_null:
        return f"found {column} {shown}, in Postgres NOT NULL: write NOT NULL here too"
    return ""


def _fits(kind: str, size: str | None, found: Column) -> bool:
    name, _, there = found.type_name.rstrip(")").partition("(")
    if kind == "STRING" and name in ("varchar", "char"):
        # A text that is too long would stop the job for good
        return name == "varchar" and (not there or (size is not None and int(size) <= int(there)))
    if kind == "DECIMAL" and name == "decimal" and there:
        digits, scale = ([*map(int, (text or "10").split(",")), 0][:2] for text in (size, there))
        return digits[1] <= scale[1] and digits[0] - digits[1] <= scale[0] - scale[1]
    return name in FITTING[kind]


def _line(statement: Statement, name: str) -> int:
    """The line on which a CREATE TABLE declares a column, or its PRIMARY key."""
    for before, token in pairwise(significant(statement.text)):
        if before.text in ("(", ",") and name in (token.identifier, token.word):
            return statement.line_at(token.start)
    return statement.line
