"""The pages of docs/reference/, made of the code: `python docs/generate_reference.py` writes them, a test compares."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from footfall.cli import footfall
from footfall.database.migrate import MIGRATIONS, POSTGRES
from footfall.database.object_files import FOLDERS, read_objects
from footfall.project.catalog import SQL, columns, written_tables
from footfall.settings import ROOT
from jobs.sql_suite import grain

FOLDER = ROOT / "docs" / "reference"
COMMENT = re.compile(r"COMMENT ON TABLE (\w+) IS\s+'((?:[^']|'')*)'")
DROPPED = re.compile(r"^DROP TABLE ([\w, \n]+);", re.MULTILINE)


def pages() -> dict[str, str]:
    """Text by name of the file."""
    return {"commands.md": commands_page(), "tables.md": tables_page()}


def commands_page() -> str:
    """What `--help` says of every command."""

    lines = ["# Commands", "", "Exit codes: 0 fine, 1 something failed, 2 misused."]
    with click.Context(footfall, info_name="footfall", **footfall.context_settings) as context:
        for path, text in _helps(footfall, context):
            lines += ["", f"## {path}", "", "```text", text, "```"]
    return "\n".join(lines) + "\n"


def _helps(group: click.Group, context: click.Context) -> Iterator[tuple[str, str]]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command
        with click.Context(command, parent=context, info_name=name, terminal_width=96, **group.context_settings) as own:
            yield own.command_path, "\n".join(line.rstrip() for line in command.get_help(own).splitlines())
            if isinstance(command, click.Group):
                yield from _helps(command, own)


def tables_page() -> str:
    """Every table with its columns, and every view, function and trigger of Postgres with what it is."""
    lines = ["# Tables", "", "What Flink writes. Times are UTC; what the words mean: [definitions](../definitions.md)."]
    for name in written_tables():
        about = grain(SQL / "tables" / f"{name}.sql")
        lines += ["", f"## {name}", "", f"One row per {about.removeprefix('one row per ')}", ""]
        lines += ["| column | type | |", "|---|---|---|"]
        lines += [f"| `{column.name}` | {column.type} | {_cell(column.comment)} |" for column in columns(name)]
    lines += _listed("Tables that Postgres fills, or you do", sorted(_tables_of_postgres().items()))
    objects = read_objects(POSTGRES)
    for kind, folder in sorted(FOLDERS.items(), reverse=True):
        found = [(it.name, it.about) for it in objects if it.kind == kind]
        lines += _listed(f"{folder.capitalize()}: sql/postgres/{folder}/NAME.sql", found)
    return "\n".join(lines) + "\n"


def _listed(title: str, told: Iterable[tuple[str, str]]) -> list[str]:
    return ["", f"## {title}", "", "| | |", "|---|---|", *(f"| `{name}` | {_cell(text)} |" for name, text in told)]


def _tables_of_postgres() -> dict[str, str]:
    """Comments of the tables that the migrations make and Flink does not write, by their names."""
    found: dict[str, str] = {}
    for path in sorted(MIGRATIONS.glob("*.sql")):
        up = path.read_text(encoding="utf-8").partition("-- migrate:down")[0]
        for names in DROPPED.findall(up):
            for name in names.split(","):
                found.pop(name.strip(), None)
        found |= {name: text.replace("''", "'") for name, text in COMMENT.findall(up)}
    return {name: text for name, text in found.items() if name not in written_tables()}


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main(folder: Path = FOLDER) -> None:
    """Write the pages."""
    folder.mkdir(exist_ok=True)
    for name, text in pages().items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
