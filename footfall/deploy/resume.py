"""What was submitted and not stopped runs: it goes on after whatever ended it, and is put to sleep by `down`."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from footfall import topic
from footfall.deploy import checkpoints, cluster, intents, locks, metrics, states
from footfall.deploy import history as job_history
from footfall.deploy import starts as job_starts
from footfall.deploy.history import STARTS, Entry
from footfall.deploy.locks import Hold, InOtherHands
from footfall.deploy.starts import Start
from footfall.errors import FootfallError
from footfall.settings import Settings

TRIES, TRIES_WITHIN = 5, timedelta(minutes=10)
SUSPEND_SECONDS = 60  # for all savepoints together; a job that needs longer goes on from its newest checkpoint
BEGIN_SECONDS = 5  # for a job that was just submitted to be on its way
DEAD_AFTER = timedelta(hours=1)  # since a folder of checkpoints was written to: no job that is being started has that
Say = Callable[[str], None]


class Refused(FootfallError):
    """Why a job is not resumed."""


def wanted(settings: Settings) -> list[Entry]:
    """Of each job that was submitted and not stopped, its newest start, or its suspension. Raises DatabaseError."""
    found = (job_history.standing(history) for history in job_history.latest(settings).values())
    return [entry for entry in found if entry and entry.is_wanted]


def resume(settings: Settings, say: Say = lambda what: None) -> list[str]:
    """Start each wanted job that does not run, from its newest state; finish what a killed verb began.

    Each with the SQL and parallelism that it ran with. Returns a line for each of what was resumed, from where, or
    could not be and why; what another verb has in its hands is left alone. Raises FootfallError where Flink or Postgres
    does not answer.
    """
    known = cluster.known(settings)
    lines: list[str] = []
    latest = job_history.latest(settings)
    todo = [job for job, history in latest.items() if _needs_something(history, known)]
    if not todo:
        return lines
    with locks.hold(settings, locks.RESUMES, {}) as hold:
        starts: list[Start] = []
        for job in todo:
            read = latest[job][0].topic
            if read not in (None, settings.topic):
                lines.append(f"{job}: not resumed: it reads {read}, and RAW_EVENTS_TOPIC is {settings.topic}")
                continue
            try:
                hold.add(job, [table for entry in latest[job] for table in entry.version.tables])
                if start := _start_of(hold, job):
                    starts.append(start)
            except InOtherHands:
                continue
            except FootfallError as error:
                lines.append(f"{job}: not resumed: {error}")
        if starts:
            say(f"resuming {', '.join(start.version.job for start in starts)}")
            lines += _begin(hold, starts)
    return lines


def suspend(settings: Settings, say: Say = lambda what: None) -> list[str]:
    """Stop each running job with a savepoint from which resume() goes on; returns a line for each.

    A job that takes none within a minute is cancelled: its checkpoints stay. Raises FootfallError where Flink or
    Postgres does not answer.
    """
    lines: list[str] = []
    latest = job_history.latest(settings)
    with locks.hold(settings, "suspends", {}) as hold:
        stopping: dict[cluster.Job, Entry] = {}
        for job in cluster.jobs(settings):
            history = latest.get(job.name, [])
            try:
                hold.add(job.name, [table for entry in history for table in entry.version.tables])
                entry = job_history.standing(intents.settle(hold, job.name))
            except FootfallError as error:
                lines.append(f"{job.name}: not suspended: {error}")
                continue
            if entry and entry.action in STARTS and entry.flink_job_id == job.id:
                stopping[job] = entry
            elif not job.name.endswith(intents.BESIDE):
                lines.append(f"{job.name}: not suspended: it was started by other means, so `up` does not start it")
        say(f"taking savepoints of {', '.join(job.name for job in stopping)}")
        lines += _stop_all(hold, stopping)
    return lines


def remove_dead_checkpoints(settings: Settings) -> list[str]:
    """Remove folders of checkpoints that no job needs: a job manager that is killed leaves those of its jobs for ever.

    Returns a sentence for what was removed. Raises FootfallError where Flink or Postgres does not answer.
    """
    folder = states.local(checkpoints.checkpoint_folder(settings))
    if folder is None or not folder.is_dir():
        return []
    needed = {job.id for job in cluster.jobs(settings)}
    for history in job_history.latest(settings).values():
        for entry in history:
            needed |= {entry.flink_job_id or "", *(entry.savepoint or "").split("/")}
    limit = (datetime.now(UTC) - DEAD_AFTER).timestamp()
    dead = [
        path for path in folder.iterdir()
        if len(path.name) == 32 and path.name not in needed
        and max(one.stat().st_mtime for one in (path, *path.iterdir())) < limit
    ]  # fmt: skip
    for path in dead:
        shutil.rmtree(path, ignore_errors=True)
    return [f"removed the checkpoints of {len(dead)} {'job' if len(dead) == 1 else 'jobs'} that ended"] if dead else []


def _needs_something(history: list[Entry], known: Mapping[str, cluster.Job]) -> bool:
    entry = job_history.standing(history)
    if job_history.intent(history) or intents.written_off(history, known):
        return True
    if entry is None or not entry.is_wanted:
        return False
    job = known.get(entry.flink_job_id or "") if entry.action in STARTS else None
    return job is None or job.state not in cluster.ACTIVE or job.state == "RESTARTING"


def _start_of(hold: Hold, job: str) -> Start | None:
    """How a job is to be started whose locks are held; None where nothing is to be done. Raises Refused."""
    settings = hold.settings
    history = intents.settle(hold, job)
    entry = job_history.standing(history)
    if entry is None or not entry.is_wanted or job_history.intent(history):
        return None
    running = cluster.known(settings).get(entry.flink_job_id or "") if entry.action in STARTS else None
    if running and running.state in cluster.ACTIVE:
        _end_if_too_old(hold, running, entry, history)
        return None
    cluster.refuse_running(settings, [job])
    tries = [*job_history.failed_starts(history), *(one for one in history if one.action == "resume")]
    if sum(one.age < TRIES_WITHIN for one in tries) >= TRIES:
        raise Refused(f"it has ended {TRIES} times within {states.spoken(TRIES_WITHIN)}; {_last_word(settings, entry)}")
    state = states.newest(settings, entry, history)
    if state:
        if refusal := states.refusal(settings, state, entry):
            raise Refused(f"{refusal}: {_replay_it(job)}")
        return Start(
            entry.version, entry.parallelism or 1, state.path, f"from {state.what}",
            entry.offsets if state.path == entry.savepoint else None,
        )  # fmt: skip
    if entry.savepoint or entry.topic not in (None, settings.topic) or not entry.offsets:
        raise Refused(f"its state is gone: {_replay_it(job)}")
    if dict(entry.offsets) != topic.beginnings(settings):
        raise Refused(f"it had no checkpoint yet, and the topic has lost its beginning since: {_replay_it(job)}")
    note = "from the start of the topic again: it had no checkpoint yet"
    return Start(entry.version, entry.parallelism or 1, None, note, entry.offsets)


def _replay_it(job: str) -> str:
    return f"`footfall submit --replay {job}` rebuilds its rows"


def _last_word(settings: Settings, entry: Entry) -> str:
    """Why a job ended last, as far as the job manager knows."""
    try:
        cluster.refuse_failed(settings, entry.flink_job_id or "")
    except FootfallError as error:
        return f"last: {error}"
    return "see Flink's log"


def _end_if_too_old(hold: Hold, job: cluster.Job, entry: Entry, history: list[Entry]) -> None:
    """Cancel a job that Flink would restart from a state that is too old. Raises Refused, which says so."""
    if job.state != "RESTARTING":
        return
    state = states.newest(hold.settings, entry, history)
    if state and (refusal := states.refusal(hold.settings, state, entry)):
        cluster.cancel(hold.settings, job.id)
        hold.record("suspend", entry.version, flink_job_id=job.id, parallelism=entry.parallelism, savepoint=state.path,
                  note=f"restarting for too long: {refusal}")  # fmt: skip
        raise Refused(f"it could not restart for too long: {refusal}: {_replay_it(job.name)}")


def _begin(hold: Hold, starts: list[Start]) -> list[str]:
    """Start them together, or where that fails one by one: one that can't be is no reason to leave out the others."""
    try:
        job_starts.begin(hold, starts, "resume")
    except FootfallError as error:
        if len(starts) == 1:
            return [f"{starts[0].version.job}: not resumed: {error}"]
        lines = []
        for start in starts:
            job = start.version.job
            entry = job_history.standing(job_history.entries(hold.settings, job))
            if entry and entry.flink_job_id == start.id:
                lines.append(_resumed(start))
            else:
                again = Start(start.version, start.parallelism, start.savepoint, start.note, start.offsets)
                lines += _begin(hold, [again])
        return lines
    return [_resumed(start) for start in starts]


def _resumed(start: Start) -> str:
    return f"{start.version.job}: resumed {start.note}" + (f" ({start.savepoint})" if start.savepoint else "")


def _stop_all(hold: Hold, stopping: Mapping[cluster.Job, Entry]) -> list[str]:
    """Stop them all at once; what the slowest needs is what it takes."""
    settings, deadline = hold.settings, time.monotonic() + SUSPEND_SECONDS
    triggers: dict[cluster.Job, str | FootfallError] = {}
    read: dict[cluster.Job, Mapping[str, int]] = {}
    for job, entry in stopping.items():
        places = {str(partition): place for partition, place in metrics.offsets(settings, job.id).items()}
        read[job] = {**(entry.offsets or {}), **places}
        hold.record("suspending", entry.version, flink_job_id=job.id, parallelism=entry.parallelism, offsets=read[job])
        try:
            triggers[job] = cluster.trigger_stop(settings, job.id, BEGIN_SECONDS)
        except FootfallError as error:
            triggers[job] = error
    return [_suspended(hold, job, stopping[job], triggers[job], read[job], deadline) for job in stopping]


def _suspended(
    hold: Hold, job: cluster.Job, entry: Entry, trigger: str | FootfallError, read: Mapping[str, int], deadline: float
) -> str:
    """Wait for the savepoint of a job, or cancel it; written down, and said in a line."""
    settings, columns = hold.settings, {"flink_job_id": job.id, "parallelism": entry.parallelism}
    try:
        if isinstance(trigger, FootfallError):
            raise trigger
        savepoint = cluster.stopped(settings, job, trigger, max(1.0, deadline - time.monotonic()))
    except FootfallError as error:
        cluster.cancel(settings, job.id)
        state = states.newest(settings, entry)
        note = f"without a savepoint: {error}"
        begun = None if state else intents.beginning(entry)
        hold.record("suspend", entry.version, savepoint=state and state.path, note=note, offsets=begun, **columns)
        return f"{job.name}: cancelled, it goes on from {state.what if state else 'where it began'}: {error}"
    hold.record("suspend", entry.version, savepoint=savepoint, offsets=read, **columns)
    return f"{job.name}: suspended, its savepoint is {savepoint}"
