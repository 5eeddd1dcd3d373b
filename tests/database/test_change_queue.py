"""Notes of what was written: one for what a whole statement changed, and none for a row that is as it was."""

from __future__ import annotations

from datetime import timedelta

from conftest import Tables
from metric_rows import at

NOON = at("12:00:00")
VIEWS = (
    "INSERT INTO page_views_per_minute"
    " SELECT 'shop', %s + n / 50 * INTERVAL '1 minute', '/' || n, CASE WHEN n < %s THEN 2 ELSE 1 END, 1"
    " FROM generate_series(0, %s) AS n"
    " ON CONFLICT (site, window_start, page_path) DO UPDATE SET page_view_count = EXCLUDED.page_view_count"
)
ACTIONS = (
    "INSERT INTO visit_events (site, event_time, message_id, visitor_id, event_type, is_action, page_path)"
    " SELECT 'shop', %s + n * INTERVAL '1 second', 'm' || n, 'v' || n %% 2, 'page', n < 8, %s"
    " FROM generate_series(0, %s) AS n"
    " ON CONFLICT (site, event_time, message_id) DO UPDATE SET page_path = EXCLUDED.page_path"
)


def taken(tables: Tables, table: str) -> list[tuple[object, ...]]:
    """The notes, in order; there are none after."""
    return sorted(tables.run(tables.owner, f"DELETE FROM {table} RETURNING *"))


def test_a_statement_enqueues_each_minute_of_its_pages_once(tables: Tables) -> None:
    minutes = [("shop", NOON), ("shop", NOON + timedelta(minutes=1))]
    tables.run(tables.writer, VIEWS, NOON, 0, 99)
    assert (taken(tables, "page_refresh_queue"), taken(tables, "anomaly_refresh_queue")) == (minutes, minutes)
    tables.run(tables.writer, VIEWS, NOON, 10, 99)  # ten rows with another count, all in the first minute
    assert taken(tables, "anomaly_refresh_queue") == minutes[:1]
    tables.run(tables.writer, VIEWS, NOON, 10, 120)  # all as they were, and rows of a third minute
    assert taken(tables, "anomaly_refresh_queue") == [("shop", NOON + timedelta(minutes=2))]
    tables.run(tables.owner, "DELETE FROM page_views_per_minute WHERE window_start = %s", NOON)
    assert taken(tables, "anomaly_refresh_queue") == minutes[:1]


def test_a_statement_enqueues_the_first_action_of_each_visitor_that_it_changed(tables: Tables) -> None:
    first = [("shop", "v0", NOON), ("shop", "v1", NOON + timedelta(seconds=1))]
    tables.run(tables.writer, ACTIONS, NOON, "/", 9)
    assert taken(tables, "funnel_refresh_queue") == first
    tables.run(tables.writer, ACTIONS, NOON, "/", 9)
    assert taken(tables, "funnel_refresh_queue") == []
    tables.run(tables.writer, ACTIONS, NOON, "/another", 2)
    assert taken(tables, "funnel_refresh_queue") == first
    tables.run(tables.owner, "UPDATE visit_events SET is_action = NOT is_action WHERE message_id IN ('m7', 'm8')")
    assert taken(tables, "funnel_refresh_queue") == [
        ("shop", "v0", NOON + timedelta(seconds=8)), ("shop", "v1", NOON + timedelta(seconds=7)),
    ]  # fmt: skip
    tables.run(tables.owner, "DELETE FROM visit_events WHERE message_id >= 'm8'")
    assert taken(tables, "funnel_refresh_queue") == [("shop", "v0", NOON + timedelta(seconds=8))]
