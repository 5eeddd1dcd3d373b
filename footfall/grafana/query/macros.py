"""The macros of Grafana's Postgres data source, as its documentation gives them.

https://grafana.com/docs/grafana/latest/datasources/postgres/query-editor/ lists them. As there, an argument ends at the
first closing bracket: a macro takes column names, not calls of functions.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from footfall.errors import FootfallError
from footfall.grafana.query.time_ranges import TimeRange, read_seconds

MACRO = re.compile(r"\$(__\w+)\(([^)]*)\)")


class BadMacro(FootfallError):
    """A macro that there is not, or with arguments that it does not take."""


@dataclass(frozen=True)
class Fill:
    """How gaps of a time series are filled: every so many seconds, with nothing, the value before or this value."""

    seconds: float
    value: float | Literal["previous"] | None


def expand(name: str, arguments: list[str], range_: TimeRange, with_alias: bool = False) -> tuple[str, Fill | None]:
    """The SQL of a macro without its $, and the fill that it asks for.

    with_alias: whether a comma follows, where $__timeGroup names its column "time". Raises BadMacro.
    """
    if name in ("__timeGroup", "__timeGroupAlias", "__unixEpochGroup", "__unixEpochGroupAlias"):
        group, fill = _group(name, arguments)
        named = name.endswith("Alias") or (name == "__timeGroup" and with_alias)
        return f'{group} AS "time"' if named else group, fill
    return _plain(name, arguments, range_), None


def _plain(name: str, arguments: list[str], range_: TimeRange) -> str:
    start, end = range_.start, range_.end
    values = {
        "__timeFrom": f"'{rfc3339(start)}'",
        "__timeTo": f"'{rfc3339(end)}'",
        "__unixEpochFrom": str(_seconds(range_.start_ms)),
        "__unixEpochTo": str(_seconds(range_.end_ms)),
        "__unixEpochNanoFrom": f"{range_.start_ms}000000",
        "__unixEpochNanoTo": f"{range_.end_ms}000000",
    }
    if name in values:
        return values[name]
    column = arguments[0] if arguments else ""
    filters = {
        "__time": f'{column} AS "time"',
        "__timeEpoch": f'extract(epoch from {column}) as "time"',
        "__timeFilter": f"{column} BETWEEN {values['__timeFrom']} AND {values['__timeTo']}",
        "__unixEpochFilter": f"{column} >= {values['__unixEpochFrom']} AND {column} <= {values['__unixEpochTo']}",
        "__unixEpochNanoFilter": (
            f"{column} >= {values['__unixEpochNanoFrom']} AND {column} <= {values['__unixEpochNanoTo']}"
        ),
    }
    if name not in filters:
        raise BadMacro(f"${name} is no macro of Grafana's Postgres data source")
    if not column:
        raise BadMacro(f"${name} needs a column: ${name}(column)")
    return filters[name]


def _group(name: str, arguments: list[str]) -> tuple[str, Fill | None]:
    if len(arguments) < 2 or not arguments[0]:
        raise BadMacro(f"${name} needs a column and an interval: ${name}(column, '5m')")
    try:
        seconds = read_seconds(arguments[1].strip("'"))
    except ValueError as error:
        raise BadMacro(f"${name}: {error}") from None
    fill = Fill(seconds, _fill_value(name, arguments[2])) if len(arguments) == 3 else None
    size = f"{seconds:.15g}"
    if name.startswith("__unix"):
        return f"floor(({arguments[0]})/{size})*{size}", fill
    return f"floor(extract(epoch from {arguments[0]})/{size})*{size}", fill


def _fill_value(name: str, text: str) -> float | Literal["previous"] | None:
    if text == "NULL":
        return None
    if text == "previous":
        return "previous"
    try:
        return float(text)
    except ValueError:
        raise BadMacro(f"${name} fills with NULL, previous or a number, not with {text[:40]}") from None


def rfc3339(time: datetime) -> str:
    """A time in UTC, with as many decimals as it has."""
    text = time.strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{time.microsecond:06}".rstrip("0") + "Z" if time.microsecond else f"{text}Z"


def _seconds(milliseconds: int) -> int:
    return milliseconds // 1000
