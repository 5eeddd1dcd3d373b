"""What README and docs promise is there."""

import re
from pathlib import Path

import pytest

from footfall.cli import footfall
from footfall.suite import all_jobs, columns, reads_and_writes

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]


def test_every_command_is_in_the_readme() -> None:
    verbs = README[README.index("## The command line") : README.index("**A server of your own**")]
    assert set(re.findall(r"\b[a-z]+\b", " ".join(re.findall(r"`([^`]+)`", verbs)))) >= set(footfall.commands)


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
        assert writes == [name]
        assert set(reads) <= views


def test_every_column_of_every_table_has_a_comment() -> None:
    for name in all_jobs():
        text = (ROOT / "sql" / "tables" / f"{name}.sql").read_text()
        declared = re.findall(r"^  ([a-z_]+) (?:STRING|INT|BIGINT|BOOLEAN|TIMESTAMP)", text, re.MULTILINE)
        assert [column.name for column in columns(name)] == declared


def test_every_job_has_a_test_of_its_sql() -> None:
    assert {path.stem for path in (ROOT / "tests" / "sql").glob("*.yml")} == set(all_jobs())
