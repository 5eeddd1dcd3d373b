"""`footfall migrate`: Postgres brought to this version."""

from __future__ import annotations

import sys

import click

from footfall.commands.common import out
from footfall.database import connections
from footfall.database import migrate as migration
from footfall.database.objects import NOT_AS_APPLIED
from footfall.settings import load_settings


@click.command()
@click.option("--dry-run", is_flag=True, help="Only say what would be changed. Exit code 1 where anything would.")
def migrate(dry_run: bool) -> None:
    """Bring Postgres to this version, as footfall_owner; `footfall up` does it by itself.

    Tables by the numbered files of sql/postgres/migrations, then the functions, views and triggers beside them that
    changed, in one transaction. What somebody edited by hand is put back to what its file says.

    For a Postgres of your own (POSTGRES_HOST): roles and database are made where POSTGRES_ADMIN_PASSWORD is given. Jobs
    may go on writing.
    """
    settings = load_settings()
    if dry_run:
        missing = migration.pending(connections.owner(settings))
        for name in missing or ["nothing to do"]:
            out.print(name, markup=False)
        if any(name.endswith(NOT_AS_APPLIED) for name in missing):
            out.print("what was edited by hand is put back: to keep it, write it into its file in sql/postgres first")
        sys.exit(bool(missing))
    for line in migration.prepare(settings) or ["nothing to do"]:
        out.print(line, markup=False)
