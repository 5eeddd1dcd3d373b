"""The promise: the same log always gives the same tables, and they are the right ones."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import quote

import psycopg
import pytest
from psycopg import sql

from footfall.database import connections
from footfall.deploy import client, cluster, metrics, rest
from footfall.loaders.load import load
from footfall.settings import ROOT, Settings
from footfall.simulate.visitors import heartbeat
from footfall.stack import control, flink
from footfall.topic import Record, last_records, sender

from . import anomaly_rows, audience, live, readers, rollups
from .helpers import (
    Row,
    asked,
    assert_same_rows,
    away,
    cancel,
    completed_checkpoints,
    count,
    failures,
    fresh_topic,
    hashable,
    moment,
    refresh_rollups,
    rows,
    start_job,
    totals,
    truncate,
    wait_for,
)

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(not readers.FILE.exists(), reason=f"{readers.FILE} is not there: data for tests"),
]
TABLES = (
    "sessions", "page_views_per_minute", "visit_events", "arrivals_per_minute", "late_events", "rejected_events",
)  # fmt: skip
NOTHING = ("custom_events_per_minute", "engagement_per_minute", "elements_per_minute")  # readers only look
TOTALS = (*rollups.TABLES, *audience.TABLES)
TWO_HOURS_MS = 7_200_000
MOMENTS = (datetime(2014, 1, 15, 20, tzinfo=UTC), datetime(2014, 1, 22, 23, 59, 58, tzinfo=UTC))


class Log(NamedTuple):
    """A topic that holds the shuffled log with its copies, and the tables that all jobs made of it."""

    settings: Settings
    records: list[Record]
    tables: dict[str, list[Row]]


@pytest.fixture(scope="module")
def requests() -> list[readers.Request]:
    return readers.requests()


@pytest.fixture(scope="module")
def sessions(requests: list[readers.Request]) -> list[Row]:
    return readers.sessions(requests)


@pytest.fixture(scope="module")
def messages(requests: list[readers.Request]) -> list[readers.Message]:
    return readers.shuffled_and_copied(requests)


@pytest.fixture(scope="module")
def log(stack: Settings, messages: list[readers.Message]) -> Log:
    """Run at parallelism 2 on RocksDB."""
    settings = fresh_topic(stack)
    write(settings, messages)
    truncate(settings, *TABLES, *NOTHING, *TOTALS, "last_records", "visit_days")
    client.run(settings, TABLES, parallelism=2, set_=["state.backend.type=rocksdb"])
    refresh_rollups(settings)
    records = last_records(settings, len(messages))
    found = {table: rows(settings, table) for table in (*TABLES, "last_records")}
    return Log(settings, records, found | totals(settings, TOTALS, audience.QUERIES))


def write(settings: Settings, messages: Sequence[readers.Message]) -> None:
    with sender(settings, linger_ms=100) as topic:
        for message in messages:
            topic.send(message.key, message.value)


def test_the_independent_sessionizer_finds_what_is_known_of_the_data(sessions: list[Row]) -> None:
    assert len(sessions) == 22_224
    assert sum(row[7] == 1 for row in sessions) == 13_138
    assert sum(row[4] for row in sessions) == 6_053_477_000


def test_no_reader_is_as_regular_as_a_program(requests: list[readers.Request]) -> None:
    """What docs/definitions.md says of the data."""
    found = [readers.variation(visit) for visit in readers.visits(requests) if len(visit) >= 10]
    assert len(found) == 1014
    assert min(found) > 0.35


def test_a_loaded_file_gives_the_sessions_of_the_independent_sessionizer(
    stack: Settings, requests: list[readers.Request]
) -> None:
    settings = fresh_topic(stack)
    loaded = load(settings, readers.FILE, readers.SITE)
    assert (loaded.count, loaded.untimed, loaded.late) == (len(requests), 0, 0)
    truncate(settings, "sessions")
    client.run(settings, ["sessions"], set_=["state.backend.type=rocksdb"])
    logged = readers.logged(last_records(settings, len(requests)))
    assert sorted(one[:4] for one in logged) == sorted(one[:4] for one in requests)
    assert_same_rows(rows(settings, "sessions"), readers.sessions(logged))


def test_shuffled_arrival_copies_and_parallelism_change_no_session(log: Log, sessions: list[Row]) -> None:
    assert_same_rows(log.tables["sessions"], sessions)


def test_visits_made_of_their_events_are_the_sessions(log: Log, requests: list[readers.Request]) -> None:
    assert_same_rows(log.tables["visit_events"], readers.visit_events(requests))
    columns = (
        "site, visitor_id, session_start, session_end, duration_ms, page_view_count, event_count, entry_page, exit_page"
    )
    query = f"SELECT {columns} FROM "
    assert_same_rows(
        asked(log.settings, f"{query} visits_since('-infinity')"), asked(log.settings, f"{query} sessions")
    )


def test_page_views_of_the_shuffled_log_are_those_of_the_file(log: Log, requests: list[readers.Request]) -> None:
    assert_same_rows(log.tables["page_views_per_minute"], readers.page_views(requests))


def test_every_copy_that_came_after_the_bound_is_a_late_event(log: Log) -> None:
    late = readers.late_events(log.records)
    assert len(late) > 1000
    assert_same_rows(log.tables["late_events"], late)


def test_arrivals_account_for_every_record_of_the_topic(log: Log, messages: list[readers.Message]) -> None:
    assert_same_rows(log.tables["arrivals_per_minute"], readers.arrivals(log.records))
    assert len(log.records) == len(messages)
    assert log.tables["rejected_events"] == []
    assert sum(row[4] for row in log.tables["arrivals_per_minute"]) == len(log.records)


def test_the_last_record_of_each_partition_is_known(log: Log) -> None:
    last = {record.partition: record for record in sorted(log.records, key=lambda record: record.offset)}
    expected = [(one.partition, "event", one.offset, moment(one.time)) for one in last.values()]
    assert_same_rows(log.tables["last_records"], expected)


@pytest.fixture(scope="module")
def expected_totals(log: Log, requests: list[readers.Request], sessions: list[Row]) -> dict[str, list[Row]]:
    tables = {
        "sessions": sessions, "visit_events": readers.visit_events(requests),
        "page_views_per_minute": readers.page_views(requests),
        "arrivals_per_minute": readers.arrivals(log.records), **{name: [] for name in NOTHING},
    }  # fmt: skip
    sites = rollups.Sites({}, {})
    return rollups.rollups(tables, sites) | audience.audience(tables, sites)


@pytest.mark.parametrize("table", TOTALS)
def test_what_is_rolled_up_is_what_the_file_gives(log: Log, expected_totals: dict[str, list[Row]], table: str) -> None:
    assert_same_rows(log.tables[table], hashable(expected_totals[table]))
    none = ("elements", "custom_events", "actions", "links", "attribution", "shared_visitors")
    assert bool(expected_totals[table]) is (table not in none)


def test_anomalies_are_those_of_a_recomputation_over_the_file(log: Log, requests: list[readers.Request]) -> None:
    counts = anomaly_rows.counts_by_site(readers.page_views(requests))[readers.SITE]
    found, expected = (
        anomaly_rows.found(log.settings, readers.SITE, counts), anomaly_rows.expected(readers.SITE, counts),
    )  # fmt: skip
    for which in ("table", "function"):
        assert len(expected[which]) > 100
        assert_same_rows(found[which], expected[which])


@pytest.mark.parametrize("time", MOMENTS)
def test_who_was_there_at_a_moment_is_what_the_file_gives(
    log: Log, requests: list[readers.Request], time: datetime
) -> None:
    found, later = live.found(log.settings, time)
    expected = live.expected(readers.visit_events(requests), time, later)
    for view in live.ASKED:
        assert expected[view]
        assert_same_rows(found[view], expected[view])


def test_a_second_run_on_the_heap_changes_no_row_and_writes_those_that_are_missing(log: Log) -> None:
    for table in TABLES:
        assert_same_rows(rows(log.settings, table), log.tables[table])
    delete_half(log.settings, "sessions")
    client.run(log.settings, TABLES, parallelism=2, set_=["state.backend.type=hashmap"])
    for table in TABLES:
        assert_same_rows(rows(log.settings, table), log.tables[table])


def delete_half(settings: Settings, table: str) -> None:
    with psycopg.connect(connections.owner(settings)) as connection:
        connection.execute(sql.SQL("DELETE FROM {} WHERE session_id < '8'").format(sql.Identifier(table)))


@pytest.fixture
def running(stack: Settings, messages: list[readers.Message]) -> Iterator[tuple[Settings, cluster.Job]]:
    """The job sessions, which has read the first half of the log, written rows and made a checkpoint."""
    settings = fresh_topic(stack)
    truncate(settings, "sessions")
    write(settings, messages[: len(messages) // 2])
    job = start_job(
        settings, "sessions", "execution.checkpointing.interval=1s", "execution.checkpointing.min-pause=100ms"
    )
    try:
        wait_for("rows of the first half", lambda: count(settings, "sessions") > 0)
        done = completed_checkpoints(settings, job)
        wait_for("a checkpoint after them", lambda: completed_checkpoints(settings, job) > done)
        yield settings, job
    finally:
        cancel(settings, job)


def test_a_database_that_is_gone_and_a_killed_task_manager_change_no_session_and_flink_tells_its_metrics(
    running: tuple[Settings, cluster.Job], messages: list[readers.Message], sessions: list[Row]
) -> None:
    settings, job = running
    third = len(messages) * 2 // 3
    await_metrics(settings, job)
    with away(settings, "Postgres"):
        write(settings, messages[len(messages) // 2 : third])
        wait_for("the sink to notice what happened", lambda: waited_ms(settings, job))
    written = count(settings, "sessions")
    wait_for("rows that come again", lambda: count(settings, "sessions") > written)
    assert failures(settings, job) == [], "the job waits for it"

    task_manager = flink.task_manager(settings)
    assert task_manager
    known = task_manager_ids(settings)
    task_manager.kill()
    control.up(settings, print)
    started = task_manager_ids(settings) - known
    write(settings, messages[third:])
    wait_for("the job to notice what happened", lambda: failures(settings, job))
    finish_and_compare(settings, job, sessions)
    assert started, "`up` returned before the new task manager offered its slots"


def await_metrics(settings: Settings, job: cluster.Job) -> None:
    """Wait until Flink's REST API has what alert rules ask of its Prometheus reporter, which sets a scope before."""
    rules = [path.read_text() for path in (ROOT / "dashboards" / "alerts").glob("*.json")]
    asked_of = dict(re.findall(r"flink_(jobmanager_job|taskmanager_job_task_operator)_(\w+)", " ".join(rules)))
    vertices = [""] + [f"/vertices/{one['id']}" for one in rest.call(settings, f"/jobs/{job.id}")["vertices"]]

    def served() -> set[str]:
        found = [rest.call(settings, f"/jobs/{job.id}{vertex}/metrics") for vertex in vertices]
        return {metric["id"].rpartition(".")[2] for metrics in found for metric in metrics}

    assert len(asked_of) == 2
    wait_for("Flink to tell its metrics", lambda: set(asked_of.values()) <= served())


def waited_ms(settings: Settings, job: cluster.Job) -> float:
    """For how long the sink of a job has not been able to write, in ms."""
    found = [0.0]
    for vertex in rest.call(settings, f"/jobs/{job.id}")["vertices"]:
        path = f"/jobs/{job.id}/vertices/{vertex['id']}/subtasks/metrics"
        names = [one["id"] for one in rest.call(settings, path) if one["id"].endswith(".waitedMillis")]
        for name in names:
            found += [float(one["max"]) for one in rest.call(settings, f"{path}?get={quote(name)}&agg=max")]
    return max(found)


def task_manager_ids(settings: Settings) -> set[str]:
    return {manager["id"] for manager in rest.call(settings, "/taskmanagers")["taskmanagers"]}


def finish_and_compare(settings: Settings, job: cluster.Job, sessions: list[Row]) -> None:
    """Close all windows and compare the table."""
    closing = moment(max(int(row[3].timestamp() * 1000) for row in sessions) + TWO_HOURS_MS)
    with sender(settings) as topic:
        for partition in topic.partitions():
            topic.send(None, heartbeat(readers.SITE, closing, partition), partition)
    wait_for("all sessions", lambda: count(settings, "sessions") >= len(sessions))
    assert_same_rows(rows(settings, "sessions"), sessions)
    assert metrics.dropped_rows(settings, job) == 0
