"""What the queries of the dashboards read: no rows of single visits and events where something is added up.

What was read is told by Postgres's own counters, which see into functions too, as no plan does.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from conftest import Postgres, Tables, database_with_tables
from dashboard_rows import fill

from footfall.bench.dashboards import Query, all_queries
from footfall.grafana.query.time_ranges import TimeRange

# The tables that grow with the traffic; all that others are told from them is added up.
RAW = {
    "sessions", "visit_events", "web_vitals", "late_events", "rejected_events", "page_views_per_minute",
    "engagement_per_minute", "elements_per_minute", "custom_events_per_minute", "arrivals_per_minute",
}  # fmt: skip
# What reads them nevertheless, by dashboard and panel: about now, about single ones, or not to be added up.
READS = {
    "realtime": {"": {"visit_events", "sessions"}},
    "visits": {"": {"visit_events", "sessions"}},
    "web-vitals": {"variable page": {"web_vitals"}},  # of the last day
    "pipeline": {
        "Newest event": {"visit_events"},
        "Windows behind events": {"visit_events", "page_views_per_minute"},
    },
    "data-quality": {
        "Rejected": {"rejected_events"},
        "Why records were rejected": {"rejected_events"},
        "How late": {"late_events"},
        "Wrong clocks": {"arrivals_per_minute"},  # not added up yet
    },
    "funnels": {
        "Visitors with a goal": {"visit_events"},  # distinct visitors, by an index of the goals alone
        "Goals": {"visit_events"},
    },
    "pages": {"Searched for": {"visit_events"}},  # by an index of the searches alone
}
SCANS = """
SELECT coalesce(i.inhparent::regclass, s.relid::regclass)::text, sum(s.seq_scan)::int
FROM pg_stat_xact_user_tables AS s LEFT JOIN pg_inherits AS i ON i.inhrelid = s.relid
WHERE s.seq_scan + coalesce(s.idx_scan, 0) > 0 GROUP BY 1
"""


@pytest.fixture(scope="module")
def shop(postgres: Postgres) -> Iterator[tuple[Tables, str]]:
    """A full shop, and the connection string of the superuser in it."""
    for tables in database_with_tables(postgres):
        fill(tables)
        name = psycopg.conninfo.conninfo_to_dict(tables.owner)["dbname"]
        yield tables, postgres.conninfo("postgres", str(name))


@pytest.fixture(scope="module")
def queries(shop: tuple[Tables, str]) -> list[Query]:
    now = datetime.now(UTC)
    return list(all_queries(shop[0].reader, TimeRange(now - timedelta(days=90), now), "shop"))


def scans(admin: str, query: Query) -> dict[str, int]:
    """How often each table was scanned in sequence, of those that were read at all; by an index where there is one."""
    with psycopg.connect(admin) as connection:
        connection.execute("SET search_path = public")
        connection.execute("SET enable_seqscan = off")  # the tables of a test are too small for an index to be worth it
        connection.execute("SET max_parallel_workers_per_gather = 0")  # others' scans are not counted here
        connection.execute("SET ROLE footfall_reader")
        connection.execute(query.sql.encode())
        connection.execute("RESET ROLE")
        return dict(connection.execute(SCANS).fetchall())


def test_queries_of_dashboards_read_what_is_rolled_up_and_the_rest_by_an_index(
    shop: tuple[Tables, str], queries: list[Query]
) -> None:
    assert len(queries) > 100
    for query in queries:
        allowed = READS.get(query.dashboard, {})
        found = {table: count for table, count in scans(shop[1], query).items() if table in RAW}
        may_read = allowed.get(query.panel, allowed.get("", set()))
        assert found.keys() <= may_read, f"{query.dashboard}: {query.panel} reads single rows"
        assert not any(found.values()), f"{query.dashboard}: {query.panel} has no index for {found}"


def test_a_query_without_an_index_is_found_out(shop: tuple[Tables, str]) -> None:
    query = Query("", "", "SELECT * FROM page_views_per_minute WHERE visitor_count = 7")
    assert scans(shop[1], query)["page_views_per_minute"] > 0
    query = Query("", "", "SELECT * FROM retention('shop', 'day', '2020-01-01', '2030-01-01')")
    assert scans(shop[1], query).keys() >= {"sessions"}
