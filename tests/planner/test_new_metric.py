"""`footfall new`: four files that are right as they are, for names that are free."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import pytest
from conftest import Tables
from rich.console import Console

from footfall.errors import Misused
from footfall.planner.jvm import quick_jvm
from footfall.project.identifiers import PLAIN, RESERVED
from footfall.project.new_metric import check_name, make_metric
from footfall.settings import ROOT, Settings
from footfall.testing.report import test_jobs as run_cases
from footfall.validate.project import validate
from jobs.sql_script import ScriptError

NEVER_UP = Settings(Path("/nowhere"), {})


@pytest.fixture
def house(tmp_path: Path) -> Path:
    for folder in ("sql", "tests/sql"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    return tmp_path


def files(house: Path) -> set[str]:
    return {str(path.relative_to(house)) for path in house.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_what_is_made_is_right_and_passes_its_case(house: Path) -> None:
    before = files(house)
    made = [str(path.relative_to(house)) for path in make_metric("demo_metric", NEVER_UP, house)]
    assert made[:3] == ["sql/tables/demo_metric.sql", "sql/jobs/demo_metric.sql", "tests/sql/demo_metric.yml"]
    assert made[3].startswith("sql/postgres/migrations/20") and made[3].endswith("_demo_metric.sql")
    assert files(house) == before | set(made)
    assert all("metric_name" not in (house / path).read_text() for path in made)
    folders = {"sql_dir": house / "sql", "tests_dir": house / "tests" / "sql"}
    assert validate(["demo_metric"], **folders) == []
    output = io.StringIO()
    assert run_cases(["demo_metric"], Console(file=output, width=80), **folders) == 0
    assert output.getvalue().endswith("1 passed, 0 failed\n")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Visits", "'Visits' is no name of a metric: write small letters, digits and _"),
        ("1st_visits", "is no name"), ("visits-per-hour", "is no name"), ("", "is no name"),
        ("../jobs/x", "is no name"), ("besuche_für_alle", "is no name"), ("pg_visits", "is no name"),
        ("a" * 56, "has 56 letters: write 55 at most"),
        ("order", "order is a word of SQL: write another name, such as order_per_hour"),
        ("rank", "rank is a word of SQL"), ("verbose", "verbose is a word of SQL"),
        ("sessions", "sessions is there already, sql/tables/sessions.sql: edit that, or write another name"),
        ("raw_events", "there already, sql/tables/raw_events.sql"), ("events", "there already, sql/views/events.sql"),
        ("all_jobs", "there already, sql/statement_sets/all_jobs.toml"),
        ("funnel_report", "there already, sql/postgres/functions/funnel_report.sql"),
        ("visits", "there already, sql/postgres/views/visits.sql"),
        ("write_keys", "there already, a table of sql/postgres/migrations"),
        ("schema_migrations", "there already, a table of"),
        ("sessions_2026_01", "there already, a partition of sessions"),
    ],
)  # fmt: skip
def test_a_name_that_is_none_or_is_taken_is_refused(name: str, message: str) -> None:
    with pytest.raises(Misused) as raised:
        check_name(name)
    assert message in str(raised.value) and "\n" not in str(raised.value)


@pytest.mark.parametrize("place", ["sql/jobs/visits_by_host.sql", "tests/sql/visits_by_host.yml"])
def test_nothing_is_overwritten(house: Path, place: str) -> None:
    (house / place).write_text("mine\n")
    before = files(house)
    with pytest.raises(Misused, match="there already"):
        make_metric("visits_by_host", NEVER_UP, house)
    assert (files(house), (house / place).read_text()) == (before, "mine\n")


def test_where_a_file_can_not_be_made_none_is(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = files(house)

    def refuse(*_: object) -> None:
        raise ScriptError([])

    monkeypatch.setattr("footfall.project.new_metric.write_migration", refuse)
    with pytest.raises(ScriptError):
        make_metric("visits_by_host", NEVER_UP, house)
    assert files(house) == before


@pytest.mark.slow
def test_words_of_sql_are_those_of_the_parsers_of_flink_and_postgres(untouched: Tables) -> None:
    quick_jvm()
    from pyflink.java_gateway import get_gateway
    from pyflink.table import EnvironmentSettings, TableEnvironment

    parser = TableEnvironment.create(EnvironmentSettings.in_streaming_mode())._j_tenv.getParser()
    java = get_gateway().jvm.java
    loader = parser.getClass().getClassLoader()
    name = "org.apache.flink.sql.parser.impl.FlinkSqlParserImpl"
    factory = java.lang.Class.forName(name, True, loader).getField("FACTORY").get(None)
    metadata = factory.getParser(java.io.StringReader("")).getMetadata()
    flink = {word.lower() for word in metadata.getTokens() if metadata.isReservedWord(word)}
    found = untouched.run(untouched.owner, "SELECT word FROM pg_get_keywords() WHERE catcode IN ('R', 'T')")
    assert {word for word in flink | {str(word) for (word,) in found} if PLAIN.fullmatch(word)} == RESERVED
