"""Checkpoints of the jobs of a cluster: waited for, and found."""

from __future__ import annotations

import time

from footfall.deploy import cluster, rest
from footfall.errors import FootfallError
from footfall.settings import Settings

CHECKPOINT_SECONDS = 300  # how long the first may take


def await_checkpoint(settings: Settings, id_: str, seconds: float = 120) -> None:
    """Wait until a job that was just started runs and has completed a checkpoint.

    Raises FootfallError with the reason where it fails, restarts or takes too long.
    """
    deadline = time.monotonic() + seconds
    while True:
        tasks = {vertex["status"] for vertex in cluster.refuse_failed(settings, id_)["vertices"]}
        if tasks and tasks <= {"RUNNING", "FINISHED"}:  # while Flink reads a job, it knows no task of it
            break
        if time.monotonic() > deadline:
            raise FootfallError(f"it did not run within {seconds:.0f} s: are there free slots on the cluster?")
        time.sleep(0.2)
    trigger = rest.call(settings, f"/jobs/{id_}/checkpoints", {})["request-id"]
    what = "its first checkpoint is not complete"
    operation = cluster.wait_for(settings, f"/jobs/{id_}/checkpoints/{trigger}", what, CHECKPOINT_SECONDS)
    cluster.refuse_failed(settings, id_)  # says why, where it is the job that failed
    if operation.get("checkpointId") is None:
        raise FootfallError(f"its checkpoint failed: {cluster.cause(operation)}")


def latest_checkpoint(settings: Settings, job: cluster.Job) -> str | None:
    """Where the last completed checkpoint or savepoint of a running job is."""
    found = newest_checkpoint(settings, job.id)
    return found[0] if found else None


def newest_checkpoint(settings: Settings, id_: str, *, savepoint: bool = False) -> tuple[str, float] | None:
    """Place and Unix time in s of the newest complete checkpoint of a job that the job manager knows; or savepoint."""
    try:
        latest = rest.call(settings, f"/jobs/{id_}/checkpoints")["latest"]
    except FootfallError:
        return None  # not known, or not yet begun
    kinds = ("savepoint",) if savepoint else ("completed", "savepoint")
    done = [latest[kind] for kind in kinds if latest.get(kind) and latest[kind].get("external_path")]
    newest = max(done, key=lambda checkpoint: checkpoint["trigger_timestamp"], default=None)
    return (str(newest["external_path"]), newest["trigger_timestamp"] / 1000) if newest else None


def checkpoint_folder(settings: Settings) -> str:
    """Where the cluster keeps checkpoints, and below it each job's by its id; '' where it keeps none."""
    if not settings.is_yours("FLINK_REST_ADDRESS"):
        return (settings.home / "data" / "flink" / "checkpoints").as_uri()
    return cluster.option(settings, "execution.checkpointing.dir")
