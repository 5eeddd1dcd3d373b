"""`footfall migration`: which file it writes, what it refuses. Without a database; test_table_migrations.py has one."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner
from conftest import free_port

from footfall import cli
from footfall.database.column_types import fits, postgres_type, read_type, widens
from footfall.errors import FootfallError, Misused
from footfall.project import catalog
from footfall.project.migration import Written, next_path, numbered, write_migration
from footfall.settings import ROOT, Settings
from jobs.sql_script import ScriptError

TODAY = date(2026, 11, 30)
TABLE = """-- visits_by_host: one row per site and hour.
CREATE TABLE visits_by_host (
  site STRING NOT NULL COMMENT 'site that was visited',
  window_start TIMESTAMP(3) NOT NULL COMMENT 'start of the hour, UTC',
  visit_count INT NOT NULL COMMENT 'visits that began in it',
  PRIMARY KEY (site, window_start) NOT ENFORCED
) WITH ('connector' = 'postgres', 'table-name' = 'visits_by_host');
"""
NEVER_UP = Settings(Path("/nowhere"), {})


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A copy of sql/ with one table more."""
    shutil.copytree(ROOT / "sql", tmp_path / "sql")
    declare(tmp_path)
    return tmp_path


def declare(house: Path, *changes: tuple[str, str]) -> None:
    """Write the table with the second text of each pair in the place of the first."""
    text = TABLE
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    (house / "sql" / "tables" / "visits_by_host.sql").write_text(text)


def write(house: Path, name: str = "visits_by_host", settings: Settings = NEVER_UP) -> Written | None:
    return write_migration(name, settings, house / "sql")


def migrations(house: Path) -> list[str]:
    return [path.name for path in numbered(house / "sql")[len(numbered()) :]]


COLUMN = ("  PRIMARY", "  page_count BIGINT NOT NULL COMMENT 'pages',\n  PRIMARY")
WIDER = ("visit_count INT", "visit_count BIGINT")


def test_a_migration_that_nobody_has_is_written_again_until_nothing_differs(house: Path) -> None:
    first = write(house)
    assert first
    assert (first.what, first.said) == ("made", ["creates the table, with monthly partitions by window_start"])
    assert write(house) is None
    declare(
        house, COLUMN, ("window_start)", "page_count)"), ("visit_count INT", "visit_count STRING")
    )  # which ALTER TABLE can't do
    again = write(house)
    assert again
    assert (again.what, again.path, again.left) == ("rewrote", first.path, "")
    assert again.said == ["creates the table, without partitions"]
    assert "  page_count bigint NOT NULL,\n" in again.path.read_text()
    assert write(house) is None
    assert len(migrations(house)) == 1


def test_one_that_was_edited_stays_and_the_next_changes_the_table_and_is_gone_with_the_change(house: Path) -> None:
    first = write(house)
    assert first
    first.path.write_text(first.path.read_text().replace("NULL);", "INTERVAL '90 days');"))
    declare(house, COLUMN, WIDER, ("visits that", "visits, which"))
    second = write(house)
    assert second
    assert (second.what, second.said, second.left) == (
        "made",
        ["adds page_count bigint NOT NULL DEFAULT 0", "changes visit_count from int to bigint"],
        f"{first.path.name} stays as it is: it was edited",
    )
    assert int(second.path.name.partition("_")[0]) == int(first.path.name.partition("_")[0]) + 1
    assert "INTERVAL '90 days'" in first.path.read_text()
    assert write(house) is None
    declare(house, ("visits that", "visits, which"))
    third = write(house)
    assert third
    assert (third.what, third.path, third.said) == ("rewrote", second.path, ["changes its comments"])
    declare(house)
    last = write(house)
    assert last
    assert (last.what, migrations(house)) == ("removed", [first.path.name])
    assert write(house) is None


def test_one_that_was_written_by_hand_stays_whatever_it_does(house: Path) -> None:
    first = write(house)
    assert first
    by_hand = first.path.with_name("20991231_visits_by_host.sql")
    by_hand.write_text(
        "-- migrate:up\n"
        "ALTER TABLE visits_by_host DROP CONSTRAINT visits_by_host_pkey, ADD PRIMARY KEY (window_start);\n"
        "-- migrate:down\n"
    )
    declare(house, COLUMN, ("KEY (site, window_start)", "KEY (window_start)"))
    second = write(house)
    assert second
    assert (second.path.name, second.left) == (
        "20991232_visits_by_host.sql", "20991231_visits_by_host.sql stays as it is: it was edited",
    )  # fmt: skip
    assert second.said == ["adds page_count bigint NOT NULL DEFAULT 0"]


def test_one_that_is_committed_or_may_be_applied_stays(house: Path) -> None:
    first = write(house)
    assert first
    declare(house, COLUMN)
    address = {"POSTGRES_HOST": "127.0.0.1", "POSTGRES_PORT": str(free_port()), "POSTGRES_DATABASE": "footfall"}
    away = Settings(house, {**address, "POSTGRES_OWNER_PASSWORD": "x"})
    second = write(house, settings=away)
    assert second
    assert second.left == f"{first.path.name} stays as it is: Postgres may have it, and can't be asked"
    second.path.unlink()

    for command in (["init", "-q"], ["add", "."], ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "a"]):
        subprocess.run(["git", *command], cwd=house, check=True)
    third = write(house)
    assert third
    assert third.left == f"{first.path.name} stays as it is: it is committed"
    declare(house)
    assert (removed := write(house)) and removed.what == "removed"  # the third is not committed


def test_a_view_that_may_read_a_column_is_out_of_the_way_when_it_changes(house: Path) -> None:
    path = house / "sql" / "tables" / "rejected_events.sql"
    path.write_text(path.read_text().replace("kafka_partition INT", "kafka_partition BIGINT"))
    written = write(house, "rejected_events")
    assert written
    text = written.path.read_text()
    assert written.said == ["changes kafka_partition from int to bigint"]
    assert text.count("DROP VIEW IF EXISTS rejected_per_hour CASCADE;") == 2  # up and down
    path.write_text(path.read_text().replace("  reason ", "  added STRING COMMENT 'a',\n  reason "))
    path.write_text(path.read_text().replace("kafka_partition BIGINT", "kafka_partition INT"))
    again = write(house, "rejected_events")
    assert again
    assert again.path.read_text().count("DROP VIEW IF EXISTS rejected_per_hour CASCADE;") == 1  # down alone


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ([("visit_count INT", "visit_count ROW<a INT>")], r"\.sql:5: found visit_count ROW<a INT> NOT NULL, which"),
        ([("visit_count INT NOT NULL", "visit_count AS 1")], r"\.sql:5: found visit_count AS 1, which Flink can't"),
        ([("visit_count", "`visitCount`")], r"\.sql:5: found visitCount: write small letters"),
        ([("visit_count", "a" * 64)], r"\.sql:5: found a+: write small letters, digits and _, 63 at most"),
        ([(",\n  PRIMARY KEY (site, window_start) NOT ENFORCED", "")], r"\.sql:2: found no PRIMARY KEY"),
        ([("(site, window_start)", "(site, hour_start)")], r"\.sql:6: found hour_start in the key, which is no column"),
        ([("'table-name' = 'visits_by_host'", "'table-name' = 'my.visits'")], r"\.sql:2: found table-name 'my\."),
        ([(");\n", ") LIKE sessions;\n")], r"\.sql:2: found LIKE"),
        ([("one row per", "many rows per")], r"\.sql:1: the first line says what a row is"),
    ],
)  # fmt: skip
def test_what_postgres_can_not_have_is_a_fault_of_its_line(
    house: Path, changes: list[tuple[str, str]], message: str
) -> None:
    declare(house, *changes)
    with pytest.raises(ScriptError, match=message) as raised:
        write(house)
    assert len(raised.value.faults) == 1
    assert migrations(house) == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ([("KEY (site, window_start)", "KEY (site)")], r"PRIMARY KEY \(site, window_start\) in Postgres, \(site\) in"),
        ([("visit_count INT", "visit_count SMALLINT")], ""),  # an int takes it
        ([("visit_count INT", "visit_count BOOLEAN")], "visit_count int in Postgres, which can't become boolean"),
        ([("window_start TIMESTAMP(3)", "window_start STRING")], "timestamptz in Postgres, which can't become text"),
        ([("  PRIMARY", "  at TIMESTAMP(3) NOT NULL,\n  PRIMARY")], "gets at timestamptz NOT NULL, and rows that are"),
    ],
)
def test_what_alter_table_can_not_do_without_loss_is_refused_in_a_line(
    house: Path, changes: list[tuple[str, str]], message: str
) -> None:
    first = write(house)
    assert first
    first.path.write_text(first.path.read_text() + "-- mine\n")
    declare(house, *changes)
    if not message:
        assert write(house) is None
        return
    with pytest.raises(FootfallError, match=message) as raised:
        write(house)
    assert "\n" not in str(raised.value)
    assert migrations(house) == [first.path.name]


def test_names_that_are_no_table_of_postgres_are_a_misuse(house: Path) -> None:
    for name, message in [
        ("sesions", r"no table sesions in sql/tables; did you mean sessions\? \(there are: arrivals_per_minute, "),
        ("raw_events", "raw_events is no table of Postgres: its connector is kafka"),
        ("../tables/sessions", "no table"),
    ]:
        with pytest.raises(Misused, match=message):
            write(house, name)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("20991231_a.sql", "has the number of 20991231_.*: give it another one"),
        ("mine.sql", "has no number, so that it is never applied"),
        ("9_mine.sql", "has a number that leaves none after it"),
    ],
)
def test_migrations_in_no_plain_order_are_refused(house: Path, name: str, message: str) -> None:
    folder = house / "sql" / "postgres" / "migrations"
    for made in (name, *(["20991231_b.sql"] if name.startswith("2099") else [])):
        (folder / made).write_text("-- migrate:up\n-- migrate:down\n")
    with pytest.raises(ScriptError, match=message):
        write(house)
    assert not list(folder.glob("*visits*"))


@pytest.mark.parametrize(
    ("newest", "number"),
    [
        ("0044_a.sql", "20261130"), ("20261129_a.sql", "20261130"), ("20261130_a.sql", "20261131"),
        ("20270101_a.sql", "20270102"), ("20261130101112_a.sql", "20261130101113"),
    ],
)  # fmt: skip
def test_a_migration_is_numbered_by_the_day_and_comes_after_all_others(newest: str, number: str) -> None:
    assert next_path([Path("0001_a.sql"), Path(newest)], "a", Path("sql"), TODAY).name == f"{number}_a.sql"


def test_no_migration_of_footfall_itself_is_numbered_by_a_day() -> None:
    assert all(re.fullmatch(r"\d{4}_\w+\.sql", path.name) for path in numbered())


def test_every_table_that_a_job_writes_is_as_the_migrations_make_it(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "sql", tmp_path / "sql")
    assert [write(tmp_path, name) for name in catalog.written_tables()] == [None] * len(catalog.written_tables())


@pytest.mark.parametrize(
    ("flink", "postgres"),
    [
        ("STRING", "text"), ("varchar(20) not null", "text"), ("INTEGER", "int"),
        ("DOUBLE PRECISION", "double precision"),
        ("DECIMAL(18, 4) NOT NULL", "decimal(18, 4)"), ("NUMERIC", "decimal(10, 0)"), ("TIMESTAMP(3)", "timestamptz"),
        ("TIMESTAMP(3) WITH LOCAL TIME ZONE", "timestamptz"), ("TIMESTAMP_LTZ(3) NOT NULL", "timestamptz"),
    ],
)  # fmt: skip
def test_a_type_of_flink_has_one_of_postgres(flink: str, postgres: str) -> None:
    found = read_type(flink)
    assert postgres_type(found) == postgres
    assert fits(found, postgres)
    assert found.not_null == flink.upper().endswith("NOT NULL")


def test_a_type_is_wider_where_each_value_of_the_other_is_one_of_it() -> None:
    assert widens("int", "bigint") and widens("decimal(12, 3)", "decimal(18, 4)") and widens("decimal(5, 2)", "decimal")
    assert not widens("bigint", "int") and not widens("decimal(18, 4)", "decimal(18, 5)")
    assert not widens("decimal", "decimal(18, 4)") and not widens("text", "bigint")


def test_the_command_says_so_where_nothing_differs_and_is_misused_by_an_unknown_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    done = CliRunner().invoke(cli.footfall, ["migration", "sessions"])
    assert (done.exit_code, done.output) == (
        0, "nothing to do: the migrations make sessions as sql/tables/sessions.sql declares it\n",
    )  # fmt: skip
    for verb, said in (("migration", "no table sesions"), ("new", "'a b' is no name")):
        monkeypatch.setattr(sys, "argv", ["footfall", verb, "sesions" if verb == "migration" else "a b"])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert ended.value.code == 2
        assert capsys.readouterr().err.startswith(f"footfall: {said}")
