"""A running job gets other SQL: from its state where that still means the same, else by a replay beside it.

A replay reads the topic from its start into tables of a schema of its own, while the old job goes on. When it has
caught up, both stop with a savepoint, the rows change places in one transaction, and the new job goes on from its
savepoint into the real tables. Whatever fails before that leaves everything as it was; what fails after it is undone.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from footfall import cluster, events, job_history, replay_tables
from footfall.errors import FootfallError
from footfall.job_planner import Planner
from footfall.job_versions import Version, read_version
from footfall.settings import Settings
from footfall.stack import flink
from footfall.submission import laid_out, start, stop_and_note
from footfall.suite import SQL
from footfall.verdict import BESIDE, Verdict, verdict

CATCH_UP_SECONDS = 6 * 3600
# How long a new version may read what waited for it, before it is taken for good, and until it has begun to
PROOF_SECONDS, BEGIN_SECONDS = 60, 15
GO_BACK_SECONDS = 180
Say = Callable[[str], None]


def upgrade(settings: Settings, name: str, *, replay: bool = False, say: Say = lambda what: None) -> str:
    """Bring a job to what lies in sql/; returns what was done, in a sentence.

    replay: from the start of the topic even where the state restores, so that old rows follow the new SQL too.
    Raises FootfallError where it did not work; the job then runs as before.
    """
    with job_history.lock(settings, name, "upgrades"):
        return _change(settings, name, read_version(SQL, name), "upgrade", replay, say)


def commands(settings: Settings, name: str, *, replay: bool = False) -> list[str]:
    """The stock commands that an upgrade would come down to; nothing is done. Raises FootfallError."""
    job = cluster.running(settings, name)
    wide = ["-p", str(cluster.parallelism(settings, job))]
    with Planner(settings) as planner:
        found = verdict(settings, planner, name, read_version(SQL, name), job)
    stop = shlex.join(cluster.stop_command(settings, job))
    if found.kind == "unchanged" and not replay:
        return [f"# {name} is unchanged"]
    if found.kind == "restores" and not replay:
        return [stop, shlex.join(cluster.command(settings, [name], *wide, "-s", "SAVEPOINT"))]
    beside = cluster.command(settings, [name], *wide, set_=[f"pipeline.name={_beside(name)}"])
    tables = ", ".join(read_version(SQL, name).tables)
    return [
        f"# with POSTGRES_JDBC_URL on empty tables of the schema {_schema(name)}",
        shlex.join(beside),
        f"# when it has caught up: flink stop it, its savepoint is SAVEPOINT; and the old one: {stop}",
        f"# in one transaction: the rows of {tables} give way to those of the schema",
        shlex.join(cluster.command(settings, [name], *wide, "-s", "SAVEPOINT")),
    ]


def rollback(settings: Settings, name: str, *, say: Say = lambda what: None) -> str:
    """Bring a running job back to the SQL that it had before; returns what was done. Raises as upgrade does."""
    with job_history.lock(settings, name, "rolls back"):
        history = [entry for entry in job_history.entries(settings, name) if entry.action in job_history.STARTS]
        before = next((entry for entry in history if entry.version.id != history[0].version.id), None)
        if before is None:
            raise FootfallError(f"{name} never ran with other SQL: `footfall history {name}` shows what was done")
        return _change(settings, name, before.version, "rollback", False, say)


def _change(settings: Settings, name: str, new: Version, action: str, replay: bool, tell: Say) -> str:
    def say(what: str) -> None:
        tell(f"{name}: {what}")

    say("planning, and trying whether the state restores")
    active = {job.name: job for job in cluster.jobs(settings)}
    if leftover := active.get(_beside(name)):
        cluster.cancel(settings, leftover.id)  # of an upgrade that was killed
    with Planner(settings) as planner:
        found = verdict(settings, planner, name, new, active.get(name))
    if found.kind == "new":
        raise FootfallError(f"{name} does not run: `footfall submit {name}` starts it")
    if found.kind in ("unchanged", "stopped") and not replay:
        return f"{name} is {found.kind}: {found.why}"
    wide = cluster.parallelism(settings, found.running) if found.running else (found.entry and found.entry.parallelism)
    if found.kind == "restores" and not replay:
        _go_on(settings, found, wide or 1, action, say)
        return f"{name} goes on from its state with the new SQL"
    return f"{name} was replayed: {_replay(settings, found, wide or 1, action, say)}"


def _go_on(settings: Settings, found: Verdict, wide: int, action: str, say: Say) -> None:
    assert found.new
    read = cluster.offsets(settings, found.running.id) if found.running else {}
    savepoint = _stopped(settings, found, action, say)
    with _back(settings, found, wide, savepoint, action, say):
        say("starting the new SQL from it, and waiting until it has written what waited for it")
        _start(settings, found.new, wide, savepoint, action, found.why, read)


def _replay(settings: Settings, found: Verdict, wide: int, action: str, say: Say) -> str:
    assert found.new
    name, new = found.job, found.new
    with replay_tables.beside(settings, _schema(name), new.tables) as beside:
        aside = replace(settings, values={**settings.values, "POSTGRES_JDBC_URL": beside.jdbc_url})
        say("starting the new SQL beside the old")
        with _noted(settings, found, action):
            with laid_out(new) as sql:
                options = (f"pipeline.name={_beside(name)}",)
                (id_, _), *_ = start(aside, [name], "-p", str(wide), sql=sql, set_=options).values()
            with _cancelled_on_failure(settings, id_):
                cluster.await_checkpoint(settings, id_)
                _catch_up(settings, id_, say)
                read = cluster.offsets(settings, id_)
                replayed = cluster.stop(settings, cluster.Job(id_, _beside(name), "RUNNING"))
        since = events.oldest_kept(settings)
        before = _stopped(settings, found, action, say)
        with _back(settings, found, wide, before, action, say, lambda: beside.undo(since)):
            say("exchanging the rows")
            exchanged = beside.exchange(since)
            say("starting the new SQL on the real tables, and waiting until it has written what waited for it")
            _start(settings, new, wide, replayed, action, f"replayed: {found.why}", read)
        return exchanged


def _beside(name: str) -> str:
    return name + BESIDE


def _schema(name: str) -> str:
    return f"replay_{name}"


def _stopped(settings: Settings, found: Verdict, action: str, say: Say) -> str:
    """The savepoint of the old job, which no longer runs then."""
    if found.running is None:
        assert found.entry and found.entry.savepoint
        return found.entry.savepoint
    say("stopping the old job with a savepoint")
    return stop_and_note(settings, found.running, job_history.entries(settings, found.job), f"for the {action}")


@contextmanager
def _noted(settings: Settings, found: Verdict, action: str) -> Iterator[None]:
    """Where what is inside fails, the old job was not touched: that is written down and said."""
    try:
        yield
    except FootfallError as error:
        assert found.new
        job_history.write(settings, "failed", found.new, note=f"{action}: {error}")
        raise FootfallError(f"{found.job} is as it was, on its old SQL: {error}") from None


@contextmanager
def _back(
    settings: Settings,
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
        job_history.write(settings, "failed", found.new, note=f"{action}: {reason}")
        if found.old is None:
            raise FootfallError(f"{found.job} is stopped, its state is in {savepoint}: {reason}") from None
        if found.running:
            _go_back(settings, found.old, wide, savepoint, f"back after a failed {action}")
        if not isinstance(error, FootfallError):
            raise
        raise FootfallError(f"{found.job} is as it was, on its old SQL: {reason}") from None


def _go_back(settings: Settings, old: Version, wide: int, savepoint: str, note: str) -> None:
    """Start the old SQL, again and again while its slots are away.

    The new SQL may have taken its task manager with it. Until another one comes, a standalone cluster waits with a job
    in its first minutes only; later it refuses it at once.
    """
    deadline = time.monotonic() + GO_BACK_SECONDS
    while True:
        try:
            return _start(settings, old, wide, savepoint, "submit", note)
        except FootfallError as error:
            if cluster.NO_SLOTS not in str(error) or time.monotonic() > deadline:
                raise FootfallError(f"{old.job} is stopped, its state is in {savepoint}: {error}") from None
        flink.revive(settings)
        time.sleep(2)


def _start(
    settings: Settings,
    version: Version,
    wide: int,
    savepoint: str,
    action: str,
    note: str,
    read: Mapping[int, int] | None = None,
) -> None:
    """Start a version from a savepoint, wait for its first checkpoint, and write it down. Leaves nothing half.

    read: how far the job before it had read. It must then also prove that it can write what waited for it since.
    """
    with laid_out(version) as sql:
        (id_, plan), *_ = start(settings, [version.job], "-p", str(wide), "-s", savepoint, sql=sql).values()
    with _cancelled_on_failure(settings, id_):
        cluster.await_checkpoint(settings, id_)
        if read is not None:
            _prove(settings, id_, read)
    job_history.write(
        settings, action, version, flink_job_id=id_, parallelism=wide, savepoint=savepoint, plan=plan, note=note
    )


def _prove(settings: Settings, id_: str, read: Mapping[int, int]) -> None:
    """Wait until a job has read what the topic holds now, for a minute at most, and has made a checkpoint after that.

    Rows are written before a checkpoint is complete. A job tells its place in a partition only once it has read
    something of it: until then it stands where the job before it stood. Where that told nothing either, a quarter of a
    minute in which it had the partition and could have begun says that there is nothing to read.
    """
    until, started = events.ends(settings), time.monotonic()
    given: dict[int, float] = {}
    while (now := time.monotonic()) - started < PROOF_SECONDS:
        cluster.refuse_failed(settings, id_)
        places = cluster.places(settings, id_)
        given |= {partition: now for partition in places if partition not in given}
        waits = {partition: now - since for partition, since in given.items()}
        if all(_is_read(end, places.get(p) or read.get(p), waits.get(p, 0.0)) for p, end in until.items()):
            break
        time.sleep(0.5)
    cluster.await_checkpoint(settings, id_)


def _is_read(end: int, place: int | None, waited: float) -> bool:
    """Of a partition that ends there, by a job that was given it so many seconds ago."""
    return waited > BEGIN_SECONDS if place is None else place >= end


@contextmanager
def _cancelled_on_failure(settings: Settings, id_: str) -> Iterator[None]:
    try:
        yield
    except BaseException:
        cluster.cancel(settings, id_)
        raise


def _catch_up(settings: Settings, id_: str, say: Say) -> None:
    """Wait until the job has read what the topic holds now; what came since then it reads as any job does."""
    until = events.ends(settings)
    total, deadline = sum(until.values()), time.monotonic() + CATCH_UP_SECONDS
    while True:
        read = cluster.offsets(settings, id_)
        behind = sum(max(0, end - read.get(partition, 0)) for partition, end in until.items())
        if not behind:
            return
        say(f"replaying: {total - behind:,} of {total:,} events")
        if time.monotonic() > deadline or not any(job.id == id_ for job in cluster.jobs(settings)):
            raise FootfallError(f"the replay ended {behind:,} events before the end of the topic; nothing was changed")
        time.sleep(0.5)
