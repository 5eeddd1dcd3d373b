"""The collector's application without HTTP, Kafka and Postgres: what it answers, and what it would write."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import threading
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from footfall.collector.app import Parts, create
from footfall.collector.consent import Consent
from footfall.collector.producer import Record
from footfall.collector.rate_limits import Rates
from footfall.collector.site_settings import Site

KEY = "write-key"
SITE = Site("shop", ("*",), "UTC", (), Consent.FULL, frozenset(), 0, b"k" * 32)


class _Sites:
    ready = True

    def find(self, write_key: str) -> Site | None:
        return SITE if write_key == KEY else None

    def origin_known(self, _origin: str) -> bool:
        return False


class _Salts:
    def salt(self, _day: object) -> bytes:
        return b"s" * 32


class _Broker:
    def __init__(self) -> None:
        self.records: list[Record] = []

    async def send(self, records: Sequence[Record]) -> None:
        self.records += records


class Answer(NamedTuple):
    """What a request got, and the events that were written for it."""

    status: int
    content: dict[str, Any]
    written: list[dict[str, Any]]

    @property
    def accepted(self) -> list[str]:
        return [event["messageId"] for event in self.written if event["type"] != "rejected"]

    @property
    def rejected(self) -> list[dict[str, Any]]:
        return [event for event in self.written if event["type"] == "rejected"]


def request(path: str, body: bytes, key: str | None = KEY) -> Answer:
    """POST a body, with the key as SDKs send it."""
    broker, sent = _Broker(), []
    app = create(Parts(_Sites(), _Salts(), broker, Rates(1), 0))  # type: ignore[arg-type]
    headers = [(b"content-length", str(len(body)).encode())]
    if key:
        headers.append((b"authorization", b"Basic " + base64.b64encode(f"{key}:".encode())))
    scope = {
        "type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b"",
        "headers": headers, "client": ("203.0.113.7", 1), "scheme": "http", "root_path": "", "http_version": "1.1",
    }  # fmt: skip

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))  # type: ignore[arg-type]
    content = json.loads(b"".join(message.get("body", b"") for message in sent))
    return Answer(sent[0]["status"], content, [json.loads(value) for _, value in broker.records])


@contextlib.contextmanager
def served() -> Iterator[tuple[str, list[Answer]]]:
    """The application over HTTP, for SDKs: its address, and what it answered."""
    answers: list[Answer] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            answer = request(self.path, self.rfile.read(int(self.headers["Content-Length"])))
            answers.append(answer)
            content = json.dumps(answer.content).encode()
            self.send_response(answer.status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", answers
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
