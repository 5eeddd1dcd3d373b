"""Tables in a schema of their own for a replay, and the exchange of their rows with the real ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg import sql

from footfall import database
from footfall.database import WRITER
from footfall.settings import Settings


@dataclass(frozen=True)
class ReplayTables:
    """Empty copies of tables in schema; jdbc_url writes into them."""

    settings: Settings
    schema: str
    tables: Sequence[str]

    @property
    def jdbc_url(self) -> str:
        url = self.settings.values["POSTGRES_JDBC_URL"]
        return f"{url}{'&' if '?' in url else '?'}currentSchema={self.schema}"

    def exchange(self, since: datetime | None) -> str:
        """Put the replayed rows in the place of the real ones, in one transaction; says how many in words.

        since: rows of earlier times stay, because the topic no longer holds their events; None when it holds all. What
        is replaced is kept in the schema for undo(). Raises DatabaseError.
        """
        said = []
        with database.connect(database.owner(self.settings)) as connection, connection.transaction():
            for table in self.tables:
                real, copy, old = (self._name(table, kind) for kind in ("real", "copy", "old"))
                connection.execute(sql.SQL("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE").format(real))
                connection.execute(sql.SQL("CREATE TABLE {} (LIKE {})").format(old, real))
                covered = self._covered(connection, table, since)
                taken = connection.execute(
                    sql.SQL(
                        "WITH taken AS (DELETE FROM {} WHERE {} RETURNING *) INSERT INTO {} SELECT * FROM taken"
                    ).format(real, covered, old)
                ).rowcount
                given = connection.execute(
                    sql.SQL("INSERT INTO {} SELECT * FROM {} WHERE {}").format(real, copy, covered)
                ).rowcount
                said.append(f"{table} has {given:,} rows for {taken:,}")
        return ", ".join(said)

    def undo(self, since: datetime | None) -> None:
        """Put the rows that exchange() took away back, in one transaction; nothing where it did not come to its end."""
        with database.connect(database.owner(self.settings)) as connection, connection.transaction():
            for table in self.tables:
                real, old = self._name(table, "real"), self._name(table, "old")
                if connection.execute("SELECT to_regclass(%s)", [f"{self.schema}.{table}_old"]).fetchone() != (None,):
                    covered = self._covered(connection, table, since)
                    connection.execute(sql.SQL("DELETE FROM {} WHERE {}").format(real, covered))
                    connection.execute(sql.SQL("INSERT INTO {} SELECT * FROM {}").format(real, old))

    def _covered(self, connection: psycopg.Connection, table: str, since: datetime | None) -> sql.Composable:
        """The condition that a row's events are still in the topic, by the first time in the table's key.

        Without a time in it, a row is what the latest of its events made of it: those that were replayed are covered.
        """
        if since is None:
            return sql.SQL("true")
        key = connection.execute(
            "SELECT a.attname, a.atttypid = 'timestamptz'::regtype FROM pg_index AS i"
            " JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)"
            " WHERE i.indrelid = %s::regclass AND i.indisprimary ORDER BY array_position(i.indkey::int2[], a.attnum)",
            [f"public.{table}"],
        ).fetchall()
        for column, is_time in key:
            if is_time:
                return sql.SQL("{} >= {}").format(sql.Identifier(column), sql.Literal(since))
        columns = sql.SQL(", ").join(sql.Identifier(column) for column, _ in key)
        return sql.SQL("({}) IN (SELECT {} FROM {})").format(columns, columns, self._name(table, "copy"))

    def _name(self, table: str, kind: str) -> sql.Identifier:
        if kind == "real":
            return sql.Identifier("public", table)
        return sql.Identifier(self.schema, table if kind == "copy" else f"{table}_old")


@contextmanager
def beside(settings: Settings, schema: str, tables: Sequence[str]) -> Iterator[ReplayTables]:
    """Make the schema with an empty copy of each table for the writer; it is gone afterwards. Raises DatabaseError."""
    name = sql.Identifier(schema)
    drop = sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(name)
    with database.connect(database.owner(settings)) as connection, connection.transaction():
        connection.execute(drop)  # what a crash left; the lock of the job is ours
        connection.execute(sql.SQL("CREATE SCHEMA {}").format(name))
        connection.execute(sql.SQL("GRANT USAGE ON SCHEMA {} TO {}").format(name, sql.Identifier(WRITER)))
        for table in tables:
            copy = sql.Identifier(schema, table)
            connection.execute(
                sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING ALL)").format(copy, sql.Identifier("public", table))
            )
            connection.execute(sql.SQL("GRANT SELECT, INSERT, UPDATE ON {} TO {}").format(copy, sql.Identifier(WRITER)))
    try:
        yield ReplayTables(settings, schema, tables)
    finally:
        with database.connect(database.owner(settings)) as connection:
            connection.execute(drop)
