"""Schema, roles and maintenance of the results database, on a real PostgreSQL."""

from __future__ import annotations

import os
import re
import subprocess
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from conftest import Postgres, Tables, free_port
from psycopg import errors
from psycopg.conninfo import make_conninfo

from footfall.database import connections
from footfall.database import migrate as migration
from footfall.database.connections import DatabaseError
from footfall.database.maintenance import maintain
from footfall.database.migrate import bootstrap, migrate
from footfall.settings import ROOT

TABLES = (
    "sessions", "visit_events", "page_views_per_minute", "engagement_per_minute", "elements_per_minute",
    "custom_events_per_minute", "web_vitals", "arrivals_per_minute", "late_events", "rejected_events",
)  # fmt: skip
WHOLE = ("user_traits", "last_records")  # not parted by months
FLINK_TYPES = {
    "STRING": "text", "TIMESTAMP(3)": "timestamp with time zone", "BIGINT": "bigint", "INT": "integer",
    "BOOLEAN": "boolean", "DECIMAL(18, 4)": "numeric(18,4)", "DECIMAL(38, 4)": "numeric(38,4)",
    "DECIMAL(12, 3)": "numeric(12,3)", "DECIMAL(12, 6)": "numeric(12,6)",
}  # fmt: skip
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
NUMBERS = ("_count", "_sum", "_ms", "_partition", "_offset", "revenue", "cls")


def test_migrating_again_finds_nothing_to_do(untouched: Tables) -> None:
    assert migrate(untouched.owner) == []


def test_bootstrapping_again_sets_the_new_passwords(postgres: Postgres, tables: Tables) -> None:
    name = tables.run(tables.owner, "SELECT current_database()")[0][0]
    changed = {**postgres.passwords, connections.READER: "another"}
    bootstrap(postgres.conninfo("postgres"), changed, str(name))
    assert tables.run(make_conninfo(tables.reader, password="another"), "SELECT 1") == [(1,)]
    bootstrap(postgres.conninfo("postgres"), postgres.passwords, str(name))
    assert tables.run(tables.reader, "SELECT 1") == [(1,)]


def test_a_server_without_the_role_of_the_collector_is_reported_and_gets_it_at_the_next_up(
    own_postgres: Postgres, own_tables: Tables
) -> None:
    name = str(own_tables.run(own_tables.owner, "SELECT current_database()")[0][0])
    files = [path.name for path in sorted(migration.MIGRATIONS.glob("*.sql"))]
    down(own_tables, len(files))
    own_tables.run(own_postgres.conninfo("postgres", name), "DROP OWNED BY footfall_collector")
    own_tables.run(own_postgres.conninfo("postgres"), "DROP ROLE footfall_collector")
    with pytest.raises(DatabaseError, match=r"no role footfall_collector: .*POSTGRES_COLLECTOR_PASSWORD") as raised:
        migrate(own_tables.owner)
    assert "\n" not in str(raised.value)
    bootstrap(own_postgres.conninfo("postgres"), own_postgres.passwords, name)
    assert migrate(own_tables.owner)[:-1] == [f"applied {name}" for name in files]
    assert own_tables.run(own_tables.collector, "SELECT site FROM sites") == []


def test_migrations_go_down_to_nothing_and_up_again(tables: Tables) -> None:
    maintain(tables.owner, NOW)
    count = len(list(migration.MIGRATIONS.glob("*.sql")))
    down(tables, count)
    left = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
    assert tables.run(tables.owner, left) == [("schema_migrations",)]
    assert tables.run(tables.owner, "SELECT 1 FROM pg_proc WHERE pronamespace = 'public'::regnamespace") == []
    assert len(migrate(tables.owner)) == count + 1
    tables.upsert_page_views("2026-11-24 12:00Z")


def down(tables: Tables, count: int) -> None:
    """Take the last migrations back."""
    url, _ = migration._url(tables.owner)
    for _ in range(count):
        subprocess.run(
            [migration._dbmate(), "--migrations-dir", str(migration.MIGRATIONS), "--no-dump-schema", "down"],
            env={**os.environ, "DATABASE_URL": url}, check=True, capture_output=True,
        )  # fmt: skip


@pytest.mark.parametrize("table", [*TABLES, *WHOLE])
def test_a_table_has_the_columns_keys_and_comments_that_flink_declares(untouched: Tables, table: str) -> None:
    declared = (ROOT / "sql" / "tables" / f"{table}.sql").read_text()
    types = r"STRING|TIMESTAMP\(3\)|BIGINT|INT|BOOLEAN|DECIMAL\(\d+, \d+\)"
    column = rf"^  (\w+) ({types})( NOT NULL)? COMMENT '((?:[^']|'')*)',$"
    columns = [
        (name, FLINK_TYPES[kind], bool(not_null), comment.replace("''", "'"))
        for name, kind, not_null, comment in re.findall(column, declared, re.MULTILINE)
    ]
    assert len(columns) == declared.count(" COMMENT '")
    found = untouched.run(
        untouched.owner,
        "SELECT attname, format_type(atttypid, atttypmod), attnotnull, col_description(attrelid, attnum)"
        " FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 ORDER BY attnum",
        table,
    )
    assert found == columns
    key = re.search(r"(PRIMARY KEY \(.*\)) NOT ENFORCED", declared)
    assert key
    constraints = "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = %s::regclass AND contype = 'p'"
    assert untouched.run(untouched.owner, constraints, table) == [(key[1],)]
    grain = declared.splitlines()[0].removeprefix(f"-- {table}: ")
    assert untouched.run(untouched.owner, "SELECT obj_description(%s::regclass)", table) == [(grain,)]


def test_the_writer_may_upsert_whole_rows_of_every_table(tables: Tables) -> None:
    maintain(tables.owner, NOW)
    times = dict.fromkeys(["session_start", "session_end", "window_start", "received_at", "event_time"], NOW)
    for table in TABLES:
        columns = names(tables, "pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 ORDER BY attnum", table)
        is_key = "pg_attribute JOIN pg_index ON attrelid = indrelid AND attnum = ANY (indkey) WHERE indisprimary"
        key = names(tables, f"{is_key} AND attrelid = %s::regclass", table)
        values = [times.get(c, c.startswith("is_") or (1 if c.endswith(NUMBERS) else "x")) for c in columns]
        upsert = (
            f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join(['%s'] * len(columns))})"
            f" ON CONFLICT ({', '.join(key)}) DO UPDATE SET "
            + ", ".join(f"{column} = EXCLUDED.{column}" for column in columns if column not in key)
        )
        for _ in range(2):
            tables.run(tables.writer, upsert, *values)
        assert tables.places(table) == [f"{table}_2026_11"]


def names(tables: Tables, where: str, *values: object) -> list[str]:
    return [str(row[0]) for row in tables.run(tables.owner, f"SELECT attname FROM {where}", *values)]


@pytest.mark.parametrize("role", ["writer", "reader", "collector"])
def test_the_writer_the_reader_and_the_collector_may_do_nothing_else(untouched: Tables, role: str) -> None:
    address = make_conninfo(getattr(untouched, role), options="-c default_transaction_read_only=off")
    for forbidden in (
        "DELETE FROM sessions",
        "TRUNCATE sessions",
        "SELECT * FROM sessions_default",
        "INSERT INTO sessions_default SELECT * FROM sessions",
        "SELECT * FROM data_retention",
        "UPDATE data_retention SET keep = '1 day'",
        "SELECT * FROM schema_migrations",
        "CREATE TABLE public.t (a int)",
        "CREATE TEMPORARY TABLE t (a int)",
        "CREATE SCHEMA s",
        "CALL maintain()",
        "SELECT drop_partitions_before('sessions', now())",
        "SELECT partition_by_time('sessions', 'session_start')",
    ):
        with pytest.raises(errors.InsufficientPrivilege):
            untouched.run(address, forbidden)


def test_the_reader_can_read_every_table_but_not_write_and_not_for_longer_than_30_seconds(tables: Tables) -> None:
    tables.upsert_page_views("2026-11-24 12:00Z", 7)
    for table in TABLES:
        tables.run(tables.reader, f"SELECT * FROM {table}")
    assert tables.run(tables.reader, "SELECT page_view_count FROM page_views_per_minute") == [(7,)]
    assert tables.run(tables.reader, "SHOW statement_timeout") == [("30s",)]
    assert tables.run(tables.reader, "SHOW plan_cache_mode") == [("force_custom_plan",)]
    with pytest.raises(errors.ReadOnlySqlTransaction):
        tables.upsert_page_views("2026-11-24 12:00Z", role=tables.reader)
    with pytest.raises(errors.InsufficientPrivilege):
        tables.upsert_page_views(
            "2026-11-24 12:00Z", role=make_conninfo(tables.reader, options="-c default_transaction_read_only=off")
        )


def test_months_are_made_from_the_last_one_to_three_ahead_and_a_second_run_has_nothing_to_do(tables: Tables) -> None:
    months = ["2026_10", "2026_11", "2026_12", "2027_01", "2027_02"]
    assert maintain(tables.owner, NOW) == [f"made {table}_{month}" for table in TABLES for month in months]
    assert maintain(tables.owner, NOW) == []


def test_months_begin_at_midnight_utc_whatever_the_time_zone_of_the_session(tables: Tables) -> None:
    maintain(make_conninfo(tables.owner, options="-c TimeZone=America/New_York"), datetime(2026, 12, 1, 2, tzinfo=UTC))
    tables.upsert_page_views("2026-11-01 00:00:00Z")
    tables.upsert_page_views("2026-11-30 23:59:00Z")
    tables.upsert_page_views("2026-12-01 00:00:00Z")
    assert tables.places("page_views_per_minute") == [f"page_views_per_minute_2026_{m}" for m in ("11", "11", "12")]


def test_rows_outside_every_month_land_in_default_and_move_once_their_month_is_made(tables: Tables) -> None:
    for day in ("2014-03-01", "2026-11-01", "2026-11-30", "2026-12-01", "2099-01-01"):
        tables.upsert_page_views(f"{day} 00:00Z")
    assert set(tables.places("page_views_per_minute")) == {"page_views_per_minute_default"}
    done = maintain(tables.owner, NOW)
    assert "moved 2 rows from page_views_per_minute_default to page_views_per_minute_2026_11" in done
    tables.upsert_page_views("2026-11-30 00:00Z", 2)  # the same row where it is now, not a second one
    assert tables.places("page_views_per_minute") == [
        f"page_views_per_minute_{place}" for place in ("2026_11", "2026_11", "2026_12", "default", "default")
    ]


def test_retention_drops_old_months_and_old_default_rows_only_of_tables_with_a_keep(tables: Tables) -> None:
    maintain(tables.owner, datetime(2026, 6, 15, tzinfo=UTC))
    for offset, time in enumerate(["2014-03-01 00:00Z", "2026-05-20 00:00Z", "2026-08-20 00:00Z", "2026-11-20 00:00Z"]):
        tables.upsert_page_views(time)
        tables.upsert_late_event(time, offset)
    done = maintain(tables.owner, NOW)  # 90 days before NOW is 26 August
    assert sorted(sentence for sentence in done if sentence.startswith(("deleted", "dropped"))) == [
        "deleted 1 row of late_events_default",
        *(f"dropped late_events_2026_{month}" for month in ("05", "06", "07")),
        *(f"dropped rejected_events_2026_{month}" for month in ("05", "06", "07")),
    ]
    assert tables.places("late_events") == ["late_events_2026_08", "late_events_2026_11"]
    assert len(tables.places("page_views_per_minute")) == 4
    assert maintain(tables.owner, NOW) == []


def test_a_keep_shorter_than_last_month_makes_no_month_that_it_would_drop_again(tables: Tables) -> None:
    tables.run(tables.owner, "UPDATE data_retention SET keep = '10 days' WHERE table_name = 'sessions'")
    assert "made sessions_2026_10" not in maintain(tables.owner, NOW)
    assert maintain(tables.owner, NOW) == []


def test_a_salt_of_a_day_that_is_over_goes_where_no_collector_is_at_work(tables: Tables) -> None:
    maintain(tables.owner, NOW)
    for day in ("2026-11-22", "2026-11-23", "2026-11-24", "2026-11-25"):
        tables.run(tables.collector, "INSERT INTO visitor_salts VALUES (%s, %s)", day, bytes(32))
    assert maintain(tables.owner, NOW) == ["deleted 2 salts of days that are over"]
    assert maintain(tables.owner, NOW) == []
    assert tables.run(tables.owner, "SELECT day::text FROM visitor_salts ORDER BY 1") == [
        ("2026-11-24",),
        ("2026-11-25",),
    ]


def test_a_retention_row_for_no_table_is_pointed_out(tables: Tables) -> None:
    tables.run(tables.owner, "INSERT INTO data_retention VALUES ('sesions', '1 day')")
    assert maintain(tables.owner, NOW)[0] == "data_retention names sesions, which is no table"


def test_writers_that_are_at_work_while_rows_move_neither_fail_nor_lose_a_row(tables: Tables) -> None:
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'page_views_per_minute'::regclass"
    with psycopg.connect(tables.writer) as first, psycopg.connect(tables.owner, autocommit=True) as watcher:

        def wait_for(count: int) -> None:
            while watcher.execute(waiting).fetchone() != (count,):
                assert not any(work.done() for work in (maintenance, second)), "nobody waits for the first writer"

        with ThreadPoolExecutor() as pool:
            first.execute("INSERT INTO page_views_per_minute VALUES ('shop', '2026-11-01 00:00Z', '/', 1, 1)")
            second: Future[object] = Future()
            maintenance = pool.submit(
                maintain, tables.owner, datetime(2026, 12, 24, tzinfo=UTC)
            )  # begins with November
            wait_for(1)
            second = pool.submit(tables.upsert_page_views, "2026-11-02 00:00Z")
            wait_for(2)
            first.commit()
            second.result()
    assert "moved 1 row from page_views_per_minute_default to page_views_per_minute_2026_11" in maintenance.result()
    assert tables.places("page_views_per_minute") == ["page_views_per_minute_2026_11"] * 2


@pytest.mark.parametrize("work", [migrate, maintain])
def test_a_wrong_password_is_one_line_without_the_password(untouched: Tables, work: object) -> None:
    assert callable(work)
    with pytest.raises(DatabaseError) as raised:
        work(make_conninfo(untouched.owner, password="guessed"))
    assert "refuses the password of footfall_owner" in str(raised.value)
    assert "\n" not in str(raised.value) and "guessed" not in str(raised.value)


def test_a_server_that_can_not_be_reached_is_one_line_with_its_address(untouched: Tables) -> None:
    port = free_port()
    with pytest.raises(DatabaseError, match=f"^Postgres at 127.0.0.1:{port} can't be reached: .*POSTGRES_PORT$"):
        maintain(make_conninfo(untouched.owner, port=port))


def test_a_database_that_is_not_there_is_one_line(untouched: Tables) -> None:
    with pytest.raises(DatabaseError, match=r"has no database nowhere"):
        migrate(make_conninfo(untouched.owner, dbname="nowhere"))


def test_a_failed_migration_names_its_file_and_leaves_nothing_of_it(
    tables: Tables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in migration.MIGRATIONS.glob("*.sql"):
        (tmp_path / path.name).write_text(path.read_text())
    (tmp_path / "0099_broken.sql").write_text(
        "-- migrate:up\nCREATE TABLE t (a int);\nSELECT nonsense;\n-- migrate:down\n"
    )
    monkeypatch.setattr(migration, "MIGRATIONS", tmp_path)
    with pytest.raises(DatabaseError, match=r'0099_broken\.sql failed: .*"nonsense" does not exist') as raised:
        migrate(tables.owner)
    assert "\n" not in str(raised.value) and "secret" not in str(raised.value)
    assert tables.run(tables.owner, "SELECT to_regclass('t')") == [(None,)]


def test_passwords_are_not_in_the_server_log(postgres: Postgres, untouched: Tables) -> None:
    with psycopg.connect(postgres.conninfo("postgres"), autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET log_statement = 'all'")
        connection.execute("SELECT pg_reload_conf()")
        bootstrap(postgres.conninfo("postgres"), postgres.passwords, "footfall_logged")
        connection.execute("ALTER SYSTEM RESET log_statement")
        connection.execute("SELECT pg_reload_conf()")
        connection.execute("DROP DATABASE footfall_logged")
    log = postgres.log.read_text()
    assert 'ALTER ROLE "footfall_writer" LOGIN PASSWORD' in log
    assert "secret of" not in log
