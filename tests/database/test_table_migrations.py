"""What `footfall migration` writes, on a real PostgreSQL: the tables of the project, and random ones."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from conftest import Postgres, Tables
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg.conninfo import conninfo_to_dict
from sqlglot import exp

from footfall.database import migrate as database
from footfall.database.maintenance import maintain
from footfall.database.migrated_tables import Column, Table, read_tables
from footfall.project import catalog
from footfall.project.migration import declared, write_migration
from footfall.project.table_sql import NEUTRAL, RETENTION, migration, steps
from footfall.settings import ROOT, Settings

# Whom the reader may not see: docs/privacy.md
UNREAD = {"user_traits"}
TYPES = ["text", "boolean", "smallint", "int", "bigint", "double precision", "decimal(12, 3)", "date", "timestamptz"]
WIDENED = [("int", "bigint"), ("smallint", "bigint"), ("decimal(12, 3)", "decimal(18, 4)"), ("boolean", "text")]


@pytest.fixture(scope="module")
def transaction(untouched: Tables) -> Iterator[psycopg.Connection]:
    """The owner's connection; what a test does is rolled back by itself."""
    with psycopg.connect(untouched.owner) as connection:
        yield connection


def run(connection: psycopg.Connection, statements: list[str]) -> None:
    for statement in statements:
        connection.execute(statement.encode())


def catalogue(connection: psycopg.Connection, table: str) -> dict[str, Any]:
    """What Postgres knows of a table, by column and of itself; empty where there is none."""
    found = connection.execute("SELECT to_regclass(%s)::oid", [table]).fetchone()
    if found == (None,):
        return {}
    (oid,) = found or (None,)
    columns = connection.execute(
        "SELECT attname, format_type(atttypid, atttypmod), attnotnull, col_description(attrelid, attnum)"
        " FROM pg_attribute WHERE attrelid = %s AND attnum > 0 AND NOT attisdropped ORDER BY attnum", [oid],
    ).fetchall()  # fmt: skip
    (about,) = connection.execute(
        "SELECT concat_ws(' | ', relkind, pg_get_partkeydef(c.oid), obj_description(c.oid, 'pg_class'),"
        " pg_get_constraintdef(k.oid), (SELECT string_agg(inhrelid::regclass::text, ',') FROM pg_inherits"
        " WHERE inhparent = c.oid))"
        " FROM pg_class AS c JOIN pg_constraint AS k ON conrelid = c.oid AND contype = 'p' WHERE c.oid = %s", [oid],
    ).fetchone() or ("",)  # fmt: skip
    rights = connection.execute(
        "SELECT DISTINCT grantee::regrole::text, privilege_type FROM pg_class, aclexplode(relacl) WHERE oid = %s", [oid]
    ).fetchall()
    return {"columns": columns, "about": about, "rights": set(rights)}


@pytest.mark.parametrize("name", catalog.written_tables())
def test_from_each_file_of_sql_tables_comes_the_table_that_the_migrations_make(
    transaction: psycopg.Connection, name: str
) -> None:
    made = steps(name, None, declared(name, None), [])
    with transaction.transaction(force_rollback=True):
        before = catalogue(transaction, name)
        run(transaction, [f"DROP TABLE {name} CASCADE", f"DELETE FROM {RETENTION} WHERE table_name = '{name}'"])
        run(transaction, made.up)
        after = catalogue(transaction, name)
        reader = {right for right in after["rights"] if name in UNREAD and right[0] == "footfall_reader"}
        assert {**after, "rights": after["rights"] - reader} == before
        kept = transaction.execute(f"SELECT keep FROM {RETENTION} WHERE table_name = %s", [name]).fetchall()
        assert kept == ([(None,)] if "PARTITION BY" in made.up[0] else [])
        run(transaction, made.down)
        assert catalogue(transaction, name) == {}
        assert transaction.execute(f"SELECT FROM {RETENTION} WHERE table_name = %s", [name]).fetchall() == []


def column(type_: str, not_null: bool, comment: str) -> Column:
    return Column(exp.DataType.build(type_, dialect="postgres"), not_null, False, comment)


columns = st.builds(column, st.sampled_from(TYPES), st.booleans(), st.sampled_from(["", "it's", "a|b", "c" * 120]))
names = st.sampled_from(["a", "value", "order", "page_views", "x1"])


@st.composite
def two_tables(draw: st.DrawFn) -> tuple[Table, Table]:
    """A table, and what another file makes of it: columns more, fewer, wider, looser."""
    key = {"site": column("text", True, "s"), "at": column(draw(st.sampled_from(["timestamptz", "bigint"])), True, "")}
    old = Table(
        {**key, **draw(st.dictionaries(names, columns))}, ["site", "at"], draw(st.sampled_from(["", "one row"]))
    )
    new = Table(dict(key), ["site", "at"], draw(st.sampled_from(["", "one row", "one row per 'a'"])))
    for name in draw(st.sets(names)):
        there = old.columns.get(name)
        given_ = draw(columns)
        if there:
            wider = [type_ for of, type_ in WIDENED if of == there.type_name]
            type_ = draw(st.sampled_from([there.type_name, *wider]))
            given_ = column(type_, there.not_null and draw(st.booleans()), given_.comment)
        elif given_.not_null and given_.type_name.partition("(")[0] not in NEUTRAL:
            given_ = column(given_.type_name, False, given_.comment)
        new.columns[name] = given_
    return old, new


@given(two_tables())
@settings(max_examples=60, deadline=None, derandomize=True)
def test_a_changed_table_comes_from_the_old_one_with_its_rows_and_goes_back(
    transaction: psycopg.Connection, both: tuple[Table, Table]
) -> None:
    old, new = both
    made, change = steps("t", None, old, []), steps("t", old, new, [])
    with transaction.transaction(force_rollback=True):
        run(transaction, steps("t", None, new, []).up)
        wanted = catalogue(transaction, "t")
        run(transaction, ["DROP TABLE t", f"DELETE FROM {RETENTION} WHERE table_name = 't'"])
        run(transaction, made.up)
        before = catalogue(transaction, "t")
        filled = [name for name, kind in old.columns.items() if kind.not_null]
        texts = {"text": "'1'", "boolean": "true", "date": "'2026-01-31'", "timestamptz": "'2026-01-31 12:00Z'"}
        values = ", ".join(texts.get(old.columns[name].type_name, "1") for name in filled)
        quoted = ", ".join(f'"{name}"' for name in filled)
        run(transaction, [f"INSERT INTO t ({quoted}) VALUES ({values})"])

        run(transaction, change.up)
        assert unordered(catalogue(transaction, "t")) == unordered(wanted)
        assert transaction.execute("SELECT count(*) FROM t").fetchone() == (1,)
        if not any(dropped not in new.columns and old.columns[dropped].not_null for dropped in old.columns):
            run(transaction, change.down)
            assert unordered(catalogue(transaction, "t")) == unordered(before)
            assert transaction.execute("SELECT count(*) FROM t").fetchone() == (1,)
    assert bool(change.said) == (unordered(wanted) != unordered(before))


def unordered(found: dict[str, Any]) -> dict[str, Any]:
    return {**found, "columns": sorted(found["columns"])}


@given(two_tables())
@settings(max_examples=60, deadline=None, derandomize=True)
def test_the_files_are_read_as_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, both: tuple[Table, Table]
) -> None:
    old, new = both
    made, changed = (tmp_path_factory.mktemp("migrations") / name for name in ("1_t.sql", "2_t.sql"))
    made.write_text(migration("t", steps("t", None, old, [])))
    assert not steps("t", read_tables([made])["t"], old, []).said
    if steps("t", old, new, []).said:
        changed.write_text(migration("t", steps("t", old, new, [])))
        assert not steps("t", read_tables([made, changed])["t"], new, []).said


def test_migrate_applies_what_was_written_and_makes_the_views_that_were_in_the_way_again(
    postgres: Postgres, tables: Tables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(ROOT / "sql", tmp_path / "sql")
    monkeypatch.setattr(database, "MIGRATIONS", tmp_path / "sql" / "postgres" / "migrations")
    given_ = conninfo_to_dict(tables.owner)
    stack = Settings(tmp_path, {
        "POSTGRES_HOST": "127.0.0.1", "POSTGRES_PORT": str(postgres.port), "POSTGRES_DATABASE": str(given_["dbname"]),
        "POSTGRES_OWNER_PASSWORD": str(given_["password"]),
    })  # fmt: skip
    maintain(tables.owner)
    tables.run(tables.writer, "INSERT INTO rejected_events VALUES (now(), 1, 2, 'shop', 'no JSON', 'x')")
    path = tmp_path / "sql" / "tables" / "rejected_events.sql"
    text = path.read_text()
    edited = text.replace("kafka_partition INT", "kafka_partition BIGINT")
    path.write_text(edited.replace("  reason ", "  is_cut BOOLEAN NOT NULL COMMENT 'whether',\n  reason "))
    written = write_migration("rejected_events", stack, tmp_path / "sql")
    assert written

    done = database.migrate(tables.owner)
    assert done[0] == f"applied {written.path.name}"
    assert "view rejected_per_hour, not as it was applied" in done
    assert tables.run(tables.reader, "SELECT kafka_partition, is_cut FROM rejected_events") == [(1, False)]
    assert tables.run(tables.reader, "SELECT count(*) FROM rejected_per_hour") == [(1,)]
    assert database.migrate(tables.owner) == []

    path.write_text(text)  # of which the bigint takes the INT
    second = write_migration("rejected_events", stack, tmp_path / "sql")
    assert second
    assert second.left == f"{written.path.name} stays as it is: Postgres has it"
    assert second.said == ["drops is_cut and its values"]
    assert database.migrate(tables.owner)[0] == f"applied {second.path.name}"
    assert tables.run(tables.reader, "SELECT count(*) FROM rejected_per_hour") == [(1,)]
