"""`footfall load` of files that others wrote: what is then in the topic, in which order, and what it says of it."""

from __future__ import annotations

import gzip
import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from footfall.admin import sites
from footfall.admin.site_options import Options
from footfall.collector.consent import Consent
from footfall.database import connections
from footfall.loaders.snowplow import COLUMNS
from footfall.settings import ROOT, Settings
from footfall.topic import last_records, milliseconds, record_count

from .collectors import collect
from .commands import complaint, output
from .helpers import fresh_topic

pytestmark = pytest.mark.cluster
SITE = "imported"
AGENT = "Mozilla/5.0 (X11; Linux x86_64) Firefox/145.0"
MINUTE = 60_000


@pytest.fixture(scope="module", autouse=True)
def site(stack: Settings) -> Iterator[None]:
    sites.ensure(connections.owner(stack), SITE, Options(default_consent=Consent.FULL))
    yield
    sites.remove(connections.owner(stack), SITE)


@pytest.fixture
def topic(stack: Settings) -> Settings:
    return fresh_topic(stack, partitions=1)


def request(minute: int, path: str, address: str = "203.0.113.77") -> str:
    at = f"31/Jan/2026:{13 + minute // 60}:{minute % 60:02}:00 +0100"
    return f'shop.example:443 {address} - - [{at}] "GET {path} HTTP/1.1" 200 512 "-" "{AGENT}"\n'


def rotated(folder: Path) -> list[str]:
    """Three files as logrotate leaves them: access.log is the newest, access.log.2.gz the oldest."""
    oldest = [request(0, "/"), request(1, "/style.css"), request(3, "/b"), request(2, "/a"), request(2, "/a")]
    older = [request(9, "/c?utm_source=news"), "not a request\n", request(10, "/d", "198.51.100.9")]
    (folder / "access.log.2.gz").write_bytes(gzip.compress("".join(oldest).encode()))
    (folder / "access.log.1").write_text("".join(older))
    (folder / "access.log").write_text(request(90, "/e"))
    return [str(folder / name) for name in ("access.log", "access.log.1", "access.log.2.gz")]


def events_of(topic: Settings) -> list[dict[str, Any]]:
    records = sorted(last_records(topic, 1000), key=lambda record: record.offset)
    events: list[dict[str, Any]] = [json.loads(record.value or b"") for record in records]
    for record, event in zip(records, events, strict=True):
        if event["type"] != "rejected":
            assert record.key == f"{SITE}:{event['anonymousId']}".encode()
    return events


def test_rotated_logs_are_in_the_topic_in_order_of_time_and_once(topic: Settings, tmp_path: Path) -> None:
    printed = output("load", *rotated(tmp_path), "--site", SITE, settings=topic)
    assert printed.splitlines()[-3:] == [
        f"7 events loaded into {topic.topic} as site {SITE}",
        "left out: 1 assets",
        "1 lines can't be read as events: they come into rejected_events",
    ]
    *events, rejected, second_last, last = events_of(topic)
    events += [second_last, last]
    assert [event["context"]["page"]["path"] for event in events] == ["/", "/a", "/a", "/b", "/c", "/d", "/e"]
    assert [event["context"]["page"]["url"] for event in events][4] == "https://shop.example/c?utm_source=news"
    times = [milliseconds(event["timestamp"]) for event in events]
    assert [(time - times[0]) // MINUTE for time in times] == [0, 2, 2, 3, 9, 10, 90]
    assert [event["receivedAt"] for event in events] == [event["timestamp"] for event in events]
    assert {event["site"] for event in events} == {SITE}
    assert len({event["messageId"] for event in events}) == 7
    visitors = [event["anonymousId"] for event in events]
    assert len({*visitors[:5], visitors[6]}) == 1
    assert visitors[5] != visitors[0]
    assert rejected == {
        "type": "rejected",
        "site": SITE,
        "reason": "not a line of an access log in combined format",
        "original": "not a request",
        "receivedAt": events[4]["timestamp"],
    }


def test_the_same_files_again_have_the_same_ids(stack: Settings, topic: Settings, tmp_path: Path) -> None:
    files = rotated(tmp_path)
    output("load", *files, "--site", SITE, settings=topic)
    again = fresh_topic(stack, partitions=1)
    output("load", *reversed(files), "--site", SITE, "--format", "access-log", settings=again)
    first, second = ([event.get("messageId") for event in events_of(place)] for place in (topic, again))
    assert first == second


def test_a_ga4_export_in_no_order_is_sorted(topic: Settings, tmp_path: Path) -> None:
    rows = [
        {"event_name": name, "event_timestamp": str((1769864400 + second) * 1_000_000), "user_pseudo_id": "1.2"}
        for second, name in ((90, "purchase"), (0, "session_start"), (0, "page_view"), (300, "scroll"))
    ]
    for name, part in (("events_1.json.gz", rows[:2]), ("events_0.json.gz", rows[2:])):
        (tmp_path / name).write_bytes(gzip.compress("".join(f"{json.dumps(row)}\n" for row in part).encode()))
    files = [str(tmp_path / name) for name in ("events_1.json.gz", "events_0.json.gz")]
    assert "4 events loaded" in output("load", *files, "--site", SITE, settings=topic)
    events = events_of(topic)
    assert {event.get("event", event["type"]) for event in events[:2]} == {"session_start", "page"}
    assert [event["event"] for event in events[2:]] == ["Order Completed", "scroll"]
    assert {event["anonymousId"] for event in events} == {"1.2"}


def test_a_snowplow_file_keeps_its_ids(topic: Settings, tmp_path: Path) -> None:
    file = tmp_path / "part-00000"
    rows = (
        {"event": kind, "event_id": f"e{second}", "domain_userid": "d", "derived_tstamp": f"2026-01-31 13:00:{second}"}
        for second, kind in ((30, "page_ping"), (10, "page_view"))
    )
    file.write_text("".join("\t".join(row.get(name, "") for name in COLUMNS) + "\n" for row in rows))
    assert "2 events loaded" in output("load", str(file), "--site", SITE, settings=topic)
    assert [(event["messageId"], event["type"]) for event in events_of(topic)] == [("e10", "page"), ("e30", "track")]


def test_the_rules_of_a_site_hold_for_its_own_formats_too(topic: Settings, tmp_path: Path) -> None:
    lines = [
        {"type": "page", "messageId": "m1", "anonymousId": "a", "timestamp": "2026-01-31T12:00:00Z",
         "context": {"ip": "203.0.113.77", "page": {"path": "/", "title": "for ada@example.com"}}},
        {"type": "page", "messageId": "m2", "anonymousId": "b", "timestamp": "2026-01-31T12:00:01Z",
         "receivedAt": "2026-01-31T13:09:00+01:00", "sentAt": "ada", "context": {"consent": {"category": "anonymous"}}},
        {"type": "page", "messageId": "m3", "anonymousId": "c", "timestamp": "2026-01-31T12:00:02Z",
         "context": {"consent": {"category": "none"}}},
        {"type": "track", "messageId": "m4", "anonymousId": "d", "timestamp": "2026-01-31T12:00:03Z"},
        {"type": "page", "messageId": "m5", "anonymousId": "e", "timestamp": "mail to bob@example.com"},
    ]  # fmt: skip
    file = tmp_path / "events.jsonl"
    file.write_text("".join(f"{json.dumps(line)}\n" for line in lines) + "[no event of ada@example.com\n")
    printed = output("load", str(file), "--site", SITE, settings=topic)
    assert printed.splitlines()[-3:] == [
        f"2 events loaded into {topic.topic} as site {SITE}",
        "left out: 1 without consent",
        "3 lines can't be read as events: they come into rejected_events",
    ]
    first, second, unnamed, untimed, broken = events_of(topic)
    assert first["context"]["ip"] == "203.0.113.0"
    assert first["context"]["page"]["title"] == "for [e-mail]"
    assert second["anonymousId"] not in ("b", first["anonymousId"])
    assert (second["receivedAt"], second["sentAt"]) == ("2026-01-31T12:09:00.000Z", None)
    assert unnamed["reason"].startswith("a track call needs an event")
    assert untimed["reason"] == "timestamp is missing or not ISO-8601"
    assert "bob" not in untimed["original"]
    assert (broken["reason"], broken["original"]) == ("the text is not a JSON object", "[no event of [e-mail]")
    assert [event.get("receivedAt") for event in (unnamed, broken)] == ["2026-01-31T12:00:01.000Z"] * 2


def test_several_files_of_one_s_own_come_in_order_of_their_first_times(stack: Settings, tmp_path: Path) -> None:
    topic = fresh_topic(stack, partitions=1)
    for name, hour in (("b.csv", 12), ("a.csv", 13)):
        rows = "".join(f"u,2026-01-31T{hour}:{minute}:00Z,/{hour}{minute}\n" for minute in (10, 20))
        (tmp_path / name).write_text(f"user_id,event_time,url\n{rows}")
    printed = output("load", str(tmp_path / "a.csv"), str(tmp_path / "b.csv"), "--site", "none", settings=topic)
    assert "no privacy rules were applied: Postgres has no site none" in printed
    assert "4 events loaded" in printed
    assert "behind others" not in printed
    records = sorted(last_records(topic, 10), key=lambda record: record.offset)
    paths = [json.loads(record.value or b"")["context"]["page"]["path"] for record in records]
    assert paths == ["/1210", "/1220", "/1310", "/1320"]


def test_what_can_not_be_loaded_is_one_line_and_writes_nothing(topic: Settings, tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    log.write_text(request(0, "/"))
    cut = tmp_path / "access.log.1.gz"
    cut.write_bytes(gzip.compress("".join(request(minute, f"/{minute * 7919}") for minute in range(60)).encode())[:-9])
    garbage = tmp_path / "garbage"
    garbage.write_bytes(b"\x00\x01\xfe\xff" * 1000)

    def said(*arguments: str | Path, code: int = 1) -> str:
        return complaint("load", *map(str, arguments), "--site", SITE, settings=topic, code=code)

    assert said(tmp_path / "none.log") == f"footfall: can't read {tmp_path / 'none.log'}: No such file or directory"
    assert said(tmp_path / "none", "--format", "csv").startswith(f"footfall: can't read {tmp_path / 'none'}: ")
    assert said(log, cut).startswith(f"footfall: {cut} is no whole gzip file: ")
    assert said(garbage) == f"footfall: {garbage} is no text: found the byte 0 in it"
    assert "none of its 1 lines is an event of a GA4 export" in said(log, "--format", "ga4")
    assert said(log, log) == f"footfall: {log} is named twice: its events would count twice"
    assert "--origin is for access logs" in said(tmp_path / "a.csv", "--format", "csv", "--origin", "https://a.example")
    line = complaint("load", str(log), "--site", "unknown", settings=topic)
    assert line == (
        "footfall: there is no site unknown, whose privacy rules decide what may be kept: "
        "`footfall site add unknown` first"
    )
    line = complaint("load", str(log), "--site", SITE, settings=topic, changes={"POSTGRES_PORT": "1"})
    assert line.startswith(f"footfall: the privacy rules of site {SITE} can't be read: Postgres at 127.0.0.1:1")
    assert record_count(topic) == 0


def test_a_log_behind_newer_events_is_refused(topic: Settings, tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    log.write_text(request(90, "/"))
    output("load", str(log), "--site", SITE, settings=topic)
    log.write_text(request(0, "/"))
    line = complaint("load", str(log), "--site", SITE, settings=topic)
    assert line.startswith(f"footfall: {log} begins at 2026-01-31T12:00:00.000Z, but {topic.topic} already holds")
    assert record_count(topic) == 1


def test_a_server_tells_what_it_knows_with_segment_s_own_library(stack: Settings, topic: Settings) -> None:
    spec = importlib.util.spec_from_file_location("server_side", ROOT / "docs" / "examples" / "server_side.py")
    assert spec
    assert spec.loader
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    with collect(topic, sites.ensure(connections.owner(stack), SITE)) as collector:
        example.main(collector.url, collector.write_key)
        written = {event["type"]: event for event in collector.written()}
    assert sorted(written) == ["identify", "page", "track"]
    assert {(event["site"], event["userId"]) for event in written.values()} == {(SITE, "customer-1815")}
    assert written["track"]["properties"]["order_id"] == "order-1842"
    assert written["track"]["context"]["ip"] == "203.0.113.0"
    assert written["track"]["context"]["library"]["name"] == "analytics-python"
