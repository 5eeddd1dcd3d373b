"""Rows of Postgres as Grafana's panels see them: typed columns, and series side by side.

Series are made as Grafana's SQL data sources make them of the format time_series: text columns become labels, each
combination of labels and each number column is a series, and one row holds what all series have at a time.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from decimal import Decimal
from typing import Any, Literal

from footfall.errors import FootfallError
from footfall.grafana.query.macros import Fill
from footfall.grafana.query.time_ranges import TimeRange, epoch_ms

Kind = Literal["time", "number", "boolean", "string"]
MOST_FILLED = 20_000
NUMBERS = {20, 21, 23, 26, 700, 701, 790, 1700}
TIMES = {1082, 1114, 1184}
BOOLEAN = 16
# Names whose numbers are seconds since 1970, by Grafana's rule.
TIME_NAMES = ("time", "timeend", "time_end")


class BadFrame(FootfallError):
    """The rows can't be what the panel asks for."""


@dataclass
class Column:
    """A column; a series has the labels that distinguish it."""

    name: str
    kind: Kind
    labels: dict[str, str] = field(default_factory=dict)


@dataclass
class Frame:
    """A result. Times are epoch ms, numbers are finite, what is missing is None."""

    columns: list[Column]
    rows: list[list[Any]]
    truncated: bool = False


def make_frame(columns: Sequence[tuple[str, int]], rows: Iterable[Sequence[Any]], truncated: bool = False) -> Frame:
    """A frame of names with their Postgres type numbers, and rows as psycopg reads them."""
    kinds = [_kind(name, oid) for name, oid in columns]
    converted = [[_value(one, kind) for one, kind in zip(row, kinds, strict=True)] for row in rows]
    return Frame([Column(name, kind) for (name, _), kind in zip(columns, kinds, strict=True)], converted, truncated)


def _kind(name: str, oid: int) -> Kind:
    if oid in TIMES or (oid in NUMBERS and name in TIME_NAMES):
        return "time"
    if oid in NUMBERS:
        return "number"
    return "boolean" if oid == BOOLEAN else "string"


def _value(value: Any, kind: Kind) -> Any:
    if value is None:
        return None
    if kind == "time":
        return _time(value)
    if kind == "number":
        number = float(value) if isinstance(value, Decimal) else value
        if not math.isfinite(number):
            return None
        return int(number) if isinstance(number, float) and number.is_integer() and abs(number) < 2**53 else number
    if kind == "boolean":
        return bool(value)
    if isinstance(value, timedelta | datetime | date | clock | bytes | list | tuple | dict):
        return str(value)
    return value if isinstance(value, str) else str(value)


def _time(value: Any) -> int | None:
    if isinstance(value, datetime):
        return epoch_ms(value if value.tzinfo else value.replace(tzinfo=UTC))
    if isinstance(value, date):
        return epoch_ms(datetime(value.year, value.month, value.day, tzinfo=UTC))
    number = float(value)
    if not math.isfinite(number):
        return None
    size = abs(number)  # Grafana distinguishes seconds, ms, µs and ns since 1970 by their size
    if size < 1e11:
        return round(number * 1000)
    return round(number if size < 1e14 else number / 1000 if size < 1e17 else number / 1_000_000)


def to_series(frame: Frame, fill: Fill | None, range_: TimeRange) -> Frame:
    """The frame of the format time_series: a time, then a column a series. Raises BadFrame where no column is time."""
    names = [column.name for column in frame.columns]
    if "time" not in names or frame.columns[names.index("time")].kind != "time":
        raise BadFrame('the format "time series" wants a column named time: $__time(column), or the format "table"')
    at = names.index("time")
    labels = [place for place, column in enumerate(frame.columns) if column.kind == "string"]
    values = [place for place, column in enumerate(frame.columns) if column.kind in ("number", "boolean")]
    series: dict[tuple[int, tuple[str, ...]], dict[int, Any]] = {}
    for row in frame.rows:
        if row[at] is None:
            continue
        key = tuple(str(row[place] if row[place] is not None else "") for place in labels)
        for place in values:
            series.setdefault((place, key), {})[row[at]] = _number(row[place])
    # Grafana calls a series by the column metric alone, where there is nothing else to show.
    is_metric = len(frame.columns) == 3 and [names[place] for place in labels] == ["metric"]
    columns = [Column("time", "time")]
    for place, key in series:
        if is_metric:
            columns.append(Column(key[0], "number"))
        else:
            own = {names[label]: text for label, text in zip(labels, key, strict=True)}
            columns.append(Column(names[place], "number", own))
    times = sorted({time for points in series.values() for time in points})
    if fill:
        times = _filled_times(times, fill, range_)
    filled = [_points(points, times, fill) for points in series.values()]
    return Frame(columns, [list(row) for row in zip(times, *filled, strict=True)], frame.truncated)


def _number(value: Any) -> Any:
    return int(value) if isinstance(value, bool) else value


def _filled_times(times: list[int], fill: Fill, range_: TimeRange) -> list[int]:
    step = round(fill.seconds * 1000)
    first, last = range_.start_ms // step * step, range_.end_ms // step * step
    if (last - first) // step > MOST_FILLED:
        raise BadFrame("the interval is so short that filling the time range makes too many points")
    if not times:
        return []
    return sorted({*times, *range(first, last + 1, step)})


def _points(points: dict[int, Any], times: list[int], fill: Fill | None) -> list[Any]:
    if fill is None:
        return [points.get(time) for time in times]
    found, before = [], None
    for time in times:
        if time in points:
            before = points[time]
            found.append(before)
        else:
            found.append(before if fill.value == "previous" else fill.value)
    return found
