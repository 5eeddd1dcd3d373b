"""From when on the rows of a replay are right where the topic no longer has its beginning.

A record that is lost came before the oldest that its partition still has, by the broker's time, and what it says is no
later: an event is never later than when it was received, nor that than when the broker had it. So no row of a later
time has lost anything, but for two things. A copy whose original is lost counts as an event, and is received up to a
minute after it (the bound of sql/views/received_events.sql, and 10 s between collectors). And a window reaches back by
its length, a session or a visit by its gap: what begins later than that has no part before. (Of a visitor who never
paused for that long, visits were cut at the longest that there may be: they are cut anew, from where the topic now
begins.) Rounded up to whole minutes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from footfall.deploy.state_diff import what_it_keeps
from footfall.errors import FootfallError
from footfall.planner.job_plan import JobPlan, Operator
from footfall.planner.visits_operator import bounds, takes_visits_as_they_come

COPIES = timedelta(seconds=70)
MINUTE = timedelta(minutes=1)
DURATION = re.compile(r"PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?")
# What keeps ids of events alone, of which copies follow soon.
IDS = ("deduplicate", "over-aggregate", "rank")


def cuts(plan: JobPlan, lost_until: datetime) -> dict[str, datetime]:
    """For each table that a job writes, the time from which on its replayed rows are whole.

    lost_until: the broker's time up to which records may be lost. Raises FootfallError where an operator keeps
    something for which no bound is known.
    """
    found = {}
    for sink in plan.sinks():
        if table := re.search(r"table=\[[^\]]*\.(\w+)\]", sink.description):
            longest = max((_reach(plan, operator) for operator in plan.below(sink)), default=timedelta())
            found[table[1]] = _rounded_up(lost_until + COPIES + longest)
    return found


def _reach(plan: JobPlan, operator: Operator) -> timedelta:
    """How far before the beginning of a row's window what it is made of may lie."""
    windowing = operator.definition.get("windowing")
    if isinstance(windowing, Mapping):
        return _length(windowing["window"])
    if visit := bounds(operator):
        return visit.gap
    if operator.states and operator.kind not in IDS and not takes_visits_as_they_come(plan, operator):
        raise FootfallError(
            f"the topic has lost its beginning, and {what_it_keeps(operator)} may need all of it: give Kafka's topic a"
            " longer retention, or empty the job's tables to begin with what there is"
        )
    return timedelta()


def _length(window: Mapping[str, Any]) -> timedelta:
    lengths = [_duration(str(window[name])) for name in ("gap", "size", "maxSize") if name in window]
    return max(lengths, default=timedelta())


def _duration(text: str) -> timedelta:
    """A java.time.Duration as it prints itself, such as PT30M."""
    found = DURATION.fullmatch(text)
    if not found:
        raise FootfallError(f"Flink gives a window's length as {text}, which is not understood")
    hours, minutes, seconds = found.groups(default="0")
    return timedelta(hours=int(hours), minutes=int(minutes), seconds=float(seconds))


def _rounded_up(time: datetime) -> datetime:
    whole = time.replace(second=0, microsecond=0)
    return whole if whole == time else whole + MINUTE
