"""Collectors of a test's own: processes, the sites that they serve, and what they wrote to their topic."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from conftest import free_port

from footfall import topic
from footfall.settings import Settings

from .commands import output
from .helpers import wait_for


@dataclass
class Collector:
    """A `footfall collect` that runs, and the write key of a site of its own."""

    settings: Settings
    url: str
    write_key: str
    process: subprocess.Popen[bytes]

    def request(
        self, method: str, path: str, body: bytes | None = None, **headers: str
    ) -> tuple[int, Any, dict[str, str]]:
        """Status, JSON (or bytes) and headers of an answer."""
        place = urlsplit(self.url)
        connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=40)
        with contextlib.closing(connection):
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            content = answer.read()
            given = {name.lower(): value for name, value in answer.getheaders()}
        is_json = given.get("content-type", "").startswith("application/json")
        return answer.status, json.loads(content) if is_json else content, given

    def post(self, path: str, content: Any, **headers: str) -> tuple[int, Any]:
        """Send JSON (bytes go as they are) with the write key in the header."""
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        status, answer, _ = self.request("POST", path, body, **{"Authorization": basic(self.write_key), **headers})
        return status, answer

    def written(self) -> list[dict[str, Any]]:
        """The events in the topic, in the order of each partition, without heartbeats."""
        return [event for event in map(json.loads, values(self.settings)) if event.get("type") != "heartbeat"]


def basic(write_key: str) -> str:
    return "Basic " + base64.b64encode(f"{write_key}:".encode()).decode()


def values(settings: Settings) -> Iterator[bytes]:
    """The records that the topic holds now."""
    return (record.value or b"" for record in topic.last_records(settings))


def add_site(settings: Settings, name: str, *options: str) -> str:
    """The write key of a new site."""
    return json.loads(output("site", "add", name, "--json", *options, settings=settings))["write_key"]


@contextlib.contextmanager
def collect(settings: Settings, write_key: str, *options: str, port: int | None = None) -> Iterator[Collector]:
    """A collector on a port of its own, ready for events; it is asked to end with the block and must do so.

    A test that kills it may put another in its place.
    """
    port = port or free_port()
    scheme = "https" if "--certificate" in options else "http"
    collector = Collector(settings, f"{scheme}://127.0.0.1:{port}", write_key, start(settings, port, *options))
    try:
        if scheme == "http":
            wait_for("a collector", lambda: is_ready(collector), 60)
        yield collector
    finally:
        stop(collector.process)


def start(settings: Settings, port: int, *options: str) -> subprocess.Popen[bytes]:
    environment = {**settings.environment(), "COLLECTOR_PORT": str(port)}
    command = [sys.executable, "-m", "footfall.cli", "collect", "--rate-per-address", "0", *options]
    log = settings.logs / f"collector-{port}.log"
    with log.open("ab") as output_:
        return subprocess.Popen(command, env=environment, stdout=output_, stderr=output_, start_new_session=True)


def stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(40)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise


def kill(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL to the collector and its workers."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(10)


def is_ready(collector: Collector) -> bool:
    if (code := collector.process.poll()) is not None:
        raise AssertionError(f"the collector ended with {code}; see its log")
    try:
        return collector.request("GET", "/ready")[0] == 200
    except OSError:
        return False


def now_iso(seconds: float = 0) -> str:
    return topic.iso(int((time.time() + seconds) * 1000))


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that signs itself, and its key."""
    key, chain = folder / "key.pem", folder / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(chain)]
    subprocess.run(command, check=True, capture_output=True)
    return chain, key
