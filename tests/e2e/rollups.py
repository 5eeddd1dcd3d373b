"""What is rolled up by hour and day, by docs/definitions.md: from the rows of tables that were recomputed, no SQL."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from .helpers import Row

TABLES = (
    "pages", "elements", "arrivals", "custom_events", "actions", "links", "attribution", "traffic", "visitors_per_day",
)  # fmt: skip
SKETCH = 4096  # hashes of a day
LOOK_BACK = timedelta(days=30)
# The columns of sessions that a breakdown tells apart, by their place in the row, and their place among its own.
_CHANNEL, _BROWSER, _LANGUAGE, _ENTRY, _EXIT = (21, 19, 20, 13), (26, 28), (24,), (8,), (9,)
_ORDER = (*_CHANNEL, *_BROWSER, *_LANGUAGE, *_ENTRY, *_EXIT)
_DEVICE_AND_COUNTRY = (25, 22)
_BREAKDOWNS = {
    "channel": _CHANNEL, "browser": _BROWSER, "language": _LANGUAGE, "entry page": _ENTRY, "exit page": _EXIT,
    "channel alone": _CHANNEL, "entry page alone": _ENTRY, "exit page alone": _EXIT,
}  # fmt: skip


@dataclass(frozen=True)
class Sites:
    """Time zones and goals of the sites that have any; days of the others are in UTC."""

    zones: Mapping[str, str]
    goals: Mapping[str, Collection[str]]

    def periods(self, site: str, at: datetime) -> Iterator[tuple[str, datetime]]:
        """The hour and the day of the site's clock; of a zone whose clock changes by whole hours, or not at all."""
        local = at.astimezone(ZoneInfo(self.zones.get(site, "UTC")))
        yield "hour", at.replace(minute=0, second=0, microsecond=0)
        yield "day", datetime.combine(local.date(), time(), local.tzinfo).astimezone(at.tzinfo)


def rollups(tables: Mapping[str, Iterable[Row]], sites: Sites) -> dict[str, list[Row]]:
    """The rows of each table that is added up; of the sketches of visitors_per_day all of them."""
    events = list(tables["visit_events"])
    tracked = [event for event in events if event[6] == "track" or event[16] is not None]
    links = [event for event in tracked if event[7] == "Link Clicked" and event[13] is not None]
    views = [(site, at, page, views, 0, 0, 0) for site, at, page, views, _ in tables["page_views_per_minute"]]
    engaged = [(site, at, page, 0, *sums) for site, at, page, *sums in tables["engagement_per_minute"]]
    return {
        "pages": _sums(sites, [*views, *engaged], lambda row: row[2:3], lambda row: row[3:]),
        "elements": _sums(sites, tables["elements_per_minute"], lambda row: row[2:5], lambda row: row[5:]),
        "arrivals": _sums(sites, tables["arrivals_per_minute"], lambda row: row[2:4], lambda row: row[4:5]),
        "custom_events": _sums(sites, tables["custom_events_per_minute"], lambda row: row[2:4], lambda row: row[4:5]),
        "actions": _sums(sites, tracked, lambda row: (row[6], row[7], row[17]), lambda row: (1, row[16])),
        "links": _sums(sites, links, lambda row: (row[13],), lambda row: (1,)),
        "attribution": _sums(
            sites, _credits(list(tables["sessions"]), tracked, sites), lambda row: row[2:6], lambda row: row[6:]
        ),
        **_of_visits(list(tables["sessions"]), events, sites),
    }


def _sums(
    sites: Sites, rows: Iterable[Row], key: Callable[[Row], Row], counts: Callable[[Row], Iterable[Any]]
) -> list[Row]:
    """Rows begin with the site and a time. What is None adds nothing, and a sum of nothing else is None."""
    found: dict[Row, list[Any]] = {}
    for row in rows:
        for grain, start in sites.periods(row[0], row[1]):
            place = (row[0], grain, start, *key(row))
            found[place] = (
                [_plus(one, other) for one, other in zip(found[place], counts(row), strict=True)]
                if (place in found)
                else list(counts(row))
            )
    return [(*place, *sums) for place, sums in found.items()]


def _plus(one: int | Decimal | None, other: int | Decimal | None) -> int | Decimal | None:
    return other if one is None else one if other is None else one + other


def _credits(visits: list[Row], tracked: Iterable[Row], sites: Sites) -> Iterator[Row]:
    """Of each goal, by each model: site, time, model, channel, goal, currency, 1 and what it earned."""
    by_visitor = defaultdict(list)
    for visit in visits:
        by_visitor[visit[0], visit[5]].append((visit[2], visit[21]))
    for event in tracked:
        site, at, goal = event[0], event[1], event[7]
        if event[6] == "track" and goal in sites.goals.get(site, ()):
            found = sorted(visit for visit in by_visitor[site, event[3]] if at - LOOK_BACK < visit[0] <= at)
            other = [visit for visit in found if visit[1] != "Direct"] or found
            for model, visit in (("first touch", found[0]), ("last touch", found[-1]), ("last non-direct", other[-1])):
                yield site, at, model, visit[1], goal, event[17], 1, event[16]


def _of_visits(visits: list[Row], events: list[Row], sites: Sites) -> dict[str, list[Row]]:
    reached = defaultdict(list)
    for event in events:
        if event[6] == "track" and event[7] in sites.goals.get(event[0], ()):
            reached[event[0], event[3]].append(event[1])
    traffic: dict[Row, list[int]] = {}
    visitors: dict[Row, set[str]] = defaultdict(set)
    for visit in visits:
        site, start, end, duration, views = visit[0], *visit[2:5], visit[6]
        goals = sum(start <= time <= end for time in reached[site, visit[5]])
        sums = [1, views, visit[17], duration > 10_000 or views >= 2 or goals > 0, duration, visit[30], goals]
        for grain, begins in sites.periods(site, start):
            for breakdown, columns in _BREAKDOWNS.items():
                place = (site, grain, breakdown, begins, visit[34], *_row(visit, breakdown, columns))
                traffic[place] = [one + other for one, other in zip(traffic.get(place, [0] * 7), sums, strict=True)]
        day = start.astimezone(ZoneInfo(sites.zones.get(site, "UTC"))).date()
        visitors[site, day, visit[34]].add(visit[5])
    return {
        "traffic": [(*place[:-1], *sums, place[-1]) for place, sums in traffic.items()],
        "visitors_per_day": [
            (*place, len(names), sorted(map(_hash, names))[:SKETCH]) for place, names in visitors.items()
        ],
    }


def _row(visit: Row, breakdown: str, columns: Collection[int]) -> Row:
    """Device, country, and the columns of all breakdowns: None where this one does not have them."""
    beside = (None, None) if breakdown.endswith("alone") else tuple(visit[place] for place in _DEVICE_AND_COUNTRY)
    return (*beside, *(visit[place] if place in columns else None for place in _ORDER))


def _hash(visitor: str) -> int:
    """The first 64 bits of MD5."""
    return int.from_bytes(hashlib.md5(visitor.encode()).digest()[:8], signed=True)
