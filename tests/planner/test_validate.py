"""What `footfall validate` says: of everything that is shipped, and of each broken job in tests/sql_broken.

A folder there is laid over a copy of sql/, udfs/ and tests/sql; expected.txt is the whole report. To write it again:
  UPDATE_EXPECTED=1 pytest tests/planner/test_validate.py
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from footfall.commands.validate import validate as command
from footfall.database.migrated_tables import read_migrations
from footfall.project.catalog import UnknownJob
from footfall.settings import ROOT
from footfall.validate.project import validate
from footfall.validate.syntax import clock_faults, item_lines
from jobs.sql_script import Fault, parse

BROKEN = ROOT / "tests" / "sql_broken"
CASES = sorted(path.name for path in BROKEN.iterdir())
# Those that are one file of a job are checked together, each as a job of its own: to start the planner takes longest.
JOBS = {
    name: files[0] for name in CASES
    if len(files := [path for path in (BROKEN / name).rglob("*.*") if path.name != "expected.txt"]) == 1
    and files[0].parent.name == "jobs" and name != "job_without_a_test"
}  # fmt: skip


def copied(folder: Path) -> Path:
    """A copy of what is shipped."""
    for name in ("sql", "udfs", "tests/sql"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of what is shipped, in which the test is called."""
    monkeypatch.chdir(tmp_path)
    return copied(tmp_path)


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What is said of each of JOBS, with the name that its file has in tests/sql_broken."""
    house = copied(tmp_path_factory.mktemp("jobs"))
    for name, file in JOBS.items():
        text = file.read_text(encoding="utf-8").replace(f"-- {file.stem}:", f"-- {name}:")
        (house / "sql" / "jobs" / f"{name}.sql").write_text(text, encoding="utf-8")
        shutil.copy(house / "tests" / "sql" / f"{file.stem}.yml", house / "tests" / "sql" / f"{name}.yml")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(house)
        said = report(*JOBS).splitlines(keepends=True)
    return {
        name: "".join(line for line in said if line.startswith(f"sql/jobs/{name}.sql:"))
        .replace(f"sql/jobs/{name}.sql", f"sql/jobs/{file.stem}.sql").replace(f"-- {name}:", f"-- {file.stem}:")
        for name, file in JOBS.items()
    }  # fmt: skip


def report(*names: str) -> str:
    faults = validate(names, sql_dir=Path("sql"), tests_dir=Path("tests/sql"), udfs_dir=Path("udfs"))
    return "".join(f"{fault}\n" for fault in faults)


def test_what_is_shipped_is_right() -> None:
    assert validate() == []


@pytest.mark.parametrize("name", JOBS)
def test_a_broken_job_is_reported(name: str, reports: dict[str, str]) -> None:
    assert_is_said(reports[name], name)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in CASES if name not in JOBS])
def test_a_broken_file_is_reported(name: str, house: Path) -> None:
    overlay = BROKEN / name
    shutil.copytree(overlay, house, dirs_exist_ok=True)
    for path in house.rglob("*.py.txt"):  # a module that no linter should see
        path.rename(path.with_suffix(""))
    jobs = [path.stem for path in overlay.glob("sql/jobs/*.sql")] or ["page_views_per_minute"]
    assert_is_said(report(*jobs), name)


def assert_is_said(found: str, name: str) -> None:
    expected = BROKEN / name / "expected.txt"
    if os.environ.get("UPDATE_EXPECTED"):
        expected.write_text(found, encoding="utf-8")
    assert found == expected.read_text(encoding="utf-8")
    assert found, "what is broken must not pass"


@pytest.mark.slow
def test_one_broken_file_hides_no_fault_of_another(house: Path) -> None:
    for name in ("misspelt_column", "session_grouped_by_too_much", "function_that_is_not_there", "circular_view"):
        shutil.copytree(BROKEN / name, house, dirs_exist_ok=True)
    (house / "sql" / "tables" / "raw_records.sql").write_text("CREATE TABLE raw_records (a BIGNT);\n")
    (house / "sql" / "jobs" / "late_events.sql").write_text("-- late_events: one row per event\nINSERT 'x\n")
    assert [fault.rpartition(": found")[0] for fault in report().splitlines() if ": found" in fault] == [
        "sql/functions.sql:24", "sql/functions.sql:25", "sql/jobs/arrivals_per_minute.sql:18",
        "sql/jobs/page_views_per_minute.sql:9", "sql/tables/raw_records.sql:1", "sql/views/page_views.sql:2",
    ]  # fmt: skip
    assert "sql/jobs/late_events.sql:2: a string is opened here" in report("late_events")


@pytest.mark.slow
def test_beam_and_pandas_which_nothing_here_needs_are_not_imported() -> None:
    code = "import sys; from footfall.validate.project import validate; print(validate(['late_events']), *sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    faults, *modules = done.stdout.split()
    assert faults == "[]", done.stderr
    assert not {"apache_beam", "pandas"} & set(modules)


def test_an_unknown_name_is_no_fault_but_a_misuse() -> None:
    with pytest.raises(UnknownJob, match="there is no job session; did you mean sessions"):
        validate(["session"])


def test_the_command_prints_faults_for_people_and_for_editors(monkeypatch: pytest.MonkeyPatch) -> None:
    faults = [
        Fault("sql/jobs/sessions.sql", 3, "found a: write b"),
        Fault("sql/views/events.sql", 1, "found c: write d"),
    ]
    monkeypatch.setattr("footfall.validate.project.validate", lambda _: faults)
    plain, as_json = CliRunner().invoke(command), CliRunner().invoke(command, ["--json"])
    assert (plain.exit_code, as_json.exit_code) == (1, 1)
    assert plain.output == "sql/jobs/sessions.sql:3: found a: write b\nsql/views/events.sql:1: found c: write d\n"
    assert json.loads(as_json.output) == [
        {"path": "sql/jobs/sessions.sql", "line": 3, "message": "found a: write b", "job": "sessions"},
        {"path": "sql/views/events.sql", "line": 1, "message": "found c: write d"},
    ]
    monkeypatch.setattr("footfall.validate.project.validate", lambda _: [])
    fine = CliRunner().invoke(command)
    assert fine.exit_code == 0 and fine.output.endswith(" are right\n")


def test_a_clock_is_a_call_and_no_column_of_that_name() -> None:
    [view] = parse("CREATE VIEW v AS SELECT t.now, rand AS uuid, UNIX_TIMESTAMP('a'), 'NOW()' FROM t -- NOW()", "v.sql")
    assert list(clock_faults(view)) == []
    [view] = parse(
        "CREATE VIEW v AS SELECT\nNOW(),\nLOCALTIME, ROW_NUMBER() OVER (ORDER BY PROCTIME()) FROM t", "v.sql"
    )
    assert [fault.line for fault in clock_faults(view, keep_first=True)] == [2, 3]
    assert [fault.line for fault in clock_faults(view)] == [2, 3, 3]


def test_columns_are_those_of_the_outermost_select() -> None:
    [insert] = parse(
        "INSERT INTO t WITH w AS (SELECT a, b FROM x)\nSELECT\na,\nf(b, c) AS d,\n(SELECT 1, 2)\nFROM w", "a.sql"
    )
    assert item_lines(insert) == [3, 4, 5]


def test_migrations_are_read_as_they_change_a_table(tmp_path: Path) -> None:
    (tmp_path / "1.sql").write_text(
        "-- migrate:up\n"
        "CREATE TABLE a (x text, y bigint DEFAULT 1, z int, PRIMARY KEY (x, y));\n"
        "CREATE TABLE gone (x text);\n"
        "CREATE FUNCTION f() RETURNS void LANGUAGE sql AS $$ ALTER TABLE a DROP COLUMN x; $$;\n"
        "-- migrate:down\nDROP TABLE a;\n"
    )
    (tmp_path / "2.sql").write_text(
        "-- migrate:up\n"
        "ALTER TABLE a RENAME COLUMN x TO site, ADD COLUMN w text NOT NULL;\n"
        "ALTER TABLE a DROP COLUMN z, ALTER COLUMN w TYPE varchar(5), ALTER w DROP NOT NULL;\n"
        "ALTER TABLE a DROP CONSTRAINT a_pkey, ADD PRIMARY KEY (site);\nALTER TABLE a RENAME TO b;\nDROP TABLE gone;\n"
    )
    assert list(read_migrations(tmp_path)) == ["b"]
    table = read_migrations(tmp_path)["b"]
    assert table.key == ["site"]
    assert {name: (column.type_name, column.not_null) for name, column in table.columns.items()} == {
        "site": ("text", True), "y": ("bigint", True), "w": ("varchar(5)", False),
    }  # fmt: skip
