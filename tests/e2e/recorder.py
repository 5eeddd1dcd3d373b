"""A collector that only remembers, and a site that only shows pages, for tests of the tracker in a browser."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from footfall.settings import ROOT

SCRIPT = ROOT / "footfall" / "collector" / "web" / "footfall.js"
Event = dict[str, Any]


@dataclass(frozen=True)
class Request:
    """A request that reached the collector, and how it was answered."""

    headers: dict[str, str]
    body: dict[str, Any]
    status: int
    time: float  # seconds of a clock that only goes forward


class Server:
    """An HTTP server on a free port of loopback, in threads of its own."""

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.port: int = self.http.server_address[1]
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


@dataclass
class Recorder:
    """POST /v1/batch is remembered and answered with 200, or with the next of `answers` (status, headers)."""

    requests: list[Request] = field(default_factory=list)
    answers: deque[tuple[int, dict[str, str]]] = field(default_factory=deque)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        recorder = self

        class Handler(Quiet):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with recorder.lock:
                    status, headers = recorder.answers.popleft() if recorder.answers else (200, {})
                    recorder.requests.append(Request(dict(self.headers), body, status, time.monotonic()))
                allow = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "Retry-After"}
                self.reply(status, b"{}", "application/json", allow | headers)

            def do_GET(self) -> None:
                self.reply(200, SCRIPT.read_bytes(), "text/javascript", {"Access-Control-Allow-Origin": "*"})

        self.server = Server(Handler)

    def events(self) -> list[Event]:
        """What was taken, in the order of arrival; copies too."""
        with self.lock:
            return [event for request in self.requests if request.status == 200 for event in request.body["batch"]]


@dataclass
class Site:
    """Pages by path; `headers` go with each of them. Any host name is answered."""

    pages: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    held: set[str] = field(default_factory=set)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def __post_init__(self) -> None:
        site = self

        class Handler(Quiet):
            def do_GET(self) -> None:
                path = self.path.partition("?")[0]
                with site.changed:
                    site.asked.append(path)
                    site.changed.wait_for(lambda: path not in site.held, timeout=60)
                html = site.pages.get(path)
                self.reply(200 if html else 404, (html or "").encode(), "text/html; charset=utf-8", site.headers)

        self.server = Server(Handler)

    def release(self, path: str) -> None:
        """Answer what waits for this path."""
        with self.changed:
            self.held.discard(path)
            self.changed.notify_all()


class Quiet(BaseHTTPRequestHandler):
    """Logs nothing."""

    protocol_version = "HTTP/1.1"

    def reply(self, status: int, body: bytes, content_type: str, headers: dict[str, str]) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        with contextlib.suppress(OSError):  # a page that ended does not read its answer
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass
