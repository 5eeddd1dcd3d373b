"""No alert in an ordinary week: three sites with nights and weekends, and every rule asked through its last day.

The minutes have the simulator's shape of a day (simulate/profiles.py), less on Saturdays and Sundays, and are
drawn from Poisson's distribution. At each time only the rows are there that would have been written by then.
"""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest
from conftest import Postgres, Tables, database_with_tables

from footfall.settings import ROOT
from footfall.simulate.profiles import HOURS

Json = dict[str, Any]
RULES: dict[str, Json] = {
    path.stem: json.loads(path.read_text()) for path in (ROOT / "dashboards" / "alerts").glob("*.json")
}
ASKED = {name: rule for name, rule in RULES.items() if rule["data"][0]["datasourceUid"] == "footfall"}
SITES = {
    "shop": ("Europe/Berlin", 30.0),
    "blog": ("America/New_York", 3.0),
    "app": ("Asia/Tokyo", 0.3),
}  # views a minute
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
END = datetime(2026, 11, 24, tzinfo=UTC)  # a Tuesday: its last day is a Monday after a weekend
START = END - 35 * DAY
GOALS, LATE, VITALS = 0.04, 0.01, 0.3  # of visits, events and page views
EVERY = 15 * MINUTE


offsets = itertools.count()


def weight(site: str, time: datetime) -> float:
    """How much of its mean a site has at a time."""
    there = time.astimezone(ZoneInfo(SITES[site][0]))
    hour, part = divmod(there.hour + there.minute / 60 - 0.5, 1)
    before, after = HOURS[int(hour) % 24], HOURS[(int(hour) + 1) % 24]
    by_day = 0.6 if there.weekday() >= 5 else 1.16
    return by_day * (before + (after - before) * part) * len(HOURS) / sum(HOURS)


def poisson(chance: random.Random, mean: float) -> int:
    """So many, in a time in which mean are usual (Knuth; normal where that is many)."""
    if mean > 60:
        return max(round(chance.gauss(mean, mean**0.5)), 0)
    limit, product, count = 2.718281828459045**-mean, chance.random(), 0
    while product > limit:
        product *= chance.random()
        count += 1
    return count


def fill(connection: psycopg.Connection, site: str, chance: random.Random) -> None:
    zone, mean = SITES[site]
    connection.execute(
        "INSERT INTO sites (site, timezone, goals, pseudonym_key) VALUES (%s, %s, '{Signed Up}',"
        " decode(repeat('00', 32), 'hex'))", [site, zone],
    )  # fmt: skip
    minutes = [START + n * MINUTE for n in range((END - START) // MINUTE)]
    views = {minute: poisson(chance, mean * weight(site, minute)) for minute in minutes}
    lately = [minute for minute in minutes if minute >= END - 2 * DAY - HOUR]
    with connection.cursor() as cursor:
        with cursor.copy("COPY page_views_per_minute FROM STDIN") as copy:
            for minute, count in views.items():
                if count:
                    copy.write_row((site, minute, "/", count, count))
        with cursor.copy(
            "COPY visit_events (site, event_time, message_id, visitor_id, event_type, is_action, page_path) FROM STDIN"
        ) as copy:
            for minute in lately:
                for n in range(views[minute]):
                    time = minute + timedelta(seconds=60 * chance.random())
                    copy.write_row((site, time, f"{minute:%d%H%M}-{n}", f"v{n}", "page", True, "/"))
        with cursor.copy(
            "COPY arrivals_per_minute (site, window_start, library, outcome, event_count) FROM STDIN"
        ) as copy:
            for minute in lately:
                late = sum(chance.random() < LATE for _ in range(views[minute] * 3))
                for outcome, count in (("on time", views[minute] * 3 - late), ("late", late), ("heartbeat", 12)):
                    if count:
                        copy.write_row((site, minute, "footfall.js", outcome, count))
        with cursor.copy("COPY web_vitals FROM STDIN") as copy:
            for minute in lately:
                for n in range(sum(chance.random() < VITALS for _ in range(views[minute]))):
                    paint = round(chance.lognormvariate(7.4, 0.45), 3)  # 1.6 s in the middle, 2.2 at 75 %
                    copy.write_row((site, minute + n * timedelta(seconds=1), f"{n}", "/", "desktop", paint, 80, 0.05))
        with cursor.copy("COPY rejected_events FROM STDIN") as copy:
            for minute in lately:
                for n in range(poisson(chance, views[minute] * 0.003)):
                    copy.write_row((minute + n * timedelta(seconds=1), 0, next(offsets), site, "x", ""))
        with cursor.copy(
            "COPY traffic (site, grain, breakdown, period_start, is_bot, visit_count, page_view_count, bounce_count,"
            " engaged_visit_count, duration_ms, engaged_ms, goal_count) FROM STDIN"
        ) as copy:
            for n in range((END - START) // HOUR):
                hour = START + n * HOUR
                count = sum(views[hour + m * MINUTE] for m in range(60))
                visits = round(count / 3)
                if visits:
                    goals = sum(chance.random() < GOALS for _ in range(visits))
                    copy.write_row((site, "hour", "language", hour, False, visits, count, 0, 0, 0, 0, goals))


@pytest.fixture(scope="module")
def week(postgres: Postgres) -> Iterator[Tables]:
    for tables in database_with_tables(postgres):
        with psycopg.connect(tables.owner, autocommit=True) as connection:
            chance = random.Random(20261124)
            for site in SITES:
                fill(connection, site, chance)
            # Rules ask now(): a function of this name, found first, is the hand of a clock that the test sets.
            connection.execute("CREATE SCHEMA clock")
            connection.execute(
                "CREATE FUNCTION clock.now() RETURNS timestamptz LANGUAGE sql STABLE AS"
                " $$ SELECT current_setting('clock.time')::timestamptz $$"
            )
            # Searched up to two days before the end: enough for what a rule reads.
            connection.execute("TRUNCATE anomaly_refresh_queue")
            connection.execute(
                "INSERT INTO anomaly_progress SELECT site, zone_of(site), min(window_start), %s"
                " FROM page_views_per_minute GROUP BY site", [END - 2 * DAY],
            )  # fmt: skip
            connection.execute(
                "INSERT INTO job_health VALUES ('sessions', true, 'running', %s, 0, '', 'x', 9, 0, %s, %s)",
                [START, END, END],
            )
            connection.execute("ANALYZE")
        yield tables


def forget(connection: psycopg.Connection, now: datetime) -> None:
    """Remove what was not written yet: windows come 130 s after their minute began, hours are counted as they grow."""
    for table, column, lag in (
        ("page_views_per_minute", "window_start", timedelta(seconds=130)),
        ("arrivals_per_minute", "window_start", timedelta(seconds=65)),
        ("visit_events", "event_time", timedelta(seconds=2)),
        ("web_vitals", "event_time", timedelta(seconds=75)),
        ("rejected_events", "received_at", timedelta(seconds=2)),
    ):
        connection.execute(f"DELETE FROM {table} WHERE {column} > %s".encode(), [now - lag])
    hour = now.replace(minute=0)
    connection.execute("DELETE FROM traffic WHERE period_start > %s", [hour])
    connection.execute("UPDATE job_health SET last_progress = %s, checked_at = %s", [now, now - timedelta(seconds=15)])
    share = (now - hour) / HOUR
    connection.execute(
        "UPDATE traffic SET visit_count = round(visit_count * %s), goal_count = round(goal_count * %s)"
        " WHERE period_start = %s", [share, share, hour],
    )  # fmt: skip


def search(connection: psycopg.Connection, now: datetime) -> None:
    """What maintenance would have written by now; what lies after is forgotten."""
    connection.execute("INSERT INTO anomaly_refresh_queue SELECT site, %s FROM sites", [now - 20 * MINUTE])
    connection.execute("SELECT refresh_anomalies(%s)", [now])


def passed(connection: psycopg.Connection, rule: Json) -> list[tuple[object, ...]]:
    """The rows of a rule that pass its threshold."""
    query, threshold = rule["data"]
    evaluator = threshold["model"]["conditions"][0]["evaluator"]
    assert evaluator["type"] == "gt"
    rows = connection.execute(query["model"]["rawSql"].encode()).fetchall()
    assert rows
    return [row for row in rows if row[-1] > evaluator["params"][0]]


def test_no_rule_has_its_condition_at_any_quarter_of_an_hour_of_the_last_day(week: Tables) -> None:
    times = [END - n * EVERY for n in range(1, DAY // EVERY + 1)]
    with psycopg.connect(week.owner) as connection:
        connection.execute("SET LOCAL search_path = clock, public, pg_catalog")
        found = []
        for now in times:  # backwards, as what came later is deleted
            connection.execute("SELECT set_config('clock.time', %s, true)", [now.isoformat()])
            assert connection.execute("SELECT now()").fetchone() == (now,)
            forget(connection, now)
            search(connection, now)
            found += [(now.isoformat(), name, row) for name, rule in ASKED.items() for row in passed(connection, rule)]
        connection.rollback()
    assert found == []


@pytest.mark.parametrize("site", ["shop", "blog"])
def test_the_same_day_without_a_site_or_with_eight_times_as_much_is_noticed(week: Tables, site: str) -> None:
    """What is quiet above is not deaf."""
    now = END - 8 * HOUR
    with psycopg.connect(week.owner) as connection:
        connection.execute("SET LOCAL search_path = clock, public, pg_catalog")
        connection.execute("SELECT set_config('clock.time', %s, true)", [now.isoformat()])
        forget(connection, now)
        lately = "site = %s AND window_start > now() - INTERVAL '35 minutes'"
        connection.execute(
            f"UPDATE page_views_per_minute SET page_view_count = page_view_count * 8 WHERE {lately}".encode(), [site]
        )
        search(connection, now)
        assert [row[0] for row in passed(connection, RULES["traffic-spike"])] == [site]
        connection.execute(f"DELETE FROM page_views_per_minute WHERE {lately}".encode(), [site])
        connection.execute(
            "DELETE FROM visit_events WHERE site = %s AND event_time > now() - INTERVAL '1 hour'", [site]
        )
        assert [row[0] for row in passed(connection, RULES["no-data"])] == [site]
        search(connection, now)
        # Five views a minute scatter too much for a few minutes without any to say something: no-data does.
        noticed = [site] if site == "shop" else []
        assert [row[0] for row in passed(connection, RULES["traffic-drop"])] == noticed
        connection.rollback()
