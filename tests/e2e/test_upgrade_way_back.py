"""An upgrade that fails once the new SQL runs: the old SQL is back, and no event is lost or written twice."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from footfall.deploy import cluster, history
from footfall.settings import Settings
from footfall.stack import flink
from footfall.topic import iso, sender

from .checkout import Checkout, Edit
from .helpers import asked, fresh_topic, rows, stop_all, truncate, wait_for

pytestmark = pytest.mark.cluster
JOB = "late_events"
# How the new SQL fails, once it runs: what is edited in which file, and what is said of it.
FAILURES: dict[str, tuple[str, Edit, tuple[str, ...], str]] = {
    "a row that Postgres refuses": (
        "jobs/late_events.sql", (("  event_name,", "  CONCAT(event_type, U&'\\0000') AS event_name,"),), (), "0x00",
    ),
    "a topic that is not there, in a replay": (
        "tables/raw_events.sql", (("'${RAW_EVENTS_TOPIC}'", "'no_such_topic'"),), ("--replay",), "topic",
    ),
}  # fmt: skip


@pytest.fixture
def topic(stack: Settings) -> Iterator[Settings]:
    settings = fresh_topic(stack)
    truncate(settings, JOB)
    yield settings
    stop_all(settings)


@contextmanager
def late_visitor(settings: Settings) -> Iterator[list[str]]:
    """An event that comes two minutes late, ten times a second; the ids of those that were written."""
    sent: list[str] = []
    done = threading.Event()

    def send() -> None:
        with sender(settings) as topic:
            while not done.wait(0.1):
                now = datetime.now(UTC)
                event = {
                    "messageId": f"m{len(sent)}", "type": "page", "site": "shop", "anonymousId": f"v{len(sent)}",
                    "timestamp": iso(int((now - timedelta(minutes=2)).timestamp() * 1000)),
                    "receivedAt": iso(int(now.timestamp() * 1000)),
                }  # fmt: skip
                topic.send(event["anonymousId"].encode(), json.dumps(event).encode())
                sent.append(event["messageId"])

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield sent
    finally:
        done.set()
        thread.join()


@pytest.mark.parametrize("failure", FAILURES)
def test_a_version_that_fails_once_it_runs_gives_way_to_the_old_one(
    topic: Settings, tmp_path: Path, failure: str
) -> None:
    file, edit, options, reason = FAILURES[failure]
    checkout = Checkout(tmp_path / "footfall")
    checkout.output("submit", JOB, settings=topic)
    with late_visitor(topic) as sent:
        wait_for("events before", lambda: len(rows(topic, JOB)) > 10)
        manager = flink.task_manager(topic)
        checkout.edit(edit, file)
        failed = checkout.run("upgrade", JOB, *options, settings=topic)
        until = len(sent) + 20
        wait_for("events after", lambda: len(sent) > until)
    assert failed.returncode == 1
    complaint = failed.stderr.strip().splitlines()[-1]
    assert f"{JOB} is as it was, on its old SQL: " in complaint
    assert reason in complaint

    assert [job.name for job in cluster.jobs(topic)] == [JOB]
    running = cluster.running(topic, JOB)
    wait_for("every event", lambda: len(rows(topic, JOB)) >= len(sent))
    time.sleep(2)  # what was too much would come now
    assert sorted(row[4] for row in rows(topic, JOB)) == sorted(sent)
    assert {row[8] for row in rows(topic, JOB)} == {None}  # event_name, as the old SQL tells it
    cluster.refuse_failed(topic, running.id)

    assert flink.task_manager(topic) == manager  # no row ends it
    [newest, *_] = [entry for entry in history.entries(topic, JOB) if entry.action == "failed"]
    assert reason in newest.note
    assert asked(topic, "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'replay%'") == []
