"""Funnels, people, retention and anomalies in Postgres, against a recomputation in Python from docs/definitions.md."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest
from conftest import Tables
from metric_rows import add_event, add_session, add_site, at, write_page_views

DAY = date(2026, 1, 31)


def add_funnel(tables: Tables, steps: list[dict[str, str]], within: str = "1 hour", strict: bool = False) -> None:
    tables.run(tables.owner, "INSERT INTO funnels VALUES ('shop', 'buy', %s::interval, %s)", within, strict)
    for number, step in enumerate(steps, 1):
        columns = ", ".join(step)
        tables.run(
            tables.owner,
            f"INSERT INTO funnel_steps (site, funnel, step, name, {columns})"
            f" VALUES ('shop', 'buy', %s, %s{', %s' * len(step)})",
            number, f"step {number}", *step.values(),
        )  # fmt: skip


def reached(tables: Tables, first: date = DAY, last: date = DAY) -> dict[str, int]:
    rows = tables.run(
        tables.reader, "SELECT visitor_id, depth FROM funnel_visitors('shop', 'buy', %s, %s)", first, last
    )
    return {str(visitor): int(str(depth)) for visitor, depth in rows}


VIEW_ADD_BUY = [{"page_path": "/p/%"}, {"event_name": "Product Added"}, {"event_name": "Order Completed"}]


def act(tables: Tables, visitor: str, second: float, what: str) -> None:
    """A page view of a path, or a track event of a name."""
    page = what.startswith("/")
    add_event(
        tables, visitor=visitor, time=at("12:00:00") + timedelta(seconds=second), type_="page" if page else "track",
        name=None if page else what, path=what if page else "/",
    )  # fmt: skip


def test_a_funnel_counts_who_reached_each_step_in_order(tables: Tables) -> None:
    add_funnel(tables, VIEW_ADD_BUY)
    for visitor, whats in {
        "all": ["/p/1", "/other", "Product Added", "Order Completed"],
        "bought before the view": ["Order Completed", "/p/1", "Product Added"],
        "step twice": ["/p/1", "/p/1", "Product Added", "Product Added", "Order Completed"],
        "never began": ["Product Added", "Order Completed"],
        "only looked": ["/p/2"],
    }.items():
        for second, what in enumerate(whats):
            act(tables, visitor, second, what)
    assert reached(tables) == {"all": 3, "bought before the view": 2, "step twice": 3, "only looked": 1}
    assert [
        row[:3] for row in tables.run(tables.reader, "SELECT * FROM funnel_report('shop', 'buy', %s, %s)", DAY, DAY)
    ] == [(1, "step 1", 4), (2, "step 2", 3), (3, "step 3", 2)]


def test_a_strict_funnel_asks_for_the_very_next_action(tables: Tables) -> None:
    add_funnel(tables, VIEW_ADD_BUY, strict=True)
    for second, what in enumerate(["/p/1", "Product Added", "/other", "Order Completed"]):
        act(tables, "detour", second, what)
    for second, what in enumerate(["/p/1", "/other", "/p/1", "Product Added", "Order Completed"]):
        act(tables, "second try", second, what)
    assert reached(tables) == {"detour": 2, "second try": 3}


def test_the_time_of_a_funnel_runs_from_its_first_step_and_the_last_start_counts(tables: Tables) -> None:
    add_funnel(tables, VIEW_ADD_BUY, within="60 seconds")
    for visitor, whats in {
        "in time": [(0, "/p/1"), (30, "Product Added"), (60, "Order Completed")],
        "too late": [(0, "/p/1"), (30, "Product Added"), (60.001, "Order Completed")],
        "again": [(0, "/p/1"), (50, "/p/1"), (55, "Product Added"), (105, "Order Completed")],
    }.items():
        for second, what in whats:
            act(tables, visitor, second, what)
    assert reached(tables) == {"in time": 3, "too late": 2, "again": 3}


def test_one_action_is_never_two_steps(tables: Tables) -> None:
    add_funnel(tables, [{"event_type": "page"}, {"page_path": "/p/%"}])
    act(tables, "once", 0, "/p/1")
    act(tables, "twice", 0, "/p/1")
    act(tables, "twice", 1, "/p/1")
    assert reached(tables) == {"once": 1, "twice": 2}


def test_funnels_of_a_random_log_equal_every_way_tried_out(tables: Tables) -> None:
    add_funnel(tables, VIEW_ADD_BUY, within="40 seconds")
    chance = random.Random(7)
    whats = ["/p/1", "/p/2", "/other", "Product Added", "Order Completed"]
    log: dict[str, list[tuple[float, str]]] = defaultdict(list)
    for _ in range(600):
        log[f"v{chance.randrange(60)}"].append((chance.randrange(300_000) / 1000, chance.choice(whats)))
    for visitor, actions in log.items():
        for second, what in actions:
            act(tables, visitor, second, what)
    for strict in (False, True):
        tables.run(tables.owner, "UPDATE funnels SET is_strict = %s", strict)
        expected = {visitor: depth(sorted(actions), 40, strict) for visitor, actions in log.items()}
        assert reached(tables) == {visitor: found for visitor, found in expected.items() if found}


def depth(actions: list[tuple[float, str]], within: float, strict: bool) -> int:
    """Every chain of every start, tried out."""
    matches = (lambda what: what.startswith("/p/"), "Product Added".__eq__, "Order Completed".__eq__)

    def further(place: int, step: int, start: float) -> int:
        best = step
        if step == len(matches):
            return best
        for following in range(place + 1, len(actions)):
            second, what = actions[following]
            if second > start + within or (strict and following > place + 1):
                break
            if matches[step](what):
                best = max(best, further(following, step + 1, start))
        return best

    return max((further(n, 1, second) for n, (second, what) in enumerate(actions) if matches[0](what)), default=0)


def test_a_funnel_that_is_not_there_or_has_a_gap_is_an_error_that_names_it(tables: Tables) -> None:
    with pytest.raises(psycopg.errors.RaiseException, match="site shop has no funnel buy"):
        reached(tables)
    add_funnel(tables, [{"event_type": "page"}])
    tables.run(tables.owner, "UPDATE funnel_steps SET step = 2")
    with pytest.raises(psycopg.errors.RaiseException, match="with steps 1, 2"):
        reached(tables)


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
