"""`footfall preview`: the rows that a job or a query makes of real records; nothing is written anywhere."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from footfall.planner.harness import Harness, Suite, faults_of
from footfall.planner.records import Record
from footfall.testing.cases import Row
from footfall.testing.runner import Runner
from jobs.sql_script import Fault, ScriptError, Statement, parse, significant
from jobs.sql_suite import read_job

QUERY, ANSWER = "preview_query", "preview_answer"
KIND = "preview_row_kind"
KINDS = {"INSERT": "+I", "UPDATE_BEFORE": "-U", "UPDATE_AFTER": "+U", "DELETE": "-D"}


@dataclass(frozen=True)
class Change:
    """One change of a table: +I, -U, +U or -D, and the row that it is about."""

    kind: str
    row: Row


@dataclass(frozen=True)
class Preview:
    """A table as a job or a query makes it: its columns with their types, every change, and the rows at the end."""

    table: str
    columns: Mapping[str, str]
    changes: Sequence[Change]
    rows: Sequence[Row]


def preview_job(runner: Runner, job: str, suite: Sequence[Statement], records: Sequence[Record]) -> list[Preview]:
    """Every table that the job writes. Raises ScriptError with what Flink refuses or can't run."""
    harness = runner.harness(suite, read_job(runner.sql_dir, job))
    changelogs = harness.run(records)
    found = []
    for name in harness.sinks:
        table = harness.tables[name]
        changes, rows = of_key(changelogs[name], table.key)
        found.append(Preview(name, table.columns, changes, rows))
    return found


def preview_query(runner: Runner, query: str, suite: Sequence[Statement], records: Sequence[Record]) -> Preview:
    """What a SELECT over the tables and views of sql/ gives. Raises ScriptError, its path being --sql."""
    statement = _one_select(query)
    planner = runner.suite(suite)
    _refuse_results(statement, planner)
    try:
        columns = _columns(planner, statement)
        harness = Harness(planner, _answer(statement, columns, planner), runner.cluster, sinks=[ANSWER])
    except ScriptError as error:
        raise ScriptError(map(_in_our_words, error.faults)) from error
    changes, rows = of_rows(harness.run(records)[ANSWER])
    return Preview("", columns, changes, rows)


def of_key(changelog: Iterable[str], key: Sequence[str]) -> tuple[list[Change], list[Row]]:
    """Changes and final rows of lines of Debezium JSON, which has no inserts and updates: the key says which it is."""
    table: dict[str, Row] = {}
    changes = []
    for line in changelog:
        change = json.loads(line)
        deleted = change["op"] == "d"
        row = change["before"] if deleted else change["after"]
        identity = json.dumps([row[column] for column in key] if key else len(table))
        changes.append(Change("-D" if deleted else "+U" if identity in table else "+I", row))
        if deleted:
            table.pop(identity, None)
        else:
            table[identity] = row
    return changes, list(table.values())


def of_rows(changelog: Iterable[str]) -> tuple[list[Change], list[Row]]:
    """Changes and final rows of lines of JSON that say themselves what they are; a row may be there several times."""
    held: dict[str, list[Row]] = {}
    changes = []
    for line in changelog:
        row = json.loads(line)
        kind = KINDS[row.pop(KIND)]
        changes.append(Change(kind, row))
        same = held.setdefault(json.dumps(row, sort_keys=True), [])
        if kind[0] == "+":
            same.append(row)
        elif same:
            same.pop()
    return changes, [row for rows in held.values() for row in rows]


def _one_select(query: str) -> Statement:
    found = parse(query, "--sql")
    if len(found) != 1:
        raise ScriptError([Fault("--sql", 1, f"found {len(found)} statements: write one SELECT")])
    if found[0].kind not in ("SELECT", "WITH", "VALUES", "(", ""):
        raise ScriptError([Fault("--sql", found[0].line, f"found {found[0].kind}: write one SELECT")])
    return found[0]


def _refuse_results(statement: Statement, suite: Suite) -> None:
    """What a job writes is not in the log."""
    found = significant(statement.text)
    for before, token in pairwise(found):
        table = suite.tables.get(token.identifier)
        if before.word in ("FROM", "JOIN", "TABLE") and table and table.connector == "postgres":
            message = (
                f"{table.name} is a table that a job writes, and here it is empty: select from what the job reads, or "
                "preview the job itself, `footfall preview JOB`"
            )
            raise ScriptError([Fault(statement.path, statement.line_at(token.start), message)])


def _columns(suite: Suite, statement: Statement) -> dict[str, str]:
    """The columns of the query with their types; the planner then knows it as QUERY."""
    environment = suite.environment._j_tenv
    with faults_of(statement):
        suite.environment.explain_sql(statement.text)  # as a view it would lose an ORDER BY, and nobody would know
        table = environment.sqlQuery(statement.text)
        environment.createTemporaryView(QUERY, table)
    # A time attribute of the query is a plain time in the file
    return {
        column.getName(): re.sub(r" \*\w+\*", "", column.getDataType().getLogicalType().asSummaryString())
        for column in table.getResolvedSchema().getColumns()
    }


def _answer(query: Statement, columns: Mapping[str, str], suite: Suite) -> list[Statement]:
    """The table of files that takes every change of the query, and the INSERT that fills it."""
    names = {name: "`" + name.replace("`", "``") + "`" for name in columns}
    # An interval can be selected, but neither declared nor written as JSON
    texts = {name for name, kind in columns.items() if kind.startswith("INTERVAL")}
    declared = ", ".join(f"{names[name]} {'STRING' if name in texts else kind}" for name, kind in columns.items())
    table = (
        f"CREATE TEMPORARY TABLE {ANSWER} ({KIND} STRING, {declared}) WITH ('connector' = 'filesystem', "
        f"'path' = '{suite.folder / ANSWER}', 'format' = 'json', 'json.timestamp-format.standard' = 'SQL', "
        "'json.encode.decimal-as-plain-number' = 'true', 'json.map-null-key.mode' = 'LITERAL')"
    )
    selected = ", ".join(f"CAST({names[name]} AS STRING)" if name in texts else names[name] for name in columns)
    insert = (
        f"INSERT INTO {ANSWER} SELECT {KIND}, {selected} "  # noqa: S608 - of names that Flink gave, each quoted
        f"FROM TO_CHANGELOG(input => TABLE {QUERY}, op => DESCRIPTOR({KIND}))"
    )
    return [Statement(text, query.path, query.line) for text in (table, insert)]


def _in_our_words(fault: Fault) -> Fault:
    if "Sort on a non-time-attribute field is not supported" in fault.message:
        message = "a stream has no end to sort at: add LIMIT to the ORDER BY, or leave it out"
        return fault._replace(message=message)
    return fault
