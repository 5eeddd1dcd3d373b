"""What nobody should send, beside what everybody does: no job ends, and every good event is in the tables."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import psycopg
import pytest
from hostile import as_json, hostile_calls, reported

from footfall.database import connections, maintenance
from footfall.deploy import client, cluster, rest
from footfall.project.catalog import all_jobs, written_tables
from footfall.settings import Settings
from footfall.stack import flink
from footfall.topic import Record, iso, last_records, sender

from .collectors import add_site, collect
from .helpers import Row, cancel, failures, flink_run, fresh_topic, truncate, wait_for

pytestmark = pytest.mark.cluster
VISITORS, HOSTILE = 60, 200
HOUR = 3_600_000


class Sent(NamedTuple):
    """The topic of it all; ids of good events, how the collector answered the hostile calls, and state() before."""

    settings: Settings
    good: set[str]
    answers: list[int]
    before: tuple[Any, ...]


@pytest.fixture(params=["apart", "all_jobs"])
def sent(request: pytest.FixtureRequest, stack: Settings) -> Iterator[Sent]:
    settings = fresh_topic(stack, partitions=2)
    truncate(settings, *written_tables(), "refused_rows")
    site = f"hostile-{request.param.replace('_', '-')}"
    key = add_site(stack, site, "--trait", "plan")
    names = list(all_jobs()) if request.param == "apart" else ["all_jobs"]
    flink_run(settings, client.command(settings, names, "-p", "1"))
    try:
        before = state(settings)
        good = straight_into_kafka(settings, site, int(time.time() * 1000) - 2 * HOUR)
        more, answers = through_a_collector(settings, key)
        yield Sent(settings, good | more, answers, before)
    finally:
        for job in cluster.jobs(settings):
            cancel(settings, job)


def state(settings: Settings) -> tuple[Any, ...]:
    """The task manager's process, and each job with its failures and attempts: the same before and after."""
    process = flink.task_manager(settings)
    assert process
    attempts = []
    for job in sorted(wait_for("running jobs", lambda: all_run(settings)), key=lambda job: job.name):
        vertices = rest.call(settings, f"/jobs/{job.id}")["vertices"]
        found = [rest.call(settings, f"/jobs/{job.id}/vertices/{vertex['id']}")["subtasks"] for vertex in vertices]
        attempts.append(
            (job.name, job.id, failures(settings, job), [task["attempt"] for part in found for task in part])
        )
    return process.pid, attempts


def all_run(settings: Settings) -> list[cluster.Job]:
    jobs = cluster.jobs(settings)
    tasks = [rest.call(settings, f"/jobs/{job.id}")["vertices"] for job in jobs]  # none yet while a job is read
    return jobs if all(of and {task["status"] for task in of} == {"RUNNING"} for of in tasks) else []


def straight_into_kafka(settings: Settings, site: str, start: int) -> set[str]:
    """Good events of two hours ago among hostile ones, then events of now, which close all windows; ids of the good.

    What has odd times goes into the other partition: the watermark, the lesser of both, waits for the good.
    """
    good: set[str] = set()
    calls = [reported(random.Random(2)), *hostile_calls(HOSTILE)]

    def at(ms: int) -> dict[str, str]:
        return {"timestamp": iso(ms), "receivedAt": iso(ms + 500)}

    with sender(settings) as topic:
        for number, call in enumerate(calls):
            ms = start + number * 500
            if number < VISITORS:
                for type_ in ("page", "track", "identify"):
                    event: dict[str, Any] = {
                        "messageId": f"{type_}-{number}", "type": type_, "site": site, "anonymousId": f"good {number}",
                        "event": "Done", "traits": {"plan": "all"}, "context": {"page": {"path": "/good"}}, **at(ms),
                    }  # fmt: skip
                    good.add(event["messageId"])
                    topic.send(None, as_json(event), 0)
            hostile = {
                "messageId": f"k-{number}", "anonymousId": f"hostile {number}", "site": site, **at(ms), **call,
            }  # fmt: skip
            topic.send(None, as_json(hostile), 0 if hostile["timestamp"] == iso(ms) and "receivedAt" not in call else 1)
        now = int(time.time() * 1000)
        for partition in (0, 1):
            topic.send(None, json.dumps({"type": "heartbeat", **at(now)}).encode(), partition)
    return good


def through_a_collector(settings: Settings, key: str) -> tuple[set[str], list[int]]:
    """A good call after each hostile one; the ids of the good, and the answers to the others."""
    good, answers = set(), []
    with collect(settings, key) as collector:
        for number, call in enumerate([reported(random.Random(1)), *hostile_calls(HOSTILE, seed=19)]):
            hostile = {"messageId": f"c-{number}", "anonymousId": f"hostile {number}", **call}
            answers.append(collector.post(f"/v1/{hostile['type']}", as_json(hostile))[0])
            good.add(f"kept-{number}")
            assert collector.post("/v1/page", {"messageId": f"kept-{number}", "anonymousId": "g"})[0] == 200
    return good, answers


def asked(settings: Settings, query: str) -> list[Row]:
    """As the owner: traits are nobody else's to read."""
    with psycopg.connect(connections.owner(settings)) as connection:
        return connection.execute(query).fetchall()  # type: ignore[arg-type]


def message_id(record: Record) -> str:
    """As Flink reads it."""
    found = json.loads(record.value or b"{}").get("messageId")
    return found if isinstance(found, str) else json.dumps(found, separators=(",", ":"))


def test_hostile_calls_end_no_job_and_lose_no_event(sent: Sent) -> None:
    settings, site = sent.settings, "WHERE site LIKE 'hostile-%' AND visitor_id LIKE 'g%'"
    records = last_records(settings)
    hostile = {
        (record.partition, record.offset): message_id(record) for record in records
        if message_id(record) not in sent.good and json.loads(record.value or b"{}").get("type") != "heartbeat"
    }  # fmt: skip

    def events() -> set[str]:
        return {row[0] for row in asked(settings, "SELECT message_id FROM visit_events")}

    # The hostile through the collector as well: what it let through is a record, and so is what it turned away.
    wait_for("the good events", lambda: sent.good <= events())
    wait_for("the good visits", lambda: asked(settings, f"SELECT count(*) FROM sessions {site}") == [(VISITORS,)])
    for query, found in (
        ("SELECT sum(page_view_count) FROM page_views_per_minute WHERE page_path = '/good'", VISITORS),
        ("SELECT sum(event_count) FROM custom_events_per_minute WHERE event_name = 'Done'", VISITORS),
        (f"SELECT count(*) FROM user_traits {site} AND trait = 'plan'", VISITORS),
    ):
        wait_for(query, lambda query=query, found=found: asked(settings, query) == [(found,)], 60)

    def elsewhere() -> set[tuple[int, int]]:
        places = "SELECT kafka_partition, kafka_offset FROM"
        return set(asked(settings, f"{places} rejected_events UNION ALL {places} late_events"))

    def missing() -> dict[tuple[int, int], str]:
        here, there = events(), elsewhere()
        return {place: id_ for place, id_ in hostile.items() if id_ not in here and place not in there}

    wait_for("a place for every record", lambda: not missing(), 60)
    assert len(hostile) > 1.5 * HOSTILE
    assert sent.answers.count(200) > HOSTILE / 2
    assert set(sent.answers) <= {200, 400, 413}
    assert asked(settings, "SELECT count(*) FROM rejected_events WHERE reason IS NULL OR reason = ''") == [(0,)]
    assert asked(settings, "SELECT count(*) > 0 FROM elements_per_minute") == [(True,)]
    assert asked(settings, "SELECT table_name, reason FROM refused_rows") == []
    maintenance.refresh_rollups(connections.owner(settings))
    assert state(settings) == sent.before
