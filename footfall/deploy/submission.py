"""Starting and stopping jobs, written down in the history, with one hand at a time on the tables of each."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta

from footfall import topic
from footfall.database import migrate
from footfall.database.connections import DatabaseError
from footfall.deploy import client, cluster, intents, locks, states
from footfall.deploy import history as job_history
from footfall.deploy import replay as replay_
from footfall.deploy import starts as job_starts
from footfall.deploy.history import Entry
from footfall.deploy.locks import Hold
from footfall.deploy.replay import have_rows
from footfall.deploy.starts import Start
from footfall.deploy.states import State
from footfall.deploy.versions import Version, read_version
from footfall.errors import FootfallError
from footfall.project.catalog import SQL
from footfall.settings import Settings
from jobs.statement_sets import jobs_of

START_OF_TOPIC = "from the start of the topic"
WITHIN = timedelta(hours=6)
Say = Callable[[str], None]


def submit(
    settings: Settings,
    names: Sequence[str],
    *,
    parallelism: int = 1,
    replay: bool = False,
    within: timedelta = WITHIN,
    say: Say = lambda what: None,
) -> list[str]:
    """Submit jobs, each from its last savepoint where that still counts, else from the start of the topic.

    What begins there while its tables hold rows replays beside them: within is how long that may take. Returns a line
    for each job. Raises FootfallError where one runs already.
    """
    migrate.refuse_pending(settings)
    versions = {name: read_version(SQL, name) for name in names}
    with locks.hold(settings, "submits", tables_of(settings, versions)) as hold:
        histories = {name: intents.settle(hold, name) for name in names}
        cluster.refuse_running(settings, names)
        _refuse_wanted(settings, names)
        beginnings = topic.beginnings(settings)
        origins = {name: _origin(settings, versions[name], histories[name], replay) for name in names}
        starts, anew = [], []
        for name, (state, note) in origins.items():
            version = versions[name]
            if state:
                entry = job_history.standing(histories[name])
                starts.append(Start(version, parallelism, state.path, note, entry.offsets if entry else None))
            elif have_rows(settings, version.tables):
                anew.append(Start(version, parallelism, None, note))
            else:
                starts.append(Start(version, parallelism, None, note, beginnings))
        if anew:
            starts += _replayed(hold, anew, within, say)
        job_starts.begin(hold, starts, "submit")
    return [f"{start.version.job}: {start.note}" for start in starts]


def commands(settings: Settings, names: Sequence[str], *, parallelism: int = 1, replay: bool = False) -> list[str]:
    """The stock commands that a submit would come down to, but for replays beside rows; nothing is done."""
    groups: dict[str | None, list[str]] = {}
    for name in names:
        try:
            state, _ = _origin(settings, read_version(SQL, name), job_history.entries(settings, name), replay)
        except DatabaseError:
            state = None
        groups.setdefault(state.path if state else None, []).append(name)
    wide = ["-p", str(parallelism)]
    return [
        shlex.join(client.command(settings, group, *wide, *(["-s", at] if at else []))) for at, group in groups.items()
    ]


def run(
    settings: Settings, names: Sequence[str], *, parallelism: int = 1, set_: Sequence[str] = (), progress: Say
) -> None:
    """Run jobs to the end of the topic, where all windows are closed. Rows that are there give way to those made then.

    Raises FootfallError where a job runs already, is to be resumed, or fails.
    """
    migrate.refuse_pending(settings)
    versions = {name: read_version(SQL, name) for name in names}
    with locks.hold(settings, "runs", tables_of(settings, versions)) as hold:
        for name in names:
            intents.settle(hold, name)
        cluster.refuse_running(settings, names)
        _refuse_wanted(settings, names, themselves=True)
        starts = [Start(version, parallelism, note="to the end of the topic") for version in versions.values()]
        if have_rows(settings, [table for version in versions.values() for table in version.tables]):
            with replay_.bounded(hold, starts, set_, progress) as replayed:
                replayed.exchange(hold, starts, "run")
            return
        for start in starts:
            hold.record("running", start.version, flink_job_id=start.id, parallelism=parallelism, note=start.note)
        try:
            replay_.cluster_run(settings, starts, set_, progress)
        except BaseException:
            for name in names:
                with suppress(FootfallError):
                    intents.settle(hold, name)
            raise
        for start in starts:
            hold.record("run", start.version, flink_job_id=start.id, parallelism=parallelism, note=start.note)


def _replayed(hold: Hold, anew: Sequence[Start], within: timedelta, say: Say) -> list[Start]:
    """Replay jobs that don't run beside the rows of their tables, and exchange these; returns how they go on."""
    with replay_.beside(hold, anew, within.total_seconds(), say) as replayed:
        say("exchanging the rows")
        said = replayed.exchange(hold, anew, "exchange")
        return [
            Start(start.version, start.parallelism, replayed.savepoints[job], f"{start.note}: {said[job]}")
            for start in anew
            for job in [start.version.job]
        ]


def stop(settings: Settings, name: str, *, force: bool = False) -> str:
    """Stop a job with a savepoint, from which the next submit goes on; says where that is.

    force: cancel it instead, for one that can't take a savepoint; its newest checkpoint counts then. A job that does
    not run, but would be resumed, is not any more. Raises FootfallError.
    """
    with locks.hold(settings, "stops", tables_of(settings, {name: None})) as hold:
        history = intents.settle(hold, name)
        entry = job_history.standing(history)
        active = [job for job in cluster.jobs(settings) if job.name == name]
        if active and not force:
            return f"savepoint {stop_and_record(hold, active[0], history)}"
        if active:
            hold.record("stopping", _version_of(active[0], history), flink_job_id=active[0].id)
            cluster.cancel(settings, active[0].id)
            entry = running_entry(active[0], history)
        elif entry is None or not entry.is_wanted:
            cluster.running(settings, name)  # says that it does not run, or as a part of what
        state = states.newest(settings, entry, history) if entry else None
        hold.record(
            "stop", entry.version if entry else read_version(SQL, name), savepoint=state.path if state else None,
            flink_job_id=active[0].id if active else entry and entry.flink_job_id,
            note="cancelled" if active else "it did not run",
        )  # fmt: skip
        if state is None:
            return f"without any state: `footfall submit --replay {name}` rebuilds its rows"
        return f"{state.what} counts: {state.path}"


def stop_and_record(
    hold: Hold, job: cluster.Job, history: Sequence[Entry], intent: str = "stopping", note: str = ""
) -> str:
    """Stop a job whose locks are held, and write it down with the SQL that it ran. Returns the savepoint."""
    entry, version = running_entry(job, history), _version_of(job, history)
    width = entry.parallelism if entry else None
    hold.record(intent, version, flink_job_id=job.id, parallelism=width, note=note)
    try:
        savepoint = cluster.stop(hold.settings, job)
    except FootfallError:
        intents.settle(hold, job.name)
        raise
    end = intents.ENDS[intent]
    hold.record(end, version, flink_job_id=job.id, parallelism=width, savepoint=savepoint, note=note)
    return savepoint


def running_entry(job: cluster.Job, history: Sequence[Entry]) -> Entry | None:
    """The entry of the history that started this job; none where `flink run` alone did."""
    starts = (entry for entry in history if entry.action in job_history.STARTS)
    return next((entry for entry in starts if entry.flink_job_id == job.id), None)


def last_stop(settings: Settings, history: Sequence[Entry]) -> tuple[Entry, State] | None:
    """The end from whose state a job could go on: the last thing done to it, young enough, of this topic."""
    entry = job_history.standing(history)
    if entry is None or entry.action == "run":
        return None
    state = states.newest(settings, entry, history)
    if state is None or states.refusal(settings, state, entry):
        return None
    return entry, state


def tables_of(settings: Settings, versions: Mapping[str, Version | None]) -> dict[str, set[str]]:
    """The tables that each job writes: by its files, and by what it ran last. Raises DatabaseError."""
    latest = job_history.latest(settings)
    found: dict[str, set[str]] = {}
    for name, version in versions.items():
        if version is None and name in suite_names():
            version = read_version(SQL, name)
        found[name] = {table for entry in latest.get(name, []) for table in entry.version.tables}
        found[name] |= set(version.tables if version else [])
    return found


def suite_names() -> list[str]:
    """Every name that lies in sql/ and can be submitted."""
    from jobs.sql_suite import job_names
    from jobs.statement_sets import set_names

    return [*job_names(SQL), *set_names(SQL)]


def _version_of(job: cluster.Job, history: Sequence[Entry]) -> Version:
    entry = running_entry(job, history)
    return entry.version if entry else read_version(SQL, job.name)


def _refuse_wanted(settings: Settings, names: Sequence[str], *, themselves: bool = False) -> None:
    """Raise FootfallError where another job, or one of names itself, waits to be resumed and writes the same tables."""
    parts, known = {part for name in names for part in jobs_of(SQL, name)}, cluster.known(settings)
    for name, history in job_history.latest(settings).items():
        entry = job_history.standing(history)
        if entry is None or not entry.is_wanted or intents.was_ended(known, entry):
            continue
        if (themselves or name not in names) and parts & {name, *jobs_of(SQL, name)}:
            raise FootfallError(f"{name} writes the same tables and was not stopped: `footfall stop {name}` first")


def _origin(settings: Settings, version: Version, history: Sequence[Entry], replay: bool) -> tuple[State | None, str]:
    """(state, in words) from which a job is to start."""
    entry = job_history.standing(history)
    if replay or entry is None or entry.action == "run" or entry.topic not in (None, settings.topic):
        return None, START_OF_TOPIC
    state = states.newest(settings, entry, history)
    if state is None:
        return None, START_OF_TOPIC
    if refusal := states.refusal(settings, state, entry):
        return None, f"{START_OF_TOPIC}: {refusal}"
    if entry.version.id != version.id:
        return None, f"{START_OF_TOPIC}: its SQL has changed since it was stopped"
    return state, f"from {state.what}"
