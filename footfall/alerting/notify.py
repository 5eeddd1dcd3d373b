"""Alerts to contact points as Grafana's Alertmanager brings them: routed, grouped, repeated, kept back in quiet hours.

What was sent is remembered by this process only: after a start, what fires is sent again.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from footfall.alerting.delivery import Alert, ContactPoint, NotDelivered, Notification
from footfall.alerting.routes import Policies, Route

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Delivery:
    """One attempt: who was notified of which status; why not, where that failed."""

    receiver: str
    status: str
    fault: str = ""


@dataclass
class _Group:
    route: Route
    labels: dict[str, str]
    due: datetime
    alerts: dict[str, Alert] = field(default_factory=dict)
    notified: set[str] = field(default_factory=set)  # fingerprints that were sent as firing
    last: datetime | None = None  # when it was sent last


class Dispatcher:
    """Takes what fires at each evaluation, and notifies the contact points."""

    def __init__(self, policies: Policies, points: Sequence[ContactPoint]) -> None:
        self._policies = policies
        self._points = points
        self._groups: dict[tuple[str, ...], _Group] = {}
        self._faults: dict[str, str] = {}

    def update(self, firing: Iterable[Alert], now: datetime) -> list[Delivery]:
        """Send what is due. What was firing and is not any more is resolved now."""
        current: dict[tuple[tuple[str, ...], str], Alert] = {}
        for alert in firing:
            for route in self._policies.matching(alert.labels):
                group = self._group(route, alert, now)
                group.alerts[alert.fingerprint] = alert
                current[_key(route, group.labels), alert.fingerprint] = alert
        sent: list[Delivery] = []
        for key, group in list(self._groups.items()):
            for mark, alert in group.alerts.items():
                if alert.ends is None and (key, mark) not in current:
                    group.alerts[mark] = replace(alert, ends=now)
            if now >= group.due:
                sent += self._flush(group, now)
            if not group.alerts:
                del self._groups[key]
        return sent

    def _group(self, route: Route, alert: Alert, now: datetime) -> _Group:
        names = sorted(alert.labels) if "..." in route.group_by else route.group_by
        labels = {name: alert.labels[name] for name in names if name in alert.labels}
        return self._groups.setdefault(_key(route, labels), _Group(route, labels, now + route.group_wait))

    def _flush(self, group: _Group, now: datetime) -> list[Delivery]:
        firing = {mark for mark, alert in group.alerts.items() if alert.ends is None}
        ended = set(group.alerts) - firing
        repeats = group.last is not None and now - group.last >= group.route.repeat_interval
        # What came and went before anybody was notified is sent to nobody.
        is_news = bool(firing - group.notified or ended & group.notified or (firing and repeats))
        group.due = now + group.route.group_interval
        sent: list[Delivery] = []
        if is_news and not self._policies.muted_by(group.route, now):
            sent = self._notify(group)
            if any(one.fault for one in sent):
                group.due = now  # again at the next evaluation
                return sent
            group.notified, group.last = firing, now
        for mark in ended:
            del group.alerts[mark]
        return sent

    def _notify(self, group: _Group) -> list[Delivery]:
        sent = []
        for point in (one for one in self._points if one.name == group.route.receiver):
            alerts = tuple(
                alert for mark, alert in group.alerts.items()
                if alert.ends is None or (point.tells_resolved and mark in group.notified)
            )  # fmt: skip
            if not alerts:
                continue
            notice = Notification(point.name, f"{group.route.key}:{group.labels}", group.labels, alerts)
            try:
                point.send(notice)
                fault = ""
            except NotDelivered as error:
                fault = str(error)
            if fault and self._faults.get(point.name) != fault:  # once, not at every evaluation
                log.error("%s was not notified of %s: %s", point.name, notice.title, fault)
            self._faults[point.name] = fault
            sent.append(Delivery(point.name, notice.status, fault))
        return sent


def _key(route: Route, labels: dict[str, str]) -> tuple[str, ...]:
    return (route.key, *(f"{name}={value}" for name, value in labels.items()))
