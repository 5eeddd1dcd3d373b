"""What writers pay for the roll-ups: the same rows written with and without the triggers that enqueue, in turn."""

from __future__ import annotations

import statistics
import time
from datetime import datetime, timedelta

import psycopg

SITE = "bench"
# As Flink writes them: upserts of many rows in a statement.
ROWS, STATEMENTS, ROUNDS = 128, 16, 10
WRITES = (
    """
    INSERT INTO sessions (
      site, session_id, session_start, session_end, duration_ms, visitor_id, page_view_count, event_count, is_bounce
    )
    SELECT
      %(site)s, i || '/' || %(batch)s::text, %(start)s::timestamptz + i * INTERVAL '1 second',
      %(start)s::timestamptz + i * INTERVAL '1 second', 0, 'v' || i, 1, 1, true
    FROM generate_series(1, %(rows)s) AS i
    ON CONFLICT (site, session_start, session_id) DO UPDATE SET duration_ms = EXCLUDED.duration_ms
    """,
    """
    INSERT INTO visit_events (site, event_time, message_id, visitor_id, event_type, event_name, is_action)
    SELECT
      %(site)s, %(start)s::timestamptz + i * INTERVAL '1 second', e || '/' || i || '/' || %(batch)s::text, 'v' || i,
      CASE e WHEN 1 THEN 'page' ELSE 'track' END, CASE e WHEN 2 THEN 'Link Clicked' END, true
    FROM generate_series(1, %(rows)s / 2) AS i, generate_series(1, 2) AS e
    ON CONFLICT (site, event_time, message_id) DO UPDATE SET visitor_id = EXCLUDED.visitor_id
    """,
    """
    INSERT INTO page_views_per_minute
    SELECT
      %(site)s, date_trunc('minute', %(start)s::timestamptz) + i %% 60 * INTERVAL '1 minute',
      '/' || i || '/' || %(batch)s::text, 1, 1
    FROM generate_series(1, %(rows)s) AS i
    ON CONFLICT (site, window_start, page_path) DO UPDATE SET page_view_count = EXCLUDED.page_view_count
    """,
)
REMOVE = (
    "DELETE FROM sessions WHERE site = %(site)s AND session_start >= %(start)s",
    "DELETE FROM visit_events WHERE site = %(site)s AND event_time >= %(start)s",
    "DELETE FROM page_views_per_minute WHERE site = %(site)s"
    " AND window_start >= date_trunc('minute', %(start)s::timestamptz)",
)  # fmt: skip


def share_with_triggers(admin: str, now: datetime) -> float:
    """Rows a second with the triggers, to those without: visits, their events and the minutes of their pages.

    admin: a superuser's connection string. The rows are removed again, and are enqueued.
    """
    speeds: dict[str, list[float]] = {"origin": [], "replica": []}  # Postgres's words for with and without
    values: dict[str, object] = {"site": SITE, "start": now + timedelta(hours=1), "rows": ROWS}
    with psycopg.connect(admin) as connection:
        connection.execute("SET search_path = public")
        for batch in range(ROUNDS):
            for role, measured in speeds.items():
                connection.execute("SELECT set_config('session_replication_role', %s, false)", [role])
                connection.commit()
                start, rows = time.perf_counter(), 0
                for statement in WRITES:
                    for number in range(STATEMENTS):
                        values["batch"] = f"{role} {batch} {number}"
                        rows += connection.execute(statement.encode(), values).rowcount
                    connection.commit()
                measured.append(rows / (time.perf_counter() - start))
        for statement in REMOVE:
            connection.execute(statement.encode(), values)
    return round(statistics.median(speeds["origin"]) / statistics.median(speeds["replica"]), 3)
