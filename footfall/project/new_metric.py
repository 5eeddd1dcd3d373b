"""`footfall new`: the files of a metric, to be filled in. What they say at first is templates/."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from footfall.database.migrated_tables import read_tables
from footfall.database.object_files import read_objects
from footfall.errors import Misused
from footfall.project.identifiers import LONGEST_TABLE, PLAIN, RESERVED
from footfall.project.migration import numbered, write_migration
from footfall.settings import ROOT, Settings

TEMPLATES = Path(__file__).parent / "templates"
PLACES = {"table.sql": "sql/tables/{}.sql", "job.sql": "sql/jobs/{}.sql", "case.yml": "tests/sql/{}.yml"}
PLACEHOLDER = "metric_name"


def make_metric(name: str, settings: Settings, root: Path = ROOT) -> list[Path]:
    """Make table, job, case and migration of a metric, all or none; returns their paths.

    Raises Misused for a name that is none or is taken, and what write_migration raises.
    """
    check_name(name, root)
    texts = {root / place.format(name): (TEMPLATES / template).read_text() for template, place in PLACES.items()}
    with ExitStack() as undo:
        for path, text in texts.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as file:
                undo.callback(path.unlink)
                file.write(text.replace(PLACEHOLDER, name))
        written = write_migration(name, settings, root / "sql")
        undo.pop_all()
    return [*texts, *([written.path] if written else [])]


def check_name(name: str, root: Path = ROOT) -> None:
    """Raise Misused for what can't be the name of a job and its table, or already is that of something else."""
    if not PLAIN.fullmatch(name) or name.startswith("pg_"):
        raise Misused(
            f"{name!r} is no name of a metric: write small letters, digits and _, such as page_views_per_hour"
        )
    if len(name) > LONGEST_TABLE:
        raise Misused(f"{name} has {len(name)} letters: write {LONGEST_TABLE} at most")
    if name in RESERVED:
        raise Misused(f"{name} is a word of SQL: write another name, such as {name}_per_hour")
    if taken := next(_taken(name, root), None):
        raise Misused(f"{name} is there already, {taken}: edit that, or write another name")


def _taken(name: str, root: Path) -> Iterator[str]:
    places = (*PLACES.values(), "sql/views/{}.sql", "sql/statement_sets/{}.toml")
    yield from (place.format(name) for place in places if (root / place.format(name)).exists())
    yield from (str(it.path.relative_to(root)) for it in read_objects(root / "sql" / "postgres") if it.name == name)
    tables = {*read_tables(numbered(root / "sql")), "schema_migrations"}
    if name in tables:
        yield "a table of sql/postgres/migrations"
    if (parent := re.sub(r"_(default|\d{4}_\d\d)$", "", name)) in tables:
        yield f"a partition of {parent}"
