"""`footfall new`: the files of a metric, to be filled in."""

from __future__ import annotations

import click

from footfall.commands.common import out
from footfall.project.new_metric import make_metric
from footfall.settings import ROOT, load_settings


@click.command()
@click.argument("name", metavar="JOB")
def new(name: str) -> None:
    """Make the files of a new metric: its table, job, test case and Postgres migration, to be filled in.

    They are right as they are, a count of events per minute, and nothing that exists is overwritten.
    """
    for path in make_metric(name, load_settings()):
        out.print(f"made {path.relative_to(ROOT)}", markup=False)
    out.print(
        f"next: fill in the first three; `footfall migration {name}` writes the last one from the first;"
        f" `footfall validate {name}`; `footfall test {name}`",
        markup=False,
    )
