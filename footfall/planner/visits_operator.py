"""What a plan says of visits(), the operator in flink/: its bounds, and which aggregates take its rows as they come."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from footfall.planner.plan_text import described, length, split

if TYPE_CHECKING:
    from footfall.planner.job_plan import JobPlan, Operator

PASSING = ("calc", "exchange")  # what hands rows on as they come


@dataclass(frozen=True)
class Bounds:
    """The arguments of a call of visits()."""

    gap: timedelta
    longest: timedelta
    most_events: int
    allowed_lateness: timedelta

    @property
    def spoken_gap(self) -> str:
        return _spoken(self.gap)

    def __str__(self) -> str:
        return (
            f"gap {self.spoken_gap}, at most {_spoken(self.longest)} and {self.most_events:,} events"
            + (f", {_spoken(self.allowed_lateness)} late" if self.allowed_lateness else "")
        )  # fmt: skip


def bounds(operator: Operator) -> Bounds | None:
    """Those of an operator that is visits(); None for any other."""
    call = operator.definition.get("functionCall")
    if not isinstance(call, Mapping) or call.get("systemName") != "visits":
        return None
    gap, longest, most_events, lateness = (one["value"] for one in call["operands"][1:5])
    return Bounds(_ms(gap), _ms(longest), int(most_events), _ms(lateness))


def partitioned_by(operator: Operator) -> list[str]:
    """The columns of PARTITION BY of a function over a table: the first that it hands on. Empty for what is none."""
    call = re.search(r"PARTITION BY\(([^)]*)\)", operator.description)
    return split(described(operator.description)["select"])[: len(split(call[1]))] if call else []


def unbounded_definition(operator: Operator) -> dict[str, Any]:
    """The definition without gap, longest visit and most events: what is open is cut by the new ones."""
    call = operator.definition["functionCall"]
    table, _, _, _, *rest = call["operands"]
    return {**operator.definition, "functionCall": {**call, "operands": [table, *rest]}}


def takes_visits_as_they_come(plan: JobPlan, operator: Operator) -> bool:
    """Whether an aggregate groups what visits() tells by visit: the rows of a visit come at once, and none later."""
    if operator.kind != "group-aggregate":
        return False
    grouped = re.search(r"groupBy=\[([^\]]*)\]", operator.description)
    keys = set(grouped[1].split(", ")) if grouped else set()
    below = plan.by_id[operator.inputs[0]]
    while below.kind in PASSING:
        below = plan.by_id[below.inputs[0]]
    return bounds(below) is not None and "session_start" in keys and bool(keys & {"session_id", "visitor_id"})


def _ms(value: object) -> timedelta:
    return timedelta(milliseconds=int(str(value)))


def _spoken(time: timedelta) -> str:
    return length(time // timedelta(milliseconds=1))
