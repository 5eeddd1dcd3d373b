"""The anomalies of page views, from docs/definitions.md: one minute after the other, without SQL."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import groupby
from math import sqrt
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

MINUTE, WEEK = timedelta(minutes=1), timedelta(weeks=1)
Row = tuple[Any, ...]


def anomalies(counts: Mapping[datetime, int], until: datetime, zone: str = "UTC", site: str = "shop") -> list[Row]:
    """The rows of the table anomalies where minutes are searched until then; counts: page views of minutes with any."""
    odd = []
    first = minute = min(counts)
    while minute < until:
        here = minute.astimezone(ZoneInfo(zone))
        # By the clock on the wall; what it shows twice, or never, is read as standard time.
        weeks = [max((here - n * WEEK).replace(fold=f).astimezone(UTC) for f in (0, 1)) for n in range(1, 5)]
        past = [counts.get(week, 0) for week in weeks if week >= first]
        if len(past) >= 2:
            middle = median(past)
            deviation = max(1.4826 * median(abs(n - middle) for n in past), sqrt(middle), 1)
            found = counts.get(minute, 0)
            if abs(found - middle) > 4 * deviation:
                odd.append((minute, found > middle, found, middle, abs(found - middle) / deviation))
        minute += MINUTE
    told: list[Row] = []
    for _, grouped in groupby(enumerate(odd), lambda pair: (pair[1][0] - pair[0] * MINUTE, pair[1][1])):
        run = [one for _, one in grouped]
        worst = max(run, key=lambda one: one[4])
        end = run[-1][0] + MINUTE
        told.append((
            site, "page views", run[0][0], None if end == until else end, "more" if run[0][1] else "fewer", len(run),
            sum(one[2] for one in run), sum(one[3] for one in run), worst[4], worst[0], worst[2],
        ))  # fmt: skip
    return told
