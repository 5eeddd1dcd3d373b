"""What a change of a job's SQL does to its state: two plans compared, operator by operator.

Flink finds state by an operator's place in the plan and by its types; what the state means, it does not know. A session
window with another gap, or a column that is computed otherwise before it, restores without a word, and the visits that
are open then mix both definitions. So state is kept only where the operator and everything below it stayed what it was.

visits() keeps the events of what is open and cuts them when it tells them: another gap or longest visit is no loss.
What groups its rows by visit holds nothing that is still needed: it must only be of the same form for Flink.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from footfall.planner.job_plan import JobPlan, Operator
from footfall.planner.plan_text import described, split
from footfall.planner.visits_operator import (
    Bounds,
    bounds,
    partitioned_by,
    takes_visits_as_they_come,
    unbounded_definition,
)

BRACKETS = str.maketrans("<>", "()")  # a type's own brackets, for split


@dataclass(frozen=True)
class Change:
    """What differs between two plans: whether the state still means the same, and in words what became otherwise."""

    keeps_state: bool
    why: str

    @property
    def is_none(self) -> bool:
        return not self.why


def compare(old: JobPlan, new: JobPlan) -> Change:
    """The change from one plan to the other."""
    if _tree(old, None) == _tree(new, None):
        return Change(True, "")
    if new_tables := sorted(_tables(new) - _tables(old)):
        return Change(False, f"it also writes {', '.join(new_tables)} now, of which the state knows nothing")
    lost = [operator for operator in old.stateful() if not _same_meaning(old, new, operator)]
    if lost:
        return Change(False, min(_reasons(old, new, lost))[1])
    if added := [operator for operator in new.stateful() if operator.id not in old.by_id]:
        return Change(False, f"{what_it_keeps(added[0])} is new and would know nothing of what was before")
    if said := [now for was, now in _visits(old, new) if was != now]:
        return Change(True, f"what is open is cut into visits anew: {said[0]}")
    return Change(
        True, "only what is computed from finished results changed" if old.stateful() else "it keeps no state"
    )


def what_it_keeps(operator: Operator) -> str:
    """A stateful operator in an analyst's words."""
    parts, window = described(operator.description), _window(operator)
    key = (
        window.get("partition keys") or parts.get("key") or parts.get("groupBy") or ", ".join(partitioned_by(operator))
    )
    of = f" by {key}" if key else ""
    if window:
        kind = parts["window"].partition("(")[0]
        kinds = {"SESSION": "session", "TUMBLE": "tumbling", "HOP": "hopping", "CUMULATE": "cumulating"}
        return f"the {kinds.get(kind, kind.lower())} window{of}"
    names = {
        "deduplicate": "the de-duplication", "over-aggregate": "the numbering of copies",
        "process-table-function": "the operator of visits",
    }  # fmt: skip
    return names.get(operator.kind, f"the {operator.kind.replace('-', ' ')}") + of


def _same_meaning(old: JobPlan, new: JobPlan, operator: Operator) -> bool:
    """Whether the operator of the same number and everything below it is the same in both plans.

    By position, so that a renamed column is none; or else by name, so that a field added to a source is none.
    """
    other = new.by_id.get(operator.id)
    if other is None or other.type != operator.type:
        return False
    if takes_visits_as_they_come(old, operator) and takes_visits_as_they_come(new, other):
        return bool(_definition(operator) == _definition(other))
    by_position = _tree(old, operator, whole=False) == _tree(new, other, whole=False)
    return by_position or (_named_tree(old, operator) == _named_tree(new, other) and _same_fields(old, new))


def _tree(plan: JobPlan, operator: Operator | None, *, whole: bool = True) -> Any:
    """An operator (None: all that write) and what is below it, without the names of columns.

    whole: with the bounds of visits() itself, on which what it keeps does not depend.
    """
    if operator is None:
        return sorted(repr(_tree(plan, sink)) for sink in plan.sinks())
    return _definition(operator, whole=whole), [_tree(plan, plan.by_id[number]) for number in operator.inputs]


def _definition(operator: Operator, *, whole: bool = True) -> Any:
    found = operator.definition if whole or not bounds(operator) else unbounded_definition(operator)
    found = {key: value for key, value in found.items() if key != "description"}
    # visits() knows columns by their names in its state.
    return found if bounds(operator) else _nameless(found), operator.states


def _nameless(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _nameless(item) for key, item in value.items() if key != "name"}
    if isinstance(value, list):
        return [_nameless(item) for item in value]
    return re.sub(r"`[^`]*` ", "", value) if isinstance(value, str) and value.startswith("ROW<") else value


def _named_tree(plan: JobPlan, operator: Operator) -> Any:
    """The descriptions, which name columns; a source's without the list of its fields."""
    text = operator.description
    if operator.kind == "table-source-scan":
        text = re.sub(r"fields=\[[^\]]*\]", "", text)
    return text, operator.states, [_named_tree(plan, plan.by_id[number]) for number in operator.inputs]


def _same_fields(old: JobPlan, new: JobPlan) -> bool:
    """Whether each field that a source has in both plans is of the same type in both."""
    before, after = _fields(old), _fields(new)
    return all(before[name] == after[name] for name in before.keys() & after.keys())


def _fields(plan: JobPlan) -> dict[tuple[str, str], str]:
    """(source, field) to type, of the fields that are not inside of others."""
    found: dict[tuple[str, str], str] = {}
    for operator in plan.operators:
        row = operator.definition.get("outputType")
        if operator.kind == "table-source-scan" and isinstance(row, str):
            table = re.search(r"table=\[\[([^\]]*?)\]", operator.description)
            for field in split(row.removeprefix("ROW<").rpartition(">")[0].translate(BRACKETS)):
                name, _, kind = field.partition("` ")
                found[table[1] if table else "", name.strip("`")] = kind
    return found


def _visits(old: JobPlan, new: JobPlan) -> Iterator[tuple[Bounds, Bounds]]:
    """The bounds of each call of visits() that both plans have, before and now."""
    for operator in old.operators:
        before, other = bounds(operator), new.by_id.get(operator.id)
        if before and other and (now := bounds(other)):
            yield before, now


def _tables(plan: JobPlan) -> set[str]:
    return {match[1] for sink in plan.sinks() if (match := re.search(r"table=\[[^\]]*\.(\w+)\]", sink.description))}


def _reasons(old: JobPlan, new: JobPlan, lost: list[Operator]) -> Iterator[tuple[int, str]]:
    """(weight, sentence), the weightiest 0, for what is different at or below operators whose state is lost."""
    for kept in lost:
        name = what_it_keeps(kept)
        candidates = [operator for operator in new.stateful() if operator.kind == kept.kind]
        if not candidates:
            yield 0, f"{name} is gone"
            continue
        other = next((operator for operator in candidates if what_it_keeps(operator) == name), candidates[0])
        if what_it_keeps(other) != name:
            yield 1, f"{name} is now {what_it_keeps(other)}"
        if _length(kept) != _length(other):
            yield (
                2,
                f"{name} is now of {_length(other)} instead of {_length(kept)}: what is open would keep the old one",
            )
        calls, new_calls = (operator.definition.get("aggCalls", []) for operator in (kept, other))
        if len(calls) != len(new_calls):
            yield 3, f"{name} keeps {len(new_calls)} aggregates instead of {len(calls)}"
        elif kept.states != other.states:
            yield 3, f"{name} keeps its state for another time"
        if _conditions(old, kept) != _conditions(new, other):
            yield 4, f"a WHERE before {name} changes what its state holds"
        yield 5, f"what is computed before {name}, or kept by it, changes what its state holds"


def _conditions(plan: JobPlan, operator: Operator) -> int:
    return sum(bool(other.definition.get("condition")) for other in plan.below(operator))


def _window(operator: Operator) -> dict[str, str]:
    """What Flink says of the window of an aggregate, by name; empty where it has none."""
    return described(described(operator.description).get("window", ""))


def _length(operator: Operator) -> str:
    window = _window(operator)
    return next((window[name] for name in ("gap", "max_size", "size") if name in window), "")
