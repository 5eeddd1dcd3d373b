"""What README and docs promise is there."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Tables

from footfall import database, reference, schema
from footfall.cli import footfall
from footfall.suite import all_jobs, columns, reads_and_writes, written_tables

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
DEFINITIONS = (ROOT / "docs" / "definitions.md").read_text()
INCLUDED = re.findall(r"^<!-- from (\S+) -->\n```sql\n(.*?)^```$", DEFINITIONS, re.MULTILINE | re.DOTALL)
WRITING = (ROOT / "docs" / "writing-a-job.md").read_text()
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]


def test_every_command_is_in_the_readme() -> None:
    verbs = README[README.index("## The command line") : README.index("**A server of your own**")]
    assert set(re.findall(r"[a-z]+(?:-[a-z]+)*", " ".join(re.findall(r"`([^`]+)`", verbs)))) >= set(footfall.commands)


def test_every_command_has_a_help_text_that_is_a_sentence() -> None:
    for name, command in footfall.commands.items():
        assert (command.help or "").strip().endswith("."), name


def test_every_job_is_in_the_readme_with_its_grain() -> None:
    for name, grain in all_jobs().items():
        assert f"| `{name}` | {grain.removeprefix('one row per ').rstrip('.')} |" in README


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_that_a_page_links_to_is_there(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", page.read_text()):
        assert target.startswith("http") or (page.parent / target).exists(), target


def test_every_job_writes_the_table_of_its_name_and_reads_views_only() -> None:
    views = {path.stem for path in (ROOT / "sql" / "views").glob("*.sql")}
    for name in all_jobs():
        reads, writes = reads_and_writes(name)
        assert name in writes
        assert set(reads) <= views


def test_every_column_of_every_table_has_a_comment() -> None:
    for name in written_tables():
        text = (ROOT / "sql" / "tables" / f"{name}.sql").read_text()
        declared = re.findall(r"^  ([a-z_]+) (?:STRING|INT|BIGINT|BOOLEAN|DECIMAL|TIMESTAMP)", text, re.MULTILINE)
        assert [column.name for column in columns(name)] == declared


def test_every_job_has_a_test_of_its_sql() -> None:
    assert {path.stem for path in (ROOT / "tests" / "sql").glob("*.yml")} == set(all_jobs())


@pytest.mark.parametrize(("source", "block"), INCLUDED, ids=[source for source, _ in INCLUDED])
def test_sql_in_the_definitions_is_that_of_the_file_it_names(source: str, block: str) -> None:
    assert f"\n{block}" in f"\n{(ROOT / source).read_text()}", f"{source} has no longer\n{block}"


def test_every_sql_in_the_definitions_names_its_file() -> None:
    assert len(INCLUDED) == DEFINITIONS.count("```sql\n") > 10


def test_the_definitions_show_sql_of_every_view_and_of_the_jobs_that_decide_what_counts() -> None:
    sources = {source for source, _ in INCLUDED}
    views = {f"sql/views/{name}.sql" for name in ("events", "received_events", "arrivals")}
    assert sources >= {*views, "sql/tables/raw_events.sql", "sql/jobs/sessions.sql", "sql/jobs/late_events.sql"}


@pytest.mark.parametrize(("name", "text"), reference.pages().items(), ids=list(reference.pages()))
def test_the_reference_is_what_the_code_says(name: str, text: str) -> None:
    assert (reference.FOLDER / name).read_text() == text, "write it anew: python -m footfall.reference"


def test_the_documentation_is_built_as_a_site_with_every_page_in_its_menu(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert built.returncode == 0, built.stdout + built.stderr
    for page in (ROOT / "docs").rglob("*.md"):
        name = page.relative_to(ROOT / "docs")
        assert (tmp_path / name.with_suffix(".html")).exists()
        assert f": {name}\n" in (ROOT / "mkdocs.yml").read_text()


def test_json_on_the_page_for_editors_is_json() -> None:
    found = re.findall(r"^```json\n(.*?)^```$", (ROOT / "docs" / "editors.md").read_text(), re.MULTILINE | re.DOTALL)
    assert [type(json.loads(text)) for text in found] == [dict, dict]


def test_the_problem_matcher_for_editors_finds_path_line_and_message() -> None:
    page = (ROOT / "docs" / "editors.md").read_text()
    pattern = next(found for found in re.findall(r'"regexp": ("(?:[^"\\]|\\.)*")', page))
    found = re.search(json.loads(pattern), "sql/jobs/sessions.sql:12: found SELECT *: name the columns")
    assert found
    assert found.groups() == ("sql/jobs/sessions.sql", "12", "found SELECT *: name the columns")


def test_the_migration_on_the_page_about_writing_a_job_makes_the_table_that_flink_declares(
    tables: Tables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = dict(re.findall(r'^```sql title="([^"]+)"\n(.*?)^```$', WRITING, re.MULTILINE | re.DOTALL))
    migration = next(name for name in shown if "migrations" in name)
    declared = shown["sql/tables/referrers_per_hour.sql"]
    folder = tmp_path / "migrations"
    shutil.copytree(schema.MIGRATIONS, folder)
    (folder / Path(migration).name).write_text(shown[migration])
    monkeypatch.setattr(schema, "MIGRATIONS", folder)
    assert schema.migrate(tables.owner) == [Path(migration).name]
    database.maintain(tables.owner)

    comments = "SELECT attname, col_description(attrelid, attnum) FROM pg_attribute WHERE attrelid = %s::regclass"
    found = tables.run(tables.owner, f"{comments} AND attnum > 0 ORDER BY attnum", "referrers_per_hour")
    assert found == re.findall(r"^  (\w+) .* COMMENT '(.*)',$", declared, re.MULTILINE)
    upsert = (
        "INSERT INTO referrers_per_hour VALUES ('shop', '2026-01-31 12:00Z', 'news.example', 1)"
        " ON CONFLICT (site, window_start, referrer_host) DO UPDATE SET page_view_count = EXCLUDED.page_view_count"
    )
    for _ in range(2):
        tables.run(tables.writer, upsert)
    assert tables.run(tables.reader, "SELECT count(*) FROM referrers_per_hour") == [(1,)]
