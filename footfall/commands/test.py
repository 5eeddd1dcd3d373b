"""`footfall test`: the cases of tests/sql."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

import click

from footfall.commands.common import Last, err, out
from footfall.settings import load_settings


@click.command()
@click.argument("names", metavar="[JOB...]", nargs=-1)
@click.option("--watch", is_flag=True, help="After each save, run the cases that it touches; Ctrl-C ends it.")
@click.option("--coverage", is_flag=True, help="List the columns and the branches of the SQL that no case notices.")
@click.option("--record", metavar="NAME", help="Write a case of this name from real events; people get pseudonyms.")
@click.option(
    "--from", "source", metavar="WHERE", default="topic", show_default=True, help="For --record: topic or a file."
)
@click.option(
    "--last", type=Last(), default="200", show_default=True, help="For --record: newest events to read, or 15m."
)
@click.option(
    "--site", default="shop", show_default=True, help="For --record: site that the events of a file belong to."
)
@click.option("--where", metavar="CONDITION", help="For --record: SQL on columns of the view received_events.")
@click.option(
    "--keep", metavar="FIELD", multiple=True, help="For --record: a text to keep, such as properties.currency."
)
def test(
    names: tuple[str, ...], watch: bool, coverage: bool, record: str | None, source: str, last: int | timedelta,
    site: str, where: str | None, keep: tuple[str, ...],
) -> None:  # fmt: skip
    """Run the cases of tests/sql on a Flink of its own: no stack needed."""
    if watch + coverage + (record is not None) > 1:
        raise click.UsageError("--watch, --coverage and --record: one at a time")
    if record is not None:
        if len(names) != 1:
            raise click.UsageError("--record NAME goes with one job: footfall test JOB --record NAME")
        _record(names[0], record, source, last, site, where, keep)
        return
    if where or keep:
        raise click.UsageError("--where and --keep go with --record")
    if coverage:
        from footfall.testing.mutation import print_coverage

        sys.exit(print_coverage(names, out, err))
    from footfall.testing.report import test_jobs, watch_jobs

    sys.exit((watch_jobs if watch else test_jobs)(names, out))


def _record(
    job: str, name: str, source: str, last: int | timedelta, site: str, where: str | None, keep: tuple[str, ...]
) -> None:
    from footfall.preview import input as read
    from footfall.preview.pseudonyms import read_key
    from footfall.project.catalog import check_names

    check_names((job,))
    settings = load_settings()
    with err.status("reading") as spinner:
        if source == "topic":
            records = read.topic_records(settings, last, spinner.update)
        else:
            records = read.file_records(Path(source), site, spinner.update)
        spinner.update(f"{len(records):,} events: starting Flink")
        from footfall.preview.record_case import record_case
        from footfall.testing.runner import Runner

        with Runner() as runner:
            made = record_case(
                runner, job, name, records, read_key(settings.home / "pseudonyms.key"), where=where, keep=keep
            )
    out.print(
        f"{made.path.name}:{made.line}: {made.events:,} events, {made.rows:,} rows; the case passes", markup=False
    )
    if made.left_out:
        out.print(f"left out: {made.left_out:,} records that are no JSON object, since their text can be a person's")
    out.print(
        "What it expects is what the job does now: check that it is right. Paths and event names are as they were."
    )
