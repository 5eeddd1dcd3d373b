"""Visits rolled up by the minute."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import timedelta

from conftest import Tables
from metric_rows import add_session, at

FROM, UNTIL = at("12:00:00"), at("12:30:00")
ASKED = "FROM traffic_by_minute('shop', %s, %s) WHERE breakdown = %s"


def test_each_breakdown_has_every_visit_of_the_minutes_asked_for_once(tables: Tables) -> None:
    chance = random.Random(2)
    visits = defaultdict(list)
    for number in range(300):
        start = FROM + timedelta(milliseconds=chance.randrange(-600_000, 2_400_000))
        channel, country = chance.choice(["Direct", "Email"]), chance.choice(["AT", None])
        visitor, bot = f"v{chance.randrange(20)}", chance.random() < 0.1
        pages, bounce = chance.randrange(1, 4), chance.random() < 0.5
        add_session(
            tables, f"s{number}", start=start, visitor=visitor, channel=channel, country=country, bot=bot, pages=pages,
            bounce=bounce,
        )  # fmt: skip
        if FROM <= start < UNTIL:
            minute = start.replace(second=0, microsecond=0)
            visits[minute, bot, country, channel].append((visitor, pages, bounce))
    add_session(tables, "other", start=FROM, site="blog")
    expected = {
        (*key, len(found), len({row[0] for row in found}), sum(row[1] for row in found), sum(row[2] for row in found))
        for key, found in visits.items()
    }  # fmt: skip
    rows = tables.run(
        tables.reader,
        "SELECT window_start, is_bot, country, channel, visit_count, visitor_count, page_view_count, bounce_count "
        + ASKED,
        FROM, UNTIL, "channel",
    )  # fmt: skip
    assert len(rows) == len(expected) > 100
    assert set(rows) == expected
    for breakdown in ("browser", "language", "entry page"):
        [(count,)] = tables.run(tables.reader, f"SELECT sum(visit_count)::int {ASKED}", FROM, UNTIL, breakdown)
        assert count == sum(map(len, visits.values()))


def test_a_site_without_visits_has_no_minutes(tables: Tables) -> None:
    assert tables.run(tables.reader, f"SELECT * {ASKED}", FROM, UNTIL, "channel") == []
