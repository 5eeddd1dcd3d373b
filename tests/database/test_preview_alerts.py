"""Alert rules in the preview of dashboards: which fire, which will, and which can't be told."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import Tables

from footfall.alerting.evaluate import Alerts
from footfall.grafana.query.postgres import Postgres

Json = dict[str, Any]
START = datetime(2026, 1, 31, 12, tzinfo=UTC)


NUMBERS = "SELECT now() AS time, site, n AS value FROM (VALUES ('shop', 3), ('shop', 9)) AS v (site, n)"
VALUES = (
    "SELECT $__timeFrom()::timestamptz + i * interval '1 minute' AS time, 'shop' AS site, n AS value"
    " FROM unnest(ARRAY[4, 10, 1]) WITH ORDINALITY AS v (n, i)"
)


def expression(ref: str, **model: Any) -> Json:
    return {"refId": ref, "datasourceUid": "__expr__", "model": model}


def rule(
    reducer: str = "last", kind: str = "gt", params: tuple[float, ...] = (5,), hold: str = "0s", query: str = NUMBERS,
    **more: Any,
) -> Json:  # fmt: skip
    """As Grafana provisions it: a query, its last value, and whether that is over a limit."""
    condition = {"evaluator": {"type": kind, "params": list(params)}}
    return {
        "uid": "r", "title": "Too much", "condition": "C", "for": hold, "labels": {"severity": "critical"},
        "annotations": {"summary": "{{ $labels.site }} has {{ $values.B.Value }}"},
        "data": [
            {"refId": "A", "datasourceUid": "footfall", "relativeTimeRange": {"from": 600, "to": 0},
             "model": {"rawSql": query, "format": "time_series"}},
            expression("B", type="reduce", expression="A", reducer=reducer),
            expression("C", type="threshold", expression="B", conditions=[condition]),
        ], **more,
    }  # fmt: skip


Evaluate = Callable[..., Json]


@pytest.fixture
def evaluate(untouched: Tables, tmp_path: Path) -> Evaluate:
    """Evaluates one rule; further calls are of the same process, at the given second."""
    alerts = Alerts(tmp_path, Postgres(untouched.reader))

    def evaluate(content: Json, second: int = 0) -> Json:
        (tmp_path / "rule.json").write_text(json.dumps(content))
        answer = alerts.latest(START + timedelta(seconds=second))
        found: Json = answer["rules"][0]
        return found

    return evaluate


@pytest.mark.parametrize(
    ("reducer", "value"), [("last", 1), ("mean", 5), ("max", 10), ("min", 1), ("sum", 15), ("count", 3)]
)
def test_a_series_is_reduced_to_one_value(evaluate: Evaluate, reducer: str, value: float) -> None:
    found = evaluate(rule(reducer, "eq", (value,), query=VALUES))
    assert (found["state"], found["annotations"]["summary"]) == ("firing", f"shop has {value}")
    assert evaluate(rule(reducer, "ne", (value,), query=VALUES), 60)["state"] == "normal"


@pytest.mark.parametrize(
    ("kind", "params", "firing"),
    [
        ("gt", (9,), True), ("gt", (10,), False), ("lt", (11,), True), ("lt", (10,), False),
        ("within_range", (9, 11), True),
        ("within_range", (1, 9), False), ("outside_range", (1, 9), True), ("outside_range", (9, 11), False),
    ],
)  # fmt: skip
def test_a_threshold_says_which_values_are_too_much(
    evaluate: Evaluate, kind: str, params: tuple[float, ...], firing: bool
) -> None:
    assert (evaluate(rule("max", kind, params, query=VALUES))["state"] == "firing") == firing


def test_a_rule_fires_when_its_condition_has_held_long_enough(evaluate: Evaluate) -> None:
    loud, quiet = rule("max", "gt", (5,), "1m", VALUES), rule("max", "gt", (50,), "1m", VALUES)
    looks = ((loud, 0), (loud, 50), (loud, 60), (quiet, 80), (loud, 100), (loud, 150), (loud, 160))
    states = [evaluate(content, second)["state"] for content, second in looks]
    assert states == ["pending", "pending", "firing", "normal", "pending", "pending", "firing"]


def test_rows_with_labels_are_alerts_of_their_own(evaluate: Evaluate) -> None:
    query = "SELECT * FROM (VALUES ('shop', 9), ('blog', 2), ('app', 7)) AS v (site, n)"
    content = rule(query=query)
    content["data"][0]["model"]["format"] = "table"
    found = evaluate(content)
    assert {one["labels"]["site"]: one["state"] for one in found["instances"]} == {
        "shop": "firing",
        "blog": "normal",
        "app": "firing",
    }
    assert [one["annotations"]["summary"] for one in found["instances"] if one["state"] == "firing"] == [
        "shop has 9",
        "app has 7",
    ]


@pytest.mark.parametrize(
    ("content", "state", "said"),
    [
        (rule(query="SELECT now() AS time, 1.0 AS value WHERE false"), "no data", ""),
        (rule(query="SELECT now() AS time, 1.0 AS value WHERE false", noDataState="Alerting"), "firing", ""),
        (rule(query="SELECT now() AS time, 1.0 AS value WHERE false", noDataState="OK"), "normal", ""),
        (rule(query="SELECT x FROM nowhere"), "error", "nowhere"),
        (rule(query="SELECT x FROM nowhere", execErrState="OK"), "normal", "nowhere"),
        (rule(reducer="variance"), "error", "variance is not known"),
        (rule(kind="near"), "error", "near is not known"),
        (rule(kind="within_range"), "error", "wants 2 numbers"),
        (rule(condition="D"), "error", "no query D"),
    ],
)
def test_a_rule_without_data_or_with_an_error_says_so(evaluate: Evaluate, content: Json, state: str, said: str) -> None:
    found = evaluate(content)
    assert found["state"] == state
    assert said in found["fault"]


def test_a_rule_of_prometheus_is_not_evaluated(evaluate: Evaluate) -> None:
    content = rule()
    content["data"][0] |= {"datasourceUid": "prometheus", "model": {"expr": "up"}}
    found = evaluate(content)
    assert (found["state"], found["needs"]) == ("not evaluated", "Prometheus")


@pytest.mark.parametrize("query", [NUMBERS, "SELECT x FROM nowhere", None])
def test_a_rule_names_its_runbook_however_it_stands(
    evaluate: Evaluate, monkeypatch: pytest.MonkeyPatch, query: str | None
) -> None:
    monkeypatch.setenv("DOCS_URL", "https://docs.shop.example/")
    content = rule(query=query or NUMBERS, isPaused=query is None)
    content["annotations"]["runbook_url"] = "${DOCS_URL}/operating.html#r"
    assert evaluate(content)["runbook"] == "https://docs.shop.example/operating.html#r"


def test_without_docs_url_the_answer_says_where_runbooks_are_looked_for(
    untouched: Tables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    urls = {"a": "${DOCS_URL}/operating.html#a", "b": "https://wiki.shop.example/b", "c": "${WIKI}/c", "d": None}
    for uid, url in urls.items():
        notes = {} if url is None else {"annotations": {"runbook_url": url}}
        (tmp_path / f"{uid}.json").write_text(json.dumps(rule(uid=uid, title=uid) | notes))

    def answer() -> Json:
        return Alerts(tmp_path, Postgres(untouched.reader)).latest(START)

    monkeypatch.delenv("WIKI", raising=False)
    monkeypatch.delenv("DOCS_URL", raising=False)
    found = {one["uid"]: one["runbook"] for one in answer()["rules"]}
    default = "http://127.0.0.1:8000"
    assert found == {"a": f"{default}/operating.html#a", "b": urls["b"], "c": "", "d": ""}
    assert answer()["assumed_docs"] == default
    monkeypatch.setenv("DOCS_URL", "https://docs.shop.example")
    assert answer()["assumed_docs"] == ""


def test_alert_rules_come_in_groups_too_and_are_counted(untouched: Tables, tmp_path: Path) -> None:
    group = {"name": "g", "rules": [rule(), rule(params=(99,), uid="s")]}
    (tmp_path / "group.json").write_text(json.dumps({"apiVersion": 1, "groups": [group]}))
    (tmp_path / "broken.json").write_text("{")
    answer = Alerts(tmp_path, Postgres(untouched.reader)).latest(START)
    assert (answer["counts"]["firing"], answer["counts"]["normal"]) == (1, 1)
    told = [(one["uid"], one["group"], one["severity"]) for one in answer["rules"]]
    assert told == [("r", "g", "critical"), ("s", "g", "critical")]
    assert answer["faults"][0].startswith("broken.json:1")
