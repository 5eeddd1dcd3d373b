"""Identity, retention, stickiness and demographics in Postgres, against a recomputation in Python."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest
from conftest import Tables
from metric_rows import add_event, add_session, add_site, at

DAY = date(2026, 1, 31)


def person_of(tables: Tables) -> dict[str, Any]:
    return dict(tables.run(tables.reader, "SELECT session_id, person_id FROM person_visits"))  # type: ignore[arg-type]


def test_a_sign_in_counts_backwards_for_the_visits_of_the_same_device(tables: Tables) -> None:
    add_session(tables, "a", visitor="phone", start=at("10:00:00"))
    add_session(tables, "b", visitor="phone", start=at("12:00:00"), user="u1")
    add_event(tables, visitor="phone", time=at("12:00:01"), type_="identify", user="u1")
    add_session(tables, "c", visitor="laptop", start=at("13:00:00"), user="u1")
    add_event(tables, visitor="laptop", time=at("13:00:01"), type_="identify", user="u1")
    add_session(tables, "d", visitor="stranger", start=at("14:00:00"))
    assert person_of(tables) == {"a": "u1", "b": "u1", "c": "u1", "d": "stranger"}
    assert tables.run(tables.reader, "SELECT person_id, visit_count, visitor_count FROM people ORDER BY 1") == [
        ("stranger", 1, 1),
        ("u1", 3, 2),
    ]


def test_two_users_of_one_device_are_a_conflict_and_share_no_visit(tables: Tables) -> None:
    add_session(tables, "a", visitor="phone", start=at("10:00:00"))
    add_session(tables, "b", visitor="phone", start=at("12:00:00"), user="u1")
    add_session(tables, "c", visitor="phone", start=at("14:00:00"), user="u2")
    for user in ("u1", "u2"):
        add_event(tables, visitor="phone", time=at("12:00:01"), type_="identify", user=user)
    assert person_of(tables) == {"a": "phone", "b": "u1", "c": "u2"}
    assert tables.run(tables.reader, "SELECT visitor_id, user_ids FROM identity_conflicts") == [("phone", ["u1", "u2"])]


def test_aliases_are_followed_to_their_end(tables: Tables) -> None:
    for previous, user in (
        ("u1", "u2"),
        ("u2", "u3"),
        ("ring-b", "ring-a"),
        ("ring-a", "ring-b"),
        ("to-ring", "ring-b"),
    ):
        add_event(tables, visitor="server", time=at("12:00:00"), type_="alias", user=user, previous=previous)
    found = dict(tables.run(tables.reader, "SELECT previous_id, user_id FROM user_aliases"))  # type: ignore[arg-type]
    assert found == {"u1": "u3", "u2": "u3", "ring-a": "ring-a", "ring-b": "ring-a", "to-ring": "ring-a"}
    add_session(tables, "a", visitor="x", start=at("10:00:00"), user="u1")
    assert person_of(tables) == {"a": "u3"}


def test_of_two_aliases_of_one_id_the_later_counts(tables: Tables) -> None:
    for time, user in (("12:00:01", "late"), ("12:00:00", "early")):
        add_event(tables, visitor="server", time=at(time), type_="alias", user=user, previous="u1")
    assert tables.run(tables.reader, "SELECT user_id FROM user_aliases") == [("late",)]


@pytest.mark.parametrize("unit", ["day", "week", "month"])
def test_retention_of_a_random_log_equals_its_recomputation(tables: Tables, unit: str) -> None:
    zone = ZoneInfo("America/New_York")
    add_site(tables, timezone=str(zone))
    chance = random.Random(3)
    visits = []
    for number in range(400):
        visitor = f"v{chance.randrange(60)}"
        start = datetime(2026, 2, 20, tzinfo=UTC) + timedelta(minutes=chance.randrange(60 * 24 * 40))
        visits.append((visitor, start))
        add_session(tables, f"s{number}", visitor=visitor, start=start, bot=visitor == "v0")
    periods = defaultdict(set)
    for visitor, start in visits:
        if visitor != "v0":
            periods[visitor].add(period(start.astimezone(zone).date(), unit))
    expected: dict[tuple[date, int], int] = defaultdict(int)
    for found in periods.values():
        for one in found:
            expected[min(found), distance(min(found), one, unit)] += 1
    rows = tables.run(tables.reader, "SELECT * FROM retention('shop', %s, '2026-02-01', '2026-04-30')", unit)
    assert {(cohort, number): count for cohort, number, count in rows} == expected


def period(day: date, unit: str) -> date:
    if unit == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if unit == "month" else day


def distance(first: date, other: date, unit: str) -> int:
    if unit == "month":
        return (other.year - first.year) * 12 + other.month - first.month
    return (other - first).days // (7 if unit == "week" else 1)


def test_retention_by_an_unknown_unit_says_which_there_are(tables: Tables) -> None:
    with pytest.raises(psycopg.errors.RaiseException, match="by day, week or month, not by hour"):
        tables.run(tables.reader, "SELECT * FROM retention('shop', 'hour', '2026-01-01', '2026-01-31')")


def test_stickiness_counts_people_of_one_seven_and_thirty_days(tables: Tables) -> None:
    for number, days in enumerate((0, 6, 7, 29, 30)):
        add_session(tables, f"s{number}", visitor=f"v{number}", start=at("12:00:00") - timedelta(days=days))
    add_session(tables, "again", visitor="v0", start=at("13:00:00"))
    rows = tables.run(tables.reader, "SELECT daily, weekly, monthly, daily_of_monthly FROM stickiness('shop', %s)", DAY)
    assert [row[:3] for row in rows] == [(1, 2, 4)]
    assert float(str(rows[0][3])) == 0.25


def test_a_group_of_fewer_visitors_than_the_floor_is_not_shown(tables: Tables) -> None:
    for number in range(12):
        country = "AT" if number < 10 else "LI"
        add_session(tables, f"s{number}", visitor=f"v{number}", start=at("12:00:00"), country=country)

    def shown(*floor: int) -> list[tuple[object, ...]]:
        arguments = "'shop', %s, %s" + ", %s" * len(floor)
        query = f"SELECT value, visitor_count FROM demographics({arguments}) WHERE dimension = 'country'"
        return tables.run(tables.reader, query, DAY, DAY, *floor)

    assert shown() == [("AT", 10)]
    assert shown(2) == [("AT", 10), ("LI", 2)]
    add_session(tables, "one", visitor="alone", start=at("12:00:00"), country="VA")
    assert ("VA", 1) not in shown(1)  # one visitor is somebody
