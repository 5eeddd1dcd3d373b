"""The tests of the tests of SQL: files and comparison without Flink, then every case of tests/sql on Flink."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest
import yaml
from rich.console import Console

from footfall.planner.statements import columns
from footfall.testing import cases, report
from footfall.testing.cases import deep_merge, read_cases, record
from footfall.testing.compare import Difference, aligned, compare, fold, same, written_row
from footfall.testing.runner import TESTS, Result, Runner
from jobs.sql_script import ScriptError, parse

JOBS = sorted(path.stem for path in TESTS.glob("*.yml"))
ONE_CASE = "one page view is a visit:\n  given: [{{timestamp: 2026-01-31T12:00:00.000Z}}]\n  expect: [{}]\n"
DEFAULTS = "defaults: {messageId: auto, site: shop, type: page, anonymousId: v1}\n"


def write(folder: Path, text: str, name: str = "sessions") -> Path:
    path = folder / f"{name}.yml"
    path.write_text(text, encoding="utf-8")
    return path


def faults(folder: Path, text: str) -> str:
    with pytest.raises(ScriptError) as raised:
        read_cases(write(folder, text))
    return str(raised.value).replace(f"{folder}/", "")


def verdict(names: list[str], **folders: Path) -> tuple[int, str]:
    output = io.StringIO()
    code = report.test_jobs(names, Console(file=output, width=80), **folders)
    return code, output.getvalue()


def test_a_case_has_a_name_a_log_and_rows(tmp_path: Path) -> None:
    [case] = read_cases(write(tmp_path, DEFAULTS + ONE_CASE.format("{event_count: 1}")))
    assert (case.job, case.name, case.line) == ("sessions", "one page view is a visit", 2)
    assert case.expect == {"": [{"event_count": 1}]}
    assert json.loads(case.given[0].value or b"") == {
        "messageId": "m0", "site": "shop", "type": "page", "anonymousId": "v1", "timestamp": "2026-01-31T12:00:00.000Z",
    }  # fmt: skip


def test_plain_values_are_those_of_json(tmp_path: Path) -> None:
    text = "a sentence:\n  given: [{a: 2026-01-31, b: no, c: 12:30:00, d: 010, e: 1.5, f: true, g: null, h: on time}]\n"
    [case] = read_cases(write(tmp_path, text + "  expect: []\n"))
    assert json.loads(case.given[0].value or b"") == {
        "a": "2026-01-31", "b": "no", "c": "12:30:00", "d": 10, "e": 1.5, "f": True, "g": None, "h": "on time",
    }  # fmt: skip


def test_bytes_of_any_kind_are_one_line_and_know_their_place() -> None:
    kafka = {"kafka_time": "2026-01-01T00:00:00.000Z", "kafka_partition": 3, "kafka_offset": 4}
    values = [
        b"", b"\xff\xfe", b'{"a": "\xff"}', b'{"a":\n1}', b'{"a": "x\ny"}', b'\xef\xbb\xbf{"a": 1}', b'{"a": 1} x',
        '{"a": "\u00fc"}'.encode("utf-16"), b'[{"a": 1}, 2]', b"[" * 5000, b'{"a":' * 5000, b"null",
    ]  # fmt: skip
    for value in values:
        [line] = cases.Record(value, kafka).as_events()
        assert b"\n" not in line and b"\r" not in line
        assert (b'"kafka_offset": 4' in line) is (b"a" in value), value
        assert base64.b64decode(json.loads(cases.Record(value, kafka).as_bytes())["value"]) == value
    [line] = cases.Record(b'{"a": "\xff"}', kafka).as_events()
    assert line.startswith(b'{"a": "\xff",')


def test_repeat_writes_long_texts(tmp_path: Path) -> None:
    text = "long:\n  given: [{a: !repeat [https://a.com/, x, 3], b: !repeat [ab, 2]}]\n  expect: []\n"
    [case] = read_cases(write(tmp_path, text))
    assert json.loads(case.given[0].value or b"") == {"a": "https://a.com/xxx", "b": "abab"}


def test_mappings_merge_in_depth_and_all_else_is_replaced() -> None:
    under = {"a": {"b": 1, "c": {"d": 2}}, "e": [1], "f": {"g": 1}}
    assert deep_merge(under, {"a": {"c": {"h": 3}}, "e": [2], "f": None}) == {
        "a": {"b": 1, "c": {"d": 2, "h": 3}}, "e": [2], "f": None,
    }  # fmt: skip
    assert under["a"] == {"b": 1, "c": {"d": 2}}


@pytest.mark.parametrize(
    ("given", "kafka_time"),
    [
        ({"receivedAt": "2026-01-31T12:00:01Z", "timestamp": "2026-01-31T12:00:00Z"}, "2026-01-31T12:00:01Z"),
        ({"receivedAt": "soon", "timestamp": "2026-01-31T12:00:00.000Z"}, "2026-01-31T12:00:00.000Z"),
        ({"kafka_time": "2026-01-31T12:00:02Z", "receivedAt": "2026-01-31T12:00:00Z"}, "2026-01-31T12:00:02Z"),
        ({}, "2026-01-01T00:00:00.000Z"),
        ("text", "2026-01-01T00:00:00.000Z"),
        ('[{"timestamp": "2026-01-31T12:00:00Z"}]', "2026-01-31T12:00:00Z"),
    ],
)
def test_the_broker_time_is_given_else_that_of_the_collector_else_of_the_event(given: object, kafka_time: str) -> None:
    found = record(given, 7, {})  # type: ignore[arg-type]
    assert found.kafka == {"kafka_time": kafka_time, "kafka_partition": 0, "kafka_offset": 7}


def test_a_text_is_sent_as_it_is_and_knows_its_place_where_it_is_an_event() -> None:
    place = '"kafka_time": "2026-01-01T00:00:00.000Z", "kafka_partition": 0, "kafka_offset": 1}'

    def lines(text: str | None) -> list[str]:
        return [line.decode() for line in record(text, 1, {}).as_events()]

    assert lines('{"a":1, "a":2} ') == ['{"a":1, "a":2,' + place]
    assert lines("{}") == ["{" + place]
    assert lines('{"a"') == ["{" + place[:-1] + ',"a"']
    assert lines('{"a":\n"\n"}\r\n') == ['{"a": "\\n",' + place]
    assert lines("no\n{}") == ["no {}"]
    assert lines(None) == []
    assert json.loads(record(None, 1, {}).as_bytes())["value"] is None
    assert base64.b64decode(json.loads(record('{"ü"', 1, {}).as_bytes())["value"]).decode() == '{"ü"'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "sessions.yml: has no cases: write a sentence, and given and expect under it"),
        ("defaults: {a: 1}\n", "sessions.yml: has no cases: write a sentence, and given and expect under it"),
        ("- a\n", "sessions.yml:1: is no mapping of cases: write `a sentence:`"),
        ("defaults: 5\n", "sessions.yml:1: found 5 as defaults: write a mapping"),
        ("x:\n  given: []\n", "sessions.yml:1: x: has no expect: write given and expect under the sentence"),
        (
            "x:\n  given: []\n  expect: []\n  expects: []\n",
            "sessions.yml:4: x: found the key expects; did you mean expect?; a case has given and expect",
        ),
        (
            "x:\n  given: []\n  expect: []\nx:\n  given: []\n  expect: []\n",
            "sessions.yml:4: found the key x twice, first on line 1: rename one of them",
        ),
        ("x:\n  given: [{a: 1, a: 2}]\n  expect: []\n", "found the key a twice, first on line 2: rename one of them"),
        ("x:\n  given: [5]\n  expect: []\n", "sessions.yml:2: x: found 5: a row of given is a mapping, a text or null"),
        ("x:\n  given: {a: 1}\n  expect: []\n", "x: given is no list: write one row a line, each after `- `, or []"),
        ("x:\n  given: []\n  expect: [5]\n", "sessions.yml:3: x: found 5: a row of expect is a mapping of columns"),
        ("x:\n  given: [{kafka_time: noon}]\n  expect: []\n", "x: found kafka_time noon: write one such as 2026-"),
        ("x:\n  given: [{kafka_offset: a}]\n  expect: []\n", "x: found kafka_offset a: write a whole number"),
        ("x:\n  given: [{a: !repeat [a]}]\n  expect: []\n", "sessions.yml:2: write !repeat [before, text, count]"),
        ("x:\n  given: [\n", "sessions.yml:3: "),
    ],
)
def test_a_mistake_in_a_file_is_one_line_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    found = faults(tmp_path, text)
    assert message in found
    assert "\n" not in found


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            "{event_counts: 1}",
            ":4: one page view is a visit: sessions has no column event_counts; did you mean event_c",
        ),
        (
            "{session_start: noon}",
            ":4: one page view is a visit: found session_start noon: write YYYY-MM-DD HH:MM:SS",
        ),
    ],
)
def test_an_expectation_that_no_table_can_meet_is_found_without_flink(tmp_path: Path, row: str, message: str) -> None:
    write(tmp_path, DEFAULTS + ONE_CASE.format(row))
    code, output = verdict(["sessions"], tests_dir=tmp_path)
    assert (code, message in output) == (1, True), output


def test_a_table_that_the_job_does_not_write_is_a_mistake(tmp_path: Path) -> None:
    write(tmp_path, "x:\n  given: []\n  expect: {session: []}\n")
    assert (
        "found the table session; did you mean sessions?; the job writes sessions" in verdict([], tests_dir=tmp_path)[1]
    )


def test_a_name_that_is_no_job_is_misuse_and_a_file_of_no_job_a_mistake(tmp_path: Path) -> None:
    code, output = verdict(["session"])
    assert (code, "there is no job session; did you mean sessions? (the jobs are " in output) == (2, True)
    write(tmp_path, ONE_CASE.format(""), "session")
    code, output = verdict([], tests_dir=tmp_path)
    assert (code, "session.yml: there is no job session; did you mean sessions?" in output) == (1, True)
    code, output = verdict(["sessions"], tests_dir=tmp_path)
    assert (code, "sessions.yml: is missing: write a case" in output) == (1, True)


@pytest.mark.parametrize(
    ("wanted", "found", "type_name", "equal"),
    [
        ("2026-01-31 12:00", "2026-01-31 12:00:00", "TIMESTAMP(3) NOT NULL", True),
        ("2026-01-31T12:00:00.500Z", "2026-01-31 12:00:00.5", "TIMESTAMP(3)", True),
        ("2026-01-31 12:00:00.001", "2026-01-31 12:00:00", "TIMESTAMP(3)", False),
        ("2026-01-31 12:00", "2026-01-31 12:00:00", "STRING", False),
        (1, 1, "BIGINT", True), (1, 1.0, "DOUBLE", True), (0.3, 0.1 + 0.2, "DOUBLE", True), (1, 2, "BIGINT", False),
        (1, True, "BOOLEAN", False), (True, True, "BOOLEAN", True), ("1", 1, "BIGINT", False),
        ("a", 1.5, "DOUBLE", False),
        (None, None, "STRING", True), (None, "", "STRING", False), (None, 0, "BIGINT", False),
    ],
)  # fmt: skip
def test_values_are_equal_by_their_type(wanted: object, found: object, type_name: str, equal: bool) -> None:
    assert same(wanted, found, type_name) is equal


def test_only_written_columns_are_compared_in_any_order_but_all_rows_count() -> None:
    actual = [{"a": 1, "b": 1}, {"a": 1, "b": 2}, {"a": 3, "b": 3}]
    assert compare([{"a": 3}, {"a": 1}, {"a": 1}], actual, {}).missing == []
    assert compare([{"a": 3}, {"a": 1}], actual, {}).unexpected == [{"a": 1}]
    found = compare([{"a": 1}, {"a": 3}, {"a": 1}, {"a": 1}], actual, {})
    assert (found.missing, found.unexpected) == ([{"a": 1}], [])
    assert compare([], actual[:1], {}).unexpected == [{"a": 1, "b": 1}]


def test_rows_are_paired_as_well_as_can_be() -> None:
    # The first would take the row that only the second can have
    found = compare([{"a": 1}, {"a": 1, "b": 1}], [{"a": 1, "b": 1}, {"a": 1, "b": 2}], {})
    assert (found.missing, found.unexpected) == ([], [])


def test_a_changelog_folds_to_the_last_row_of_each_key() -> None:
    changes = [("c", 1, "a"), ("c", 2, "b"), ("c", 1, "c"), ("d", 2, "b"), ("d", 3, "never there")]
    log = [
        json.dumps({"before": row, "after": None, "op": op} if op == "d" else {"before": None, "after": row, "op": op})
        for op, key, value in changes
        for row in [{"key": key, "value": value}]
    ]
    assert fold(log, ["key"]) == [{"key": 1, "value": "c"}]
    assert len(fold(log[:3], [])) == 3


def test_a_row_is_shown_as_a_case_would_write_it() -> None:
    row = {"a": "2026-01-31 12:00:00", "b": None, "c": True, "d": "m1", "e": "/", "f": 1, "g": "x" * 200}
    shown = f'{{a: 2026-01-31 12:00:00, b: null, c: true, d: m1, e: "/", f: 1, g: "{"x" * 80}… (200 characters)"}}'
    assert written_row(row) == shown


def test_columns_are_those_that_a_table_declares() -> None:
    [table] = parse(
        "CREATE TABLE t (a INT COMMENT 'x, y', `b` ROW<c INT, d INT>, e DECIMAL(3, 1), f AS a + 1, "
        "WATERMARK FOR g AS g, PRIMARY KEY (a, b) NOT ENFORCED) WITH ('k' = 'v')",
        "t.sql",
    )
    assert columns(table) == {"a": "INT", "b": "ROW", "e": "DECIMAL", "f": "AS"}


def test_session_ids_in_the_cases_are_the_md5_of_site_visitor_and_start() -> None:
    text = (TESTS / "sessions.yml").read_text(encoding="utf-8")
    for site in ("shop", "blog"):
        key = f"{site}\0v1\x002026-01-31 12:00:00.000"
        assert hashlib.md5(key.encode(), usedforsecurity=False).hexdigest() in text


def schema_faults(text: str) -> list[str]:
    schema = json.loads((Path(__file__).parents[2] / "docs" / "sql-tests.schema.json").read_text(encoding="utf-8"))
    validator = jsonschema.Draft202012Validator(schema)
    value = yaml.load(text, Loader=cases._Loader)
    return [f"{'.'.join(map(str, error.path))}: {error.validator}" for error in validator.iter_errors(value)]


@pytest.mark.parametrize("job", JOBS)
def test_every_file_of_cases_is_what_its_schema_says(job: str) -> None:
    assert schema_faults((TESTS / f"{job}.yml").read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("x: {given: []}", "x: required"),
        ("x: {given: [], expect: [], expects: []}", "x: additionalProperties"),
        ("x: {given: [5], expect: []}", "x.given.0: anyOf"),
        ("x: {given: [], expect: [5]}", "x.expect: anyOf"),
        ("defaults: 5", "defaults: type"),
    ],
)
def test_the_schema_refuses_what_the_reader_refuses(tmp_path: Path, text: str, fault: str) -> None:
    assert fault in schema_faults(text)
    assert faults(tmp_path, text)


@pytest.mark.parametrize("job", JOBS)
def test_every_sql_case_gives_the_rows_it_expects(job: str) -> None:
    with Runner() as runner:
        results = runner.run([job])
    assert [line for result in results for line in report.failure(result)] == []


def test_a_wrong_expectation_fails_and_shows_missing_and_unexpected_rows(tmp_path: Path) -> None:
    one = ONE_CASE.format("{visitor_id: v1, event_count: 2}")
    write(tmp_path, DEFAULTS + one + one.replace("one page view is", "right is").replace("count: 2", "count: 1"))
    code, output = verdict(["sessions"], tests_dir=tmp_path)
    assert code == 1
    assert output.replace(f"{tmp_path}/", "").splitlines() == [
        "FAILED  sessions: one page view is a visit",
        "  sessions.yml:2",
        "  missing     {visitor_id: v1, event_count: 2}",
        "  unexpected  {visitor_id: v1, event_count: 1}",
        "passed  sessions: right is a visit",
        "1 passed, 1 failed",
    ]


def test_missing_rows_stand_beside_those_most_like_them() -> None:
    difference = Difference(
        [{"a": 1, "b": 1}, {"a": 2, "b": 2}, {"a": 9, "b": 9}], [{"a": 2, "b": 3}, {"a": 1, "b": 4}]
    )
    assert aligned(difference, {}) == [
        ({"a": 1, "b": 1}, {"a": 1, "b": 4}),
        ({"a": 2, "b": 2}, {"a": 2, "b": 3}),
        ({"a": 9, "b": 9}, None),
    ]
    assert aligned(Difference([], [{"a": 1}]), {}) == [(None, {"a": 1})]


def test_a_terminal_shows_the_rows_side_by_side_and_what_differs_in_colour(tmp_path: Path) -> None:
    write(tmp_path, DEFAULTS + ONE_CASE.format("{visitor_id: v1, event_count: 2}"))
    [case] = read_cases(tmp_path / "sessions.yml")
    difference = Difference([{"visitor_id": "v1", "event_count": 2}], [{"visitor_id": "v1", "event_count": 1}])
    output = io.StringIO()
    console = Console(file=output, width=60, force_terminal=True, color_system="standard")
    for table in report.side_by_side(Result(case, {"": difference}, {"": {}})):
        console.print(table)
    lines = [line.rstrip() for line in output.getvalue().splitlines()]
    assert re.findall(r"\x1b\[3[12]m(\d+)", lines[2]) == ["2", "1"]
    assert "\x1b[2" in lines[1]  # dim
    assert [re.sub(r"\x1b\[[\d;]*m", "", line).split() for line in lines] == [
        ["expected", "found"], ["visitor_id", "v1", "v1"], ["event_count", "2", "1"],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "jobs"),
    [
        ("tests/sql/late_events.yml", ["late_events"]),
        ("sql/jobs/sessions.sql", ["sessions"]),
        ("sql/views/arrivals.sql", ["arrivals_per_minute"]),
        ("sql/views/topic_records.sql", ["arrivals_per_minute"]),
        (
            "sql/views/received_events.sql",
            [
                "custom_events_per_minute",
                "engagement_per_minute",
                "late_events",
                "page_views_per_minute",
                "sessions",
                "user_traits",
                "visit_events",
            ],
        ),
        ("sql/tables/sessions.sql", ["sessions"]),
        ("sql/tables/raw_records.sql", ["rejected_events"]),
        ("sql/functions.sql", JOBS),
        ("sql/postgres/migrations/0001_baseline.sql", []),
        ("sql/postgres/views/events.sql", []),
    ],
)
def test_a_save_reaches_the_jobs_that_use_the_file(changed: str, jobs: list[str]) -> None:
    assert report.affected([Path(changed)], []) == jobs
    assert report.affected([Path(changed)], ["sessions"]) == [job for job in jobs if job == "sessions"]


def test_watching_runs_again_what_was_saved_and_survives_a_broken_file(tmp_path: Path) -> None:
    good = DEFAULTS + ONE_CASE.format("{event_count: 1}")
    path = write(tmp_path, good)
    output = io.StringIO()

    def saves() -> Iterator[list[Path]]:
        for text in (good.replace("event_count: 1", "event_count: 2"), "x: [", good):
            path.write_text(text, encoding="utf-8")
            yield [path]
        raise KeyboardInterrupt

    assert report.watch_jobs([], Console(file=output, width=80), tests_dir=tmp_path, saves=saves()) == 0
    said = [line for line in output.getvalue().splitlines() if "passed," in line or "sessions.yml:" in line]
    assert [line.split("/")[-1] for line in said] == [
        "1 passed, 0 failed", "sessions.yml:2", "0 passed, 1 failed",
        "sessions.yml:1: expected the node content, but found '<stream end>'", "1 passed, 0 failed",
    ]  # fmt: skip


def house(folder: Path, job: str) -> Path:
    """A folder of SQL with the real functions, tables and views, and one job of its own."""
    (folder / "jobs").mkdir(parents=True)
    for part in ("functions.sql", "tables", "views"):
        (folder / part).symlink_to(report.SQL / part)
    (folder / "jobs" / "sessions.sql").write_text(job, encoding="utf-8")
    return folder


def test_a_statement_set_fills_several_tables(tmp_path: Path) -> None:
    inserts = [
        (report.SQL / "jobs" / f"{name}.sql").read_text(encoding="utf-8") for name in ("late_events", "rejected_events")
    ]
    job = "-- sessions: one row per two\nEXECUTE STATEMENT SET BEGIN\n" + "\n".join(inserts) + "\nEND;\n"
    write(
        tmp_path,
        DEFAULTS + "two tables:\n  given: [{timestamp: 2026-01-31T12:00:00Z, receivedAt: 2026-01-31T12:02:00Z}, x]\n"
        "  expect:\n    late_events: [{message_id: m0}]\n    rejected_events: [{original: x, site: shop}]\n",
    )
    code, output = verdict(["sessions"], tests_dir=tmp_path, sql_dir=house(tmp_path / "sql", job))
    assert code == 1
    assert "  missing     rejected_events: {original: x, site: shop}\n" in output
    assert "  unexpected  rejected_events: {site: null, original: x}\n" in output
    assert "late_events: {" not in output


def test_what_flink_refuses_is_said_once_with_its_place(tmp_path: Path) -> None:
    sql = house(tmp_path / "sql", "-- sessions: one row per x\nINSERT INTO sessions\nSELECT nothing FROM events;\n")
    one = ONE_CASE.format("{event_count: 1}")
    write(tmp_path, DEFAULTS + one + one.replace("one page", "another page"))
    code, output = verdict(["sessions"], tests_dir=tmp_path, sql_dir=sql)
    assert code == 1
    assert output.count("jobs/sessions.sql:3: ") == 1
    assert output.endswith("0 passed, 2 failed\n")


def test_python_functions_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = (report.SQL / "jobs" / "late_events.sql").read_text(encoding="utf-8")
    sql = house(
        tmp_path / "sql", job.replace("late_events: ", "sessions: ", 1).replace("  page_path,", "  shout(page_path),")
    )
    functions = (sql / "functions.sql").read_text(encoding="utf-8")
    (sql / "functions.sql").unlink()  # it is a link
    (sql / "functions.sql").write_text(
        f"{functions}\nCREATE FUNCTION shout AS 'shouting_for_tests.shout' LANGUAGE PYTHON;\n", encoding="utf-8"
    )
    (tmp_path / "shouting_for_tests.py").write_text(
        "from pyflink.table.udf import udf\n\n\n@udf(result_type='STRING')\ndef shout(text):\n    return text.upper()\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    event = "timestamp: 2026-01-31T12:00:00Z, receivedAt: 2026-01-31T12:02:00Z, context: {page: {path: /a}}"
    write(tmp_path, DEFAULTS + f"x:\n  given: [{{{event}}}]\n  expect: {{late_events: [{{page_path: /A}}]}}\n")
    code, output = verdict(["sessions"], tests_dir=tmp_path, sql_dir=sql)
    assert (code, output) == (0, "passed  sessions: x\n1 passed, 0 failed\n"), output
