"""What a job is made of, and what two plans have in common; without Flink."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from footfall.deploy.state_diff import compare
from footfall.deploy.versions import Version, diff, other_declarations, read_version
from footfall.planner.job_plan import JobPlan, read_plan
from footfall.project.catalog import SQL


def test_a_version_is_the_job_and_all_that_it_is_made_of() -> None:
    assert set(read_version(SQL, "late_events").files) == {
        "functions.sql", "jobs/late_events.sql", "tables/late_events.sql", "tables/raw_events.sql",
        "views/received_events.sql",
    }  # fmt: skip
    assert "views/events.sql" in read_version(SQL, "sessions").files
    assert read_version(SQL, "sessions").tables == ["sessions"]


def test_the_same_files_are_the_same_version_wherever_they_lie(tmp_path: Path) -> None:
    version = read_version(SQL, "sessions")
    copied = read_version(version.write(tmp_path), "sessions")
    assert copied.id == version.id
    (tmp_path / "views" / "events.sql").open("a").write("-- more\n")
    assert read_version(tmp_path, "sessions").id != version.id


def test_no_password_is_in_a_version() -> None:
    assert "${POSTGRES_WRITER_PASSWORD}" in read_version(SQL, "sessions").files["tables/sessions.sql"]


def test_a_diff_names_the_file_and_the_lines() -> None:
    old, new = (
        Version("a", {"jobs/a.sql": "one\ntwo\n"}),
        Version("a", {"jobs/a.sql": "one\n2\n", "views/v.sql": "x\n"}),
    )
    lines = diff(old, new)
    assert [line for line in lines if line.startswith(("-", "+"))] == [
        "--- sql/jobs/a.sql", "+++ sql/jobs/a.sql", "-two", "+2", "--- sql/views/v.sql", "+++ sql/views/v.sql", "+x",
    ]  # fmt: skip


def test_other_options_of_a_table_are_a_change_and_a_comment_is_none() -> None:
    path = "tables/t.sql"
    old, commented, other = (
        Version("a", {path: text}) for text in ("CREATE TABLE t (k)", "-- t\nCREATE TABLE t (k)", "CREATE TABLE t (j)")
    )
    assert other_declarations(old, commented) == []
    assert other_declarations(old, other) == ["sql/tables/t.sql"]


def plan(*, fields: str = "`site` VARCHAR(9)", gap: str = "30 min", sink: str = "t", where: str = "") -> JobPlan:
    """A session window over a topic, as Flink's compiled plan has it."""
    nodes: list[dict[str, Any]] = [
        {
            "id": 7, "type": "stream-exec-table-source-scan_2", "outputType": f"ROW<{fields}>",
            "description": f"TableSourceScan(table=[[c, d, raw_events]], fields=[{fields}])",
        },
        {
            "id": 8, "type": "stream-exec-calc_1", "projection": [0], "condition": where or None,
            "description": f"Calc(select=[site], where=[{where}])",
        },
        {
            "id": 9, "type": "stream-exec-window-aggregate_1", "aggCalls": [], "windowing": gap,
            "description": f"WindowAggregate(groupBy=[site], window=[SESSION(gap=[{gap}])])",
        },
        {
            "id": 10, "type": "stream-exec-sink_2", "dynamicTableSink": sink,
            "description": f"Sink(table=[c.d.{sink}], fields=[site])",
        },
    ]  # fmt: skip
    edges = [{"source": number, "target": number + 1} for number in (7, 8, 9)]
    return read_plan(json.dumps({"nodes": nodes, "edges": edges}))


def test_equal_plans_and_renamed_columns_are_no_change() -> None:
    assert compare(plan(), plan()).is_none
    assert compare(plan(), plan(fields="`place` VARCHAR(9)")).is_none


def test_a_field_that_is_added_to_the_source_keeps_the_state() -> None:
    change = compare(plan(), plan(fields="`site` VARCHAR(9), `locale` VARCHAR(9)"))
    assert change.keeps_state
    assert not change.is_none


def test_a_field_of_another_type_does_not() -> None:
    assert not compare(plan(), plan(fields="`site` VARCHAR(7)")).keeps_state


def test_the_reason_is_the_weightiest() -> None:
    both = compare(plan(), plan(gap="20 min", where="site <> ''"))
    assert both.why.startswith("the session window by site is now of 20 min instead of 30 min")
    only = compare(plan(), plan(where="site <> ''"))
    assert only.why == "a WHERE before the session window by site changes what its state holds"
    assert not both.keeps_state
    assert not only.keeps_state


def test_a_table_that_is_written_too_now_is_no_part_of_the_state() -> None:
    change = compare(plan(), plan(sink="other"))
    assert change.why == "it also writes other now, of which the state knows nothing"
    assert not change.keeps_state
