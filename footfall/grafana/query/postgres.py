"""Queries of dashboard files, asked as the reader in a transaction that can write nothing and that ends in time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import errors

from footfall.database import connections
from footfall.errors import FootfallError
from footfall.grafana.query.frames import Frame, make_frame

SECONDS = 15
MOST_ROWS = 20_000
AT_ONCE = 6
WAIT_SECONDS = 60


class QueryFailed(FootfallError):
    """Postgres refused a query of a dashboard; the message is its reason in one line."""


class Postgres:
    """The tables, as the reader role sees them; so many queries at once that other readers notice none."""

    def __init__(self, address: str, seconds: float = SECONDS, most_rows: int = MOST_ROWS) -> None:
        self._address = address
        self._seconds = seconds
        self._most_rows = most_rows
        self._places = threading.BoundedSemaphore(AT_ONCE)

    def ask(self, sql: str) -> Frame:
        """The rows of one SELECT, the first of them where there are too many. Raises QueryFailed, DatabaseError."""
        if not sql.strip():
            raise QueryFailed("the query is empty")
        with self._connection() as connection:
            try:
                return self._rows(connection, sql)
            except errors.QueryCanceled:
                raise QueryFailed(f"the query took longer than {self._seconds:g} s") from None
            except psycopg.OperationalError as error:
                raise QueryFailed(f"Postgres went away: {_one_line(error)}") from None
            except psycopg.Error as error:
                raise QueryFailed(_one_line(error)) from None

    @contextmanager
    def _connection(self) -> Iterator[psycopg.Connection]:
        if not self._places.acquire(timeout=WAIT_SECONDS):
            raise QueryFailed("too many queries at once: try again")
        try:
            with connections.connect(self._address) as connection:
                yield connection
        finally:
            self._places.release()

    def _rows(self, connection: psycopg.Connection, sql: str) -> Frame:
        connection.execute("BEGIN READ ONLY")
        connection.execute(
            "SELECT set_config('statement_timeout', %s, true), set_config('timezone', 'UTC', true)",
            [f"{round(self._seconds * 1000)}ms"],
        )
        # A cursor of the server: it takes one SELECT and nothing else, and gives no more rows than are wanted.
        with connection.cursor("preview") as cursor:
            cursor.execute(sql.strip().removesuffix(";").encode())
            rows = cursor.fetchmany(self._most_rows + 1)
            columns = [(column.name, column.type_code) for column in cursor.description or []]
        connection.execute("ROLLBACK")
        return make_frame(columns, rows[: self._most_rows], truncated=len(rows) > self._most_rows)


def _one_line(error: psycopg.Error) -> str:
    text = error.diag.message_primary or str(error)
    return " ".join(text.split())[:300]
