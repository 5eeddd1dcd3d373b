"""A stand-in for Grafana on loopback, for there is none here: its documented paths, shapes and status codes.

The pages that are named below are of https://grafana.com/docs/grafana/latest/developers/http_api/. Like Grafana, it
answers objects with their keys sorted, adds its own fields to what it is given, and never tells a secret.
"""

from __future__ import annotations

import base64
import copy
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Json = dict[str, Any]
Answer = tuple[int, Any]

TOKEN, VIEWER_TOKEN = "glsa_secret_of_the_admin", "glsa_secret_of_a_viewer"
USER, PASSWORD = "admin", "secret of the user"
BASIC = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
SUB_PATH = "/grafana"  # it answers below this path too, as behind a proxy
NOT_FOUND: Answer = (404, {"message": "Not found"})
# Which settings Grafana keeps encrypted: docs/grafana/latest/alerting, the pages of the integrations.
SECURE = {"slack": {"url", "token"}, "webhook": {"password", "authorization_credentials"}, "email": set()}


class Request:
    def __init__(self, method: str, query: dict[str, list[str]], body: Any, headers: Any) -> None:
        self.method, self.query, self.body, self.headers = method, query, body, headers


class Grafana:
    """What the server holds. `writes` is what it was told to change; `before_save` runs before a dashboard is saved."""

    def __init__(self) -> None:
        self.folders: dict[str, Json] = {}
        self.sources: dict[str, Json] = {}
        self.passwords: dict[str, str] = {}
        self.boards: dict[str, Json] = {}
        self.board_folders: dict[str, str] = {}
        self.rules: dict[str, Json] = {}
        self.points: dict[str, Json] = {}
        self.timings: dict[str, Json] = {}
        self.tree: Json = {"receiver": "grafana-default-email", "group_by": ["grafana_folder", "alertname"]}
        self.accounts: dict[int, Json] = {}
        self.tokens: dict[int, list[Json]] = {}
        self.writes: list[str] = []
        # What its rules and Alertmanager say: title, state and labels of an alert; receiver → (last attempt, error).
        self.alerting: Callable[[], list[tuple[str, str, Json]]] = list
        self.attempts: Callable[[], dict[str, tuple[str, str]]] = dict
        self.is_silenced = False
        self.before_save: Callable[[], None] = lambda: None
        self.last_id = 0
        self.url = ""

    def next_id(self) -> int:
        self.last_id += 1
        return self.last_id

    def answer(self, path: str, request: Request) -> Answer:
        who = request.headers.get("Authorization")
        if who not in (f"Bearer {TOKEN}", f"Bearer {VIEWER_TOKEN}", BASIC):  # page authentication
            return 401, {"message": "Invalid API key"}
        if request.method != "GET":
            if who == f"Bearer {VIEWER_TOKEN}":  # 403 on every page: access denied
                return 403, {"message": "You'll need additional permissions to perform this action."}
            self.writes.append(f"{request.method} {path}")
        if path == "/api/frontend/settings":  # page other, "Get Settings"
            return 200, {"allowOrgCreate": False, "buildInfo": {"version": "12.0.0"}, "datasources": {}}
        for pattern, handle in ROUTES:
            if match := re.fullmatch(pattern, path):
                return handle(self, request, *match.groups())
        return NOT_FOUND

    def folder(self, request: Request, uid: str | None) -> Answer:
        """Page folder: get by uid, create (200, 409 where it is there), delete."""
        if request.method == "POST":
            if request.body["uid"] in self.folders:
                return 409, {"message": "a folder with that UID already exists", "status": "name-exists"}
            made = {"id": self.next_id(), "version": 1, "hasAcl": False, "canSave": True, **request.body}
            self.folders[made["uid"]] = made
            return 200, made
        if request.method == "DELETE" and uid in self.folders:
            return 200, {"message": "Folder deleted", "id": self.folders.pop(uid)["id"]}
        return (200, self.folders[uid]) if uid in self.folders else NOT_FOUND

    def source(self, request: Request, uid: str | None) -> Answer:
        """Page data_source: get, create, update, delete by uid; secureJsonData is answered as secureJsonFields."""
        if request.method == "GET":
            return (200, self.sources[uid]) if uid in self.sources else (404, {"message": "Data source not found"})
        if request.method == "DELETE":
            return (200, {"message": "Data source deleted"}) if self.sources.pop(str(uid), None) else NOT_FOUND
        body, before = dict(request.body), self.sources.get(str(uid))
        uid = body["uid"]
        if request.method == "PUT" and before is None:
            return 404, {"message": "Data source not found"}
        if request.method == "POST" and any(body["name"] == other["name"] for other in self.sources.values()):
            return 409, {"message": "data source with the same name already exists"}
        if "password" in body.pop("secureJsonData", {}):
            self.passwords[uid] = request.body["secureJsonData"]["password"]
        kept = {
            "id": before["id"] if before else self.next_id(), "orgId": 1, "typeLogoUrl": "", "password": "",
            "database": "", "basicAuth": False, "withCredentials": False, "isDefault": False, "readOnly": False,
            **body, "secureJsonFields": {"password": uid in self.passwords},
            "version": before["version"] + 1 if before else 1,
        }  # fmt: skip
        self.sources[uid] = kept
        message = "Datasource updated" if before else "Datasource added"
        return 200, {"datasource": kept, "id": kept["id"], "message": message, "name": kept["name"]}

    def save(self, request: Request) -> Answer:
        """Page dashboard, "Create / Update dashboard": 200, 400, or 412 with the status that says why."""
        self.before_save()
        board, uid = dict(request.body["dashboard"]), request.body["dashboard"]["uid"]
        before = self.boards.get(uid)
        if not board.get("title"):
            return 400, {"message": "Dashboard title cannot be empty", "status": "empty-name"}
        if request.body.get("folderUid") not in self.folders:
            return 400, {"message": "folder not found", "status": "not-found"}
        if before and not request.body.get("overwrite"):
            if board.get("id") != before["id"]:
                return 412, {"message": "A dashboard with the same uid already exists", "status": "name-exists"}
            if board.get("version") != before["version"]:
                message = "The dashboard has been changed by someone else"
                return 412, {"message": message, "status": "version-mismatch"}
        board["id"] = before["id"] if before else self.next_id()
        board["version"] = before["version"] + 1 if before else 1
        self.boards[uid], self.board_folders[uid] = board, request.body["folderUid"]
        answer = {"id": board["id"], "uid": uid, "url": f"/d/{uid}/x", "slug": "x"}
        return 200, {**answer, "status": "success", "version": board["version"]}

    def board(self, request: Request, uid: str) -> Answer:
        """Page dashboard, "Get dashboard by uid" and "Delete dashboard by uid"."""
        if uid not in self.boards:
            return 404, {"message": "Dashboard not found", "status": "not-found"}
        if request.method == "DELETE":
            return 200, {"message": "Dashboard deleted", "id": self.boards.pop(uid)["id"], "title": "x"}
        meta = {"isStarred": False, "url": f"/d/{uid}/x", "folderId": 1, "folderUid": self.board_folders[uid]}
        return 200, {"dashboard": self.boards[uid], "meta": meta}

    def search(self, request: Request) -> Answer:
        """Page folder_dashboard_search."""
        limit, page = (
            int(request.query.get(name, [default])[0]) for name, default in (("limit", "1000"), ("page", "1"))
        )
        found = [
            {"id": board["id"], "uid": uid, "title": board["title"], "type": "dash-db", "tags": [],
             "folderUid": self.board_folders[uid]}
            for uid, board in self.boards.items() if self.board_folders[uid] in request.query["folderUIDs"]
        ]  # fmt: skip
        return 200, found[(page - 1) * limit : page * limit]

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
            shown = copy.deepcopy(list(self.points.values()))
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

    def account(self, request: Request) -> Answer:
        """Page serviceaccount: create (201)."""
        made = {"id": self.next_id(), "login": f"sa-{request.body['name']}", "orgId": 1, "tokens": 0, **request.body}
        self.accounts[made["id"]], self.tokens[made["id"]] = made, []
        return 201, made

    def accounts_found(self, request: Request) -> Answer:
        """Page serviceaccount: search with paging."""
        page = int(request.query.get("page", ["1"])[0])
        found = list(self.accounts.values())
        shown = found[(page - 1) * 1000 : page * 1000]
        return 200, {"totalCount": len(found), "serviceAccounts": shown, "page": page, "perPage": 1000}

    def account_deleted(self, request: Request, account: str) -> Answer:
        """Page serviceaccount: delete."""
        return (200, {"message": "Service account deleted"}) if self.accounts.pop(int(account), None) else NOT_FOUND

    def token(self, request: Request, account: str) -> Answer:
        """Page serviceaccount: get tokens, create a token (200, its key this once; 400 where the name is taken)."""
        tokens = self.tokens[int(account)]
        if request.method == "GET":
            return 200, [{key: value for key, value in token.items() if key != "key"} for token in tokens]
        if any(token["name"] == request.body["name"] for token in tokens):
            return 400, {"message": "service account token with given name already exists"}
        tokens.append({"id": self.next_id(), "name": request.body["name"], "key": f"glsa_made_{self.last_id}"})
        return 200, tokens[-1]


def walk(route: Json) -> Iterator[Json]:
    yield route
    for below in route.get("routes", []):
        yield from walk(below)


UID = r"([\w-]+)"
ROUTES: tuple[tuple[str, Callable[..., Answer]], ...] = (
    (rf"/api/folders(?:/{UID})?", Grafana.folder),
    (rf"/api/datasources(?:/uid/{UID})?", Grafana.source),
    (r"/api/dashboards/db", Grafana.save),
    (rf"/api/dashboards/uid/{UID}", Grafana.board),
    (r"/api/search", Grafana.search),
    (rf"/api/v1/provisioning/alert-rules(?:/{UID})?", Grafana.rule),
    (rf"/api/v1/provisioning/contact-points(?:/{UID})?", Grafana.point),
    (rf"/api/v1/provisioning/mute-timings(?:/{UID})?", Grafana.timing),
    (r"/api/v1/provisioning/policies", Grafana.policies),
    (r"/api/prometheus/grafana/api/v1/rules", Grafana.states),
    (r"/api/alertmanager/grafana/api/v2/alerts", Grafana.alerts),
    (r"/api/alertmanager/grafana/config/api/v1/receivers", Grafana.receivers),
    (r"/api/serviceaccounts/search", Grafana.accounts_found),
    (r"/api/serviceaccounts/?", Grafana.account),
    (r"/api/serviceaccounts/(\d+)", Grafana.account_deleted),
    (r"/api/serviceaccounts/(\d+)/tokens", Grafana.token),
)


@contextmanager
def running() -> Iterator[Grafana]:
    """The server on a free port of loopback."""
    grafana = Grafana()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            url = urlsplit(self.path)
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "null")
            request = Request(self.command, parse_qs(url.query), body, self.headers)
            status, answer = grafana.answer(url.path.removeprefix(SUB_PATH), request)
            content = b"" if status == 204 else json.dumps(answer, sort_keys=True).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_DELETE = answer

        def log_message(self, *_: object) -> None:
            pass

    with serving(Handler) as url:
        grafana.url = url
        yield grafana


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """The address of a server that answers as the handler does."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
