"""Anomalies over a whole log: the table as `maintain` fills it and the function, and what they must hold."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

import psycopg
from unusual import MINUTE, anomalies

from footfall.database import connections
from footfall.settings import Settings

from .helpers import Row, asked, wait_for

DAY = timedelta(days=1)
SEARCHED = """
  SELECT count(*) FILTER (WHERE checked_until > %s) > 0 AND NOT EXISTS (SELECT FROM anomaly_refresh_queue)
  FROM anomaly_progress WHERE site = %s
"""
FUNCTION = "SELECT started, ended, direction, page_view_count, expected, size FROM anomalies('{}', '{}', '{}')"


def counts_by_site(page_views: Iterable[Row]) -> dict[str, Counter[datetime]]:
    """Page views of each minute that has some, from rows of page_views_per_minute."""
    found: dict[str, Counter[datetime]] = defaultdict(Counter)
    for site, minute, _, views, _ in page_views:
        found[site][minute] += views
    return found


def found(settings: Settings, site: str, counts: Mapping[datetime, int]) -> dict[str, list[Row]]:
    """What the table and the function say of the time in which a site has page views."""
    begin, end = min(counts), max(counts) + MINUTE
    with psycopg.connect(connections.owner(settings), autocommit=True) as connection:

        def is_searched() -> bool:
            connection.execute("SELECT refresh_anomalies()")  # four weeks at a time
            return bool(connection.execute(SEARCHED, [end + DAY, site]).fetchall()[0][0])

        wait_for(f"the minutes of {site} to be searched", is_searched)
    table = [row for row in asked(settings, "SELECT * FROM anomalies") if row[0] == site and row[2] < end]
    return {"table": _rounded(table, 8), "function": _rounded(asked(settings, FUNCTION.format(site, begin, end)), 5)}


def expected(site: str, counts: Mapping[datetime, int], zone: str = "UTC") -> dict[str, list[Row]]:
    """The same, recomputed."""
    end = max(counts) + MINUTE
    table = [row for row in anomalies(counts, end + 2 * DAY, zone, site) if row[2] < end]
    spans = [(row[2], row[3] or end, row[4], *row[6:9]) for row in anomalies(counts, end, zone, site)]
    return {"table": _rounded(table, 8), "function": _rounded(spans, 5)}


def _rounded(rows: Iterable[Row], at: int) -> list[Row]:
    """Sizes are quotients of floating-point numbers."""
    return [(*row[:at], round(row[at], 9), *row[at + 1 :]) for row in rows]
