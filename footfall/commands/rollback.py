"""`footfall rollback`: a running job to the SQL that it had."""

from __future__ import annotations

from datetime import timedelta

import click

from footfall.commands.common import err, out, within_option
from footfall.project import catalog
from footfall.settings import load_settings


@click.command()
@click.argument("name", metavar="JOB")
@within_option
def rollback(name: str, within: timedelta) -> None:
    """Bring a running job back to the SQL that it had before its last upgrade, in the same two ways."""
    from footfall.deploy.upgrade import rollback as roll_back

    catalog.check_runnable((name,))
    with err.status(name) as spinner:
        done = roll_back(load_settings(), name, within=within, say=spinner.update)
    out.print(done, markup=False)
