"""Grafana's server-side expressions that alert rules are made of: reduce and threshold.

What they do: https://grafana.com/docs/grafana/latest/panels-visualizations/query-transform-data/expression-queries/
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from footfall.errors import FootfallError
from footfall.grafana.query.dashboard_files import Json
from footfall.grafana.query.frames import Frame


class BadExpression(FootfallError):
    """An expression that this preview can't work out, or one that refers to nothing."""


@dataclass(frozen=True)
class Labelled:
    """A series of values, or one value, and the labels that distinguish it. A missing value is NaN."""

    labels: tuple[tuple[str, str], ...]
    values: tuple[float, ...]
    is_series: bool

    @property
    def value(self) -> float:
        return self.values[0] if self.values else math.nan


def labelled(frame: Frame) -> list[Labelled]:
    """What a query gives to expressions: a series a number column, or a number a row where no column is a time."""
    kinds = [column.kind for column in frame.columns]
    numbers = [place for place, kind in enumerate(kinds) if kind in ("number", "boolean")]
    texts = [place for place, kind in enumerate(kinds) if kind == "string"]
    if "time" in kinds:
        if texts:
            raise BadExpression('text columns with a time want the format "time series"')
        return [
            Labelled(_sorted(frame.columns[place].labels or _name(frame, place, numbers)),
                     tuple(_float(row[place]) for row in frame.rows), True)
            for place in numbers
        ]  # fmt: skip
    found = []
    for row in frame.rows:
        own = {frame.columns[place].name: str(row[place]) for place in texts if row[place] is not None}
        for place in numbers:
            labels = {**own, **(_name(frame, place, numbers) if len(numbers) > 1 else {})}
            found.append(Labelled(_sorted(labels), (_float(row[place]),), False))
    return found


def _name(frame: Frame, place: int, numbers: list[int]) -> dict[str, str]:
    return {"name": frame.columns[place].name} if len(numbers) > 1 else {}


def _sorted(labels: dict[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(labels.items()))


def _float(value: Any) -> float:
    return math.nan if value is None else float(value)


REDUCERS: dict[str, Callable[[list[float]], float]] = {
    "last": lambda values: values[-1],
    "mean": statistics.fmean,
    "max": max,
    "min": min,
    "sum": math.fsum,
    "median": statistics.median,
}


def reduce(model: Json, inputs: list[Labelled]) -> list[Labelled]:
    """Each series as one value. Numbers stay as they are."""
    name = str(model.get("reducer") or "last")
    settings = model.get("settings") or {}
    mode = settings.get("mode") or ""
    if name != "count" and name not in REDUCERS:
        raise BadExpression(f"the reducer {name} is not known here: {', '.join([*REDUCERS, 'count'])}")
    found = []
    for one in inputs:
        values = list(one.values)
        if mode == "dropNN":
            values = [value for value in values if math.isfinite(value)]
        elif mode == "replaceNN":
            instead = float(settings.get("replaceWithValue") or 0)
            values = [value if math.isfinite(value) else instead for value in values]
        found.append(Labelled(one.labels, (_reduced(name, values) if one.is_series else one.value,), False))
    return found


def _reduced(name: str, values: list[float]) -> float:
    if name == "count":
        return float(len(values))
    if not values:
        return 0.0 if name == "sum" else math.nan
    if name != "last" and any(math.isnan(value) for value in values):
        return math.nan
    return REDUCERS[name](values)


def threshold(model: Json, inputs: list[Labelled]) -> list[Labelled]:
    """1 for each value that is beyond the threshold, else 0. NaN is beyond none."""
    conditions = model.get("conditions") or [{}]
    evaluator = conditions[0].get("evaluator") or {}
    kind = evaluator.get("type")
    limits = [float(one) for one in evaluator.get("params") or []]
    needed = 2 if kind in ("within_range", "outside_range") else 1
    if len(limits) < needed:
        raise BadExpression(f"the threshold {kind} wants {needed} numbers in params")
    tests: dict[str, Callable[[float], bool]] = {
        "gt": lambda value: value > limits[0],
        "lt": lambda value: value < limits[0],
        "gte": lambda value: value >= limits[0],
        "lte": lambda value: value <= limits[0],
        "eq": lambda value: value == limits[0],
        "ne": lambda value: value != limits[0],
        "within_range": lambda value: limits[0] < value < limits[1],
        "outside_range": lambda value: value < limits[0] or value > limits[1],
    }
    if kind not in tests:
        raise BadExpression(f"the threshold {kind} is not known here: {', '.join(tests)}")
    if any(one.is_series for one in inputs):
        raise BadExpression("a threshold is of numbers: reduce the series first")
    return [Labelled(one.labels, (float(tests[kind](one.value)),), False) for one in inputs]


def evaluate(rule: Json, ask: Callable[[Json], list[Labelled]]) -> dict[str, list[Labelled]]:
    """All queries and expressions of a rule by their refId. ask: answers a query of the database.

    Raises BadExpression, and what ask raises.
    """
    queries: dict[str, Json] = {query["refId"]: query for query in rule["data"]}
    found: dict[str, list[Labelled]] = {}

    def result(ref: str, above: tuple[str, ...]) -> list[Labelled]:
        if ref in above or ref not in queries:
            raise BadExpression(f"{ref} refers to itself" if ref in above else f"there is no query {ref}")
        if ref not in found:
            found[ref] = _result(queries[ref], ask, lambda other: result(other, (*above, ref)))
        return found[ref]

    result(rule["condition"], ())
    return found


def _result(
    query: Json, ask: Callable[[Json], list[Labelled]], result: Callable[[str], list[Labelled]]
) -> list[Labelled]:  # fmt: skip
    model = query["model"]
    source = query.get("datasourceUid") or (model.get("datasource") or {}).get("uid")
    if source not in ("__expr__", "-100"):
        return ask(query)
    kinds = {"reduce": reduce, "threshold": threshold}
    if model.get("type") not in kinds:
        raise BadExpression(f"expressions of the type {model.get('type')} are not worked out here, only {list(kinds)}")
    return kinds[model["type"]](model, result(str(model.get("expression") or "").strip("${}")))
