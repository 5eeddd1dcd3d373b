"""Two collectors behind HAProxy with TLS, by docker/haproxy: one is killed, and nobody loses an event."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import ssl
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import free_port

from footfall.bench.http_load import drive, post
from footfall.settings import ROOT, Settings

from .collectors import Collector, add_site, certificate, collect, kill, start, values
from .conftest import listens
from .helpers import fresh_topic, wait_for

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(shutil.which("haproxy") is None, reason="haproxy is not installed"),
]


@contextlib.contextmanager
def haproxy(folder: Path, first: Collector, second: Collector) -> Iterator[tuple[str, ssl.SSLContext]]:
    """The shipped configuration, on a port of its own; its address and what trusts it."""
    chain, key = certificate(folder)
    pem = folder / "haproxy.pem"
    pem.write_bytes(chain.read_bytes() + key.read_bytes())
    place = f"127.0.0.1:{free_port()}"
    environment = {
        **os.environ, "LISTEN": place, "CERTIFICATE": str(pem), "COLLECTOR_1": first.url.removeprefix("http://"),
        "COLLECTOR_2": second.url.removeprefix("http://"),
    }  # fmt: skip
    with (folder / "haproxy.log").open("wb") as log:
        command = ["haproxy", "-db", "-f", str(ROOT / "docker" / "haproxy" / "haproxy.cfg")]
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            wait_for("HAProxy", lambda: listens(int(place.rpartition(":")[2])) or process.poll() is not None, 20)
            assert process.poll() is None, (folder / "haproxy.log").read_text()
            yield f"https://{place}", ssl.create_default_context(cafile=str(chain))
        finally:
            process.terminate()
            process.wait(20)


def test_a_collector_killed_under_load_costs_nobody_an_event(stack: Settings, tmp_path: Path) -> None:
    topic = fresh_topic(stack)
    key = add_site(topic, "balanced", "--requests-per-second", "0")
    behind = ("--trusted-proxy", "127.0.0.1")
    with (
        collect(topic, key, *behind) as first,
        collect(topic, key, *behind) as second,
        haproxy(tmp_path, first, second) as (url, tls),
    ):
        assert send(url, tls, key, range(1)) == {200: 1}
        done: list[Counter[int]] = []
        thread = threading.Thread(target=lambda: done.append(send(url, tls, key, range(1, 10_001))))
        thread.start()
        wait_for("part of the events", lambda: len(list(values(topic))) > 2000)
        kill(second.process)
        thread.join(120)
        port = int(second.url.rpartition(":")[2])
        second.process = start(topic, port, *behind)
        assert done == [{200: 10_000}]
        forged = post(f"{url}/v1/page", b'{"userId":"forged"}', key, X_Forwarded_For="203.0.113.9", Origin="https://x")
        assert drive(url, [forged], connections=1, tls=tls).statuses == {403: 1}
        metrics = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
        assert drive(url, [metrics], connections=1, tls=tls).statuses == {404: 1}
    found = [json.loads(value) for value in values(topic)]
    ids = Counter(event["messageId"] for event in found if event["type"] == "page")
    assert set(ids) == {f"m{number}" for number in range(10_001)}


def send(url: str, tls: ssl.SSLContext, key: str, numbers: range) -> Counter[int]:
    """Send single events; what gets no answer, or 5xx, is sent again, as SDKs do. Returns the last answer of each."""
    last: dict[bytes, int] = {}
    pending = [
        post(f"{url}/v1/page", json.dumps({"userId": "u", "messageId": f"m{number}"}).encode(), key)
        for number in numbers
    ]
    for _ in range(200):
        drive(url, pending, connections=16, tls=tls, on_answer=last.__setitem__)
        pending = [request for request in pending if last[request] == 0 or last[request] >= 500]
        if not pending:
            break
    return Counter(last.values())
