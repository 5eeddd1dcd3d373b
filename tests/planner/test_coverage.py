"""Coverage of SQL by its cases: which branches a statement has, and that one which nobody needs is found."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from footfall.project.catalog import SQL
from footfall.testing.mutation import branches, coverage, print_coverage
from footfall.testing.runner import Runner
from jobs.sql_script import Statement, parse


def only(sql: str) -> Statement:
    [statement] = parse(sql, "x.sql")
    return statement


def mutants(sql: str) -> list[tuple[str, str]]:
    return [(branch.text, " ".join(branch.without.text.split())) for branch in branches(only(sql))]


def test_an_arm_never_holds_and_an_else_is_null() -> None:
    assert mutants("SELECT CASE WHEN a = 1 OR b THEN 'x' ELSE c + 1 END FROM t") == [
        ("WHEN a = 1 OR b THEN 'x'", "SELECT CASE WHEN (a = 1 OR b) AND FALSE THEN 'x' ELSE c + 1 END FROM t"),
        ("ELSE c + 1", "SELECT CASE WHEN a = 1 OR b THEN 'x' ELSE CASE WHEN FALSE THEN c + 1 END END FROM t"),
    ]


def test_a_case_of_a_value_never_meets_the_arm() -> None:
    [(_, without)] = mutants("SELECT CASE a WHEN 'x' THEN 1 END FROM t")
    assert without == "SELECT CASE a WHEN NULLIF('x', 'x') THEN 1 END FROM t"


def test_conditions_end_where_their_clause_does() -> None:
    sql = "INSERT INTO s SELECT COUNT(*) FILTER (WHERE a IN (1, 2)) FROM t WHERE b AND c GROUP BY d HAVING COUNT(*) > 1"
    assert [without for _, without in mutants(f"{sql} ON CONFLICT DO DEDUPLICATE")] == [
        f"{one} ON CONFLICT DO DEDUPLICATE"
        for one in (
            sql.replace("a IN (1, 2)", "TRUE "),
            sql.replace("b AND c", "TRUE"),
            sql.replace("COUNT(*) > 1", "TRUE"),
        )
    ]


def test_nested_cases_and_words_in_strings_and_comments_mislead_nobody() -> None:
    found = mutants("SELECT CASE WHEN CASE WHEN a THEN b ELSE c END THEN 'WHEN x THEN' -- WHEN y THEN\n END FROM t")
    assert [text for text, _ in found] == [
        "WHEN CASE WHEN a THEN b ELSE c END THEN 'WHEN x THEN'", "WHEN a THEN b", "ELSE c",
    ]  # fmt: skip


def test_a_branch_knows_its_line() -> None:
    assert [branch.line for branch in branches(only("SELECT a\nFROM t\nWHERE\n  b"))] == [3]


@pytest.fixture
def house(tmp_path: Path) -> Runner:
    """late_events with a CASE, and one case that needs only a part of it."""
    sql, tests = tmp_path / "sql", tmp_path / "tests"
    (sql / "jobs").mkdir(parents=True)
    tests.mkdir()
    for part in ("functions.sql", "tables", "views"):
        (sql / part).symlink_to(SQL / part)
    job = (SQL / "jobs" / "late_events.sql").read_text(encoding="utf-8")
    arm = "CASE WHEN event_type = 'page' THEN page_path WHEN event_type = 'track' THEN 't' END AS page_path,"
    (sql / "jobs" / "late_events.sql").write_text(job.replace("  page_path,", f"  {arm}"), encoding="utf-8")
    (tests / "late_events.yml").write_text(
        "defaults: {messageId: auto, site: shop, type: page, anonymousId: v1}\n"
        "late:\n  given:\n"
        "    - {timestamp: 2026-01-31T12:00:00Z, receivedAt: 2026-01-31T12:02:00Z, context: {page: {path: /a}}}\n"
        "    - {timestamp: 2026-01-31T12:02:00Z}\n"
        "  expect: [{page_path: /a}]\n",
        encoding="utf-8",
    )
    return Runner(sql, tests)


def test_what_no_case_notices_is_reported(house: Runner) -> None:
    with house:
        found = coverage(house, ["late_events"])
    job = [branch.text for branch in found.unnoticed if branch.statement.path.endswith("late_events.sql")]
    assert job == ["WHEN event_type = 'track' THEN 't'"]
    assert found.columns - len(found.unexpected) == 1
    assert "no case of late_events expects lateness_ms" in [fault.message for fault in found.unexpected]
    assert (found.failed, found.skipped) == ([], 0)


def test_nothing_is_measured_where_a_case_fails(house: Runner) -> None:
    path = house.tests_dir / "late_events.yml"
    path.write_text(path.read_text(encoding="utf-8").replace("[{page_path: /a}]", "[{page_path: /b}]"))
    with house:
        found = coverage(house, ["late_events"])
    assert [result.case.name for result in found.failed] == ["late"]
    assert found.branches == 0


def test_a_name_that_is_no_job_is_misuse() -> None:
    told = io.StringIO()
    assert print_coverage(["session"], Console(file=told), Console(file=told, width=200)) == 2
    assert "there is no job session; did you mean sessions?" in told.getvalue()
