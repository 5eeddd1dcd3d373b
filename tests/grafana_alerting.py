"""What the stand-in of Grafana (grafana_server.py) has of alerting: its documented paths, shapes and status codes."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

Json = dict[str, Any]
Answer = tuple[int, Any]
NOT_FOUND: Answer = (404, {"message": "Not found"})
# Which settings Grafana keeps encrypted: docs/grafana/latest/alerting, the pages of the integrations.
SECURE = {"slack": {"url", "token"}, "webhook": {"password", "authorization_credentials"}, "email": set()}


class Request:
    def __init__(self, method: str, query: dict[str, list[str]], body: Any, headers: Any) -> None:
        self.method, self.query, self.body, self.headers = method, query, body, headers


class Alerting:
    """Rules, contact points, mute timings and policies; `writes` is what it was told to change."""

    def __init__(self) -> None:
        self.rules: dict[str, Json] = {}
        self.points: dict[str, Json] = {}
        self.timings: dict[str, Json] = {}
        self.tree: Json = {"receiver": "grafana-default-email", "group_by": ["grafana_folder", "alertname"]}
        # What its rules and Alertmanager say: title, state and labels of an alert; receiver → (last attempt, error).
        self.alerting: Callable[[], list[tuple[str, str, Json]]] = list
        self.attempts: Callable[[], dict[str, tuple[str, str]]] = dict
        self.is_silenced = False
        self.writes: list[str] = []
        self.last_id = 0

    def next_id(self) -> int:
        self.last_id += 1
        return self.last_id

    def rule(self, request: Request, uid: str | None) -> Answer:
        """Page alerting_provisioning: get (200, 404), create (201, 400), update (200, 400), delete (204)."""
        if request.method == "GET":
            return (200, list(self.rules.values())) if uid is None else self._one_rule(uid)
        if request.method == "DELETE":
            self.rules.pop(str(uid), None)
            return 204, None
        body = copy.deepcopy(request.body)
        before = self.rules.get(uid or "")
        if request.method == "PUT" and before is None:
            return NOT_FOUND
        if not body.get("title") or not body.get("data"):
            return 400, {"message": "invalid alert rule: no queries or expressions are found"}
        notes = body.get("annotations", {})
        if ("__dashboardUid__" in notes) != ("__panelId__" in notes):
            return 400, {"message": "both annotations __dashboardUid__ and __panelId__ must be specified"}
        for query in body["data"]:  # the defaults that the page's ProvisionedAlertRule shows
            query["model"] = {"intervalMs": 1000, "maxDataPoints": 43200, **query["model"]}
        body["for"] = {"60s": "1m", "3600s": "1h"}.get(body["for"], body["for"])
        # Whoever asks with X-Disable-Provenance makes a rule that can be edited in Grafana's pages.
        provenance = {} if request.headers.get("X-Disable-Provenance") else {"provenance": "api"}
        made = {
            "isPaused": False, "keep_firing_for": "0s", "notification_settings": None, "record": None, **body,
            **provenance, "id": before["id"] if before else self.next_id(), "orgID": 1,
            "updated": f"2026-01-01T00:00:{len(self.writes) % 60:02}Z",
        }  # fmt: skip
        self.rules[body["uid"]] = made
        return 200 if before else 201, made

    def _one_rule(self, uid: str) -> Answer:
        return (200, self.rules[uid]) if uid in self.rules else NOT_FOUND

    def point(self, request: Request, uid: str | None) -> Answer:
        """Page alerting_provisioning: get (secure settings redacted), create and update (202, 400), delete (204)."""
        if request.method == "GET":
            default = {
                "uid": "",
                "name": "grafana-default-email",
                "type": "email",
                "settings": {"addresses": "<a@b.c>"},
            }
            shown = copy.deepcopy([default, *self.points.values()])
            for point in shown:
                hidden = SECURE[point["type"]] & set(point["settings"])
                point["settings"] |= dict.fromkeys(hidden, "[REDACTED]")
            return 200, shown
        if request.method == "DELETE":
            self.points.pop(str(uid), None)
            return 204, None
        if request.method == "PUT" and uid not in self.points:
            return NOT_FOUND
        url = request.body["settings"].get("url", "https://")
        if not url.startswith("http"):
            return 400, {"message": f"invalid contact point: parse {url}: invalid URL"}
        self.points[request.body["uid"]] = {"disableResolveMessage": False, **copy.deepcopy(request.body)}
        return 202, request.body if request.method == "POST" else {"message": "contactpoint updated"}

    def timing(self, request: Request, name: str | None) -> Answer:
        """Page alerting_provisioning: mute timings by name; get, create (201), update (202, 404), delete (204)."""
        if request.method == "GET":
            return 200, list(self.timings.values())
        if request.method == "DELETE":
            self.timings.pop(str(name), None)
            return 204, None
        if request.method == "PUT" and name not in self.timings:
            return NOT_FOUND
        for interval in request.body["time_intervals"]:
            for times in interval.get("times", []):
                if times["start_time"] >= times["end_time"]:
                    return 400, {"message": "invalid object specification: start time cannot be after end time"}
        # Whoever asks with X-Disable-Provenance makes one that can be edited in Grafana's pages.
        provenance = {} if request.headers.get("X-Disable-Provenance") else {"provenance": "api"}
        self.timings[request.body["name"]] = {**copy.deepcopy(request.body), "version": "e3b0", **provenance}
        return (201 if request.method == "POST" else 202), self.timings[request.body["name"]]

    def policies(self, request: Request) -> Answer:
        """Page alerting_provisioning: the tree; put (202) takes its place, 400 where it names what is not there."""
        if request.method == "GET":
            return 200, self.tree
        receivers = {"grafana-default-email", *(point["name"] for point in self.points.values())}
        for route in walk(request.body):
            if route.get("receiver") and route["receiver"] not in receivers:
                message = f"invalid object specification: receiver '{route['receiver']}' does not exist"
                return 400, {"message": message}
            for name in route.get("mute_time_intervals", []):
                if name not in self.timings:
                    return 400, {"message": f"invalid object specification: mute time interval '{name}' does not exist"}
        provenance = {} if request.headers.get("X-Disable-Provenance") else {"provenance": "api"}
        self.tree = {**copy.deepcopy(request.body), **provenance}
        for route in walk(self.tree):
            for key in ("group_wait", "group_interval", "repeat_interval"):
                if key in route:
                    route[key] = {"60s": "1m", "24h": "1d"}.get(route[key], route[key])
        return 202, {"message": "policies updated"}

    def states(self, request: Request) -> Answer:
        """/api/prometheus/grafana/api/v1/rules, as Prometheus answers /api/v1/rules; state Pending or Alerting."""
        rules = [
            {"name": title, "state": "inactive" if state == "Normal" else state.lower(), "type": "alerting",
             "health": "ok", "alerts": [{"labels": labels, "annotations": {}, "state": state, "value": ""}]}
            for title, state, labels in self.alerting()
        ]  # fmt: skip
        groups = [{"name": "footfall", "file": "Footfall", "interval": 60, "rules": rules}]
        return 200, {"status": "success", "data": {"groups": groups}}

    def alerts(self, request: Request) -> Answer:
        """/api/alertmanager/grafana/api/v2/alerts, as Alertmanager's API v2 answers it."""
        state = "suppressed" if self.is_silenced else "active"
        return 200, [
            {"labels": {"alertname": title, **labels}, "annotations": {}, "fingerprint": "0", "startsAt": "",
             "endsAt": "", "receivers": [{"name": name} for name in self.attempts()],
             "status": {"state": state, "silencedBy": [], "inhibitedBy": []}}
            for title, alert, labels in self.alerting() if alert == "Alerting"
        ]  # fmt: skip

    def receivers(self, request: Request) -> Answer:
        """/api/alertmanager/grafana/config/api/v1/receivers: when each integration was told last, and what it said."""
        return 200, [
            {"name": name, "active": True, "integrations": [
                {"name": "webhook", "sendResolved": True, "lastNotifyAttempt": at, "lastNotifyAttemptDuration": "1ms",
                 **({"lastNotifyAttemptError": error} if error else {})}]}
            for name, (at, error) in self.attempts().items()
        ]  # fmt: skip


def walk(route: Json) -> Iterator[Json]:
    yield route
    for below in route.get("routes", []):
        yield from walk(below)
