"""From when on replayed rows are whole where the topic has lost its beginning: worked out of a plan, without Flink."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from footfall.deploy.replay_cut import cuts
from footfall.errors import FootfallError
from footfall.planner.job_plan import JobPlan, Operator, State

LOST_UNTIL = datetime(2026, 11, 29, 12, 0, 30, tzinfo=UTC)
WINDOWS = {"state": "windows"}


def operator(
    number: int, kind: str, inputs: list[int], window: Mapping[str, Any] | None = None, *, keeps: bool = False
) -> Operator:
    definition = {"windowing": {"window": window}} if window else {}
    table = f"{kind.title()}(table=[c.d.{kind.split('-')[-1]}])"
    states = [State("s", "1 h")] if keeps else []
    return Operator(number, f"stream-exec-{kind.split('-to-')[0]}_1", table, inputs, states, definition)


def plan(*between: Operator) -> JobPlan:
    """A source, these, and a sink over each of them."""
    sinks = [operator(100 + one.id, f"sink-to-table{one.id}", [one.id]) for one in between]
    return JobPlan([operator(1, "source", []), *between, *sinks])


def times(found: JobPlan) -> list[str]:
    return [f"{time:%H:%M}" for _, time in sorted(cuts(found, LOST_UNTIL).items())]


@pytest.mark.parametrize(
    ("window", "time"),
    [
        (None, "12:02"),  # 12:00:30 + 70 s for copies of what is lost, in whole minutes
        ({"type": "TumblingWindow", "size": "PT1M"}, "12:03"),
        ({"type": "TumblingWindow", "size": "PT0.5S"}, "12:02"),
        ({"type": "HoppingWindow", "size": "PT1H", "slide": "PT5M"}, "13:02"),
        ({"type": "CumulativeWindow", "maxSize": "PT24H", "step": "PT1H"}, "12:02"),
        ({"type": "SessionWindow", "gap": "PT30M"}, "12:32"),
    ],
)
def test_a_window_reaches_back_by_its_length_and_a_session_by_its_gap(
    window: Mapping[str, Any] | None, time: str
) -> None:
    assert times(plan(operator(2, "window-aggregate", [1], window))) == [time]


@pytest.mark.parametrize("grouped", ["site, session_start, session_id", "visitor_id, session_start"])
def test_visits_reach_back_by_their_gap(grouped: str) -> None:
    told = visits(2)
    assert times(plan(told)) == ["12:32"]
    by_visit = Operator(
        3, "stream-exec-group-aggregate_1", f"GroupAggregate(groupBy=[{grouped}])", [2], [State("s", "1 h")], {}
    )
    assert list(cuts(plan(told, by_visit), LOST_UNTIL).values()) == [datetime(2026, 11, 29, 12, 32, tzinfo=UTC)] * 2


def test_no_bound_is_known_of_visits_that_are_summed_up_for_ever() -> None:
    by_site = Operator(
        3, "stream-exec-group-aggregate_1", "GroupAggregate(groupBy=[site])", [2], [State("s", "1 h")], {}
    )
    with pytest.raises(FootfallError, match="may need all of it"):
        cuts(plan(visits(2), by_site), LOST_UNTIL)


def visits(number: int) -> Operator:
    """visits() over the source, with a gap of half an hour and a longest visit of a day, as Flink's plan has it."""
    values = ["1800000", "86400000", 10_000, "0"]
    call = {"systemName": "visits", "operands": [{"kind": "TABLE_ARG_CALL"}, *({"value": value} for value in values)]}
    definition = {"functionCall": call}
    return Operator(number, "stream-exec-process-table-function_1", "P(x)", [1], [State("open visits", "")], definition)


def test_a_table_of_a_set_has_the_cut_of_its_own_windows() -> None:
    minutes = operator(2, "window-aggregate", [1], {"size": "PT1M"}, keeps=True)
    visits = operator(3, "window-aggregate", [1], {"gap": "PT30M"}, keeps=True)
    assert times(plan(minutes, visits)) == ["12:03", "12:32"]


def test_ids_of_events_are_known_to_be_needed_no_longer_than_copies_come() -> None:
    assert times(plan(operator(2, "deduplicate", [1], keeps=True))) == ["12:02"]


def test_what_keeps_something_for_which_there_is_no_bound_is_refused() -> None:
    with pytest.raises(FootfallError, match="the group aggregate may need all of it"):
        cuts(plan(operator(2, "group-aggregate", [1], keeps=True)), LOST_UNTIL)
