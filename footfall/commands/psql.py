"""`footfall psql`: a shell on the tables."""

from __future__ import annotations

import os

import click

from footfall.settings import load_settings


@click.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def psql(arguments: tuple[str, ...]) -> None:
    """Open psql on the tables as the reader; all arguments are psql's, such as -c 'SELECT …'."""
    from footfall.database import connections

    command, environment = connections.psql(load_settings())
    os.execvpe(command, [command, *arguments], environment)  # noqa: S606
