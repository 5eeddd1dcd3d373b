"""The salts of the day, on a real PostgreSQL: one for all collectors, new at midnight UTC, the old one gone."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import psutil
import psycopg
import pytest
from conftest import Postgres, Tables
from e2e.helpers import wait_for
from psycopg import errors

from footfall.collector.salts import Salts

TODAY, TOMORROW = date(2026, 11, 25), date(2026, 11, 26)
NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
MIDNIGHT = datetime(2026, 11, 26, tzinfo=UTC)
FAST = 0.05  # seconds between two rounds


class Clock:
    """Stands still until it is told the time."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


def in_table(tables: Tables) -> dict[date, bytes]:
    return dict(tables.run(tables.owner, "SELECT day, salt FROM visitor_salts"))  # type: ignore[arg-type]


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "footfall.collector.salts"]


@pytest.fixture
def running() -> Iterator[ExitStack]:
    """What is entered here is stopped after the test."""
    with ExitStack() as stack:
        yield stack


def start(running: ExitStack, tables: Tables, clock: Clock) -> Salts:
    return running.enter_context(Salts(tables.collector, clock, FAST))


def test_all_collectors_have_the_salt_that_is_in_the_table(
    tables: Tables, running: ExitStack, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = (start(running, tables, Clock()) for _ in range(2))
    salt = first.salt(TODAY)
    assert len(salt) == 32
    assert second.salt(TODAY) == salt
    assert in_table(tables) == {TODAY: salt}
    assert warnings(caplog) == []


def test_at_midnight_utc_there_is_another_salt_and_the_old_one_is_gone(
    tables: Tables, running: ExitStack, caplog: pytest.LogCaptureFixture
) -> None:
    clocks = Clock(), Clock()
    first, second = (start(running, tables, clock) for clock in clocks)
    yesterday = first.salt(TODAY)
    clocks[0].now = clocks[1].now = MIDNIGHT - timedelta(seconds=1)
    assert first.salt(TODAY) == second.salt(TODAY) == yesterday
    wait_for("tomorrow's salt", lambda: len(in_table(tables)) == 2, 10)
    wait_for("it to be fetched", lambda: TOMORROW in first._salts and TOMORROW in second._salts, 10)
    clocks[0].now = clocks[1].now = MIDNIGHT
    salt = first.salt(TOMORROW)
    assert second.salt(TOMORROW) == salt != yesterday
    wait_for("the end of yesterday's", lambda: in_table(tables) == {TOMORROW: salt}, 10)
    for salts in (first, second):
        wait_for("its end in memory", lambda salts=salts: set(salts._salts) == {TOMORROW}, 10)
        assert salts.salt(TODAY) == salt  # of a request that began before midnight
    assert warnings(caplog) == []


def test_tomorrows_salt_is_fetched_an_hour_ahead_and_not_before(tables: Tables, running: ExitStack) -> None:
    clock = Clock(MIDNIGHT - timedelta(hours=1, seconds=1))
    start(running, tables, clock)
    rounds(tables)
    assert set(in_table(tables)) == {TODAY}
    clock.now = MIDNIGHT - timedelta(hours=1)
    wait_for("tomorrow's", lambda: set(in_table(tables)) == {TODAY, TOMORROW}, 10)


def rounds(tables: Tables) -> None:
    """Wait until a collector has gone through two more rounds: each deletes what is put here."""
    for _ in range(2):
        tables.run(tables.owner, "INSERT INTO visitor_salts VALUES ('2000-01-01', %s)", bytes(32))
        wait_for("a round", lambda: date(2000, 1, 1) not in in_table(tables), 10)


def test_without_postgres_a_collector_has_a_salt_of_its_own_and_offers_it(
    own_postgres: Postgres, own_tables: Tables, running: ExitStack, caplog: pytest.LogCaptureFixture
) -> None:
    with own_postgres.away():
        first = start(running, own_tables, Clock())
        own = first.salt(TODAY)
        assert len(own) == 32
        assert first.salt(TODAY) == own
        assert len(warnings(caplog)) == 1
        assert "no salt of 2026-11-25 from Postgres yet" in warnings(caplog)[0]
    wait_for("its salt in the table", lambda: in_table(own_tables) == {TODAY: own}, 30)
    second = start(running, own_tables, Clock())
    assert second.salt(TODAY) == first.salt(TODAY) == own
    assert len(warnings(caplog)) == 1


def test_a_salt_of_its_own_gives_way_to_that_of_the_table(
    own_postgres: Postgres, own_tables: Tables, running: ExitStack
) -> None:
    theirs = bytes(range(32))
    own_tables.run(own_tables.collector, "INSERT INTO visitor_salts VALUES (%s, %s)", TODAY, theirs)
    with own_postgres.away():
        salts = start(running, own_tables, Clock())
        assert salts.salt(TODAY) != theirs
    wait_for("the salt of the table", lambda: salts.salt(TODAY) == theirs, 30)
    assert in_table(own_tables) == {TODAY: theirs}


def test_two_that_were_without_postgres_at_midnight_agree_when_it_is_back(
    own_postgres: Postgres, own_tables: Tables, running: ExitStack, caplog: pytest.LogCaptureFixture
) -> None:
    clocks = Clock(), Clock()
    first, second = (start(running, own_tables, clock) for clock in clocks)
    yesterday = first.salt(TODAY)
    with own_postgres.away():
        clocks[0].now = clocks[1].now = MIDNIGHT
        for salts in (first, second):
            wait_for("the end of yesterday's in memory", lambda salts=salts: not salts._salts, 10)
        assert len({yesterday, first.salt(TODAY), first.salt(TOMORROW), second.salt(TOMORROW)}) == 3
    wait_for("one salt", lambda: first.salt(TOMORROW) == second.salt(TOMORROW), 30)
    wait_for("yesterday's end", lambda: in_table(own_tables) == {TOMORROW: first.salt(TOMORROW)}, 10)
    assert len(warnings(caplog)) == 2  # one of each


def test_a_crash_of_postgres_leaves_no_salt_there_and_collectors_put_theirs_back(
    own_postgres: Postgres, own_tables: Tables, running: ExitStack
) -> None:
    own_tables.run(own_tables.collector, "INSERT INTO visitor_salts VALUES (%s, %s)", TODAY, bytes(32))
    crash(own_postgres)
    assert in_table(own_tables) == {}
    salts = start(running, own_tables, Clock())
    before = salts.salt(TODAY)
    crash(own_postgres)
    wait_for("the salt in the table again", lambda: in_table(own_tables) == {TODAY: before}, 30)
    assert salts.salt(TODAY) == before


def crash(server: Postgres) -> None:
    """End the server without any farewell, and start it again."""
    postmaster = psutil.Process(int((server.directory.resolve() / "postmaster.pid").read_text().splitlines()[0]))
    family = [postmaster, *postmaster.children(recursive=True)]
    postmaster.kill()
    psutil.wait_procs(family, timeout=20)
    server.start()


def test_a_request_does_not_wait_for_a_postgres_that_hangs(own_tables: Tables, running: ExitStack) -> None:
    clock = Clock()
    salts = start(running, own_tables, clock)
    query = "SELECT pid FROM pg_stat_activity WHERE application_name = 'footfall collector: the salts'"
    ((backend,),) = own_tables.run(own_tables.collector, query)
    os.kill(int(str(backend)), signal.SIGSTOP)
    try:
        clock.now = MIDNIGHT
        salt = salts.salt(TOMORROW)  # would never come back
        assert salts.salt(TODAY) == salt
    finally:
        os.kill(int(str(backend)), signal.SIGCONT)


def test_a_salt_that_is_deleted_is_in_no_file_of_the_server(
    own_postgres: Postgres, own_tables: Tables, running: ExitStack
) -> None:
    with psycopg.connect(own_postgres.conninfo("postgres"), autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET autovacuum_naptime = '1s'")
        connection.execute("SELECT pg_reload_conf()")
    clock = Clock(MIDNIGHT - timedelta(seconds=1))
    salts = start(running, own_tables, clock)
    wait_for("two salts", lambda: len(in_table(own_tables)) == 2, 10)
    yesterday = salts.salt(TODAY)
    clock.now = MIDNIGHT
    wait_for("one salt", lambda: len(in_table(own_tables)) == 1, 10)
    vacuumed = "SELECT autovacuum_count > 0 FROM pg_stat_user_tables WHERE relname = 'visitor_salts'"
    wait_for("a vacuum", lambda: own_tables.run(own_tables.owner, vacuumed) == [(True,)], 60)
    today = salts.salt(TOMORROW)
    with own_postgres.away():
        assert holding(today, own_postgres.directory.resolve() / "base")
        assert not holding(today, own_postgres.directory.resolve() / "pg_wal")
        assert not holding(yesterday, own_postgres.directory.resolve())
    assert yesterday.hex() not in own_postgres.log.read_text()


def holding(content: bytes, folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and content in path.read_bytes()]


def test_the_table_takes_no_salt_that_is_too_short(untouched: Tables) -> None:
    with pytest.raises(errors.CheckViolation):
        untouched.run(untouched.collector, "INSERT INTO visitor_salts VALUES (%s, '')", TODAY)
