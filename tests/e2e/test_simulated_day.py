"""A simulated day of two sites, with all that goes wrong on the way: each table is what a recomputation finds."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from heapq import merge
from typing import NamedTuple

import pytest

from footfall import cluster
from footfall.events import last_records, sender
from footfall.settings import Settings
from footfall.visitors import Arrival, arrivals, heartbeat

from . import day
from .helpers import Row, assert_same_rows, fresh_topic, rows, truncate
from .page_reports import with_reports

pytestmark = pytest.mark.cluster
JOBS = (
    "sessions", "page_views_per_minute", "visit_events", "arrivals_per_minute", "late_events", "rejected_events",
    "engagement_per_minute", "custom_events_per_minute",
)  # fmt: skip
TABLES = sorted({*JOBS, "elements_per_minute", "web_vitals"})
START = datetime(2026, 1, 30, 15, tzinfo=UTC)
# More goes wrong than on an ordinary day.
SHARES = {"BROKEN_SHARE": 0.01, "FAST_CLOCK_SHARE": 0.03, "DUPLICATE_SHARE": 0.05, "LATE_SHARE": 0.02}


class Day(NamedTuple):
    """What the jobs made of the day, and what the recomputation makes of the same log; by table."""

    found: dict[str, list[Row]]
    expected: dict[str, list[Row]]


def visitors() -> Iterator[Arrival]:
    """In order of arrival."""
    sites = (
        with_reports(arrivals(seed=4, site=site, start=START, end=START + timedelta(days=1), visits_per_day=visits))
        for site, visits in (("shop", 900), ("café", 100))
    )
    return merge(*sites, key=lambda arrival: arrival.time)


@pytest.fixture(scope="module")
def simulated(stack: Settings) -> Day:
    settings = fresh_topic(stack)
    with sender(settings, linger_ms=100) as topic:
        with pytest.MonkeyPatch.context() as patch:
            for name, share in SHARES.items():
                patch.setattr(f"footfall.visitors.{name}", share)
            for arrival in visitors():
                topic.send(arrival.key, arrival.value)
        for partition in topic.partitions():
            topic.send(None, heartbeat("shop", arrival.time, partition), partition)
        sent = topic.sent
    truncate(settings, *TABLES)
    cluster.run(settings, JOBS, parallelism=2)
    return Day({table: rows(settings, table) for table in TABLES}, day.tables(last_records(settings, sent)))


@pytest.mark.parametrize("table", TABLES)
def test_a_table_is_what_is_recomputed_from_the_log(simulated: Day, table: str) -> None:
    assert_same_rows(simulated.found[table], simulated.expected[table])


def test_the_day_has_all_that_the_definitions_speak_of(simulated: Day) -> None:
    sessions = simulated.expected["sessions"]
    assert len(sessions) > 800
    assert {row[0] for row in sessions} == {"shop", "café"}
    assert len({row[21] for row in sessions}) == 9, "a channel is missing"
    assert {row[32] for row in sessions} >= {None, "EUR", "USD"}
    assert {row[33] for row in sessions} >= {None, "declared bot", "headless browser", "monitoring"}
    assert any(row[2].date() != row[3].date() for row in sessions), "no visit over midnight"
    assert {row[3] for row in simulated.expected["arrivals_per_minute"]} == {
        "on time", "late", "duplicate", "without needed fields", "heartbeat",
    }  # fmt: skip
    assert len({row[4] for row in simulated.expected["rejected_events"]}) == 5
    assert all(len(simulated.expected[table]) > 20 for table in TABLES)
