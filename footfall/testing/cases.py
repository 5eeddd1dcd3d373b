"""The cases of tests/sql/NAME.yml: what they say, read and checked without Flink.

A file is a mapping of cases, its name that of a job; a case's name is a sentence:

    defaults: {messageId: auto, site: shop, type: page}
    one page view is a visit of 0 s:
      given:
        - {anonymousId: v1, timestamp: 2026-01-31T12:00:00.000Z}  # a comment says who
      expect:
        - {visitor_id: v1, duration_ms: 0}

`given` is the log, in order of arrival. A mapping is an event, merged over `defaults` (mappings in depth, all else is
replaced; null takes a default away); what is in neither is NULL. `messageId: auto` is m0, m1, … by place. A text is a
record as it is, and null a record without value. `kafka_time`, `kafka_partition` and `kafka_offset` say what the
broker knows of a record; where they are left out, the time is the event's receivedAt, else its timestamp, else
2026-01-01T00:00:00.000Z, the partition 0 and the offset the row's place, from 0. Of `defaults`, these three hold for
texts too.

`expect` is the rows of the table at the end, in any order, none missing and none more; of each row, only the columns
written are compared. A job that writes several tables says which: a mapping of table to rows. Times are YYYY-MM-DD
HH:MM:SS.mmm, UTC; seconds and their fraction may be left out. `!repeat [before, text, count]` is `before` and then
count times `text`; `before` may be left out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from footfall.planner.records import KAFKA_FIELDS, Record, parsed
from jobs.sql_script import Fault, ScriptError, close_match, read_text

Row = dict[str, Any]

KAFKA_TIME = "2026-01-01T00:00:00.000Z"
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?Z")


@dataclass(frozen=True)
class Case:
    """One case; expect has the rows of each table that it names, '' standing for the job's own table."""

    path: str
    job: str
    name: str
    line: int
    given: list[Record]
    expect: dict[str, list[Row]]
    lines: Mapping[tuple[str, int], int] = field(default_factory=dict)

    def fault(self, table: str, number: int, message: str) -> Fault:
        """A fault of the row of that number that is expected in table."""
        return Fault(self.path, self.lines.get((table, number), self.line), f"{self.name}: {message}")


def read_cases(path: Path) -> list[Case]:
    """The cases of a file, in its order. Raises ScriptError with all faults of the file."""
    nodes = _top(path, read_text(path))
    defaults = _defaults(path, nodes)
    faults: list[Fault] = []
    cases: list[Case] = []
    for key, node in nodes:
        if key.value != "defaults":
            try:
                cases.append(_case(path, key, node, defaults))
            except ScriptError as error:
                faults += error.faults
    if not cases and not faults:
        faults.append(Fault(str(path), 0, "has no cases: write a sentence, and given and expect under it"))
    if faults:
        raise ScriptError(faults)
    return cases


def read_defaults(path: Path) -> Row:
    """The defaults of a file. Raises ScriptError."""
    return _defaults(path, _top(path, read_text(path)))


def deep_merge(under: Row, over: Row) -> Row:
    """`over` on top of `under`: mappings merge in depth, anything else replaces what is there."""
    merged = dict(under)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = deep_merge(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


def record(given: Row | str | None, index: int, defaults: Row) -> Record:
    """The record that a row of `given` stands for. Raises ValueError with what is wrong with it."""
    if isinstance(given, dict):
        event = deep_merge(defaults, given)
        kafka = {name: event.pop(name, None) for name in KAFKA_FIELDS}
    else:
        found = parsed(given)
        first = found[0] if isinstance(found, list) and found else found
        event = first if isinstance(first, dict) else {}
        kafka = {name: defaults.get(name) for name in KAFKA_FIELDS}
    times = [time for time in (event.get("receivedAt"), event.get("timestamp")) if _is_time(time)]
    fallback = {"kafka_time": [*times, KAFKA_TIME][0], "kafka_partition": 0, "kafka_offset": index}
    kafka = {name: fallback[name] if value is None else value for name, value in kafka.items()}
    if not _is_time(kafka["kafka_time"]):
        raise ValueError(f"found kafka_time {kafka['kafka_time']}: write one such as {KAFKA_TIME}")
    for name in ("kafka_partition", "kafka_offset"):
        if type(kafka[name]) is not int:
            raise ValueError(f"found {name} {kafka[name]}: write a whole number")
    if not isinstance(given, dict):
        return Record(None if given is None else given.encode("utf-8", "surrogatepass"), kafka)
    if event.get("messageId") == "auto":
        event["messageId"] = f"m{index}"
    return Record(json.dumps(event).encode(), kafka)


def _is_time(value: object) -> bool:
    return isinstance(value, str) and INSTANT.fullmatch(value) is not None


def _defaults(path: Path, nodes: list[tuple[yaml.Node, yaml.Node]]) -> Row:
    for key, node in nodes:
        if key.value == "defaults":
            defaults = _value(path, node)
            if isinstance(defaults, dict):
                return defaults
            message = f"found {_kind(defaults)} as defaults: write a mapping"
            raise ScriptError([Fault(str(path), key.start_mark.line + 1, message)])
    return {}


def _case(path: Path, key: yaml.Node, node: yaml.Node, defaults: Row) -> Case:
    faults: list[Fault] = []
    name = str(key.value)

    def fault(place: yaml.Node, message: str) -> None:
        faults.append(Fault(str(path), place.start_mark.line + 1, f"{name}: {message}"))

    parts = {part.value: value for part, value in node.value} if isinstance(node, yaml.MappingNode) else {}
    for part in parts.keys() - {"given", "expect"}:
        fault(parts[part], f"found the key {part}{close_match(part, ['given', 'expect'])}; a case has given and expect")
    for part in ("given", "expect"):
        if part not in parts:
            fault(key, f"has no {part}: write given and expect under the sentence")
    given = []
    for index, item in enumerate(_items(parts.get("given"), fault, "given")):
        value = _value(path, item)
        if value is None or isinstance(value, dict | str):
            try:
                given.append(record(value, index, defaults))
            except ValueError as error:
                fault(item, str(error))
        else:
            fault(item, f"found {_kind(value)}: a row of given is a mapping, a text or null")
    expected = parts.get("expect")
    tables = (
        {"": expected}
        if not isinstance(expected, yaml.MappingNode)
        else {table.value: rows for table, rows in expected.value}
    )
    expect: dict[str, list[Row]] = {table: [] for table in tables}
    lines = {}
    for table, rows in tables.items():
        for number, item in enumerate(_items(rows, fault, f"expect {table}".strip())):
            value = _value(path, item)
            if not isinstance(value, dict):
                fault(item, f"found {_kind(value)}: a row of expect is a mapping of columns")
                continue
            lines[table, number] = item.start_mark.line + 1
            expect[table].append(value)
    if faults:
        raise ScriptError(faults)
    return Case(str(path), path.stem, name, key.start_mark.line + 1, given, expect, lines)


def _items(node: yaml.Node | None, fault: Any, name: str) -> list[yaml.Node]:
    if node is None or isinstance(node, yaml.SequenceNode):
        return node.value if node else []
    fault(node, f"{name} is no list: write one row a line, each after `- `, or [] for none")
    return []


class _Loader(yaml.SafeLoader):
    """YAML with the plain values of JSON alone: a time stays text, as do `no` and 12:30:00; a key is written once."""

    yaml_implicit_resolvers: dict[Any, Any] = {}  # noqa: RUF012 - as PyYAML has it

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        _unique(node)
        return super().construct_mapping(node, deep)


def _repeat(loader: yaml.SafeLoader, node: yaml.Node) -> str:
    found = loader.construct_sequence(node, deep=True) if isinstance(node, yaml.SequenceNode) else []
    if len(found) not in (2, 3) or type(found[-1]) is not int:
        raise yaml.constructor.ConstructorError(None, None, "write !repeat [before, text, count]", node.start_mark)
    return "".join(map(str, found[:-2])) + str(found[-2]) * found[-1]


for _tag, _pattern, _first in (
    ("null", r"~|null|", ["~", "n", ""]),
    ("bool", r"true|false", list("tf")),
    ("int", r"[-+]?[0-9]+", list("-+0123456789")),
    ("float", r"[-+]?[0-9]+\.[0-9]+(?:[eE][-+]?[0-9]+)?", list("-+0123456789")),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"(?:{_pattern})$"), _first)
# PyYAML's own constructor reads 010 as eight
_Loader.add_constructor("tag:yaml.org,2002:int", lambda _, node: int(node.value))
_Loader.add_constructor("!repeat", _repeat)


def _top(path: Path, text: str) -> list[tuple[yaml.Node, yaml.Node]]:
    """Key and value of each case, and of the defaults."""
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        raise ScriptError([_yaml_fault(path, error)]) from error
    except yaml.YAMLError as error:
        raise ScriptError([Fault(str(path), 0, f"is no YAML: {' '.join(str(error).split())}")]) from error
    if node is None:
        return []
    if not isinstance(node, yaml.MappingNode):
        raise ScriptError([Fault(str(path), node.start_mark.line + 1, "is no mapping of cases: write `a sentence:`")])
    pairs = [node, *(value for _, value in node.value if isinstance(value, yaml.MappingNode))]
    try:
        for mapping in pairs:
            _unique(mapping)
    except yaml.MarkedYAMLError as error:
        raise ScriptError([_yaml_fault(path, error)]) from error
    return list(node.value)


def _unique(node: yaml.MappingNode) -> None:
    seen: dict[Any, int] = {}
    for key, _ in node.value:
        if isinstance(key, yaml.ScalarNode):
            if key.value in seen:
                message = f"found the key {key.value} twice, first on line {seen[key.value]}: rename one of them"
                raise yaml.constructor.ConstructorError(None, None, message, key.start_mark)
            seen[key.value] = key.start_mark.line + 1


def _value(path: Path, node: yaml.Node) -> Any:
    try:
        return _Loader("").construct_document(node)
    except yaml.MarkedYAMLError as error:
        raise ScriptError([_yaml_fault(path, error)]) from error


def _yaml_fault(path: Path, error: yaml.MarkedYAMLError) -> Fault:
    mark = error.problem_mark or error.context_mark
    return Fault(str(path), mark.line + 1 if mark else 0, error.problem or "is no YAML")


def _kind(value: object) -> str:
    names = {dict: "a mapping", list: "a list", str: f"the text {value}", type(None): "nothing"}
    return names.get(type(value), str(value))
