"""Segment's own SDKs, unchanged but for the address, deliver a visit of 200 events whatever happens in between."""

from __future__ import annotations

import contextlib
import http.client
import shutil
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from footfall.settings import Settings
from footfall.stack import intent, kafka

from .browsers import chromium
from .collectors import Collector, add_site, collect, kill, start
from .commands import output
from .helpers import fresh_topic, wait_for

pytestmark = pytest.mark.cluster
FOLDER = Path(__file__).parent / "sdk"
SDKS = ("node", "python", "browser")
EVENTS = 200


@pytest.fixture(scope="module")
def packages() -> None:
    """What package-lock.json names."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    if not (FOLDER / "node_modules" / ".package-lock.json").exists():
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=FOLDER, check=True, capture_output=True)


@contextlib.contextmanager
def served(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Page(SimpleHTTPRequestHandler):
    """The page of the visit, and the SDK as its package ships it."""

    def translate_path(self, path: str) -> str:
        place = urlsplit(path).path
        package = "/analytics-next/"
        if place.startswith(package):
            dist = FOLDER / "node_modules" / "@segment" / "analytics-next" / "dist" / "umd"
            return str(dist / Path(place).name)
        return str(FOLDER / Path(place).name)

    def log_message(self, *_arguments: Any) -> None:
        pass


@contextlib.contextmanager
def visits(url: str, write_key: str) -> Iterator[None]:
    """All three SDKs at work from the beginning of the block; they end with it, at the latest."""
    commands = {
        "node": ["node", "node_visit.mjs", url, write_key],
        "python": [sys.executable, "python_visit.py", url, write_key],
    }
    with contextlib.ExitStack() as stack:
        page = stack.enter_context(served(Page))
        browser = stack.enter_context(chromium())
        running = [subprocess.Popen(command, cwd=FOLDER) for command in commands.values()]
        stack.callback(lambda: [process.kill() for process in running])
        tab = browser.new_page()
        tab.goto(f"{page}/browser_visit.html?{urlencode({'key': write_key, 'collector': url})}")
        yield
        tab.wait_for_function("document.title === 'done'", timeout=120_000)
        assert [process.wait(180) for process in running] == [0, 0]


def settled(collector: Collector) -> list[dict[str, Any]]:
    """The events in the topic, when all that were sent are there."""
    missing = {f"{sdk}-{number}" for sdk in SDKS for number in range(EVENTS)}

    def complete() -> bool:
        missing.difference_update(event["messageId"] for event in collector.written())
        return not missing

    with contextlib.suppress(AssertionError):
        wait_for("every event", complete, 180)
    assert sorted(missing) == []
    return collector.written()


@pytest.fixture
def key(stack: Settings) -> Iterator[str]:
    """The write key of a site that any page may send to, removed with the test: what one site allows, all preflights
    allow."""
    yield add_site(stack, "sdks", "--origin", "*", "--requests-per-second", "0")
    output("site", "remove", "sdks", "--yes", settings=stack)


def test_each_event_arrives_exactly_once_with_its_fields_where_the_spec_has_them(
    stack: Settings, packages: None, key: str
) -> None:
    topic = fresh_topic(stack)
    with collect(topic, key) as collector, visits(collector.url, collector.write_key):
        found = settled(collector)
    assert set(Counter(event["messageId"] for event in found).values()) == {1}
    assert len(found) == len(SDKS) * EVENTS
    for event in found:
        sdk, _, number = event["messageId"].partition("-")
        kind = "identify" if number == "100" else "page" if int(number) % 4 == 0 else "track"
        assert (event["type"], event["site"]) == (kind, "sdks")
        assert event["anonymousId"]
        assert event["context"]["library"]["name"] in ("@segment/analytics-node", "analytics-python", "analytics.js")
        assert event["timestamp"] <= event["receivedAt"]
        if kind == "identify":
            assert (event["userId"], event["traits"]["plan"]) == ("u-4711", "pro")
        else:
            assert event["properties"]["number"] == int(number)
        if kind == "page":
            assert event["name"] == f"Page {number}"
        if kind == "track":
            assert (event["event"], event["properties"]["price"]) == ("Product Viewed", 79.5)
        if sdk == "browser":
            assert event["context"]["page"]["path"] == "/browser_visit.html"
            assert "Chrome" in event["context"]["userAgent"]
            assert event["context"]["ip"] == "127.0.0.0"
        else:
            assert "ip" not in event["context"]


def test_a_broker_that_is_away_for_20_s_loses_nothing(stack: Settings, packages: None, key: str) -> None:
    topic = fresh_topic(stack)
    with collect(topic, key) as collector, visits(collector.url, collector.write_key):
        wait_for("the first events", lambda: len(collector.written()) > 30)
        with intent.hold(stack):  # else the supervisor starts it again
            kafka.stop(stack)
            threading.Event().wait(20)  # what is tested is this length of time
            kafka.start(stack)
        assert_all_there(settled(collector))


def test_a_collector_that_is_killed_and_started_again_loses_nothing(stack: Settings, packages: None, key: str) -> None:
    topic = fresh_topic(stack)
    with collect(topic, key) as collector, visits(collector.url, collector.write_key):
        wait_for("the first events", lambda: len(collector.written()) > 30)
        kill(collector.process)
        collector.process = start(topic, int(collector.url.rpartition(":")[2]))
        assert_all_there(settled(collector))


def test_a_proxy_that_drops_one_answer_in_ten_loses_nothing(stack: Settings, packages: None, key: str) -> None:
    topic = fresh_topic(stack)
    with collect(topic, key) as collector, served(dropping(collector.url)) as url, visits(url, collector.write_key):
        found = settled(collector)
    assert_all_there(found)
    assert len(found) > len(SDKS) * EVENTS  # what was sent again is there twice, and counts once by its messageId


def assert_all_there(found: list[dict[str, Any]]) -> None:
    """Every event, and of copies all but the stamps alike.

    The browser's SDK writes the user whom it knows by then into what it sends again; the first copy is what counts.
    """
    copies: dict[str, dict[str, Any]] = {}
    for event in found:
        for name in ("sentAt", "receivedAt", "timestamp"):
            event.pop(name, None)
        event["context"].pop("retryCount", None)
        first = copies.setdefault(event["messageId"], event)
        if event["messageId"].startswith("browser-") and "userId" not in first:
            assert event.pop("userId", "u-4711") == "u-4711"
        assert {name: value for name, value in first.items() if name != "_metadata"} == event
    assert len(copies) == len(SDKS) * EVENTS


def dropping(upstream: str) -> type[BaseHTTPRequestHandler]:
    """A proxy to upstream that closes the connection instead of passing every tenth answer on."""
    counter = iter(range(1, 1_000_000))

    class Proxy(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            connection = http.client.HTTPConnection(urlsplit(upstream).netloc, timeout=30)
            with contextlib.closing(connection):
                connection.request(self.command, self.path, body, dict(self.headers))
                answer = connection.getresponse()
                content = answer.read()
            if self.command == "POST" and next(counter) % 10 == 0:
                self.close_connection = True
                return
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("content-length", "transfer-encoding", "date", "server"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_OPTIONS = do_POST

        def log_message(self, *_arguments: Any) -> None:
            pass

    return Proxy
