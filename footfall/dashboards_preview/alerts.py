"""Alert rules evaluated as Grafana does it: query, expressions, and the time for which a condition must hold.

What has been pending since when is remembered by this process only: after a start, `for` begins anew.
"""

from __future__ import annotations

import math
import re
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from footfall.dashboards_preview.expressions import Labelled, evaluate, labelled
from footfall.dashboards_preview.files import Json, read_alert_rules
from footfall.dashboards_preview.frames import to_series
from footfall.dashboards_preview.interpolation import expand_query
from footfall.dashboards_preview.queries import Postgres
from footfall.dashboards_preview.time_ranges import TimeRange, auto_interval_ms, epoch_ms, read_seconds
from footfall.errors import FootfallError

STATES = ("firing", "pending", "error", "no data", "normal", "not evaluated")
OUTCOMES = {"Alerting": "firing", "OK": "normal", "Ok": "normal", "NoData": "no data", "Error": "error"}
STALE = timedelta(seconds=10)
TEMPLATE = re.compile(r"\{\{-?\s*(.*?)\s*-?\}\}", re.DOTALL)


class NeedsPrometheus(FootfallError):
    """The rule asks Prometheus, which this preview does not."""


@dataclass(frozen=True)
class _Instance:
    state: str
    labels: dict[str, str]
    values: dict[str, float]


class Alerts:
    """The rules of a folder and how they stand."""

    def __init__(self, folder: Path, postgres: Postgres) -> None:
        self._folder = folder
        self._postgres = postgres
        self._lock = threading.Lock()
        self._since: dict[tuple[str, str], datetime] = {}
        self._latest: Json | None = None
        self._evaluated = datetime.min.replace(tzinfo=UTC)

    def latest(self, now: datetime | None = None) -> Json:
        """How the rules stand, at most 10 s ago: by state, with labels, values and annotations."""
        now = now or datetime.now(UTC)
        with self._lock:
            if self._latest is None or now - self._evaluated >= STALE:
                self._latest = self._evaluate(now)
                self._evaluated = now
            return self._latest

    def _evaluate(self, now: datetime) -> Json:
        found = read_alert_rules(self._folder)
        rules: list[Json] = []
        live: set[tuple[str, str]] = set()
        for uid, rule in found.items.items():
            rules.append(self._rule(uid, rule, now, live))
        self._since = {key: since for key, since in self._since.items() if key in live}
        rules.sort(key=lambda rule: (STATES.index(rule["state"]), rule["title"].lower()))
        counts = {state: sum(rule["state"] == state for rule in rules) for state in STATES}
        return {"evaluated": epoch_ms(now), "counts": counts, "rules": rules, "faults": found.faults}

    def _rule(self, uid: str, rule: Json, now: datetime, live: set[tuple[str, str]]) -> Json:
        about: Json = {
            "uid": uid, "title": rule["title"], "group": str(rule.get("ruleGroup") or ""),
            "for": str(rule.get("for") or "0s"),
            "severity": str((rule.get("labels") or {}).get("severity") or ""), "fault": "", "instances": [],
            "annotations": {}, "state": "normal", "needs": "",
        }  # fmt: skip
        try:
            pending = timedelta(seconds=_seconds(about["for"]))
            instances = self._instances(rule, now)
        except NeedsPrometheus:
            return {**about, "state": "not evaluated", "needs": "Prometheus"}
        except FootfallError as error:
            outcome = OUTCOMES.get(str(rule.get("execErrState") or "Error"), "error")
            return {**about, "state": outcome, "fault": str(error)}
        for instance in instances:
            state, since = self._state(uid, instance, pending, now, live)
            if state != "normal" or len(instances) <= 20:
                about["instances"].append(_described(rule, instance, state, since))
        states = [one["state"] for one in about["instances"]] or ["normal"]
        about["state"] = min(states, key=STATES.index)
        worst = next((one for one in about["instances"] if one["state"] == about["state"]), None)
        about["annotations"] = worst["annotations"] if worst else {}
        return about

    def _state(
        self, uid: str, instance: _Instance, pending: timedelta, now: datetime, live: set[tuple[str, str]]
    ) -> tuple[str, datetime | None]:
        if instance.state != "firing":
            return instance.state, None
        key = (uid, repr(sorted(instance.labels.items())))
        live.add(key)
        since = self._since.setdefault(key, now)
        return ("firing" if now - since >= pending else "pending"), since

    def _instances(self, rule: Json, now: datetime) -> list[_Instance]:
        found = evaluate(rule, lambda query: self._ask(query, now))
        outcomes = found[rule["condition"]]
        if not outcomes or all(math.isnan(one.value) for one in outcomes):
            return [_Instance(OUTCOMES.get(str(rule.get("noDataState") or "NoData"), "no data"), {}, {})]
        instances = []
        for one in outcomes:
            values = {
                ref: other.value
                for ref, others in found.items()
                for other in others
                if other.labels == one.labels and not other.is_series
            }
            is_true = not math.isnan(one.value) and one.value != 0
            instances.append(_Instance("firing" if is_true else "normal", dict(one.labels), values))
        return instances

    def _ask(self, query: Json, now: datetime) -> list[Labelled]:
        model = query["model"]
        source = model.get("datasource") or {}
        if "prometheus" in (source.get("type"), query.get("datasourceUid")):
            raise NeedsPrometheus("needs Prometheus")
        relative = query.get("relativeTimeRange") or {}
        range_ = TimeRange(
            now - timedelta(seconds=float(relative.get("from") or 600)),
            now - timedelta(seconds=float(relative.get("to") or 0)),
        )
        expanded = expand_query(str(model.get("rawSql") or ""), {}, range_, auto_interval_ms(range_, 100, 1_000))
        frame = self._postgres.ask(expanded.sql)
        if model.get("format") == "time_series":
            frame = to_series(frame, expanded.fill, range_)
        return labelled(frame)


def _seconds(text: str) -> float:
    if text in ("0", "0s", ""):
        return 0
    try:
        return read_seconds(text)
    except ValueError as error:
        raise FootfallError(f"for: {error}") from None


def _described(rule: Json, instance: _Instance, state: str, since: datetime | None) -> Json:
    words = {**instance.labels, **(rule.get("labels") or {})}
    notes = {name: fill_in(str(text), words, instance.values) for name, text in (rule.get("annotations") or {}).items()}
    values = {ref: value for ref, value in instance.values.items() if math.isfinite(value)}
    return {
        "state": state, "labels": instance.labels, "values": values, "annotations": notes,
        "since": epoch_ms(since) if since else None,
    }  # fmt: skip


def fill_in(text: str, labels: dict[str, str], values: dict[str, float]) -> str:
    """A text with {{ $labels.x }} and {{ $values.B }} filled in; what is not known stays as it is written."""

    def replace(match: re.Match[str]) -> str:
        if label := re.fullmatch(r"(?:\$labels\.(\w+)|index \$labels \"(\w+)\")", match[1]):
            return labels.get(label[1] or label[2], "")
        if value := re.search(r"\$values\.(\w+)", match[1]):
            return _number(values[value[1]]) if value[1] in values else match[0]
        return match[0]

    return TEMPLATE.sub(replace, text)


def _number(value: float) -> Any:
    return f"{value:.6g}" if math.isfinite(value) else "no value"
