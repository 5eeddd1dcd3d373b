"""`footfall preview`: rows of real events, before anything is submitted."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

import click

from footfall.commands.common import Last, err, out
from footfall.settings import load_settings


@click.command()
@click.argument("job", required=False)
@click.option(
    "--sql", "query", metavar="SELECT", help="A query over the tables and views, instead of a job; - is stdin."
)
@click.option(
    "--from", "source", metavar="WHERE", default="topic", show_default=True,
    help="topic, a file of CSV or Segment JSON lines, or test-case.",
)  # fmt: skip
@click.option(
    "--last", type=Last(), default="1000", show_default=True, help="Newest events of the topic: 1000, or 15m."
)
@click.option("--site", default="shop", show_default=True, help="Site that the events of a file belong to.")
@click.option("--case", metavar="NAME", help="Name of the case of tests/sql/JOB.yml.")
@click.option("--limit", type=click.IntRange(0), default=20, show_default=True, help="Rows to show; 0 shows all.")
@click.option("--changelog", is_flag=True, help="Every change (+I, -U, +U, -D) instead of the rows at the end.")
@click.option("--csv", "form", flag_value="csv", help="CSV with a header.")
@click.option("--json", "form", flag_value="json", help="One JSON object a line.")
def preview(
    job: str | None, query: str | None, source: str, last: int | timedelta, site: str, case: str | None, limit: int,
    changelog: bool, form: str | None,
) -> None:  # fmt: skip
    """Show the rows that a job or a query makes of real events; nothing is written anywhere."""
    from footfall.preview import input as read
    from footfall.project.catalog import SQL, AnyValue, check_names
    from jobs.sql_suite import read_suite

    if (job is None) == (query is None):
        raise click.UsageError("name a job, or write --sql 'SELECT …'")
    if case and source != "test-case":
        raise click.UsageError("--case goes with --from test-case")
    if source == "test-case" and job is None:
        raise click.UsageError("--from test-case goes with a job, whose cases these are")
    check_names((job,) if job else ())
    suite = read_suite(SQL, AnyValue())
    with err.status("reading") as spinner:
        if source == "topic":
            records = read.topic_records(load_settings(), last, spinner.update)
        elif source == "test-case":
            records = read.case_records(job or "", case)
        else:
            records = read.file_records(Path(source), site, spinner.update)
        spinner.update(f"{len(records):,} events: starting Flink")
        from footfall.preview.rows import preview_job, preview_query
        from footfall.preview.table import show
        from footfall.testing.runner import Runner

        with Runner() as runner:
            spinner.update(f"{len(records):,} events: {job or 'the query'} runs")
            if job:
                found = preview_job(runner, job, suite, records)
            else:
                found = [preview_query(runner, sys.stdin.read() if query == "-" else query or "", suite, records)]
    for made in found:
        title = made.table if len(found) > 1 else ""
        show(made, out, err, limit=limit, changelog=changelog, form=form, title=title, of=read.described(records))
