"""Jobs that get other SQL while they run: what `plan` says of a change, and what `upgrade` makes of it."""

from __future__ import annotations

import json
import os
import re
import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import psycopg
import pytest
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType

from footfall.database import connections
from footfall.deploy import checkpoints, client, cluster, history, locks, rest
from footfall.deploy.versions import read_version
from footfall.errors import FootfallError
from footfall.project.catalog import SQL
from footfall.settings import Settings
from footfall.simulate import run
from footfall.simulate.visitors import arrivals
from footfall.topic import iso, sender
from jobs.sql_suite import job_names

from . import readers
from .checkout import Checkout, Edit
from .helpers import (
    EPOCH,
    await_read,
    count,
    flink_run,
    fresh_topic,
    rows,
    settled_rows,
    stop_all,
    truncate,
    wait_for,
)

pytestmark = pytest.mark.cluster
BOUNCE = "page_view_count = 1 AND interaction_count = 0 AS is_bounce"
# Events a second while a job is upgraded. With nothing else on two cores, UPGRADE_RATE=2000 passes too.
RATE = float(os.environ.get("UPGRADE_RATE", "400"))
LAST_AGGREGATE = "        COUNT(*) FILTER (WHERE is_entry AND is_from_data_centre) > 0 AS is_from_data_centre\n"
PAGE_VIEWS = """INSERT INTO page_views_per_minute
SELECT site, CAST(window_start AS TIMESTAMP(3)) AS window_start, COALESCE(page_path, '') AS page_path,
  COUNT(*) AS page_view_count, COUNT(DISTINCT visitor_id) AS visitor_count
FROM TABLE(TUMBLE(DATA => TABLE events, TIMECOL => DESCRIPTOR(event_time), SIZE => INTERVAL '1' MINUTE))
WHERE event_type IN ('page', 'screen')
GROUP BY site, window_start, window_end, COALESCE(page_path, '')
ON CONFLICT DO DEDUPLICATE;
END;
"""
TOGETHER = ("arrivals_per_minute", "late_events", "page_views_per_minute", "sessions")  # which write five tables
# What is edited, what `plan` must call it, and whether Flink takes the old state, asked of a real cluster.
EDITS: dict[str, tuple[Edit, str, bool]] = {
    "a comment": ((("FROM events;", "FROM events; -- once each"),), "unchanged", True),
    "a column renamed above the aggregate": (
        (
            ("AS interaction_count", "AS action_count"), ("interaction_count = 0", "action_count = 0"),
            ("  interaction_count,", "  action_count AS interaction_count,"),
        ), "unchanged", True,
    ),
    "an expression above the aggregate": (((BOUNCE, BOUNCE.replace("= 1", "<= 1")),), "restores", True),
    "a filter below the operator": (
        (("FROM events;", "FROM events\nWHERE event_type <> 'track';"),), "replays", True,
    ),
    "a new aggregate": (
        (
            (LAST_AGGREGATE, LAST_AGGREGATE.rstrip() + ",\n        COUNT(DISTINCT is_page_view) AS kind_count\n"),
            (BOUNCE, BOUNCE.replace(" AS", " AND kind_count = 1 AS")),
        ), "replays", False,
    ),
    "another gap": ((("INTERVAL '30' MINUTE", "INTERVAL '20' MINUTE"),), "restores", True),
    "another longest visit": ((("INTERVAL '24' HOUR", "INTERVAL '12' HOUR"),), "restores", True),
    "another key": (
        (("PARTITION BY (site, visitor_id)", "PARTITION BY (site, visitor_id, country)"),), "replays", False,
    ),
    "an INSERT appended": (
        (("INSERT INTO sessions", "EXECUTE STATEMENT SET BEGIN\nINSERT INTO sessions"), ("", PAGE_VIEWS)),
        "replays", False,
    ),
}  # fmt: skip


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path / "footfall")


@pytest.fixture
def topic(stack: Settings) -> Iterator[Settings]:
    """An empty topic, empty tables, and no job that runs before or after."""
    settings = fresh_topic(stack)
    truncate(settings, "sessions", "page_views_per_minute", "late_events")
    yield settings
    stop_all(settings)


@pytest.fixture
def topic_ahead(topic: Settings) -> Settings:
    """The same topic with times by its producers, so that windows can be closed without half an hour of waiting."""
    resource = ConfigResource(ConfigResourceType.TOPIC, topic.topic, configs={"message.timestamp.type": "CreateTime"})
    admin = KafkaAdminClient(bootstrap_servers=topic.bootstrap_servers)
    admin.alter_configs([resource])
    admin.close()
    return topic


def write_visits(settings: Settings, count: int = 2000) -> None:
    start = EPOCH + timedelta(days=20_000)
    with sender(settings) as out:
        for arrival in islice(arrivals(seed=3, site="shop", start=start, end=None, events_per_second=0.05), count):
            out.send(arrival.key, arrival.value)


@contextmanager
def live(settings: Settings, rate: float) -> Iterator[None]:
    """Visitors that go on while something else is done, and then end."""
    done = threading.Event()
    failure: list[BaseException] = []

    def produce() -> None:
        try:
            while not done.is_set():
                run.live(settings, seed=next(seeds), site="shop", rate=rate, duration=timedelta(seconds=5))
        except BaseException as error:
            failure.append(error)

    seeds = iter(range(100, 10_000))
    thread = threading.Thread(target=produce)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
    assert not failure


def close_all_windows(settings: Settings) -> None:
    """Heartbeats of 50 minutes from now: the broker of the topic `topic_ahead` believes its producers."""
    ahead = int(time.time() * 1000) + 50 * 60_000
    event = {"type": "heartbeat", "timestamp": iso(ahead), "receivedAt": iso(ahead)}
    with sender(settings) as out:
        for partition in out.partitions():
            value = json.dumps(event).encode()
            out.producer.send(settings.topic, value=value, partition=partition, timestamp_ms=ahead)


def fresh_run(settings: Settings, checkout: Checkout, name: str) -> list[Any]:
    """The rows that the same SQL makes of the whole topic, undisturbed."""
    truncate(settings, name)
    flink_run(settings, client.command(settings, [name], "-p", "1", bounded=True, sql=checkout.root / "sql"))
    return rows(settings, name)


def test_plan_says_of_eight_edits_what_then_happens_on_the_cluster(topic: Settings, checkout: Checkout) -> None:
    write_visits(topic)
    checkout.output("submit", "sessions", settings=topic)
    job = cluster.running(topic, "sessions")
    await_read(topic, job)
    checkpoints.await_checkpoint(topic, job.id)
    said = said_by_plan(topic, checkout)
    checkout.edit(EDITS["another gap"][0])
    [typed] = json.loads(checkout.output("plan", "--json", "sessions", settings=topic))
    assert {**typed, "checkpoint": None} == {**said["another gap"], "checkpoint": None}
    assert {name: verdict["kind"] for name, verdict in said.items()} == {name: edit[1] for name, edit in EDITS.items()}
    assert all(verdict["why"] and verdict["diff"] for verdict in said.values())

    savepoint = cluster.stop(topic, job)
    wanted = {name: takes for name, (_, _, takes) in EDITS.items()}
    # Those that should start are tried by one client, for each takes long to begin; one that fails would end it.
    together = [[name for name in EDITS if wanted[name]], *([name] for name in EDITS if not wanted[name])]
    taken: dict[str, bool] = {}
    for names in together:
        taken |= start_from(savepoint, topic, checkout, names)
    assert taken == wanted
    tried = {name: verdict["flink_takes_state"] for name, verdict in said.items()}
    assert tried == {name: None if EDITS[name][1] == "unchanged" else taken[name] for name in EDITS}


def said_by_plan(settings: Settings, checkout: Checkout) -> dict[str, Any]:
    """The verdict on each edit, all from one JVM: eight calls of the command line would start eight."""
    folders = []
    for number, (edit, _, _) in enumerate(EDITS.values()):
        checkout.edit(edit)
        folders.append(str(shutil.copytree(checkout.root / "sql", checkout.root / f"sql-{number}")))
    done = checkout.python("e2e.verdicts", "sessions", *folders, settings=settings)
    return dict(zip(EDITS, json.loads(done.stdout), strict=True))


def start_from(savepoint: str, settings: Settings, checkout: Checkout, names: Sequence[str]) -> dict[str, bool]:
    """Whether the cluster starts the SQL of each of these edits from there, each as a job of its own."""
    jobs = {f"edit_{number}": name for number, name in enumerate(names)}
    for job, name in jobs.items():
        checkout.edit(EDITS[name][0])
        text = (checkout.root / "sql/jobs/sessions.sql").read_text().replace("-- sessions:", f"-- {job}:", 1)
        (checkout.root / f"sql/jobs/{job}.sql").write_text(text)
    command = client.command(settings, list(jobs), "-p", "1", "-s", savepoint, sql=checkout.root / "sql")
    try:
        started = client.start(settings, command)
        assert started.keys() == jobs.keys()
        for job, id_ in started.items():
            checkpoints.await_checkpoint(settings, id_)
            print(jobs[job], rest.call(settings, f"/jobs/{id_}"), rest.call(settings, f"/jobs/{id_}/checkpoints"))
    except FootfallError as error:
        print(names, error)
        return dict.fromkeys(names, False)
    finally:
        for running in cluster.jobs(settings):
            cluster.cancel(settings, running.id)
    return dict.fromkeys(names, True)


def test_the_visit_that_is_open_is_cut_by_another_gap_as_a_replay_would_cut_it(
    topic: Settings, checkout: Checkout
) -> None:
    """Why `plan` asks for no replay."""
    write_gap(topic, 0)
    checkout.output("submit", "sessions", settings=topic)
    await_read(topic, cluster.running(topic, "sessions"))
    savepoint = cluster.stop(topic, cluster.running(topic, "sessions"))
    checkout.edit(EDITS["another gap"][0])
    write_gap(topic, 25)
    write_gap(topic, 59, "heartbeat")
    command = client.command(topic, ["sessions"], "-p", "1", "-s", savepoint, sql=checkout.root / "sql")
    client.start(topic, command)
    restored = len(settled_rows(topic, "sessions"))
    cluster.cancel(topic, cluster.running(topic, "sessions").id)
    assert (restored, len(fresh_run(topic, checkout, "sessions"))) == (2, 2)


def write_gap(settings: Settings, minute: int, kind: str = "page") -> None:
    """One visitor's event, at that minute, and heartbeats then in every other partition."""
    clock = f"2026-01-31T12:{minute:02}:00.000Z"
    event = {"site": "shop", "anonymousId": "v", "messageId": f"m{minute}", "timestamp": clock, "receivedAt": clock}
    with sender(settings) as out:
        for partition in out.partitions():
            value = {**event, "type": "heartbeat" if partition else kind}
            out.send(None, json.dumps(value).encode(), partition=partition)


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (
            (((BOUNCE, "page_view_count + interaction_count = 1 AND page_view_count = 1 AS is_bounce"),)),
            "goes on from its state",
        ),
        (EDITS["a filter below the operator"][0], "was replayed: sessions has"),
    ],
    ids=["from its state", "by a replay"],
)
def test_an_upgrade_under_load_loses_and_doubles_nothing(
    topic_ahead: Settings, checkout: Checkout, edit: Edit, says: str
) -> None:
    if not readers.FILE.exists():
        pytest.skip("shared/data/wikipedia_readers.csv.gz is not here")
    topic = topic_ahead
    with sender(topic) as out:
        for message in readers.shuffled_and_copied(readers.requests()):
            out.send(message.key, message.value)
    checkout.output("submit", "sessions", settings=topic)
    with live(topic, rate=RATE):
        wait_for("the readers' sessions", lambda: count(topic, "sessions") > 20_000)
        checkout.edit(edit)
        assert says in checkout.output("upgrade", "sessions", settings=topic)
        wait_for("a job", lambda: cluster.running(topic, "sessions").state == "RUNNING")
    assert [job.name for job in cluster.jobs(topic)] == ["sessions"]
    assert schemas(topic) == []
    close_all_windows(topic)
    upgraded = settled_rows(topic, "sessions")
    assert "shop" in {row[0] for row in upgraded}, "no visit of the live site"
    cluster.cancel(topic, cluster.running(topic, "sessions").id)
    fresh = fresh_run(topic, checkout, "sessions")
    assert len(upgraded) == len(fresh)
    assert upgraded == fresh


def schemas(settings: Settings) -> list[str]:
    with psycopg.connect(connections.owner(settings)) as connection:
        return [row[0] for row in connection.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'replay_%'")]


def test_a_rollback_of_a_replay_gives_the_old_rows_again(topic: Settings, checkout: Checkout) -> None:
    write_visits(topic)
    checkout.output("submit", "sessions", settings=topic)
    before = settled_rows(topic, "sessions")
    assert len(before) > 100
    checkout.edit(EDITS["a filter below the operator"][0])
    checkout.output("upgrade", "sessions", settings=topic)
    assert rows(topic, "sessions") != before
    assert "was replayed" in checkout.output("rollback", "sessions", settings=topic)
    wait_for("the old rows", lambda: rows(topic, "sessions") == before)
    assert "rollback" in checkout.output("history", "sessions", settings=topic)
    starts = [e.action for e in history.entries(topic, "sessions") if e.action in history.STARTS]
    assert starts[:3] == ["rollback", "upgrade", "submit"]
    secrets = [value for name, value in topic.values.items() if "PASSWORD" in name]
    assert not any(secret in dump(topic) for secret in secrets)


def dump(settings: Settings) -> str:
    """All that is kept of what was done to jobs, as text."""
    with psycopg.connect(connections.owner(settings)) as connection:
        return "".join(
            str(row) for table in ("job_history", "job_versions")
            for row in connection.execute(f"SELECT t::text FROM {table} AS t")
        )  # fmt: skip


def test_a_statement_set_is_started_and_upgraded_as_one(topic: Settings, checkout: Checkout) -> None:
    apart = [name for name in job_names(SQL) if name not in TOGETHER]
    checkout.edit(tuple((f'  "{name}",\n', "") for name in apart), "statement_sets/all_jobs.toml")
    write_visits(topic)
    checkout.output("submit", "all_jobs", settings=topic)
    wait_for("sessions", lambda: count(topic, "sessions") > 100)
    refused = checkout.run("submit", "sessions", settings=topic)
    assert (refused.returncode, refused.stderr) == (
        1, "footfall: sessions of all_jobs runs already: `footfall stop all_jobs` first\n",
    )  # fmt: skip
    assert re.search("^sessions +running in all_jobs ", checkout.output("list", settings=topic), re.MULTILINE)
    said = checkout.output("plan", settings=topic)
    assert said.startswith("all_jobs: unchanged\n")
    assert "sessions" not in said

    checkout.edit(EDITS["an expression above the aggregate"][0])
    assert "all_jobs goes on from its state" in checkout.output("upgrade", "all_jobs", settings=topic)
    checkout.edit(EDITS["a filter below the operator"][0])
    replayed = checkout.output("upgrade", "all_jobs", settings=topic)
    assert replayed.startswith("all_jobs was replayed: ")
    assert all(f"{name} has" in replayed for name in [*TOGETHER, "last_records"])
    assert [job.name for job in cluster.jobs(topic)] == ["all_jobs"]
    checkout.output("stop", "all_jobs", settings=topic)
    upgraded = rows(topic, "sessions")
    assert len(upgraded) > 100
    fresh = fresh_run(topic, checkout, "sessions")  # to the end of the topic, so with the visits that are open yet
    assert [row for row in upgraded if row not in fresh] == []


def test_two_people_can_not_upgrade_one_job_at_once(topic: Settings, checkout: Checkout) -> None:
    with locks.hold(topic, "upgrades", {"late_events": ["late_events"]}):
        for verb in ("submit", "upgrade", "stop", "rollback"):
            refused = checkout.run(verb, "late_events", settings=topic)
            assert refused.returncode == 1
            assert "late_events is in other hands (" in refused.stderr
            assert "upgrades late_events" in refused.stderr
    assert cluster.jobs(topic) == []


def test_old_savepoints_are_removed_but_the_newest_three_stay(topic: Settings, checkout: Checkout) -> None:
    checkout.output("submit", "late_events", settings=topic)
    job, version = cluster.running(topic, "late_events"), read_version(checkout.root / "sql", "late_events")
    checkpoints.await_checkpoint(topic, job.id)  # before it runs, it has nothing to save
    kept: list[str] = []
    for _ in range(4):  # as if it had been stopped so often
        kept.insert(0, take_savepoint(topic, job))
        history.write(topic, "stop", version, flink_job_id=job.id, savepoint=kept[0])
    checkout.output("maintain", settings=topic)
    assert all(map(exists, kept))
    with psycopg.connect(connections.owner(topic), autocommit=True) as connection:
        connection.execute("UPDATE job_history SET happened_at = happened_at - INTERVAL '8 days'")
    assert "removed" in checkout.output("maintain", settings=topic)
    assert [exists(savepoint) for savepoint in kept] == [True, True, True, False]


def take_savepoint(settings: Settings, job: cluster.Job) -> str:
    """Where it is, of a job that goes on."""
    trigger = rest.call(settings, f"/jobs/{job.id}/savepoints", {"cancel-job": False})["request-id"]
    done = cluster.wait_for(settings, f"/jobs/{job.id}/savepoints/{trigger}", "there is no savepoint", 120)
    assert "location" in done, done
    return str(done["location"])


def exists(savepoint: str) -> bool:
    return Path(savepoint.removeprefix("file:")).exists()
