"""A running job gets other SQL: from its state where that still means the same, else by a replay beside it.

A replay reads the topic from its start into tables of a schema of its own, while the old job goes on. When it has
caught up, both stop with a savepoint, the rows change places in one transaction, and the new job goes on from its
savepoint into the real tables. Whatever fails before that leaves everything as it was; what fails after it is undone.
Each step is written down before it is taken: where the command is killed, the next one or resume() goes on from there.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta

from footfall import topic
from footfall.database import migrate
from footfall.deploy import (
    checkpoints,
    client,
    cluster,
    intents,
    locks,
    metrics,
    refused_rows,
    replay,
    shadow_tables,
    starts,
)
from footfall.deploy import history as job_history
from footfall.deploy.intents import BESIDE
from footfall.deploy.locks import Hold
from footfall.deploy.plan import NoCheckpointYet, Verdict, verdict
from footfall.deploy.restore_check import Planner
from footfall.deploy.starts import Start
from footfall.deploy.submission import WITHIN, stop_and_record, tables_of
from footfall.deploy.versions import Version, read_version
from footfall.errors import FootfallError
from footfall.project.catalog import SQL
from footfall.settings import Settings

# How long a new version may read what waited for it, before it is taken for good, and until it has begun to
PROOF_SECONDS, BEGIN_SECONDS = 60, 15
GO_BACK_SECONDS = 180
Say = Callable[[str], None]


def upgrade(
    settings: Settings, name: str, *, anew: bool = False, within: timedelta = WITHIN, say: Say = lambda what: None
) -> str:
    """Bring a job to what lies in sql/; returns what was done, in a sentence.

    anew: from the start of the topic even where the state restores, so that old rows follow the new SQL too. within:
    how long a replay may take. Raises FootfallError where it did not work; the job then runs as before.
    """
    migrate.refuse_pending(settings)
    new = read_version(SQL, name)
    with locks.hold(settings, "upgrades", tables_of(settings, {name: new})) as hold:
        return _change(hold, name, new, "upgrade", anew, within, say)


def commands(settings: Settings, name: str, *, anew: bool = False) -> list[str]:
    """The stock commands that an upgrade would come down to; nothing is done. Raises FootfallError."""
    job = cluster.running(settings, name)
    wide = ["-p", str(cluster.parallelism(settings, job))]
    with Planner(settings) as planner:
        found = verdict(settings, planner, name, read_version(SQL, name), job)
    stop = shlex.join(client.stop_command(settings, job))
    if found.kind == "unchanged" and not anew:
        return [f"# {name} is unchanged"]
    if found.kind == "restores" and not anew:
        return [stop, shlex.join(client.command(settings, [name], *wide, "-s", "SAVEPOINT"))]
    beside = client.command(settings, [name], *wide, set_=[f"pipeline.name={name}{BESIDE}"])
    tables = ", ".join(read_version(SQL, name).tables)
    return [
        f"# with POSTGRES_JDBC_URL on empty tables of the schema {shadow_tables.schema_of(name)}",
        shlex.join(beside),
        f"# when it has caught up: flink stop it, its savepoint is SAVEPOINT; and the old one: {stop}",
        f"# in one transaction: the rows of {tables} give way to those of the schema",
        shlex.join(client.command(settings, [name], *wide, "-s", "SAVEPOINT")),
    ]


def rollback(settings: Settings, name: str, *, within: timedelta = WITHIN, say: Say = lambda what: None) -> str:
    """Bring a running job back to the SQL that it had before; returns what was done. Raises as upgrade does."""
    migrate.refuse_pending(settings)
    with locks.hold(settings, "rolls back", tables_of(settings, {name: None})) as hold:
        history = [entry for entry in intents.settle(hold, name) if entry.action in job_history.STARTS]
        before = next((entry for entry in history if entry.version.id != history[0].version.id), None)
        if before is None:
            raise FootfallError(f"{name} never ran with other SQL: `footfall history {name}` shows what was done")
        return _change(hold, name, before.version, "rollback", False, within, say)


def _change(hold: Hold, name: str, new: Version, action: str, anew: bool, within: timedelta, report: Say) -> str:
    settings = hold.settings

    def say(what: str) -> None:
        report(f"{name}: {what}")

    say("planning, and trying whether the state restores")
    intents.settle(hold, name)
    running = next((job for job in cluster.jobs(settings) if job.name == name), None)
    with Planner(settings) as planner:
        try:
            found = verdict(settings, planner, name, new, running)
        except NoCheckpointYet:
            if running is None:
                raise
            say("waiting for its first checkpoint")
            checkpoints.await_checkpoint(settings, running.id)
            found = verdict(settings, planner, name, new, running)
    if found.kind == "new":
        raise FootfallError(f"{name} does not run: `footfall submit {name}` starts it")
    if found.kind in ("unchanged", "stopped") and not anew:
        return f"{name} is {found.kind}: {found.why}"
    say(found.why)
    wide = cluster.parallelism(settings, found.running) if found.running else (found.entry and found.entry.parallelism)
    if found.kind == "restores" and not anew:
        _go_on(hold, found, wide or 1, action, say)
        return f"{name} goes on from its state with the new SQL"
    return f"{name} was replayed: {_replay(hold, found, wide or 1, action, within.total_seconds(), say)}"


def _go_on(hold: Hold, found: Verdict, wide: int, action: str, say: Say) -> None:
    assert found.new
    read = metrics.offsets(hold.settings, found.running.id) if found.running else {}
    savepoint = _stopped(hold, found, action, say)
    with _back(hold, found, wide, savepoint, action, say):
        say("starting the new SQL from it, and waiting until it has written what waited for it")
        _try(hold, Start(found.new, wide, savepoint, found.why), action, read)


def _replay(hold: Hold, found: Verdict, wide: int, action: str, seconds: float, say: Say) -> str:
    assert found.new
    settings, name, new = hold.settings, found.job, found.new
    with ExitStack() as stack:
        with _untouched(found):
            begun = refused_rows.database_time(settings)
            start = Start(new, wide, note=f"for the {action}")
            replayed = stack.enter_context(replay.beside(hold, [start], seconds, say))
            _refuse_refused(settings, new, begun)
        before = _stopped(hold, found, action, say)

        def undo() -> None:
            with hold.transaction() as connection:
                if replayed.undo(connection):
                    was_stopped = found.entry is not None and found.entry.action == "stop"
                    job_history.insert(
                        connection, settings, "stop" if was_stopped else "suspend", found.old or new,
                        parallelism=wide, savepoint=before, note="the exchange was taken back",
                    )  # fmt: skip

        with _back(hold, found, wide, before, action, say, undo):
            say("exchanging the rows")
            exchanged = replayed.exchange(hold, [start], "exchange")[name]
            say("starting the new SQL on the real tables, and waiting until it has written what waited for it")
            again = Start(new, wide, replayed.savepoints[name], f"replayed: {found.why}")
            _try(hold, again, action, replayed.read[name])
    return exchanged


def _stopped(hold: Hold, found: Verdict, action: str, say: Say) -> str:
    """The savepoint of the old job, which no longer runs then."""
    if found.running is None:
        assert found.checkpoint
        return found.checkpoint
    say("stopping the old job with a savepoint")
    history = job_history.entries(hold.settings, found.job)
    return stop_and_record(hold, found.running, history, "changing", f"for the {action}")


@contextmanager
def _untouched(found: Verdict) -> Iterator[None]:
    """Where what is inside fails, the old job was not touched: that is said."""
    try:
        yield
    except FootfallError as error:
        raise FootfallError(f"{found.job} is as it was, on its old SQL: {error}") from None


@contextmanager
def _back(
    hold: Hold,
    found: Verdict,
    wide: int,
    savepoint: str,
    action: str,
    say: Say,
    undo: Callable[[], None] | None = None,
) -> Iterator[None]:
    """Where what is inside fails, the old SQL goes on from its savepoint, as if nothing had been."""
    try:
        yield
    except BaseException as error:
        say("going back to the old SQL")
        if undo:
            undo()
        reason = str(error) or "interrupted"
        assert found.new
        hold.record("failed", found.new, note=f"{action}: {reason}")
        if found.old is None:
            raise FootfallError(f"{found.job} is stopped, its state is in {savepoint}: {reason}") from None
        if found.running:
            _go_back(hold, Start(found.old, wide, savepoint, f"back after a failed {action}"))
        if not isinstance(error, FootfallError):
            raise
        raise FootfallError(f"{found.job} is as it was, on its old SQL: {reason}") from None


def _go_back(hold: Hold, start: Start) -> None:
    """Start the old SQL, again and again while its slots are away.

    The new SQL may have taken its task manager with it. Until another one comes, a standalone cluster waits with a job
    in its first minutes only; later it refuses it at once. What is not started here, resume() starts.
    """
    deadline = time.monotonic() + GO_BACK_SECONDS
    while True:
        again = Start(start.version, start.parallelism, start.savepoint, start.note)
        try:
            return _try(hold, again, "resume")
        except FootfallError as error:
            if cluster.NO_SLOTS not in str(error) or time.monotonic() > deadline:
                raise FootfallError(
                    f"{start.version.job} is stopped, its state is in {start.savepoint}, and `footfall maintain` starts"
                    f" it again: {error}"
                ) from None
        time.sleep(2)


def _try(hold: Hold, start: Start, action: str, read: Mapping[int, int] | None = None) -> None:
    """Start a version from a savepoint, wait for its first checkpoint, and write it down. Leaves nothing half.

    read: how far the job before it had read. It must then also prove that it can write what waited for it since.
    """
    settings = hold.settings
    hold.record(
        "trying", start.version, flink_job_id=start.id, parallelism=start.parallelism, savepoint=start.savepoint,
        note=start.note,
    )  # fmt: skip
    with replay.cancelled_on_failure(settings, start.id):
        begun = refused_rows.database_time(settings)
        plans = starts.run(settings, [start])
        checkpoints.await_checkpoint(settings, start.id)
        if read is not None:
            _prove(settings, start.id, read)
            _refuse_refused(settings, start.version, begun)
        hold.record(
            action, start.version, flink_job_id=start.id, parallelism=start.parallelism, savepoint=start.savepoint,
            plan=plans.get(start.version.job), note=start.note,
        )  # fmt: skip


def _prove(settings: Settings, id_: str, read: Mapping[int, int]) -> None:
    """Wait until a job has read what the topic holds now, for a minute at most, and has made a checkpoint after that.

    Rows are written before a checkpoint is complete. A job reports its place in a partition only once it has read
    something of it: until then it stands where the job before it stood. Where that reported none either, a quarter of
    a minute in which it had the partition and could have begun says that there is nothing to read.
    """
    until, started = topic.ends(settings), time.monotonic()
    given: dict[int, float] = {}
    while (now := time.monotonic()) - started < PROOF_SECONDS:
        cluster.refuse_failed(settings, id_)
        places = metrics.places(settings, id_)
        given |= {partition: now for partition in places if partition not in given}
        waits = {partition: now - since for partition, since in given.items()}
        if all(_is_read(end, places.get(p) or read.get(p), waits.get(p, 0.0)) for p, end in until.items()):
            break
        time.sleep(0.5)
    checkpoints.await_checkpoint(settings, id_)


def _refuse_refused(settings: Settings, version: Version, since: datetime) -> None:
    """Raises FootfallError where Postgres refuses rows of a new version that it did not refuse before.

    The job itself goes on without them. What the old SQL was refused too is no fault of the new one; the rest is
    forgotten, as the old SQL now writes those rows.
    """
    if found := refused_rows.take_refused(settings, version.tables, since):
        raise FootfallError("; ".join(found[:3]))


def _is_read(end: int, place: int | None, waited: float) -> bool:
    """Of a partition that ends there, by a job that was given it so many seconds ago."""
    return waited > BEGIN_SECONDS if place is None else place >= end
