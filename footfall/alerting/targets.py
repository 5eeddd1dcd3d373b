"""Where `footfall alert test` follows an alert: in this process, as the preview evaluates it, or in a Grafana."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from footfall.alerting import delivery, routes
from footfall.alerting.evaluate import Alerts
from footfall.alerting.follow import Clock, Seen
from footfall.alerting.notify import Dispatcher
from footfall.alerting.routes import Policies, Route
from footfall.errors import FootfallError
from footfall.grafana.api import Server
from footfall.grafana.query.postgres import Postgres
from footfall.grafana.resources import Json
from footfall.settings import ALERT_TEST_SITE

ZERO = timedelta(0)
ANY = "a contact point"  # whichever Grafana's policies choose
NEVER = "0001-01-01T00:00:00.000Z"


class Here:
    """Evaluates one rule and notifies its contact points, by the files of a folder of dashboards."""

    seconds = 5.0

    def __init__(self, folder: Path, rule: Json, postgres: Postgres, clock: Clock, point: str | None) -> None:
        self._alerts = Alerts(folder / "alerts", postgres, only=str(rule["uid"]))
        self._clock = clock
        points = delivery.contact_points(folder)
        self._policies = routes.read(folder) if point is None else _straight_to(point)
        labels = {**(rule.get("labels") or {}), "alertname": str(rule["title"]), "site": ALERT_TEST_SITE}
        self._routes = self._policies.matching(labels)
        self._names = {one.name for one in points}
        self._resolving = {one.name for one in points if one.tells_resolved}
        self._dispatcher = Dispatcher(self._policies, points)
        self._notified: dict[str, dict[str, str]] = {"firing": {}, "resolved": {}}

    def expects(self, status: str) -> set[str]:
        leading = [route for route in self._routes if route.receiver in self._names]
        if not leading:
            wanted = sorted({route.receiver for route in self._routes})
            raise FootfallError(
                f"{', '.join(wanted) or 'no contact point'} would be notified, and has no address here: set"
                f" ALERT_WEBHOOK_URL, or ALERT_EMAIL and {delivery.SMTP_HOST}, in the environment"
            )
        if status == "resolved":
            return {route.receiver for route in leading} & self._resolving
        muted = {route.key: self._policies.muted_by(route, self._clock.now()) for route in leading}
        if all(muted.values()):
            raise FootfallError(
                f"the quiet hours {next(iter(muted.values()))} keep it back now: --contact-point NAME notifies one"
                " all the same"
            )
        return {route.receiver for route in leading if not muted[route.key]}

    def patience(self) -> timedelta:
        return max((max(one.group_wait, one.group_interval) for one in self._routes), default=ZERO) + timedelta(
            minutes=1
        )

    def look(self) -> Seen:
        now = self._clock.now()
        answer = self._alerts.latest(now)
        [rule] = answer["rules"] or [{"instances": [], "state": "normal", "fault": "its file is gone"}]
        if rule["fault"]:
            raise FootfallError(f"the rule can't be evaluated: {rule['fault']}")
        ours = [one for one in rule["instances"] if one["labels"].get("site", ALERT_TEST_SITE) == ALERT_TEST_SITE]
        firing = [
            alert for alert in self._alerts.firing() if alert.labels.get("site", ALERT_TEST_SITE) == ALERT_TEST_SITE
        ]
        for sent in self._dispatcher.update(firing, now):
            self._notified[sent.status][sent.receiver] = sent.fault
        states = {one["state"] for one in ours}
        state = next((one for one in ("firing", "pending") if one in states), "normal")
        return Seen(state, self._notified["resolved" if state == "normal" else "firing"])


class InGrafana:
    """Follows it by Grafana's state of rules, its Alertmanager, and what it says of its contact points.

    Paths: /api/prometheus/grafana/api/v1/rules, /api/alertmanager/grafana/api/v2/alerts and
    /api/alertmanager/grafana/config/api/v1/receivers.
    """

    seconds = 10.0

    def __init__(self, server: Server, rule: Json, point: str | None) -> None:
        self._server = server
        self._rule = rule
        self._point = point
        self._state = "normal"
        self._receivers: set[str] = set()
        # When each contact point was notified last: at the newest look, and before the state was what it is. Grafana's
        # times are compared with each other alone, as its clock is not ours.
        self._newest: dict[str, str] = {}
        self._before: dict[str, str] = {}

    def expects(self, status: str) -> set[str]:
        known = {str(one["name"]) for one in self._server.contact_points()}
        if self._point and self._point not in known:
            raise FootfallError(
                f"Grafana has no contact point {self._point}: it has {', '.join(sorted(known)) or 'none'}"
            )
        if not any(one["uid"] == self._rule["uid"] for one in self._server.rules()):
            raise FootfallError(f"Grafana has no rule {self._rule['uid']}: `footfall dashboards push` brings it there")
        return {self._point} if self._point else {ANY}

    def patience(self) -> timedelta:
        return timedelta(minutes=7)  # a minute between evaluations, and five of group_interval

    def look(self) -> Seen:
        state = self._rule_state()
        if state != self._state:
            self._state, self._before = state, self._newest
        faults = self._attempts()
        self._receivers |= self._routed()
        notified = {
            name: fault for name, fault in faults.items()
            if name in self._receivers | {self._point} and self._newest[name] != self._before.get(name, NEVER)
        }  # fmt: skip
        if state == "pending":
            return Seen(state)
        if self._point is None and notified and all(name in notified for name in self._receivers):
            failed = [f"{name}: {fault}" for name, fault in notified.items() if fault]
            notified = {**notified, ANY: "; ".join(failed) if len(failed) == len(notified) else ""}
        return Seen(state, notified)

    def _rule_state(self) -> str:
        groups = self._server.get("/prometheus/grafana/api/v1/rules")["data"]["groups"]
        states = [
            str(alert["state"]).lower()
            for group in groups for rule in group["rules"] if rule["name"] == self._rule["title"]
            for alert in rule.get("alerts") or [] if alert["labels"].get("site", ALERT_TEST_SITE) == ALERT_TEST_SITE
        ]  # fmt: skip
        for name, words in (("firing", ("alerting", "firing")), ("pending", ("pending",))):
            if any(state.startswith(words) for state in states):
                return name
        return "normal"

    def _routed(self) -> set[str]:
        """To which contact points the Alertmanager brings the alert. Raises FootfallError where it is silenced."""
        names: set[str] = set()
        for alert in self._server.get("/alertmanager/grafana/api/v2/alerts"):
            labels = alert["labels"]
            if (
                labels.get("alertname") == self._rule["title"]
                and labels.get("site", ALERT_TEST_SITE) == ALERT_TEST_SITE
            ):
                if alert["status"]["state"] == "suppressed":
                    raise FootfallError("Grafana keeps the alert back: a silence or quiet hours match it")
                names |= {str(one["name"]) for one in alert.get("receivers") or []}
        return names

    def _attempts(self) -> dict[str, str]:
        """What failed when each contact point was notified last, "" where nothing did; _newest is when that was."""
        faults: dict[str, str] = {}
        self._newest = {}
        for receiver in self._server.get("/alertmanager/grafana/config/api/v1/receivers"):
            ways, name = receiver.get("integrations") or [], str(receiver["name"])
            self._newest[name] = max((str(way.get("lastNotifyAttempt") or NEVER) for way in ways), default=NEVER)
            faults[name] = "; ".join(
                str(way["lastNotifyAttemptError"]) for way in ways if way.get("lastNotifyAttemptError")
            )
        return faults


def _straight_to(point: str) -> Policies:
    """Everything to one contact point, at once."""
    return Policies((Route("test", point, (), ("...",), ZERO, ZERO, timedelta(days=1)),), {})
