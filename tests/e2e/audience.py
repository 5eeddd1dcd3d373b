"""The audience roll-ups, by docs/definitions.md: from recomputed visits and events, no SQL.

For logs without aliases; programs are left out, but for whose visit was the first.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from .helpers import Row
from .rollups import Sites

TABLES = ("first_visits", "active_people", "active_visitors", "cohorts", "visits_per_person", "shared_visitors")
# psycopg reads no day before all days.
QUERIES = {
    name: f"SELECT site, {columns}, day, nullif(previous_day, '-infinity'), {count} FROM {name}"
    for name, columns, count in (
        ("active_people", "NULL", "person_count"), ("active_visitors", "dimension, value", "visitor_count"),
    )
}  # fmt: skip
_DIMENSIONS = {"country": 22, "language": 24, "device": 25}  # and their place in a row of sessions


def audience(tables: Mapping[str, Iterable[Row]], sites: Sites) -> dict[str, list[Row]]:
    """The rows of TABLES, of those in QUERIES as the query gives them."""
    users: dict[Row, set[str]] = defaultdict(set)
    for event in tables["visit_events"]:
        if event[4] is not None:
            users[event[0], event[3]].add(event[4])
    firsts: dict[Row, Row] = {}
    days: dict[Row, set[date]] = defaultdict(set)
    days_of_values: dict[Row, set[date]] = defaultdict(set)
    visits: Counter[Row] = Counter()
    for visit in sorted(tables["sessions"], key=lambda visit: (visit[2], visit[1])):
        site, start, visitor = visit[0], visit[2], visit[5]
        known = users[site, visitor]
        person = (site, visit[18] or (min(known) if len(known) == 1 else visitor))
        firsts.setdefault(person, visit)
        if not visit[34]:
            day = start.astimezone(ZoneInfo(sites.zones.get(site, "UTC"))).date()
            visits[person] += 1
            days[person].add(day)
            for dimension, place in _DIMENSIONS.items():
                days_of_values[site, dimension, visit[place], visitor].add(day)
    return {
        "first_visits": _rows(
            Counter((visit[0], _hour(visit)) for visit in firsts.values() if not visit[34])
        ),
        "visits_per_person": _rows(Counter((site, min(count, 10)) for (site, _), count in visits.items())),
        "active_people": _rows(
            Counter((site, None, *two) for (site, _), came in days.items() for two in _by_the_day_before(came))
        ),
        "active_visitors": _rows(
            Counter((*place, *two) for (*place, _), came in days_of_values.items() for two in _by_the_day_before(came))
        ),
        "cohorts": _rows(
            Counter(
                (site, unit, first, period)
                for (site, _), came in days.items()
                for unit in ("day", "week", "month")
                for first, period in _periods(came, unit)
            )
        ),
        "shared_visitors": [place for place, names in users.items() if len(names) > 1],
    }  # fmt: skip


def _rows(counts: Counter[Row]) -> list[Row]:
    return [(*place, count) for place, count in counts.items()]


def _hour(visit: Row) -> object:
    return visit[2].replace(minute=0, second=0, microsecond=0)


def _by_the_day_before(came: set[date]) -> Iterable[tuple[date, date | None]]:
    return ((day, before) for before, day in pairwise([None, *sorted(came)]) if day)


def _periods(came: set[date], unit: str) -> set[tuple[date, int]]:
    """The day, week from Monday or month that was the first, with how many of them later somebody came, each once."""
    first = min(came)
    if unit == "day":
        return {(first, (day - first).days) for day in came}
    if unit == "week":
        monday = first - timedelta(days=first.weekday())
        return {(monday, (day - monday).days // 7) for day in came}
    return {(first.replace(day=1), (day.year - first.year) * 12 + day.month - first.month) for day in came}
