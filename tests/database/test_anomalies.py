"""What the last weeks let expect of a minute, and what was otherwise."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from conftest import Tables
from metric_rows import add_site, at, write_page_views


def test_a_drop_to_nothing_and_a_peak_are_anomalies_and_an_ordinary_hour_is_none(tables: Tables) -> None:
    chance = random.Random(5)
    now = at("12:00:00")
    for week in range(1, 5):
        write_page_views(
            tables,
            {now - timedelta(weeks=week) + timedelta(minutes=m): 100 + chance.randint(-10, 10) for m in range(60)},
        )
    write_page_views(tables, {
        now + timedelta(minutes=m): 300 if 40 <= m < 45 else 100 + chance.randint(-10, 10)
        for m in range(60) if not 20 <= m < 30
    })  # fmt: skip
    rows = tables.run(
        tables.reader, "SELECT started, ended, direction, page_view_count FROM anomalies('shop', %s, %s)",
        now, now + timedelta(hours=1),
    )  # fmt: skip
    assert rows == [
        (now + timedelta(minutes=20), now + timedelta(minutes=30), "fewer", 0),
        (now + timedelta(minutes=40), now + timedelta(minutes=45), "more", 1500),
    ]


def test_the_band_is_that_of_the_same_time_of_day_across_daylight_saving(tables: Tables) -> None:
    add_site(tables, timezone="America/New_York")
    noon = datetime(2026, 3, 10, 12, tzinfo=ZoneInfo("America/New_York"))  # clocks went forward on the 8th
    for week in (1, 2):
        write_page_views(
            tables, {(noon - timedelta(weeks=week)).astimezone(UTC): 40}
        )  # noon there, an hour later in UTC
    rows = tables.run(
        tables.reader,
        "SELECT page_view_count, expected FROM traffic_band('shop', %s, %s)",
        noon,
        noon + timedelta(minutes=1),
    )
    assert rows == [(0, 40.0)]


def test_without_a_past_nothing_is_an_anomaly(tables: Tables) -> None:
    now = at("12:00:00")
    write_page_views(tables, {now: 100})
    assert tables.run(tables.reader, "SELECT * FROM anomalies('shop', %s, %s)", now, now + timedelta(hours=1)) == []
