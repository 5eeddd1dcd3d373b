"""Alert rules evaluated as Grafana does it: query, expressions, and the time for which a condition must hold.

Normal → Pending → Alerting, and back; no data and errors as the rule says, after the same time:
https://grafana.com/docs/grafana/latest/alerting/fundamentals/alert-rule-evaluation/nodata-and-error-states/. What has
been pending since when is remembered by this process only: after a start, `for` begins again.
"""

from __future__ import annotations

import math
import re
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from footfall.alerting.delivery import Alert
from footfall.alerting.expressions import Labelled, evaluate, labelled
from footfall.errors import FootfallError
from footfall.grafana import placeholders
from footfall.grafana.query.dashboard_files import Json, read_alert_rules
from footfall.grafana.query.frames import to_series
from footfall.grafana.query.interpolation import expand_query
from footfall.grafana.query.postgres import Postgres
from footfall.grafana.query.prometheus import SCRAPE_MS, Prometheus, expanded
from footfall.grafana.query.time_ranges import TimeRange, auto_interval_ms, epoch_ms, read_seconds

KEEP = "as before"
STATES = ("firing", "pending", "error", "no data", "normal", "not evaluated")
OUTCOMES = {
    "Alerting": "firing", "OK": "normal", "Ok": "normal", "NoData": "no data", "Error": "error", "KeepLast": KEEP,
}  # fmt: skip
# What becomes an alert: the name that Grafana gives it, where that is not the rule's.
ALERT_NAMES = {"firing": "", "no data": "DatasourceNoData", "error": "DatasourceError"}
MISSING = 2  # evaluations without a series that fired, until it counts as resolved
STALE = timedelta(seconds=10)
TEMPLATE = re.compile(r"\{\{-?\s*(.*?)\s*-?\}\}", re.DOTALL)


class NeedsPrometheus(FootfallError):
    """The rule asks Prometheus, and where it is was not said."""


@dataclass(frozen=True)
class _Instance:
    state: str
    labels: dict[str, str]
    values: dict[str, float]


@dataclass
class _Held:
    """An instance that is not normal: in which of ALERT_NAMES, since when, and since when it is sent."""

    instance: _Instance
    since: datetime
    told_since: datetime | None = None
    missing: int = 0


class Alerts:
    """The rules of a folder and how they stand. only: the uid of the one that is evaluated, where not all are."""

    def __init__(
        self, folder: Path, postgres: Postgres, prometheus: Prometheus | None = None, only: str | None = None
    ) -> None:
        self._folder = folder
        self._postgres = postgres
        self._prometheus = prometheus
        self._only = only
        self._lock = threading.Lock()
        self._held: dict[str, dict[str, _Held]] = {}
        self._firing: list[Alert] = []
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

    def firing(self) -> list[Alert]:
        """What is to be sent, as the newest evaluation found it."""
        with self._lock:
            return list(self._firing)

    def _evaluate(self, now: datetime) -> Json:
        found = read_alert_rules(self._folder)
        items = {uid: rule for uid, rule in found.items.items() if self._only in (None, uid)}
        self._held = {uid: held for uid, held in self._held.items() if uid in items}
        self._firing = []
        rules = [self._rule(uid, rule, now) for uid, rule in items.items()]
        rules.sort(key=lambda rule: (STATES.index(rule["state"]), rule["title"].lower()))
        counts = {state: sum(rule["state"] == state for rule in rules) for state in STATES}
        return {
            "evaluated": epoch_ms(now), "counts": counts, "rules": rules, "faults": found.faults,
            "assumed_docs": placeholders.assumed("DOCS_URL"),
        }  # fmt: skip

    def _rule(self, uid: str, rule: Json, now: datetime) -> Json:
        about: Json = {
            "uid": uid, "title": rule["title"], "group": str(rule.get("ruleGroup") or ""),
            "for": str(rule.get("for") or "0s"),
            "severity": str((rule.get("labels") or {}).get("severity") or ""), "fault": "", "instances": [],
            "annotations": {}, "state": "normal", "needs": "", "runbook": _runbook(rule),
        }  # fmt: skip
        if rule.get("isPaused"):
            return {**about, "state": "not evaluated", "needs": "to be resumed: it is paused"}
        try:
            rule = {**rule, "annotations": placeholders.filled(rule.get("annotations") or {})}
            instances = self._instances(rule, now)
        except NeedsPrometheus:
            return {**about, "state": "not evaluated", "needs": "Prometheus"}
        except FootfallError as error:
            outcome = OUTCOMES.get(str(rule.get("execErrState") or "Error"), "error")
            about["fault"], instances = str(error), [_Instance(outcome, {}, {})]
        try:
            pending = timedelta(seconds=_seconds(about["for"]))
        except FootfallError as error:
            return {**about, "state": "error", "fault": str(error)}
        for instance, state, held in self._states(uid, instances, pending, now):
            described = _described(rule, instance, state, held)
            if held and held.told_since:
                self._firing.append(_alert(rule, held, described["annotations"]))
            if state != "normal" or len(instances) <= 20:
                about["instances"].append(described)
        states = [one["state"] for one in about["instances"]] or ["normal"]
        about["state"] = min(states, key=STATES.index)
        worst = next((one for one in about["instances"] if one["state"] == about["state"]), None)
        about["annotations"] = worst["annotations"] if worst else {}
        return about

    def _states(
        self, uid: str, instances: list[_Instance], pending: timedelta, now: datetime
    ) -> list[tuple[_Instance, str, _Held | None]]:
        """Each instance with its state, after what was held before; those that are missing for a moment too."""
        before = self._held.get(uid, {})
        if any(instance.state == KEEP for instance in instances):
            instances = [one.instance for one in before.values()] or [_Instance("normal", {}, {})]
        found: list[tuple[_Instance, str, _Held | None]] = []
        after: dict[str, _Held] = {}
        seen = set()
        for instance in instances:
            key = repr((instance.state, sorted(instance.labels.items())))
            if instance.state in ("firing", "normal"):  # after an error it may come back
                seen.add(repr(sorted(instance.labels.items())))
            if instance.state not in ALERT_NAMES:
                found.append((instance, instance.state, None))
                continue
            held = before.get(key) or _Held(instance, now)
            held.instance, held.missing = instance, 0
            if held.told_since is None and now - held.since >= pending:
                held.told_since = now
            after[key] = held
            found.append((instance, instance.state if held.told_since else "pending", held))
        for key, held in before.items():
            # An instance that is there and normal is resolved; one that is not there is, when it is missing again.
            is_there = repr(sorted(held.instance.labels.items())) in seen
            if key not in after and not is_there and held.told_since and held.missing + 1 < MISSING:
                held.missing += 1
                after[key] = held
                found.append((held.instance, held.instance.state, held))
        self._held[uid] = after
        return found

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
        relative = query.get("relativeTimeRange") or {}
        range_ = TimeRange(
            now - timedelta(seconds=float(relative.get("from") or 600)),
            now - timedelta(seconds=float(relative.get("to") or 0)),
        )
        if "prometheus" in (source.get("type"), query.get("datasourceUid")):
            return self._ask_prometheus(model, range_)
        asked = expand_query(str(model.get("rawSql") or ""), {}, range_, auto_interval_ms(range_, 100, 1_000))
        frame = self._postgres.ask(asked.sql)
        if model.get("format") == "time_series":
            frame = to_series(frame, asked.fill, range_)
        return labelled(frame)

    def _ask_prometheus(self, model: Json, range_: TimeRange) -> list[Labelled]:
        if self._prometheus is None:
            raise NeedsPrometheus("needs Prometheus")
        step = auto_interval_ms(range_, 100, SCRAPE_MS)
        expr, is_series = expanded(str(model.get("expr") or ""), range_, step), not model.get("instant")
        ask = self._prometheus
        series = ask.over(expr, range_, step) if is_series else ask.at(expr, range_.end)
        return [
            Labelled(tuple(sorted(one.labels.items())), tuple(value for _, value in one.points), is_series)
            for one in series
        ]


def _runbook(rule: Json) -> str:
    """Its address, however the rule stands; empty where there is none, or a name of it is not set."""
    notes = {"url": str((rule.get("annotations") or {}).get("runbook_url") or "")}
    return "" if placeholders.missing(notes) else str(placeholders.filled(notes)["url"])


def _seconds(text: str) -> float:
    if text in ("0", "0s", ""):
        return 0
    try:
        return read_seconds(text)
    except ValueError as error:
        raise FootfallError(f"for: {error}") from None


def _described(rule: Json, instance: _Instance, state: str, held: _Held | None) -> Json:
    words = {**instance.labels, **(rule.get("labels") or {})}
    notes = {name: fill_in(str(text), words, instance.values) for name, text in (rule.get("annotations") or {}).items()}
    values = {ref: value for ref, value in instance.values.items() if math.isfinite(value)}
    return {
        "state": state, "labels": instance.labels, "values": values, "annotations": notes,
        "since": epoch_ms(held.since) if held else None,
    }  # fmt: skip


def _alert(rule: Json, held: _Held, annotations: dict[str, str]) -> Alert:
    """With the labels that Grafana gives it; held is of an instance that is sent."""
    instance, title = held.instance, str(rule["title"])
    named = ALERT_NAMES[instance.state]
    names = {"alertname": named, "rulename": title} if named else {"alertname": title}
    values = {ref: value for ref, value in instance.values.items() if math.isfinite(value)}
    return Alert(
        {**instance.labels, **(rule.get("labels") or {}), **names}, annotations, values, held.told_since or held.since
    )


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
