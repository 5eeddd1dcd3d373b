"""What tests of several subjects share: a real Postgres, started once, and databases with the tables in it."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from xdist.scheduler import LoadScopeScheduling

from footfall.database import connections, migrate
from footfall.stack import postgres as server

numbers = itertools.count(1)
# Modules of tests/e2e that need a browser alone; and those that come last, on a stack of their own.
NO_STACK = {
    "test_browser", "test_browser_consent", "test_browser_delivery", "test_preview_browser",
    "test_preview_every_dashboard",
}  # fmt: skip
LAST = {"test_faults", "test_resume_by_itself"}
STACK = "the stack's"  # begins the titles of what a report tells of its logs


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.stem in LAST)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """With `pytest -n 2`: what needs a stack on one worker, which starts it once, other files on whichever is free.

    A stack that has nothing to do takes half a core, and two at once more than twice the time of one; LAST is for the
    worker that would have nothing left to do. (xdist's own groups, --dist loadgroup, are not kept with pytest 9.2.)
    """

    class ByStack(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = Path(nodeid.partition("::")[0])
            return "the stack" if file.parent.name == "e2e" and file.stem not in NO_STACK | LAST else str(file)

    return ByStack(config, log)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """A whole run takes long: say at once what failed, and why in a line, and what took a minute, and when it ended."""
    if os.environ.get("PYTEST_XDIST_WORKER"):
        return
    if report.failed:
        crash = getattr(report.longrepr, "reprcrash", None)
        reason = crash.message if crash else report.longreprtext
        print(f"\nFAILED {report.nodeid}: {' '.join(reason.split())[:500]}", flush=True)
        for title, text in report.sections:
            if title.startswith(STACK) and text:
                print(f"{title}:\n{text}", flush=True)
    elif report.duration > 60:
        print(f"\n{report.duration:.0f} s until {time.strftime('%H:%M')}: {report.when} of {report.nodeid}", flush=True)


@dataclass(frozen=True)
class Postgres:
    """An embedded server; its roles have these passwords."""

    directory: Path
    port: int
    log: Path
    passwords: dict[str, str]

    def conninfo(self, role: str, dbname: str = "postgres") -> str:
        return make_conninfo(host="127.0.0.1", port=self.port, user=role, password=self.passwords[role], dbname=dbname)

    def start(self) -> None:
        server.start(self.directory, self.port, self.passwords["postgres"], self.log)

    def stop(self) -> None:
        server.stop(self.directory)

    @contextlib.contextmanager
    def away(self) -> Iterator[None]:
        """Stopped for as long as the block lasts."""
        self.stop()
        try:
            yield
        finally:
            self.start()


def free_port() -> int:
    """A TCP port of loopback that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def open_folder() -> Path:
    """A temporary folder that another OS user can enter: the server's, where the tests run as root."""
    folder = Path(tempfile.mkdtemp(prefix="footfall-test-")).resolve()
    folder.chmod(0o755)
    return folder


@contextlib.contextmanager
def running_postgres() -> Iterator[Postgres]:
    """A server on a free port, without roles and tables of Footfall."""
    folder = open_folder()
    passwords = {role: f"secret of {role} %/?'\\" for role in ("postgres", *migrate.ROLE_SETTINGS)}
    running = Postgres(folder / "data", free_port(), folder / "postgres.log", passwords)
    try:
        running.start()
        yield running
    finally:
        running.stop()
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One server for all tests that leave it running; a crash of the machine would break it."""
    with running_postgres() as running:
        with psycopg.connect(running.conninfo("postgres"), autocommit=True) as connection:
            for name in ("fsync", "synchronous_commit", "full_page_writes"):
                connection.execute(f"ALTER SYSTEM SET {name} = off")
            connection.execute("SELECT pg_reload_conf()")
        yield running


@pytest.fixture(scope="module")
def own_postgres() -> Iterator[Postgres]:
    """A server for the tests of a module that stop or kill it, and start it again."""
    with running_postgres() as running:
        yield running


class Tables:
    """A database with the tables, and a connection string for each role. stays: nobody stops its server."""

    def __init__(self, server: Postgres, name: str) -> None:
        self.stays = True
        self.owner = server.conninfo(connections.OWNER, name)
        self.writer = server.conninfo(connections.WRITER, name)
        self.reader = server.conninfo(connections.READER, name)
        self.collector = server.conninfo(connections.COLLECTOR, name)
        self.connections: dict[str, psycopg.Connection] = {}

    def connection(self, role: str) -> psycopg.Connection:
        """One of the role that stays open: to make one takes longer than most queries."""
        if role not in self.connections or self.connections[role].closed:
            self.connections[role] = psycopg.connect(role, autocommit=True)
        return self.connections[role]

    @property
    def written(self) -> psycopg.Connection:
        return self.connection(self.writer)

    def run(self, role: str, query: str, *values: object) -> list[tuple[object, ...]]:
        if not self.stays:
            self.close()
        cursor = self.connection(role).execute(query, values)
        return cursor.fetchall() if cursor.description else []

    def close(self) -> None:
        for connection in self.connections.values():
            connection.close()

    def upsert_page_views(self, time: str, count: int = 1, role: str | None = None) -> None:
        """As Flink does it."""
        self.run(
            role or self.writer,
            "INSERT INTO page_views_per_minute (site, window_start, page_path, page_view_count, visitor_count)"
            " VALUES ('shop', %s, '/', %s, 1) ON CONFLICT (site, window_start, page_path) DO UPDATE SET"
            " page_view_count = EXCLUDED.page_view_count, visitor_count = EXCLUDED.visitor_count",
            time, count,
        )  # fmt: skip

    def upsert_late_event(self, time: str, offset: int = 0) -> None:
        self.run(
            self.writer,
            "INSERT INTO late_events (received_at, kafka_partition, kafka_offset, site, message_id, event_time,"
            " lateness_ms, event_type, visitor_id) VALUES (%s, 0, %s, 'shop', 'm', now(), 70000, 'page', 'v')"
            " ON CONFLICT (received_at, kafka_partition, kafka_offset) DO UPDATE SET site = EXCLUDED.site",
            time, offset,
        )  # fmt: skip

    def places(self, table: str) -> list[str]:
        """In which partition each row of a table is."""
        return sorted(str(row[0]) for row in self.run(self.owner, f"SELECT tableoid::regclass FROM {table}"))


def database_with_tables(server: Postgres, *, template: str = "footfall_template") -> Iterator[Tables]:
    """A copy of a database that was migrated once for this server; without a template, one that is migrated itself."""
    admin, name = server.conninfo("postgres"), f"footfall_{next(numbers)}"
    if template:
        with psycopg.connect(admin, autocommit=True) as connection:
            if not connection.execute("SELECT FROM pg_database WHERE datname = %s", [template]).fetchone():
                _migrated(server, template)
            _copy(connection, template, name)
        migrate.bootstrap(admin, server.passwords, name)
        made = Tables(server, name)
    else:
        made = _migrated(server, name)
        made.stays = False
    yield made
    made.close()
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _migrated(server: Postgres, name: str) -> Tables:
    migrate.bootstrap(server.conninfo("postgres"), server.passwords, name)
    made = Tables(server, name)
    migrate.migrate(made.owner)
    return made


def _copy(connection: psycopg.Connection, template: str, name: str) -> None:
    """A new database like another one, with the rights in it, which Postgres does not copy."""
    connection.execute(f"CREATE DATABASE {name} OWNER {connections.OWNER} TEMPLATE {template} STRATEGY FILE_COPY")
    connection.execute(f"REVOKE ALL ON DATABASE {name} FROM PUBLIC")
    rights = connection.execute(
        "SELECT privilege_type, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END"
        " FROM pg_database, aclexplode(datacl) WHERE datname = %s",
        [template],
    ).fetchall()
    for right, role in rights:
        connection.execute(f"GRANT {right} ON DATABASE {name} TO {role}")


@pytest.fixture
def own_tables(own_postgres: Postgres) -> Iterator[Tables]:
    """A database of its own for each test, on the server that may be stopped."""
    yield from database_with_tables(own_postgres, template="")


@pytest.fixture
def tables(postgres: Postgres) -> Iterator[Tables]:
    """A database of its own for each test, migrated."""
    yield from database_with_tables(postgres)


@pytest.fixture(scope="module")
def untouched(postgres: Postgres) -> Iterator[Tables]:
    """One for all tests that leave nothing behind."""
    yield from database_with_tables(postgres)
