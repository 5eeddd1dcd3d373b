"""The collector's HTTP API: Segment's HTTP Tracking API, and what browsers, probes and Prometheus ask for besides."""

from __future__ import annotations

import base64
import binascii
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, time
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router
from starlette.types import Receive, Scope, Send

from footfall.collector import metrics
from footfall.collector.data_centres import is_data_centre
from footfall.collector.openapi import DOCUMENT
from footfall.collector.pipeline import Sender, Taken, take
from footfall.collector.producer import Broker, Unavailable
from footfall.collector.rate_limits import Rates
from footfall.collector.requests import BadBody, Incoming, read
from footfall.collector.salts import Salts
from footfall.collector.segment import EVENT_BYTES, ROUTES, Batch, Fault, Invalid, read_batch, read_key
from footfall.collector.site_settings import Site, SiteCache

SCRIPT = Path(__file__).parent / "web" / "footfall.js"
PIXEL = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")  # a transparent GIF, one dot
BROKER_MISSED_SECONDS = 20
RETRY_SECONDS = "2"
AGENT_LENGTH = 1000  # characters of User-Agent, which each event of a batch gets; udfs/parsed_agents.py reads no more
# analytics.js gives an event up at the tenth failure unless it is configured otherwise; 100 is the most that it takes.
PATIENCE = {"rateLimitConfig": {"maxRetryCount": 100}, "backoffConfig": {"maxRetryCount": 100}}
ANY_ORIGIN = {"Access-Control-Allow-Origin": "*"}
PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, POST",
    "Access-Control-Max-Age": "86400",
    "Vary": "Origin, Access-Control-Request-Headers",
}
log = logging.getLogger(__name__)


class Refused(Exception):
    """The request is answered with this status and reason, and nothing of it is kept."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True)
class Parts:
    """What the answers are made with. per_address: requests a second of one address, 0 for any number."""

    sites: SiteCache
    salts: Salts
    broker: Broker
    rates: Rates
    per_address: int


def create(parts: Parts) -> Router:
    """The ASGI application; parts are started and stopped with it."""

    @asynccontextmanager
    async def lifespan(_app: Router) -> AsyncIterator[None]:
        is_data_centre(bytes(4))  # reads the list, now and not while somebody waits for an answer
        with parts.sites, parts.salts:
            async with parts.broker:
                yield

    api = _Api(parts)
    script = SCRIPT.read_bytes()
    # Routes are tried in their order: those of SDKs come first.
    tracked = [("POST", path, api.batch) for path in ("/v1/batch", "/v1/b", "/v1/import")]
    tracked += [("POST", path, api.call) for path in ROUTES]
    tracked += [
        ("GET", "/v1/pixel.gif", api.pixel),
        ("POST", "/v1/m", api.sdk_metrics),
        ("GET", "/v1/projects/{key}/settings", api.sdk_settings),
    ]
    routes = [Route(path, _Tracked(api, path, handler), methods=[method]) for method, path, handler in tracked]
    routes += [Route(route.path, api.preflight, methods=["OPTIONS"]) for route in routes]
    routes += [
        Route("/footfall.js", _constant(script, "text/javascript; charset=utf-8", cached=True)),
        Route("/openapi.json", _constant(DOCUMENT, "application/json")),
        Route("/health", _constant(b'{"status":"up"}', "application/json")),
        Route("/ready", api.ready),
        Route("/metrics", api.metrics),
    ]
    # Router and no Starlette around it: what its middlewares would catch, _Tracked answers; they cost a tenth.
    return Router(routes, redirect_slashes=False, lifespan=lifespan)


Handler = Callable[[Incoming], Awaitable[Response]]


class _Tracked:
    """A handler that is counted and timed, and whose refusals become answers with a reason; an ASGI application."""

    def __init__(self, api: _Api, path: str, handler: Handler) -> None:
        self.api = api
        self.path = path
        self.handler = handler

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = perf_counter()
        request = Incoming(scope, receive)
        response = await self._answer(request)
        origin = request.fields.get("origin")
        if origin and "access-control-allow-origin" not in response.headers and self.api.known(origin):
            response.headers["Access-Control-Allow-Origin"] = origin  # so that a page's own script sees the reason
            response.headers["Access-Control-Expose-Headers"] = "Retry-After"
            response.headers["Vary"] = "Origin"
        metrics.requests(self.path, response.status_code).inc()
        metrics.SECONDS.observe(perf_counter() - started)
        await response(scope, receive, send)

    async def _answer(self, request: Incoming) -> Response:
        try:
            if not self.api.parts.rates.allows("address", _address(request), self.api.parts.per_address):
                raise Refused(429, "too many requests of this address")
            return await self.handler(request)
        except (Refused, BadBody) as error:
            response = _json({"success": False, "reason": str(error)}, error.status)
            if error.status in (429, 503):
                response.headers["Retry-After"] = RETRY_SECONDS
            return response
        except Exception:
            log.exception("%s failed", self.path)
            return _json({"success": False, "reason": "an error of the collector: see its log"}, 500)


class _Api:
    def __init__(self, parts: Parts) -> None:
        self.parts = parts

    async def call(self, request: Incoming) -> Response:
        """One event, of the route's type."""
        key = _header_key(request)
        body = await read(request, EVENT_BYTES + 1)
        if key is None:
            try:
                key = read_key(body)
            except Invalid as error:
                raise Refused(400, str(error)) from None
        site = self._site(request, key)
        return await self._take(request, site, [body], ROUTES[request.scope["path"]], None)

    async def batch(self, request: Incoming) -> Response:
        """Several events, each with its type."""
        key = _header_key(request)
        body = await read(request)
        try:
            batch = read_batch(body)
        except Invalid as error:
            if key is None:
                raise Refused(400, str(error)) from None
            batch = Batch([], faults=[Fault(str(error), body)])
        site = self._site(request, key or batch.writeKey)
        return await self._take(request, site, batch.batch, None, batch)

    async def pixel(self, request: Incoming) -> Response:
        """One event of a page or a mail without scripts; always an image, since nobody would read a reason."""
        try:
            query = dict(request.query_params)
            event = _pixel_event(query, request.fields.get("referer", ""))
            key = query.get("writeKey") or query.get("key") or event.get("writeKey")
            site = self._site(request, key if isinstance(key, str) else None)
            await self._take(request, site, [msgspec.json.encode(event)], event.get("type"), None, from_browser=True)
        except Refused as error:
            return Response(PIXEL, error.status, {"Cache-Control": "no-store"}, "image/gif")
        return Response(PIXEL, 200, {"Cache-Control": "no-store"}, "image/gif")

    async def sdk_metrics(self, request: Incoming) -> Response:
        """Segment's SDKs report on themselves: read to its end, not kept."""
        await read(request)
        return _json({"success": True})

    async def sdk_settings(self, request: Incoming) -> Response:
        """What analytics.js asks for first: where to send to, and that there are no other destinations."""
        key = request.path_params["key"]
        if not self.parts.sites.ready:
            raise Refused(503, "the sites are not known yet")
        if self.parts.sites.find(key) is None:
            raise Refused(404, "no site has this write key")
        host = request.fields.get("host", "")
        destination = {"apiKey": key, "apiHost": f"{host}/v1", "protocol": request.url.scheme, "httpConfig": PATIENCE}
        return _json(
            {"integrations": {"Segment.io": destination}, "plan": {}, "enabledMiddleware": {}}, 200, ANY_ORIGIN
        )

    async def preflight(self, request: Request) -> Response:
        """A preflight carries no write key: what any site allows may ask; the call is checked by its own site."""
        origin = request.headers.get("origin", "")
        if not self.known(origin):
            return Response(status_code=403)
        # Any header: what counts is the origin, and SDKs grow new ones (X-Retry-Count, without which no event of
        # analytics.js is sent a second time).
        asked = request.headers.get("access-control-request-headers", "")
        granted = {"Access-Control-Allow-Origin": origin, "Access-Control-Allow-Headers": asked}
        return Response(status_code=204, headers={**granted, **PREFLIGHT})

    async def ready(self, _request: Request) -> Response:
        """Whether a load balancer should send requests here."""
        reasons = []
        if not self.parts.sites.ready:
            reasons.append("the sites were not read yet: is Postgres there?")
        if time() - self.parts.broker.reachable_at > BROKER_MISSED_SECONDS:
            reasons.append("the broker did not answer lately: is Kafka there, and its topic?")
        if self.parts.broker.is_full:
            reasons.append("too much waits for the broker")
        return _json({"ready": not reasons, "reasons": reasons}, 503 if reasons else 200)

    async def metrics(self, _request: Request) -> Response:
        metrics.WAITING.set(self.parts.broker.waiting_records)
        metrics.REACHABLE.set(self.parts.broker.reachable_at)
        content, type_ = metrics.exposition()
        return Response(content, media_type=type_)

    def known(self, origin: str) -> bool:
        return self.parts.sites.origin_known(origin)

    def _site(self, request: Incoming, key: str | None) -> Site:
        """The site that a request is for, where it may write to it. Raises Refused."""
        if not self.parts.sites.ready:
            raise Refused(503, "the sites are not known yet")
        if not key:
            raise Refused(401, "no write key: send it as the user of Basic authorization, or as writeKey in the body")
        site = self.parts.sites.find(key)
        if site is None:
            raise Refused(401, "no site has this write key")
        origin = request.fields.get("origin")
        if origin is not None and "*" not in site.origins and origin.lower() not in site.origins:
            raise Refused(403, f"pages of {origin[:100]} may not send to this site: `footfall site set` adds origins")
        if not self.parts.rates.allows("key", key, site.requests_per_second):
            raise Refused(429, "too many requests with this write key")
        return site

    async def _take(
        self, request: Incoming, site: Site, calls: list[bytes], type_: str | None, batch: Batch | None,
        from_browser: bool = False,
    ) -> Response:  # fmt: skip
        fields = request.fields
        sender = Sender(
            address=_address(request), agent=fields.get("user-agent", "")[:AGENT_LENGTH],
            from_browser=from_browser or "origin" in fields,
            opted_out=fields.get("sec-gpc") == "1" or fields.get("dnt") == "1",
        )  # fmt: skip
        taken = take(site, self.parts.salts, sender, calls, type_, batch)
        try:
            await self.parts.broker.send(taken.records)
        except Unavailable:
            raise Refused(503, "Kafka has not taken it in time: send it again") from None
        _count(site.name, taken)
        if taken.rejections and not taken.accepted and not taken.not_kept:
            reason = taken.rejections[0].reason
            return _json({"success": False, "reason": reason, "rejected": taken.rejections}, 400)
        return _json({"success": True, "rejected": taken.rejections} if taken.rejections else {"success": True})


def _count(site: str, taken: Taken) -> None:
    counts = {"accepted": taken.accepted, "rejected": len(taken.rejections), "not_kept": taken.not_kept}
    for outcome, count in counts.items():
        if count:
            metrics.events(site, outcome).inc(count)


def _address(request: Incoming) -> str:
    return request.client.host if request.client else ""


def _header_key(request: Incoming) -> str | None:
    """The write key of the Authorization header, as Segment's libraries send it, or of X-Write-Key."""
    scheme, _, value = request.fields.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).decode().partition(":")[0] or None
        except (binascii.Error, UnicodeDecodeError):
            raise Refused(401, "the Basic authorization can't be read: it is base64 of WRITE_KEY:") from None
    if scheme.lower() == "bearer":
        return value.strip() or None
    return request.fields.get("x-write-key")


def _pixel_event(query: dict[str, str], referer: str) -> dict[str, Any]:
    """The event of a pixel: data is the whole event, base64 of JSON; or it is given by single parameters."""
    if data := query.get("data"):
        try:
            padded = data.replace("-", "+").replace("_", "/") + "=" * (-len(data) % 4)
            event = msgspec.json.decode(base64.b64decode(padded, validate=True), type=dict[str, Any])
        except (ValueError, msgspec.MsgspecError, RecursionError):
            raise Refused(400, "data is no base64 of a JSON object") from None
        event.setdefault("type", "page")
        return event
    url = query.get("url") or referer
    event = {name: query[name] for name in ("userId", "anonymousId", "messageId", "event", "name") if name in query}
    event["type"] = "track" if "event" in query else "page"
    event["context"] = {"page": {"url": url, "referrer": query.get("referrer", ""), "title": query.get("title", "")}}
    return event


def _constant(content: bytes, media_type: str, cached: bool = False) -> Callable[[Request], Awaitable[Response]]:
    headers = {**ANY_ORIGIN, "Cache-Control": "public, max-age=3600" if cached else "no-cache"}

    async def answer(_request: Request) -> Response:
        return Response(content, headers=headers, media_type=media_type)

    return answer


def _json(content: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(content), status, headers, "application/json")
