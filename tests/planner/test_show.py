"""`footfall show`: what a job keeps and its plan in words, from what Flink says of its operators."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
from click.testing import CliRunner
from rich.console import Console

from footfall.cli import footfall
from footfall.planner.job_plan import JobPlan, Operator, State
from footfall.planner.plan_text import computed, described, length, plain, split, window
from footfall.project import catalog
from footfall.project.describe import Planned, clocks, in_words, plan_job, state, tree
from footfall.testing.cases import read_cases

SCAN = (
    "TableSourceScan(table=[[default_catalog, default_database, raw_events, project=[a], metadata=[]]], fields=[a, b])"
)
WATERMARK = "WatermarkAssigner(rowtime=[event_time], watermark=[(event_time - 70000:INTERVAL SECOND)])"
SINK = "Sink(table=[default_catalog.default_database.visits], fields=[a])"


def operator(
    number: int, kind: str, description: str, inputs: Sequence[int] = (), ttl: dict[str, str] | None = None
) -> Operator:
    states = [State(name, time) for name, time in (ttl or {}).items()]
    return Operator(number, f"stream-exec-{kind}_1", description, inputs, states, {})


def planned(kind: str, description: str, ttl: dict[str, str] | None = None, calc: str = "Calc(select=[a])") -> Planned:
    """A plan of a scan, a watermark, a projection, the operator and a sink."""
    operators = [
        operator(1, "table-source-scan", SCAN),
        operator(2, "watermark-assigner", WATERMARK, [1]),
        operator(3, "calc", calc, [2]),
        operator(4, kind, description, [3], ttl),
        operator(5, "sink", SINK, [4]),
    ]
    return Planned(JobPlan(operators), {"table.exec.state.ttl": "2 h"})


@pytest.mark.parametrize(
    ("kind", "description", "ttl", "kept"),
    [
        (
            "deduplicate",
            "Deduplicate(keep=[FirstRow], key=[site, message_id], order=[PROCTIME], outputInsertOnly=[true])",
            {"deduplicateState": "1 h"},
            "ids for de-duplication, by site and message_id: 1 h after the first copy",
        ),
        (
            "deduplicate",
            "Deduplicate(keep=[LastRow], key=[site], order=[PROCTIME])",
            {"deduplicateState": "1 h"},
            "the newest row, by site: 1 h after its last change",
        ),
        (
            "window-aggregate",
            "WindowAggregate(groupBy=[site, visitor_id], window=[SESSION(time_col=[event_time], gap=[30 min],"
            " partition keys=[site, visitor_id])], select=[site, COUNT(*) AS n])",
            {"windows": ""},
            "open visits, by site and visitor_id: until 30 min and 70 s after their last event",
        ),
        (
            "global-window-aggregate",
            "GlobalWindowAggregate(groupBy=[site], window=[HOP(slice_end=[$slice_end], size=[5 min], slide=[1 min])],"
            " select=[site, COUNT(DISTINCT visitor_id) AS n])",
            {"windows": ""},
            "open windows of 5 min every 1 min, the distinct visitor_id of each, by site: until 70 s after their end",
        ),
        (
            "group-aggregate",
            "GroupAggregate(groupBy=[site], select=[site, COUNT(*) AS n])",
            {"groupAggregateState": "0 ms"},
            "running totals, by site: for ever",
        ),
        (
            "over-aggregate",
            "OverAggregate(partitionBy=[site], orderBy=[event_time ASC], window=[ ROWS BETWEEN UNBOUNDED PRECEDING AND"
            " CURRENT ROW], select=[site, SUM(1) AS n])",
            {"accumulators": "table.exec.state.ttl"},
            "running totals, by site: 2 h after the last row",
        ),
        (
            "interval-join",
            "IntervalJoin(joinType=[InnerJoin], windowBounds=[isRowTime=true, leftLowerBound=0, leftUpperBound=3600000,"
            " leftTimeIndex=1, rightTimeIndex=1], where=[(a = b)], select=[a])",
            None,
            "rows that wait for their match: until 1 h 1 min 10 s after their time",
        ),
    ],
)
def test_state_is_reported_in_words(kind: str, description: str, ttl: dict[str, str] | None, kept: str) -> None:
    assert [str(found) for found in state(planned(kind, description, ttl))] == [kept]


def test_a_state_that_has_no_words_yet_is_named_as_flink_names_it() -> None:
    found = planned("new-thing", "NewThing(partitionBy=[site])", {"mysteryRowState": "1 d"})
    assert [str(kept) for kept in state(found)] == ["mystery row state, by site: 1 d after its last change"]


def test_writing_the_window_beside_a_row_keeps_nothing() -> None:
    text = "WindowTableFunction(window=[TUMBLE(time_col=[event_time], size=[1 min])])"
    assert state(planned("window-table-function", text, {"windows": ""})) == []


def test_a_number_of_flinks_for_a_column_is_named_by_what_it_holds() -> None:
    text = "OverAggregate(partitionBy=[$2], orderBy=[$7 ASC], select=[$2, ROW_NUMBER(*) AS w0$o0])"
    calc = "Calc(select=[(is_complete AND (event_time >= received_at)) AS $2, PROCTIME() AS $7])"
    found = state(planned("over-aggregate", text, {"accumulators": "table.exec.state.ttl"}, calc))
    assert [str(kept) for kept in found] == [
        "how many copies came so far, by what is_complete, event_time and received_at say together:"
        " 2 h after the last row"
    ]


def test_the_clock_is_reported_with_its_delay() -> None:
    assert clocks(planned("calc", "Calc(select=[a])").plan) == ["event_time, 70 s behind the newest event"]


def test_the_tree_has_the_sink_on_top_and_draws_a_shared_operator_once() -> None:
    union = "Union(all=[true], union=[a])"
    operators = [
        operator(1, "table-source-scan", SCAN),
        operator(2, "exchange", "Exchange(distribution=[hash[a]])", [1]),
        operator(3, "calc", "Calc(select=[a], where=[(a > 1)])", [2]),
        operator(4, "calc", "Calc(select=[UPPER(a) AS b])", [1]),
        operator(5, "union", union, [3, 4]),
        operator(6, "sink", SINK, [5]),
    ]
    console = Console(width=60, color_system=None)
    with console.capture() as capture:
        console.print(tree(Planned(JobPlan(operators), {}), "visits"))
    assert [line.rstrip() for line in capture.get().splitlines()] == [
        "visits",
        "└── write visits: 1 column",
        "    └── union",
        "        ├── only where a > 1",
        "        │   └── (1) read raw_events: 2 columns",
        "        └── compute b",
        "            └── (1) as drawn above",
    ]


def test_descriptions_are_split_outside_of_brackets_and_quotes() -> None:
    assert split("a, F(b, c), 'd, (e', [f, g]") == ["a", "F(b, c)", "'d, (e'", "[f, g]"]
    assert described("Calc(select=[a, (b = 'x]') AS c], where=[(a > 1)])") == {
        "select": "a, (b = 'x]') AS c",
        "where": "(a > 1)",
    }
    assert computed("a, b AS c, CAST(d AS BIGINT) AS d, UPPER(e) AS e") == [("UPPER(e)", "e")]


def test_expressions_lose_what_only_flink_writes() -> None:
    assert plain("SEARCH(event_type, Sarg[_UTF-16LE'page', _UTF-16LE'screen'])") == "event_type IN ('page', 'screen')"
    assert plain("(type <> _UTF-16LE'heartbeat')") == "type <> 'heartbeat'"
    assert plain("(a) AND (b)") == "(a) AND (b)"
    assert plain("F(" + "x" * 99 + ")", limit=10) == "F(xxxxxxx…"


def test_lengths_of_time_and_windows_are_reported_in_units() -> None:
    assert [length(ms) for ms in (0, 1, 1000, 60_000, 70_000, 1_800_000, 3_670_000)] == [
        "0 s", "1 ms", "1 s", "1 min", "70 s", "30 min", "1 h 1 min 10 s",
    ]  # fmt: skip
    assert window("TUMBLE(time_col=[t], size=[1 min])") == "windows of 1 min"
    assert window("CUMULATE(time_col=[t], max_size=[1 d], step=[1 h])") == "windows of 1 d with a row every 1 h"


def test_a_real_job_is_planned_and_shown() -> None:
    found = plan_job("sessions")
    assert [str(kept) for kept in state(found)] == [
        "ids for de-duplication, by site and message_id: 90 min after the first copy",
        "events of open visits, by site and visitor_id: until 30 min and 70 s after the last act",
        "the visit whose events come, by site, session_start and session_id: 90 min after its last event came",
    ]
    [visits] = [one for one in found.plan.operators if one.kind == "process-table-function"]
    assert in_words(visits, found.plan) == "visits by site and visitor_id: gap 30 min, at most 1 d and 10,000 events"
    assert in_words(found.plan.sinks()[0], found.plan) == "write sessions: 35 columns"
    assert [in_words(one, found.plan) for one in found.plan.operators if one.kind == "table-source-scan"] == [
        "read raw_events: 16 columns"
    ]


def test_show_prints_what_the_files_say() -> None:
    printed = CliRunner().invoke(footfall, ["show", "rejected_events"]).output
    for line in (
        "reads   rejected_records\nmade of raw_records\ntopic   raw_events\nwrites  rejected_events\n",
        "key     received_at, kafka_partition, kafka_offset\n",
        "\nkeeps   nothing: each record is looked at by itself\n",
    ):
        assert line in printed, printed
    for case in read_cases(catalog.ROOT / "tests" / "sql" / "rejected_events.yml"):
        assert f" {case.name}\n" in printed
    for column in catalog.columns("rejected_events"):
        assert column.comment in printed


def test_show_as_json_has_the_operators_where_the_plan_is_asked_for() -> None:
    found = json.loads(CliRunner().invoke(footfall, ["show", "late_events", "--json", "--plan"]).output)
    assert found["through"] == ["raw_events"]
    assert found["writes"][0]["key"] == ["received_at", "kafka_partition", "kafka_offset"]
    assert found["operators"][-1] == {"id": 5, "kind": "sink", "inputs": [4], "does": "write late_events: 12 columns"}
