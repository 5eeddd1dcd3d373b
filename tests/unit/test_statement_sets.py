"""Statement sets: how files of sql/statement_sets make one Flink job of several files of sql/jobs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from footfall.deploy import cluster, metrics, rest
from footfall.deploy.versions import read_version
from footfall.errors import FootfallError
from footfall.project import catalog
from footfall.project.catalog import SQL
from footfall.settings import load_settings
from jobs.sql_script import ScriptError
from jobs.sql_suite import job_names, read_job
from jobs.statement_sets import Inserts, jobs_of, set_names

ONE = "-- a: one row per a\nSET 'k' = '1';\nCREATE TEMPORARY VIEW v AS SELECT 1;\nINSERT INTO a\nSELECT * FROM v;\n"
MANY = """-- b: one row per b
CREATE TEMPORARY VIEW w AS SELECT 2;

EXECUTE STATEMENT SET
BEGIN
-- the first
INSERT INTO b SELECT CASE WHEN true THEN 'a;b' END FROM w;

INSERT INTO c
SELECT * FROM w; -- the last
END;
"""
SET = 'jobs = ["b", "a"]\n'


@pytest.fixture
def sql(tmp_path: Path) -> Path:
    for name, text in {"jobs/a.sql": ONE, "jobs/b.sql": MANY, "statement_sets/both.toml": SET}.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return tmp_path


def report(sql: Path, name: str = "both") -> str:
    with pytest.raises(ScriptError) as caught:
        read_job(sql, name)
    return str(caught.value).replace(f"{sql}/", "")


def test_a_set_is_the_settings_and_views_and_inserts_of_its_jobs(sql: Path) -> None:
    (sql / "statement_sets" / "both.toml").write_text(f'{SET}[options]\n"o" = "it\'s"\n')
    settings, own, *views, inserts = read_job(sql, "both")
    assert (settings.set_option, own.set_option) == (("k", "1"), ("o", "it's"))
    assert [view.name for view in views] == ["w", "v"]
    assert inserts.kind == "EXECUTE STATEMENT SET"
    assert inserts.text.splitlines() == [
        "EXECUTE STATEMENT SET BEGIN",
        "INSERT INTO b SELECT CASE WHEN true THEN 'a;b' END FROM w;", "",
        "INSERT INTO c", "SELECT * FROM w; -- the last",
        "INSERT INTO a", "SELECT * FROM v;",
        "END",
    ]  # fmt: skip


def test_a_line_of_the_one_statement_is_reported_as_that_of_its_file(sql: Path) -> None:
    inserts = read_job(sql, "both")[-1]
    assert isinstance(inserts, Inserts)
    for number, line in enumerate(inserts.text.splitlines()[1:-1], 2):
        path, place = inserts.place(number)
        assert line.removesuffix(";") in Path(path).read_text().splitlines()[place - 1]
    assert Path(inserts.place(6)[0]).name == "a.sql"
    whole = str(sql / "statement_sets" / "both.toml"), 0
    assert inserts.place(1) == inserts.place(8) == inserts.place(99) == whole


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('jobs = ["a", "bb"]', "statement_sets/both.toml: there is no job bb; did you mean b?"),
        ('jobs = ["a", "b", "a"]', "statement_sets/both.toml: a is named twice: name it once"),
        ("jobs = [\n'a'\n'b']", "statement_sets/both.toml:3: is no TOML: Unclosed array (at line 3, column 1)"),
        ("jobs = []", 'found something else than the jobs of a set: write jobs = ["…", "…"], and [options]'),
        ('jobs = "a"', "found something else"),
        ("", "found something else"),
        ('jobs = ["a"]\noption = "x"', "found something else"),
        ('jobs = ["a"]\n[options]\nx = 1', "found something else"),
    ],
)
def test_what_is_wrong_with_a_set_is_reported_with_its_file(sql: Path, text: str, said: str) -> None:
    (sql / "statement_sets" / "both.toml").write_text(text)
    assert said in report(sql)


def test_two_jobs_of_a_set_may_not_make_the_same_view_or_set_one_option_to_two_values(sql: Path) -> None:
    (sql / "jobs" / "b.sql").write_text(
        MANY.replace("EXECUTE", "SET 'k' = '2';\nEXECUTE", 1).replace("VIEW w", "VIEW v")
    )
    assert report(sql).splitlines() == [
        "jobs/a.sql:2: jobs/b.sql sets k to 2, and a statement set has both: one job has one value",
        "jobs/a.sql:3: jobs/b.sql makes a view v too, and a statement set has both: rename one",
    ]


def test_a_set_has_the_faults_of_its_jobs_and_no_name_of_a_job(sql: Path) -> None:
    (sql / "jobs" / "b.sql").write_text("-- b: one row per b\n")
    assert report(sql).startswith("jobs/b.sql: found no INSERT")
    (sql / "statement_sets" / "a.toml").write_text(SET)
    assert report(sql, "a") == "statement_sets/a.toml: there is a job a too: rename one of them"


def test_the_version_of_a_set_has_all_that_its_jobs_are_made_of(tmp_path: Path) -> None:
    version = read_version(SQL, "all_jobs")
    assert version.files.keys() >= {f"jobs/{name}.sql" for name in job_names(SQL)} | {"statement_sets/all_jobs.toml"}
    assert set(version.tables) == set(catalog.written_tables())
    laid_out = version.write(tmp_path)
    assert read_version(laid_out, "all_jobs").id == version.id
    assert read_job(laid_out, "all_jobs")[-1].text == read_job(SQL, "all_jobs")[-1].text


def test_the_shipped_set_has_every_job() -> None:
    assert set_names(SQL) == ["all_jobs"]
    assert jobs_of(SQL, "all_jobs") == job_names(SQL)
    assert jobs_of(SQL, "sessions") == ["sessions"]


@pytest.mark.parametrize(
    ("running", "asked", "said"),
    [
        ("all_jobs", "all_jobs", "all_jobs runs already: `footfall stop all_jobs` first"),
        ("all_jobs", "sessions", "sessions of all_jobs runs already: `footfall stop all_jobs` first"),
        ("sessions", "all_jobs", "sessions runs already: `footfall stop sessions` first"),
        ("sessions", "late_events", None),
    ],
)
def test_no_table_has_two_writers(monkeypatch: pytest.MonkeyPatch, running: str, asked: str, said: str | None) -> None:
    overview = {"jobs": [{"jid": "1", "name": running, "state": "RUNNING"}]}
    monkeypatch.setattr(rest, "call", lambda *_: overview)
    if said is None:
        cluster.refuse_running(load_settings(), [asked])
        return
    with pytest.raises(FootfallError) as caught:
        cluster.refuse_running(load_settings(), [asked])
    assert str(caught.value) == said


def test_a_job_that_runs_in_a_set_is_not_stopped_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest, "call", lambda *_: {"jobs": [{"jid": "1", "name": "all_jobs", "state": "RUNNING"}]})
    assert cluster.running(load_settings(), "all_jobs").id == "1"
    with pytest.raises(FootfallError, match="sessions runs as a part of all_jobs: name that"):
        cluster.running(load_settings(), "sessions")


def test_the_slowest_of_a_sets_sources_says_what_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    read = {"x": {"0": 10, "1": 20}, "y": {"0": 7, "1": -1}, "z": {}}

    def call(_settings: object, path: str) -> Any:
        if path == "/jobs/j":
            names = {"x": "Source: raw_events[1]", "y": "Source: raw_records[9]", "z": "Deduplicate[3]"}
            return {"vertices": [{"id": id_, "name": name} for id_, name in names.items()]}
        vertex = path.split("/")[4]
        _, asks, name = path.partition("?get=")
        if not asks:
            return [{"id": f"topic.t.partition.{partition}.currentOffset"} for partition in read[vertex]]
        return [{"id": "m", "max": read[vertex][name.split(".")[3]]}]

    monkeypatch.setattr(rest, "call", call)
    assert metrics.places(load_settings(), "j") == {0: 8, 1: 0}
    del read["y"]["1"]  # one of the sources was not given it yet
    assert metrics.places(load_settings(), "j") == {0: 8}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["submit", "all_jobs", "sessions"], "all_jobs and sessions both have sessions: name one of them"),
        (["submit", "all_job"], "no job all_job in sql/jobs; did you mean all_jobs? (there are: all_jobs, arrivals"),
        (["show", "all_jobs"], "all_jobs is a statement set: name one of its jobs (arrivals_per_minute, "),
        (["bench", "--suite", "all"], "no job all in sql/jobs"),
    ],
)
def test_the_command_line_distinguishes_sets_and_jobs(arguments: list[str], said: str) -> None:
    done = subprocess.run([sys.executable, "-m", "footfall.cli", *arguments], capture_output=True, text=True)
    assert done.returncode == 2
    assert said in done.stderr
