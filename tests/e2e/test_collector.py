"""The collector's API as SDKs and browsers speak it, on a real broker and a real Postgres."""

from __future__ import annotations

import base64
import gzip
import json
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from conftest import free_port

from footfall.bench.http_load import drive, post
from footfall.database import connections
from footfall.settings import Settings

from .collectors import Collector, add_site, basic, certificate, collect, now_iso
from .commands import FOOTFALL, complaint, output
from .helpers import away, fresh_topic, wait_for

pytestmark = pytest.mark.cluster
ORIGIN = "https://shop.example"


@pytest.fixture(scope="module")
def collector(stack: Settings) -> Iterator[Collector]:
    topic = fresh_topic(stack)
    key = add_site(topic, "api", "--origin", ORIGIN, "--requests-per-second", "0")
    with collect(topic, key) as running:
        yield running


def events_of(collector: Collector, user: str) -> list[dict[str, Any]]:
    return [event for event in collector.written() if event.get("userId") == user]


def test_every_call_and_letter_arrives_with_its_fields_where_the_spec_has_them(collector: Collector) -> None:
    paths = ["track", "page", "screen", "identify", "group", "alias", "t", "p", "s", "i", "g", "a"]
    for path in paths:
        call = {
            "messageId": f"spec-{path}", "userId": "spec", "anonymousId": "device", "event": "Product Viewed",
            "timestamp": now_iso(-2), "sentAt": now_iso(),
            "context": {"library": {"name": "x"}, "campaign": {"source": "n"}},
            "properties": {"price": 79.5}, "traits": {"plan": "pro"},
        }  # fmt: skip
        assert collector.post(f"/v1/{path}", call) == (200, {"success": True})
    found = {event["messageId"]: event for event in events_of(collector, "spec")}
    assert sorted(found) == sorted(f"spec-{path}" for path in paths)
    types = [found[f"spec-{path}"]["type"] for path in paths]
    assert types == ["track", "page", "screen", "identify", "group", "alias"] * 2
    for event in found.values():
        assert event["site"] == "api"
        assert event["properties"] == {"price": 79.5}
        assert event["traits"] == {"plan": "pro"}
        assert event["context"]["campaign"] == {"source": "n"}
        assert event["timestamp"] == event["originalTimestamp"] < event["sentAt"] <= event["receivedAt"]


@pytest.mark.parametrize("way", ["basic", "bearer", "header", "body", "batch body"])
def test_the_write_key_may_come_in_every_way(collector: Collector, way: str) -> None:
    call = {"type": "page", "userId": f"key {way}"}
    key = collector.write_key
    headers, path, content = {
        "basic": ({"Authorization": basic(key)}, "/v1/page", call),
        "bearer": ({"Authorization": f"Bearer {key}"}, "/v1/page", call),
        "header": ({"X_Write_Key": key}, "/v1/page", call),
        "body": ({}, "/v1/page", {**call, "writeKey": key}),
        "batch body": ({}, "/v1/b", {"batch": [call], "writeKey": key}),
    }[way]
    status, _, _ = collector.request("POST", path, json.dumps(content).encode(), **headers)
    assert status == 200
    (event,) = events_of(collector, f"key {way}")
    assert key not in json.dumps(event)


@pytest.mark.parametrize("headers", [{}, {"Authorization": basic("wrong")}, {"Authorization": "Basic %%%"}])
def test_a_key_of_no_site_is_401(collector: Collector, headers: dict[str, str]) -> None:
    status, answer, _ = collector.request("POST", "/v1/page", b'{"userId":"u"}', **headers)
    assert status == 401
    assert answer["reason"]


def test_a_beacon_is_plain_text_and_an_sdk_may_send_gzip(collector: Collector) -> None:
    batch = json.dumps({"batch": [{"type": "page", "userId": "beacon"}]}).encode()
    assert collector.post("/v1/batch", batch, Content_Type="text/plain;charset=UTF-8", Origin=ORIGIN)[0] == 200
    assert collector.post("/v1/batch", gzip.compress(batch), Content_Encoding="gzip")[0] == 200
    assert len(events_of(collector, "beacon")) == 2


def test_a_browser_gets_leave_for_the_origins_of_a_site_and_no_other(collector: Collector) -> None:
    ask = {"Access_Control_Request_Method": "POST", "Access_Control_Request_Headers": "authorization,x-retry-count"}
    status, _, headers = collector.request("OPTIONS", "/v1/batch", Origin=ORIGIN, **ask)
    assert (status, headers["access-control-allow-origin"]) == (204, ORIGIN)
    assert headers["access-control-allow-headers"] == "authorization,x-retry-count"
    status, _, headers = collector.request("OPTIONS", "/v1/batch", Origin="https://other.example", **ask)
    assert (status, "access-control-allow-origin" in headers) == (403, False)
    call = b'{"userId":"cors"}'
    status, _, headers = collector.request(
        "POST", "/v1/page", call, Origin=ORIGIN, Authorization=basic(collector.write_key)
    )
    assert (status, headers["access-control-allow-origin"]) == (200, ORIGIN)
    status, answer = collector.post("/v1/page", call, Origin="https://other.example")
    assert status == 403
    assert "https://other.example" in answer["reason"]
    assert len(events_of(collector, "cors")) == 1


def test_a_pixel_counts_a_page_without_scripts(collector: Collector) -> None:
    key = collector.write_key
    status, image, _ = collector.request(
        "GET",
        f"/v1/pixel.gif?key={key}&userId=pixel",
        Referer="https://shop.example/mail?utm_source=x",
        User_Agent="Mail",
    )
    assert (status, image[:6]) == (200, b"GIF89a")
    data = base64.urlsafe_b64encode(
        json.dumps({"writeKey": key, "userId": "pixel", "type": "track", "event": "Opened"}).encode()
    )
    assert collector.request("GET", f"/v1/pixel.gif?data={data.decode().rstrip('=')}")[0] == 200
    assert collector.request("GET", "/v1/pixel.gif?data=%25")[0] == 400
    assert collector.request("GET", "/v1/pixel.gif?key=wrong")[0] == 401
    page, track = events_of(collector, "pixel")
    assert page["context"]["page"]["url"].startswith("https://shop.example/mail")
    assert page["context"]["userAgent"] == "Mail"
    assert (track["type"], track["event"]) == ("track", "Opened")


def test_a_batch_keeps_the_good_events_and_reports_the_bad(collector: Collector) -> None:
    batch = {
        "batch": [
            {"type": "page", "userId": "mixed", "messageId": "good-1"},
            {"type": "page", "messageId": "bad", "timestamp": "x"}, 7, {"type": "heartbeat"},
            {"type": "track", "event": "E", "userId": "mixed", "messageId": "good-2"},
        ]
    }  # fmt: skip
    status, answer = collector.post("/v1/batch", batch)
    assert status == 200
    assert [(item["index"], item["messageId"]) for item in answer["rejected"]] == [(1, "bad"), (2, None), (3, None)]
    assert [event["messageId"] for event in events_of(collector, "mixed")] == ["good-1", "good-2"]
    rejected = [event for event in collector.written() if event["type"] == "rejected"]
    assert [event["reason"] for event in rejected[-3:]] == [item["reason"] for item in answer["rejected"]]
    assert rejected[-2]["original"] == "7"


def test_a_batch_of_only_bad_events_is_400(collector: Collector) -> None:
    status, answer = collector.post("/v1/batch", {"batch": [{"type": "nonsense"}]})
    assert status == 400
    assert answer["reason"].startswith("type is unknown")


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/page", b"{" + b" " * 33_000 + b"}", 413),
        ("/v1/batch", b'{"batch":[' + b" " * 512_001 + b"]}", 413),
        ("/v1/batch", json.dumps({"batch": [{"type": "page", "userId": "x" * 33_000}]}).encode(), 400),
        ("/v1/batch", json.dumps({"batch": [{}] * 2501}).encode(), 400),
        ("/v1/page", b"not json", 400),
        ("/v1/nothing", b"{}", 404),
    ],
)
def test_what_is_too_long_or_no_call_is_refused_with_a_reason(
    collector: Collector, path: str, body: bytes, status: int
) -> None:
    assert collector.post(path, body)[0] == status


def test_a_gzip_bomb_is_refused_before_it_unpacks(collector: Collector) -> None:
    bomb = gzip.compress(b" " * 200_000_000)
    assert len(bomb) < 512_000
    began = time.monotonic()
    assert collector.post("/v1/batch", bomb, Content_Encoding="gzip")[0] == 413
    assert time.monotonic() - began < 5
    assert collector.post("/v1/batch", bomb[:-9], Content_Encoding="br")[0] == 415
    assert collector.post("/v1/batch", b"no gzip", Content_Encoding="gzip")[0] == 400


def test_an_event_without_an_id_sent_twice_is_a_copy(collector: Collector) -> None:
    call = {"userId": "retry", "name": "Home", "timestamp": now_iso()}
    for _ in range(2):
        collector.post("/v1/page", {**call, "sentAt": now_iso()})
    first, second = events_of(collector, "retry")
    assert first["messageId"] == second["messageId"]


def test_a_global_privacy_control_takes_away_all_that_identifies(collector: Collector) -> None:
    call = {"userId": "u-4711", "anonymousId": "device-1", "name": "quiet page", "traits": {"email": "ada@example.org"}}
    for header in ({"Sec_GPC": "1"}, {"DNT": "1"}):
        assert collector.post("/v1/page", call, Origin=ORIGIN, **header)[0] == 200
    assert collector.post("/v1/identify", call, Origin=ORIGIN, Sec_GPC="1")[0] == 200
    found = [event for event in collector.written() if event.get("name") == "quiet page"]
    assert [event["type"] for event in found] == ["page", "page"]
    for event in found:
        text = json.dumps(event)
        assert not any(word in text for word in ("u-4711", "device-1", "ada@", "127.0.0.1"))
        assert event["anonymousId"]


def test_what_analytics_js_asks_for_names_this_collector(collector: Collector) -> None:
    _, settings, headers = collector.request("GET", f"/v1/projects/{collector.write_key}/settings", Origin=ORIGIN)
    assert settings["integrations"]["Segment.io"]["apiHost"] == collector.url.removeprefix("http://") + "/v1"
    assert headers["access-control-allow-origin"] in ("*", ORIGIN)
    assert collector.request("GET", "/v1/projects/wrong/settings")[0] == 404
    assert collector.post("/v1/m", {"series": []})[0] == 200


def test_probes_and_metrics_answer(collector: Collector) -> None:
    collector.post("/v1/page", {"userId": "metrics"})
    assert collector.request("GET", "/health")[0] == 200
    assert collector.request("GET", "/ready")[1] == {"ready": True, "reasons": []}
    text = collector.request("GET", "/metrics")[1].decode()
    assert 'footfall_collector_events_total{outcome="accepted",site="api"}' in text
    assert 'route="/v1/page"' in text
    assert collector.write_key not in text
    status, script, headers = collector.request("GET", "/footfall.js")
    assert (status, headers["content-type"]) == (200, "text/javascript; charset=utf-8")
    assert b"sendBeacon" in script


def test_a_client_that_sends_slowly_is_cut_off(collector: Collector) -> None:
    place = ("127.0.0.1", int(collector.url.rpartition(":")[2]))
    with socket.create_connection(place, timeout=30) as head, socket.create_connection(place, timeout=30) as body:
        head.sendall(b"POST /v1/page HTTP/1.1\r\nHost: x\r\n")
        body.sendall(b"POST /v1/page HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        assert body.recv(1000).startswith(b"HTTP/1.1 408")
        assert b"200" not in head.recv(1000)


def test_a_flood_of_headers_is_refused(collector: Collector) -> None:
    place = ("127.0.0.1", int(collector.url.rpartition(":")[2]))
    with socket.create_connection(place, timeout=30) as flood:
        flood.sendall(
            b"POST /v1/page HTTP/1.1\r\nHost: x\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(500)) + b"\r\n"
        )
        assert flood.recv(1000).startswith(b"HTTP/1.1 431")


def test_the_document_is_true_of_every_answer(collector: Collector, tmp_path: Path) -> None:
    """Schemathesis makes calls of the OpenAPI document, good and bad, and holds the answers against it.

    Both headers are given: what it makes up for them are bytes that no header may hold.
    """
    command = [str(FOOTFALL.with_name("schemathesis")), "run", f"{collector.url}/openapi.json", "--seed", "1"]
    command += ["--max-examples", "20", "-H", f"Authorization: {basic(collector.write_key)}"]
    command += ["-H", f"X-Write-Key: {collector.write_key}", "--checks"]
    command += ["not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"]
    for path in ("/v1/track", "/v1/p", "/v1/batch", "/v1/m", "/v1/pixel.gif", "/v1/projects/{key}/settings"):
        command += ["--include-path", path]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout[-4000:]
    assert "6 passed" in done.stdout


def test_an_address_can_not_be_forged_but_by_a_trusted_proxy(stack: Settings) -> None:
    topic = fresh_topic(stack)
    key = add_site(topic, "proxies")
    forged = {"X_Forwarded_For": "198.51.100.99, 203.0.113.77", "Origin": "https://proxies.example"}
    output("site", "set", "proxies", "--origin", "https://proxies.example", settings=topic)
    with collect(topic, key) as direct:
        direct.post("/v1/page", {"userId": "direct"}, **forged)
        (event,) = direct.written()
        assert event["context"].get("ip") == "127.0.0.0"
    with collect(topic, key, "--trusted-proxy", "127.0.0.0/8") as behind:
        behind.post("/v1/page", {"userId": "behind"}, **forged)
        (event,) = events_of(behind, "behind")
        assert event["context"].get("ip") == "203.0.113.0"


def test_too_many_requests_are_429_with_retry_after(stack: Settings) -> None:
    topic = fresh_topic(stack)
    key = add_site(topic, "busy", "--requests-per-second", "5")
    with collect(topic, key) as collector:
        answers = [
            collector.request("POST", "/v1/page", b'{"userId":"u"}', Authorization=basic(key)) for _ in range(40)
        ]
    statuses = [status for status, _, _ in answers]
    assert set(statuses) == {200, 429}
    assert all(int(headers["retry-after"]) > 0 for status, _, headers in answers if status == 429)
    assert statuses.count(200) == len(collector.written())


def test_a_site_is_known_within_seconds_and_served_while_postgres_is_away(stack: Settings) -> None:
    topic = fresh_topic(stack)
    with collect(topic, "") as collector:
        collector.write_key = add_site(topic, "fresh")
        wait_for("the new site", lambda: collector.post("/v1/page", {"userId": "a"})[0] == 200, 10, patience=1)
        with away(topic, "Postgres"):
            assert not connections.answers(topic)
            for _ in range(20):
                assert collector.post("/v1/page", {"userId": "b"})[0] == 200
        old = collector.write_key
        output("site", "rotate", "fresh", "--overlap", "0s", settings=topic)
        wait_for("the old key's end", lambda: collector.post("/v1/page", {"userId": "c"})[0] == 401, 10, patience=1)
        assert old == collector.write_key


def test_while_the_broker_is_away_the_answer_is_503_and_nothing_is_claimed(stack: Settings) -> None:
    topic = fresh_topic(stack)
    key = add_site(topic, "patient")
    with collect(topic, key) as collector:
        assert collector.post("/v1/page", {"userId": "before"})[0] == 200
        with away(topic, "Kafka"):
            body = b'{"userId":"during"}'
            status, _, headers = collector.request("POST", "/v1/page", body, Authorization=basic(key))
            assert status == 503
            assert int(headers["retry-after"]) > 0
            wait_for("it to be unready", lambda: collector.request("GET", "/ready")[0] == 503, 60)
        wait_for("events again", lambda: collector.post("/v1/page", {"userId": "after"})[0] == 200, 60)
        assert len(events_of(collector, "after")) == 1


def test_tls_is_served_by_the_collector_itself(stack: Settings, tmp_path: Path) -> None:
    chain, key_file = certificate(tmp_path)
    topic = fresh_topic(stack)
    key = add_site(topic, "secure")
    tls = ssl.create_default_context(cafile=str(chain))
    with collect(topic, key, "--certificate", str(chain), "--key", str(key_file)) as collector:
        request = post(f"{collector.url}/v1/page", b'{"userId":"tls"}', key)
        wait_for("TLS", lambda: drive(collector.url, [request], connections=1, tls=tls).statuses[200], 60)
        assert events_of(collector, "tls")


def test_what_is_wrong_with_the_start_is_one_line(stack: Settings) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        line = complaint("collect", "--port", str(other.getsockname()[1]), settings=stack)
    assert "Address already in use" in line
    assert "--port" in line
    missing = complaint(
        "collect", "--port", str(free_port()), "--certificate", "/nowhere", "--key", "/nowhere", settings=stack
    )
    assert "/nowhere" in missing


def test_the_role_of_the_collector_reads_no_table_of_visitors(stack: Settings) -> None:
    with psycopg.connect(connections.collector(stack)) as connection:
        for table in ("sessions", "late_events", "job_history"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"SELECT FROM {table}")
            connection.rollback()
