"""Notification policies and mute timings, read as Grafana reads them.

https://grafana.com/docs/grafana/latest/alerting/fundamentals/notifications/notification-policies/ and, for quiet hours,
https://grafana.com/docs/grafana/latest/alerting/configure-notifications/mute-timings/
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from footfall.errors import FootfallError
from footfall.grafana import resources
from footfall.grafana.query.time_ranges import read_seconds
from footfall.grafana.resources import MUTE_TIMING, POLICY, Json

# Grafana's own, where a policy says nothing.
DEFAULTS = {"group_wait": "30s", "group_interval": "5m", "repeat_interval": "4h"}
TESTS: dict[str, Callable[[str, str], bool]] = {
    "=": lambda value, wanted: value == wanted,
    "!=": lambda value, wanted: value != wanted,
    "=~": lambda value, wanted: re.fullmatch(wanted, value) is not None,
    "!~": lambda value, wanted: re.fullmatch(wanted, value) is None,
}
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@dataclass(frozen=True)
class Route:
    """Who is notified and when; receiver is the name of a contact point, "" for the root's default."""

    key: str
    receiver: str
    matchers: tuple[tuple[str, str, str], ...]
    group_by: tuple[str, ...]
    group_wait: timedelta
    group_interval: timedelta
    repeat_interval: timedelta
    mute_timings: tuple[str, ...] = ()
    continues: bool = False
    below: tuple[Route, ...] = ()

    def matching(self, labels: Mapping[str, str]) -> list[Route]:
        """The routes that an alert with these labels takes: the deepest, and the first of each level that does not
        say `continue`."""
        if not all(TESTS[test](labels.get(name, ""), wanted) for name, test, wanted in self.matchers):
            return []
        found: list[Route] = []
        for route in self.below:
            matched = route.matching(labels)
            found += matched
            if matched and not route.continues:
                break
        return found or [self]


@dataclass(frozen=True)
class Policies:
    """The branches of a folder and its quiet hours by name."""

    branches: tuple[Route, ...]
    timings: Mapping[str, list[Json]]

    def matching(self, labels: Mapping[str, str]) -> list[Route]:
        """The routes of an alert that lead to a contact point."""
        return [route for branch in self.branches for route in branch.matching(labels) if route.receiver]

    def muted_by(self, route: Route, now: datetime) -> str | None:
        """The mute timing in whose hours a time is; None where the route notifies."""
        return next((name for name in route.mute_timings if any(_is_in(one, now) for one in self.timings[name])), None)


def read(folder: Path) -> Policies:
    """Policies and mute timings of a folder of dashboards. Raises FootfallError with the file and what is wrong."""
    things = resources.read(folder)
    timings = {thing.uid: list(thing.content["time_intervals"]) for thing in things if thing.kind == MUTE_TIMING}
    branches = []
    for thing in things:
        if thing.kind == POLICY:
            try:
                branches.append(_route(thing.content, None, thing.uid, timings))
            except (KeyError, TypeError, ValueError) as error:
                raise FootfallError(f"policies/{thing.uid}.json: {error}") from None
    for name, intervals in timings.items():
        for interval in intervals:
            try:
                _check(interval)
            except (KeyError, TypeError, ValueError, ZoneInfoNotFoundError) as error:
                raise FootfallError(f"mute-timings/{name}.json: {error}") from None
    return Policies(tuple(branches), timings)


def _route(content: Json, above: Route | None, key: str, timings: Mapping[str, Any]) -> Route:
    """A route; what it does not say, it has from the one above. Mute timings and matchers are not inherited."""

    def length(name: str) -> timedelta:
        if name in content or above is None:
            return timedelta(seconds=read_seconds(str(content.get(name, DEFAULTS[name]))))
        inherited: timedelta = getattr(above, name)
        return inherited

    mutes = tuple(content.get("mute_time_intervals") or ())
    if unknown := sorted(set(mutes) - set(timings)):
        raise ValueError(f"there is no mute timing {', '.join(unknown)}")
    matchers = tuple((str(name), str(test), str(wanted)) for name, test, wanted in content.get("object_matchers") or ())
    if odd := [test for _, test, _ in matchers if test not in TESTS]:
        raise ValueError(f"a matcher compares by {', '.join(TESTS)}, not by {odd[0]}")
    inherited = above.group_by if above else ()
    route = Route(
        key, str(content.get("receiver") or (above.receiver if above else "")), matchers,
        tuple(content.get("group_by") or inherited), length("group_wait"), length("group_interval"),
        length("repeat_interval"), mutes, bool(content.get("continue")),
    )  # fmt: skip
    below = [_route(child, route, f"{key}/{place}", timings) for place, child in enumerate(content.get("routes") or [])]
    return Route(**{**vars(route), "below": tuple(below)})


def _check(interval: Json) -> None:
    """Raises ValueError where an interval says what is not worked out here, or is no interval."""
    if other := sorted(set(interval) - {"times", "weekdays", "location"}):
        raise ValueError(f"{', '.join(other)}: only times, weekdays and location are worked out here")
    ZoneInfo(interval.get("location") or "UTC")
    for times in interval.get("times") or []:
        if _minutes(times["start_time"]) >= _minutes(times["end_time"]):
            raise ValueError("a time ends before it begins: write two, one to 24:00 and one from 00:00")
    for days in interval.get("weekdays") or []:
        for day in days.split(":"):
            WEEKDAYS.index(day)


def _is_in(interval: Json, now: datetime) -> bool:
    there = now.astimezone(ZoneInfo(interval.get("location") or "UTC"))
    minute, day = there.hour * 60 + there.minute, there.weekday()
    times, weekdays = interval.get("times"), interval.get("weekdays")
    in_times = not times or any(_minutes(one["start_time"]) <= minute < _minutes(one["end_time"]) for one in times)
    in_days = not weekdays or any(
        WEEKDAYS.index(first) <= day <= WEEKDAYS.index(last or first)
        for first, _, last in (days.partition(":") for days in weekdays)
    )
    return in_times and in_days


def _minutes(text: str) -> int:
    match = re.fullmatch(r"(\d\d):(\d\d)", text)
    if not match or int(match[1]) * 60 + int(match[2]) > 24 * 60 or int(match[2]) > 59:
        raise ValueError(f"{text!r} is no time of the day: write 22:00")
    return int(match[1]) * 60 + int(match[2])
