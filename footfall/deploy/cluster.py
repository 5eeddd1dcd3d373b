"""The jobs of any Flink cluster: which run, how they are, how they end."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from footfall.deploy import rest
from footfall.errors import FootfallError
from footfall.project.catalog import SQL
from footfall.settings import Settings
from jobs.statement_sets import jobs_of

ACTIVE = frozenset({"INITIALIZING", "CREATED", "RUNNING", "RESTARTING", "FAILING", "CANCELLING", "RECONCILING"})
ON_THE_WAY = frozenset({"CREATED", "SCHEDULED", "DEPLOYING", "INITIALIZING"})  # states of a task before it runs
NO_SLOTS = "Could not acquire the minimum required resources"  # Flink's words
STOP_SECONDS, END_SECONDS = 300, 60  # how long a savepoint and an end may take


@dataclass(frozen=True)
class Job:
    """A job as the cluster knows it."""

    id: str
    name: str
    state: str


def jobs(settings: Settings) -> list[Job]:
    """What runs, or is about to."""
    return [job for job in known(settings).values() if job.state in ACTIVE]


def known(settings: Settings) -> dict[str, Job]:
    """All that the job manager knows of, by id: also what ended since it was started."""
    found = rest.call(settings, "/jobs/overview")["jobs"]
    return {j["jid"]: Job(j["jid"], j["name"], j["state"]) for j in found}


def states(settings: Settings) -> dict[str, str]:
    """Name and state of every job on the cluster, also of those whose file is gone."""
    return {job.name: job.state.lower() for job in jobs(settings)}


def running(settings: Settings, name: str) -> Job:
    """The job of that name. Raises FootfallError where none runs."""
    active = jobs(settings)
    for job in active:
        if job.name == name:
            return job
    for job in active:
        if name in jobs_of(SQL, job.name):
            raise FootfallError(f"{name} runs as a part of {job.name}: name that")
    raise FootfallError(f"{name} does not run; `footfall list` shows what does")


def stop(settings: Settings, job: Job, seconds: float = STOP_SECONDS) -> str:
    """Stop a job with a savepoint, wait for its end and return where the savepoint is. Raises FootfallError."""
    return stopped(settings, job, trigger_stop(settings, job.id), seconds)


def trigger_stop(settings: Settings, id_: str, seconds: float = 60) -> str:
    """Let a job take a savepoint and end; returns what stopped() waits for. Raises FootfallError.

    seconds: how long to wait for a job that was just submitted and has nothing to save yet.
    """
    _begun(settings, id_, seconds)
    return str(rest.call(settings, f"/jobs/{id_}/stop", {"drain": False})["request-id"])


def stopped(settings: Settings, job: Job, trigger: str, seconds: float) -> str:
    """Wait for the end of a job whose stop was triggered; returns its savepoint. Raises FootfallError."""
    begun = time.monotonic()
    what = f"{job.name} has taken no savepoint"
    hint = f"`footfall stop --force {job.name}` ends it from its newest checkpoint"
    operation = wait_for(settings, f"/jobs/{job.id}/savepoints/{trigger}", what, seconds, hint)
    if "location" not in operation:
        raise FootfallError(f"{job.name} could not be stopped with a savepoint, it goes on: {cause(operation)}")
    _gone(settings, job.id, max(END_SECONDS, seconds - (time.monotonic() - begun)))
    return str(operation["location"])


def _begun(settings: Settings, id_: str, seconds: float) -> None:
    """Wait while a job that was just submitted is on its way to its slots: until then it has nothing to save."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not is_on_the_way(rest.call(settings, f"/jobs/{id_}")):
            return
        time.sleep(0.2)


def is_on_the_way(detail: dict[str, Any]) -> bool:
    """Whether a job, of which this is what Flink knows, does not run yet. While it is read, it has no task at all."""
    tasks = [vertex["status"] for vertex in detail["vertices"]]
    return detail["state"] in ("INITIALIZING", "CREATED") or any(status in ON_THE_WAY for status in tasks)


def cancel(settings: Settings, id_: str) -> None:
    """Cancel a job without a savepoint and wait for its end; its checkpoints stay. Raises FootfallError."""
    if any(job.id == id_ for job in jobs(settings)):
        rest.call(settings, f"/jobs/{id_}", method="PATCH")
        _gone(settings, id_)


def refuse_failed(settings: Settings, id_: str) -> dict[str, Any]:
    """What Flink knows of a job. Raises FootfallError with the reason where it has failed since its start."""
    detail: dict[str, Any] = rest.call(settings, f"/jobs/{id_}")
    failures = rest.call(settings, f"/jobs/{id_}/exceptions")["exceptionHistory"]["entries"]
    if failures or detail["state"] in ("FAILED", "FAILING", "CANCELED"):
        # The oldest says why; those after it may be of what it brought down.
        cause = root_cause(failures[-1]["stacktrace"]) if failures else "it failed without a word"
        raise FootfallError(_ended_task_manager(settings) if "TaskExecutor is shutting down" in cause else cause)
    return detail


def _ended_task_manager(settings: Settings) -> str:
    """Why a task manager ended, which only its log says: a sink that a row was refused in throws as it closes."""
    log = settings.logs / "taskmanager.log"
    lines = log.read_text(errors="replace")[-1_000_000:].splitlines() if log.exists() else []
    causes = [line.removeprefix("Caused by: ") for line in lines if line.startswith("Caused by: ")]
    return f"its task manager ended: {causes[-1] if causes else 'see its log'}"


def option(settings: Settings, key: str) -> str:
    """An option of the cluster's own configuration; '' where it is not set."""
    options = {found["key"]: found["value"] for found in rest.call(settings, "/jobmanager/config")}
    return str(options.get(key, ""))


def parallelism(settings: Settings, job: Job) -> int:
    """The widest of a job's operators. Raises FootfallError for a job that does not begin."""
    _begun(settings, job.id, END_SECONDS)
    found = [int(vertex["parallelism"]) for vertex in rest.call(settings, f"/jobs/{job.id}")["vertices"]]
    if not found:
        raise FootfallError(f"{job.name} has not begun within {END_SECONDS} s: try again")
    return max(found)


def refuse_running(settings: Settings, names: Sequence[str]) -> None:
    """Raise FootfallError where one of these runs: two that write one table would undo each other's rows."""
    wanted = {job for name in names for job in jobs_of(SQL, name)}
    for running in jobs(settings):
        twice = [job for job in jobs_of(SQL, running.name) if job in wanted]
        if running.name in names or twice:
            what = running.name if running.name in [*names, *twice] else f"{', '.join(twice)} of {running.name}"
            raise FootfallError(f"{what} runs already: `footfall stop {running.name}` first")


def wait_for(settings: Settings, path: str, what: str, seconds: float, hint: str = "") -> dict[str, Any]:
    """The outcome of something that the cluster does on its own; what says what is not done when time is up."""
    deadline = time.monotonic() + seconds
    while True:
        answer = rest.call(settings, path)
        if answer["status"]["id"] == "COMPLETED":
            operation: dict[str, Any] = answer.get("operation") or {}
            return operation
        if time.monotonic() > deadline:
            raise FootfallError(f"{what} within {seconds:.0f} s" + (f": {hint}" if hint else ""))
        time.sleep(0.2)


def _gone(settings: Settings, id_: str, seconds: float = END_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while any(job.id == id_ for job in jobs(settings)):
        if time.monotonic() > deadline:
            raise FootfallError(
                f"Flink has not ended the job {id_} within {seconds:.0f} s: does its task manager answer?"
            )
        time.sleep(0.1)


def cause(operation: dict[str, Any]) -> str:
    return root_cause(operation.get("failure-cause", {}).get("stack-trace", "no reason given"))


def root_cause(stack: str) -> str:
    """The last cause of a Java stack, without the name of its class."""
    lines = stack.splitlines()
    causes = [line.removeprefix("Caused by: ") for line in lines if line.startswith("Caused by: ")] or lines[:1]
    return causes[-1].partition(": ")[2].strip() or causes[-1]
