"""SQL of Postgres that makes a table, or makes one table of another, and takes that back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from footfall.database.column_types import widens
from footfall.database.connections import READER, WRITER
from footfall.database.migrate import NEEDED_BY_MIGRATIONS
from footfall.database.migrated_tables import Column, Table
from footfall.errors import FootfallError
from footfall.project.identifiers import quoted

WIDTH = 120
RETENTION = "data_retention"  # the table that says how long rows are kept
# What rows that are there get in a new column that must have a value.
NEUTRAL = {
    "text": "''", "varchar": "''", "boolean": "false", "smallint": "0", "int": "0", "bigint": "0", "decimal": "0",
    "real": "0", "double precision": "0",
}  # fmt: skip


class Steps(NamedTuple):
    """What is done, in words, and the statements that do it and that take it back."""

    said: list[str]
    up: list[str]
    down: list[str]


def steps(name: str, old: Table | None, new: Table, views: Iterable[str]) -> Steps:
    """How a table comes from old to new; views are those of Postgres that may read it.

    Nothing is said where they are alike. Raises FootfallError for what can't be done without losing rows.
    """
    return _made(name, new) if old is None else _changed(name, old, new, sorted(views))


def alike(one: Table, other: Table) -> bool:
    """Whether two tables have the same columns, whatever their order, the same key and the same comments."""
    return _shape(one) == _shape(other)


def _shape(table: Table) -> tuple[object, ...]:
    columns = {name: (it.type_name, it.not_null, it.comment) for name, it in table.columns.items()}
    return columns, set(table.key), table.comment


def migration(name: str, given: Steps) -> str:
    """The text of a migration file."""
    head = f"-- {name}, as sql/tables has it: {'; '.join(given.said)}."
    return "\n".join([head, "\n-- migrate:up\n", *given.up, "\n-- migrate:down\n", *given.down]) + "\n"


def time_column(table: Table) -> str | None:
    """The column by which a table is partitioned into months: the first time in its key."""
    return next((name for name in table.key if table.columns[name].type_name.startswith("timestamp")), None)


def _made(name: str, table: Table) -> Steps:
    by = time_column(table)
    rows = [f"  {_definition(column, table.columns[column])},\n" for column in table.columns]
    key = ", ".join(map(quoted, table.key))
    parted = f" PARTITION BY RANGE ({quoted(by)})" if by else ""
    up = [f"CREATE TABLE {name} (\n{''.join(rows)}  PRIMARY KEY ({key})\n){parted};", *_comments(name, Table(), table)]
    down = [f"DROP TABLE {name};"]
    if by:
        up += [
            f"SELECT {NEEDED_BY_MIGRATIONS[1]}('{name}', '{by}');",
            "-- For ever; or, for example, INTERVAL '90 days'",
            f"INSERT INTO {RETENTION} (table_name, keep) VALUES ('{name}', NULL);",  # noqa: S608 - both are names of tables
        ]
        down.insert(0, f"DELETE FROM {RETENTION} WHERE table_name = '{name}';")  # noqa: S608
    up += [f"GRANT SELECT, INSERT, UPDATE ON {name} TO {WRITER};", f"GRANT SELECT ON {name} TO {READER};"]
    partitions = f"with monthly partitions by {by}" if by else "without partitions"
    return Steps([f"creates the table, {partitions}"], up, down)


def _changed(name: str, old: Table, new: Table, views: list[str]) -> Steps:
    _refuse(name, old, new)
    added, dropped, retyped, freed = _differences(old, new)
    said = [
        *(f"adds {_definition(column, new.columns[column], filled=True)}" for column in added),
        *(f"drops {column} and its values" for column in dropped),
        *(f"changes {column} from {_type(old, column)} to {_type(new, column)}" for column in retyped),
        *(f"allows NULL in {column}" for column in freed),
    ]
    up = [*_altered(name, old, new, views), *_comments(name, old, new)]
    down = [*_altered(name, new, old, views), *_comments(name, new, old)]
    if up and not said:
        said = ["changes its comments"]
    if added and dropped:
        up.insert(0, f"-- A column that has another name: ALTER TABLE {name} RENAME COLUMN … TO … keeps its values.")
    return Steps(said, up, down)


def _differences(old: Table, new: Table) -> tuple[list[str], list[str], list[str], list[str]]:
    """The columns that are added, dropped, of another type, and those that may be NULL from now on."""
    both = [column for column in new.columns if column in old.columns]
    return (
        [column for column in new.columns if column not in old.columns],
        [column for column in old.columns if column not in new.columns],
        [column for column in both if _type(old, column) != _type(new, column)],
        [column for column in both if old.columns[column].not_null and not new.columns[column].not_null],
    )


def _altered(name: str, old: Table, new: Table, views: list[str]) -> list[str]:
    added, dropped, retyped, freed = _differences(old, new)
    _, _, _, bound = _differences(new, old)
    actions = [
        *(f"ADD COLUMN {_definition(column, new.columns[column], filled=True)}" for column in added),
        *(f"DROP COLUMN {quoted(column)}" for column in dropped),
        *(f"ALTER COLUMN {quoted(column)} TYPE {_type(new, column)} USING {quoted(column)}::{_type(new, column)}"
          for column in retyped),
        *(f"ALTER COLUMN {quoted(column)} DROP NOT NULL" for column in freed),
        *(f"ALTER COLUMN {quoted(column)} SET NOT NULL" for column in bound),
    ]  # fmt: skip
    if not actions:
        return []
    altered = f"ALTER TABLE {name}\n  " + ",\n  ".join(actions) + ";"
    # `footfall migrate` makes them again
    in_the_way = [f"DROP VIEW IF EXISTS {', '.join(views)} CASCADE;"] if views and (dropped or retyped) else []
    return [*in_the_way, altered]


def _refuse(name: str, old: Table, new: Table) -> None:
    """Raise FootfallError for what ALTER TABLE can't do, or not without losing rows."""
    if set(old.key) != set(new.key):
        raise FootfallError(
            f"{name} has PRIMARY KEY ({', '.join(old.key)}) in Postgres, ({', '.join(new.key)}) in sql/tables: rows"
            " can't be given another key; write the old one, or make a table of another name"
        )
    added, _, retyped, _ = _differences(old, new)
    for column in retyped:
        if not widens(_type(old, column), _type(new, column)):
            raise FootfallError(
                f"{name} has {column} {_type(old, column)} in Postgres, which can't become {_type(new, column)} without"
                " loss: write the old type, or give the column another name"
            )
    for column in added:
        if new.columns[column].not_null and _neutral(new.columns[column]) is None:
            raise FootfallError(
                f"{name} gets {column} {_type(new, column)} NOT NULL, and rows that are there have no value for it:"
                " declare it without NOT NULL"
            )


def _definition(name: str, column: Column, *, filled: bool = False) -> str:
    """A column as CREATE TABLE takes it; filled: as it can be added where there are rows."""
    if not column.not_null:
        return f"{quoted(name)} {column.type_name}"
    if not filled:
        return f"{quoted(name)} {column.type_name} NOT NULL"
    value = _neutral(column)
    return f"{quoted(name)} {column.type_name}{f' NOT NULL DEFAULT {value}' if value else ''}"


def _neutral(column: Column) -> str | None:
    return NEUTRAL.get(column.type_name.partition("(")[0])


def _type(table: Table, column: str) -> str:
    return table.columns[column].type_name


def _comments(name: str, old: Table, new: Table) -> list[str]:
    """COMMENTs of what is new or had another one."""
    columns: Mapping[str, Column] = old.columns
    found = [f"COMMENT ON TABLE {name} IS|{_literal(new.comment)}"] if old.comment != new.comment else []
    found += [
        f"COMMENT ON COLUMN {name}.{quoted(column)} IS|{_literal(given.comment)}"
        for column, given in new.columns.items()
        if (columns[column].comment if column in columns else "") != given.comment
    ]
    return [line.replace("|", " " if len(line) < WIDTH else "\n  ", 1) + ";" for line in found]


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
