"""Preview and recording from a real topic: the rows of a real job, and cases without the people of the events."""

from __future__ import annotations

import csv
import io
import json
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from odd_records import GOOD, odd_records

from footfall.preview.input import topic_records
from footfall.preview.pseudonyms import read_key
from footfall.preview.record_case import record_case
from footfall.project.catalog import SQL
from footfall.settings import Settings
from footfall.testing.runner import TESTS, Runner
from footfall.topic import sender

from .commands import complaint, output, planning, run
from .helpers import fresh_topic, rows, truncate

pytestmark = pytest.mark.cluster
AT = {"timestamp": "2026-01-31T12:00:00.000Z", "receivedAt": "2026-01-31T12:00:00.500Z"}
JOBS = ("rejected_events", "late_events", "page_views_per_minute")


@pytest.fixture(scope="module")
def topic(stack: Settings) -> Settings:
    """Odd records on every partition, among them some of a visitor who comes late once."""
    settings = fresh_topic(stack)
    with sender(settings) as opened:
        partitions = opened.partitions()
        for number, value in zip(range(800), odd_records(), strict=False):
            opened.send(b"key", value, partitions[number % len(partitions)])
        for number in range(3):
            event = {**GOOD, **AT, "messageId": f"ada-{number}", "anonymousId": "Ada Lovelace"}
            if number == 2:
                event["receivedAt"] = "2026-01-31T12:05:00.000Z"
            opened.send(b"ada", json.dumps(event, indent=1).encode(), partitions[0])
        opened.send(b"none", None, partitions[1])
    return settings


def test_a_preview_is_what_the_job_writes(topic: Settings) -> None:
    truncate(topic, *JOBS)
    # Only the end of the log closes windows here, as times lie far apart
    output("run", *JOBS, "-p", "1", "--set", "pipeline.auto-watermark-interval=0 ms", settings=topic)
    for job in ("rejected_events", "late_events"):
        text = output("preview", job, "--last", "5000", "--limit", "0", "--csv", settings=topic, by=planning)
        found = {tuple(row[:3]) for row in csv.reader(io.StringIO(text))} - {
            ("received_at", "kafka_partition", "kafka_offset")
        }
        assert {row[1:] for row in found} == {(str(row[1]), str(row[2])) for row in rows(topic, job)}, job
    as_json = output("preview", "late_events", "--last", "5000", "--limit", "0", "--json", settings=topic, by=planning)
    assert "ada-2" in as_json


def test_a_query_from_standard_input_over_the_last_events(topic: Settings) -> None:
    query = "SELECT visitor_id, COUNT(*) AS n FROM received_events WHERE visitor_id LIKE 'Ada%' GROUP BY visitor_id"
    text = output("preview", "--sql", query, "--last", "30m", "--json", settings=topic)
    assert [json.loads(line) for line in text.splitlines()] == [{"visitor_id": "Ada Lovelace", "n": 3}]


def test_an_empty_topic_an_unknown_job_and_a_wrong_query_are_one_line(stack: Settings, topic: Settings) -> None:
    empty = fresh_topic(stack)
    wrong: Any = partial(complaint, "preview", by=planning)
    assert f"the topic {empty.topic} holds no events: `footfall load FILE`" in wrong("sessions", settings=empty)
    assert "no job session in sql/jobs; did you mean sessions?" in wrong("session", code=2)
    assert "--sql:1: Object 'event' not found" in wrong("--sql", "SELECT * FROM event", settings=topic)
    nowhere = {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}
    assert "no Kafka answers at 127.0.0.1:1" in wrong("sessions", changes=nowhere)


def test_a_case_is_recorded_from_the_topic_without_the_visitor(topic: Settings, tmp_path: Path) -> None:
    for path in TESTS.glob("sessions.yml"):
        shutil.copy(path, tmp_path)
    before = (tmp_path / "sessions.yml").read_text(encoding="utf-8")
    records, key = topic_records(topic, 5000), read_key(topic.home / "pseudonyms.key")
    with Runner(SQL, tmp_path) as runner:  # another folder than the command line would write into
        made = record_case(runner, "sessions", "ada", records, key, where="visitor_id = 'Ada Lovelace'")
        assert (made.events, made.rows) == (3, 1)
        assert all(result.passed for result in runner.run(["sessions"]))
    text = (tmp_path / "sessions.yml").read_text(encoding="utf-8")
    assert text.startswith(before)
    assert "Ada" not in text


def test_what_can_not_be_recorded_is_reported_and_nothing_is_written(topic: Settings) -> None:
    before = (TESTS / "sessions.yml").read_bytes()
    record = ("test", "sessions", "--record", "x", "--last", "5000", "--where")
    assert "none of the events read" in complaint(*record, "site = 'nobody'", settings=topic, by=planning)
    assert "--where:1: Column 'visitor' not found" in complaint(*record, "visitor = 'a'", settings=topic, by=planning)
    assert run("test", "sessions", "late_events", "--record", "x").returncode == 2
    assert (TESTS / "sessions.yml").read_bytes() == before
