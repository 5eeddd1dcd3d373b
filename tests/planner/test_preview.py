"""What a job or a query makes of records, and how it is shown: on Flink, without a stack."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from odd_records import GOOD, odd_records
from rich.console import Console

from footfall.cli import footfall
from footfall.errors import FootfallError
from footfall.planner.records import Record
from footfall.preview.input import case_records, file_records, in_order_of_arrival
from footfall.preview.rows import Change, Preview, of_key, of_rows, preview_job, preview_query
from footfall.preview.table import cell, show
from footfall.project.catalog import SQL, AnyValue
from footfall.testing.runner import Runner
from jobs.sql_script import ScriptError
from jobs.sql_suite import read_suite

SUITE = read_suite(SQL, AnyValue())
NOW = "2026-02-01T00:00:00.000Z"


def record(value: bytes | None, offset: int = 0, time: str = NOW) -> Record:
    return Record(value, {"kafka_time": time, "kafka_partition": 0, "kafka_offset": offset})


def events(*changes: dict[str, Any]) -> list[Record]:
    return [
        record(json.dumps({**GOOD, "messageId": f"m{number}", **change}).encode(), number)
        for number, change in enumerate(changes)
    ]


@pytest.fixture(scope="module")
def runner() -> Iterator[Runner]:
    with Runner() as opened:
        yield opened


def shown(preview: Preview, width: int = 80, **options: Any) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    options = {"limit": 20, "changelog": False, "form": None, "title": "", "of": "3 events", **options}
    terminal = Console(file=out, width=width, force_terminal=True, color_system=None)
    show(preview, terminal, Console(file=err, width=width), **options)
    return out.getvalue(), err.getvalue()


def test_records_arrive_in_the_order_of_receipt_never_later_than_the_broker_says() -> None:
    def at(offset: int, broker: str, received: object) -> Record:
        return record(json.dumps({"receivedAt": received}).encode(), offset, f"2026-01-31T12:00:{broker}.000Z")

    log = [
        at(0, "30", "2026-01-31T12:00:20.000Z"), at(1, "31", "2026-01-31T12:00:10.000Z"),
        at(2, "15", "2027-01-31T12:00:00.000Z"), at(3, "05", None), at(4, "06", "soon"), at(5, "07", 5),
        record(None, 6, "2026-01-31T12:00:08.000Z"), record(b"\xff", 7, "2026-01-31T12:00:09.000Z"),
        record(b"[" * 100_000, 8, "2026-01-31T12:00:09.000Z"),
    ]  # fmt: skip
    assert [found.kafka["kafka_offset"] for found in in_order_of_arrival(log)] == [3, 4, 5, 6, 7, 8, 1, 2, 0]


def test_a_csv_file_is_read_as_load_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "log.csv.gz"
    path.write_bytes(gzip.compress(b"user_id,event_time,url\nu1,2026-01-31T12:00:10,http://a.b/c\nu1,never,x\n"))
    found = [json.loads(record.value or b"") for record in file_records(path, "blog")]
    late, first = sorted(found, key=lambda event: event["timestamp"], reverse=True)
    assert (first["site"], first["receivedAt"]) == ("blog", "2026-01-31T12:00:10.000Z")
    assert (late["timestamp"], "receivedAt" in late) == ("never", False)


def test_a_file_of_json_lines_keeps_what_is_none(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(b'{"timestamp": "2026-01-31T12:00:00Z"}\n\xff no\n')
    assert file_records(path, "shop")[1].value == b"\xff no"


@pytest.mark.parametrize(
    ("name", "content"), [("a.jsonl", b""), ("a.txt", b"x"), ("a.csv", b"a,b\n"), ("a.csv.gz", b"x")]
)
def test_a_file_without_events_is_reported(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FootfallError, match=name):
        file_records(tmp_path / name, "shop")


def test_a_case_is_had_by_its_name_and_without_one_all_are_listed() -> None:
    assert len(case_records("sessions", "midnight does not end a visit")) == 2
    with pytest.raises(
        FootfallError, match=r'say which case; those of tests/sql/sessions.yml are\n(.|\n)*--case "midnight does'
    ):
        case_records("sessions", None)
    with pytest.raises(
        FootfallError, match="no case is called midnight does not end the visit; did you mean midnight does"
    ):
        case_records("sessions", "midnight does not end the visit")


def test_a_job_gives_the_rows_of_its_table(runner: Runner) -> None:
    [found] = preview_job(runner, "page_views_per_minute", SUITE, events({}, {"anonymousId": "b"}, {"type": "track"}))
    assert found.table == "page_views_per_minute"
    assert [(row["page_path"], row["page_view_count"], row["visitor_count"]) for row in found.rows] == [("/", 2, 2)]
    assert [change.kind for change in found.changes] == ["+I"]


def test_records_of_any_kind_end_nothing_and_are_rejected_as_they_are(runner: Runner) -> None:
    values = [value for _, value in zip(range(600), odd_records(), strict=False)]
    log = [record(value, offset) for offset, value in enumerate(values)]
    log += [record(b'{"site":\n"shop"\n}', 9001), record(b"no\n{}", 9002), record(None, 9003), record(b"\xc3", 9004)]
    [rejected] = preview_job(runner, "rejected_events", SUITE, log)
    counted = preview_query(runner, "SELECT kafka_offset FROM raw_events WHERE is_complete", SUITE, log)
    reasons = {row["kafka_offset"]: row["reason"] for row in rejected.rows}
    complete = {row["kafka_offset"] for row in counted.rows}
    assert reasons[9001].startswith("type is missing")
    assert reasons[9002] == "the text is not a JSON object"
    assert reasons[9003] == "the record is empty"
    assert reasons[9004] == "the text is not UTF-8"
    assert not complete & {offset for offset, reason in reasons.items() if not reason.startswith("an array")}
    assert len(complete) > 50


def test_an_updating_query_is_folded_and_its_changes_say_what_they_are(runner: Runner) -> None:
    query = "SELECT site, COUNT(*) AS n FROM events GROUP BY site"
    found = preview_query(runner, query, SUITE, events({}, {}, {"site": "b"}))
    assert found.rows == [{"site": "shop", "n": 2}, {"site": "b", "n": 1}]
    assert [change.kind for change in found.changes] == ["+I", "-U", "+U", "+I"]


def test_values_of_every_type_come_out(runner: Runner) -> None:
    query = (
        "SELECT event_time, INTERVAL '1' DAY AS i, ARRAY[1] AS a, MAP['k', 1] AS m, CAST(1.50 AS DECIMAL(9, 2)) AS d,"
        " DATE '2026-01-01' AS on_day, X'ff41' AS b, (1, 'x') AS r FROM received_events"
    )
    found = preview_query(runner, query, SUITE, events({}))
    assert found.columns["event_time"] == "TIMESTAMP_LTZ(3)"
    assert [cell(value, found.columns[name], 36) for name, value in found.rows[0].items()] == [
        "2026-01-31 12:00:00Z", "+1 00:00:00.000", "[1]", '{"k": 1}', "1.5", "2026-01-01", "\\xffA",
        '{"EXPR$0": 1, "EXPR$1": "x"}',
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("SELECT site\nFROM event", "--sql:2: Object 'event' not found"),
        ("SELECT\n\n  sit FROM events", "--sql:3: Column 'sit' not found"),
        ("SELEC 1", "--sql:1: found SELEC: write one SELECT"),
        ("INSERT INTO sessions SELECT 1", "--sql:1: found INSERT: write one SELECT"),
        ("SELECT 1; SELECT 2", "--sql:1: found 2 statements: write one SELECT"),
        ("", "--sql:1: found 0 statements: write one SELECT"),
        ("SELECT 'x", "--sql:1: a string is opened here and never closed"),
        ("SELECT site FROM events ORDER BY site", "--sql:1: a stream has no end to sort at: add LIMIT to the ORDER BY"),
        ("SELECT *\nFROM sessions", "--sql:2: sessions is a table that a job writes, and here it is empty"),
        ("SELECT 1 / (page_path = 'x' AND FALSE) FROM events", "--sql:1: "),
        ("SELECT 1 / (CHAR_LENGTH(site) - 4) FROM events", "--sql:1: "),
    ],
)
def test_a_wrong_query_is_one_line_with_its_place(runner: Runner, query: str, message: str) -> None:
    with pytest.raises(ScriptError) as raised:
        preview_query(runner, query, SUITE, events({}))
    assert str(raised.value).startswith(message)
    assert "\n" not in str(raised.value)


def test_changes_by_key_and_by_row() -> None:
    def line(op: str, key: int, value: str) -> str:
        return json.dumps({"op": op, "before" if op == "d" else "after": {"k": key, "v": value}})

    changes, rows = of_key([line("c", 1, "a"), line("c", 1, "b"), line("c", 2, "c"), line("d", 2, "c")], ["k"])
    assert ([change.kind for change in changes], rows) == (["+I", "+U", "+I", "-D"], [{"k": 1, "v": "b"}])
    kinds = ("INSERT", "INSERT", "UPDATE_BEFORE", "UPDATE_AFTER")
    lines = [json.dumps({"preview_row_kind": kind, "v": value}) for kind, value in zip(kinds, "aaab", strict=True)]
    assert of_rows(lines)[1] == [{"v": "a"}, {"v": "b"}]


ROWS = [
    {"site": "shop", "n": 1, "path": "/" + "a" * 60, "t": None},
    {"site": "b", "n": 20, "path": "\x1b[31m", "t": None},
]
MADE = Preview("t", {"site": "STRING", "n": "BIGINT", "path": "STRING", "t": "STRING"}, [Change("+I", ROWS[0])], ROWS)


def test_a_table_fits_the_terminal_and_nothing_in_it_is_obeyed() -> None:
    out, _ = shown(MADE, 60)
    assert [line.rstrip() for line in out.splitlines()] == [
        "site   n  path",
        "shop   1  /aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…",
        "b     20  \\x1b[31m",
        "NULL in all of these rows: t",
        "2 of 2 rows, made of 3 events",
    ]
    out, _ = shown(MADE, 12)
    assert "no room for path: --csv and --json have all columns" in out
    assert shown(MADE, limit=1)[0].endswith("1 of 2 rows, made of 3 events\n")
    assert "+I" in shown(MADE, changelog=True)[0]


def test_csv_and_json_are_whole_and_alone() -> None:
    out, err = shown(MADE, 12, form="csv")
    assert out == f"site,n,path,t\nshop,1,/{'a' * 60},\nb,20,\x1b[31m,\n"
    assert err.endswith("events\n")
    assert [json.loads(line) for line in shown(MADE, form="json")[0].splitlines()] == ROWS


def test_no_rows_say_why_that_may_be() -> None:
    out, _ = shown(Preview("t", {"a": "INT"}, [], []))
    assert out.startswith("0 of 0 rows, made of 3 events\nNo row waits for the end of a window")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name a job, or write --sql"),
        (["sessions", "--sql", "SELECT 1"], "name a job, or write --sql"),
        (["--sql", "SELECT 1", "--from", "test-case"], "--from test-case goes with a job"),
        (["sessions", "--case", "x"], "--case goes with --from test-case"),
        (["sessions", "--last", "soon"], "is no length of time"),
        (["sessions", "--last", "0"], "is no length of time"),
    ],
)
def test_misuse_is_reported(arguments: list[str], message: str) -> None:
    done = CliRunner().invoke(footfall, ["preview", *arguments])
    assert (done.exit_code, message in done.output) == (2, True), done.output
