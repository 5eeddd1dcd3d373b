"""Goals, attribution, rates and shares, and what happens now, in Postgres."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from conftest import Tables
from metric_rows import add_event, add_session, add_site, at, write_page_views


def test_a_visit_with_a_goal_is_engaged_however_short_it_was(tables: Tables) -> None:
    add_site(tables, goals=["Signed Up"])
    add_session(tables, "goal", visitor="v1", start=at("12:00:00"), seconds=5)
    add_session(tables, "short", visitor="v2", start=at("12:00:00"), seconds=10)
    add_session(tables, "long", visitor="v3", start=at("12:00:00"), seconds=10.001)
    add_session(tables, "two pages", visitor="v4", start=at("12:00:00"), pages=2)
    add_event(tables, visitor="v1", time=at("12:00:05"), name="Signed Up")
    add_event(tables, visitor="v2", time=at("12:00:05"), name="Opened")
    add_event(tables, visitor="v2", time=at("12:00:05"), type_="page", name="Signed Up")  # a page of that name
    rows = tables.run(tables.reader, "SELECT session_id, goal_count, is_engaged FROM visits ORDER BY 1")
    assert rows == [("goal", 1, True), ("long", 0, True), ("short", 0, False), ("two pages", 0, True)]


def test_a_goal_that_is_named_today_counts_for_the_past(tables: Tables) -> None:
    add_site(tables)
    add_session(tables, "a", start=at("12:00:00"))
    add_event(tables, time=at("12:00:00"), name="Signed Up", revenue=Decimal("2.5"), currency="EUR")
    assert tables.run(tables.reader, "SELECT * FROM conversions") == []
    tables.run(tables.owner, "UPDATE sites SET goals = '{Signed Up}'")
    rows = tables.run(tables.reader, "SELECT goal, session_id, revenue, currency FROM conversions")
    assert rows == [("Signed Up", "a", Decimal("2.5000"), "EUR")]


def test_a_conversion_is_there_before_its_visit_has_ended_but_gets_no_credit_yet(tables: Tables) -> None:
    add_site(tables, goals=["Signed Up"])
    add_session(tables, "before", start=at("08:00:00"), channel="Email")
    add_event(tables, time=at("12:00:00"), name="Signed Up")
    assert tables.run(tables.reader, "SELECT session_id FROM conversions") == [(None,)]
    assert tables.run(tables.reader, "SELECT * FROM attributed_conversions") == []


def test_each_model_gives_the_credit_to_its_visit(tables: Tables) -> None:
    add_site(tables, goals=["Signed Up"])
    day = timedelta(days=1)
    last = at("12:00:00")
    for name, start, channel in (
        ("too old", last - 31 * day, "Affiliates"),
        ("first", last - 30 * day + timedelta(minutes=1), "Paid Search"),
        ("middle", last - 3 * day, "Email"),
        ("last", last, "Direct"),
        ("after", last + day, "Organic Social"),
    ):
        add_session(tables, name, start=start, channel=channel, seconds=60)
    add_session(tables, "another's", visitor="v2", start=last - day, channel="Display")
    add_event(tables, time=last + timedelta(seconds=30), name="Signed Up")
    rows = tables.run(tables.reader, "SELECT model, channel FROM attributed_conversions ORDER BY 1")
    assert rows == [("first touch", "Paid Search"), ("last non-direct", "Email"), ("last touch", "Direct")]


def test_a_visitor_who_only_came_directly_is_credited_to_that_in_every_model(tables: Tables) -> None:
    add_site(tables, goals=["Signed Up"])
    add_session(tables, "a", start=at("12:00:00"))
    add_event(tables, time=at("12:00:00"), name="Signed Up")
    assert {row[0] for row in tables.run(tables.reader, "SELECT channel FROM attributed_conversions")} == {"Direct"}


def test_a_click_through_rate_is_clicks_by_impressions_and_null_without_any(tables: Tables) -> None:
    for minute, element, views, clicks in ((0, "banner", 3, 1), (59, "banner", 1, 0), (0, "hidden", 0, 2)):
        tables.run(
            tables.writer, "INSERT INTO elements_per_minute VALUES ('shop', %s, %s, '/', '', %s, %s)",
            at(f"12:{minute:02}:00"), element, views, clicks,
        )  # fmt: skip
    query = "SELECT element_name, view_count, click_count, click_through_rate FROM elements_per_hour ORDER BY 1"
    assert tables.run(tables.reader, query) == [("banner", 4, 1, Decimal("0.25")), ("hidden", 0, 2, None)]


def test_percentiles_are_of_the_measures_that_there_are(tables: Tables) -> None:
    for number in range(101):
        tables.run(
            tables.writer, "INSERT INTO web_vitals VALUES ('shop', %s, %s, '/', 'mobile', %s, NULL, %s)",
            at("12:00:00"), f"m{number}", number * 10, Decimal(number) / 100,
        )  # fmt: skip
    rows = tables.run(tables.reader, "SELECT measured_count, lcp_ms, inp_ms, cls FROM web_vitals_per_day")
    assert rows == [(101, [500.0, 750.0, 950.0], None, [0.5, 0.75, 0.95])]


def test_shares_are_of_what_a_library_sent_heartbeats_left_out(tables: Tables) -> None:
    for outcome, count in (
        ("on time", 90),
        ("late", 5),
        ("duplicate", 4),
        ("without needed fields", 1),
        ("heartbeat", 60),
    ):
        tables.run(
            tables.writer, "INSERT INTO arrivals_per_minute VALUES ('shop', %s, 'js', %s, %s)",
            at("12:00:00"), outcome, count,
        )  # fmt: skip
    tables.run(
        tables.writer, "INSERT INTO arrivals_per_minute VALUES ('shop', %s, 'ios', 'on time', 3)", at("12:00:00")
    )
    rows = tables.run(tables.reader, "SELECT * FROM data_quality_per_hour ORDER BY library")
    assert [row[2:] for row in rows] == [
        ("ios", 3, None, None, None),
        ("js", 100, Decimal("0.05"), Decimal("0.04"), Decimal("0.01")),
    ]


def test_a_partition_gets_events_heartbeats_alone_or_nothing(tables: Tables) -> None:
    now = datetime.now(UTC)
    for partition, kind, minutes in (
        (0, "event", 1), (0, "heartbeat", 30), (1, "event", 6), (1, "heartbeat", 0),
        (2, "heartbeat", 4), (4, "event", 9),
    ):  # fmt: skip
        tables.run(
            tables.writer, "INSERT INTO last_records VALUES (%s, %s, 7, %s)",
            partition, kind, now - timedelta(minutes=minutes),
        )  # fmt: skip
    assert tables.run(tables.reader, "SELECT * FROM kafka_partitions ORDER BY 1") == [
        (0, now - timedelta(minutes=1), now - timedelta(minutes=30), "events"),
        (1, now - timedelta(minutes=6), now, "heartbeats alone"),
        (2, None, now - timedelta(minutes=4), "heartbeats alone"),
        (3, None, None, "nothing"),
        (4, now - timedelta(minutes=9), None, "nothing"),
    ]


def test_active_now_is_of_the_last_minutes_and_never_of_the_future(tables: Tables) -> None:
    now = datetime.now(UTC)
    for visitor, seconds in (
        ("now", 10),
        ("twice", 20),
        ("twice", 30),
        ("earlier", 600),
        ("gone", 1860),
        ("future", -600),
    ):
        add_event(tables, visitor=visitor, time=now - timedelta(seconds=seconds), type_="page", country="AT")
    assert tables.run(tables.reader, "SELECT active_now('shop'), active_now('shop', 30)") == [(2, 3)]
    assert tables.run(tables.reader, "SELECT * FROM live_visitors") == [("shop", "/", "AT", 2, 3)]
    assert len(tables.run(tables.reader, "SELECT * FROM live_events")) == 3


def test_the_reader_reads_every_view_and_the_writer_none(tables: Tables) -> None:
    views = [
        str(row[0]) for row in tables.run(tables.owner, "SELECT viewname FROM pg_views WHERE schemaname = 'public'")
    ]
    assert len(views) > 10
    for view in views:
        tables.run(tables.reader, f"SELECT * FROM {view} LIMIT 0")
        assert tables.run(tables.owner, "SELECT has_table_privilege(%s, %s, 'SELECT')", "footfall_writer", view) == [
            (False,)
        ]
        comment = tables.run(tables.owner, "SELECT obj_description(%s::regclass)", view)
        assert comment != [(None,)], view


def test_visits_since_are_those_of_an_independent_sessionizer(tables: Tables) -> None:
    """Of a day of 40 visitors, of exact gaps, and of two who never stop: one for days, one more often than may be."""
    chance = random.Random(2)
    minute, ms = timedelta(minutes=1), timedelta(milliseconds=1)
    log: dict[str, list[tuple[datetime, str]]] = defaultdict(list)
    for _ in range(1200):
        time = at("00:00:00") + chance.randrange(12 * 3_600_000) * ms
        log[f"v{chance.randrange(40)}"].append((time, chance.choice(["/a", "/b", "Opened", "passive"])))
    log["edge"] = [(at("01:00:00"), "/a"), (at("01:30:00"), "/b"), (at("02:00:00.001"), "/a")]
    log["tab"] = [(at("01:00:00"), "/a"), (at("01:30:00"), "passive"), (at("01:45:02"), "passive")]
    log["days"] = [(at("00:00:00") + 7 * n * minute, chance.choice(["/a", "passive"])) for n in range(500)]
    log["often"] = [(at("00:00:00") + n * 1000 * ms, "passive" if n == 10_000 else "/a") for n in range(10_010)]
    rows = []
    for visitor, events in log.items():
        for number, (time, what) in enumerate(sorted(events)):
            type_ = "page" if what.startswith("/") else "track"
            engaged = 5 if what == "passive" else None
            rows.append((time, f"{visitor} {number:05}", visitor, type_, what != "passive", what, engaged))
    with tables.written.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO visit_events (site, event_time, message_id, visitor_id, event_type, is_action, page_path,"
            " engaged_ms) VALUES ('shop', %s, %s, %s, %s, %s, %s, %s)",
            rows,
        )
    expected = []
    for visitor, events in log.items():
        for visit in cut(sorted(events)):
            pages = [what for _, what in visit if what.startswith("/")]
            length = visit[-1][0] - visit[0][0]
            entry, exit_ = (pages[0], pages[-1]) if pages else (None, None)
            expected.append((
                visitor, visit[0][0], visit[-1][0], round(length.total_seconds() * 1000), len(pages), len(visit),
                5 * sum(what == "passive" for _, what in visit), entry, exit_,
            ))  # fmt: skip
    query = (
        "SELECT visitor_id, session_start, session_end, duration_ms, page_view_count, event_count, engaged_ms,"
        " entry_page, exit_page FROM visits_since('-infinity')"
    )
    assert sorted(tables.run(tables.reader, query), key=repr) == sorted(expected, key=repr)
    assert len(expected) > 300
    assert [row[5] for row in sorted(expected) if row[0] == "often"] == [10_000, 9]
    assert sum(row[0] == "days" for row in expected) > 2


def cut(events: list[tuple[datetime, str]]) -> Iterator[list[tuple[datetime, str]]]:
    """The events of each visit of a visitor, by docs/definitions.md."""
    visit: list[tuple[datetime, str]] = []
    last_act = at("00:00:00")
    for time, what in events:
        is_over = visit and (
            time - last_act > timedelta(minutes=30) or time - visit[0][0] >= timedelta(days=1) or len(visit) == 10_000
        )
        if what != "passive":
            last_act = time
            if is_over:
                yield visit
                visit = []
        if what != "passive" or (visit and not is_over):
            visit.append((time, what))
    if visit:
        yield visit


def test_a_visit_is_live_until_its_row_in_sessions_is_there(tables: Tables) -> None:
    now = datetime.now(UTC)
    add_event(tables, visitor="open", time=now - timedelta(minutes=5), type_="page", path="/a", user="u1", country="AT")
    add_event(tables, visitor="open", time=now - timedelta(minutes=4), path="/b")
    add_event(tables, visitor="waits", time=now - timedelta(minutes=31), type_="page")
    add_event(tables, visitor="done", time=now - timedelta(minutes=40), type_="page")
    add_event(tables, visitor="old", time=now - timedelta(days=2), type_="page")
    add_session(tables, "done", visitor="done", start=now - timedelta(minutes=40))
    query = "SELECT visitor_id, entry_page, exit_page, current_page, country, user_id FROM live_sessions ORDER BY 1"
    assert tables.run(tables.reader, query) == [
        ("open", "/a", "/a", "/b", "AT", "u1"),
        ("waits", "/", "/", "/", None, None),
    ]
    add_session(tables, "waits", visitor="waits", start=now - timedelta(minutes=31))
    assert [row[0] for row in tables.run(tables.reader, query)] == ["open"]


def test_open_visits_are_those_live_ones_whose_events_are_the_newest(tables: Tables) -> None:
    now = datetime.now(UTC)
    chance = random.Random(5)
    for _ in range(900):
        visitor = f"v{chance.randrange(60)}"
        seconds = chance.randrange(1, 3 * 3600)
        # None of half an hour ago: whether that visit is open, the seconds that this test takes would decide.
        time = now - timedelta(seconds=seconds - 300 if 1700 < seconds <= 1800 else seconds)
        site = chance.choice(["shop", "blog"])
        add_event(tables, visitor=visitor, time=time, type_="page", path=f"/{chance.randrange(9)}", site=site)
    add_event(tables, visitor="tomorrow", time=now + timedelta(days=1))
    live = tables.run(tables.reader, "SELECT * FROM live_sessions WHERE site = 'shop'")
    is_open = [row for row in live if now - timedelta(minutes=30) < row[3] <= now]
    is_open.sort(key=lambda row: (-row[3].timestamp(), row[1]))
    assert 20 < len(is_open) < len(live)
    assert tables.run(tables.reader, "SELECT * FROM open_visits('shop')") == is_open[:20]
    assert tables.run(tables.reader, "SELECT * FROM open_visits('shop', 1000)") == is_open
    assert tables.run(tables.reader, "SELECT * FROM open_visits('nobody')") == []


def add_many_events(tables: Tables) -> None:
    tables.run(
        tables.owner,
        "INSERT INTO visit_events (site, event_time, message_id, visitor_id, event_type, is_action)"
        " SELECT 'shop', now() - n * INTERVAL '4 seconds', n::text, 'v' || mod(n, 7919), 'page', true"
        " FROM generate_series(1, 20000) AS n",
    )
    tables.run(tables.owner, "ANALYZE visit_events")


def rows_read(tables: Tables, query: str) -> float:
    """How many rows of tables Postgres reads for a query of the reader."""
    [([plan],)] = tables.run(tables.reader, f"EXPLAIN (ANALYZE, FORMAT JSON) {query}")

    def read(node: dict[str, Any]) -> float:
        rows = node["Actual Rows"] * node["Actual Loops"] if "Relation Name" in node else 0
        return float(rows + sum(read(child) for child in node.get("Plans", [])))

    return read(plan["Plan"])


def test_open_visits_read_the_events_of_these_visitors_alone(tables: Tables) -> None:
    add_many_events(tables)
    assert 0 < rows_read(tables, "SELECT * FROM open_visits('shop')") < 1000


def test_how_far_a_sites_tables_are_is_reported_without_reading_them(tables: Tables) -> None:
    add_site(tables)
    add_site(tables, site="blog")
    assert tables.run(tables.reader, "SELECT * FROM site_progress ORDER BY 1") == [
        ("blog", None, None, None), ("shop", None, None, None),
    ]  # fmt: skip
    add_many_events(tables)
    now = datetime.now(UTC)
    hour = now.replace(minute=0, second=0, microsecond=0)
    add_event(tables, visitor="tomorrow", time=now + timedelta(days=1), type_="page")
    add_event(tables, visitor="act", time=now - timedelta(seconds=1), site="blog")
    add_event(tables, visitor="page", time=now - timedelta(minutes=5), site="blog", type_="screen")
    write_page_views(tables, {hour - timedelta(hours=2): 3, hour - timedelta(hours=1): 1}, site="blog")
    blog, shop = tables.run(tables.reader, "SELECT * FROM site_progress ORDER BY 1")
    assert blog == ("blog", now - timedelta(seconds=1), now - timedelta(minutes=5), hour - timedelta(hours=1))
    assert shop[1] == shop[2]
    assert now - timedelta(seconds=30) < shop[1] < now
    assert 0 < rows_read(tables, "SELECT * FROM site_progress") < 20
