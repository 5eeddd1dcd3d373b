"""What tests of several subjects share: a real Postgres, started once, and databases with the tables in it."""

from __future__ import annotations

import contextlib
import functools
import itertools
import shutil
import socket
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from xdist.scheduler import LoadScopeScheduling

from footfall import database, schema
from footfall.stack import postgres as server

numbers = itertools.count(1)
# Modules whose tests share a stack: those of one line run on one worker, which starts it once.
STACKS = (
    {"test_exact", "test_stack", "test_upgrade", "test_upgrade_way_back", "test_writing_a_job"},
    {"test_browser_collector", "test_cli", "test_collector", "test_collector_durability", "test_heavy_visitor",
     "test_imports", "test_load_balancer", "test_odd_records", "test_preview", "test_prometheus", "test_realtime",
     "test_sdks", "test_simulated_day"},
)  # fmt: skip


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """With `pytest -n 2`: one worker a stack, and the other files on whichever is free.

    (xdist's own groups, --dist loadgroup, are not kept with pytest 9.2.)
    """

    class ByStack(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            shared = [names for names in STACKS if Path(file).stem in names]
            return min(shared[0]) if shared else file

    return ByStack(config, log)


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
    passwords = {role: f"secret of {role} %/?'\\" for role in ("postgres", *schema.ROLE_SETTINGS)}
    running = Postgres(folder / "data", free_port(), folder / "postgres.log", passwords)
    try:
        running.start()
        yield running
    finally:
        running.stop()
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One server for all tests that leave it running."""
    with running_postgres() as running:
        yield running


@pytest.fixture(scope="module")
def own_postgres() -> Iterator[Postgres]:
    """A server for the tests of a module that stop or kill it, and start it again."""
    with running_postgres() as running:
        yield running


class Tables:
    """A database with the tables, and a connection string for each role."""

    def __init__(self, server: Postgres, name: str) -> None:
        self.owner = server.conninfo(database.OWNER, name)
        self.writer = server.conninfo(database.WRITER, name)
        self.reader = server.conninfo(database.READER, name)
        self.collector = server.conninfo(database.COLLECTOR, name)

    @functools.cached_property
    def written(self) -> psycopg.Connection:
        """A connection of the writer that stays open, for tests with many rows."""
        return psycopg.connect(self.writer, autocommit=True)

    def run(self, role: str, query: str, *values: object) -> list[tuple[object, ...]]:
        with psycopg.connect(role, autocommit=True) as connection:
            cursor = connection.execute(query, values)
            return cursor.fetchall() if cursor.description else []

    def upsert_page_views(self, time: str, count: int = 1, role: str | None = None) -> None:
        """As Flink's JDBC sink does it."""
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


def database_with_tables(server: Postgres) -> Iterator[Tables]:
    name = f"footfall_{next(numbers)}"
    schema.bootstrap(server.conninfo("postgres"), server.passwords, name)
    made = Tables(server, name)
    schema.migrate(made.owner)
    yield made
    if "written" in vars(made):
        made.written.close()
    with psycopg.connect(server.conninfo("postgres"), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def own_tables(own_postgres: Postgres) -> Iterator[Tables]:
    """A database of its own for each test, on the server that may be stopped."""
    yield from database_with_tables(own_postgres)


@pytest.fixture
def tables(postgres: Postgres) -> Iterator[Tables]:
    """A database of its own for each test, migrated."""
    yield from database_with_tables(postgres)


@pytest.fixture(scope="module")
def untouched(postgres: Postgres) -> Iterator[Tables]:
    """One for all tests that leave nothing behind."""
    yield from database_with_tables(postgres)
