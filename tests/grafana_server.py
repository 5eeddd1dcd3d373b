"""A stand-in for Grafana's HTTP API on loopback, for there is none here: its documented paths, shapes and answers.

https://grafana.com/docs/grafana/latest/developers/http_api/ : folder, data_source, dashboard, folder_dashboard_search,
alerting_provisioning, serviceaccount. It keeps what it is given and adds what Grafana adds.
"""

from __future__ import annotations

import copy
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlparse

TOKEN = "glsa_secret"
Json = dict[str, Any]


class Grafana:
    """What the server holds, by path of the collection; writes counts what it was told to change."""

    def __init__(self) -> None:
        self.things: dict[str, dict[str, Json]] = {
            "folders": {}, "datasources": {}, "dashboards": {}, "alert-rules": {}, "contact-points": {}, "accounts": {},
        }  # fmt: skip
        self.tokens: list[Json] = []
        self.writes = 0
        self.url = ""

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: Any) -> tuple[int, Any]:
        if method != "GET":
            self.writes += 1
        for pattern, handle in ROUTES:
            if (match := re.fullmatch(pattern, path)) and (found := handle(self, method, query, body, *match.groups())):
                return found
        return 404, {"message": "not found"}

    def _folder(self, method: str, _: Any, body: Any, uid: str | None = None) -> tuple[int, Any] | None:
        if method == "POST":
            self.things["folders"][body["uid"]] = {"id": 1, **body}
            return 200, self.things["folders"][body["uid"]]
        return _one(self.things["folders"], uid)

    def _source(self, method: str, _: Any, body: Any, uid: str | None = None) -> tuple[int, Any] | None:
        if method in ("POST", "PUT"):
            kept = {key: value for key, value in body.items() if key != "secureJsonData"}
            self.things["datasources"][body["uid"]] = {
                "id": 1, "orgId": 1, "readOnly": False, "secureJsonFields": {"password": True}, **kept,
            }  # fmt: skip
            return 200, {"message": "Datasource added", "datasource": kept}
        return _one(self.things["datasources"], uid)

    def _save(self, method: str, _: Any, body: Any) -> tuple[int, Any] | None:
        if method != "POST":
            return None
        board, boards = body["dashboard"], self.things["dashboards"]
        before = boards.get(board["uid"])
        if before and not body.get("overwrite") and board.get("version") != before["version"]:
            return 412, {"message": "The dashboard has been changed by someone else", "status": "version-mismatch"}
        version = before["version"] + 1 if before else 1
        boards[board["uid"]] = {**board, "id": 7, "version": version, "folderUid": body["folderUid"]}
        return 200, {"uid": board["uid"], "status": "success", "version": version}

    def _board(self, method: str, _: Any, __: Any, uid: str) -> tuple[int, Any] | None:
        found = self.things["dashboards"].get(uid)
        if method != "GET" or found is None:
            return None
        board = {key: value for key, value in found.items() if key != "folderUid"}
        return 200, {"dashboard": board, "meta": {"folderUid": found["folderUid"]}}

    def _search(self, _: str, query: dict[str, list[str]], __: Any) -> tuple[int, Any] | None:
        wanted = query.get("folderUIDs", [])
        boards = self.things["dashboards"].items()
        return 200, [{"uid": uid, "type": "dash-db"} for uid, board in boards if board["folderUid"] in wanted]

    def _rules(self, method: str, _: Any, body: Any, uid: str | None = None) -> tuple[int, Any] | None:
        rules = self.things["alert-rules"]
        if method == "POST" or (method == "PUT" and uid in rules):
            rules[body["uid"]] = {
                "id": 3,
                "orgID": 1,
                "updated": "2026-01-01T00:00:00Z",
                "notification_settings": None,
                **body,
            }
            return 201 if method == "POST" else 200, rules[body["uid"]]
        return (200, list(rules.values())) if uid is None else _one(rules, uid)

    def _points(self, method: str, _: Any, body: Any, uid: str | None = None) -> tuple[int, Any] | None:
        points = self.things["contact-points"]
        if method in ("POST", "PUT"):
            points[body["uid"]] = body
            return 202, body
        shown = copy.deepcopy(list(points.values()))
        for point in shown:  # secure settings are never told
            point["settings"] = {
                key: "[REDACTED]" if key == "url" else value for key, value in point["settings"].items()
            }
        return 200, shown

    def _accounts(self, method: str, query: dict[str, list[str]], body: Any) -> tuple[int, Any] | None:
        if method == "POST":
            account = {"id": 5, **body}
            self.things["accounts"][body["name"]] = account
            return 201, account
        found = list(self.things["accounts"].values()) if query.get("page") == ["1"] else []
        return 200, {"totalCount": len(found), "serviceAccounts": found, "page": 1, "perPage": 1000}

    def _tokens(self, method: str, _: Any, body: Any) -> tuple[int, Any] | None:
        if method == "POST":
            self.tokens.append({"id": len(self.tokens), "name": body["name"]})
            return 200, {"id": len(self.tokens), "name": body["name"], "key": f"glsa_new_{len(self.tokens)}"}
        return 200, self.tokens


ROUTES = (
    (r"/api/folders(?:/([\w-]+))?", Grafana._folder),
    (r"/api/datasources(?:/uid/([\w-]+))?", Grafana._source),
    (r"/api/dashboards/db", Grafana._save),
    (r"/api/dashboards/uid/([\w-]+)", Grafana._board),
    (r"/api/search", Grafana._search),
    (r"/api/v1/provisioning/alert-rules(?:/([\w-]+))?", Grafana._rules),
    (r"/api/v1/provisioning/contact-points(?:/([\w-]+))?", Grafana._points),
    (r"/api/serviceaccounts/(?:search)?", Grafana._accounts),
    (r"/api/serviceaccounts/5/tokens", Grafana._tokens),
)


def _one(things: dict[str, Json], uid: str | None) -> tuple[int, Any] | None:
    return (200, things[uid]) if uid in things else None


@contextmanager
def running() -> Iterator[Grafana]:
    """The server on a free port; it refuses whoever does not send the token."""
    grafana = Grafana()

    class Handler(BaseHTTPRequestHandler):
        def do(self) -> None:
            url = urlparse(self.path)
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "null")
            if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                status, answer = 401, {"message": "Invalid API key"}
            else:
                status, answer = grafana.answer(self.command, url.path, parse_qs(url.query), body)
            text = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PUT = do_DELETE = do

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        grafana.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield grafana
        finally:
            server.shutdown()
            thread.join()
