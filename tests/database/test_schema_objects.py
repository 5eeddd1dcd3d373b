"""Functions, views and triggers come into force from their files: what changed, all of it or none."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from catalogue import catalogue, differences
from conftest import Tables

from footfall.database import maintenance, migrate, objects
from footfall.database.connections import DatabaseError
from footfall.database.object_files import read_objects

Write = Callable[..., None]
CALLED = "SELECT greeting('a')"


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of sql/postgres that migrate reads."""
    folder = tmp_path / "postgres"
    shutil.copytree(migrate.POSTGRES, folder)
    monkeypatch.setattr(migrate, "POSTGRES", folder)
    monkeypatch.setattr(migrate, "MIGRATIONS", folder / "migrations")
    return folder


@pytest.fixture
def write(files: Path) -> Write:
    """Writes functions/greeting.sql and the like: the name of the file, and what follows its first line."""

    def write(name: str, text: str) -> None:
        path = files / name
        path.write_text(f"-- {path.stem}: what it is\n{text}\n")

    return write


def function(body: str = "SELECT 'hello'", signature: str = "who text", returns: str = "text") -> str:
    return (
        f"CREATE OR REPLACE FUNCTION greeting({signature}) RETURNS {returns} LANGUAGE sql STABLE AS $$ {body} $$;\n"
        "COMMENT ON FUNCTION greeting IS 'what it is';\nGRANT EXECUTE ON FUNCTION greeting TO footfall_reader;"
    )


def view(name: str, query: str) -> str:
    return f"CREATE OR REPLACE VIEW {name} AS\n{query};\nGRANT SELECT ON {name} TO footfall_reader;"


def all_of(tables: Tables) -> dict[str, dict[str, str]]:
    with psycopg.connect(tables.owner, autocommit=True) as connection:
        return catalogue(connection)


def test_a_new_file_a_changed_one_and_one_that_is_gone_come_into_force_and_are_reported(
    tables: Tables, write: Write, files: Path
) -> None:
    write("functions/greeting.sql", function())
    assert migrate.pending(tables.owner) == migrate.migrate(tables.owner) == ["new function greeting"]
    assert tables.run(tables.reader, CALLED) == [("hello",)]
    write("functions/greeting.sql", function("SELECT 'good day'"))
    assert migrate.pending(tables.owner) == migrate.migrate(tables.owner) == ["changed function greeting"]
    assert tables.run(tables.reader, CALLED) == [("good day",)]
    assert migrate.migrate(tables.owner) == migrate.pending(tables.owner) == []
    (files / "functions" / "greeting.sql").unlink()
    assert migrate.pending(tables.owner) == migrate.migrate(tables.owner) == ["dropped function greeting"]
    assert tables.run(tables.owner, "SELECT to_regproc('greeting')") == [(None,)]
    assert tables.run(tables.owner, "SELECT FROM schema_objects WHERE name = 'greeting'") == []


def test_an_aggregate_comes_into_force_after_what_it_is_made_of_and_is_put_back(
    tables: Tables, write: Write, files: Path
) -> None:
    def aggregate(start: int) -> str:
        return (
            f"CREATE OR REPLACE AGGREGATE all_of(bigint) (SFUNC = with_next, STYPE = bigint, INITCOND = '{start}');\n"
            "COMMENT ON ROUTINE all_of IS 'what it is';\nGRANT EXECUTE ON ROUTINE all_of TO footfall_reader;"
        )

    write("functions/all_of.sql", aggregate(0))
    write(
        "functions/with_next.sql",
        "CREATE OR REPLACE FUNCTION with_next(bigint, bigint) RETURNS bigint LANGUAGE sql AS $$ SELECT $1 + $2 $$;\n"
        "GRANT EXECUTE ON FUNCTION with_next TO footfall_reader;",
    )
    query = "SELECT all_of(n)::int FROM generate_series(1, 3) AS n"
    assert migrate.migrate(tables.owner) == ["new function all_of", "new function with_next"]
    assert migrate.migrate(tables.owner) == []
    assert tables.run(tables.reader, query) == [(6,)]
    write("functions/all_of.sql", aggregate(10))
    assert migrate.pending(tables.owner) == migrate.migrate(tables.owner) == ["changed function all_of"]
    assert tables.run(tables.reader, query) == [(16,)]
    tables.run(tables.owner, "CREATE OR REPLACE AGGREGATE all_of(bigint) (SFUNC = with_next, STYPE = bigint)")
    assert migrate.migrate(tables.owner) == ["function all_of, not as it was applied"]
    assert tables.run(tables.reader, query) == [(16,)]
    for name in ("all_of", "with_next"):
        (files / "functions" / f"{name}.sql").unlink()
    assert migrate.migrate(tables.owner) == ["dropped function all_of", "dropped function with_next"]


def test_only_what_is_of_a_file_is_dropped(tables: Tables) -> None:
    tables.run(tables.owner, "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'")
    assert migrate.migrate(tables.owner) == []
    assert tables.run(tables.owner, "SELECT mine()") == [(1,)]


def test_rights_and_comments_that_a_file_no_longer_says_go(tables: Tables, write: Write) -> None:
    write("functions/greeting.sql", function())
    write("views/greetings.sql", view("greetings", "SELECT 1 AS a") + "\nCOMMENT ON COLUMN greetings.a IS 'one';")
    migrate.migrate(tables.owner)
    write("functions/greeting.sql", function().partition("COMMENT ON")[0])
    write("views/greetings.sql", "CREATE OR REPLACE VIEW greetings AS\nSELECT 1 AS a;")
    assert migrate.migrate(tables.owner) == ["changed function greeting", "changed view greetings"]
    for query in (CALLED, "SELECT * FROM greetings"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            tables.run(tables.reader, query)
    told = "SELECT obj_description('greeting(text)'::regprocedure), col_description('greetings'::regclass, 1)"
    assert tables.run(tables.owner, told) == [(None, None)]


@pytest.mark.parametrize(
    "changed",
    [
        function("SELECT 1", returns="integer"),
        function("SELECT whom", "whom text"),
        function("SELECT who || often", "who text, often integer DEFAULT 1"),
        function("SELECT 'none'", ""),
        "CREATE OR REPLACE PROCEDURE greeting(who text) LANGUAGE sql AS $$ SELECT 1 $$;",
    ],
)
def test_a_function_of_another_signature_type_or_kind_takes_the_place_of_the_one_before(
    tables: Tables, write: Write, changed: str
) -> None:
    write("functions/greeting.sql", function())
    write("views/greetings.sql", view("greetings", "SELECT greeting('a') AS a"))
    migrate.migrate(tables.owner)
    write("functions/greeting.sql", changed)
    signature = changed.partition("(")[2].partition(")")[0]
    if "PROCEDURE" in changed or not signature:
        write("views/greetings.sql", view("greetings", "SELECT 1 AS a"))
    assert "changed function greeting" in migrate.migrate(tables.owner)
    found = tables.run(tables.owner, "SELECT pg_get_function_arguments(oid) FROM pg_proc WHERE proname = 'greeting'")
    assert len(found) == 1 and signature.partition(" ")[0] in str(found[0][0])
    assert len(tables.run(tables.reader, "SELECT a FROM greetings")) == 1
    assert migrate.pending(tables.owner) == []


def test_a_view_with_other_columns_is_made_again_with_all_that_depends_on_it(tables: Tables, write: Write) -> None:
    write("views/greetings.sql", view("greetings", "SELECT 1 AS a, 2 AS b"))
    write("views/more_greetings.sql", view("more_greetings", "SELECT b FROM greetings"))
    write("functions/greeting.sql", function("SELECT b FROM more_greetings", "", "SETOF more_greetings"))
    migrate.migrate(tables.owner)
    write("views/greetings.sql", view("greetings", "SELECT 'x'::text AS b"))
    assert migrate.migrate(tables.owner) == ["changed view greetings"]
    assert tables.run(tables.reader, "SELECT * FROM greeting()") == [("x",)]
    assert tables.run(tables.reader, "SELECT * FROM more_greetings") == [("x",)]
    assert migrate.pending(tables.owner) == []


def test_what_somebody_made_by_hand_upon_it_is_not_dropped_with_it(tables: Tables, write: Write, files: Path) -> None:
    write("views/greetings.sql", view("greetings", "SELECT 1 AS a, 2 AS b"))
    migrate.migrate(tables.owner)
    tables.run(tables.owner, "CREATE VIEW mine AS SELECT b FROM greetings")
    write("views/greetings.sql", view("greetings", "SELECT 2 AS b"))
    with pytest.raises(DatabaseError, match=r"^view greetings must be dropped, and view mine needs it: .*sql/postgres"):
        migrate.migrate(tables.owner)
    (files / "views" / "greetings.sql").unlink()
    with pytest.raises(DatabaseError, match=r"^view greetings must be dropped, and view mine needs it"):
        migrate.migrate(tables.owner)
    assert tables.run(tables.owner, "SELECT * FROM mine, greetings") == [(2, 1, 2)]


def test_a_function_of_triggers_that_must_be_dropped_leaves_them_on_or_off_as_they_were(
    tables: Tables, files: Path
) -> None:
    tables.run(tables.owner, "ALTER TABLE sessions ENABLE TRIGGER erased_are_refused")
    tables.run(tables.owner, "ALTER TABLE sessions DISABLE TRIGGER set_bot_reason")
    before = all_of(tables)
    for name in ("functions/refuse_erased.sql", "triggers/sessions.set_bot_reason.sql", "functions/enqueue_visit.sql"):
        path = files / name
        path.write_text(path.read_text().replace("\n", "\n--\n", 1))
    tables.run(tables.owner, "DROP FUNCTION refuse_erased CASCADE")  # its triggers too
    tables.run(tables.owner, "DROP TRIGGER enqueue_visit_updated_to ON sessions")
    said = migrate.migrate(tables.owner)
    assert "function refuse_erased, not as it was applied" in said
    assert "changed function enqueue_visit" in said and "changed trigger sessions.set_bot_reason" in said
    after = all_of(tables)
    # What was dropped by hand is as its file says; what was only made again is as it was.
    changed = differences({"": before["triggers"]}, {"": after["triggers"]})
    assert [text.split(":")[0] for text in changed] == [
        " sessions.erased_are_refused", " sessions_default.erased_are_refused",
    ]  # fmt: skip


def test_somebody_who_is_erased_meanwhile_stays_erased(tables: Tables, files: Path) -> None:
    path = files / "triggers" / "sessions.erased_are_refused.sql"
    path.write_text(path.read_text().replace("\n", "\n--\n", 1))
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'sessions'::regclass"
    with psycopg.connect(tables.owner) as erasure, psycopg.connect(tables.owner, autocommit=True) as watcher:
        erasure.execute("ALTER TABLE sessions ENABLE TRIGGER erased_are_refused")
        with ThreadPoolExecutor(1) as pool:
            work = pool.submit(migrate.migrate, tables.owner)
            while watcher.execute(waiting).fetchone() != (1,):
                assert not work.done()
            erasure.commit()
            assert work.result() == ["changed trigger sessions.erased_are_refused"]
    modes = (
        "SELECT tgrelid::regclass::text, tgenabled::text FROM pg_trigger"
        " WHERE tgname = 'erased_are_refused' AND tgrelid::regclass::text LIKE 'sessions%%' ORDER BY 1"
    )
    assert tables.run(tables.owner, modes) == [("sessions", "O"), ("sessions_default", "O")]


def test_what_was_edited_by_hand_is_reported_and_put_back(tables: Tables) -> None:
    before = all_of(tables)
    for statement, named in (
        ("CREATE OR REPLACE FUNCTION zone_of(site_name text) RETURNS text LANGUAGE sql STABLE AS $$ SELECT 'UTC' $$",
         "function zone_of"),
        ("GRANT EXECUTE ON FUNCTION zone_of TO PUBLIC", "function zone_of"),
        ("ALTER FUNCTION zone_of SET work_mem = '1GB'", "function zone_of"),
        ("COMMENT ON FUNCTION zone_of IS 'mine'", "function zone_of"),
        ("CREATE FUNCTION zone_of(integer) RETURNS text LANGUAGE sql AS $$ SELECT 'x' $$", "function zone_of"),
        ("DROP FUNCTION active_now", "function active_now"),
        ("CREATE OR REPLACE VIEW site_names AS SELECT site FROM sites", "view site_names"),
        ("REVOKE SELECT ON site_names FROM footfall_reader", "view site_names"),
        ("DROP VIEW live_events", "view live_events"),
        ("COMMENT ON TRIGGER set_bot_reason ON sessions IS 'mine'", "trigger sessions.set_bot_reason"),
        ("DROP TRIGGER enqueue_funnel ON funnels", "trigger funnels.enqueue_funnel"),
    ):  # fmt: skip
        tables.run(tables.owner, statement)
        expected = [f"{named}, not as it was applied"]
        assert migrate.pending(tables.owner) == migrate.migrate(tables.owner) == expected, statement
    rows = {"schema_objects": before["rows"]["schema_objects"]}
    assert differences(before, {**(now := all_of(tables)), "rows": {**now["rows"], **rows}}) == []


def test_one_that_fails_leaves_everything_as_it_was_and_names_file_and_line(
    tables: Tables, write: Write, files: Path
) -> None:
    before = all_of(tables)
    write("functions/greeting.sql", function())
    write("views/greetings.sql", view("greetings", "SELECT a\nFROM nowhere"))
    (files / "views" / "people.sql").unlink()
    with pytest.raises(
        DatabaseError, match=r'greetings\.sql:4 failed: relation "nowhere" does not exist\. No'
    ) as raised:
        migrate.migrate(tables.owner)
    assert "\n" not in str(raised.value)
    assert differences(before, all_of(tables)) == []
    assert migrate.pending(tables.owner) == ["new function greeting", "new view greetings", "dropped view people"]


def test_a_function_that_no_longer_fits_what_was_changed_is_reported_before_anything_is(
    tables: Tables, write: Write, files: Path
) -> None:
    write("functions/greeting.sql", function())
    write(
        "functions/greet.sql",
        "CREATE OR REPLACE FUNCTION greet() RETURNS text LANGUAGE sql AS $$ SELECT greeting('a') $$;",
    )
    migrate.migrate(tables.owner)
    write("functions/greeting.sql", function("SELECT 'x'", "a text, b text"))
    with pytest.raises(
        DatabaseError, match=r"functions/greet\.sql.* failed: function greeting\(unknown\) does not exist"
    ):
        migrate.migrate(tables.owner)
    assert tables.run(tables.owner, "SELECT greet()") == [("hello",)]


def test_a_file_that_makes_something_else_than_it_is_named_after_is_refused(tables: Tables, write: Write) -> None:
    write("functions/hello.sql", function())
    with pytest.raises(DatabaseError, match=r"functions/hello\.sql makes no function hello"):
        migrate.migrate(tables.owner)
    assert tables.run(tables.owner, "SELECT to_regproc('greeting')") == [(None,)]


def test_of_two_at_once_one_does_it_and_the_other_finds_it_done(tables: Tables, write: Write) -> None:
    write("functions/greeting.sql", function())
    with psycopg.connect(tables.owner) as first, psycopg.connect(tables.owner, autocommit=True) as watcher:
        first.execute("SELECT pg_advisory_xact_lock(hashtext('schema_objects'))")
        with ThreadPoolExecutor(2) as pool:
            both = [pool.submit(migrate.migrate, tables.owner) for _ in range(2)]
            waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            while watcher.execute(waiting).fetchone() != (2,):
                assert not any(one.done() for one in both)
            first.rollback()
            assert sorted(len(one.result()) for one in both) == [0, 1]


@pytest.mark.parametrize("name", ["views/people.sql", "triggers/sessions.set_bot_reason.sql"])
def test_it_gives_up_where_something_is_in_use_for_long_and_nothing_is_changed(
    tables: Tables, write: Write, files: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(objects, "LOCK_SECONDS", 1)
    write("functions/greeting.sql", function())
    path = files / name
    path.write_text(path.read_text().replace("\n", "\n--\n", 1))
    with psycopg.connect(tables.owner) as busy:
        busy.execute("LOCK TABLE sessions IN ROW EXCLUSIVE MODE")
        busy.execute("SELECT count(*) FROM people")
        with pytest.raises(
            DatabaseError, match=r"keeps (view people|trigger sessions.set_bot_reason) in use: .* again$"
        ):
            migrate.migrate(tables.owner)
    assert len(migrate.pending(tables.owner)) == 2
    assert len(migrate.migrate(tables.owner)) == 2


def test_a_migration_that_is_in_the_way_of_a_view_drops_it_and_it_is_made_again(tables: Tables, files: Path) -> None:
    (files / "migrations" / "0099_wider.sql").write_text(
        "-- migrate:up\nDROP VIEW kafka_partitions;\nALTER TABLE last_records ALTER COLUMN kind TYPE varchar(9);\n"
        "-- migrate:down\n"
    )
    assert migrate.migrate(tables.owner) == ["applied 0099_wider.sql", "view kafka_partitions, not as it was applied"]
    assert tables.run(tables.reader, "SELECT * FROM kafka_partitions") == []


def test_where_nothing_is_to_be_done_nobody_has_to_wait(tables: Tables) -> None:
    files = read_objects(migrate.POSTGRES)
    with psycopg.connect(tables.owner, autocommit=True) as connection, psycopg.connect(tables.owner) as busy:
        busy.execute("LOCK TABLE sessions, visit_events IN SHARE ROW EXCLUSIVE MODE")
        assert objects.apply(connection, files) == objects.changes(connection, files) == []


def test_up_makes_all_and_names_none_of_them_by_itself(tables: Tables) -> None:
    tables.run(tables.owner, "DELETE FROM schema_objects")
    counts = Counter(it.kind for it in read_objects(migrate.POSTGRES))
    said = f"all {counts['function']} functions, {counts['view']} views, {counts['trigger']} triggers"
    assert (migrate.pending(tables.owner), migrate.migrate(tables.owner)) == ([said], [f"applied {said}"])
    assert maintenance.maintain(tables.owner)
