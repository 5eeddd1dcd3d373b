"""A stand-in for Grafana on loopback, for there is none here: its documented paths, shapes and status codes.

The pages that are named below are of https://grafana.com/docs/grafana/latest/developers/http_api/. Like Grafana, it
answers objects with their keys sorted, adds its own fields to what it is given, and never tells a secret.
"""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from grafana_alerting import NOT_FOUND, Alerting, Answer, Json, Request

TOKEN, VIEWER_TOKEN = "glsa_secret_of_the_admin", "glsa_secret_of_a_viewer"
USER, PASSWORD = "admin", "secret of the user"
BASIC = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
SUB_PATH = "/grafana"  # it answers below this path too, as behind a proxy


class Grafana(Alerting):
    """What the server holds. `writes` is what it was told to change; `before_save` runs before a dashboard is saved."""

    def __init__(self) -> None:
        super().__init__()
        self.folders: dict[str, Json] = {}
        self.sources: dict[str, Json] = {}
        self.passwords: dict[str, str] = {}
        self.boards: dict[str, Json] = {}
        self.board_folders: dict[str, str] = {}
        self.accounts: dict[int, Json] = {}
        self.tokens: dict[int, list[Json]] = {}
        self.before_save: Callable[[], None] = lambda: None
        self.url = ""

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
