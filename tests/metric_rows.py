"""Rows of the tables that metrics are told from, as a test wants them: everything else is as nothing special."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from conftest import Tables

from footfall.project.catalog import key

numbers = itertools.count(1)


def at(time: str, day: str = "2026-01-31") -> datetime:
    """A time of a day in UTC."""
    return datetime.fromisoformat(f"{day}T{time}").replace(tzinfo=UTC)


def add_site(tables: Tables, timezone: str = "UTC", goals: Iterable[str] = (), site: str = "shop") -> None:
    tables.run(
        tables.owner,
        "INSERT INTO sites (site, timezone, goals, pseudonym_key) VALUES (%s, %s, %s, decode(repeat('00', 32), 'hex'))",
        site, timezone, list(goals),
    )  # fmt: skip


def add_session(
    tables: Tables,
    session_id: str,
    *,
    start: datetime,
    visitor: str = "v1",
    seconds: float = 0,
    user: str | None = None,
    channel: str = "Direct",
    country: str | None = None,
    bot: bool = False,
    pages: int = 1,
    bounce: bool = True,
    site: str = "shop",
) -> None:
    """A visit, by the hand of the writer."""
    tables.written.execute(
        "INSERT INTO sessions (site, session_id, session_start, session_end, duration_ms, visitor_id, page_view_count,"
        " event_count, is_bounce, user_id, channel, country, is_bot, source, medium)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [site, session_id, start, start + timedelta(seconds=seconds), round(seconds * 1000), visitor, pages, pages,
        bounce, user, channel, country, bot, channel.lower(), "m"],
    )  # fmt: skip


def add_event(
    tables: Tables,
    *,
    time: datetime,
    visitor: str = "v1",
    type_: str = "track",
    name: str | None = None,
    path: str | None = "/",
    user: str | None = None,
    previous: str | None = None,
    action: bool = True,
    site: str = "shop",
    **columns: Any,
) -> None:
    """An event with a message id of its own."""
    more = "".join(f", {column}" for column in columns)
    places = ", ".join(["%s"] * (10 + len(columns)))
    tables.written.execute(
        "INSERT INTO visit_events (site, event_time, message_id, visitor_id, event_type, event_name, is_action,"
        f" page_path, user_id, previous_id{more}) VALUES ({places})",
        [site, time, f"m{next(numbers)}", visitor, type_, name, action, path, user, previous, *columns.values()],
    )  # fmt: skip


def write_page_views(tables: Tables, counts: Mapping[datetime, int], site: str = "shop") -> None:
    """Page views of the path / by minute."""
    for minute, count in counts.items():
        tables.written.execute("INSERT INTO page_views_per_minute VALUES (%s, %s, '/', %s, 1)", [site, minute, count])


def upsert(connection: psycopg.Connection[Any], table: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """As the sink writes them."""
    names, keys = list(rows[0]), key(table)
    sets = ", ".join(f"{name} = EXCLUDED.{name}" for name in names if name not in keys)
    connection.cursor().executemany(
        f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join(['%s'] * len(names))})"
        f" ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {sets}",
        [list(row.values()) for row in rows],
    )
