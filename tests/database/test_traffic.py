"""Visits rolled up by hour and day of the site's time zone, and distinct visitors of any days."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import psycopg
import pytest
from conftest import Tables
from metric_rows import add_event, add_session, add_site, at

from footfall.database import maintenance

FIRST, LAST = date(2011, 1, 1), date(2026, 12, 31)
APART = ("channel", "entry page", "exit page")
BREAKDOWNS = ("browser", "language", *APART, *(f"{name} alone" for name in APART))


def refresh(tables: Tables) -> object:
    return tables.run(tables.owner, "SELECT refresh_traffic()")[0][0]


def total(tables: Tables, column: str = "visit_count", grain: str = "day") -> dict[object, object]:
    """The sum of a column by breakdown."""
    query = f"SELECT breakdown, sum({column})::int FROM traffic WHERE grain = %s GROUP BY 1"
    return dict(tables.run(tables.reader, query, grain))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("zone", "around"),
    [
        ("America/New_York", "2026-03-08"),
        ("America/New_York", "2026-11-01"),
        ("Australia/Lord_Howe", "2026-04-05"),  # half an hour of daylight saving
        ("Asia/Kolkata", "2026-03-08"),
        ("Pacific/Apia", "2026-03-08"),
        ("Pacific/Apia", "2011-12-30"),  # a day that there was not
        ("Pacific/Apia", "2021-04-04"),  # its last daylight saving
        ("UTC", "2026-03-08"),
    ],
)
def test_days_and_hours_of_a_site_sum_up_to_its_visits(tables: Tables, zone: str, around: str) -> None:
    add_site(tables, timezone=zone)
    chance = random.Random(11)
    begin = datetime.fromisoformat(around).replace(tzinfo=UTC) - timedelta(days=1)
    starts = [begin + timedelta(seconds=chance.randrange(3 * 86_400)) for _ in range(300)]
    for number, start in enumerate(starts):
        add_session(tables, f"s{number}", visitor=f"v{number % 40}", start=start)
    refresh(tables)
    local = [start.astimezone(ZoneInfo(zone)) for start in starts]
    for breakdown in BREAKDOWNS:
        days = tables.run(
            tables.reader,
            "SELECT (period_start AT TIME ZONE zone_of(site))::date, sum(visit_count)::int FROM traffic"
            " WHERE grain = 'day' AND breakdown = %s GROUP BY 1",
            breakdown,
        )
        assert dict(days) == Counter(start.date() for start in local)  # type: ignore[arg-type]
        hours = tables.run(
            tables.reader,
            "SELECT to_char(period_start AT TIME ZONE zone_of(site), 'YYYY-MM-DD HH24'), sum(visit_count)::int"
            " FROM traffic WHERE grain = 'hour' AND breakdown = %s GROUP BY 1",
            breakdown,
        )
        assert dict(hours) == Counter(f"{start:%Y-%m-%d %H}" for start in local)  # type: ignore[arg-type]

    visitors = defaultdict(set)
    for number, start in enumerate(local):
        visitors[start.date()].add(number % 40)
    for day, expected in visitors.items():
        rows = tables.run(tables.reader, "SELECT unique_visitors('shop', %s, %s)", day, day)
        assert rows == [(len(expected),)]
        rows = tables.run(tables.reader, "SELECT * FROM visitor_estimate('shop', %s, %s)", day, day)
        assert rows == [(len(expected), True, 0)]
    assert tables.run(tables.reader, "SELECT unique_visitors('shop', %s, %s)", FIRST, LAST) == [(40,)]
    assert tables.run(tables.reader, "SELECT * FROM visitor_estimate('shop', %s, %s)", FIRST, LAST) == [(40, True, 0)]


def test_a_site_that_nobody_added_has_days_in_utc(tables: Tables) -> None:
    add_session(tables, "a", start=at("23:59:59"))
    refresh(tables)
    rows = tables.run(tables.reader, "SELECT DISTINCT period_start FROM traffic WHERE grain = 'day'")
    assert rows == [(at("00:00:00"),)]


def test_programs_are_apart_from_people(tables: Tables) -> None:
    add_session(tables, "a", visitor="v1", start=at("12:00:00"))
    add_session(tables, "b", visitor="v2", start=at("12:00:00"), bot=True)
    refresh(tables)
    rows = tables.run(
        tables.reader,
        "SELECT is_bot, visit_count FROM traffic WHERE grain = 'day' AND breakdown = 'channel' ORDER BY 1",
    )
    assert rows == [(False, 1), (True, 1)]
    for function in ("unique_visitors", "visitor_count FROM visitor_estimate"):
        assert tables.run(tables.reader, f"SELECT {function}('shop', %s, %s)", FIRST, LAST) == [(1,)]
        assert tables.run(tables.reader, f"SELECT {function}('shop', %s, %s, true)", FIRST, LAST) == [(2,)]


def test_whatever_is_written_in_whatever_order_traffic_is_what_the_visits_say(tables: Tables) -> None:
    chance = random.Random(5)
    add_site(tables, goals=["Signed Up"], timezone="Asia/Kolkata")
    for step in range(400):
        start = at("00:00:00") + timedelta(minutes=chance.randrange(3 * 1440))
        visitor = f"v{chance.randrange(8)}"
        if chance.random() < 0.3:
            add_event(tables, visitor=visitor, time=start, name=chance.choice(["Signed Up", "Opened"]))
        else:
            channel, country = chance.choice(["Direct", "Email"]), chance.choice(["AT", None])
            add_session(
                tables, f"s{step}", visitor=visitor, start=start, channel=channel, country=country, seconds=3600
            )
        if chance.random() < 0.1:
            tables.run(
                tables.writer, "UPDATE sessions SET channel = 'Display', page_view_count = 2 WHERE session_id = %s",
                f"s{chance.randrange(step + 1)}",
            )  # fmt: skip
        if chance.random() < 0.05:
            tables.run(tables.owner, "DELETE FROM sessions WHERE session_id = %s", f"s{chance.randrange(step + 1)}")
            minute = chance.randrange(60)
            tables.run(tables.owner, "DELETE FROM visit_events WHERE date_part('minute', event_time) = %s", minute)
        if chance.random() < 0.05:
            refresh(tables)
    refresh(tables)
    sums = "count(*), sum(page_view_count)::int, count(*) FILTER (WHERE is_engaged), sum(goal_count)::int"
    visits = tables.run(
        tables.reader,
        f"SELECT date_trunc('day', session_start, 'Asia/Kolkata'), channel, country, {sums} FROM visits"
        " GROUP BY 1, 2, 3",
    )
    for breakdown in ("channel", "entry page"):
        counted = tables.run(
            tables.reader,
            "SELECT period_start, coalesce(channel, 'any'), country, sum(visit_count)::int, sum(page_view_count)::int,"
            " sum(engaged_visit_count)::int, sum(goal_count)::int FROM traffic"
            " WHERE grain = 'day' AND breakdown = %s GROUP BY 1, 2, 3",
            breakdown,
        )
        expected: Counter[tuple[object, ...]] = Counter()
        for start, channel, country, *numbers in visits:
            for place, number in enumerate(numbers):
                expected[start, channel if breakdown == "channel" else "any", country, place] += number  # type: ignore[assignment, operator]
        found = {(*row[:3], place): number for row in counted for place, number in enumerate(row[3:])}
        assert found == dict(expected)
    assert len(visits) > 10
    assert sum(row[6] for row in visits) > 10  # type: ignore[misc, arg-type]


def test_what_a_writer_has_not_committed_is_counted_once_it_has(tables: Tables) -> None:
    add_session(tables, "a", start=at("12:00:00"))
    with psycopg.connect(tables.writer) as writing:
        writing.execute(
            "INSERT INTO sessions (site, session_id, session_start, session_end, duration_ms, visitor_id,"
            " page_view_count, event_count, is_bounce) VALUES ('shop', 'b', %s, %s, 0, 'v', 1, 1, true)",
            [at("12:10:00"), at("12:10:00")],
        )
        assert refresh(tables) == 1
        assert total(tables) == dict.fromkeys(BREAKDOWNS, 1)
        writing.commit()
    assert refresh(tables) == 1
    assert total(tables) == total(tables, grain="hour") == dict.fromkeys(BREAKDOWNS, 2)
    assert refresh(tables) == 0


def test_a_goal_that_comes_after_its_visit_was_counted_is_added(tables: Tables) -> None:
    add_site(tables, goals=["Signed Up"])
    add_session(tables, "a", start=at("11:30:00"), seconds=3600)
    refresh(tables)
    add_event(tables, time=at("12:15:00"), name="Signed Up")
    assert refresh(tables) == 1
    assert total(tables, "goal_count") == dict.fromkeys(BREAKDOWNS, 1)


@pytest.mark.parametrize("change", ["goals = '{Opened}'", "timezone = 'Pacific/Apia'"])
def test_another_goal_or_time_zone_changes_what_was_counted(tables: Tables, change: str) -> None:
    add_site(tables, goals=["Signed Up"])
    add_session(tables, "a", start=at("12:00:00"))
    add_event(tables, time=at("12:00:00"), name="Opened")
    refresh(tables)
    before = tables.run(tables.reader, "SELECT DISTINCT period_start, goal_count FROM traffic WHERE grain = 'day'")
    tables.run(tables.owner, f"UPDATE sites SET {change}")
    refresh(tables)
    after = tables.run(tables.reader, "SELECT DISTINCT period_start, goal_count FROM traffic WHERE grain = 'day'")
    assert before == [(at("00:00:00"), 0)]
    assert after == [(at("00:00:00"), 1) if "Opened" in change else (at("11:00:00"), 0)]


def test_many_visitors_are_estimated_within_the_error_that_is_said(tables: Tables) -> None:
    # Each day has half of the visitors of the day before again.
    tables.run(
        tables.owner,
        "INSERT INTO sessions (site, session_id, session_start, session_end, duration_ms, visitor_id, page_view_count,"
        " event_count, is_bounce) SELECT 'shop', d || '/' || n, t, t, 0, 'v' || d * 5000 + n, 1, 1, true"
        " FROM generate_series(0, 2) AS d, generate_series(1, 10000) AS n,"
        " LATERAL (SELECT TIMESTAMPTZ '2026-01-31 12:00Z' + d * INTERVAL '1 day') AS at (t)",
    )
    refresh(tables)
    query = "SELECT * FROM visitor_estimate('shop', '2026-01-31', '2026-02-02')"
    [(count, exact, error)] = tables.run(tables.reader, query)
    assert not exact
    assert 0.01 < error < 0.02  # type: ignore[operator]
    assert abs(count - 20_000) < 2 * error * 20_000  # type: ignore[operator]
    assert tables.run(tables.reader, "SELECT visitor_count FROM visitors_per_day") == [(10_000,)] * 3
    assert tables.run(tables.reader, "SELECT * FROM visitor_estimate('shop', '2020-01-01', '2020-01-02')") == [
        (0, True, 0)
    ]


def test_hashes_of_visitors_go_when_their_visits_are_past_retention(tables: Tables) -> None:
    now = datetime.now(UTC)
    for days in (1, 40):
        add_session(tables, f"{days} old", visitor=f"v{days}", start=now - timedelta(days=days))
    refresh(tables)
    assert not [line for line in maintenance.maintain(tables.owner) if "visitors" in line]
    tables.run(tables.owner, "UPDATE data_retention SET keep = '30 days' WHERE table_name = 'sessions'")
    assert "deleted the visitors of 1 day past the retention of sessions" in maintenance.maintain(tables.owner)
    rows = tables.run(tables.reader, "SELECT day FROM visitors_per_day")
    assert rows == [((now - timedelta(days=1)).date(),)]


def test_pages_are_what_their_minutes_say_whatever_is_written_when(tables: Tables) -> None:
    chance = random.Random(3)
    add_site(tables, timezone="Asia/Kolkata")
    views: dict[tuple[datetime, str], int] = {}
    for _ in range(300):
        minute, path = at("00:00:00") + timedelta(minutes=chance.randrange(2880)), chance.choice(["/a", "/b"])
        views[minute, path] = chance.randrange(9)
        tables.written.execute(
            "INSERT INTO page_views_per_minute VALUES ('shop', %s, %s, %s, 1) ON CONFLICT"
            " (site, window_start, page_path) DO UPDATE SET page_view_count = EXCLUDED.page_view_count",
            [minute, path, views[minute, path]],
        )
        if chance.random() < 0.05:
            tables.run(tables.owner, "SELECT refresh_pages()")
    tables.written.execute("INSERT INTO engagement_per_minute VALUES ('shop', %s, '/c', 5, 2, 70)", [at("12:00:00")])
    tables.run(tables.owner, "UPDATE sites SET timezone = 'America/New_York'")
    tables.run(tables.owner, "SELECT refresh_pages()")
    zone = ZoneInfo("America/New_York")
    for grain, form in (("hour", "%Y-%m-%d %H"), ("day", "%Y-%m-%d")):
        expected: Counter[tuple[str, str]] = Counter()
        for (minute, path), count in views.items():
            expected[f"{minute.astimezone(zone):{form}}", path] += count
        found = tables.run(
            tables.reader,
            "SELECT to_char(period_start AT TIME ZONE zone_of(site), %s), page_path, page_view_count FROM pages"
            " WHERE grain = %s AND page_path <> '/c'",
            "YYYY-MM-DD HH24" if grain == "hour" else "YYYY-MM-DD", grain,
        )  # fmt: skip
        assert {(start, path): count for start, path, count in found} == dict(expected)
    rows = tables.run(
        tables.reader,
        "SELECT grain, page_view_count, engaged_ms, depth_count, depth_sum FROM pages WHERE page_path = '/c'",
    )
    assert sorted(rows) == [("day", 0, 5, 2, 70), ("hour", 0, 5, 2, 70)]


@pytest.mark.parametrize(("hours", "grain", "first"), [(192, "hour", "12:30"), (193, "day", "18:30")])
def test_a_short_time_is_read_by_its_hours_and_a_long_one_by_its_days(
    tables: Tables, hours: int, grain: str, first: str
) -> None:
    add_site(tables, timezone="Asia/Kolkata")
    for number in range(30):
        add_session(tables, f"s{number}", start=at("12:00:00") + timedelta(hours=12 * number, minutes=45))
        tables.written.execute(
            "INSERT INTO page_views_per_minute VALUES ('shop', %s, '/', 1, 1)",
            [at("12:00:00") + timedelta(hours=12 * number, minutes=45)],
        )
    refresh(tables)
    tables.run(tables.owner, "SELECT refresh_pages()")
    begins = at("12:40:00")
    for query in ("traffic_between('shop', %s, %s, 'channel')", "pages_between('shop', %s, %s)"):
        query = f"SELECT DISTINCT grain, min(period_start) OVER () FROM {query}"
        [(found, start)] = tables.run(tables.reader, query, begins, begins + timedelta(hours=hours))
        assert (found, f"{start.astimezone(UTC):%H:%M}") == (grain, first)  # type: ignore[attr-defined]


def test_who_writes_visits_can_neither_read_nor_change_what_is_counted(tables: Tables) -> None:
    for statement in (
        "SELECT * FROM traffic_refresh_queue",
        "DELETE FROM traffic_refresh_queue",
        "INSERT INTO traffic SELECT * FROM traffic",
        "SELECT refresh_traffic()",
    ):
        for role in (tables.writer, tables.reader, tables.collector):
            with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction)):
                tables.run(role, statement)
