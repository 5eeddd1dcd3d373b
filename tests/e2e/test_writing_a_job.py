"""docs/writing-a-job.md, done to the letter in a copy of this repository."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from footfall.database import connections
from footfall.deploy import cluster
from footfall.settings import ROOT, Settings

from .checkout import copy_repository
from .helpers import cancel, fresh_topic
from .pages import Step, files, follow, matches, run, steps

PAGE = (ROOT / "docs" / "writing-a-job.md").read_text()
JOB = "referrers_per_hour"
CHECKS = PAGE.index("## 2. Is it right?")
STACK = PAGE.index("## 3. Let it run")


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A copy of all that the commands need; the jars are shared."""
    root = tmp_path / "house"
    copy_repository(root)
    command = root / "bin" / "footfall"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m footfall.cli "$@"\n')
    command.chmod(0o755)
    return root


def environment(house: Path, **changes: str) -> dict[str, str]:
    """`footfall` is that of the copy, which finds its own sql/ beside it."""
    path = f"{house / 'bin'}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PYTHONPATH": str(house), "PATH": path, **changes}


@pytest.fixture
def topic(stack: Settings) -> Iterator[Settings]:
    """A topic of its own; job and table are gone afterwards, for the tests that come after."""
    yield fresh_topic(stack)
    for job in cluster.jobs(stack):
        if job.name == JOB:
            cancel(stack, job)
    with psycopg.connect(connections.owner(stack), autocommit=True) as connection:
        connection.execute(f"DROP TABLE IF EXISTS {JOB}")
        connection.execute("DELETE FROM data_retention WHERE table_name = %s", [JOB])
        # Numbered by the day, as none of Footfall itself is.
        connection.execute("DELETE FROM schema_migrations WHERE length(version) > 4")


def test_a_job_is_written_and_tested_without_a_stack(house: Path) -> None:
    assert commands(PAGE[:STACK]) == ["new", "migration", "validate", "test", "preview"]
    follow(PAGE[:STACK], house, environment(house, FOOTFALL_HOME=str(house / ".footfall")))


@pytest.mark.cluster
def test_the_job_fills_its_table_on_the_stack(house: Path, topic: Settings) -> None:
    assert commands(PAGE[STACK:]) == ["up", "load", "run", "psql", "submit"]
    follow(PAGE[:CHECKS], house, environment(house, FOOTFALL_HOME=str(house / ".footfall")))
    events = next(step for step in steps(PAGE) if step.command.startswith("echo"))
    run(events, house, environment(house))
    follow(PAGE[STACK:], house, environment(house, RAW_EVENTS_TOPIC=topic.topic))


def commands(page: str) -> list[str]:
    """The verbs of footfall that a page shows, in their order."""
    return [verb for step in steps(page) for verb in re.findall(r"footfall (\S+)", step.command)]


def test_what_a_page_says_is_compared_with_what_was_printed() -> None:
    assert matches("a … c\n…\nend\n", "a b c\nmore\nand more\nend  \n\n")
    assert matches("…\n", "")
    assert not matches("a … c\n", "a b d\n")
    assert not matches("a\n", "a\nb\n")
    assert not matches("", "a\n")


def test_a_page_is_taken_apart_into_files_and_commands() -> None:
    page = '```sql title="a/b.sql"\nSELECT 1;\n```\ntext\n```console\n$ one\nits output\n$ two\n```\n'
    assert files(page) == {"a/b.sql": "SELECT 1;\n"}
    assert list(steps(page)) == [Step("one", "its output\n"), Step("two", "")]


def test_a_page_is_followed_in_its_order(tmp_path: Path) -> None:
    page = '```console\n$ ls\n```\n```text title="a/b"\nc\n```\n```console\n$ cat a/b\nc\n```\n'
    follow(page, tmp_path, os.environ)
    with pytest.raises(AssertionError, match="the page says"):
        follow(page, tmp_path, os.environ)  # whose ls prints more now
