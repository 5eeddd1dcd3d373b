"""Who is there at a moment inside a log: what the live views must say, by docs/definitions.md, and what they do say."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

import psycopg

from footfall.database import connections
from footfall.settings import Settings

from .helpers import Row

ASKED = {
    **{view: f"SELECT * FROM {view}" for view in ("live_sessions", "live_visitors", "live_events")},
    "active_now": "SELECT site, active_now(site), active_now(site, 30) FROM (SELECT DISTINCT site FROM visit_events) s",
}
MILLISECOND = timedelta(milliseconds=1)
DAY, HALF_HOUR, ACTIVE = timedelta(days=1), timedelta(minutes=30), timedelta(minutes=5)
OPEN = HALF_HOUR + timedelta(seconds=70)  # the silence after which a visit has its row: the suite's clock is behind


class Event(NamedTuple):
    """A row of visit_events."""

    site: str
    time: datetime
    message_id: str
    visitor: str
    user: str | None
    previous: str | None
    type: str
    name: str | None
    is_action: bool
    page: str | None
    country: str | None
    search_term: str | None
    element: str | None
    url: str | None
    label: str | None
    engaged_ms: int | None
    revenue: object
    currency: str | None

    @property
    def is_view(self) -> bool:
        return self.type in ("page", "screen")


def found(settings: Settings, moment: datetime) -> tuple[dict[str, list[Row]], timedelta]:
    """What the views say where moment is now, and how much later that makes everything.

    The tables as they were then, moved to now, in a transaction that is rolled back: now() stands still in it. Events
    count as come when they happened.
    """
    with psycopg.connect(connections.owner(settings), options="-c timezone=UTC") as connection:
        connection.execute("DELETE FROM visit_events WHERE event_time > %s", [moment])
        connection.execute("DELETE FROM sessions WHERE session_end > %s", [moment - OPEN])
        later: timedelta = connection.execute("SELECT now() - %s", [moment]).fetchall()[0][0]
        connection.execute("UPDATE visit_events SET event_time = event_time + %s", [later])
        connection.execute(
            "UPDATE sessions SET session_start = session_start + %s, session_end = session_end + %s", [later, later]
        )
        answers = {view: connection.execute(query).fetchall() for view, query in ASKED.items()}
        connection.rollback()
    return answers, later


def expected(visit_events: Iterable[Row], moment: datetime, later: timedelta) -> dict[str, list[Row]]:
    """The rows of the views, from recomputed rows of visit_events; all times later by so much."""
    events = [event for event in map(Event._make, visit_events) if event.time <= moment]
    active = [event for event in events if event.time > moment - ACTIVE]
    recent = [event for event in events if event.time > moment - HALF_HOUR]
    places = {(event.site, event.page or "", event.country or "") for event in recent}
    return {
        "live_sessions": [
            _visit(visit, later)
            for visit in _visits(event for event in events if event.time >= moment - DAY)
            if visit[-1].time > moment - OPEN
        ],
        "live_events": [
            (one.site, one.time + later, one.message_id, one.visitor, one.type, one.name, one.page, one.country)
            for one in active
            if one.is_action
        ],
        "live_visitors": [(*place, _visitors(active, *place), _visitors(recent, *place)) for place in places],
        "active_now": [
            (site, _visitors(active, site), _visitors(recent, site)) for site in {event.site for event in events}
        ],
    }


def _visitors(events: Iterable[Event], site: str, *page_and_country: str) -> int:
    return len({
        event.visitor
        for event in events
        if event.site == site and page_and_country in ((), (event.page or "", event.country or ""))
    })  # fmt: skip


def _visits(events: Iterable[Event]) -> Iterator[list[Event]]:
    by_visitor: dict[Row, list[Event]] = defaultdict(list)
    for event in events:
        by_visitor[event.site, event.visitor].append(event)
    for own in by_visitor.values():
        own.sort(key=lambda event: (event.time, event.page or ""))
        cuts = [at for at, (one, next_) in enumerate(pairwise(own), 1) if next_.time - one.time > HALF_HOUR]
        for begin, end in pairwise([0, *cuts, len(own)]):
            yield own[begin:end]


def _visit(visit: list[Event], later: timedelta) -> Row:
    first, last = visit[0], visit[-1]
    views = [event for event in visit if event.is_view]
    pages = [event.page for event in visit if event.page]
    users = [event.user for event in visit if event.user]
    return (
        first.site, first.visitor, first.time + later, last.time + later, (last.time - first.time) // MILLISECOND,
        len(views), len(visit), sum(event.engaged_ms or 0 for event in visit),
        views[0].page if views else None, views[-1].page if views else None, pages[-1] if pages else None,
        (views or visit)[0].country, users[-1] if users else None,
    )  # fmt: skip
