"""Anomalies as rows: whenever they are looked for, and whatever is corrected, they are those of the minutes then."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import psycopg
import pytest
from conftest import Tables
from metric_rows import add_site, at, write_page_views
from unusual import MINUTE, WEEK, Row, anomalies

from footfall.database.maintenance import maintain

NOON = at("12:00:00")


def search(tables: Tables, moment: datetime) -> int:
    """As often as there is something to search; how many minutes it were."""
    searched = 0
    while more := tables.run(tables.owner, "SELECT refresh_anomalies(%s)", moment)[0][0]:
        searched += int(str(more))
    return searched


def rows(tables: Tables) -> list[Row]:
    return tables.run(tables.reader, "SELECT * FROM anomalies ORDER BY site, started")


def recomputed(counts: Mapping[datetime, int], until: datetime, zone: str = "UTC") -> list[Row]:
    """The rows of the site shop, without SQL."""
    return [(*row[:8], pytest.approx(row[8]), *row[9:]) for row in anomalies(counts, until, zone)]


def four_weeks(minutes: int = 60, before: datetime = NOON) -> dict[datetime, int]:
    return {before - n * WEEK + m * MINUTE: 100 for n in range(1, 5) for m in range(minutes)}


def test_a_run_is_open_while_its_last_minute_is_the_newest_and_has_an_end_after(tables: Tables) -> None:
    write_page_views(tables, four_weeks())
    write_page_views(tables, {NOON + m * MINUTE: 100 for m in range(60) if not 10 <= m < 20})
    search(tables, NOON + 18 * MINUTE)
    fewer = ("shop", "page views", NOON + 10 * MINUTE)
    assert rows(tables) == [(*fewer, None, "fewer", 5, 0, 500.0, 10.0, NOON + 10 * MINUTE, 0)]
    search(tables, NOON + 23 * MINUTE)
    assert rows(tables) == [(*fewer, None, "fewer", 10, 0, 1000.0, 10.0, NOON + 10 * MINUTE, 0)]
    search(tables, NOON + 24 * MINUTE)
    ended = (*fewer, NOON + 20 * MINUTE, "fewer", 10, 0, 1000.0, 10.0, NOON + 10 * MINUTE, 0)
    assert rows(tables) == [ended]
    assert search(tables, NOON + 24 * MINUTE) == 0
    search(tables, NOON + 50 * MINUTE)
    assert rows(tables) == [ended]


def test_a_minute_that_comes_late_splits_a_run_and_one_that_is_taken_back_joins_it(tables: Tables) -> None:
    counts = four_weeks()
    write_page_views(tables, counts)
    moment = NOON + 63 * MINUTE
    search(tables, moment)
    assert [row[5] for row in rows(tables)] == [60]
    split = {NOON + 30 * MINUTE: 90, NOON + 31 * MINUTE: 500}
    write_page_views(tables, split)
    search(tables, moment)
    assert [row[4:6] for row in rows(tables)] == [("fewer", 30), ("more", 1), ("fewer", 28)]
    assert rows(tables) == recomputed({**counts, **split}, NOON + 60 * MINUTE)
    tables.run(tables.owner, "DELETE FROM page_views_per_minute WHERE window_start >= %s", NOON)
    search(tables, moment)
    assert [row[4:6] for row in rows(tables)] == [("fewer", 60)]


def test_a_corrected_week_before_changes_what_is_expected_and_so_the_rows(tables: Tables) -> None:
    counts = four_weeks(5)
    write_page_views(tables, counts)
    search(tables, NOON + 8 * MINUTE)
    assert [row[4:6] for row in rows(tables)] == [("fewer", 5)]
    tables.run(tables.owner, "UPDATE page_views_per_minute SET page_view_count = 3 WHERE window_start < %s", NOON)
    search(tables, NOON + 8 * MINUTE)
    assert rows(tables) == []


def test_a_row_that_is_written_again_as_it_was_is_no_change(tables: Tables) -> None:
    write_page_views(tables, four_weeks(5))
    search(tables, NOON)
    tables.run(tables.owner, "UPDATE page_views_per_minute SET page_view_count = page_view_count")
    assert tables.run(tables.owner, "SELECT * FROM anomaly_refresh_queue") == []


@pytest.mark.parametrize("seed", range(3))
def test_any_order_of_writing_and_searching_gives_the_rows_that_a_recomputation_gives(
    tables: Tables, seed: int
) -> None:
    chance = random.Random(seed)
    zone = chance.choice(["America/New_York", "Australia/Lord_Howe", "UTC"])
    add_site(tables, timezone=zone)
    # Seven weeks around a change of the clocks: an hour of each week, at the time at which it changes.
    start = {"America/New_York": datetime(2026, 2, 8, 6, 30, tzinfo=UTC)}.get(
        zone, datetime(2026, 3, 7, 14, 30, tzinfo=UTC)
    )
    counts = {
        start + week * WEEK + m * MINUTE: chance.choice([0, 20, 20, 21, 22, 60])
        for week in range(7) for m in range(60) if chance.random() < 0.9
    }  # fmt: skip
    until = start + 6 * WEEK + 70 * MINUTE
    pieces = list(counts.items())
    chance.shuffle(pieces)
    while pieces:
        some, pieces = dict(pieces[:120]), pieces[120:]
        wrong = {minute: n + chance.choice([0, 40]) for minute, n in some.items()}
        write_page_views(tables, wrong)
        moment = until + 3 * MINUTE - chance.randrange(0, 60 * 24 * 14) * MINUTE
        tables.run(tables.owner, "SELECT refresh_anomalies(%s)", moment)
        for minute, n in some.items():
            tables.written.execute(
                "UPDATE page_views_per_minute SET page_view_count = %s WHERE window_start = %s", [n, minute]
            )
    search(tables, until + 3 * MINUTE)
    found = rows(tables)
    assert found == recomputed(counts, until, zone)
    assert len(found) > 5
    tables.run(tables.owner, "TRUNCATE anomalies, anomaly_progress")
    tables.run(tables.owner, "INSERT INTO anomaly_refresh_queue VALUES ('shop', %s)", start)
    search(tables, until + 3 * MINUTE)
    assert rows(tables) == found


def test_another_time_zone_of_the_site_searches_all_again(tables: Tables) -> None:
    add_site(tables, timezone="UTC")
    noon = datetime(2026, 3, 10, 12, tzinfo=ZoneInfo("America/New_York"))  # clocks went forward on the 8th
    write_page_views(tables, {(noon - n * WEEK).astimezone(UTC): 40 for n in (1, 2, 3)})
    write_page_views(tables, {noon.astimezone(UTC): 40})
    moment = noon.astimezone(UTC) + 4 * MINUTE
    search(tables, moment)
    assert [row[2] for row in rows(tables)] == [noon.astimezone(UTC)]  # by UTC, it was another hour
    tables.run(tables.owner, "UPDATE sites SET timezone = 'America/New_York'")
    search(tables, moment)
    assert rows(tables) == []


def test_history_that_is_loaded_later_is_searched_too(tables: Tables) -> None:
    write_page_views(tables, {NOON: 100})
    search(tables, NOON + 4 * MINUTE)
    assert rows(tables) == []
    write_page_views(tables, {NOON - n * WEEK: 10 for n in (1, 2)})
    search(tables, NOON + 4 * MINUTE)
    assert [row[2:6] for row in rows(tables)] == [(NOON, None, "more", 1)]


def test_sites_are_searched_each_by_itself_and_one_without_minutes_has_no_rows(tables: Tables) -> None:
    write_page_views(tables, four_weeks(5))
    write_page_views(tables, four_weeks(5) | {NOON: 900}, site="blog")
    search(tables, NOON + 8 * MINUTE)
    assert [(row[0], row[4], row[5]) for row in rows(tables)] == [
        ("blog", "more", 1), ("blog", "fewer", 4), ("shop", "fewer", 5),
    ]  # fmt: skip
    tables.run(tables.owner, "DELETE FROM page_views_per_minute WHERE site = 'blog'")
    search(tables, NOON + 8 * MINUTE)
    assert {row[0] for row in rows(tables)} == {"shop"}


def test_what_is_past_its_keep_is_deleted(tables: Tables) -> None:
    write_page_views(tables, four_weeks(5))
    write_page_views(tables, {NOON + 5 * MINUTE: 1})
    search(tables, NOON + 20 * MINUTE)
    maintain(tables.owner, NOON + timedelta(days=40))
    assert len(rows(tables)) == 1
    tables.run(tables.owner, "UPDATE data_retention SET keep = '30 days' WHERE table_name = 'anomalies'")
    assert "deleted 1 row of anomalies" in maintain(tables.owner, NOON + timedelta(days=40))
    assert rows(tables) == []


def test_the_reader_reads_them_and_changes_nothing(tables: Tables) -> None:
    assert rows(tables) == []
    for forbidden in ("SELECT refresh_anomalies()", "DELETE FROM anomalies", "SELECT * FROM anomaly_refresh_queue"):
        with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction)):
            tables.run(tables.reader, forbidden)
