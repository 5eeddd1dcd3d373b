"""Whether the SQL is right, and what it makes of real events: test, preview."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from footfall.commands.common import Duration, err, out
from footfall.settings import load_settings


class _Last(click.ParamType[int | timedelta]):
    """So many events, or those of so long."""

    name = "number or duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | timedelta:
        if not isinstance(value, str):
            return value  # type: ignore[no-any-return]
        if value.isdecimal() and 0 < int(value) < 10**9:
            return int(value)
        return Duration().convert(value, param, ctx)


@click.command()
@click.argument("names", metavar="[JOB...]", nargs=-1)
@click.option("--watch", is_flag=True, help="After each save, run the cases that it touches; Ctrl-C ends it.")
@click.option("--coverage", is_flag=True, help="List the columns and the branches of the SQL that no case notices.")
@click.option("--record", metavar="NAME", help="Write a case of this name from real events; people get pseudonyms.")
@click.option(
    "--from", "source", metavar="WHERE", default="topic", show_default=True, help="For --record: topic or a file."
)
@click.option(
    "--last", type=_Last(), default="200", show_default=True, help="For --record: newest events to read, or 15m."
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
        from footfall.sql_coverage import print_coverage

        sys.exit(print_coverage(names, out, err))
    from footfall.sql_tests import test_jobs, watch_jobs

    sys.exit((watch_jobs if watch else test_jobs)(names, out))


def _record(
    job: str, name: str, source: str, last: int | timedelta, site: str, where: str | None, keep: tuple[str, ...]
) -> None:
    from footfall import preview_input as read
    from footfall.pseudonyms import read_key
    from footfall.suite import check_names

    check_names((job,))
    settings = load_settings()
    with err.status("reading") as spinner:
        if source == "topic":
            records = read.topic_records(settings, last, spinner.update)
        else:
            records = read.file_records(Path(source), site, spinner.update)
        spinner.update(f"{len(records):,} events: starting Flink")
        from footfall.sql_record import record_case
        from footfall.sql_runner import Runner

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
    "--last", type=_Last(), default="1000", show_default=True, help="Newest events of the topic: 1000, or 15m."
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
    from footfall import preview_input as read
    from footfall.suite import SQL, AnyValue, check_names
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
        from footfall.preview import preview_job, preview_query
        from footfall.preview_table import show
        from footfall.sql_runner import Runner

        with Runner() as runner:
            spinner.update(f"{len(records):,} events: {job or 'the query'} runs")
            if job:
                found = preview_job(runner, job, suite, records)
            else:
                found = [preview_query(runner, sys.stdin.read() if query == "-" else query or "", suite, records)]
    for made in found:
        title = made.table if len(found) > 1 else ""
        show(made, out, err, limit=limit, changelog=changelog, form=form, title=title, of=read.described(records))


COMMANDS = (test, preview)
