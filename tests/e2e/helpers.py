"""Topics, tables and jobs of the running stack, as a test wants them."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from psycopg import sql

from footfall import topic
from footfall.database import connections
from footfall.deploy import checkpoints, client, cluster, metrics, rest, resume, submission
from footfall.errors import FootfallError
from footfall.settings import ROOT, Settings
from footfall.stack import intent, kafka, parts

Row = tuple[Any, ...]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
numbers = itertools.count(1)


def fresh_topic(stack: Settings, partitions: int = kafka.PARTITIONS) -> Settings:
    """The same stack with an empty topic of events."""
    name = f"events_{next(numbers)}"
    assert kafka.ensure_topic(stack.bootstrap_servers, name, partitions)
    return dataclasses.replace(stack, values={**stack.values, "RAW_EVENTS_TOPIC": name})


@contextlib.contextmanager
def away(stack: Settings, name: str) -> Iterator[None]:
    """A part of the stack is stopped for as long as the block lasts, and the supervisor lets it be so."""
    part = parts.by_name(name)
    with intent.hold(stack):
        part.stop(stack)
        try:
            yield
        finally:
            part.start(stack)


def truncate(settings: Settings, *tables: str) -> None:
    with psycopg.connect(connections.owner(settings), autocommit=True) as connection:
        for table in tables:
            connection.execute(sql.SQL("TRUNCATE {}").format(sql.Identifier(table)))


def refresh_rollups(settings: Settings) -> None:
    """Classify and recompute what was written, as `footfall maintain` does it."""
    with psycopg.connect(connections.owner(settings), autocommit=True) as connection:
        connection.execute("SELECT classify_bots()")
        connection.execute("SELECT refresh_traffic(), refresh_pages(), refresh_counts(), refresh_people()")


def totals(settings: Settings, tables: Iterable[str], queries: Mapping[str, str]) -> dict[str, list[Row]]:
    """The rows of tables, of some by a query of their own; arrays are tuples, so that rows can be counted."""
    found = {table: asked(settings, queries[table]) if table in queries else rows(settings, table) for table in tables}
    return {table: hashable(rows_) for table, rows_ in found.items()}


def rows(settings: Settings, table: str) -> list[Row]:
    """Every column of every row, in an order that depends on nothing but them."""
    return sorted(asked(settings, sql.SQL("SELECT * FROM {}").format(sql.Identifier(table))), key=repr)


def asked(settings: Settings, query: str | sql.Composed) -> list[Row]:
    """What the reader is answered, with times in UTC."""
    with psycopg.connect(connections.reader(settings), options="-c timezone=UTC -c statement_timeout=0") as connection:
        return connection.execute(query).fetchall()  # type: ignore[arg-type]


def count(settings: Settings, table: str) -> int:
    """How many rows there are; -1 while the server does not answer."""
    try:
        with psycopg.connect(connections.reader(settings)) as connection:
            found = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))).fetchone()
    except psycopg.OperationalError:
        return -1
    assert found
    return int(found[0])


def assert_same_rows(found: Iterable[Row], expected: Iterable[Row]) -> None:
    """Equal as multisets; a failure shows some missing and some unexpected rows, not all of them."""
    here, there = Counter(found), Counter(expected)
    missing, unexpected = list((there - here).elements()), list((here - there).elements())
    assert not missing + unexpected, (
        f"{len(missing)} rows missing, such as {missing[:3]}; {len(unexpected)} unexpected, such as {unexpected[:3]}"
    )


def hashable(found: Iterable[Row]) -> list[Row]:
    """Rows whose arrays are tuples, so that they can be counted."""
    return [tuple(tuple(value) if isinstance(value, list) else value for value in row) for row in found]


def wait_for(what: str, condition: Callable[[], Any], seconds: float = 180, patience: float = 3) -> Any:
    """The first true answer of condition, asked less and less often: each time costs the cluster time.

    seconds are those of a quiet machine, where other tests run beside it patience times as many; 1 where they are what
    is promised.
    """
    begun, seconds = time.monotonic(), seconds * patience
    while not (answer := condition()):
        waited = time.monotonic() - begun
        assert waited < seconds, f"waited {seconds:.0f} s in vain: {what}"
        time.sleep(min(max(0.1, waited / 10), 2))
    return answer


def flink_run(settings: Settings, arguments: Sequence[str]) -> str:
    """Run a command of footfall.deploy.client; returns what it printed."""
    done = subprocess.run(
        arguments,
        cwd=ROOT,
        env=client.client_environment(settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    return done.stdout


def start_job(settings: Settings, name: str, *options: str) -> cluster.Job:
    """Submit a streaming job with these Flink options at parallelism 2."""
    flink_run(settings, client.command(settings, [name], "-p", "2", set_=options))
    return next(job for job in cluster.jobs(settings) if job.name == name)


def cancel(settings: Settings, job: cluster.Job) -> None:
    rest.call(settings, f"/jobs/{job.id}", method="PATCH")
    wait_for(f"the end of {job.name}", lambda: all(other.id != job.id for other in cluster.jobs(settings)), 60)


def stop_all(settings: Settings) -> None:
    """Nothing runs, or is wanted: the next test of this stack asks whether all that is wanted runs."""
    for entry in resume.wanted(settings):
        with contextlib.suppress(FootfallError):  # it does not run
            submission.stop(settings, entry.job, force=True)
    for job in cluster.jobs(settings):
        cluster.cancel(settings, job.id)


def failures(settings: Settings, job: cluster.Job) -> list[str]:
    """Why the job has failed so far, the last first."""
    entries = rest.call(settings, f"/jobs/{job.id}/exceptions")["exceptionHistory"]["entries"]
    return [entry["exceptionName"] for entry in entries]


def completed_checkpoints(settings: Settings, job: cluster.Job) -> int:
    return int(rest.call(settings, f"/jobs/{job.id}/checkpoints")["counts"]["completed"])


def settled_rows(settings: Settings, table: str) -> list[Row]:
    """What a job has made of all that its topic holds: it fills the table of its name."""
    job = cluster.running(settings, table)
    await_read(settings, job)
    before: tuple[object, list[Row]] = (None, [])

    def found() -> tuple[object, list[Row]]:
        time.sleep(2)  # the last watermark comes up to 200 ms after the last record, later on a busy machine
        checkpoints.await_checkpoint(settings, job.id)  # rows are written before it is complete
        return watermarks(settings, job), rows(settings, table)

    def stay() -> bool:
        nonlocal before
        last, before = before, found()
        return last == before

    wait_for("rows that stay", stay)
    return before[1]


def await_read(settings: Settings, job: cluster.Job) -> None:
    """Wait until a job has read all that its topic holds now."""
    until = topic.ends(settings)
    wait_for("the end of the topic", lambda: read_to(metrics.offsets(settings, job.id), until))


def watermarks(settings: Settings, job: cluster.Job) -> list[object]:
    """Of each task of a job, but for its sources."""
    vertices = rest.call(settings, f"/jobs/{job.id}")["vertices"]
    return [rest.call(settings, f"/jobs/{job.id}/vertices/{vertex['id']}/watermarks") for vertex in vertices]


def read_to(offsets: Mapping[int, int], until: Mapping[int, int]) -> bool:
    return all(offsets.get(partition, 0) >= end for partition, end in until.items())


def moment(milliseconds: int) -> datetime:
    return EPOCH + timedelta(milliseconds=milliseconds)


def minute(milliseconds: int) -> datetime:
    return moment(milliseconds // 60_000 * 60_000)
