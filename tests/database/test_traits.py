"""Traits of users: kept only where they are listed, and told only as counts of people, in groups that are large."""

from __future__ import annotations

import json
import random
from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta

import pytest
from conftest import Tables
from metric_rows import add_event, add_session, add_site
from psycopg import errors

from footfall.database.maintenance import maintain
from footfall.grafana.query import postgres
from footfall.grafana.query.panels import Boards
from footfall.settings import ROOT

MONTH = date(2026, 1, 1)
TIME = datetime(2026, 1, 15, 12, tzinfo=UTC)
Group = tuple[object, ...]


@pytest.fixture
def shop(tables: Tables) -> Tables:
    """A site that lists the trait plan."""
    add_site(tables)
    tables.run(tables.owner, "UPDATE sites SET traits = '{plan}'")
    return tables


def tell(
    tables: Tables, visitor: str, value: str, *, trait: str = "plan", user: str = "", time: datetime = TIME,
    message: str = "m", site: str = "shop",
) -> None:  # fmt: skip
    """As Flink does it."""
    tables.written.execute(
        "INSERT INTO user_traits VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (site, visitor_id, user_id, trait)"
        " DO UPDATE SET trait_value = EXCLUDED.trait_value, event_time = EXCLUDED.event_time,"
        " message_id = EXCLUDED.message_id",
        [site, visitor, user, trait, value, time, message],
    )


def come(tables: Tables, *visitors: str, start: datetime = TIME, user: str | None = None, bot: bool = False) -> None:
    """Each of them has a visit, signed in as user."""
    for visitor in visitors:
        add_session(tables, f"{visitor} {start} {user}", visitor=visitor, start=start, user=user, bot=bot)


def many(tables: Tables, name: str, count: int, value: str) -> None:
    """So many people who say the same and come."""
    for number in range(count):
        tell(tables, f"{name}{number}", value)
    come(tables, *(f"{name}{number}" for number in range(count)))


def told(tables: Tables, month: date = MONTH, site: str = "shop") -> list[Group]:
    return tables.run(tables.reader, "SELECT * FROM trait_demographics(%s, %s)", site, month)


def kept(tables: Tables) -> list[Group]:
    return tables.run(tables.owner, "SELECT site, trait, trait_value FROM user_traits ORDER BY 1, 2, 3")


def test_a_group_under_the_floor_is_a_part_of_the_others_and_these_are_shown_if_they_are_enough(shop: Tables) -> None:
    many(shop, "a", 10, "free")
    many(shop, "b", 9, "pro")
    assert told(shop) == [("plan", "free", 10)]
    many(shop, "c", 1, "trial")
    assert told(shop) == [("plan", "free", 10), ("plan", None, 10)]
    shop.run(shop.owner, "UPDATE sites SET trait_floor = 9")
    assert told(shop) == [("plan", "free", 10), ("plan", "pro", 9)]
    shop.run(shop.owner, "UPDATE sites SET trait_floor = 21")
    assert told(shop) == []


def test_a_value_that_says_other_is_a_group_of_its_own(shop: Tables) -> None:
    many(shop, "a", 10, "other")
    many(shop, "b", 5, "x")
    many(shop, "c", 5, "y")
    assert told(shop) == [("plan", "other", 10), ("plan", None, 10)]


def test_a_person_with_ten_devices_is_one(shop: Tables) -> None:
    for number in range(12):
        tell(shop, f"device{number}", "rare", user="u1")
        come(shop, f"device{number}", user="u1")
    assert told(shop) == []
    many(shop, "a", 9, "rare")
    assert told(shop) == [("plan", "rare", 10)]


def test_a_trait_belongs_to_the_user_on_every_device_and_the_latest_counts(shop: Tables) -> None:
    shop.run(shop.owner, "UPDATE sites SET trait_floor = 2")
    # u1 said it on the telephone before, and to the server, which sent it later.
    tell(shop, "phone", "free", user="u1", message="z")
    tell(shop, "u1", "pro", user="u1", time=TIME + timedelta(days=90))
    come(shop, "laptop", user="u1")
    # Of one time, the greater message id.
    tell(shop, "a", "free", user="u2", message="m9")
    tell(shop, "b", "pro", user="u2", message="ma")
    come(shop, "c", user="u2")
    assert told(shop) == [("plan", "pro", 2)]
    # An alias brings u3 and u4 together; one who did not come, or took it back, is nobody here.
    for user, value, days in (("u3", "free", 0), ("u4", "max", 1)):
        tell(shop, f"of {user}", value, user=user, time=TIME + timedelta(days=days))
        come(shop, f"of {user}", user=user)
    add_event(shop, visitor="server", time=TIME, type_="alias", user="u4", previous="u3")
    tell(shop, "absent", "max")
    many(shop, "x", 1, "")
    assert told(shop) == [("plan", "pro", 2)]
    many(shop, "y", 1, "max")
    assert told(shop) == [("plan", "max", 2), ("plan", "pro", 2)]


def test_what_somebody_said_before_the_sign_in_is_the_users(shop: Tables) -> None:
    shop.run(shop.owner, "UPDATE sites SET trait_floor = 2")
    tell(shop, "phone", "pro")
    come(shop, "phone", "laptop", user="u1")
    add_event(shop, visitor="phone", time=TIME, type_="identify", user="u1")
    assert told(shop) == []
    many(shop, "a", 1, "pro")
    assert told(shop) == [("plan", "pro", 2)]


def test_two_users_of_one_device_keep_their_own(shop: Tables) -> None:
    shop.run(shop.owner, "UPDATE sites SET trait_floor = 2")
    for user, value in (("u1", "free"), ("u2", "pro"), ("u3", "free"), ("u4", "pro")):
        tell(shop, "family", value, user=user)
        come(shop, "family", user=user)
        add_event(shop, visitor="family", time=TIME, type_="identify", user=user)
    assert told(shop) == [("plan", "free", 2), ("plan", "pro", 2)]


def test_programs_do_not_count_and_months_are_those_of_the_site(shop: Tables) -> None:
    shop.run(shop.owner, "UPDATE sites SET trait_floor = 2, timezone = 'America/New_York'")
    for number in range(6):
        tell(shop, f"v{number}", "pro")
    come(shop, "v0", bot=True)
    come(shop, "v1", start=datetime(2026, 1, 1, 4, 59, tzinfo=UTC))  # December there
    come(shop, "v2", start=datetime(2026, 1, 1, 5, 0, tzinfo=UTC))
    come(shop, "v3", start=datetime(2026, 2, 1, 4, 59, tzinfo=UTC))
    come(shop, "v4", start=datetime(2026, 2, 1, 5, 0, tzinfo=UTC))  # February
    assert told(shop) == told(shop, date(2026, 1, 31)) == [("plan", "pro", 2)]
    assert told(shop, date(2025, 12, 1)) == told(shop, date(2026, 2, 1)) == []


def test_a_month_that_is_not_over_for_a_day_is_not_told(shop: Tables) -> None:
    [[today]] = shop.run(shop.owner, "SELECT (now() AT TIME ZONE 'UTC')::date")
    assert isinstance(today, date)
    for month in (today, today + timedelta(days=40)):
        with pytest.raises(
            errors.RaiseException, match=r"a day after a month is over: of \d{4}-\d\d from \d{4}-\d\d-02"
        ):
            told(shop, month)
    assert told(shop, (today - timedelta(days=1)).replace(day=1) - timedelta(days=1)) == []


def test_what_is_not_listed_is_not_kept_and_what_is_taken_off_the_list_goes(shop: Tables) -> None:
    add_site(shop, site="blog")
    for site in ("shop", "blog", "nobody's"):
        tell(shop, "v", "pro", site=site)
        tell(shop, "v", "Ann", trait="firstName", site=site)
    assert kept(shop) == [("shop", "plan", "pro")]
    shop.run(shop.owner, "UPDATE sites SET traits = '{plan,age}' WHERE site = 'shop'")
    tell(shop, "v", "30", trait="age")
    tell(shop, "v", "free")  # again, and another
    assert kept(shop) == [("shop", "age", "30"), ("shop", "plan", "free")]
    shop.run(shop.owner, "UPDATE sites SET goals = '{x}', traits = '{age}' WHERE site = 'shop'")
    assert kept(shop) == [("shop", "age", "30")]
    shop.run(shop.owner, "UPDATE sites SET traits = '{}' WHERE site = 'blog'")
    shop.run(shop.owner, "DELETE FROM sites WHERE site = 'shop'")
    assert kept(shop) == []


def test_the_reader_gets_at_no_row_of_a_person(shop: Tables) -> None:
    many(shop, "a", 3, "pro")
    for query in (
        "SELECT * FROM user_traits",
        "SELECT count(*) FROM user_traits",
        "SELECT trait_value FROM user_traits LIMIT 1",
        "SELECT keep_listed_trait()",
        "SELECT forget_traits()",
    ):
        with pytest.raises(errors.InsufficientPrivilege):
            shop.run(shop.reader, query)
    samples = "SELECT * FROM pg_stats WHERE tablename = 'user_traits'"
    shop.run(shop.owner, "ANALYZE user_traits")
    assert shop.run(shop.owner, samples)
    assert shop.run(shop.reader, samples) == []
    with pytest.raises((errors.InsufficientPrivilege, errors.ReadOnlySqlTransaction)):
        shop.run(shop.reader, "UPDATE sites SET trait_floor = 2")


def test_traits_past_their_keep_are_deleted(shop: Tables) -> None:
    tell(shop, "v", "pro")
    tell(shop, "w", "pro", time=TIME + timedelta(days=20))
    shop.run(shop.owner, "UPDATE data_retention SET keep = '30 days' WHERE table_name = 'user_traits'")
    assert "deleted 1 row of user_traits" in maintain(shop.owner, TIME + timedelta(days=40))
    assert len(kept(shop)) == 1


def test_a_random_month_equals_its_recomputation(shop: Tables) -> None:
    shop.run(shop.owner, "UPDATE sites SET trait_floor = 5, traits = '{plan,age}'")
    chance = random.Random(11)
    said: dict[tuple[str, str], tuple[datetime, str]] = {}
    for user in (f"u{number}" for number in range(120)):
        for device in chance.sample(["phone", "laptop", "tv"], chance.randint(1, 3)):
            for trait, values in (("plan", ["free", "pro", "max", ""]), ("age", [str(n) for n in range(20, 60)])):
                time = TIME + timedelta(minutes=chance.randrange(10**6))
                value = chance.choice(values[: chance.randint(1, len(values))])
                tell(shop, f"{user} {device}", value, trait=trait, user=user, time=time, message=user)
                said[user, trait] = max(said.get((user, trait), (time, value)), (time, value))
            come(shop, f"{user} {device}", user=user)
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for (_, trait), (_, value) in said.items():
        if value:
            counts[trait][value] += 1
    expected: list[Group] = []
    for trait, counted in sorted(counts.items()):
        expected += sorted((trait, value, n) for value, n in counted.items() if n >= 5)
        rest = sum(n for n in counted.values() if n < 5)
        expected += [(trait, None, rest)] if rest >= 5 else []
    assert told(shop) == expected
    assert len({trait for trait, _, _ in expected}) == 2
    assert any(value is None for _, value, _ in expected)


def test_the_panel_shows_the_last_month_that_is_over(shop: Tables) -> None:
    [[start]] = shop.run(
        shop.owner, "SELECT date_trunc('month', (now() AT TIME ZONE 'UTC')::date - 1) - INTERVAL '10 days'"
    )
    assert isinstance(start, datetime)
    for number in range(12):
        tell(shop, f"v{number}", "pro")
        come(shop, f"v{number}", start=start.replace(tzinfo=UTC))
    board = json.loads((ROOT / "dashboards" / "people.json").read_text())
    panel = next(panel for panel in board["panels"] if panel["title"] == "Traits")
    boards = Boards(ROOT / "dashboards", postgres.Postgres(shop.reader))
    answer = boards.panel("people", panel["id"], {"site": ["shop"]}, "now-7d", "now")
    assert answer["frames"][0]["rows"] == [["plan", "pro", 12]]
