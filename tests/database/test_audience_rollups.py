"""Audience roll-ups (people, visitors, cohorts) are what the views over all visits say."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest
from conftest import Tables
from metric_rows import add_event, add_session, add_site, at

from footfall.database import maintenance

FIRST = date(2026, 1, 31)
DAYS = 12
Rows = list[tuple[object, ...]]


def refresh(tables: Tables) -> object:
    maintenance.refresh_rollups(tables.owner)
    return tables.run(tables.owner, "SELECT refresh_people()")[0][0]


def write_anything(tables: Tables, chance: random.Random, step: int) -> None:
    """A visit, a sign-in or an alias written, corrected or deleted."""
    time = at("00:00:00") + timedelta(minutes=chance.randrange(DAYS * 1440))
    visitor, user, other = f"v{chance.randrange(9)}", f"u{chance.randrange(5)}", f"u{chance.randrange(5)}"
    what = chance.random()
    if what < 0.55:
        add_session(
            tables, f"s{step}", visitor=visitor, start=time, country=chance.choice(["AT", "DE", None]),
            user=chance.choice([None, None, user]), bot=chance.random() < 0.2,
        )  # fmt: skip
    elif what < 0.7:
        add_event(tables, visitor=visitor, time=time, name="Opened", user=user)
    elif what < 0.78:
        previous = chance.choice([other, visitor])
        add_event(tables, visitor=visitor, time=time, type_="alias", user=user, previous=previous)
    elif what < 0.86:
        tables.written.execute("UPDATE sessions SET visitor_id = 'v3' WHERE session_id = %s", [f"s{step - 4}"])
        tables.written.execute("UPDATE sessions SET user_id = %s WHERE session_id = %s", [user, f"s{step - 7}"])
    elif what < 0.93:
        tables.written.execute(
            "UPDATE visit_events SET user_id = %s WHERE date_part('hour', event_time) = %s",
            [user, chance.randrange(24)],
        )
    else:
        tables.run(tables.owner, "DELETE FROM sessions WHERE session_id = %s", f"s{chance.randrange(step + 1)}")
        tables.run(
            tables.owner, "DELETE FROM visit_events WHERE date_part('hour', event_time) = %s", chance.randrange(24)
        )  # fmt: skip


def compare(tables: Tables, zone: str) -> None:
    def rows(query: str, *values: object) -> Rows:
        return sorted(tables.run(tables.reader, query, *values), key=repr)

    conflicts = rows("SELECT visitor_id FROM identity_conflicts WHERE site = 'shop'")
    assert rows("SELECT visitor_id FROM shared_visitors") == conflicts
    assert rows("SELECT visit_count, person_count FROM visits_per_person") == rows(
        "SELECT least(visit_count, 10)::int, count(*) FROM people GROUP BY 1"
    )
    assert rows("SELECT hour, person_count FROM first_visits") == rows(
        "SELECT date_trunc('hour', session_start, %s), count(*) FROM person_visits WHERE is_first_visit AND NOT is_bot"
        " GROUP BY 1",
        zone,
    )
    for unit in ("day", "week", "month"):
        assert rows("SELECT cohort, period, person_count FROM cohorts WHERE unit = %s", unit) == rows(
            "SELECT * FROM retention('shop', %s, '2020-01-01', '2030-01-01')", unit
        )
    for first in range(-1, DAYS + 1):
        day = FIRST + timedelta(days=first)
        for length in (1, 3, 7, 30):
            last = day + timedelta(days=length - 1)
            counted = (
                "SELECT count(DISTINCT person_id) FROM person_visits WHERE NOT is_bot AND local_day BETWEEN %s AND %s"
            )
            assert rows("SELECT people_of('shop', %s, %s)", day, last) == rows(counted, day, last)
            assert rows("SELECT * FROM visitors_by('shop', %s, %s, 2)", day, last) == rows(
                "SELECT * FROM demographics('shop', %s, %s, 2)", day, last
            )
    begins, ends = at("00:00:00") - timedelta(days=1), at("00:00:00") + timedelta(days=DAYS + 1)
    assert rows(
        "SELECT sum(new_count), sum(returning_count) FROM new_and_returning('shop', %s, %s)", begins, ends
    ) == rows(
        "SELECT count(*) FILTER (WHERE is_first_visit)::numeric, count(*) FILTER (WHERE NOT is_first_visit)::numeric"
        " FROM person_visits WHERE NOT is_bot"
    )


@pytest.mark.parametrize("seed", [3, 8])
def test_whatever_is_written_in_whatever_order_people_are_what_the_visits_say(tables: Tables, seed: int) -> None:
    chance = random.Random(seed)
    add_site(tables, timezone="Asia/Kolkata")
    for step in range(250):
        write_anything(tables, chance, step)
        if chance.random() < 0.1:
            refresh(tables)
        if step in (120, 249):
            refresh(tables)
            compare(tables, "Asia/Kolkata")
    assert tables.run(tables.reader, "SELECT count(*) > 3 FROM cohorts WHERE period > 0") == [(True,)]
    tables.run(tables.owner, "UPDATE sites SET timezone = 'America/New_York'")
    assert tables.run(tables.owner, "SELECT refresh_people() > 0") == [(True,)]
    refresh(tables)
    compare(tables, "America/New_York")
    assert refresh(tables) == 0


def test_a_sign_in_makes_one_person_of_two_visitors_later(tables: Tables) -> None:
    for visitor in ("v1", "v2"):
        add_session(tables, visitor, visitor=visitor, start=at("12:00:00"))
    refresh(tables)
    assert tables.run(tables.reader, "SELECT people_of('shop', %s, %s)", FIRST, FIRST) == [(2,)]
    for visitor in ("v1", "v2"):
        add_event(tables, visitor=visitor, time=at("13:00:00"), user="ann", name="Opened")
    refresh(tables)
    assert tables.run(tables.reader, "SELECT people_of('shop', %s, %s)", FIRST, FIRST) == [(1,)]
    assert tables.run(tables.reader, "SELECT person_count FROM first_visits") == [(1,)]


def test_people_go_when_their_visits_are_past_retention(tables: Tables) -> None:
    now = datetime.now(UTC)
    for days in (1, 70):
        add_session(tables, f"{days} old", visitor="v1" if days == 1 else "v2", start=now - timedelta(days=days))
    refresh(tables)
    assert tables.run(tables.reader, "SELECT sum(person_count) FROM visits_per_person") == [(2,)]
    tables.run(tables.owner, "UPDATE data_retention SET keep = '30 days' WHERE table_name = 'sessions'")
    maintenance.maintain(tables.owner)
    refresh(tables)
    assert tables.run(tables.owner, "SELECT visitor_id FROM visit_days") == [("v1",)]
    assert tables.run(tables.reader, "SELECT sum(person_count) FROM visits_per_person") == [(1,)]


def test_who_writes_or_reads_can_not_see_what_is_known_of_each_visitor(tables: Tables) -> None:
    for statement in (
        "SELECT * FROM people_refresh_queue", "SELECT * FROM visit_days", "DELETE FROM active_people",
        "SELECT refresh_people()", "SELECT people_facts(1)",
    ):  # fmt: skip
        for role in (tables.writer, tables.reader, tables.collector):
            with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction)):
                tables.run(role, statement)
