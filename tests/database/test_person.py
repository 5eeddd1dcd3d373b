"""What is kept of one person, written out and erased, on a real PostgreSQL: all of it, nobody else's, and for good."""

from __future__ import annotations

import json
import random
import threading
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from conftest import Tables
from metric_rows import add_event, add_session, add_site, at
from psycopg import errors
from psycopg.conninfo import make_conninfo
from test_audience_rollups import compare, write_anything

from footfall.admin import data_subject, erase, sites
from footfall.admin.data_subject import TABLES, WRITTEN, Given
from footfall.database import maintenance
from footfall.database.connections import DatabaseError
from footfall.errors import FootfallError

Rows = dict[str, list[str]]
DETAILS = (
    "bot_classification_queue",
    "funnel_entries",
    "late_events",
    "refused_rows",
    "rejected_events",
    "sessions",
    "user_traits",
    "visit_days",
    "visit_events",
    "web_vitals",
)


def rows_of(tables: Tables) -> Rows:
    """All rows of the tables that Flink writes and that hold people."""
    found: Rows = {}
    for table in WRITTEN:
        query = f"SELECT to_jsonb(t)::text FROM {table.name} AS t ORDER BY 1"
        found[table.name] = [str(row[0]) for row in tables.run(tables.owner, query)]
    return found


def replay(tables: Tables, rows: Rows) -> None:
    """Write rows as a job does that works through the log again."""
    for table, texts in rows.items():
        for text in texts:
            tables.written.execute(
                f"INSERT INTO {table} SELECT * FROM jsonb_populate_record(NULL::{table}, %s) ON CONFLICT DO NOTHING",
                [text],
            )


def add_details(tables: Tables, visitor: str, user: str, offset: int = 0) -> None:
    """A row of each table that add_session and add_event do not write."""
    [[message, time]] = tables.run(
        tables.owner, "SELECT message_id, event_time FROM visit_events WHERE visitor_id = %s LIMIT 1", visitor
    )
    write = tables.written.execute
    write("INSERT INTO web_vitals (site, event_time, message_id, lcp_ms) VALUES ('shop', %s, %s, 2.5)", [time, message])
    write(
        "INSERT INTO user_traits VALUES ('shop', %s, %s, 'plan', 'pro', %s, 'm'),"
        " ('shop', %s, '', 'plan', 'pro', %s, 'm')",
        [visitor, user, at("12:00:00"), visitor, at("12:00:00")],
    )
    write(
        "INSERT INTO late_events (received_at, kafka_partition, kafka_offset, site, message_id, event_time,"
        " lateness_ms, event_type, visitor_id) VALUES (%s, 0, %s, 'shop', 'm', %s, 70000, 'page', %s)",
        [at("12:02:00"), offset, at("12:00:00"), visitor],
    )
    write(
        "INSERT INTO rejected_events VALUES (%s, 0, %s, 'shop', 'no type', %s)",
        [at("12:00:00"), offset, json.dumps({"anonymousId": visitor, "n": offset})],
    )
    # As the sink writes them: by the user, by the visitor, by the event of a measured page view, by the text of a call.
    for number, (table, row) in enumerate(
        [
            ("visit_events", {"event_time": at("12:00:00"), "user_id": user, "visitor_id": "anybody"}),
            ("late_events", {"event_time": at("12:00:00"), "visitor_id": visitor}),
            ("web_vitals", {"event_time": time, "message_id": message}),
            ("rejected_events", {"received_at": "x", "original": json.dumps({"anonymousId": visitor})}),
        ]
    ):
        write(
            "INSERT INTO refused_rows VALUES (%s, sha256(%s), now(), now(), 'shop', 'too long', '{}', %s)",
            [table, f"{visitor} {number}".encode(), json.dumps(row, default=str)],
        )


@pytest.fixture
def two_people(tables: Tables) -> Tables:
    """annika with two devices, who was a-1 before; and bob."""
    add_site(tables, goals=["Opened"])
    tables.run(tables.owner, "UPDATE sites SET traits = '{plan}'")
    tables.run(tables.owner, "INSERT INTO funnels (site, funnel) VALUES ('shop', 'opening')")
    tables.run(
        tables.owner,
        "INSERT INTO funnel_steps (site, funnel, step, name, event_name)"
        " VALUES ('shop', 'opening', 1, 'opens', 'Opened')",
    )
    for number, (visitor, user) in enumerate([("phone", "annika"), ("laptop", "a-1"), ("desk", "bob")]):
        views = 20 if visitor == "phone" else 1  # of which the events are not there
        add_session(tables, f"{visitor} 1", visitor=visitor, start=at("11:00:00"), pages=views)
        add_session(tables, f"{visitor} 2", visitor=visitor, start=at("12:00:00"), user=user)
        add_event(tables, visitor=visitor, time=at("11:00:00"), type_="page")
        add_event(tables, visitor=visitor, time=at("12:00:00"), name="Opened", user=user)
        add_details(tables, visitor, user, number)
    add_event(tables, visitor="laptop", time=at("12:01:00"), type_="alias", user="annika", previous="a-1")
    maintenance.refresh_rollups(tables.owner)
    return tables


@pytest.mark.parametrize(
    "given", [Given("shop", user_id="annika"), Given("shop", user_id="a-1"), Given("shop", anonymous_id="phone")]
)
def test_all_rows_of_a_person_are_written_out_and_nobody_elses(two_people: Tables, given: Given) -> None:
    lines: list[str] = []
    found = data_subject.export(two_people.owner, given, lines.append)
    identity, *rest = map(json.loads, lines)
    assert identity == {
        "table": "identity",
        "row": {
            "site": "shop", "person_id": "annika", "user_ids": ["a-1", "annika"],
            "visitor_ids": ["a-1", "annika", "laptop", "phone"], "shared_visitor_ids": [],
        },
    }  # fmt: skip
    assert found == data_subject.look(two_people.owner, given)
    assert found.rows == {
        "bot_classification_queue": 1, "refused_rows": 8, "web_vitals": 2, "rejected_events": 2, "late_events": 2,
        "user_traits": 4, "sessions": 4, "visit_events": 5, "visit_days": 2, "funnel_entries": 2,
    }  # fmt: skip
    assert {name: sum(line["table"] == name for line in rest) for name in found.rows} == found.rows
    assert {line["row"]["lcp_ms"] for line in rest if line["table"] == "web_vitals"} == {2.5}
    assert all(line["row"].get("visitor_id", "phone") in ("phone", "laptop") for line in rest)


def test_an_erased_person_is_in_no_table_any_more_and_everybody_else_is(two_people: Tables) -> None:
    before = rows_of(two_people)
    bobs = {table: [row for row in rows if '"desk"' in row] for table, rows in before.items()}
    given = Given("shop", user_id="annika")
    assert erase.erase(two_people.owner, given).rows["sessions"] == 4
    all_tables = two_people.run(
        two_people.owner,
        "SELECT oid::regclass::text FROM pg_class"
        " WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')",
    )
    assert len(all_tables) > 40
    for (table,) in all_tables:
        for (row,) in two_people.run(two_people.owner, f"SELECT to_jsonb(t)::text FROM {table} AS t"):
            assert not any(id_ in str(row) for id_ in ("annika", "a-1", "phone", "laptop")), (table, row)
    left = rows_of(two_people)
    assert {table: [row for row in rows if '"desk"' in row] for table, rows in left.items()} == bobs
    assert len(left["web_vitals"]) == 1
    assert len(left["rejected_events"]) == 1
    assert len(left["refused_rows"]) == 4
    traffic = "SELECT sum(visit_count), sum(goal_count) FROM traffic WHERE (grain, breakdown) = ('day', 'channel')"
    assert two_people.run(two_people.reader, traffic) == [(2, 1)]
    assert two_people.run(two_people.reader, "SELECT visitor_count FROM visitors_per_day") == [(1,)]
    assert two_people.run(two_people.reader, "SELECT * FROM visits_per_person") == [("shop", 2, 1)]
    with pytest.raises(FootfallError, match=r"^nothing is known of user annika on site shop$"):
        erase.erase(two_people.owner, given)


def test_a_replay_brings_nothing_back_and_who_comes_back_is_new(two_people: Tables) -> None:
    log = rows_of(two_people)
    add_event(two_people, visitor="phone", time=datetime.now(UTC) + timedelta(minutes=2), type_="page")  # a clock ahead
    ahead = rows_of(two_people)["visit_events"]
    erase.erase(two_people.owner, Given("shop", user_id="annika"))
    maintenance.maintain(two_people.owner, at("12:00:00"))  # rows of that month go into a partition made after it
    left = rows_of(two_people)
    replay(two_people, log)
    replay(two_people, {"visit_events": ahead})
    assert two_people.places("sessions") == ["sessions_2026_01"] * 2
    assert two_people.run(two_people.owner, "SELECT session_id FROM bot_classification_queue") == []
    assert rows_of(two_people) == left
    later = datetime.now(UTC) + timedelta(minutes=3)
    add_session(two_people, "new", visitor="phone", start=later)
    add_event(two_people, visitor="phone", time=later, user="annika", name="Opened")
    found = data_subject.look(two_people.owner, Given("shop", user_id="annika"))
    assert (found.rows["sessions"], found.rows["visit_events"], found.person.user_ids) == (1, 1, ["annika"])
    # The same ids on another site are somebody else.
    add_session(two_people, "other", visitor="phone", start=at("11:00:00"), site="blog")
    assert two_people.run(two_people.owner, "SELECT visitor_id FROM sessions WHERE site = 'blog'") == [("phone",)]


@pytest.mark.parametrize("seed", [5, 11])
def test_whoever_is_erased_the_people_who_are_left_are_those_of_the_views(tables: Tables, seed: int) -> None:
    chance = random.Random(seed)
    add_site(tables, timezone="Asia/Kolkata")
    for step in range(120):
        write_anything(tables, chance, step)
    maintenance.refresh_rollups(tables.owner)
    for _ in range(3):
        visits = "SELECT session_id, person_id, visitor_id, user_id FROM person_visits JOIN sessions"
        visits += " USING (site, session_id, session_start, visitor_id)"
        all_visits = [tuple(map(str, row)) for row in tables.run(tables.owner, visits)]
        _, somebody, visitor, user = chance.choice(all_visits)
        given = Given("shop", user_id=user) if user != "None" else Given("shop", anonymous_id=visitor)
        lines: list[str] = []
        assert data_subject.export(tables.owner, given, lines.append).person.person_id == somebody
        exported = {line["row"]["session_id"] for line in map(json.loads, lines) if line["table"] == "sessions"}
        assert exported == {visit for visit, whose, *_ in all_visits if whose == somebody}
        log = rows_of(tables)
        erase.erase(tables.owner, given)
        left = rows_of(tables)
        assert len(log["sessions"]) - len(left["sessions"]) == len(exported)
        compare(tables, "Asia/Kolkata")
        replay(tables, log)
        assert rows_of(tables) == left


def test_visits_of_a_shared_device_are_nobodys_until_it_is_named(tables: Tables) -> None:
    add_site(tables)
    for user in (None, "annika", "bob"):
        add_session(tables, f"of {user}", visitor="tablet", start=at("12:00:00"), user=user)
        add_event(tables, visitor="tablet", time=at("12:00:00"), user=user, name="Opened")
    found = erase.erase(tables.owner, Given("shop", user_id="annika"))
    assert (found.rows["sessions"], found.nobodys, found.person.shared_visitor_ids) == (1, 2, ["tablet"])
    assert tables.run(tables.owner, "SELECT session_id FROM sessions ORDER BY 1") == [("of None",), ("of bob",)]
    # bob is the only one now whom it knows, and so it is his.
    assert erase.erase(tables.owner, Given("shop", anonymous_id="tablet")).rows["sessions"] == 2


def test_a_visitor_of_several_users_is_a_person_of_its_own(tables: Tables) -> None:
    add_site(tables)
    for user in (None, "annika", "bob"):
        add_session(tables, f"of {user}", visitor="tablet", start=at("12:00:00"), user=user)
        add_event(tables, visitor="tablet", time=at("12:00:00"), user=user, name="Opened")
    log = rows_of(tables)
    assert erase.erase(tables.owner, Given("shop", anonymous_id="tablet")).rows["visit_events"] == 1
    left = rows_of(tables)
    assert [json.loads(row)["user_id"] for row in left["sessions"]] == ["annika", "bob"]
    replay(tables, log)
    assert rows_of(tables) == left


def test_an_id_that_was_an_e_mail_address_is_found_by_it(tables: Tables) -> None:
    sites.add(tables.owner, "shop")
    key = tables.run(tables.owner, "SELECT pseudonym_key FROM sites")[0][0]
    name = data_subject.pseudonym("ada@example.org", bytes(key))  # type: ignore[call-overload]
    add_session(tables, "one", visitor="phone", start=at("12:00:00"), user=name)
    for id_ in ("Ada@Example.org", name):
        assert data_subject.look(tables.owner, Given("shop", user_id=id_)).rows["sessions"] == 1


def test_a_row_that_is_being_written_is_erased_too(two_people: Tables) -> None:
    given = Given("shop", user_id="annika")
    erased: list[data_subject.Found] = []
    with psycopg.connect(two_people.writer) as writer:
        writer.execute(
            "INSERT INTO visit_events (site, event_time, message_id, visitor_id, event_type, is_action)"
            " VALUES ('shop', %s, 'under way', 'phone', 'page', true)",
            [at("12:30:00")],
        )
        thread = threading.Thread(target=lambda: erased.append(erase.erase(two_people.owner, given)))
        thread.start()
        thread.join(0.5)
        assert thread.is_alive()
        writer.commit()
        thread.join(30)
    assert erased[0].rows["visit_events"] == 6
    assert not [row for row in rows_of(two_people)["visit_events"] if '"phone"' in row]


def test_writers_that_do_not_let_go_are_one_line_and_nothing_is_erased(
    two_people: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = rows_of(two_people)
    monkeypatch.setattr(erase, "LOCK_SECONDS", 0.2)
    with psycopg.connect(two_people.writer) as writer:
        writer.execute("SELECT 1")
        writer.execute("LOCK TABLE sessions IN ROW EXCLUSIVE MODE")
        with pytest.raises(
            DatabaseError, match=r"^writers keep the tables in use; nothing is erased: try again later$"
        ):
            erase.erase(two_people.owner, Given("shop", user_id="annika"))
    assert rows_of(two_people) == before
    assert two_people.run(two_people.owner, "SELECT 1 FROM erasure_suppressions") == []


def test_sums_that_can_not_be_counted_now_do_not_keep_the_rows(
    two_people: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_owner: str) -> None:
        raise DatabaseError("Postgres is away")

    refresh_rollups = maintenance.refresh_rollups
    monkeypatch.setattr(maintenance, "refresh_rollups", away)
    with pytest.raises(
        DatabaseError, match=r"^the rows are erased, but not yet taken out of all sums: Postgres is away$"
    ):
        erase.erase(two_people.owner, Given("shop", user_id="annika"))
    assert len(rows_of(two_people)["sessions"]) == 2
    refresh_rollups(two_people.owner)  # as `footfall maintain` does
    assert two_people.run(two_people.reader, "SELECT visitor_count FROM visitors_per_day") == [(1,)]


def test_who_was_erased_is_a_secret_of_the_owner_and_no_hash_can_be_tried_out_without_the_key(
    two_people: Tables,
) -> None:
    erase.erase(two_people.owner, Given("shop", user_id="annika"))
    for statement in (
        "SELECT * FROM erasure_suppressions", "SELECT * FROM erasure_key", "DELETE FROM erasure_suppressions",
        "SELECT erased_hash('', 'user', 'shop', 'annika')",
        "SELECT person_of('shop', 'annika', NULL)", "SELECT ids_of_person('shop', 'annika')",
    ):  # fmt: skip
        for role in (two_people.writer, two_people.reader, two_people.collector):
            with pytest.raises(errors.InsufficientPrivilege):
                two_people.run(make_conninfo(role, options="-c default_transaction_read_only=off"), statement)
    hashed = (
        "SELECT erased_hash(key, 'user', 'shop', 'annika') IN (SELECT id_hash FROM erasure_suppressions)"
        " FROM erasure_key"
    )
    assert two_people.run(two_people.owner, hashed) == [(True,)]
    two_people.run(two_people.owner, "UPDATE erasure_key SET key = sha256('another')")
    assert two_people.run(two_people.owner, hashed) == [(False,)]


def test_every_table_with_an_id_of_somebody_is_looked_at(untouched: Tables) -> None:
    columns = ("visitor_id", "session_id", "user_id", "previous_id", "person_id", "message_id", "original")
    query = (
        "SELECT DISTINCT c.relname FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid"
        " WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition"
        " AND attname = ANY (%s)"
    )
    found = {str(row[0]) for row in untouched.run(untouched.owner, query, list(columns))}
    # Notes, which refresh_rollups takes away at the end of it, and devices that several people share.
    assert found - {table.name for table in TABLES} == {
        "traffic_refresh_queue", "people_refresh_queue", "funnel_refresh_queue", "shared_visitors"
    }  # fmt: skip
    assert sorted(table.name for table in TABLES) == list(DETAILS)
