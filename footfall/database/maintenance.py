"""What the database needs from time to time: partitions, what is past its retention, what is recomputed.

The table `data_retention` says what is kept how long.
"""

from __future__ import annotations

from datetime import UTC, datetime

import psycopg
from psycopg import errors, sql

from footfall.database.connections import DatabaseError, connect, owner
from footfall.settings import Settings

# Tables without partitions that lose rows by age, and the column that has it. All others go by whole months.
EXPIRED_BY_ROW = {"anomalies": "ended", "refused_rows": "last_refused_at", "user_traits": "event_time"}
# What recomputes the roll-ups of what the change queues hold; each is a transaction of its own.
ROLL_UPS = (
    "classify_bots", "refresh_traffic", "refresh_pages", "refresh_counts", "refresh_people", "refresh_anomalies",
    "refresh_web_vitals", "refresh_funnels",
)  # fmt: skip


def maintain(owner: str, now: datetime | None = None) -> list[str]:
    """Make the partitions of the months around now and drop what is past its retention.

    sql/postgres/functions/maintain.sql does the work. Returns a sentence for each thing that was done: none when
    nothing was due. Safe while writers are at work. Raises DatabaseError, also where a long transaction kept a lock
    for half a minute.
    """
    sentences: list[str] = []

    def heard(message: psycopg.errors.Diagnostic) -> None:
        if message.severity_nonlocalized == "INFO" and message.message_primary:
            sentences.append(message.message_primary)

    with connect(owner) as connection:
        connection.add_notice_handler(heard)
        try:
            if now is None:
                connection.execute("CALL maintain()")
            else:
                connection.execute("CALL maintain(%s)", [now])
            today = (now or datetime.now(UTC)).astimezone(UTC).date()
            salts = connection.execute("DELETE FROM visitor_salts WHERE day < %s", [today]).rowcount
            # A hash of an id is no less personal than the id: it goes when the visits go.
            days = connection.execute(
                "DELETE FROM visitors_per_day USING data_retention WHERE table_name = 'sessions' AND day < %s - keep",
                [today],
            ).rowcount
            deleted = {
                table: connection.execute(
                    sql.SQL(
                        "DELETE FROM {} USING data_retention AS r WHERE r.table_name = {} AND {} < %s - r.keep"
                    ).format(sql.Identifier(table), table, sql.Identifier(column)),
                    [now or datetime.now(UTC)],
                ).rowcount
                for table, column in EXPIRED_BY_ROW.items()
            }
            # The audience roll-ups lose who is in no visit any more.
            connection.execute(
                "INSERT INTO people_refresh_queue SELECT DISTINCT d.site, d.visitor_id FROM visit_days AS d"
                " JOIN data_retention ON table_name = 'sessions' AND keep IS NOT NULL AND d.day < %s - keep"
                " WHERE NOT EXISTS (SELECT FROM sessions AS s WHERE s.site = d.site AND s.visitor_id = d.visitor_id"
                " AND s.session_start = d.first_start)",
                [today],
            )
            # The funnel roll-ups lose how far somebody came whose actions are gone.
            connection.execute(
                "INSERT INTO funnel_refresh_queue SELECT DISTINCT a.site, a.visitor_id, '-infinity'::timestamptz"
                " FROM funnel_entries AS a"
                " JOIN data_retention ON table_name = 'visit_events' AND keep IS NOT NULL AND a.day <= %s - keep"
                " WHERE NOT EXISTS (SELECT FROM visit_events AS e WHERE e.site = a.site AND e.visitor_id = a.visitor_id"
                " AND e.event_time = a.step_times[1])",
                [today],
            )
            # An address that somebody followed may name a person too.
            connection.execute(
                "DELETE FROM links USING data_retention WHERE table_name = 'visit_events' AND period_start < %s - keep",
                [today],
            )
        except (errors.LockNotAvailable, errors.DeadlockDetected):
            raise DatabaseError("a long transaction keeps a table in use: run `footfall maintain` later") from None
        except (errors.UndefinedFunction, errors.UndefinedTable):
            raise DatabaseError("the database has no tables yet: run `footfall up` first") from None
    if salts:  # collectors delete them at midnight, where any is at work
        sentences.append(f"deleted {salts} {'salt' if salts == 1 else 'salts'} of days that are over")
    if days:
        sentences.append(
            f"deleted the visitors of {days} {'day' if days == 1 else 'days'} past the retention of sessions"
        )
    sentences += [
        f"deleted {count} {'row' if count == 1 else 'rows'} of {table}" for table, count in deleted.items() if count
    ]
    return sentences


def refresh_rollups(address: str, *, all_funnels: bool = True) -> None:
    """Recompute what was written since the last call, classify its visits and search its minutes. As the owner.

    An edited funnel takes minutes on a large site. all_funnels: recompute all that were edited, with the other roll-ups
    in between; else one, and the next call another. Raises DatabaseError.
    """
    with connect(address) as connection:
        goes_on = True
        while goes_on:
            for function in ROLL_UPS:
                connection.execute(sql.SQL("SELECT {}()").format(sql.Identifier(function)))
            [[are_left]] = connection.execute("SELECT EXISTS (SELECT FROM funnel_rebuild_queue)").fetchall()
            goes_on = all_funnels and are_left


def maintain_tables(settings: Settings) -> list[str]:
    """maintain() on the database of these settings."""
    return maintain(owner(settings))
