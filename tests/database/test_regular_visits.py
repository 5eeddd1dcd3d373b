"""Visits like clockwork are a program's: told from their events, whichever is written first."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from datetime import timedelta
from fractions import Fraction
from itertools import accumulate

import pytest
from conftest import Tables
from metric_rows import add_event, add_session, add_site, at

from footfall.database.maintenance import refresh_rollups

START = at("12:00:00")
REASON = "too regular for a person"


def add_views(tables: Tables, gaps_ms: Iterable[int], *, visitor: str = "v1", type_: str = "page") -> None:
    for offset in accumulate(gaps_ms, initial=0):
        add_event(tables, visitor=visitor, time=START + timedelta(milliseconds=offset), type_=type_)


def add_visit(tables: Tables, gaps_ms: Sequence[int], *, visitor: str = "v1", bot: bool = False) -> None:
    """The row that the job sessions writes of the page views with these gaps."""
    add_session(
        tables, visitor, visitor=visitor, start=START, seconds=sum(gaps_ms) / 1000, pages=len(gaps_ms) + 1, bot=bot
    )


def reasons(tables: Tables) -> dict[object, object]:
    query = "SELECT visitor_id, bot_reason FROM sessions WHERE is_bot = (bot_reason IS NOT NULL)"
    found = tables.run(tables.reader, query)
    return dict(found)  # type: ignore[arg-type]


def classified(tables: Tables, gaps_ms: Sequence[int]) -> object:
    add_views(tables, gaps_ms)
    add_visit(tables, gaps_ms)
    return reasons(tables)["v1"]


@pytest.mark.parametrize(
    ("gaps_ms", "reason"),
    [
        ([60_000] * 19, REASON),
        ([60_000] * 18, None),  # 19 page views
        ([1] * 19, REASON),
        ([0] * 19, None),  # all at once: that is too fast, which the job says
        ([1200, 800] * 10, None),  # 20 gaps of 1000 ± 200 ms: a coefficient of variation of exactly 0.2
        ([1199, 801] * 10, REASON),
        ([60_000] * 30 + [1_800_000], None),  # one pause
    ],
)
def test_a_visit_is_regular_from_20_page_views_on_whose_gaps_vary_by_less_than_a_fifth(
    tables: Tables, gaps_ms: list[int], reason: str | None
) -> None:
    assert classified(tables, gaps_ms) == reason


def test_any_visit_is_classified_as_its_gaps_say(tables: Tables) -> None:
    chance = random.Random(27)
    expected = {}
    for number in range(60):
        visitor, spread = f"v{number}", chance.choice([0.05, 0.3, 0.34, 0.36, 0.6])
        gaps = [round(chance.uniform(1 - spread, 1 + spread) * 7000) for _ in range(chance.randint(15, 60))]
        add_views(tables, gaps, visitor=visitor)
        add_visit(tables, gaps, visitor=visitor)
        mean = Fraction(sum(gaps), len(gaps))
        variance = sum((gap - mean) ** 2 for gap in gaps) / len(gaps)
        is_regular = len(gaps) >= 19 and variance < mean**2 * Fraction(4, 100)
        expected[visitor] = REASON if is_regular else None
    assert reasons(tables) == expected
    assert 10 < sum(reason is not None for reason in expected.values()) < 50


def test_what_is_no_page_view_is_no_beat(tables: Tables) -> None:
    add_views(tables, [60_000] * 19, type_="screen")
    chance = random.Random(3)
    for _ in range(10):
        add_event(tables, time=START + timedelta(seconds=chance.randrange(1, 1000)), name="Clicked")
    add_event(tables, time=START - timedelta(hours=1), type_="page")  # another visit
    add_event(tables, time=START + timedelta(seconds=7), type_="page", visitor="v2")
    add_visit(tables, [60_000] * 19)
    tables.run(tables.writer, "UPDATE sessions SET event_count = 30")
    assert reasons(tables) == {"v1": REASON}


def test_a_reason_of_the_user_agent_stays(tables: Tables) -> None:
    add_views(tables, [60_000] * 19)
    tables.written.execute(
        "INSERT INTO sessions (site, session_id, session_start, session_end, duration_ms, visitor_id, page_view_count,"
        " event_count, is_bounce, bot_reason, is_bot) VALUES ('shop', 's', %s, %s, 0, 'v1', 20, 20, false,"
        " 'declared bot', true)",
        [START, START + timedelta(minutes=19)],
    )
    assert reasons(tables) == {"v1": "declared bot"}


def test_a_visit_that_is_there_before_its_events_is_classified_when_it_has_all_of_them(tables: Tables) -> None:
    add_site(tables)
    gaps = [60_000] * 19
    add_visit(tables, gaps)
    refresh_rollups(tables.owner)
    assert reasons(tables) == {"v1": None}
    times = [START + timedelta(milliseconds=offset) for offset in accumulate(gaps, initial=0)]
    for number in random.Random(1).sample(range(20), 20):
        assert reasons(tables) == {"v1": None}
        add_event(tables, time=times[number], type_="page")
        if number % 5 == 0:
            refresh_rollups(tables.owner)
    refresh_rollups(tables.owner)
    assert reasons(tables) == {"v1": REASON}
    assert tables.run(tables.owner, "SELECT * FROM bot_classification_queue") == []
    traffic = "SELECT is_bot, visit_count FROM traffic WHERE grain = 'day' AND breakdown = 'channel'"
    assert tables.run(tables.reader, traffic) == [(True, 1)]


def test_a_visit_that_is_written_again_is_classified_again(tables: Tables) -> None:
    gaps = [60_000] * 19
    add_views(tables, gaps)
    add_visit(tables, gaps)
    upsert = (
        "INSERT INTO sessions (site, session_id, session_start, session_end, duration_ms, visitor_id, page_view_count,"
        " event_count, is_bounce) SELECT site, session_id, session_start, session_end, duration_ms, visitor_id,"
        " page_view_count, event_count, is_bounce FROM sessions ON CONFLICT (site, session_start, session_id) DO UPDATE"
        " SET bot_reason = EXCLUDED.bot_reason, is_bot = EXCLUDED.is_bot"
    )
    tables.run(tables.writer, upsert)
    assert reasons(tables) == {"v1": REASON}
    tables.run(tables.owner, "DELETE FROM visit_events")
    add_views(tables, [30_000, 90_000] * 9 + [60_000])
    tables.run(tables.writer, upsert)
    assert reasons(tables) == {"v1": None}


def test_events_that_do_not_come_are_waited_for_a_day(tables: Tables) -> None:
    add_visit(tables, [60_000] * 19)
    waiting = "SELECT count(*) FROM bot_classification_queue"
    tables.run(tables.owner, "UPDATE bot_classification_queue SET queued_at = now() - INTERVAL '23 hours'")
    assert tables.run(tables.owner, f"SELECT classify_bots(), ({waiting})") == [(0, 1)]
    tables.run(tables.owner, "UPDATE bot_classification_queue SET queued_at = now() - INTERVAL '25 hours'")
    refresh_rollups(tables.owner)
    assert tables.run(tables.owner, waiting) == [(0,)]
