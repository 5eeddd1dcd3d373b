"""docs/privacy.md says what the code does: its lists, its fields, its times."""

from __future__ import annotations

import re

import pytest

from footfall.collector import denied_fields
from footfall.collector.pipeline import REJECTED_TEXT
from footfall.collector.privacy import FIELDS
from footfall.collector.segment import Call
from footfall.settings import ROOT
from footfall.stack.kafka import TOPIC_CONFIG

PAGE = (ROOT / "docs" / "privacy.md").read_text()


@pytest.mark.parametrize("name", ["DENIED", "DENIED_ENDINGS", "DENIED_PARAMETERS", "IDENTIFYING", "CLICK_IDS"])
def test_a_list_on_the_page_is_that_of_the_code(name: str) -> None:
    (listed,) = re.findall(rf"<!-- {name} -->\n```\n(.*?)```", PAGE, re.DOTALL)
    assert listed.split() == sorted(getattr(denied_fields, name))


def test_every_field_of_an_event_has_its_line() -> None:
    lines = PAGE[PAGE.index("## Field by field") : PAGE.index("## How long it stays")]
    named = set(re.findall(r"`(\w+)`", "".join(line.split("|")[1] for line in lines.splitlines() if "|" in line)))
    assert {*FIELDS, *Call.__optional_keys__} - named == {"writeKey"}
    assert "write key" in lines


def test_how_long_it_stays_is_what_the_database_and_the_topic_are_reported() -> None:
    migration = "".join(path.read_text() for path in (ROOT / "sql" / "postgres" / "migrations").glob("*.sql"))
    section = PAGE[PAGE.index("## How long it stays") : PAGE.index("## What is kept of one person")]
    for table, keep in re.findall(r"\('(\w+)', (?:INTERVAL '([^']+)'|NULL)\)", migration):
        (line,) = [
            line for line in section.splitlines() if line.startswith("| ") and f"`{table}`" in line.split("|")[1]
        ]
        assert (keep or "for ever") in line.split("|")[2]
    assert TOPIC_CONFIG["retention.ms"] == "-1"
    assert "| Kafka topic `raw_events` | for ever" in PAGE
    assert f"its first {REJECTED_TEXT:,} characters" in PAGE


def test_what_becomes_of_every_table_when_a_person_is_erased_is_reported() -> None:
    section = PAGE[PAGE.index("## What is kept of one person") : PAGE.index("## Ids that last for a day")]
    migration = "".join(path.read_text() for path in (ROOT / "sql" / "postgres" / "migrations").glob("*.sql"))
    tables = set(re.findall(r"^CREATE (?:UNLOGGED )?TABLE (\w+)", migration, re.MULTILINE))
    of_no_visitor = {
        "sites", "write_keys", "visitor_salts", "data_retention", "job_history", "job_versions", "funnels",
        "funnel_steps", "anomaly_progress", "job_health", "schema_objects",
    }  # fmt: skip
    queues = {name for name in tables if name.endswith(("_refresh_queue", "_rebuild_queue"))}
    named = set(re.findall(r"`(\w+)`", "".join(line.split("|")[1] for line in section.splitlines() if "|" in line)))
    assert tables - of_no_visitor - queues - {"erasure_key"} == named
