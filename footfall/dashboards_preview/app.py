"""The preview's HTTP: one page, its files, and JSON of what the dashboard files ask. SQL comes from the files alone."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from markdown_it import MarkdownIt
from starlette.applications import Starlette
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from footfall.alerting import delivery, routes
from footfall.alerting.evaluate import Alerts
from footfall.alerting.notify import Dispatcher
from footfall.database.connections import DatabaseError
from footfall.errors import FootfallError
from footfall.grafana.query.dashboard_files import Json, NotFound, all_panels, find_dashboard, read_dashboards
from footfall.grafana.query.panels import Boards
from footfall.grafana.query.postgres import Postgres
from footfall.grafana.query.prometheus import Prometheus
from footfall.grafana.query.time_ranges import BadRange

STATIC = Path(__file__).parent / "web" / "static"
QUERY_BYTES = 16 * 1024
MOST_PARAMETERS = 300
ALERT_SECONDS = 15
LOCAL_NAMES = ("localhost",)
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:;"
        " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
log = logging.getLogger(__name__)
markdown = MarkdownIt("commonmark", {"html": False}).enable("table")


@dataclass(frozen=True)
class Options:
    """folder: where the dashboards lie, alert rules in alerts/ below. hosts: names that the page may be called by."""

    folder: Path
    hosts: tuple[str, ...] = ()


class Misused(FootfallError):
    """A request that can't be answered as it is."""


def create(options: Options, postgres: Postgres, prometheus: Prometheus | None = None) -> ASGIApp:
    """The ASGI application. Alert rules are evaluated as long as it runs, so that `for` goes on while nobody looks."""
    boards = Boards(options.folder, postgres, prometheus)
    alerts = Alerts(options.folder / "alerts", postgres, prometheus)

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        watching = asyncio.create_task(_watch(alerts, _dispatcher(options.folder)))
        yield
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching

    api = _Api(boards, alerts)
    routes: list[Route | Mount] = [Route(path, _page) for path in ("/", "/alerts", "/d/{uid}", "/d/{uid}/{slug}")]
    routes += [
        Route("/health", lambda _request: Response(b'{"status":"up"}', media_type="application/json")),
        Route("/api/dashboards", _json(api.dashboards)),
        Route("/api/dashboards/{uid}", _json(api.dashboard)),
        Route("/api/variables", _json(api.variables)),
        Route("/api/query", _json(api.query)),
        Route("/api/annotations", _json(api.annotations)),
        Route("/api/alerts", _json(api.alerts)),
        Mount("/static", StaticFiles(directory=STATIC)),
    ]
    return _Guard(Starlette(routes=routes, lifespan=lifespan), options.hosts)


def _dispatcher(folder: Path) -> Dispatcher | None:
    """Who is notified of alerts; None, as nearly always, where the environment has no address for a contact point."""
    try:
        points = delivery.contact_points(folder)
        if not points:
            return None
        log.info("alerts are sent to: %s", ", ".join(sorted({point.name for point in points})))
        return Dispatcher(routes.read(folder), points)
    except FootfallError as error:
        log.error("alerts are sent to nobody: %s", error)
        return None


async def _watch(alerts: Alerts, dispatcher: Dispatcher | None) -> None:
    def look() -> None:
        alerts.latest()
        if dispatcher:
            dispatcher.update(alerts.firing(), datetime.now(UTC))

    while True:
        try:
            await asyncio.to_thread(look)
        except Exception:
            log.exception("the alert rules can't be evaluated")
        await asyncio.sleep(ALERT_SECONDS)


class _Guard:
    """Answers only to its own names, not to pages of other sites, and sets the headers of each answer."""

    def __init__(self, app: ASGIApp, hosts: tuple[str, ...]) -> None:
        self._app = app
        self._hosts = {*LOCAL_NAMES, *(host.lower() for host in hosts)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
                given = {name for name, _ in message["headers"]}
                if b"cache-control" not in given:
                    own.append((b"cache-control", b"no-cache"))
                message["headers"] = [*message["headers"], *own]
            await send(message)

        refusal = self._refusal(scope)
        await (refusal or self._app)(scope, receive, with_headers)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        if not self._is_own(headers.get("host", "")):
            return _answer({"error": "this name is not the preview's: use localhost, or --allow-host NAME"}, 403)
        if scope["path"].startswith("/api/") and headers.get("sec-fetch-site") in ("cross-site", "same-site"):
            return _answer({"error": "pages of other sites get no answer"}, 403)
        if len(scope["query_string"]) > QUERY_BYTES:
            return _answer({"error": f"the address is longer than {QUERY_BYTES // 1024} KiB"}, 414)
        return None

    def _is_own(self, host: str) -> bool:
        """Addresses can't be rebound, names can: only known ones are answered."""
        try:
            name = (urlsplit(f"//{host}").hostname or "").rstrip(".")
        except ValueError:
            return False
        if name in self._hosts:
            return True
        with contextlib.suppress(ValueError):
            return bool(ipaddress.ip_address(name))
        return False


def _page(request: Request) -> Response:
    """The page. A theme in the address is set here: no script runs before it is drawn."""
    html = (STATIC / "index.html").read_text(encoding="utf-8")
    theme = request.query_params.get("theme")
    if theme in ("light", "dark"):
        html = html.replace("<html ", f'<html data-theme="{theme}" ', 1)
    return Response(html, media_type="text/html")


def _json(handler: Callable[[Request], Json]) -> Callable[[Request], Response]:
    """Errors become an answer with their one line."""

    def answer(request: Request) -> Response:
        try:
            return _answer(handler(request))
        except NotFound as error:
            return _answer({"error": str(error)}, 404)
        except (Misused, BadRange) as error:
            return _answer({"error": str(error)}, 400)
        except DatabaseError as error:
            return _answer({"error": str(error)}, 503)
        except FootfallError as error:
            return _answer({"error": str(error)}, 422)
        except Exception:
            log.exception("%s failed", request.url.path)
            return _answer({"error": "an error of the preview: see its output"}, 500)

    return answer


def _answer(content: Json, status: int = 200) -> Response:
    return Response(msgspec.json.encode(content), status, {"Cache-Control": "no-store"}, "application/json")


class _Api:
    def __init__(self, boards: Boards, alerts: Alerts) -> None:
        self._boards = boards
        self._alerts = alerts

    def dashboards(self, _request: Request) -> Json:
        found = read_dashboards(self._boards.folder)
        names = ("uid", "title", "description", "tags")
        return {
            "dashboards": [{name: board.get(name) for name in names} for board in found.items.values()],
            "faults": found.faults,
        }

    def dashboard(self, request: Request) -> Json:
        board = find_dashboard(self._boards.folder, request.path_params["uid"])
        for panel in all_panels(board):
            if panel["type"] == "text":
                options = panel.setdefault("options", {})
                options["html"] = markdown.render(str(options.get("content") or ""))
        return board

    def variables(self, request: Request) -> Json:
        return self._boards.variables(*_asked(request.query_params))

    def query(self, request: Request) -> Json:
        uid, given, start, end = _asked(request.query_params)
        number = request.query_params.get("panel", "")
        if not number.isdecimal() or len(number) > 9:
            raise Misused("say which panel: panel=NUMBER")
        return self._boards.panel(uid, int(number), given, start, end)

    def annotations(self, request: Request) -> Json:
        return self._boards.annotations(*_asked(request.query_params))

    def alerts(self, _request: Request) -> Json:
        return self._alerts.latest()


def _asked(parameters: QueryParams) -> tuple[str, dict[str, list[str]], str, str]:
    """The dashboard, what its variables are set to, and the time range. Raises Misused."""
    pairs = parameters.multi_items()
    if len(pairs) > MOST_PARAMETERS:
        raise Misused(f"more than {MOST_PARAMETERS} parameters")
    uid = parameters.get("uid")
    if not uid:
        raise Misused("say which dashboard: uid=NAME")
    given: dict[str, list[str]] = {}
    for name, value in pairs:
        if name.startswith("var-"):
            given.setdefault(name.removeprefix("var-"), []).append(value)
    return uid, given, parameters.get("from") or "now-24h", parameters.get("to") or "now"
