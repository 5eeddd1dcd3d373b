"""`footfall plan`: what the files of sql/ would change."""

from __future__ import annotations

import json

import click

from footfall.commands.common import err, out
from footfall.project import catalog
from footfall.settings import load_settings


@click.command()
@click.argument("names", metavar="[JOB...]", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def plan(names: tuple[str, ...], as_json: bool) -> None:
    """Say what the files of sql/ would change in the jobs that run, and in their state. Changes nothing."""
    from footfall.deploy.plan import verdicts
    from footfall.deploy.report import as_dict, report

    settings = load_settings()
    checked = catalog.check_runnable(names)
    with err.status("planning") as spinner:
        found = verdicts(settings, checked, say=lambda what: spinner.update(f"planning {what}"))
    if as_json:
        click.echo(json.dumps([as_dict(verdict) for verdict in found], indent=2, ensure_ascii=False))
        return
    for verdict in found:
        for line in report(settings, verdict):
            out.print(line, markup=False)
