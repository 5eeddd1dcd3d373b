"""Whether what Flink writes fits into the tables that the migrations make."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from footfall.database.column_types import FITTING, fits, read_type
from footfall.database.migrated_tables import Table as PostgresTable
from footfall.planner.harness import Table
from footfall.project.catalog import line_of
from jobs.sql_script import Fault, Statement, close_match


def postgres_faults(statement: Statement, table: Table, made: Mapping[str, PostgresTable]) -> Iterator[Fault]:
    """What is wrong between one Postgres table of sql/tables and the tables that the migrations make."""
    name = table.options.get("table-name", "")
    there = made.get(name.rpartition(".")[2])
    if there is None:
        message = f"found no table {name} in Postgres{close_match(name, made)}: make it with {_command(statement)}"
        yield Fault(statement.path, statement.line, message)
        return
    for column, type_name in table.columns.items():
        if message := _column(statement, column, type_name, name, there):
            yield Fault(statement.path, line_of(statement, column), message)
    for column, found in there.columns.items():
        if found.not_null and not found.filled and column not in table.columns:
            message = f"found no {column}, NOT NULL in Postgres: write it here, or give it a DEFAULT there"
            yield Fault(statement.path, statement.line, message)
    if table.key and set(table.key) != set(there.key):
        key = ", ".join(there.key)
        message = f"found PRIMARY KEY ({', '.join(table.key)}), in Postgres ({key}): write the same in both"
        yield Fault(statement.path, line_of(statement, "PRIMARY"), message)


def _column(statement: Statement, column: str, type_name: str, table: str, there: PostgresTable) -> str:
    given = read_type(type_name)
    shown = type_name.removesuffix(" NOT NULL")
    if given.kind not in FITTING:
        return f"found {column} {shown}, which Flink can't write to Postgres: write STRING or columns of their own"
    found = there.columns.get(column)  # the sink quotes names
    if found is None:
        near = close_match(column, there.columns)
        return f"found no {column} in {table} of Postgres{near}: add it with {_command(statement)}"
    if not fits(given, found.type_name):
        instead = FITTING[given.kind][0]
        return f"found {column} {shown}, in Postgres {found.type_name}: write {instead} there or another type here"
    if found.not_null and not given.not_null:
        return f"found {column} {shown}, in Postgres NOT NULL: write NOT NULL here too"
    return ""


def _command(statement: Statement) -> str:
    return f"`footfall migration {statement.name}`"
