"""docs/recipes.md: each question's SQL, asked as the reader, gives the rows that the page shows.

RECIPES=write .venv/bin/pytest tests/database/test_recipes.py writes what is given now into the page.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import demo_rows
import pytest
from conftest import Postgres, Tables, database_with_tables

from footfall.stack import postgres as server

PAGE = Path(__file__).parents[2] / "docs" / "recipes.md"


class Recipe(NamedTuple):
    """A question, its SQL and its answer as psql prints it."""

    question: str
    sql: str
    answer: str


RECIPES = [
    Recipe(*found)
    for found in re.findall(
        r"^## (.+)\n(?:(?!## |```).*\n)*```sql\n((?:(?!```).*\n)+)```\n\n```text\n((?:(?!```).*\n)*)```$",
        PAGE.read_text(),
        re.MULTILINE,
    )
]


@pytest.fixture(scope="module")
def shop(postgres: Postgres) -> Iterator[Tables]:
    for tables in database_with_tables(postgres):
        demo_rows.fill(tables)
        yield tables


@pytest.mark.parametrize("recipe", RECIPES, ids=[recipe.question for recipe in RECIPES])
def test_a_recipe_gives_the_rows_that_the_page_shows(recipe: Recipe, shop: Tables) -> None:
    answer = ask(shop, recipe.sql)
    if os.environ.get("RECIPES") == "write":
        old, new = (f"```sql\n{recipe.sql}```\n\n```text\n{text}```\n" for text in (recipe.answer, answer))
        PAGE.write_text(PAGE.read_text().replace(old, new))
    else:
        assert answer == recipe.answer, f"docs/recipes.md, {recipe.question}: paste this, or RECIPES=write\n{answer}"


def test_there_are_twenty_recipes_and_nothing_else_on_the_page() -> None:
    assert [recipe.question for recipe in RECIPES] == re.findall(r"^## (.+)$", PAGE.read_text(), re.MULTILINE)
    assert len(RECIPES) == 20


def ask(tables: Tables, query: str) -> str:
    """What psql prints, in UTC; spaces at the ends of lines are left out."""
    done = subprocess.run(
        [server.binaries() / "psql", tables.reader, "-X", "-v", "ON_ERROR_STOP=1", "-c", query],
        env={**os.environ, "PGTZ": "UTC", "PSQL_PAGER": "cat"}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return re.sub(r" +$", "", done.stdout, flags=re.MULTILINE).strip("\n") + "\n"
