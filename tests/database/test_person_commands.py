"""`footfall person` from the command line: what it prints, asks and refuses."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner, Result
from conftest import Postgres, Tables
from e2e.commands import complaint, run
from metric_rows import add_event, add_session, add_site, at
from psycopg.conninfo import conninfo_to_dict

from footfall import cli


def environment(tables: Tables) -> dict[str, str | None]:
    given = conninfo_to_dict(tables.owner)
    return {
        "POSTGRES_HOST": str(given["host"]),
        "POSTGRES_PORT": str(given["port"]),
        "POSTGRES_DATABASE": str(given["dbname"]),
        "POSTGRES_OWNER_PASSWORD": str(given["password"]),
    }


def person(tables: Tables, *arguments: str, answer: str = "") -> Result:
    return CliRunner().invoke(cli.footfall, ["person", *arguments], input=answer, env=environment(tables))


def visits(tables: Tables) -> list[tuple[object, ...]]:
    return tables.run(tables.owner, "SELECT session_id FROM sessions ORDER BY 1")


@pytest.fixture
def shop(tables: Tables) -> Tables:
    add_site(tables)
    for user in ("annika", "bob"):
        add_session(tables, f"of {user}", visitor=f"device of {user}", start=at("12:00:00"), user=user)
        add_event(tables, visitor=f"device of {user}", time=at("12:00:00"), user=user, name="Opened")
    return tables


def test_erasing_says_what_it_would_asks_and_does_it(shop: Tables) -> None:
    annika = ("--site", "shop", "--user-id", "annika")
    told = person(shop, "erase", *annika, "--dry-run")
    assert told.exit_code == 0
    assert "person annika on site shop (user ids: 1, visitor ids: 1); rows would be erased:" in told.output
    assert [line.split() for line in told.output.splitlines() if line.startswith("  ")] == [
        ["bot_classification_queue", "0"], ["refused_rows", "0"], ["web_vitals", "0"], ["rejected_events", "0"],
        ["late_events", "0"], ["user_traits", "0"], ["sessions", "1"],
        ["visit_events", "1"], ["visit_days", "0"], ["funnel_entries", "0"],
    ]  # fmt: skip
    refused = person(shop, "erase", *annika, answer="n\n")
    assert refused.exit_code == 1
    assert visits(shop) == [("of annika",), ("of bob",)]
    assert person(shop, "erase", *annika, answer="y\n").exit_code == 0
    assert visits(shop) == [("of bob",)]
    done = person(shop, "erase", "--site", "shop", "--anonymous-id", "device of bob", "--yes")
    assert done.exit_code == 0
    assert "the Kafka topic raw_events" in done.output
    assert visits(shop) == []


def test_an_export_is_json_lines_and_a_shared_device_is_reported_beside_them(shop: Tables) -> None:
    add_session(shop, "before", visitor="device of bob", start=at("11:00:00"))
    add_event(shop, visitor="device of bob", time=at("13:00:00"), user="annika", name="Opened")
    done = person(shop, "export", "--site", "shop", "--user-id", "bob")
    assert done.exit_code == 0
    assert [json.loads(line)["table"] for line in done.stdout.splitlines()] == ["identity", "sessions", "visit_events"]
    assert done.stderr == (
        "left out, for they may be somebody else's: 1 rows without a user of visitor ids with which others have signed"
        " in too (device of bob); `--anonymous-id` takes them\n"
    )


@pytest.mark.parametrize("verb", ["export", "erase"])
def test_a_mistake_is_one_line(own_postgres: Postgres, own_tables: Tables, verb: str) -> None:
    add_site(own_tables)
    changes = environment(own_tables)
    for site, reason in (
        ("shpo", "footfall: there is no site shpo, and no visit to one; did you mean shop?"),
        ("shop", "footfall: nothing is known of user x on site shop"),
    ):
        assert complaint("person", verb, "--site", site, "--user-id", "x", changes=changes) == reason
    for ids in ((), ("--user-id", ""), ("--user-id", "x", "--anonymous-id", "y")):
        done = run("person", verb, "--site", "shop", *ids, changes=changes)
        assert done.returncode == 2
        assert done.stderr.splitlines()[-1] == "Error: say whose: --user-id or --anonymous-id, one of both"
    with own_postgres.away():
        said = complaint("person", verb, "--site", "shop", "--user-id", "x", changes=changes)
        assert "can't be reached: start it with `footfall up`" in said
