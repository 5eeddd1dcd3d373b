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


def visits_plan(
    *,
    gap: int = 1_800_000,
    column: str = "page",
    by: str = "site, session_start, session_id",
    calls: int = 1,
    where: str = "",
) -> JobPlan:
    """visits() over a topic and the rows of each visit grouped, as Flink's compiled plan has it."""
    types = {
        "type": "ROW",
        "fields": [{"name": name, "fieldType": "VARCHAR"} for name in ("site", "visitor_id", column)],
    }
    values = [str(gap), "86400000", 10_000, "0"]
    operands = [{"kind": "TABLE_ARG_CALL"}, *({"kind": "LITERAL", "value": value} for value in values)]
    keeps = {"name": "groupAggregateState", "ttl": "90 min"}
    nodes: list[dict[str, Any]] = [
        {"id": 1, "type": "stream-exec-table-source-scan_2", "description": "TableSourceScan(table=[[c, d, raw]])"},
        {
            "id": 2, "type": "stream-exec-process-table-function_1", "outputType": types,
            "functionCall": {"systemName": "visits", "operands": operands},
            "description": f"P(call=[visits(PARTITION BY($0, $1), {gap})], select=[site,visitor_id,{column}])",
        },
        {"id": 3, "type": "stream-exec-calc_1", "condition": where, "description": f"Calc(where=[{where}])"},
        {
            "id": 4, "type": "stream-exec-group-aggregate_1", "aggCalls": ["MAX"] * calls, "state": [keeps],
            "description": f"GroupAggregate(groupBy=[{by}])",
        },
        {"id": 5, "type": "stream-exec-sink_2", "description": "Sink(table=[c.d.sessions])"},
    ]  # fmt: skip
    edges = [{"source": number, "target": number + 1} for number in (1, 2, 3, 4)]
    return read_plan(json.dumps({"nodes": nodes, "edges": edges}))


def test_visits_are_cut_anew_by_another_gap_and_what_is_above_them_loses_nothing() -> None:
    assert compare(visits_plan(), visits_plan()).is_none
    gap = compare(visits_plan(), visits_plan(gap=1_200_000))
    assert gap.keeps_state
    assert gap.why == "what is open is cut into visits anew: gap 20 min, at most 1 d and 10,000 events"
    filtered = compare(visits_plan(), visits_plan(where="site <> ''"))
    assert filtered.keeps_state
    assert filtered.why == "only what is computed from finished results changed"


def test_visits_of_other_columns_or_rows_in_another_form_are_replayed() -> None:
    columns = compare(visits_plan(), visits_plan(column="path"))
    assert not columns.keeps_state
    assert "the operator of visits by site, visitor_id" in columns.why
    form = compare(visits_plan(), visits_plan(calls=2))
    assert not form.keeps_state
    assert form.why == "the group aggregate by site, session_start, session_id keeps 2 aggregates instead of 1"
    for_ever = compare(visits_plan(by="site"), visits_plan(by="site", where="site <> ''"))
    assert not for_ever.keeps_state


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
