"""The topic from its start, beside what is there: into tables of a schema of its own, whose rows then change places.

Everything that begins at the start of the topic while its tables hold rows goes this way. Rows that are there are
right; written over, they would be mixed with new ones for as long as it takes, and those that the new SQL does not
make, or of which the topic has lost a part, would be left or spoilt.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import psycopg

from footfall import topic
from footfall.database import connections
from footfall.deploy import checkpoints, client, cluster, history, metrics, shadow_tables
from footfall.deploy import starts as job_starts
from footfall.deploy.intents import BESIDE
from footfall.deploy.locks import Hold
from footfall.deploy.replay_cut import COPIES, MINUTE, cuts
from footfall.deploy.shadow_tables import ReplayTables
from footfall.deploy.starts import Start
from footfall.errors import FootfallError
from footfall.planner.job_plan import read_plan
from footfall.settings import Settings

STALLED_SECONDS = 600  # without a record read: its task manager has had the time to come back
Say = Callable[[str], None]


@dataclass(frozen=True)
class Replayed:
    """What was replayed of each job: its savepoint (none of a bounded run), how far it had read, and its rows.

    since: for each table the time from which on its rows are whole; None where the topic has all that it ever had.
    """

    tables: ReplayTables
    savepoints: Mapping[str, str]
    read: Mapping[str, Mapping[int, int]]
    since: Mapping[str, datetime] | None

    def exchange(self, hold: Hold, starts: Sequence[Start], action: str) -> dict[str, str]:
        """Put the replayed rows in the place of the real ones, and write action down, in one transaction.

        Returns for each job what became of its tables, in words. Raises FootfallError and psycopg.Error.
        """
        with hold.transaction() as connection:
            said = self.tables.exchange(connection, self.since)
            exchanged = {
                start.version.job: ", ".join(said[table] for table in start.version.tables) for start in starts
            }
            for start in starts:
                history.insert(
                    connection, hold.settings, action, start.version, parallelism=start.parallelism,
                    savepoint=self.savepoints.get(start.version.job), note=exchanged[start.version.job],
                )  # fmt: skip
        return exchanged

    def undo(self, connection: psycopg.Connection) -> bool:
        """Take that back; False where it was not done."""
        return self.tables.undo(connection, self.since)


def have_rows(settings: Settings, tables: Sequence[str]) -> bool:
    """Whether any of these tables holds anything. Raises DatabaseError."""
    return shadow_tables.have_rows(connections.owner(settings), tables)


@contextmanager
def beside(hold: Hold, starts: Sequence[Start], seconds: float, say: Say) -> Iterator[Replayed]:
    """Replay jobs whose locks are held until they have caught up, and stop them with savepoints.

    seconds: within which they must have caught up. The tables are gone after the block. Raises FootfallError.
    """
    settings = hold.settings
    with _aside(hold, starts) as (tables, aside):
        say("starting beside what is there")
        plans: dict[str, str] = {}
        ids = {start.version.job: start.id for start in starts}
        with cancelled_on_failure(settings, *ids.values()):
            for group in job_starts.together(starts):
                plans |= job_starts.run(aside, group, *_names(group))
            for id_ in ids.values():
                checkpoints.await_checkpoint(settings, id_)
            _catch_up(hold, ids, seconds, say)
            read = {job: metrics.offsets(settings, id_) for job, id_ in ids.items()}
            jobs = [cluster.Job(id_, job + BESIDE, "RUNNING") for job, id_ in ids.items()]
            savepoints = {job.name.removesuffix(BESIDE): cluster.stop(settings, job) for job in jobs}
        since = _since(settings, plans)
        if since:
            _refuse_open(settings, max(since.values()))
        yield Replayed(tables, savepoints, read, since)


@contextmanager
def bounded(hold: Hold, starts: Sequence[Start], set_: Sequence[str], progress: Say) -> Iterator[Replayed]:
    """The same of all that the topic holds now, to its end, where all windows are closed."""
    with _aside(hold, starts) as (tables, aside):
        plans = cluster_run(aside, starts, [*set_, *_names(starts)], progress)
        yield Replayed(tables, {}, {}, _since(hold.settings, plans))


def cluster_run(settings: Settings, starts: Sequence[Start], set_: Sequence[str], progress: Say) -> dict[str, str]:
    """Run jobs to the end of the topic; returns the plan of each."""
    with job_starts.laid_out(starts) as (sql, plans):
        own = [option for start in starts for option in start.options]
        names = [start.version.job for start in starts]
        client.run(settings, names, set_=[*own, *set_], progress=progress, sql=sql, plans=plans)
        return {path.stem: path.read_text() for path in plans.glob("*.json")}


def _refuse_open(settings: Settings, since: datetime) -> None:
    """Raise FootfallError where a window may still be open of which the topic has lost a part: it would be written."""
    closed, reached = since + COPIES, topic.newest_time(settings)
    if reached < closed:
        raise FootfallError(
            f"the topic has lost records of not long before its newest, of {reached:%Y-%m-%d %H:%M} UTC: what is open"
            f" now is not whole: try again when it holds events of after {closed + MINUTE:%Y-%m-%d %H:%M} UTC"
        )


@contextmanager
def cancelled_on_failure(settings: Settings, *ids: str) -> Iterator[None]:
    """Where what is inside fails, these jobs are cancelled."""
    try:
        yield
    except BaseException:
        for id_ in ids:
            cluster.cancel(settings, id_)
        raise


@contextmanager
def _aside(hold: Hold, starts: Sequence[Start]) -> Iterator[tuple[ReplayTables, Settings]]:
    """Empty tables for these jobs, and settings with which they write them."""
    for start in starts:
        hold.record("replaying", start.version, flink_job_id=start.id, parallelism=start.parallelism, note=start.note)
    written = [table for start in starts for table in start.version.tables]
    try:
        with shadow_tables.beside(hold.settings, shadow_tables.schema_of(starts[0].version.job), written) as tables:
            values = {**hold.settings.values, "POSTGRES_JDBC_URL": tables.jdbc_url}
            yield tables, replace(hold.settings, values=values)
    except BaseException as error:
        for start in starts:
            _record_failure(hold, start, str(error) or "interrupted")
        raise


def _record_failure(hold: Hold, start: Start, reason: str) -> None:
    """Where it was the replay that failed, nothing of the job was touched."""
    intent = history.intent(history.entries(hold.settings, start.version.job))
    if intent and intent.flink_job_id == start.id:
        hold.record("failed", start.version, flink_job_id=start.id, note=f"replay {start.note}: {reason}")


def _names(starts: Sequence[Start]) -> list[str]:
    return [f"{start.version.job}:pipeline.name={start.version.job}{BESIDE}" for start in starts]


def _since(settings: Settings, plans: Mapping[str, str]) -> dict[str, datetime] | None:
    lost_until = topic.lost_until(settings)
    if lost_until is None:
        return None
    return {table: time for plan in plans.values() for table, time in cuts(read_plan(plan), lost_until).items()}


def _catch_up(hold: Hold, ids: Mapping[str, str], seconds: float, say: Say) -> None:
    """Wait until the jobs have read what the topic holds now; what came since then they read as any job does."""
    settings = hold.settings
    until = topic.ends(settings)
    total, begun = sum(until.values()), time.monotonic()
    best, moved = total + 1, begun
    while True:
        read = [metrics.offsets(settings, id_) for id_ in ids.values()]
        behind = max(sum(max(0, end - places.get(partition, 0)) for partition, end in until.items()) for places in read)
        if not behind:
            return
        say(f"replaying: {total - behind:,} of {total:,} events")
        active = {job.id for job in cluster.jobs(settings)}
        if not active.issuperset(ids.values()):
            raise FootfallError(f"the replay ended {behind:,} events before the end of the topic; nothing was changed")
        now = time.monotonic()
        best, moved = (behind, now) if behind < best else (best, moved)
        if now - moved > STALLED_SECONDS:
            for id_ in ids.values():
                cluster.refuse_failed(settings, id_)  # says why, where it is a job that fails
            raise FootfallError(f"the replay read nothing for {STALLED_SECONDS} s, {behind:,} events before the end")
        if now - begun > seconds:
            raise FootfallError(f"the replay was {behind:,} events behind after {timedelta(seconds=seconds)}")
        hold.sure()
        time.sleep(0.5)
