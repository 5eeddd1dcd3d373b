"""Tables in a schema of their own for a replay, and the exchange of their rows with the real ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg import sql

from footfall.database import connections
from footfall.database.connections import WRITER
from footfall.errors import FootfallError
from footfall.settings import Settings

LOCK_SECONDS = 120  # for others to end what they have begun with a table


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

    def exchange(self, connection: psycopg.Connection, since: Mapping[str, datetime] | None) -> dict[str, str]:
        """Put the replayed rows in the place of the real ones, in the transaction of the connection; a clause a table.

        since: for each table the time before which rows stay, because the topic no longer holds all of their events;
        None when it holds all. What is replaced is kept in the schema for undo(). Raises psycopg.Error, and
        FootfallError where a table has no time by which its rows could be selected.
        """
        said = {}
        connection.execute("SELECT set_config('lock_timeout', %s, true)", [f"{LOCK_SECONDS}s"])
        for table in self.tables:
            real, copy, old = (self._name(table, kind) for kind in ("real", "copy", "old"))
            connection.execute(sql.SQL("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE").format(real))
            connection.execute(sql.SQL("CREATE TABLE {} (LIKE {})").format(old, real))
            covered = self._covered(connection, table, since[table] if since else None)
            taken = connection.execute(
                sql.SQL(
                    "WITH taken AS (DELETE FROM {} WHERE {} RETURNING *) INSERT INTO {} SELECT * FROM taken"
                ).format(real, covered, old)
            ).rowcount
            given = connection.execute(
                sql.SQL("INSERT INTO {} SELECT * FROM {} WHERE {}").format(real, copy, covered)
            ).rowcount
            said[table] = f"{table} has {given:,} rows for {taken:,}{_kept(since[table] if since else None)}"
        return said

    def undo(self, connection: psycopg.Connection, since: Mapping[str, datetime] | None) -> bool:
        """Put back what exchange() took away, in the transaction of the connection; False where it took nothing."""
        was_exchanged = False
        for table in self.tables:
            real, old = self._name(table, "real"), self._name(table, "old")
            if connection.execute("SELECT to_regclass(%s)", [f"{self.schema}.{table}_old"]).fetchone() != (None,):
                covered = self._covered(connection, table, since[table] if since else None)
                connection.execute(sql.SQL("DELETE FROM {} WHERE {}").format(real, covered))
                connection.execute(sql.SQL("INSERT INTO {} SELECT * FROM {}").format(real, old))
                was_exchanged = True
        return was_exchanged

    def _covered(self, connection: psycopg.Connection, table: str, since: datetime | None) -> sql.Composable:
        """The condition that a row's events are still in the topic, by the first time in the table's key.

        Without a time in it, a row is what the latest of its events made of it, whose time another column has: it is
        covered where the replay found one that is whole, or no older than the one that is there.
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
        time = connection.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0"
            " AND atttypid = 'timestamptz'::regtype ORDER BY attnum LIMIT 1",
            [f"public.{table}"],
        ).fetchone()
        if time is None:
            raise FootfallError(
                f"the topic has lost its beginning, and {table} has no time by which to tell of which rows"
            )
        columns = sql.SQL(", ").join(sql.Identifier(column) for column, _ in key)
        same = sql.SQL(" AND ").join(sql.SQL("c.{0} = r.{0}").format(sql.Identifier(column)) for column, _ in key)
        connection.execute(  # once: it is asked again when the rows have changed places
            sql.SQL(
                "CREATE TABLE IF NOT EXISTS {covered} AS SELECT {keys} FROM {copy} AS c LEFT JOIN {real} AS r ON {same}"
                " WHERE c.{time} >= {since} OR r.{time} IS NULL OR c.{time} >= r.{time}"
            ).format(
                covered=self._name(table, "covered"), copy=self._name(table, "copy"), real=self._name(table, "real"),
                keys=sql.SQL(", ").join(sql.Identifier("c", column) for column, _ in key), same=same,
                time=sql.Identifier(time[0]), since=sql.Literal(since),
            )
        )  # fmt: skip
        return sql.SQL("({}) IN (SELECT {} FROM {})").format(columns, columns, self._name(table, "covered"))

    def _name(self, table: str, kind: str) -> sql.Identifier:
        if kind == "real":
            return sql.Identifier("public", table)
        return sql.Identifier(self.schema, table if kind == "copy" else f"{table}_{kind}")


@contextmanager
def beside(settings: Settings, schema: str, tables: Sequence[str]) -> Iterator[ReplayTables]:
    """Make the schema with an empty copy of each table for the writer; it is gone afterwards. Raises DatabaseError."""
    name = sql.Identifier(schema)
    drop = sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(name)
    with connections.connect(connections.owner(settings)) as connection, connection.transaction():
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
        with connections.connect(connections.owner(settings)) as connection:
            connection.execute(drop)


def have_rows(owner: str, tables: Iterable[str]) -> bool:
    """Whether any of these tables holds anything. Raises DatabaseError."""
    with connections.connect(owner) as connection:
        return any(
            connection.execute(sql.SQL("SELECT FROM {} LIMIT 1").format(sql.Identifier("public", table))).fetchall()
            for table in tables
        )


def remove(settings: Settings, job: str) -> None:
    """Drop what a replay that was cut short has left of a job whose locks are held. Raises DatabaseError."""
    with connections.connect(connections.owner(settings)) as connection:
        connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(schema_of(job))))


def _kept(since: datetime | None) -> str:
    return f" (those of before {since:%Y-%m-%d %H:%M} UTC stay: the topic has lost events of theirs)" if since else ""


def schema_of(job: str) -> str:
    return f"replay_{job}"
