"""What a job's tables hold, compared with what a case of tests/sql expects. Without Flink."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from footfall.testing.cases import Case, Row
from jobs.sql_script import Fault, close_match

MOST_ALIGNED = 100  # rows of each side: more are read by nobody
TIME = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?Z?")


@dataclass
class Difference:
    """Rows of a table that don't find each other."""

    missing: list[Row] = field(default_factory=list)
    unexpected: list[Row] = field(default_factory=list)


def fold(changelog: Iterable[str], key: Sequence[str]) -> list[Row]:
    """The final table of a changelog in Debezium JSON: the last row of each key that was not deleted."""
    table: dict[str, Row] = {}
    for line in changelog:
        change = json.loads(line)
        row = change["before"] if change["op"] == "d" else change["after"]
        identity = json.dumps([row[column] for column in key] if key else len(table))
        if change["op"] == "d":
            table.pop(identity, None)
        else:
            table[identity] = row
    return list(table.values())


def compare(expected: Sequence[Row], actual: Sequence[Row], types: Mapping[str, str]) -> Difference:
    """Pair each expected row with a row that has what it writes, as many as can be; what is left is the difference."""
    partner: dict[int, int] = {}

    def fits(wanted: Row, row: Row) -> bool:
        return all(same(value, row.get(column), types.get(column, "")) for column, value in wanted.items())

    def pair(number: int, tried: set[int]) -> bool:
        for other, row in enumerate(actual):
            if other not in tried and fits(expected[number], row):
                tried.add(other)
                if other not in partner or pair(partner[other], tried):
                    partner[other] = number
                    return True
        return False

    missing = [row for number, row in enumerate(expected) if not pair(number, set())]
    written = {column for row in expected for column in row}
    unexpected = [
        {column: value for column, value in row.items() if not written or column in written}
        for other, row in enumerate(actual)
        if other not in partner
    ]
    return Difference(missing, unexpected)


def aligned(difference: Difference, types: Mapping[str, str]) -> list[tuple[Row | None, Row | None]]:
    """Each missing row beside the unexpected one that it resembles most; None stands where there is none."""

    def resemblance(wanted: Row, row: Row) -> int:
        return sum(same(value, row.get(column), types.get(column, "")) for column, value in wanted.items())

    missing, unexpected = difference.missing[:MOST_ALIGNED], difference.unexpected[:MOST_ALIGNED]
    scores = [
        (-resemblance(wanted, row), number, other)
        for number, wanted in enumerate(missing)
        for other, row in enumerate(unexpected)
    ]
    partner: dict[int, int] = {}
    for _, number, other in sorted(scores):
        if number not in partner and other not in partner.values():
            partner[number] = other
    left = [row for other, row in enumerate(difference.unexpected) if other not in partner.values()]
    pairs: list[tuple[Row | None, Row | None]] = [
        (row, difference.unexpected[partner[number]] if number in partner else None)
        for number, row in enumerate(difference.missing)
    ]
    return pairs + [(None, row) for row in left]


def same(wanted: object, found: object, type_name: str) -> bool:
    """Whether two values are equal: times as instants written in text, numbers as numbers, a truth is no number."""
    if isinstance(wanted, str) and isinstance(found, str) and type_name.startswith("TIMESTAMP"):
        return _time(wanted) == _time(found)
    if isinstance(wanted, bool) or isinstance(found, bool):
        return wanted is found
    if isinstance(wanted, float) or isinstance(found, float):
        numbers = isinstance(wanted, int | float) and isinstance(found, int | float)
        return numbers and math.isclose(wanted, found, rel_tol=1e-9, abs_tol=1e-12)  # type: ignore[arg-type]
    return wanted == found


def expectation_faults(case: Case, tables: Mapping[str, Mapping[str, str]], sinks: Sequence[str]) -> Iterator[Fault]:
    """What a case expects that no table can give; tables has the columns of each with their types."""
    for name, rows in case.expect.items():
        table = name or own_table(case.job, sinks)
        if table not in sinks:
            listed = f"the job writes {', '.join(sinks)}" + ("" if name else ": write expect as table: rows")
            yield case.fault(name, 0, f"found the table {name or 'of no name'}{close_match(name, sinks)}; {listed}")
            continue
        for number, row in enumerate(rows):
            for column, value in row.items():
                if column not in tables[table]:
                    message = f"{table} has no column {column}{close_match(str(column), list(tables[table]))}"
                    yield case.fault(name, number, message)
                elif value is not None and tables[table][column].startswith("TIMESTAMP") and not _time(value):
                    yield case.fault(name, number, f"found {column} {value}: write YYYY-MM-DD HH:MM:SS.mmm")


def own_table(job: str, sinks: Sequence[str]) -> str:
    """The table that `expect` means where it names none: the job's namesake, else the only one that it writes."""
    return job if job in sinks or len(sinks) != 1 else sinks[0]


def written_row(row: Row) -> str:
    """A row as one line of YAML that a case may hold; a long text is cut."""
    return "{" + ", ".join(f"{column}: {written_value(value)}" for column, value in row.items()) + "}"


def written_value(value: Any) -> str:
    """A value as YAML; a long text is cut."""
    if isinstance(value, str):
        text = value if len(value) <= 100 else f"{value[:80]}… ({len(value)} characters)"
        return text if re.fullmatch(r"[^\W\d]\w*|" + TIME.pattern, text) else json.dumps(text, ensure_ascii=False)
    return json.dumps(value)


def _time(text: object) -> str:
    match = TIME.fullmatch(text) if isinstance(text, str) else None
    return f"{match[1]} {match[2]}:{match[3] or '00'}.{(match[4] or '').rstrip('0')}" if match else ""
