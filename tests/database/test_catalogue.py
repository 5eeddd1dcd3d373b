"""The files of sql/postgres make what the 39 migrations made that they were before: the catalogues are compared.

CATALOGUE_OLD: what `python tests/catalogue.py` said of a database of those migrations. MIGRATIONS_OLD: their folder.
What changed since then is named here; comments are prose, and are not compared.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from catalogue import catalogue, differences
from conftest import Postgres

from footfall.database import migrate
from footfall.database.connections import OWNER, DatabaseError

# What has another name since, and what is written otherwise: other tests say that it does the same.
RENAMED = {
    "changed_visits": "traffic_refresh_queue", "changed_pages": "page_refresh_queue",
    "changed_counts": "rollup_refresh_queue", "changed_visitors": "people_refresh_queue",
    "changed_web_vitals": "web_vital_refresh_queue", "changed_attempts": "funnel_refresh_queue",
    "changed_funnels": "funnel_rebuild_queue", "changed_minutes": "anomaly_refresh_queue",
    "unjudged_visits": "bot_classification_queue", "noted_at": "queued_at", "judged_sites": "anomaly_progress",
    "judged_until": "checked_until", "visits_a_person": "visits_per_person", "funnel_attempts": "funnel_entries",
    "erased_ids": "erasure_suppressions", "site_keys": "write_keys", "told_apart": "breakdown_name",
    "funnel_ways": "funnel_paths",
    "keep_by_time": "partition_by_time", "keep_chunks": "expire_chunks", "make_month": "make_month_partition",
    "judge_visit": "classify_bot", "judge_visits": "classify_bots", "note_count": "enqueue_rollup",
    "note_counted_event": "enqueue_event_rollup",
    **{f"note_{what}": f"enqueue_{what}" for what in (
        "action", "funnel", "goal", "minute", "page", "user", "visit", "visitor", "web_vitals",
    )},
}  # fmt: skip
TRIGGERS = {
    "is": "updated_to",
    "was": "updated_from",
    "written": "inserted",
    "removed": "deleted",
    "changed": "updated",
}
REWRITTEN = re.compile(
    r"(actions|arrivals|attribution|custom_events|elements|links|pages|traffic)_between\b|new_and_returning\b|refresh_"
    r"|classify_bots\b|funnel_facts\b|maintenance_steps\b|(fine_grain|first_period|local_hour)_of\b"
    r"|take_queue\b|bounce_rate\b|note_all_counts\b|(sites\.)?(note|enqueue)_(added_)?(site|zone)"
)

OLD_MIGRATIONS = Path(os.environ.get("MIGRATIONS_OLD", "/nowhere"))
needs_dump = pytest.mark.skipif("CATALOGUE_OLD" not in os.environ, reason="CATALOGUE_OLD names no dump")
needs_migrations = pytest.mark.skipif("MIGRATIONS_OLD" not in os.environ, reason="MIGRATIONS_OLD names no folder")


@pytest.fixture
def owner(postgres: Postgres) -> Iterator[str]:
    """A database without tables."""
    admin = postgres.conninfo("postgres")
    migrate.bootstrap(admin, postgres.passwords, "compared")
    yield postgres.conninfo(OWNER, "compared")
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute("DROP DATABASE compared WITH (FORCE)")


def migrate_before(owner: str, monkeypatch: pytest.MonkeyPatch, folder: Path = OLD_MIGRATIONS) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(migrate, "MIGRATIONS", folder)
        migrate._migrate_tables(owner)


def told(owner: str) -> dict[str, dict[str, str]]:
    with psycopg.connect(owner, autocommit=True) as connection:
        found = catalogue(connection)
    return {
        kind: {name: text for name, text in things.items() if not name.startswith("schema_objects")}
        for kind, things in found.items()
    }


def renamed(text: str, kind: str) -> str:
    """The text with the names of today; those of constraints and indexes begin with that of their table."""
    edge = r"(?![a-z])" if kind in ("constraints", "indexes", "owners") else r"\b"
    old = "|".join(sorted(RENAMED, key=len, reverse=True))
    text = re.sub(r"\b(note_\w+?)_(is|was|written|removed|changed)\b", lambda m: f"{m[1]}@{TRIGGERS[m[2]]}", text)
    text = re.sub(rf"(?<![a-z])({old}){edge}", lambda m: RENAMED[m[1]], text)
    text = re.sub(r"@(updated|inserted|deleted)", r"_\1", text)
    text = re.sub(rf"((?:FROM|JOIN|ON|INDEX) (?:public\.)?|^|\.)retention(?!\(){edge}", r"\1data_retention", text)
    text = re.sub(r"(rollup_refresh_queue_|NOT NULL |^)counted(_not_null| \|)", r"\1rollup_name\2", text)
    return re.sub(r"(TRIGGER |sessions(?:_default)?\.)classify_bot\b", r"\1set_bot_reason", text)


def since(before: dict[str, dict[str, str]], after: dict[str, dict[str, str]]) -> list[str]:
    """What differs but for names, comments, and what is written otherwise."""

    def bare(text: str, kind: str) -> str:
        """Without comments in it, and without the one on it."""
        definition, _, comment = text.rpartition(" | ")
        if kind in ("tables", "columns", "functions", "views") and not comment.startswith("CREATE "):
            text = definition or text
        return " ".join(re.sub("--.*", "", text).split())

    def kept(told: dict[str, dict[str, str]], *, old: bool) -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = {}
        for kind, things in told.items():
            if old:
                things = {renamed(name, kind): renamed(text, kind) for name, text in things.items()}
            found[kind] = {
                # These lists cut a signature at the length of a name.
                name.partition("(")[0] if kind in ("owners", "rights") else name: bare(text, kind)
                for name, text in things.items()
                if not REWRITTEN.match(name)
            }
        return found

    return differences(kept(before, old=True), kept(after, old=False))


@needs_dump
def test_a_new_database_has_what_the_old_migrations_made(owner: str) -> None:
    migrate.migrate(owner)
    assert since(json.loads(Path(os.environ["CATALOGUE_OLD"]).read_text()), told(owner)) == []


@needs_dump
@needs_migrations
def test_a_database_of_the_old_migrations_stays_what_it_is(owner: str, monkeypatch: pytest.MonkeyPatch) -> None:
    migrate_before(owner, monkeypatch)
    before = told(owner)
    assert differences(json.loads(Path(os.environ["CATALOGUE_OLD"]).read_text()), before) == []
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute("ALTER TABLE sessions ENABLE TRIGGER erased_are_refused")  # somebody was erased
    erased = told(owner)
    [*migrations, _] = migrate.pending(owner)
    assert migrations == [path.name for path in sorted(migrate.MIGRATIONS.glob("*.sql"))][1:]
    assert migrate.migrate(owner)[:-1] == [f"applied {name}" for name in migrations]
    assert since(erased, told(owner)) == []
    assert migrate.migrate(owner) == migrate.pending(owner) == []


@needs_migrations
def test_a_database_that_lacks_some_of_the_old_migrations_is_refused(
    owner: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    old = sorted(OLD_MIGRATIONS.glob("*.sql"))
    for path in old[:-1]:
        (tmp_path / path.name).write_text(path.read_text())
    migrate_before(owner, monkeypatch, tmp_path)
    before = told(owner)
    for work in (migrate.migrate, migrate.pending):
        with pytest.raises(DatabaseError, match=r"lacks 0043 of the migrations .*version before"):
            work(owner)
    assert differences(before, told(owner)) == []
    migrate_before(owner, monkeypatch)
    migrate.migrate(owner)


def test_a_database_with_the_names_of_before_gets_those_of_today_and_keeps_its_rows(owner: str) -> None:
    migrate.migrate(owner)
    before = told(owner)
    migration = next(migrate.MIGRATIONS.glob("0045_*.sql"))
    names = re.findall(r"\('(\w+)', '(\w+)', '(\w*)', '(\w*)'\)", migration.read_text())
    assert len(names) == 15
    with psycopg.connect(owner, autocommit=True) as connection:
        # As in the migration, but the other way round.
        block = migration.read_text().partition("-- migrate:up")[2].partition("$$;")[0] + "$$;"
        for old, new, old_column, new_column in names:
            there = f"('{old}', '{new}', '{old_column}', '{new_column}')"
            assert there in block
            block = block.replace(there, f"('{new}', '{old}', '{new_column}', '{old_column}')")
        connection.execute(block.encode())
        assert connection.execute("SELECT keep FROM retention WHERE table_name = 'sessions'").fetchall() == [(None,)]
        connection.execute("COMMENT ON TABLE changed_counts IS NULL")
        connection.execute("INSERT INTO erased_ids VALUES ('shop', sha256('x'), '2026-01-01Z')")
        connection.execute("INSERT INTO changed_counts VALUES ('elements', 'shop', '2026-01-01Z')")
        connection.execute("DELETE FROM schema_migrations WHERE version = '0045'")
    assert migrate.migrate(owner) == ["applied " + migration.name]
    with psycopg.connect(owner, autocommit=True) as connection:
        assert connection.execute("SELECT site FROM erasure_suppressions").fetchall() == [("shop",)]
        connection.execute("DELETE FROM erasure_suppressions")
        assert connection.execute("DELETE FROM rollup_refresh_queue RETURNING rollup_name").fetchall() == [
            ("elements",)
        ]
    assert differences(before, told(owner)) == []


def test_the_comparison_sees_what_differs(owner: str) -> None:
    migrate.migrate(owner)
    before = told(owner)
    with psycopg.connect(owner, autocommit=True) as connection:
        for statement, kind in (
            ("ALTER TABLE sites ALTER COLUMN timezone SET DEFAULT 'Europe/Berlin'", "columns"),
            ("COMMENT ON COLUMN sites.goals IS 'x'", "columns"),
            ("GRANT SELECT (pseudonym_key) ON sites TO footfall_reader", "columns"),
            ("ALTER TABLE funnels DROP CONSTRAINT funnels_funnel_bytes", "constraints"),
            ("DROP INDEX sessions_ids", "indexes"),
            ("ALTER FUNCTION zone_of VOLATILE", "functions"),
            ("ALTER VIEW visits SET (security_barrier)", "views"),
            ("ALTER TABLE sessions DISABLE TRIGGER set_bot_reason", "triggers"),
            ("REVOKE SELECT ON people FROM footfall_reader", "rights"),
            ("UPDATE data_retention SET keep = '1 day' WHERE table_name = 'late_events'", "rows"),
        ):
            connection.execute(statement.encode())
            after = told(owner)
            found = differences(before, after)
            assert kind in {text.split()[0] for text in found}, statement
            before = after
