"""`footfall test JOB --record NAME`: a case of tests/sql/JOB.yml from real events, whose people have pseudonyms."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from footfall.errors import FootfallError
from footfall.planner.records import KAFKA_FIELDS, Record
from footfall.preview.pseudonyms import pseudonymous
from footfall.preview.rows import preview_job, preview_query
from footfall.project.catalog import AnyValue
from footfall.testing.cases import INSTANT, Row, read_cases, read_defaults
from footfall.testing.compare import TIME
from footfall.testing.report import failure
from footfall.testing.runner import Runner
from footfall.topic import milliseconds
from jobs.sql_script import Fault, ScriptError, Statement, read_text
from jobs.sql_suite import read_job, read_suite

WIDTH = 120
PLACE = ("kafka_partition", "kafka_offset")


@dataclass(frozen=True)
class Recorded:
    """What was written: the file, the line of the case, its events and rows, and records that had to be left out."""

    path: Path
    line: int
    events: int
    rows: int
    left_out: int


def record_case(
    runner: Runner,
    job: str,
    name: str,
    records: Sequence[Record],
    key: bytes,
    *,
    where: str | None = None,
    keep: Collection[str] = (),
) -> Recorded:
    """Append a case to tests/sql/JOB.yml, of those of the records that where selects; it passes when it is written.

    where is a SQL condition on columns of received_events; without it all are taken. A record that is no JSON object
    holds text that may be a person's: it is left out. Raises FootfallError, ScriptError for wrong SQL.
    """
    path = runner.tests_dir / f"{job}.yml"
    there = path.exists()
    before = read_text(path) if there else f"# {job}. How a case is written: footfall/testing/cases.py\n"
    if there and name in {"defaults", *(case.name for case in read_cases(path))}:
        raise FootfallError(f"{path.name} has a case of this name: choose another")
    suite = read_suite(runner.sql_dir, AnyValue())
    chosen = list(records) if where is None else _selected(runner, suite, records, where)
    defaults = read_defaults(path) if there else {}
    given = [given_row(row, defaults) for record in chosen if (row := _event(record, key, keep)) is not None]
    if not given:
        raise FootfallError("none of the events read is one that --where selects: read more with --last, or change it")
    begin = before + "\n" * (2 - before.endswith("\n"))
    head = f"{begin}{written_key(name)}:\n  given:\n" + "".join(map(_item, given))
    # What the job makes of the case as it is written, not of the events that it was made from
    draft = runner.folder() / path.name
    draft.write_text(f"{head}  expect: []\n", encoding="utf-8")
    made = preview_job(runner, job, suite, read_cases(draft)[-1].given)
    text = head + _expect({table.table: table.rows for table in made}, job)
    draft.write_text(text, encoding="utf-8")
    case = read_cases(draft)[-1]
    [result] = runner.results([case], suite, read_job(runner.sql_dir, job))
    if not result.passed:
        said = "\n".join(failure(result))
        raise FootfallError(f"nothing was written: run once more, the case did not give the same rows\n{said}")
    with path.open("a", encoding="utf-8") as file:
        file.write(text[len(before) :] if there else text)
    rows = sum(len(table.rows) for table in made)
    return Recorded(path, case.line, len(given), rows, len(chosen) - len(given))


def given_row(event: Row, defaults: Row) -> Row:
    """What a case writes so that it is the event once merged over the defaults: as little as can be."""
    row: Row = {}
    for name in [*event, *(name for name in defaults if name not in event)]:
        value, below = event.get(name), defaults.get(name)
        if isinstance(value, dict) and isinstance(below, dict):
            if inner := given_row(value, below):
                row[name] = inner
        elif value != below or type(value) is not type(below):
            row[name] = value
    return row


def yaml_text(value: Any) -> str:
    """A value as a case is read, on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{yaml_text(str(name))}: {yaml_text(part)}" for name, part in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(yaml_text, value)) + "]"
    if isinstance(value, float):
        text = json.dumps(value)
        return text if "." in text else text.replace("e", ".0e")
    if not isinstance(value, str):
        return json.dumps(value)
    if TIME.fullmatch(value) or re.fullmatch(r"(?!(true|false|null)$)[A-Za-z_]\w*|/[\w/.-]*", value, re.ASCII):
        return value
    # YAML takes the escapes of JSON, but not two of them for one character, nor every character as it is
    return "".join(
        char
        if char.isprintable() or char == " "
        else f"\\u{ord(char):04x}"
        if ord(char) < 0x10000
        else f"\\U{ord(char):08x}"
        for char in json.dumps(value, ensure_ascii=False)
    )


def written_key(name: str) -> str:
    """The name of a case as it stands before its colon."""
    return name if re.fullmatch(r"(?!(true|false|null)$)[A-Za-z][\w ,.()'-]*\w", name, re.ASCII) else yaml_text(name)


def _selected(runner: Runner, suite: Sequence[Statement], records: Sequence[Record], where: str) -> list[Record]:
    query = f"SELECT kafka_partition, kafka_offset FROM received_events WHERE {where}"  # noqa: S608 - as its author says
    try:
        rows = preview_query(runner, query, suite, records).rows
    except ScriptError as error:
        raise ScriptError(Fault("--where", fault.line, fault.message) for fault in error.faults) from error
    places = {tuple(row[name] for name in PLACE) for row in rows}
    return [record for record in records if tuple(record.kafka[name] for name in PLACE) in places]


def _event(record: Record, key: bytes, keep: Collection[str]) -> Row | None:
    """The event of a record, with the broker's time where it doesn't say itself when it was received."""
    try:
        event = json.loads(record.value or b"", strict=False)
    except (ValueError, RecursionError):
        return None
    if not isinstance(event, dict):
        return None
    row: Row = pseudonymous({name: part for name, part in event.items() if name not in KAFKA_FIELDS}, key, keep)
    received, broker = event.get("receivedAt"), record.kafka["kafka_time"]
    if isinstance(received, str) and INSTANT.fullmatch(received) and milliseconds(received) <= milliseconds(broker):
        return row
    return {**row, "kafka_time": broker}


def _item(row: Row) -> str:
    """A row of a list of rows: on one line where it fits, else a line a column."""
    line = f"    - {yaml_text(row)}\n"
    return line if len(line) <= WIDTH else f"    - {_block(row, 6).lstrip()}"


def _block(row: Row, indent: int) -> str:
    lines = ""
    for name, value in row.items():
        line = f"{' ' * indent}{yaml_text(name)}: {yaml_text(value)}\n"
        if len(line) > WIDTH and isinstance(value, dict):
            line = f"{' ' * indent}{yaml_text(name)}:\n{_block(value, indent + 2)}"
        lines += line
    return lines


def _expect(tables: Mapping[str, Sequence[Row]], job: str) -> str:
    if list(tables) == [job]:
        return _rows("  expect:", tables[job])
    return "  expect:\n" + "".join(
        _rows(f"    {table}:", rows).replace("\n    ", "\n      ") for table, rows in tables.items()
    )


def _rows(head: str, rows: Iterable[Row]) -> str:
    items = [_item(row) for row in rows]
    return f"{head}\n{''.join(items)}" if items else f"{head} []\n"
