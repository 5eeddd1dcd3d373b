"""Clicks, arrivals, custom events, actions, links and attribution rolled up by hour and day."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import psycopg
import pytest
from conftest import Tables
from metric_rows import add_event, add_session, add_site, at

from footfall.database import maintenance

# Of each table that is added up: what it is added up from, its keys and its sums, and the function that asks it.
COUNTED = {
    "elements": (
        "elements_per_minute", "window_start", "element_name, page_path, utm_campaign", "view_count, click_count",
    ),
    "arrivals": ("arrivals_per_minute", "window_start", "library, outcome", "event_count"),
    "custom_events": ("custom_events_per_minute", "window_start", "event_name, label", "event_count"),
    "actions": ("action_events", "event_time", "event_type, event_name, currency", "event_count, revenue"),
    "links": ("link_events", "event_time", "target_url", "click_count"),
    "attribution": (
        "(SELECT *, 1 AS conversion_count FROM attributed_conversions) AS c", "event_time",
        "model, channel, goal, currency", "conversion_count, revenue",
    ),
}  # fmt: skip
each_counted = pytest.mark.parametrize("name", COUNTED)
MINUTES = {
    "elements_per_minute": ("element_name, page_path, utm_campaign, view_count, click_count", ("e", "/", "", 4, 1)),
    "arrivals_per_minute": ("library, outcome, event_count", ("footfall.js", "late", 3)),
    "custom_events_per_minute": ("event_name, label, event_count, visitor_count", ("Opened", "x", 2, 1)),
}


def refresh(tables: Tables) -> None:
    maintenance.refresh_rollups(tables.owner)


def sums(columns: str) -> str:
    return ", ".join(f"sum({column})" for column in columns.split(", "))


def from_rows(tables: Tables, name: str, grain: str, zone: str) -> list[tuple[object, ...]]:
    """What the rows themselves say, by the hour or day of the zone."""
    source, time, keys, added = COUNTED[name]
    query = (
        f"SELECT site, date_trunc(%s, {time}, %s) AS p, {keys}, {sums(added)} FROM {source} GROUP BY site, p, {keys}"
    )
    return sorted(tables.run(tables.owner, query, grain, zone), key=repr)


def rollups(tables: Tables, name: str, grain: str) -> list[tuple[object, ...]]:
    _, _, keys, added = COUNTED[name]
    query = f"SELECT site, period_start, {keys}, {added} FROM {name} WHERE grain = %s"
    return sorted(tables.run(tables.reader, query, grain), key=repr)


def write_anything(tables: Tables, chance: random.Random, step: int) -> None:
    """A row of any table written, corrected or deleted."""
    time = at("00:00:00") + timedelta(minutes=chance.randrange(3 * 1440))
    visitor = f"v{chance.randrange(6)}"
    what = chance.random()
    if what < 0.3:
        table, (columns, values) = chance.choice(list(MINUTES.items()))
        count = columns.split(", ")[-1] if table != "custom_events_per_minute" else "event_count"
        tables.written.execute(
            f"INSERT INTO {table} (site, window_start, {columns}) VALUES (%s, %s{', %s' * len(values)})"
            f" ON CONFLICT ON CONSTRAINT {table}_pkey DO UPDATE SET {count} = {table}.{count} + EXCLUDED.{count}",
            ["shop", time, *values],
        )
    elif what < 0.65:
        add_event(
            tables, visitor=visitor, time=time, name=chance.choice(["Signed Up", "Opened", "Link Clicked"]),
            type_=chance.choice(["track", "track", "page"]), target_url=chance.choice(["https://a.example/", None]),
            revenue=chance.choice([None, 2.5, -1]), currency=chance.choice(["EUR", None]),
        )  # fmt: skip
    elif what < 0.9:
        channel = chance.choice(["Direct", "Email", "Display"])
        add_session(tables, f"s{step}", visitor=visitor, start=time, channel=channel, seconds=3600)
    elif what < 0.95:
        tables.written.execute(
            "UPDATE visit_events SET revenue = 7, event_name = 'Signed Up' WHERE date_part('minute', event_time) = %s",
            [chance.randrange(60)],
        )
        tables.written.execute(
            "UPDATE sessions SET channel = 'Referral', visitor_id = 'v1' WHERE session_id = %s", [f"s{step - 5}"]
        )
    else:
        for table in (*MINUTES, "visit_events"):
            column = "event_time" if table == "visit_events" else "window_start"
            tables.run(
                tables.owner, f"DELETE FROM {table} WHERE date_part('hour', {column}) = %s", chance.randrange(24)
            )
        tables.run(tables.owner, "DELETE FROM sessions WHERE session_id = %s", f"s{chance.randrange(step + 1)}")


def test_an_hour_of_any_zone_holds_no_time_beyond_an_hour_from_its_start(tables: Tables) -> None:
    """What lets the sums of an hour be made of an hour's rows alone (0039), on days on which clocks change too."""
    outside = tables.run(
        tables.owner,
        "SELECT name, t FROM pg_timezone_names,"
        " generate_series(timestamptz '2026-01-01Z', '2027-01-01Z', '59 minutes') AS t,"
        " date_trunc('hour', t, name) AS hour WHERE NOT (hour <= t AND t < hour + INTERVAL '1 hour')",
    )
    assert outside == []


def test_whatever_is_written_in_whatever_order_the_sums_are_what_the_rows_say(tables: Tables) -> None:
    chance = random.Random(7)
    add_site(tables, goals=["Signed Up"], timezone="Asia/Kolkata")
    for step in range(500):
        write_anything(tables, chance, step)
        if chance.random() < 0.05:
            refresh(tables)
    zone = "Asia/Kolkata"
    for change in ("timezone = timezone", "goals = '{Opened}'", "timezone = 'Australia/Lord_Howe'"):
        tables.run(tables.owner, f"UPDATE sites SET {change}")
        zone = "Australia/Lord_Howe" if "Lord_Howe" in change else zone
        refresh(tables)
        for name in COUNTED:
            for grain in ("hour", "day"):
                expected = from_rows(tables, name, grain, zone)
                assert rollups(tables, name, grain) == expected
                assert len(expected) > 2, f"{name}: there is nothing to compare"
    assert tables.run(tables.owner, "SELECT refresh_counts(), refresh_traffic()") == [(0, 0)]


@each_counted
def test_a_row_is_counted_where_nobody_added_its_site(tables: Tables, name: str) -> None:
    if name == "attribution":
        pytest.skip("a site that nobody added has no goals")
    for table, (columns, values) in MINUTES.items():
        tables.written.execute(
            f"INSERT INTO {table} (site, window_start, {columns}) VALUES (%s, %s{', %s' * len(values)})",
            ["", at("12:00:00"), *values],
        )
    add_event(tables, time=at("12:00:00"), name="Link Clicked", target_url="https://a.example/", site="")
    refresh(tables)
    assert rollups(tables, name, "day") == from_rows(tables, name, "day", "UTC") != []


@pytest.mark.parametrize(("hours", "grain"), [(6, "minute"), (7, "hour"), (192, "hour"), (193, "day")])
@each_counted
def test_a_question_is_answered_from_the_fewest_rows_that_are_fine_enough(
    tables: Tables, name: str, hours: int, grain: str
) -> None:
    add_site(tables, goals=["Link Clicked"])
    begins = at("12:00:00")
    for time in (begins, begins + timedelta(hours=2)):
        add_session(tables, f"{time}", start=time)
        add_event(tables, time=time, name="Link Clicked", target_url="https://a.example/")
        for table, (columns, values) in MINUTES.items():
            tables.written.execute(
                f"INSERT INTO {table} (site, window_start, {columns}) VALUES (%s, %s{', %s' * len(values)})",
                ["shop", time, *values],
            )
    refresh(tables)
    first_sum = COUNTED[name][3].split(", ")[0]
    query = f"SELECT DISTINCT grain, sum({first_sum}) OVER () FROM {name}_between('shop', %s, %s)"
    [(found, total)] = tables.run(tables.reader, query, begins, begins + timedelta(hours=hours))
    assert found == grain
    source, time_column, *_ = COUNTED[name]
    assert [(total,)] == tables.run(
        tables.owner, f"SELECT sum({first_sum}) FROM {source} WHERE {time_column} > '2020-01-01'"
    )


def test_goals_are_those_that_the_site_names_now(tables: Tables) -> None:
    add_site(tables, goals=["Signed Up"])
    for name in ("Signed Up", "Opened", "Opened"):
        add_event(tables, time=at("12:00:00"), name=name)
    add_event(tables, time=at("12:00:00"), name="Signed Up", type_="page", revenue=1)
    refresh(tables)
    query = "SELECT event_name, event_count FROM goals_between('shop', '2026-01-01', '2026-02-02')"
    assert tables.run(tables.reader, query) == [("Signed Up", 1)]
    tables.run(tables.owner, "UPDATE sites SET goals = '{Opened}'")
    assert tables.run(tables.reader, query) == [("Opened", 2)]


@pytest.mark.parametrize("hours", [5, 7, 100, 192, 193, 480])
@pytest.mark.parametrize("zone", ["Asia/Kolkata", "America/New_York"])  # one is 30 minutes off, one changes its clocks
def test_goals_are_counted_with_their_visitors_of_the_same_times(tables: Tables, zone: str, hours: int) -> None:
    add_site(tables, goals=["Signed Up", "Order Completed"], timezone=zone)
    chance = random.Random(7)
    begins = datetime(2026, 3, 5, 10, 20, tzinfo=UTC)
    happened = []
    for _ in range(400):
        time = begins + timedelta(minutes=chance.randrange(-60 * 30, 60 * (hours + 30)))
        visitor, name = f"v{chance.randrange(60)}", chance.choice(["Signed Up", "Order Completed", "Opened"])
        currency = chance.choice(["EUR", "USD"]) if name == "Order Completed" else None
        revenue = Decimal(chance.randrange(1, 100)) if currency else None
        add_event(tables, time=time, visitor=visitor, name=name, revenue=revenue, currency=currency)
        happened.append((time, name, currency or "", visitor, revenue))
    refresh(tables)

    ends = begins + timedelta(hours=hours)

    def period(time: datetime) -> object:
        local = time.astimezone(ZoneInfo(zone))
        return local.date() if hours > 192 else (local.date(), local.hour, local.utcoffset())

    first, last = period(begins), period(ends - timedelta(microseconds=1))
    expected: dict[tuple[str, str], list[tuple[str, Decimal | None]]] = {}
    for time, name, currency, visitor, revenue in happened:
        touched = begins <= time <= ends if hours <= 6 else begins <= time < ends or period(time) in (first, last)
        if touched and name != "Opened":
            expected.setdefault((name, currency), []).append((visitor, revenue))
    found = tables.run(tables.reader, "SELECT * FROM goals_reached('shop', %s, %s)", begins, ends)
    assert sorted(found) == sorted(
        (name, currency, len(rows), len({visitor for visitor, _ in rows}), sum(r for _, r in rows if r) or None)
        for (name, currency), rows in expected.items()
    )
    assert [row[2] for row in found] == sorted((row[2] for row in found), reverse=True)


@pytest.mark.parametrize("device", ["%", "mobile"])
@pytest.mark.parametrize("country", ["%", "AT"])
@pytest.mark.parametrize("audience", ["people", "programs", "everything"])
def test_traffic_is_the_same_by_few_rows_and_by_many(tables: Tables, audience: str, country: str, device: str) -> None:
    chance = random.Random(2)
    for number in range(120):
        add_session(
            tables, f"s{number}", start=at("10:00:00") + timedelta(minutes=number), bot=chance.random() < 0.3,
            channel=chance.choice(["Direct", "Email"]), country=chance.choice(["AT", "DE", None]),
        )  # fmt: skip
    tables.run(
        tables.owner,
        "UPDATE sessions SET device_type = (ARRAY['mobile', 'desktop', NULL])[1 + page_view_count + extract(minute FROM"
        " session_start)::int % 3 - 1], entry_page = '/' || extract(minute FROM session_start)::int % 4, exit_page ="
        " '/' || extract(minute FROM session_start)::int % 5".replace("%", "%%"),
    )
    refresh(tables)
    for breakdown_name, column in (("channel", "channel"), ("entry page", "entry_page"), ("exit page", "exit_page")):
        found = tables.run(
            tables.reader,
            f"SELECT {column}, sum(visit_count)::int FROM traffic_for('shop', %s, %s, %s, %s, %s, %s) GROUP BY 1"
            " ORDER BY 1",
            at("00:00:00"), at("00:00:00") + timedelta(days=20), breakdown_name, audience, device, country,
        )  # fmt: skip
        expected = tables.run(
            tables.reader,
            f"SELECT {column}, count(*)::int FROM sessions WHERE (%s = 'everything' OR is_bot = (%s = 'programs'))"
            " AND %s IN ('%%', device_type) AND %s IN ('%%', country) GROUP BY 1 ORDER BY 1",
            audience, audience, device, country,
        )  # fmt: skip
        assert found == expected != []


def test_links_go_when_the_events_are_past_retention(tables: Tables) -> None:
    now = datetime.now(at("12:00:00").tzinfo)
    for days in (1, 40):
        add_event(
            tables, time=now - timedelta(days=days), name="Link Clicked", target_url=f"https://{days}.example/"
        )  # fmt: skip
    refresh(tables)
    tables.run(tables.owner, "UPDATE data_retention SET keep = '30 days' WHERE table_name = 'visit_events'")
    maintenance.maintain(tables.owner)
    assert tables.run(tables.reader, "SELECT DISTINCT target_url FROM links") == [("https://1.example/",)]


def test_who_writes_can_neither_read_nor_change_what_is_counted(tables: Tables) -> None:
    for statement in (
        "SELECT * FROM rollup_refresh_queue",
        "DELETE FROM rollup_refresh_queue",
        "INSERT INTO elements SELECT * FROM elements",
        "UPDATE attribution SET revenue = 1",
        "SELECT refresh_counts()",
        "SELECT take_queue('rollup_refresh_queue', 'taken')",
    ):
        for role in (tables.writer, tables.reader, tables.collector):
            with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction)):
                tables.run(role, statement)
