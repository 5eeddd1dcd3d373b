"""A job as Flink's planner understands it: its operators, what each reads, and what state each keeps."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from footfall.planner.harness import Suite, faults_of
from jobs.run_sql import modify_operations
from jobs.sql_script import Statement

# How a type of operator begins that keeps state until the watermark has passed its windows, whatever the TTL.
WINDOWED = ("stream-exec-window-", "stream-exec-global-window-", "stream-exec-group-window-")


@dataclass(frozen=True)
class State:
    """One state of an operator: its name in Flink and how long an entry outlives its last use; '' says a window."""

    name: str
    ttl: str


@dataclass(frozen=True)
class Operator:
    """One operator of a plan. definition is all that Flink's compiled plan says of it but its number."""

    id: int
    type: str
    description: str
    inputs: Sequence[int]
    states: Sequence[State]
    definition: Mapping[str, Any]

    @property
    def kind(self) -> str:
        """Its name without Flink's prefix and version, such as window-aggregate."""
        return self.type.removeprefix("stream-exec-").rpartition("_")[0]


@dataclass(frozen=True)
class JobPlan:
    """Flink's compiled plan of one INSERT or statement set; operators are numbered from 1, inputs first."""

    operators: Sequence[Operator]

    @cached_property
    def by_id(self) -> dict[int, Operator]:
        return {operator.id: operator for operator in self.operators}

    def sinks(self) -> list[Operator]:
        """Where the plan ends."""
        return [operator for operator in self.operators if operator.kind == "sink"]

    def below(self, operator: Operator) -> Iterator[Operator]:
        """The operators that feed this one, directly or not, each once."""
        seen: set[int] = set()
        waiting = list(operator.inputs)
        while waiting:
            if (number := waiting.pop()) not in seen:
                seen.add(number)
                yield self.by_id[number]
                waiting += self.by_id[number].inputs

    def stateful(self) -> list[Operator]:
        """The operators that keep anything from one row to the next."""
        return [operator for operator in self.operators if operator.states]


def compile_job(suite: Suite, insert: Statement, operations: Any = None) -> JobPlan:
    """Plan an INSERT or statement set; operations: what modify_operations made of it. Raises ScriptError."""
    suite.environment.get_config().set("table.plan.compile.catalog-objects", "IDENTIFIER")
    planner = suite.environment._j_tenv.getPlanner()
    with faults_of(insert):
        text = planner.compilePlan(operations or modify_operations(suite.environment, insert)).asJsonString()
    return read_plan(text)


def read_plan(text: str) -> JobPlan:
    """The plan in Flink's JSON. Its numbers go on counting within a JVM: here they begin with 1."""
    found = json.loads(text)
    number = {node["id"]: place for place, node in enumerate(found["nodes"], 1)}
    inputs: dict[int, list[int]] = {place: [] for place in number.values()}
    for edge in found["edges"]:
        inputs[number[edge["target"]]].append(number[edge["source"]])
    return JobPlan([_operator(node, number[node["id"]], inputs[number[node["id"]]]) for node in found["nodes"]])


def _operator(node: Mapping[str, Any], number: int, inputs: Sequence[int]) -> Operator:
    states = [State(state["name"], state["ttl"]) for state in node.get("state") or ()]
    if node["type"].startswith(WINDOWED):
        states.append(State("windows", ""))
    elif "process-table-function" in node["type"]:
        # A plan does not tell what such a function keeps; visits() keeps it by event time alone.
        is_visits = node.get("functionCall", {}).get("systemName") == "visits"
        states.append(State("open visits", "") if is_visits else State("what it keeps", "table.exec.state.ttl"))
    elif "over-aggregate" in node["type"] and not states:
        states.append(State("accumulators", "table.exec.state.ttl"))
    definition = {key: value for key, value in node.items() if key not in ("id", "state")}
    return Operator(number, node["type"], node["description"], inputs, states, definition)
