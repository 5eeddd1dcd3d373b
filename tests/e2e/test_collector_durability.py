"""Nothing that the collector acknowledged is lost, whatever is stopped; hostile requests leave it as it was."""

from __future__ import annotations

import json
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import psutil
import pytest

from footfall.bench.http_load import drive, post
from footfall.settings import Settings
from footfall.stack import intent, kafka

from .collectors import Collector, add_site, basic, collect, is_ready, kill, start, values
from .helpers import fresh_topic, wait_for

pytestmark = pytest.mark.cluster
EVENTS, BATCH = int(os.environ.get("DURABLE_EVENTS", "40000")), 100
HOSTILE = int(os.environ.get("HOSTILE_REQUESTS", "10000"))


def test_every_acknowledged_event_is_in_the_topic(stack: Settings) -> None:
    """At full speed; the broker is stopped and started twice, one of two collectors is killed."""
    topic = fresh_topic(stack)
    key = add_site(topic, "durable", "--requests-per-second", "0")
    acknowledged: list[int] = []
    with collect(topic, key) as first, collect(topic, key) as second:
        halves = [iter(range(half, EVENTS // BATCH, 2)) for half in (0, 1)]
        threads = [
            threading.Thread(target=send_all, args=(collector, half, acknowledged))
            for collector, half in zip((first, second), halves, strict=True)
        ]
        for thread in threads:
            thread.start()
        port = int(second.url.rpartition(":")[2])
        for share in (1, 3):
            wait_for("part of the events", lambda share=share: len(acknowledged) > share * EVENTS // BATCH // 6)
            with intent.hold(stack):  # else the supervisor starts it again
                kafka.stop(stack)
                if share == 1:
                    kill(second.process)
                    second.process = start(topic, port)
                kafka.start(stack)
        for thread in threads:
            thread.join(300)
        assert not any(thread.is_alive() for thread in threads)
    assert len(acknowledged) == EVENTS // BATCH  # each batch was sent again until it was acknowledged
    found = Counter(json.loads(value).get("messageId") for value in values(topic))
    wanted = {f"{number}-{index}" for number in acknowledged for index in range(BATCH)}
    assert not wanted - found.keys()
    assert not found.keys() - wanted - {None}


def test_the_broker_of_the_stack_has_an_event_on_its_disk_and_a_topic_that_has_not_is_named(stack: Settings) -> None:
    topic = fresh_topic(stack)
    assert kafka.durability(topic) == (
        True, f"the broker of topic {topic.topic} has an event on its disk before it acknowledges it",
    )  # fmt: skip
    name = f"{topic.topic}_unsynced"
    assert kafka.ensure_topic(stack.bootstrap_servers, name, sync=False)
    is_durable, why = kafka.durability(replace(topic, values={**topic.values, "RAW_EVENTS_TOPIC": name}))
    assert (is_durable, name in why, "replication factor is 1, not 3" in why) == (False, True, True)


def send_all(collector: Collector, numbers: Iterator[int], acknowledged: list[int]) -> None:
    """Send each batch until it is acknowledged, as an SDK does."""
    pending = list(numbers)
    while pending:
        requests = {batch(collector, number): number for number in pending}
        done: set[int] = set()

        def answered(request: bytes, status: int, requests: dict[bytes, int] = requests, done: set[int] = done) -> None:
            if status == 200:
                done.add(requests[request])
                acknowledged.append(requests[request])
            elif status in (0, 503):
                time.sleep(0.02)
            else:
                raise AssertionError(status)

        drive(collector.url, requests, connections=8, on_answer=answered)
        pending = [number for number in pending if number not in done]


def batch(collector: Collector, number: int) -> bytes:
    events = [
        {"type": "track", "event": "E", "userId": f"u{index}", "messageId": f"{number}-{index}"}
        for index in range(BATCH)
    ]
    return post(f"{collector.url}/v1/batch", json.dumps({"batch": events}).encode(), collector.write_key)


def test_hostile_requests_get_a_4xx_and_leave_it_as_it_was(stack: Settings) -> None:
    topic = fresh_topic(stack)
    key = add_site(topic, "hostile", "--requests-per-second", "0")
    with collect(topic, key) as collector:
        warm = drive(collector.url, hostile(collector, 5_000, seed=1), connections=16)
        before = memory(collector)
        report = drive(collector.url, hostile(collector, HOSTILE, seed=2), connections=16)
        after = memory(collector)
        assert is_ready(collector)
        assert collector.post("/v1/page", {"userId": "still here"})[0] == 200
    statuses = warm.statuses + report.statuses
    assert {status for status in statuses if not 400 <= status < 500} <= {0}
    assert statuses[0] < HOSTILE / 10  # connections that the sender itself breaks off
    assert after < before * 1.15 + 20_000_000


def memory(collector: Collector) -> int:
    """Resident bytes of the collector and its workers."""
    parent = psutil.Process(collector.process.pid)
    return sum(process.memory_info().rss for process in (parent, *parent.children(recursive=True)))


def hostile(collector: Collector, count: int, seed: int) -> Iterator[bytes]:
    """Requests that no SDK sends: each is refused, or is no HTTP at all."""
    rng = random.Random(seed)
    url, key = f"{collector.url}/v1/track", collector.write_key
    deep = b'{"properties":' + b'{"a":' * 1000 + b"1" + b"}" * 1000 + b"}"
    wrong: list[bytes] = [
        b"", b"null", b"[]", b"7", b'"text"', b"{", b'{"event":', b"{}", b'{"event":7}', b'{"event":""}',
        b'{"event":null}', b'{"event":"e","messageId":{}}', b'{"event":"e","context":7}',
        b'{"event":"e","properties":[1]}',
        b'{"event":"e","timestamp":"never"}', b'{"event":"e","timestamp":7}', b'{"event":"e","sentAt":"9999999"}',
        b'{"event":"e","properties":{"n":1e9999}}', b'{"event":"e","properties":{"n":NaN}}', deep, b"[" * 30_000,
        b'{"event":"\xff\xfe"}', b'{"event":"e","userId":"' + b"x" * 300 + b'"}', b'{"event":"e","userId":"a\\u0000b"}',
        b"\x00" * 500, b'{"event":"e"}{"event":"e"}', b'{"event":"' + b"y" * 40_000 + b'"}',
    ]  # fmt: skip
    for _ in range(count):
        body = rng.choice(wrong)
        kind = rng.randrange(20)
        if kind == 0:
            yield b"POST /v1/track HTTP/1.1\r\nHost: x\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(300)) + b"\r\n"
        elif kind == 1:
            yield post(url, body, key, Content_Encoding=rng.choice(["gzip", "br", "zstd"]))
        elif kind == 2:
            yield post(url, body, "no-such-key" + "z" * rng.randrange(300))
        elif kind == 3:
            yield post(url.replace("track", rng.choice(["batch", "b", "import"])), body, key)
        elif kind == 4:
            yield post(url.replace("track", rng.choice(["nothing", "%00", "..%2f..%2fetc", "x" * 500])), body, key)
        elif kind == 5:
            yield rng.randbytes(rng.randrange(1, 300)) + b"\r\n\r\n"
        elif kind == 6:
            head = f"POST /v1/track HTTP/1.1\r\nHost: x\r\nAuthorization: {basic(key)}\r\n"
            yield f"{head}Content-Length: 99999999\r\n\r\n".encode()
        else:
            yield post(url, body, key)
