"""A simulated day of two sites, with all that goes wrong on the way: each table is what a recomputation finds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from heapq import merge
from typing import NamedTuple

import psycopg
import pytest

from footfall.admin import sites
from footfall.admin.site_options import Options
from footfall.database import connections
from footfall.deploy import client
from footfall.settings import Settings
from footfall.simulate.visitors import Arrival, arrivals, heartbeat
from footfall.topic import last_records, sender

from . import anomaly_rows, audience, day, live, rollups
from .helpers import Row, assert_same_rows, fresh_topic, hashable, refresh_rollups, rows, totals, truncate
from .page_reports import with_reports

pytestmark = pytest.mark.cluster
JOBS = (
    "sessions", "page_views_per_minute", "visit_events", "arrivals_per_minute", "late_events", "rejected_events",
    "engagement_per_minute", "custom_events_per_minute", "user_traits",
)  # fmt: skip
TABLES = sorted({*JOBS, "elements_per_minute", "web_vitals", "last_records"})
TOTALS = (*rollups.TABLES, *audience.TABLES)
ZONE, GOALS = "America/New_York", ("Order Completed", "Signed Up")
START = datetime(2026, 1, 30, 15, tzinfo=UTC)
# More goes wrong than on an ordinary day.
SHARES = {"BROKEN_SHARE": 0.01, "FAST_CLOCK_SHARE": 0.03, "DUPLICATE_SHARE": 0.05, "LATE_SHARE": 0.02}


class Day(NamedTuple):
    """What the jobs made of the day, and what the recomputation makes of the same log; by table."""

    settings: Settings
    found: dict[str, list[Row]]
    expected: dict[str, list[Row]]


def visitors() -> Iterator[Arrival]:
    """In order of arrival."""
    simulated = (
        arrivals(seed=4, site=site, start=START, end=START + timedelta(days=1), visits_per_day=visits)
        for site, visits in (("shop", 900), ("café", 100))
    )
    return merge(*map(with_reports, (*weeks_before(), *simulated, clockwork())), key=lambda arrival: arrival.time)


def weeks_before() -> Iterator[Iterator[Arrival]]:
    """The same hour of the three weeks before: it says what is unusual on the day."""
    for weeks in (1, 2, 3):
        start = START + timedelta(hours=3) - weeks * timedelta(weeks=1)
        yield arrivals(seed=10 + weeks, site="shop", start=start, end=start + timedelta(hours=1), visits_per_day=2000)


def clockwork() -> Iterator[Arrival]:
    """A page that a program looks at each minute, with a browser's user agent: the first page view of a day, again."""
    end = START + timedelta(days=1)
    first = next(arrivals(seed=5, site="shop", start=START, end=end, visits_per_day=9))
    event = day.parsed(first.value)
    assert event
    for number in range(60):
        time = first.time + timedelta(minutes=number, milliseconds=number * 7919 % 3000)
        text = f"{time:%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03d}Z"
        again = {**event, "messageId": f"clockwork-{number}", "timestamp": text, "receivedAt": text}
        yield first._replace(time=time, value=json.dumps(again).encode())


@pytest.fixture(scope="module")
def simulated(stack: Settings) -> Iterator[Day]:
    settings = fresh_topic(stack)
    owner = connections.owner(settings)
    sites.ensure(owner, "shop", Options(timezone=ZONE, goals=GOALS, traits=day.TRAITS["shop"]))
    with sender(settings, linger_ms=100) as topic:
        with pytest.MonkeyPatch.context() as patch:
            for name, share in SHARES.items():
                patch.setattr(f"footfall.simulate.visitors.{name}", share)
            for arrival in visitors():
                topic.send(arrival.key, arrival.value)
        for partition in topic.partitions():
            topic.send(None, heartbeat("shop", arrival.time, partition), partition)
        sent = topic.sent
    truncate(settings, *TABLES, *TOTALS, "visit_days")
    client.run(settings, JOBS, parallelism=2)
    refresh_rollups(settings)
    found = written(settings) | totals(settings, TOTALS, audience.QUERIES)
    expected = day.tables(last_records(settings, sent))
    zones_and_goals = rollups.Sites({"shop": ZONE}, {"shop": GOALS})
    expected |= rollups.rollups(expected, zones_and_goals) | audience.audience(expected, zones_and_goals)
    yield Day(settings, found, expected)
    sites.remove(owner, "shop")


def written(settings: Settings) -> dict[str, list[Row]]:
    """The rows of each table that the jobs write."""
    found = {table: rows(settings, table) for table in TABLES if table != "user_traits"}
    with psycopg.connect(
        connections.owner(settings), options="-c timezone=UTC"
    ) as connection:  # nobody else may read it
        return found | {"user_traits": connection.execute("SELECT * FROM user_traits").fetchall()}


@pytest.mark.parametrize("table", [*TABLES, *TOTALS])
def test_a_table_is_what_is_recomputed_from_the_log(simulated: Day, table: str) -> None:
    assert_same_rows(simulated.found[table], hashable(simulated.expected[table]))


def test_anomalies_are_those_of_a_recomputation(simulated: Day) -> None:
    counts = anomaly_rows.counts_by_site(simulated.expected["page_views_per_minute"])
    found, expected = (
        anomaly_rows.found(simulated.settings, "shop", counts["shop"]),
        anomaly_rows.expected("shop", counts["shop"], ZONE),
    )
    for which in ("table", "function"):
        assert len(expected[which]) > 10
        assert_same_rows(found[which], expected[which])


@pytest.mark.parametrize("hours", [7, 9.5, 23.99])
def test_who_was_there_at_a_moment_is_what_is_recomputed(simulated: Day, hours: float) -> None:
    moment = START + timedelta(hours=hours)
    found, later = live.found(simulated.settings, moment)
    expected = live.expected(simulated.expected["visit_events"], moment, later)
    for view in live.ASKED:
        assert expected[view]
        assert_same_rows(found[view], expected[view])


def test_the_day_has_all_that_the_definitions_speak_of(simulated: Day) -> None:
    sessions = simulated.expected["sessions"]
    assert len(sessions) > 800
    assert {row[0] for row in sessions} == {"shop", "café"}
    assert len({row[21] for row in sessions}) == 9, "a channel is missing"
    assert {row[32] for row in sessions} >= {None, "EUR", "USD"}
    reasons = {None, "declared bot", "headless browser", "monitoring", "data centre", "too regular for a person"}
    assert {row[33] for row in sessions} >= reasons
    assert any(row[2].date() != row[3].date() for row in sessions), "no visit over midnight"
    assert {row[3] for row in simulated.expected["arrivals_per_minute"]} == {
        "on time", "late", "duplicate", "without needed fields", "heartbeat",
    }  # fmt: skip
    assert len({row[4] for row in simulated.expected["rejected_events"]}) == 5
    assert all(len(simulated.expected[table]) > 20 for table in TABLES if table not in ("last_records", "user_traits"))
    assert all(simulated.expected[table] for table in (*TABLES, *TOTALS) if table != "shared_visitors")


def test_all_jobs_as_one_make_the_same_tables(simulated: Day) -> None:
    """After all others: it writes the tables anew."""
    truncate(simulated.settings, *TABLES, *TOTALS, "visit_days")
    client.run(simulated.settings, ["all_jobs"], parallelism=2)
    refresh_rollups(simulated.settings)
    for table, found in written(simulated.settings).items():
        assert_same_rows(found, hashable(simulated.expected[table]))
