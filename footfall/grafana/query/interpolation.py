"""Variables put into SQL, as Grafana's SQL data sources do it, but so that no value can leave its place.

https://grafana.com/docs/grafana/latest/dashboards/variables/variable-syntax/ gives the notations and formats. Stricter
than Grafana: what a value may hold depends on where it stands. Within quotes they are doubled; where there are none,
a value that brings none of its own is a word or a number.

Values are written into the text and not bound: Postgres gives a bound parameter one type for all its places, and takes
none in INTERVAL '…' or twice in a GROUP BY, where the same query in Grafana has a literal.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from footfall.errors import FootfallError
from footfall.grafana.query.macros import MACRO, Fill, expand, rfc3339
from footfall.grafana.query.time_ranges import TimeRange, in_words

REFERENCE = re.compile(r"\$(\w+)|\[\[(\w+?)(?::(\w+))?\]\]|\$\{(\w+)(?:\.[^:}]+)?(?::([^}]+))?\}")
PLACES = re.compile(
    r"(?P<comment>--[^\n]*|/\*.*?\*/)|(?P<escaped>\b[eE]'(?:[^'\\]|''|\\.)*')|(?P<text>'(?:[^']|'')*')"
    r'|(?P<name>"(?:[^"]|"")*")|(?P<body>\$\$.*?\$\$)',
    re.DOTALL,
)
WORD = re.compile(r"-?[\w.:+]+(?:-[\w.:+]+)*|")
QUOTED_FORMATS = ("sqlstring", "singlequote", "doublequote")


class BadValue(FootfallError):
    """A value that may not stand where the SQL wants it."""


@dataclass(frozen=True)
class Value:
    """What a variable is set to. many: whether it takes several values, or all, and is quoted therefore.

    trusted: SQL of the dashboard file itself (allValue), which is put in as it stands.
    """

    values: tuple[str, ...]
    texts: tuple[str, ...] = ()
    many: bool = False
    trusted: str | None = None


@dataclass(frozen=True)
class Query:
    """SQL without macros and variables, and how the gaps of its series are filled."""

    sql: str
    fill: Fill | None = None


@dataclass
class _Expansion:
    values: Mapping[str, Value]
    range_: TimeRange
    fill: Fill | None = field(default=None)


def expand_query(template: str, values: Mapping[str, Value], range_: TimeRange, interval_ms: int) -> Query:
    """The SQL that Grafana would send. Values are not looked through again: a macro in one is only text.

    Raises BadValue and BadMacro.
    """
    work = _Expansion({**values, **_built_in(range_, interval_ms)}, range_)
    sql = _expanded(template, work)
    return Query(sql, work.fill)


def _expanded(template: str, work: _Expansion) -> str:
    parts, done = [], 0
    for match in MACRO.finditer(template):
        if match[1] in work.values:  # $__interval(…) is no macro
            continue
        arguments = [_replaced(argument.strip(" "), work.values) for argument in match[2].split(",")]
        followed = template[match.end() : match.end() + 1] == ","
        sql, fill = expand(match[1], [] if arguments == [""] else arguments, work.range_, followed)
        work.fill = fill or work.fill
        # The quotes of a macro never surround a variable outside of it: they come in pairs, in its arguments.
        parts += [(done, match.start(), None), (match.start(), match.end(), sql)]
        done = match.end()
    parts.append((done, len(template), None))
    places = _places(template)
    return "".join(
        _replaced(template[start:end], work.values, places, start) if sql is None else sql for start, end, sql in parts
    )


def _places(template: str) -> Callable[[int], str]:
    """Says what a position of the SQL is in: text, escaped (text), name, comment, body or nothing of these, code."""
    spans = [(match.start(), match.end(), match.lastgroup or "code") for match in PLACES.finditer(template)]

    def place(at: int) -> str:
        return next((kind for start, end, kind in spans if start < at < end), "code")

    return place


def _replaced(
    template: str, values: Mapping[str, Value], place: Callable[[int], str] | None = None, start: int = 0
) -> str:
    """The text with its variables replaced; place answers for positions in the whole, where this begins at start."""
    place_of = place or _places(template)

    def replace(match: re.Match[str]) -> str:
        name = match[1] or match[2] or match[4]
        if name not in values:
            return match[0]
        return _placed(name, values[name], match[3] or match[5] or "", place_of(start + match.start()))

    return REFERENCE.sub(replace, template)


def _placed(name: str, value: Value, form: str, place: str) -> str:
    """A value as it may stand in this place. Raises BadValue."""
    if place == "comment":
        return ""
    if value.trusted is not None:
        return value.trusted
    brings_quotes = form in QUOTED_FORMATS or (not form and value.many)
    if brings_quotes and place != "code":
        raise BadValue(f"${name} stands within quotes and brings its own: write it without them, or ${{{name}:raw}}")
    if brings_quotes:
        mark = '"' if form == "doublequote" else "'"
        if not value.values:
            return "NULL"  # IN (NULL): nothing is chosen, nothing matches
        return ",".join(mark + _clean(name, one).replace(mark, mark * 2) + mark for one in value.values)
    if place == "text":
        return _clean(name, _formatted(value, form)).replace("'", "''")
    if place == "name":
        return _clean(name, _formatted(value, form)).replace('"', '""')
    for one in (*value.values, *(value.texts if form == "text" else ())):
        if not WORD.fullmatch(one):
            raise BadValue(f"${name} stands without quotes, so that {one[:40]!r} can't be its value: write '${name}'")
    formatted = _formatted(value, form)
    return f" {formatted}" if formatted.startswith("-") else formatted  # -$x with -1 would begin a comment


def _clean(name: str, text: str) -> str:
    if "\0" in text:
        raise BadValue(f"the value of ${name} has a character that Postgres can't hold")
    return text


def _formatted(value: Value, form: str) -> str:
    values = value.values
    name, _, detail = form.partition(":")
    if name == "date":
        time = datetime.fromtimestamp(int(values[0]) / 1000, UTC)
        return str(int(time.timestamp())) if detail == "seconds" else rfc3339(time)
    if name == "text":
        return " + ".join(value.texts or values)
    if name == "json":
        return json.dumps(values if value.many else values[0] if values else "", ensure_ascii=False)
    if name in ("glob", "regex") and len(values) > 1:
        return f"{{{','.join(values)}}}" if name == "glob" else f"({'|'.join(map(re.escape, values))})"
    if name == "pipe":
        return "|".join(values)
    return ",".join(values)


def _built_in(range_: TimeRange, interval_ms: int) -> dict[str, Value]:
    length = range_.end_ms - range_.start_ms
    words = {
        "__interval": in_words(interval_ms),
        "__interval_ms": interval_ms,
        "__from": range_.start_ms,
        "__to": range_.end_ms,
        "__range": f"{round(length / 1000)}s",
        "__range_s": round(length / 1000),
        "__range_ms": length,
    }
    return {name: Value((str(word),)) for name, word in words.items()}
