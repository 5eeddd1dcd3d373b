"""What the jobs make of hostile calls, on a Flink mini cluster: Postgres takes every row, and every sum of them."""

from __future__ import annotations

import time
from collections.abc import Iterator

import psycopg
from conftest import Tables
from hostile import Call, as_json, hostile_calls
from metric_rows import upsert

from footfall.database import maintenance
from footfall.planner.records import Record
from footfall.project.catalog import SQL, AnyValue, all_jobs
from footfall.testing.compare import fold
from footfall.testing.runner import Runner
from footfall.topic import iso
from jobs.sql_suite import read_job, read_suite

CALLS = 300


def log(start: int) -> Iterator[Record]:
    """A topic of hostile calls, some seconds apart, and an event two hours later, which closes all windows."""
    for number, call in enumerate(hostile_calls(CALLS, seed=20)):
        yield record(start + number * 5000, number, call)
    yield record(start + 7_200_000 + CALLS * 5000, CALLS, {"type": "page"})


def record(ms: int, number: int, call: Call) -> Record:
    given = {
        "messageId": f"m-{number}", "anonymousId": f"v {number}", "site": "shop", "timestamp": iso(ms),
        "receivedAt": iso(ms), **call,
    }  # fmt: skip
    return Record(as_json(given), {"kafka_time": iso(ms + 1), "kafka_partition": 0, "kafka_offset": number})


def test_postgres_takes_every_row_that_the_jobs_make_of_hostile_calls(tables: Tables) -> None:
    records = list(log(int(time.time() * 1000) - 86_400_000))
    counts = {}
    with Runner() as runner, psycopg.connect(tables.writer, autocommit=True) as connection:
        suite = read_suite(SQL, AnyValue())
        for job in all_jobs():
            harness = runner.harness(suite, read_job(SQL, job))
            for name, lines in harness.run(records).items():
                rows = fold(lines, harness.tables[name].key)
                counts[name] = len(rows)
                if rows:
                    upsert(connection, name, rows)
    maintenance.refresh_rollups(tables.owner)
    assert counts["visit_events"] + counts["late_events"] + counts["rejected_events"] >= CALLS * 0.9
    assert all(counts.values()), counts
