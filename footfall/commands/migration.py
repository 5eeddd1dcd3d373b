"""`footfall migration`: a table of Postgres after its file in sql/tables."""

from __future__ import annotations

import click

from footfall.commands.common import out
from footfall.project.migration import write_migration
from footfall.settings import ROOT, load_settings


@click.command()
@click.argument("name", metavar="JOB")
def migration(name: str) -> None:
    """Write the migration of a job's table, from sql/tables/JOB.sql.

    It makes the table in Postgres, with its comments, key, monthly partitions, rights and data retention; or, where
    migrations make it already, it is an ALTER TABLE of what differs. Of a job's other tables, name the table.

    The newest migration is rewritten where this command wrote it for this table, nobody edited it, and it is
    neither committed in git nor applied. All others stay as they are.
    """
    written = write_migration(name, load_settings())
    if written is None:
        out.print(f"nothing to do: the migrations make {name} as sql/tables/{name}.sql declares it", markup=False)
        return
    out.print(f"{written.what} {written.path.relative_to(ROOT)}: {'; '.join(written.said)}", markup=False)
    if written.left:
        out.print(written.left, markup=False)
    if written.what != "removed":
        out.print("next: `footfall validate`; `footfall migrate`, or `footfall up`, applies it", markup=False)
