"""Funnels in Postgres, against every way tried out in Python."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import date, timedelta

import psycopg
import pytest
from conftest import Tables
from metric_rows import add_event, at

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
    for function in ("funnel_visitors", "funnel_report"):
        with pytest.raises(psycopg.errors.RaiseException, match="site shop has no funnel buy"):
            tables.run(tables.reader, f"SELECT * FROM {function}('shop', 'buy', %s, %s)", DAY, DAY)
    add_funnel(tables, [{"event_type": "page"}])
    tables.run(tables.owner, "UPDATE funnel_steps SET step = 2")
    with pytest.raises(psycopg.errors.RaiseException, match="with steps 1, 2"):
        reached(tables)
