"""What README and docs promise is there."""

import json
import re
import runpy
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from footfall.cli import footfall
from footfall.project.catalog import all_jobs, columns, reads_and_writes, written_tables

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
OVERVIEW = (ROOT / "docs" / "overview.md").read_text()
DEFINITIONS = (ROOT / "docs" / "definitions.md").read_text()
INCLUDED = re.findall(r"^<!-- from (\S+) -->\n```sql\n(.*?)^```$", DEFINITIONS, re.MULTILINE | re.DOTALL)
REFERENCE = runpy.run_path(str(ROOT / "docs" / "generate_reference.py"))
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) <= 90


def test_every_command_is_in_the_overview() -> None:
    verbs = OVERVIEW.partition("## The command line")[2].partition("\n\n`submit`")[0]
    assert set(re.findall(r"[a-z]+(?:-[a-z]+)*", " ".join(re.findall(r"`([^`]+)`", verbs)))) >= set(footfall.commands)


def test_every_command_has_a_help_text_that_is_a_sentence() -> None:
    for name, command in footfall.commands.items():
        assert (command.help or "").strip().endswith("."), name


def test_every_job_is_in_the_overview_with_its_grain() -> None:
    for name, grain in all_jobs().items():
        assert f"| `{name}` | {grain.removeprefix('one row per ').rstrip('.')} |" in OVERVIEW


def test_the_page_on_architecture_shows_the_layers_that_are_checked() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    [layers] = [contract["layers"] for contract in contracts if contract["type"] == "layers"]
    lines = "\n".join(layers)
    assert f"<!-- layers -->\n```text\n{lines}\n```\n" in (ROOT / "docs" / "architecture.md").read_text()


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


@pytest.mark.parametrize(("name", "text"), REFERENCE["pages"]().items(), ids=list(REFERENCE["pages"]()))
def test_the_reference_is_what_the_code_says(name: str, text: str) -> None:
    assert (REFERENCE["FOLDER"] / name).read_text() == text, "write it again: python docs/generate_reference.py"


def test_the_documentation_is_built_as_a_site_with_every_page_in_its_menu(tmp_path: Path) -> None:
    # Without --quiet, which would hide warnings from --strict.
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
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
