"""What became of a verb that was cut short: its last intent, held against what the cluster knows, becomes a fact.

Whoever holds a job's locks does this before anything else, so every verb finds the job as it is. Nothing is started
here: a job that is to run and doesn't is started by footfall/deploy/resume.py, or by the verb itself.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import timedelta

from footfall.deploy import cluster, savepoints, shadow_tables, states
from footfall.deploy import history as job_history
from footfall.deploy.history import Entry
from footfall.deploy.locks import Hold

BESIDE = " (replay)"  # behind the name of the job that replays beside the old one
ENDS = {"stopping": "stop", "suspending": "suspend", "changing": "suspend"}
# A request whose sender was killed may still be on its way to the job manager.
ON_ITS_WAY = timedelta(seconds=5)
VERBS = {
    "submitting": "a start", "trying": "an upgrade", "running": "a run", "replaying": "a replay", "stopping": "a stop",
    "suspending": "a `down`", "changing": "an upgrade",
}  # fmt: skip


def settle(hold: Hold, job: str) -> list[Entry]:
    """Finish or take back what was begun with a job; returns its history then, the newest first.

    What a replay left, its job and its schema, is removed. Raises FootfallError where Flink or Postgres is away.
    """
    settings = hold.settings
    history = job_history.entries(settings, job)
    intent = job_history.intent(history)
    for other in cluster.known(settings).values():
        if other.name == job + BESIDE and other.state in cluster.ACTIVE:
            cluster.cancel(settings, other.id)
    for id_ in written_off(history, cluster.known(settings)):
        cluster.cancel(settings, id_)
    known = cluster.known(settings)
    shadow_tables.remove(settings, job)
    if intent is None:
        return _settle_ended(hold, history, known)
    if intent.age < ON_ITS_WAY and intent.flink_job_id not in known:
        time.sleep(ON_ITS_WAY.total_seconds())
        known = cluster.known(settings)
    runs = intent.flink_job_id in known and known[intent.flink_job_id].state in cluster.ACTIVE
    if intent.action in ENDS:
        _settle_end(hold, intent, job_history.standing(history), runs)
    else:
        _settle_start(hold, intent, job_history.standing(history), runs)
    return job_history.entries(settings, job)


def written_off(history: Sequence[Entry], known: Mapping[str, cluster.Job]) -> list[str]:
    """Ids of jobs that run though their start failed, as history says: a busy job manager came to it later than that.

    What stands is started again, or was already: such a job would run beside it.
    """
    failed = {entry.flink_job_id for entry in job_history.failed_starts(history)}
    return [id_ for id_ in known if id_ in failed and known[id_].state in cluster.ACTIVE]


def beginning(standing: Entry | None) -> Mapping[str, int] | None:
    """Where a job that has no state yet began to read the topic."""
    return standing.offsets if standing and standing.savepoint is None else None


def was_ended(known: Mapping[str, cluster.Job], entry: Entry) -> bool:
    """Whether a job that was started has been ended by other means, such as `flink cancel` or Flink's page."""
    job = known.get(entry.flink_job_id or "") if entry.action in job_history.STARTS else None
    return job is not None and job.state in ("CANCELED", "FINISHED")


def _settle_ended(hold: Hold, history: list[Entry], known: Mapping[str, cluster.Job]) -> list[Entry]:
    """Who ends a job by other means has stopped it: its newest checkpoint stays."""
    entry = job_history.standing(history)
    if entry is None or not was_ended(known, entry):
        return history
    state = states.newest(hold.settings, entry, history)
    hold.record(
        "stop", entry.version, flink_job_id=entry.flink_job_id, parallelism=entry.parallelism,
        savepoint=state.path if state else None, note="it was ended by other means than footfall",
    )  # fmt: skip
    return job_history.entries(hold.settings, entry.job)


def _settle_end(hold: Hold, intent: Entry, standing: Entry | None, runs: bool) -> None:
    assert intent.flink_job_id
    if runs:
        if not savepoints.is_being_taken(hold.settings, intent.flink_job_id):
            _failed(hold, intent, "the job runs on")
        return  # else it is about to end; the next who looks sees it
    state = states.savepoint_of_stopped(hold.settings, intent)
    hold.record(
        ENDS[intent.action], intent.version, flink_job_id=intent.flink_job_id, parallelism=intent.parallelism,
        savepoint=state.path if state else None, offsets=intent.offsets if state else beginning(standing),
        note=f"begun by {VERBS[intent.action]} that was cut short",
    )  # fmt: skip


def _settle_start(hold: Hold, intent: Entry, standing: Entry | None, runs: bool) -> None:
    """A submitted job that runs is there, or was and left a checkpoint; one that was on trial or bounded goes."""
    settings, id_ = hold.settings, intent.flink_job_id or ""
    is_proven = intent.action == "submitting" or (
        intent.action == "trying" and standing is not None and standing.version.id == intent.version.id
    )
    if is_proven and (runs or _has_checkpoints(hold, id_)):
        hold.record(
            "submit" if standing is None or not standing.is_wanted else "resume", intent.version, flink_job_id=id_,
            parallelism=intent.parallelism, savepoint=intent.savepoint, offsets=intent.offsets,
            note=f"{intent.note} (begun by {VERBS[intent.action]} that was cut short)",
        )  # fmt: skip
        return
    if runs:
        cluster.cancel(settings, id_)
    _failed(hold, intent, "nothing of it was left")


def _has_checkpoints(hold: Hold, id_: str) -> bool:
    return bool(states.checkpoints_of(hold.settings, id_))


def _failed(hold: Hold, intent: Entry, outcome: str) -> None:
    note = f"{VERBS[intent.action]} was cut short: {outcome}"
    hold.record("failed", intent.version, flink_job_id=intent.flink_job_id, note=note)
