"""The longest texts and the largest numbers that sql/views let through, in every table and every index of Postgres."""

from __future__ import annotations

import functools
import random
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from conftest import Tables
from metric_rows import add_site, upsert

from footfall.admin import data_subject, erase
from footfall.database import maintenance
from footfall.project.catalog import SQL, columns, written_tables

ENTRY_BYTES = 2704  # of an index of Postgres: a third of a page
WIDTHS = {1: (0x21, 0x7F), 2: (0x400, 0x500), 3: (0x4E00, 0x9FA5), 4: (0x20000, 0x2A6D0)}  # bytes of a character
SITES = ("a" * 100, "b" * 100)
EVENTS = 10_000_000  # a minute: more than any site has
NOW = datetime.now(UTC).replace(microsecond=0)
TIMES = (datetime(1970, 1, 1, tzinfo=UTC), NOW - timedelta(days=1))
# Names by which tables and roll-ups have a text of received_events, or a piece of it
OTHER_NAMES = {
    "entry_page": "page_path", "exit_page": "page_path", "source": "referrer", "medium": "utm_medium",
    "browser": "user_agent", "browser_version": "user_agent", "operating_system": "user_agent",
    "language_code": "locale", "person_id": "user_id", "value": "country", "goal": "event_name",
}  # fmt: skip
# Texts of our own words and lists: the longest of any is far below
WORDS = dict.fromkeys(
    ("bot_reason", "breakdown", "channel", "device_type", "dimension", "grain", "kind", "metric", "outcome", "reason",
     "session_id", "unit"), 100)  # fmt: skip
# What the owner gives: limited by constraints, of which test_what_the_owner_names_is_short_too tries one, or by files
OWN = {
    "funnel": 255, "write_key": 200, "job": 255, "table_name": 63, "version": 255, "id_hash": 32, "key_hash": 32,
    "name": 127,
}  # fmt: skip


@functools.cache
def limits() -> dict[str, int]:
    """The most bytes of each text column, by its name, as sql/ decides them."""
    found: dict[str, int] = {}
    for path in (SQL / "views" / "received_events.sql", SQL / "views" / "rejected_records.sql"):
        text = " ".join(re.sub("--.*", "", path.read_text()).split())
        for bytes_, name in re.findall(r", (\d+)\)(?: END)? AS (\w+)", text):
            found[name] = int(bytes_)
    rule = (SQL / "tables" / "raw_events.sql").read_text()
    ids = {name: int(bytes_) for name, bytes_ in re.findall(r"clean_text\(`(\w+)`, (\d+)\) = ", rule)}
    for name, column in (
        ("site", "site"), ("type", "event_type"), ("messageId", "message_id"), ("anonymousId", "visitor_id"),
        ("userId", "user_id"), ("previousId", "previous_id"),
    ):  # fmt: skip
        found[column] = ids[name]
    assert ids["userId"] == ids["anonymousId"]  # a visitor is one of both
    trait = (SQL / "jobs" / "user_traits.sql").read_text()
    found["trait"] = int(re.findall(r"clean_text\(trait, (\d+)\) = trait", trait)[0])
    found["trait_value"] = int(re.findall(r"clean_text\(trait_value, (\d+)\)", trait)[0])
    found |= {name: found[other] for name, other in OTHER_NAMES.items()}
    return {**WORDS, **found, **OWN}


@functools.cache
def longest(name: str, width: int) -> str:
    """A random text of characters of so many bytes, as long as the column may have it; the same at each call."""
    rng = random.Random(f"{OTHER_NAMES.get(name, name)} {width}")
    most = limits()[name]
    text = "".join(chr(rng.randrange(*WIDTHS[width])) for _ in range(most // width))
    return text + "x" * (most % width)


def rows(table: str) -> Iterator[dict[str, Any]]:
    """Rows of a table of Flink's with the longest texts and the largest numbers, for each width, site and time."""
    numbers = {
        "BIGINT": EVENTS, "INT": 2**31 - 1, "DECIMAL(38, 4)": EVENTS * Decimal("999999999999.9999"),
        "DECIMAL(18, 4)": Decimal("-999999999999.9999"), "DECIMAL(12, 3)": Decimal("86400000.000"),
        "DECIMAL(12, 6)": Decimal("1000.000000"), "BOOLEAN": False,
    }  # fmt: skip
    sums = {"engaged_ms": EVENTS * 86_400_000, "depth_sum": EVENTS * 100, "clock_error_ms": EVENTS * 86_400_000}
    variants = [
        (width, site, time)
        for width in WIDTHS
        for site in (*SITES, longest("site", width))
        for time in TIMES
        # What is unusual is looked for in four weeks of minutes a call: from 1970 on, a call for each month.
        if (table, time) != ("page_views_per_minute", TIMES[0])
    ]  # fmt: skip
    for number, (width, site, time) in enumerate(variants):
        row: dict[str, Any] = {}
        for column in columns(table):
            kind = column.type.removesuffix(" NOT NULL")
            if column.name == "site":
                row["site"] = site
            elif column.name in sums and table != "visit_events":
                row[column.name] = sums[column.name]
            elif kind == "STRING":
                row[column.name] = longest(column.name, width)
            elif kind.startswith("TIMESTAMP"):
                row[column.name] = time + timedelta(hours=1) if column.name == "session_end" else time
            else:
                row[column.name] = numbers[kind]
        if "kafka_offset" in row:
            row |= {"kafka_offset": 2**63 - 1 - number, "kafka_partition": number}
        yield from _events(row, time) if table == "visit_events" else [row]


def _events(row: dict[str, Any], time: datetime) -> Iterator[dict[str, Any]]:
    """Events of a visitor: one of each kind that an index or a roll-up asks for."""
    row |= {"is_action": True, "engaged_ms": 86_400_000}
    other = {"user_id": longest("message_id", 3)} if row["site"] == SITES[1] else {}  # a device that two users share
    for second, (kind, changes) in enumerate((
        ("page", {}), ("track", {}), ("identify", other), ("alias", {}), ("track", {"event_name": "Link Clicked"}),
        ("track", {"event_name": "Page Engaged", "is_action": False}),
    )):  # fmt: skip
        yield {**row, "event_type": kind, "event_time": time + timedelta(seconds=second), **changes}


@pytest.fixture(scope="module")
def filled(untouched: Tables) -> Tables:
    """All tables with the longest rows, after everything was added up."""
    owner = untouched.owner
    for site in SITES:
        add_site(untouched, goals=[longest("event_name", width) for width in WIDTHS], site=site)
        untouched.run(owner, "UPDATE sites SET traits = %s", [longest("trait", width) for width in WIDTHS])
        for width in WIDTHS:
            funnel = longest("funnel", width)
            untouched.run(owner, "INSERT INTO funnels (site, funnel) VALUES (%s, %s)", site, funnel)
            for step, kind in enumerate(("page", "track"), 1):
                untouched.run(
                    owner,
                    "INSERT INTO funnel_steps (site, funnel, step, name, event_type, event_name, page_path, label)"
                    " VALUES (%s, %s, %s, 'step', %s, %s, %s, %s)",
                    site, funnel, step, kind, *(longest(name, width) for name in ("event_name", "page_path", "label")),
                )  # fmt: skip
    with psycopg.connect(untouched.writer) as connection:
        for table in written_tables():
            upsert(connection, table, list(rows(table)))
    for _ in range(2):  # the second time finds what the first has counted
        for function in maintenance.ROLL_UPS:
            untouched.run(owner, f"SELECT {function}()")
        untouched.run(
            owner, "INSERT INTO traffic_refresh_queue (site, session_start) SELECT site, session_start FROM sessions"
        )
    maintenance.maintain(owner)
    return untouched


def test_no_table_refuses_the_longest_texts_and_no_roll_up_ends(filled: Tables) -> None:
    tables = filled.run(filled.owner, _INDEXED_TABLES)
    empty = {name for (name,) in tables if not filled.run(filled.owner, f"SELECT 1 FROM {name} LIMIT 1")}
    # Nothing of these comes from events
    assert empty <= {
        "anomalies", "erasure_suppressions", "job_health", "job_history", "job_versions", "refused_rows", "write_keys",
        "bot_classification_queue", "visitor_salts",
    }  # fmt: skip


def test_what_was_written_is_there_to_the_last_character(filled: Tables) -> None:
    for width in WIDTHS:
        for name in ("event_name", "label", "search_term", "visitor_id", "page_path"):
            found = filled.run(
                filled.reader, f"SELECT count(*) FROM visit_events WHERE {name} = %s", longest(name, width)
            )
            assert found[0][0], (name, width)
    [(most,)] = filled.run(filled.reader, "SELECT max(revenue) FROM sessions")
    assert most == EVENTS * Decimal("999999999999.9999")


def test_the_longest_ids_of_a_person_can_be_erased(filled: Tables) -> None:
    for width in WIDTHS:
        erase.erase(filled.owner, data_subject.Given(SITES[0], anonymous_id=longest("visitor_id", width)))
        left = "SELECT count(*) FROM visit_events WHERE site = %s AND visitor_id = %s"
        assert filled.run(filled.reader, left, SITES[0], longest("visitor_id", width)) == [(0,)]


_INDEXED_TABLES = """
SELECT DISTINCT c.relname FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indrelid
JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = current_schema() AND NOT c.relispartition
"""
_INDEXES = """
SELECT c.relname, x.relname, i.indisprimary, c.relkind = 'p',
  array_agg(CASE WHEN a.attnum > 0 THEN ARRAY[a.attname::text, format_type(a.atttypid, NULL)] END ORDER BY k.n)
FROM pg_index AS i
JOIN pg_class AS c ON c.oid = i.indrelid JOIN pg_class AS x ON x.oid = i.indexrelid
JOIN pg_namespace AS n ON n.oid = c.relnamespace AND n.nspname = current_schema()
CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, n)
LEFT JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
WHERE NOT c.relispartition
GROUP BY 1, 2, 3, 4 ORDER BY 1, 2
"""
FIXED = {
    "bigint": 8, "boolean": 1, "date": 4, "integer": 4, "numeric": 32, "timestamp with time zone": 8,
    "timestamp without time zone": 8,
}  # fmt: skip


def entry_bytes(of: list[tuple[str, str]]) -> int:
    """The most bytes that an entry of these columns has: its head, and each column, aligned to eight bytes."""
    most = limits()
    sizes = [FIXED[kind] if kind in FIXED else 4 + most[name] for name, kind in of]
    return 16 + sum(-(-size // 8) * 8 for size in sizes)


def test_no_entry_of_any_index_can_be_longer_than_postgres_allows(untouched: Tables) -> None:
    indexes: Any = untouched.run(untouched.reader, _INDEXES)
    assert len(indexes) > 50
    for table, index, _, _, of in indexes:
        assert None not in of, f"{index} has an expression: say here how long it can be"
        assert entry_bytes(of) <= ENTRY_BYTES, f"{index} of {table}"


def test_nor_of_the_index_of_a_columnar_chunk_of_timescaledb(untouched: Tables) -> None:
    """It has the site, and of each other column of the key the first and the last value (partition_by_time)."""
    keys: Any = [row for row in untouched.run(untouched.reader, _INDEXES) if row[2] and row[3]]
    assert len(keys) > 9
    for table, _, _, _, of in keys:
        twice = [column for column in of if column[0] != "site"] * 2
        assert entry_bytes([column for column in of if column[0] == "site"] + twice) <= ENTRY_BYTES, table


def test_a_limit_is_known_of_every_text_that_flink_writes() -> None:
    unlimited = {
        column.name for table in written_tables() for column in columns(table) if column.type.startswith("STRING")
    } - limits().keys()
    assert unlimited == set()
    assert limits()["original"] == 1_000_000


def test_what_the_owner_names_is_short_too(untouched: Tables) -> None:
    with pytest.raises(psycopg.errors.CheckViolation, match="funnels_funnel_bytes"):
        untouched.run(untouched.owner, "INSERT INTO funnels (site, funnel) VALUES ('shop', repeat('é', 128))")
