"""Each alert rule that asks Postgres: quiet in ordinary weeks, and firing for what it is there for."""

from __future__ import annotations

import json
from collections.abc import Iterator

import psycopg
import pytest
from conftest import Postgres, Tables, database_with_tables

from footfall.grafana.query.postgres import Postgres as PostgresReader
from footfall.settings import ROOT

FOLDER = ROOT / "dashboards" / "alerts"
RULES = {path.stem: json.loads(path.read_text()) for path in FOLDER.glob("*.json")}
ASKED = sorted(name for name, rule in RULES.items() if rule["data"][0]["datasourceUid"] == "footfall")

# Five weeks of some 20 page views a minute with noise, 2 goals in 50 visits an hour, and all the rest up to now.
ORDINARY = (
    "INSERT INTO sites (site, goals, pseudonym_key) VALUES ('shop', '{Signed Up}', decode(repeat('00', 32), 'hex'))",
    "INSERT INTO page_views_per_minute SELECT 'shop', m, '/', 16 + mod(abs(hashint8(extract(epoch FROM"
    " m)::bigint)), 9), 9"
    " FROM generate_series(date_trunc('minute', now()) - INTERVAL '35 days', date_trunc('minute', now())"
    " - INTERVAL '2 minutes', INTERVAL '1 minute') AS m",
    "INSERT INTO visit_events (site, event_time, message_id, visitor_id, event_type, is_action, page_path)"
    " SELECT 'shop', now() - n * INTERVAL '3 seconds', 'm' || n, 'v', 'page', true, '/' FROM generate_series(1,"
    " 1200) AS n",
    "INSERT INTO traffic SELECT 'shop', 'hour', 'language', h, false, 'desktop', 'AT', NULL, NULL, NULL, NULL,"
    " NULL, NULL,"
    " 'de', NULL, 50, 100, 20, 30, 1, 1, 2 FROM generate_series(date_trunc('hour', now()) - INTERVAL '28 days',"
    " date_trunc('hour', now()), INTERVAL '1 hour') AS h",
    "INSERT INTO web_vitals SELECT 'shop', now() - n * INTERVAL '30 seconds', 'w' || n, '/', 'desktop',"
    " 1800 + n % 1000, 80, 0.05 FROM generate_series(1, 2880) AS n",
    "INSERT INTO arrivals_per_minute SELECT 'shop', date_trunc('minute', now()) - n * INTERVAL '1 minute', 'js', o, c"
    " FROM generate_series(0, 60) AS n, (VALUES ('on time', 97), ('late', 1), ('duplicate', 2), ('heartbeat',"
    " 12)) AS v (o, c)",
    "INSERT INTO job_health VALUES ('sessions', true, 'running', now() - INTERVAL '1 day', 0, '', 'x', 9, 0, now(),"
    " now())",
    "INSERT INTO rejected_events SELECT now() - n * INTERVAL '10 minutes', 0, n, 'shop', 'type is missing', '{}'"
    " FROM generate_series(1, 12) AS n",
    "INSERT INTO refused_rows SELECT 'sessions', sha256('y'), t, t, 'shop', 'too long', '{}'::jsonb, '{}'::jsonb"
    " FROM (VALUES (now() - INTERVAL '1 day')) AS v (t)",
)
LATELY = "window_start > now() - INTERVAL '15 minutes'"
WRONG = {
    "traffic-spike": [f"UPDATE page_views_per_minute SET page_view_count = 500 WHERE {LATELY}"],
    "traffic-drop": [f"DELETE FROM page_views_per_minute WHERE {LATELY}"],
    "no-data": ["DELETE FROM visit_events WHERE event_time > now() - INTERVAL '31 minutes'"],
    "conversion-drop": ["UPDATE traffic SET goal_count = 0 WHERE period_start > now() - INTERVAL '1 day'"],
    "web-vitals": ["UPDATE web_vitals SET lcp_ms = lcp_ms + 3000 WHERE event_time > now() - INTERVAL '1 hour'"],
    "late-share": ["UPDATE arrivals_per_minute SET event_count = 20 WHERE outcome = 'late'"],
    "rejected-share": [
        "INSERT INTO rejected_events SELECT now() - n * INTERVAL '1 second', 1, n, NULL, 'not JSON', 'x'"
        " FROM generate_series(1, 100) AS n"
    ],
    "jobs-not-running": ["UPDATE job_health SET state = 'restarting', since = now() - INTERVAL '4 minutes'"],
    "refused-rows": [
        "INSERT INTO refused_rows VALUES ('sessions', sha256('x'), now(), now(), 'shop', 'too long', '{}', '{}')"
    ],
    "watermark-lag": ["DELETE FROM page_views_per_minute WHERE window_start > now() - INTERVAL '12 minutes'"],
}


@pytest.fixture(scope="module")
def weeks(postgres: Postgres) -> Iterator[Tables]:
    for tables in database_with_tables(postgres):
        with psycopg.connect(tables.owner, autocommit=True) as connection:
            for statement in ORDINARY:
                connection.execute(statement.encode())
            search(connection)
        yield tables


def search(connection: psycopg.Connection) -> None:
    """What `footfall maintain` does about anomalies, four weeks of minutes a call."""
    while connection.execute("SELECT refresh_anomalies()").fetchone() != (0,):
        pass


def firing(connection: psycopg.Connection, name: str) -> bool:
    """Whether the rule's threshold is passed for any site, in this transaction."""
    query, threshold = RULES[name]["data"]
    rows = connection.execute(query["model"]["rawSql"].encode()).fetchall()
    evaluator = threshold["model"]["conditions"][0]["evaluator"]
    assert evaluator["type"] == "gt"
    assert rows
    return any(row[-1] > evaluator["params"][0] for row in rows)


def test_every_rule_that_asks_postgres_is_tried() -> None:
    assert set(WRONG) == set(ASKED)


@pytest.mark.parametrize("name", ASKED)
def test_a_rule_is_quiet_in_ordinary_weeks_and_fires_for_what_it_is_there_for(weeks: Tables, name: str) -> None:
    with psycopg.connect(weeks.owner) as connection:
        assert not firing(connection, name)
        for statement in WRONG[name]:
            connection.execute(statement.encode())
        search(connection)
        assert firing(connection, name)
        connection.rollback()
        assert not firing(connection, name)


@pytest.mark.parametrize(
    "change",
    ["unread_count = 7, last_progress = now() - INTERVAL '4 minutes'", "checked_at = now() - INTERVAL '4 minutes'"],
)
def test_a_job_whose_rows_do_not_flow_or_at_which_nobody_looks_fires_too(weeks: Tables, change: str) -> None:
    with psycopg.connect(weeks.owner) as connection:
        connection.execute(f"UPDATE job_health SET {change}".encode())
        assert firing(connection, "jobs-not-running")
        connection.execute("UPDATE job_health SET should_run = false")
        assert connection.execute(RULES["jobs-not-running"]["data"][0]["model"]["rawSql"].encode()).fetchall() == []
        connection.rollback()


@pytest.mark.parametrize("name", ASKED)
def test_the_reader_may_ask_it_and_is_answered_at_once(weeks: Tables, name: str) -> None:
    assert PostgresReader(weeks.reader, seconds=5).ask(RULES[name]["data"][0]["model"]["rawSql"]).rows


@pytest.mark.parametrize("minutes", [60 * hour for hour in range(0, 168, 12)])
def test_no_ordinary_hour_of_a_week_is_an_anomaly(weeks: Tables, minutes: int) -> None:
    """What the rules about traffic would have seen at other times of the week."""
    rows = weeks.run(
        weeks.reader,
        "SELECT * FROM anomalies('shop', now() - make_interval(mins => %s + 80), now() - make_interval(mins =>"
        " %s + 20))"
        " WHERE ended - started >= INTERVAL '5 minutes'",
        minutes, minutes,
    )  # fmt: skip
    assert rows == []
