"""Funnel roll-ups say what their actions say, whatever is written, edited or deleted."""

from __future__ import annotations

import itertools
import random
import statistics
from datetime import UTC, date, datetime, timedelta

import metric_rows
import psycopg
import pytest
from conftest import Tables
from metric_rows import add_event, add_site, at
from test_funnels import VIEW_ADD_BUY, add_funnel

from footfall.database import maintenance

FIRST, DAYS = date(2026, 3, 25), 8  # with the night in which Vienna has 23 hours
WHATS = ["/p/1", "/p/2", "/other", "Product Added", "Product Added", "Order Completed"]


@pytest.fixture(autouse=True)
def ids_from_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """The ids choose which rows are edited and deleted: the same ones, whatever tests came before."""
    monkeypatch.setattr(metric_rows, "numbers", itertools.count(1))


def write_anything(tables: Tables, chance: random.Random) -> None:
    """An action written, corrected, given to another visitor or deleted; often at the very time of another."""
    time = at("00:00:00", str(FIRST)) + timedelta(minutes=10 * chance.randrange(DAYS * 144))
    visitor, what = f"v{chance.randrange(6)}", chance.choice(WHATS)
    page = what.startswith("/")
    kind = chance.random()
    if kind < 0.85:
        add_event(
            tables, visitor=visitor, time=time, type_="page" if page else "track", name=None if page else what,
            path=what if page else "/", action=chance.random() < 0.95,
        )  # fmt: skip
    elif kind < 0.95:
        some = "message_id IN (SELECT message_id FROM visit_events ORDER BY md5(message_id || %s) LIMIT 2)"
        column, value = chance.choice([("visitor_id", visitor), ("page_path", "/p/1"), ("event_name", what)])
        tables.written.execute(f"UPDATE visit_events SET {column} = %s WHERE {some}", [value, str(chance.random())])
    else:
        some = "event_time = %s OR md5(message_id || %s) < '03'"  # not random(): the same rows whenever this is run
        tables.run(tables.owner, f"DELETE FROM visit_events WHERE {some}", time, str(chance.random()))


def directly(tables: Tables, first: date, last: date) -> list[tuple[int, int, float | None]]:
    """Of each step: visitors, and the median time from the one before, of the visitors that funnel_visitors tells."""
    found = tables.run(
        tables.reader, "SELECT depth, step_times FROM funnel_visitors('shop', 'buy', %s, %s)", first, last
    )
    rows: list[tuple[int, int, float | None]] = []
    for step in (1, 2, 3):
        times = [list(times) for depth, times in found if int(str(depth)) >= step]  # type: ignore[call-overload]
        between = [(way[step - 1] - way[step - 2]).total_seconds() for way in times if step > 1]
        rows.append((step, len(times), statistics.median(between) if between else None))
    return rows


def compare(tables: Tables) -> int:
    """Compare the report of many stretches of days; returns how many visitors did the last step in the longest."""
    maintenance.refresh_rollups(tables.owner)
    assert tables.run(tables.reader, "SELECT * FROM funnel_rebuild_queue") == []
    last_step = 0
    for offset in range(-1, DAYS + 1):
        for length in (1, 2, 3, 30):
            first = FIRST + timedelta(days=offset)
            last = first + timedelta(days=length - 1)
            said = tables.run(
                tables.reader, "SELECT step, visitor_count, median_seconds FROM funnel_report('shop', 'buy', %s, %s)",
                first, last,
            )  # fmt: skip
            expected = directly(tables, first, last)
            assert [row[:2] for row in said] == [row[:2] for row in expected], (first, last)
            for (*_, median), (*_, exact) in zip(said, expected, strict=True):
                assert median == (exact if exact is None else pytest.approx(exact, rel=0.01)), (first, last)
            last_step = max(last_step, expected[2][1])
    return last_step


@pytest.mark.parametrize(
    ("within", "strict"), [("14 hours", False), ("3 days", False), ("3 days", True), ("1 month", False)]
)
def test_whatever_is_written_in_whatever_order_a_funnel_is_what_its_actions_say(
    tables: Tables, within: str, strict: bool
) -> None:
    chance = random.Random(f"{within} {strict}")
    add_site(tables, timezone="Europe/Vienna")
    add_funnel(tables, VIEW_ADD_BUY, within=within, strict=strict)
    for step in range(500):
        write_anything(tables, chance)
        if chance.random() < 0.05:
            maintenance.refresh_rollups(tables.owner)
        if step in (250, 499):
            assert compare(tables) > 1
    assert tables.run(tables.owner, "SELECT refresh_funnels()") == [(0,)]
    tables.run(tables.owner, "UPDATE sites SET timezone = 'Asia/Kolkata'")
    assert compare(tables) > 1


def test_a_funnel_that_is_edited_is_computed_from_its_actions_until_it_is_recomputed(tables: Tables) -> None:
    chance = random.Random(5)
    add_funnel(tables, VIEW_ADD_BUY, within="1 day")
    for _ in range(200):
        write_anything(tables, chance)
    compare(tables)
    report = "SELECT step, visitor_count FROM funnel_report('shop', 'buy', %s, %s)"
    last = FIRST + timedelta(days=DAYS)
    before = tables.run(tables.reader, report, FIRST, last)
    for edit in (
        "UPDATE funnel_steps SET page_path = '/p/2' WHERE step = 1",
        "UPDATE funnels SET within = '20 minutes'",
        "UPDATE funnels SET is_strict = true, within = '5 days'",
        "DELETE FROM funnel_steps WHERE step = 3",
        "INSERT INTO funnel_steps VALUES ('shop', 'buy', 3, 'again', NULL, NULL, '/p/2', NULL)",
    ):
        tables.run(tables.owner, edit)
        now = tables.run(tables.reader, report, FIRST, last)
        assert now != before
        maintenance.refresh_rollups(tables.owner)
        assert tables.run(tables.reader, "SELECT * FROM funnel_rebuild_queue") == []
        assert tables.run(tables.reader, report, FIRST, last) == now
        before = now
    compare(tables)
    tables.run(tables.owner, "DELETE FROM funnels")
    maintenance.refresh_rollups(tables.owner)
    for table in ("funnel_entries", "funnel_counts", "funnel_times"):
        assert tables.run(tables.owner, f"SELECT * FROM {table}") == []


def test_of_several_edited_funnels_one_is_counted_at_a_time_and_the_others_keep_nobody(tables: Tables) -> None:
    chance = random.Random(7)
    add_funnel(tables, VIEW_ADD_BUY, within="1 day")
    tables.run(tables.owner, "INSERT INTO funnels SELECT site, 'again', within, is_strict FROM funnels")
    tables.run(
        tables.owner,
        "INSERT INTO funnel_steps (site, funnel, step, name, event_type, event_name, page_path, label)"
        " SELECT site, 'again', step, name, event_type, event_name, page_path, label FROM funnel_steps",
    )
    for _ in range(200):
        write_anything(tables, chance)
    compare(tables)
    tables.run(tables.owner, "UPDATE funnels SET within = '2 days'")
    kept = "SELECT DISTINCT funnel FROM funnel_entries"
    for waiting, counted in ((["buy"], ["again"]), ([], ["again", "buy"])):
        write_anything(tables, chance)
        tables.run(tables.owner, "SELECT refresh_funnels()")
        assert tables.run(tables.reader, "SELECT DISTINCT funnel FROM funnel_rebuild_queue") == [
            (name,) for name in waiting
        ]
        assert sorted(tables.run(tables.owner, kept)) == [(name,) for name in counted]
    assert compare(tables) > 1
    report = "SELECT * FROM funnel_report('shop', %s, %s, %s)"
    last = FIRST + timedelta(days=DAYS)
    assert tables.run(tables.reader, report, "again", FIRST, last) == tables.run(
        tables.reader, report, "buy", FIRST, last
    )


def test_an_action_whose_writer_did_not_know_the_funnel_yet_is_counted(tables: Tables) -> None:
    with psycopg.connect(tables.writer) as writing:
        writing.execute(
            "INSERT INTO visit_events (site, event_time, message_id, visitor_id, event_type, is_action, page_path)"
            " VALUES ('shop', %s, 'early', 'v1', 'page', true, '/p/1')",
            [at("12:00:00")],
        )
        add_funnel(tables, VIEW_ADD_BUY)
        maintenance.refresh_rollups(tables.owner)
        writing.commit()
    maintenance.refresh_rollups(tables.owner)
    day = at("12:00:00").date()
    assert tables.run(tables.reader, "SELECT * FROM funnel_rebuild_queue") == []
    assert tables.run(tables.reader, "SELECT visitor_count FROM funnel_report('shop', 'buy', %s, %s)", day, day) == [
        (1,), (0,), (0,),
    ]  # fmt: skip


def test_attempts_go_when_their_actions_are_past_retention(tables: Tables) -> None:
    add_funnel(tables, VIEW_ADD_BUY)
    now = datetime.now(UTC)
    for days in (1, 70):
        add_event(tables, visitor=f"{days} old", time=now - timedelta(days=days), type_="page", path="/p/1")
    maintenance.maintain(tables.owner)
    maintenance.refresh_rollups(tables.owner)
    counted = "SELECT coalesce(sum(visitor_count), 0) FROM funnel_counts"
    assert tables.run(tables.reader, counted) == [(2,)]
    tables.run(tables.owner, "UPDATE data_retention SET keep = '30 days' WHERE table_name = 'visit_events'")
    maintenance.maintain(tables.owner)
    maintenance.refresh_rollups(tables.owner)
    assert tables.run(tables.owner, "SELECT visitor_id FROM funnel_entries") == [("1 old",)]
    assert tables.run(tables.reader, counted) == [(1,)]


def test_who_writes_or_reads_can_not_see_the_attempts_of_each_visitor(tables: Tables) -> None:
    for statement in (
        "SELECT * FROM funnel_refresh_queue", "SELECT * FROM funnel_entries", "DELETE FROM funnel_counts",
        "SELECT refresh_funnels()", "SELECT funnel_facts(1)",
    ):  # fmt: skip
        for role in (tables.writer, tables.reader, tables.collector):
            with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction)):
                tables.run(role, statement)
