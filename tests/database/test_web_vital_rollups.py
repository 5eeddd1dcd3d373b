"""Percentiles of Web Vitals from counts are those of the page views: exact up to eight days, within 1 % beyond."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from conftest import Postgres, Tables, database_with_tables
from metric_rows import add_site

from footfall.database import maintenance

BEGIN = datetime(2026, 3, 4, 5, 6, tzinfo=UTC)  # a Wednesday; Vienna's night of 23 hours is on the 29th
DAYS = 40
MEASURES = ("lcp_ms", "inp_ms", "cls")
ERROR = 0.01


@pytest.fixture(scope="module")
def shop(postgres: Postgres) -> Iterator[Tables]:
    """A shop with many page views, corrected and deleted in part after they were counted."""
    for tables in database_with_tables(postgres):
        chance = random.Random(4)
        rows = [measured(chance, number) for number in range(6000)]
        write(tables, rows[:4000])
        maintenance.refresh_rollups(tables.owner)
        add_site(tables, timezone="Europe/Vienna")
        write(tables, rows[4000:])
        tables.written.execute("UPDATE web_vitals SET lcp_ms = lcp_ms * 2 WHERE message_id LIKE '%7'")
        tables.written.execute(
            "UPDATE web_vitals SET event_time = event_time + INTERVAL '3 days' WHERE message_id LIKE '%8'"
        )
        tables.run(tables.owner, "DELETE FROM web_vitals WHERE message_id LIKE '%%9'")
        maintenance.refresh_rollups(tables.owner)
        assert tables.run(tables.owner, "SELECT refresh_web_vitals()") == [(0,)]
        yield tables


def measured(chance: random.Random, number: int) -> tuple[object, ...]:
    """A measured page view: values over many orders of magnitude, some 0, some not there."""
    values = (
        None if chance.random() < 0.1 else round(chance.lognormvariate(math.log(1500), 0.7), 3),
        None if chance.random() < 0.4 else chance.choice([0, 8, 16, round(chance.lognormvariate(math.log(120), 1), 3)]),
        None if chance.random() < 0.1 else chance.choice([0, round(chance.lognormvariate(math.log(0.02), 2), 6)]),
    )
    time = BEGIN + timedelta(minutes=chance.randrange(DAYS * 1440))
    page = chance.choice(["/", "/", "/", "/p/1", "/p/2", None])
    return "shop", time, f"m{number}", page, chance.choice(["mobile", "mobile", "desktop", None]), *values


def write(tables: Tables, rows: list[tuple[object, ...]]) -> None:
    with tables.written.cursor() as cursor, cursor.copy("COPY web_vitals FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def told(tables: Tables, begins: datetime, ends: datetime, page: str, device: str) -> None:
    """Compare what is told of these times with the percentiles of the rows."""
    where = (
        "FROM web_vitals WHERE event_time BETWEEN %s AND %s AND %s IN ('%%', page_path) AND %s IN ('%%', device_type)"
    )
    if ends - begins > timedelta(days=8):  # the days that they touch
        begins_, ends_ = tables.run(
            tables.reader,
            "SELECT date_trunc('day', %s, zone_of('shop')),"
            " midnight_of('shop', (%s AT TIME ZONE zone_of('shop'))::date + 1) - INTERVAL '1 microsecond'",
            begins, ends,
        )[0]  # fmt: skip
        error = ERROR
    else:
        begins_, ends_, error = begins, ends, 0.0
    for measure in MEASURES:
        exact = tables.run(
            tables.reader,
            "SELECT count(*), percentile_cont('{0.5,0.75,0.95}'::float8[]) WITHIN GROUP"
            f" (ORDER BY {measure}::float8) {where}",
            begins_, ends_, page, device,
        )[0]  # fmt: skip
        [found] = tables.run(
            tables.reader, "SELECT measured_count, percentiles FROM web_vital(%s, 'shop', %s, %s, %s, %s)",
            measure, begins, ends, page, device,
        )  # fmt: skip
        assert found[0] == exact[0] != 0
        assert found[1] == pytest.approx(exact[1], rel=error, abs=0), (measure, page, device)
    exact_pages = tables.run(
        tables.reader,
        "SELECT page_path, device_type, count(*), percentile_cont(0.75) WITHIN GROUP (ORDER BY lcp_ms::float8),"
        " percentile_cont(0.75) WITHIN GROUP (ORDER BY inp_ms::float8), percentile_cont(0.75) WITHIN GROUP"
        f" (ORDER BY cls::float8) {where} GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT 5",
        begins_, ends_, page, device,
    )  # fmt: skip
    found_pages = tables.run(
        tables.reader, "SELECT * FROM web_vitals_by_page('shop', %s, %s, %s, %s, 5)", begins, ends, page, device
    )
    assert [row[:3] for row in found_pages] == [row[:3] for row in exact_pages]
    for found, exact in zip(found_pages, exact_pages, strict=True):
        assert found[3:] == pytest.approx(exact[3:], rel=error, abs=0)


@pytest.mark.parametrize("page", ["%", "/", "/p/1"])
@pytest.mark.parametrize("device", ["%", "mobile"])
@pytest.mark.parametrize("begin", [0, 2.5, 5])
def test_percentiles_of_any_days_are_within_the_bound_of_those_of_the_page_views(
    shop: Tables, page: str, device: str, begin: float
) -> None:
    begins = BEGIN + timedelta(days=begin)
    for days in (2, 7.9, 8.5, 20, 34):
        told(shop, begins, begins + timedelta(days=days), page, device)


def test_a_chart_of_many_days_is_by_the_day_of_the_site(shop: Tables) -> None:
    begins, ends = BEGIN, BEGIN + timedelta(days=30)
    found = shop.run(
        shop.reader, "SELECT * FROM web_vital('cls', 'shop', %s, %s, '%%', '%%', INTERVAL '2 hours')", begins, ends
    )
    exact = shop.run(
        shop.reader,
        "SELECT date_trunc('day', event_time, 'Europe/Vienna'), count(*),"
        " percentile_cont('{0.5,0.75,0.95}'::float8[]) WITHIN GROUP (ORDER BY cls::float8) FROM web_vitals"
        " WHERE event_time >= date_trunc('day', %s, 'Europe/Vienna')"
        " AND event_time < date_trunc('day', %s, 'Europe/Vienna') + INTERVAL '1 day' GROUP BY 1 ORDER BY 1",
        begins, ends,
    )  # fmt: skip
    assert [row[:2] for row in found] == [row[:2] for row in exact]
    assert len(found) == 31
    for (*_, percentiles), (*_, expected) in zip(found, exact, strict=True):
        assert percentiles == pytest.approx(expected, rel=ERROR, abs=0)


def test_every_value_is_within_the_bound_of_what_its_bucket_stands_for(tables: Tables) -> None:
    values = [1e-6, 0.0001, 0.1, 0.999, 1.0, 1.02, 8.0, 16.0, 100.0, 2500.0, 86_400_000.0, 1e12]
    chance = random.Random(1)
    values += [chance.lognormvariate(0, 8) for _ in range(1000)]
    rows = tables.run(tables.reader, "SELECT v, value_of(bucket_of(v)) FROM unnest(%s::float8[]) AS v", values)
    assert all(abs(float(str(found)) / float(str(value)) - 1) < ERROR for value, found in rows)
    assert tables.run(tables.reader, "SELECT value_of(bucket_of(0)), value_of(bucket_of(-1)), bucket_of(NULL)") == [
        (0, 0, None)
    ]


def test_a_percentile_lies_between_two_values_as_percentile_cont_has_it(tables: Tables) -> None:
    query = "SELECT bucket_percentiles(%s, %s, '{0, 0.5, 1}')"
    [(found,)] = tables.run(tables.reader, query, [bucket(100), bucket(200)], [1, 3])
    assert found == pytest.approx([100, 200, 200], rel=ERROR)
    [(found,)] = tables.run(tables.reader, query, [bucket(200), bucket(100)], [2, 2])
    assert found == pytest.approx([100, 150, 200], rel=ERROR)
    assert tables.run(tables.reader, query, [], []) == [([None, None, None],)]


def bucket(value: float) -> int:
    return math.ceil(math.log(value) / math.log(1.02))
