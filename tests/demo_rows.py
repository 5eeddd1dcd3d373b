"""A week of the demo's visitors in the tables, without Kafka and Flink: tests/e2e/day.py says what the jobs make of it.

The simulated visitors of `footfall demo` look and buy. What footfall.js reports by itself is added to their page views.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from conftest import Tables
from e2e import day
from e2e.page_reports import Event, Report, chance_of, with_reports
from psycopg import sql

from footfall.admin import sites
from footfall.admin.site_options import Options
from footfall.database import maintenance
from footfall.demo.demo import FUNNEL, GOAL, SITE
from footfall.simulate import profiles
from footfall.simulate.visitors import arrivals
from footfall.topic import Record

START = datetime(2026, 1, 19, tzinfo=UTC)  # a Monday
VISITS_PER_DAY = 200
BOTS = {bot.user_agent for bot in profiles.BOTS}
# The events of a visit are there before the visit, as when jobs keep up.
TABLES = (
    "visit_events", "sessions", "page_views_per_minute", "engagement_per_minute", "elements_per_minute",
    "custom_events_per_minute", "web_vitals", "arrivals_per_minute", "late_events", "rejected_events",
)  # fmt: skip


def fill(tables: Tables) -> None:
    """The demo's site with its goal and funnel, and the rows of a week, refreshed as by `footfall maintain`."""
    sites.ensure(tables.owner, SITE, Options(goals=[GOAL]))
    tables.run(tables.owner, "INSERT INTO funnels (site, funnel) VALUES (%s, 'checkout')", SITE)
    for step, (name, event, path) in enumerate(FUNNEL, 1):
        tables.run(
            tables.owner,
            "INSERT INTO funnel_steps (site, funnel, step, name, event_name, page_path)"
            " VALUES (%s, 'checkout', %s, %s, %s, %s)",
            SITE, step, name, event, path,
        )  # fmt: skip
    rows = day.tables(_week())
    with psycopg.connect(tables.writer, autocommit=True) as connection:
        for table in TABLES:
            with connection.cursor().copy(sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(table))) as copy:
                for row in rows[table]:
                    copy.write_row(row)
    tables.run(tables.owner, "ANALYZE")  # as autovacuum does within a minute: without, funnels take 200 times as long
    maintenance.refresh_rollups(tables.owner)


def _week() -> Iterator[Record]:
    week = with_reports(
        arrivals(seed=1, site=SITE, start=START, end=START + timedelta(days=7), visits_per_day=VISITS_PER_DAY),
        place=_place, reports=_reports,
    )  # fmt: skip
    for offset, arrival in enumerate(week):
        yield Record(0, offset, round(arrival.time.timestamp() * 1000), arrival.key, arrival.value)


def _place(event: Event) -> Mapping[str, Any]:
    return {"location": {**event["context"]["location"], "region": None}}


def _reports(event: Event) -> Iterator[Report]:
    """What footfall.js says of a page: a marked element, speed and engagement; programs run no scripts."""
    context, chance = event["context"], chance_of(event["messageId"])
    if context["userAgent"] in BOTS:
        return
    element = {"/": "hero", "/sale": "sale-banner"}.get(context["page"]["path"])
    if element:
        yield 900, "Element Viewed", {"element": element, "non_interaction": True}
        if chance % 4 == 0:
            yield 1900, "Element Clicked", {"element": element, "url": "/p/t-100"}
    if chance % 3 == 0:
        slow = 1.6 if context["screen"]["width"] < 500 else 1  # a telephone
        speed = {"lcp_ms": round(900 + chance % 1700 * slow), "inp_ms": round(40 + chance % 130 * slow)}
        yield 2300, "Web Vitals", {**speed, "cls": chance % 12 / 100, "non_interaction": True}
    engaged = {"engaged_ms": 2000 + chance % 38_000, "scroll_depth": 20 + chance % 80, "non_interaction": True}
    yield 4100, "Page Engaged", engaged
