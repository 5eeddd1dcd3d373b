"""What is wrong in what Flink's planner made of an INSERT: its columns, its windows, its state."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from footfall.planner.job_plan import JobPlan, Operator
from footfall.planner.visits_operator import takes_visits_as_they_come
from footfall.validate.syntax import grouping_line, item_lines
from jobs.sql_script import Fault, Statement

TTL = "table.exec.state.ttl"
# What stands between an aggregate and the window that feeds it, without changing which rows are one group.
PASSING = {"calc", "exchange", "local-group-aggregate", "expand", "mini-batch-assigner"}
BOUNDS = ["window_start", "window_end"]


def column_faults(insert: Statement, operation: Any) -> Iterator[Fault]:
    """Columns of the query that are not those of the table, by name and place; operation is what Flink parsed."""
    table = operation.getContextResolvedTable()
    name = table.getIdentifier().getObjectName()
    wanted = [column.getName() for column in table.getResolvedSchema().getColumns() if column.isPersisted()]
    found = list(operation.getChild().getResolvedSchema().getColumnNames())
    lines = item_lines(insert)
    places = list(range(len(wanted)))
    if targets := operation.getTargetColumns():
        # Flink has brought the query into the table's order, and NULL where the list names no column
        listed = [target[0] for target in targets]
        lines = [lines[listed.index(place)] if place in listed else insert.line for place in places]
        places = sorted(listed)
    elif len(found) != len(wanted):
        missing = [column for column in wanted if column not in found]
        extra = [_said(column) for column in found if column not in wanted]
        message = f"found {len(found)} columns for {name}, which has {len(wanted)}"
        if missing:
            message += f": write {', '.join(missing)} too"
        if extra:
            message += f"{', and' if missing else ':'} take away {', '.join(extra)}"
        yield Fault(insert.path, lines[0], message)
        return
    wrong = [place for place in places if found[place] != wanted[place]]
    if {found[place] for place in wrong} == {wanted[place] for place in wrong} and len(wrong) > 1:
        number = " and ".join(str(place + 1) for place in wrong) if len(wrong) == 2 else f"{wrong[0] + 1} and on"
        kind = "swapped" if len(wrong) == 2 else "out of order"
        given, right = (", ".join(names[place] for place in wrong) for names in (found, wanted))
        yield Fault(
            insert.path,
            lines[wrong[0]],
            f"found columns {number} {kind}, {given}: write {right}, as Flink fills {name} by place",
        )
        return
    for place in wrong:
        message = f"found {_said(found[place])} as column {place + 1} of {name}: write AS {wanted[place]} after it"
        yield Fault(insert.path, lines[place], message)


def plan_faults(plan: JobPlan, insert: Statement, statements: Sequence[Statement], ttl: str | None) -> Iterator[Fault]:
    """Windows that Flink didn't plan as such, and state that nothing bounds.

    ttl is what the job itself sets, None where it doesn't. A default of the cluster is there for the de-duplication of
    events, which may forget after an hour; an aggregate that forgets is wrong.
    """
    unbounded = [
        operator for operator in plan.stateful()
        if _is_unbounded(operator) and not takes_visits_as_they_come(plan, operator)
    ]  # fmt: skip
    windows = {operator.id: window for operator in unbounded if (window := _window_below(plan, operator))}
    for operator in unbounded:
        if operator.id in windows:
            yield _window_fault(operator, windows[operator.id], insert, statements)
    rest = [operator for operator in unbounded if operator.id not in windows and operator.kind != "sink"]
    if rest and (ttl is None or re.fullmatch(r"\s*0+\s*\w*\s*", ttl)):
        line = grouping_line(statements, _grouped(rest[0]), window=False) if "aggregate" in rest[0].kind else 0
        found = f"SET '{TTL}' = '{ttl}'" if ttl is not None else "no TTL of the job's own"
        kinds = ", ".join(dict.fromkeys(_readable(operator) for operator in rest))
        yield Fault(
            insert.path,
            line or insert.line,
            f"found {found} for {kinds}, which no window ends: write a window, or SET '{TTL}' = '…' before the INSERT",
        )
    for operator in plan.operators:
        if operator.kind == "match" and "within" not in operator.description.lower():
            yield Fault(insert.path, insert.line, "found MATCH_RECOGNIZE without WITHIN: write WITHIN INTERVAL '…' …")


def _is_unbounded(operator: Operator) -> bool:
    if all(not state.ttl for state in operator.states):
        return False
    text = operator.description
    if operator.kind == "deduplicate":
        return "keep=[FirstRow]" not in text or "order=[PROCTIME]" not in text
    if operator.kind == "over-aggregate":
        # A job may not say PROCTIME: a number in that order is the copy number of a view, which may forget
        numbers_copies = re.search(r"select=\[.*\bROW_NUMBER\(\*\) AS \w+\$\w+\]", text) and text.count("(*)") == 1
        return not numbers_copies and not re.search(r"RANGE BETWEEN \d+ PRECEDING", text)
    return True


def _window_below(plan: JobPlan, operator: Operator) -> Operator | None:
    """The window function whose rows an aggregate groups, if it is fed by one."""
    if operator.kind not in ("group-aggregate", "global-group-aggregate", "incremental-group-aggregate"):
        return None
    below = plan.by_id[operator.inputs[0]]
    while below.kind in PASSING:
        below = plan.by_id[below.inputs[0]]
    return below if below.kind == "window-table-function" else None


def _window_fault(operator: Operator, window: Operator, insert: Statement, statements: Sequence[Statement]) -> Fault:
    grouped = _grouped(operator)
    kind = (re.search(r"window=\[(\w+)\(", window.description) or ["", "window"])[1]
    keys = _listed(window.description, "partition keys")
    right = [*keys, *BOUNDS] if kind == "SESSION" else [*(_without(grouped, BOUNDS)), *BOUNDS]
    line = grouping_line(statements, grouped, window=True)
    message = f"found {kind} grouped by {', '.join(grouped)}"
    missing, extra = _without(right, grouped), _without(grouped, right)
    why = " and ".join(
        [f"without {', '.join(missing)}"] * bool(missing) + [f"{', '.join(extra)} too much"] * bool(extra)
    )
    message += f" ({why}), which keeps state for ever: write GROUP BY {', '.join(right)}"
    return Fault(insert.path, line or insert.line, message)


def _without(names: Sequence[str], others: Sequence[str]) -> list[str]:
    return [name for name in names if name not in others]


def _grouped(operator: Operator) -> list[str]:
    return _listed(operator.description, "groupBy")


def _listed(description: str, key: str) -> list[str]:
    match = re.search(rf"{key}=\[([^\]]*)\]", description)
    return match[1].split(", ") if match and match[1] else []


def _readable(operator: Operator) -> str:
    grouped = _grouped(operator)
    name = {"group-aggregate": "GROUP BY", "global-group-aggregate": "GROUP BY", "join": "JOIN"}.get(operator.kind)
    shown = ["an expression" if column.startswith("$") else column for column in grouped]
    return f"{name or operator.kind} {', '.join(shown)}".strip()


def _said(column: str) -> str:
    """Flink calls EXPR$n what has no name."""
    return "an expression without a name" if column.startswith("EXPR$") else column
