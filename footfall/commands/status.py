"""`footfall status`: what runs, and what is wrong."""

from __future__ import annotations

import json
import sys

import click
from rich.markup import escape

from footfall.commands.common import out
from footfall.settings import load_settings
from footfall.stack import health


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For programs: docs/operating.md has its shape.")
def status(as_json: bool) -> None:
    """Say which parts and jobs run, what was started again, and what is wrong. Exit code 1 where anything is."""
    found = health.look(load_settings())
    if as_json:
        click.echo(json.dumps(health.as_dict(found), indent=2))
    else:
        print_parts(found.parts, found)
        for line in health.lines(found):
            out.print(line, markup=False)
        for problem in found.problems:
            out.print(f"[bold red]wrong[/]: {escape(problem)}")
    if found.problems:
        sys.exit(1)


def print_parts(parts: list[health.PartHealth], found: health.Health | None = None) -> None:
    """A line for each part; found knows the slots."""
    for part in parts:
        whose = " (yours)" if part.yours else ""
        place = part.address + whose
        if part.name == "Task manager" and found and found.slots is not None:
            place = f"{found.slots} slots, {found.free_slots} of them free"
        out.print(f"{part.name:12} {part.state:8} {place}".rstrip(), markup=False)
