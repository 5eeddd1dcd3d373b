"""Whether the SQL is right: test."""

from __future__ import annotations

import sys

import click

from footfall.commands.common import out


@click.command()
@click.argument("names", metavar="[JOB...]", nargs=-1)
def test(names: tuple[str, ...]) -> None:
    """Run the cases of tests/sql on a Flink of its own: no stack needed."""
    from footfall.sql_tests import test_jobs

    sys.exit(test_jobs(names, out))


COMMANDS = (test,)
