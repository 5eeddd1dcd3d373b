"""What the variables of a dashboard offer and are set to, one after the other: a query may use those before."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from footfall.errors import FootfallError
from footfall.grafana.query.dashboard_files import Json, variables_of
from footfall.grafana.query.interpolation import Value, expand_query
from footfall.grafana.query.postgres import Postgres
from footfall.grafana.query.time_ranges import TimeRange

ALL = "$__all"
MOST_OPTIONS = 1_000
KINDS = ("query", "custom", "textbox", "constant", "interval")
Given = Mapping[str, list[str]]


@dataclass
class Option:
    """A choice: what is shown, and what goes into the SQL."""

    text: str
    value: str


@dataclass
class Variable:
    """A variable with its choices and what is chosen; fault says why there are no choices."""

    name: str
    label: str
    kind: str
    multi: bool
    hidden: bool
    options: list[Option] = field(default_factory=list)
    current: list[str] = field(default_factory=list)
    fault: str = ""

    def as_json(self) -> Json:
        return asdict(self)


Resolved = tuple[list[Variable], dict[str, Value]]


def resolve(board: Json, given: Given, postgres: Postgres, range_: TimeRange) -> Resolved:
    """The variables of a dashboard, and their values for its SQL.

    given: what a person chose, by name. What no variable offers falls back to the file's default, then to the first.
    """
    variables: list[Variable] = []
    values: dict[str, Value] = {}
    for model in variables_of(board):
        kind, name = model.get("type"), model.get("name")
        if kind not in KINDS or not isinstance(name, str):
            continue
        made = Variable(
            name=name, label=str(model.get("label") or name), kind=kind, multi=bool(model.get("multi")),
            hidden=model.get("hide") == 2 or kind == "constant",
        )  # fmt: skip
        try:
            made.options = _options(model, kind, values, postgres, range_)
        except FootfallError as error:
            made.fault = str(error)
        _choose(made, model, given.get(name))
        values[name] = _value(made, model)
        variables.append(made)
    return variables, values


def _options(
    model: Json, kind: str, values: Mapping[str, Value], postgres: Postgres, range_: TimeRange
) -> list[Option]:  # fmt: skip
    if kind == "query":
        found = _from_query(model, values, postgres, range_)
    elif kind in ("custom", "interval"):
        found = _from_list(str(model.get("query") or ""))
    else:
        return []
    if model.get("includeAll"):
        found.insert(0, Option("All", ALL))
    return found


def _from_list(text: str) -> list[Option]:
    """a,b,c or text : value, …; a comma that belongs to a value has a backslash before it."""
    found = []
    for part in re.split(r"(?<!\\),", text):
        entry = part.replace("\\,", ",").strip()
        label, colon, value = entry.partition(" : ")
        if entry:
            found.append(Option(label.strip(), value.strip()) if colon else Option(entry, entry))
    return found


def sql_of(model: Json) -> str:
    """The SQL of a variable of type query, with its macros and variables."""
    query = model.get("query")
    return query if isinstance(query, str) else str((query or {}).get("rawSql") or model.get("definition") or "")


def _from_query(model: Json, values: Mapping[str, Value], postgres: Postgres, range_: TimeRange) -> list[Option]:
    frame = postgres.ask(expand_query(sql_of(model), values, range_, 60_000).sql)
    names = [column.name for column in frame.columns]
    text_at = names.index("__text") if "__text" in names else 0
    value_at = names.index("__value") if "__value" in names else text_at
    found: dict[str, Option] = {}
    for row in frame.rows:
        if row[value_at] is None or row[text_at] is None:
            continue
        option = _matching(Option(_word(row[text_at]), _word(row[value_at])), str(model.get("regex") or ""))
        if option:
            found.setdefault(option.value, option)
    return _sorted(list(found.values()), model.get("sort"))[:MOST_OPTIONS]


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _matching(option: Option, regex: str) -> Option | None:
    """The option where it fits the variable's filter; its first group, where it has one, is what counts."""
    pattern = re.fullmatch(r"/(.*)/[a-z]*", regex)
    if not pattern:
        return option
    try:
        match = re.search(pattern[1].replace("(?<", "(?P<"), option.value)
    except re.error:
        return option
    if not match:
        return None
    return Option(match[1], match[1]) if match.re.groups else option


def _sorted(options: list[Option], order: Any) -> list[Option]:
    """Grafana's orders: 1 and 2 by letters, 3 and 4 by the first number, 5 and 6 by letters of any case."""
    if order in (3, 4):
        numbers = [(re.search(r"\d+", option.text), option) for option in options]
        ranked = sorted(numbers, key=lambda pair: int(pair[0][0]) if pair[0] else -1, reverse=order == 4)
        return [option for _, option in ranked]
    if order in (1, 2, 5, 6):
        any_case = order in (5, 6)
        return sorted(
            options, key=lambda option: option.text.lower() if any_case else option.text, reverse=order in (2, 6)
        )
    return options


def _choose(made: Variable, model: Json, given: list[str] | None) -> None:
    default = (model.get("current") or {}).get("value")
    if made.kind in ("textbox", "constant"):
        fallback = default if made.kind == "textbox" and isinstance(default, str) else model.get("query")
        free = given[:1] if given and made.kind == "textbox" else [str(fallback or "")]
        made.current = free
        return
    offered = {option.value for option in made.options}
    wishes = [given or [], [str(one) for one in (default if isinstance(default, list) else [default]) if one]]
    for wish in wishes:
        chosen = [one for one in wish if one in offered]
        if chosen:
            made.current = [ALL] if ALL in chosen else chosen if made.multi else chosen[:1]
            return
    made.current = [made.options[0].value] if made.options else []


def _value(made: Variable, model: Json) -> Value:
    many = made.multi or bool(model.get("includeAll"))
    chosen = made.current
    if chosen == [ALL]:
        if model.get("allValue"):
            return Value((str(model["allValue"]),), many=True, trusted=str(model["allValue"]))
        chosen = [option.value for option in made.options if option.value != ALL]
    texts = {option.value: option.text for option in made.options}
    return Value(tuple(chosen), tuple(texts.get(one, one) for one in chosen), many)
