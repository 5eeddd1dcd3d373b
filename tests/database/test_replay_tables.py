"""Rows that change places with those of a replay, on a real PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from conftest import Postgres, Tables
from metric_rows import add_session, add_site, at

from footfall.admin import data_subject, erase
from footfall.database import connections, migrate
from footfall.deploy import history, locks, shadow_tables
from footfall.deploy.locks import InOtherHands
from footfall.deploy.versions import read_version
from footfall.project.catalog import SQL
from footfall.settings import Settings

TABLE = "page_views_per_minute"
JDBC = "jdbc:postgresql://127.0.0.1/footfall?sslmode=prefer"


@pytest.fixture
def settings(postgres: Postgres, tables: Tables) -> Settings:
    name = str(tables.run(tables.owner, "SELECT current_database()")[0][0])
    values = {
        "POSTGRES_HOST": "127.0.0.1", "POSTGRES_PORT": str(postgres.port), "POSTGRES_DATABASE": name,
        "POSTGRES_OWNER_PASSWORD": postgres.passwords[connections.OWNER], "POSTGRES_JDBC_URL": JDBC,
        "RAW_EVENTS_TOPIC": "raw_events",
    }  # fmt: skip
    return Settings(Path("unused"), values)


def exchange(settings: Settings, beside: shadow_tables.ReplayTables, since: datetime | None) -> str:
    with connections.connect(connections.owner(settings)) as connection, connection.transaction():
        return ", ".join(beside.exchange(connection, since and dict.fromkeys(beside.tables, since)).values())


def undo(settings: Settings, beside: shadow_tables.ReplayTables, since: datetime | None) -> None:
    with connections.connect(connections.owner(settings)) as connection, connection.transaction():
        beside.undo(connection, since and dict.fromkeys(beside.tables, since))


def views(tables: Tables) -> list[tuple[object, ...]]:
    query = f"SELECT to_char(window_start AT TIME ZONE 'UTC', 'HH24:MI'), page_view_count FROM {TABLE} ORDER BY 1"
    return tables.run(tables.owner, query)


def replayed(tables: Tables, *rows: tuple[str, int]) -> None:
    """As Flink writes: by the writer, into the schema that the JDBC URL names first."""
    with psycopg.connect(tables.writer, options="-c search_path=replay_x") as connection:
        for time, count in rows:
            connection.execute(
                f"INSERT INTO {TABLE} (site, window_start, page_path, page_view_count, visitor_count)"
                " VALUES ('shop', %s, '/', %s, 1) ON CONFLICT (site, window_start, page_path) DO UPDATE SET"
                " page_view_count = EXCLUDED.page_view_count",
                [time, count],
            )


def test_the_rows_change_places_and_come_back(settings: Settings, tables: Tables) -> None:
    for time in ("2026-11-24 12:00Z", "2026-11-24 12:01Z"):
        tables.upsert_page_views(time, 1)
    with shadow_tables.beside(settings, "replay_x", [TABLE]) as beside:
        assert beside.jdbc_url == f"{JDBC}&currentSchema=replay_x"
        replayed(tables, ("2026-11-24 12:01Z", 7), ("2026-11-24 12:01Z", 8), ("2026-11-24 12:02Z", 9))
        assert views(tables) == [("12:00", 1), ("12:01", 1)]
        assert exchange(settings, beside, None) == f"{TABLE} has 2 rows for 2"
        assert views(tables) == [("12:01", 8), ("12:02", 9)]
        tables.upsert_page_views("2026-11-24 12:03Z", 10)  # the new job has begun
        undo(settings, beside, None)
        assert views(tables) == [("12:00", 1), ("12:01", 1)]
    assert tables.run(tables.owner, "SELECT to_regnamespace('replay_x')") == [(None,)]


def test_a_replay_does_not_bring_an_erased_person_back(settings: Settings, tables: Tables) -> None:
    add_site(tables)
    for visitor in ("phone", "desk"):
        add_session(tables, visitor, visitor=visitor, start=at("12:00:00"))
    erase.erase(tables.owner, data_subject.Given("shop", anonymous_id="phone"))
    with shadow_tables.beside(settings, "replay_x", ["sessions"]) as beside:
        with psycopg.connect(tables.writer, options="-c search_path=replay_x", autocommit=True) as writer:
            tables.written.close()
            tables.connections[tables.writer] = writer
            for visitor in ("phone", "desk"):
                add_session(tables, visitor, visitor=visitor, start=at("12:00:00"))
        assert tables.run(tables.owner, "SELECT count(*) FROM replay_x.sessions") == [(2,)]
        assert exchange(settings, beside, None) == "sessions has 1 rows for 1"
    assert tables.run(tables.owner, "SELECT visitor_id FROM sessions") == [("desk",)]


def test_rows_of_events_that_the_topic_has_lost_stay(settings: Settings, tables: Tables) -> None:
    for time in ("2026-11-24 12:00Z", "2026-11-24 12:01Z"):
        tables.upsert_page_views(time, 1)
    with shadow_tables.beside(settings, "replay_x", [TABLE]) as beside:
        replayed(tables, ("2026-11-24 12:00Z", 5), ("2026-11-24 12:01Z", 6))
        exchange(settings, beside, datetime(2026, 11, 24, 12, 1, tzinfo=UTC))
    assert views(tables) == [("12:00", 1), ("12:01", 6)]


def test_of_a_table_without_a_time_in_its_key_what_was_not_replayed_stays(settings: Settings, tables: Tables) -> None:
    def tell(schema: str, visitor: str, value: str) -> None:
        with psycopg.connect(tables.writer, options=f"-c search_path={schema}") as connection:
            connection.execute(
                "INSERT INTO user_traits VALUES ('shop', %s, '', 'plan', %s, '2026-01-31 12:00Z', 'm')",
                [visitor, value],
            )

    def told() -> list[tuple[object, ...]]:
        return tables.run(tables.owner, "SELECT visitor_id, trait_value FROM user_traits ORDER BY 1")

    add_site(tables)
    tables.run(tables.owner, "UPDATE sites SET traits = '{plan}'")
    for visitor in ("a", "b"):
        tell("public", visitor, "free")
    with shadow_tables.beside(settings, "replay_x", ["user_traits"]) as beside:
        for visitor in ("b", "c"):
            tell("replay_x", visitor, "pro")
        exchange(settings, beside, datetime(2026, 11, 24, tzinfo=UTC))
        assert told() == [("a", "free"), ("b", "pro"), ("c", "pro")]
        undo(settings, beside, datetime(2026, 11, 24, tzinfo=UTC))
        assert told() == [("a", "free"), ("b", "free")]
        undo(settings, beside, datetime(2026, 11, 24, tzinfo=UTC))
    with shadow_tables.beside(settings, "replay_x", ["user_traits"]) as beside:
        tell("replay_x", "b", "pro")
        exchange(settings, beside, None)
    assert told() == [("b", "pro")]


def test_of_such_a_table_what_is_newer_than_what_the_topic_still_has_stays(settings: Settings, tables: Tables) -> None:
    def tell(schema: str, kind: str, offset: int, time: str) -> None:
        with psycopg.connect(tables.writer, options=f"-c search_path={schema}") as connection:
            connection.execute("INSERT INTO last_records VALUES (0, %s, %s, %s)", [kind, offset, time])

    tell("public", "event", 9, "2026-11-24 12:00Z")
    tell("public", "heartbeat", 5, "2026-11-24 11:00Z")
    with shadow_tables.beside(settings, "replay_x", ["last_records"]) as beside:
        tell("replay_x", "event", 8, "2026-11-24 11:59Z")
        tell("replay_x", "heartbeat", 6, "2026-11-24 11:30Z")
        exchange(settings, beside, datetime(2026, 11, 24, 13, tzinfo=UTC))
    found = tables.run(tables.owner, "SELECT kind, kafka_offset FROM last_records ORDER BY kind")
    assert found == [("event", 9), ("heartbeat", 6)]


def test_a_verb_refuses_while_a_migration_is_missing(settings: Settings, tables: Tables) -> None:
    migrate.refuse_pending(settings)
    tables.run(tables.owner, "DELETE FROM schema_migrations WHERE version = '0044'")
    with pytest.raises(
        connections.DatabaseError, match=r"version \(0044_schema_objects\.sql\): run `footfall migrate`"
    ):
        migrate.refuse_pending(settings)


def test_undoing_an_exchange_that_failed_changes_nothing(settings: Settings, tables: Tables) -> None:
    tables.upsert_page_views("2026-11-24 12:00Z", 1)
    with shadow_tables.beside(settings, "replay_x", [TABLE]) as beside:
        undo(settings, beside, None)
    assert views(tables) == [("12:00", 1)]


def test_what_a_crash_left_is_gone_with_the_next_replay(settings: Settings, tables: Tables) -> None:
    tables.run(tables.owner, "CREATE SCHEMA replay_x")
    tables.run(tables.owner, f"CREATE TABLE replay_x.{TABLE} (a int)")
    with shadow_tables.beside(settings, "replay_x", [TABLE]):
        replayed(tables, ("2026-11-24 12:00Z", 5))


def test_a_history_is_read_as_it_was_written_with_u_0000_in_the_plan(settings: Settings) -> None:
    version = read_version(SQL, "sessions")
    history.write(settings, "submit", version, flink_job_id="a1", parallelism=2, plan='{"literal": "\\u0000"}')
    history.write(settings, "stop", version, flink_job_id="a1", savepoint="file:/s", note="for the upgrade")
    stopped, submitted = history.entries(settings, "sessions")
    assert submitted.version == stopped.version == version
    assert (submitted.action, submitted.flink_job_id, submitted.parallelism) == ("submit", "a1", 2)
    assert (stopped.savepoint, stopped.note) == ("file:/s", "for the upgrade")
    assert history.entries(settings, "late_events") == []


def test_the_reader_sees_the_history_and_the_writer_does_not(settings: Settings, tables: Tables) -> None:
    assert tables.run(tables.reader, "SELECT * FROM job_history") == []
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        tables.run(tables.writer, "SELECT * FROM job_history")


def test_a_lock_is_of_tables_and_says_who_has_it(settings: Settings) -> None:
    all_jobs = {"all_jobs": ["sessions", "visit_events"]}
    with (
        locks.hold(settings, "submits", all_jobs),
        locks.hold(settings, "stops", {"late_events": ["late_events"]}),
        pytest.raises(InOtherHands, match=r"sessions is in other hands \(\w+ submits all_jobs, since \d\d:\d\d\)"),
        locks.hold(settings, "runs", {"sessions": ["sessions"]}),
    ):
        pass
    with locks.hold(settings, "submits", {"sessions": ["sessions"]}):
        pass
