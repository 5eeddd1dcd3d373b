"""Jobs on a Flink cluster: start, stop, run, watch. Starting one is a stock Flink command, which a user may run too."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from footfall.errors import FootfallError
from footfall.settings import ROOT, Settings
from footfall.stack import flink
from footfall.suite import SQL
from jobs.statement_sets import jobs_of

ACTIVE = frozenset({"INITIALIZING", "CREATED", "RUNNING", "RESTARTING", "FAILING", "CANCELLING", "RECONCILING"})
ON_THE_WAY = frozenset({"CREATED", "SCHEDULED", "DEPLOYING", "INITIALIZING"})  # states of a task before it runs
NO_SLOTS = "Could not acquire the minimum required resources"  # Flink's words


@dataclass(frozen=True)
class Job:
    """A job as the cluster knows it."""

    id: str
    name: str
    state: str


def jobs(settings: Settings) -> list[Job]:
    """What runs, or is about to."""
    found = flink.rest(settings, "/jobs/overview")["jobs"]
    return [Job(j["jid"], j["name"], j["state"]) for j in found if j["state"] in ACTIVE]


def command(
    settings: Settings,
    names: Sequence[str],
    *options: str,
    bounded: bool = False,
    set_: Iterable[str] = (),
    sql: Path | None = None,
    plans: Path | None = None,
) -> list[str]:
    """The `flink run` that submits these jobs. It holds no secret: those are in the named files or the environment.

    options are flink's; sql is a folder in the place of sql/; plans is one for the compiled plans.
    """
    runner: list[str] = []
    for path in settings.env_files:
        runner += ["--env-file", _short(path)]
    for item in set_:
        runner += ["--set", item]
    for name, folder in (("--sql", sql), ("--plans", plans)):
        runner += [name, str(folder)] if folder else []
    if bounded:
        runner.append("--bounded")
    return [
        _short(settings.flink_home / "bin" / "flink"), "run", *([] if bounded else ["-d"]),
        "-m", settings.flink_rest, *options, "-py", "jobs/run_sql.py", "--", *runner, *names,
    ]  # fmt: skip


def start(settings: Settings, arguments: Sequence[str]) -> dict[str, str]:
    """Run a command() that does not wait for its jobs; returns the id of each. Raises FootfallError."""
    done = subprocess.run(arguments, cwd=ROOT, env=flink.client_environment(settings), capture_output=True, text=True)
    if done.returncode:
        raise FootfallError(_reason((done.stdout + done.stderr).splitlines()))
    return dict(re.findall(r"^(\w+) submitted as (\w+)", done.stdout, re.MULTILINE))


def run(
    settings: Settings,
    names: Sequence[str],
    *,
    parallelism: int = 1,
    set_: Sequence[str] = (),
    progress: Callable[[str], None] = lambda line: None,
) -> None:
    """Work through what the topics hold now, close all windows, and end. Interrupted, the jobs are cancelled.

    Raises FootfallError where a job runs already or fails.
    """
    refuse_running(settings, names)
    ids: dict[str, str] = {}
    child = subprocess.Popen(
        command(settings, names, "-p", str(parallelism), bounded=True, set_=set_),
        cwd=ROOT, env=flink.client_environment(settings), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    )  # fmt: skip
    output: list[str] = []
    assert child.stdout is not None
    os.set_blocking(child.stdout.fileno(), False)
    try:
        while True:
            ended = child.poll() is not None
            for line in child.stdout.readlines():
                output.append(line.rstrip())
                if found := re.match(r"(\w+) submitted as (\w+)", line):
                    ids[found[1]] = found[2]
            if ended:
                break
            if ids:
                progress(" · ".join(_position(settings, name, job) for name, job in ids.items()))
            time.sleep(0.5)
    except BaseException:
        for job in ids.values():
            flink.rest(settings, f"/jobs/{job}", method="PATCH")
        child.terminate()
        raise
    if child.returncode:
        raise FootfallError(_reason(output))


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


def stop_command(settings: Settings, job: Job) -> list[str]:
    """The `flink stop` that stop() stands for."""
    return [_short(settings.flink_home / "bin" / "flink"), "stop", "-m", settings.flink_rest, job.id]


def stop(settings: Settings, job: Job) -> str:
    """Stop a job with a savepoint, wait for its end and return where the savepoint is. Raises FootfallError."""
    _begun(settings, job.id)
    trigger = flink.rest(settings, f"/jobs/{job.id}/stop", {"drain": False})["request-id"]
    operation = _wait_for(settings, f"/jobs/{job.id}/savepoints/{trigger}")
    if "location" not in operation:
        raise FootfallError(f"{job.name} could not be stopped with a savepoint, it goes on: {_cause(operation)}")
    _gone(settings, job.id)
    return str(operation["location"])


def _begun(settings: Settings, id_: str, seconds: float = 60) -> None:
    """Wait while a job that was just submitted is on its way to its slots: until then it has nothing to save."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        detail = flink.rest(settings, f"/jobs/{id_}")
        if not any(vertex["status"] in ON_THE_WAY for vertex in detail["vertices"]):
            return
        time.sleep(0.2)


def cancel(settings: Settings, id_: str) -> None:
    """Cancel a job without a savepoint and wait for its end."""
    if any(job.id == id_ for job in jobs(settings)):
        flink.rest(settings, f"/jobs/{id_}", method="PATCH")
        _gone(settings, id_)


def await_checkpoint(settings: Settings, id_: str, seconds: float = 120) -> None:
    """Wait until a job that was just started runs and has completed a checkpoint.

    Raises FootfallError with the reason where it fails, restarts or takes too long.
    """
    deadline = time.monotonic() + seconds
    while True:
        detail = refuse_failed(settings, id_)
        if all(vertex["status"] in ("RUNNING", "FINISHED") for vertex in detail["vertices"]):
            break
        if time.monotonic() > deadline:
            raise FootfallError(f"it did not run within {seconds:.0f} s: are there free slots on the cluster?")
        flink.revive(settings)
        time.sleep(0.2)
    trigger = flink.rest(settings, f"/jobs/{id_}/checkpoints", {})["request-id"]
    operation = _wait_for(settings, f"/jobs/{id_}/checkpoints/{trigger}")
    if "failure-cause" in operation:
        refuse_failed(settings, id_)  # says why, where it is the job that failed
        raise FootfallError(f"its checkpoint failed: {_cause(operation)}")


def refuse_failed(settings: Settings, id_: str) -> dict[str, Any]:
    """What Flink knows of a job. Raises FootfallError with the reason where it has failed since its start."""
    detail: dict[str, Any] = flink.rest(settings, f"/jobs/{id_}")
    failures = flink.rest(settings, f"/jobs/{id_}/exceptions")["exceptionHistory"]["entries"]
    if failures or detail["state"] in ("FAILED", "FAILING", "CANCELED"):
        # The oldest says why; those after it may be of what it brought down.
        cause = root_cause(failures[-1]["stacktrace"]) if failures else "it failed without a word"
        raise FootfallError(_ended_task_manager(settings) if "TaskExecutor is shutting down" in cause else cause)
    return detail


def _ended_task_manager(settings: Settings) -> str:
    """Why a task manager ended, which it tells only its log: a sink that a row was refused in throws as it closes."""
    log = settings.logs / "taskmanager.log"
    lines = log.read_text(errors="replace")[-1_000_000:].splitlines() if log.exists() else []
    causes = [line.removeprefix("Caused by: ") for line in lines if line.startswith("Caused by: ")]
    return f"its task manager ended: {causes[-1] if causes else 'see its log'}"


def latest_checkpoint(settings: Settings, job: Job) -> str | None:
    """Where the last completed checkpoint or savepoint of a running job is."""
    latest = flink.rest(settings, f"/jobs/{job.id}/checkpoints")["latest"]
    done = [latest[kind] for kind in ("completed", "savepoint") if latest.get(kind)]
    newest = max(done, key=lambda checkpoint: checkpoint["trigger_timestamp"], default=None)
    return str(newest["external_path"]) if newest else None


def offsets(settings: Settings, id_: str) -> dict[int, int]:
    """The offset that a job reads next in each partition of its topic that it has read anything of."""
    return {partition: place for partition, place in places(settings, id_).items() if place}


def places(settings: Settings, id_: str) -> dict[int, int]:
    """The offset that a job reads next in each partition that it was given; 0 where it has read nothing of it yet.

    A statement set may read the topic through several sources: the slowest counts.
    """
    sources: list[dict[int, int]] = []
    for vertex in flink.rest(settings, f"/jobs/{id_}")["vertices"]:
        path = f"/jobs/{id_}/vertices/{vertex['id']}/subtasks/metrics"
        names = [metric["id"] for metric in flink.rest(settings, path) if metric["id"].endswith(".currentOffset")]
        found: dict[int, int] = {}
        for name in names:
            partition = int(name.split(".")[-2])
            for metric in flink.rest(settings, f"{path}?get={quote(name)}&agg=max"):
                found[partition] = max(found.get(partition, 0), int(metric["max"]) + 1)  # of the last one; -1 of none
        if vertex["name"].startswith("Source: "):
            sources.append(found)
    given = set.intersection(*(set(found) for found in sources)) if sources else set()
    return {partition: min(found[partition] for found in sources) for partition in given}


def parallelism(settings: Settings, job: Job) -> int:
    """The widest of a job's operators."""
    return max(int(vertex["parallelism"]) for vertex in flink.rest(settings, f"/jobs/{job.id}")["vertices"])


def dispose_savepoint(settings: Settings, savepoint: str) -> str:
    """Let the cluster remove a savepoint; returns what it has against it, '' where it is gone."""
    trigger = flink.rest(settings, "/savepoint-disposal", {"savepoint-path": savepoint})["request-id"]
    operation = _wait_for(settings, f"/savepoint-disposal/{trigger}")
    return _cause(operation) if "failure-cause" in operation else ""


def refuse_running(settings: Settings, names: Sequence[str]) -> None:
    """Raise FootfallError where one of these runs: two that write one table would undo each other's rows."""
    wanted = {job for name in names for job in jobs_of(SQL, name)}
    for running in jobs(settings):
        twice = [job for job in jobs_of(SQL, running.name) if job in wanted]
        if running.name in names or twice:
            what = running.name if running.name in [*names, *twice] else f"{', '.join(twice)} of {running.name}"
            raise FootfallError(f"{what} runs already: `footfall stop {running.name}` first")


def dropped_rows(settings: Settings, job: Job) -> int:
    """Rows that windows of the job dropped as late. The on-time rule keeps it 0, unless the log is out of order."""
    dropped = 0
    for vertex in flink.rest(settings, f"/jobs/{job.id}")["vertices"]:
        path = f"/jobs/{job.id}/vertices/{vertex['id']}/subtasks/metrics"
        found = [m["id"] for m in flink.rest(settings, path) if m["id"].endswith("numLateRecordsDropped")]
        for metric in found:
            values = flink.rest(settings, f"{path}?get={metric}&agg=sum")
            dropped += sum(int(value["sum"]) for value in values)
    return dropped


def _wait_for(settings: Settings, path: str) -> dict[str, Any]:
    """The outcome of something that the cluster does on its own."""
    while True:
        answer = flink.rest(settings, path)
        if answer["status"]["id"] == "COMPLETED":
            operation: dict[str, Any] = answer.get("operation") or {}
            return operation
        time.sleep(0.2)


def _gone(settings: Settings, id_: str) -> None:
    while any(job.id == id_ for job in jobs(settings)):
        time.sleep(0.1)


def _cause(operation: dict[str, Any]) -> str:
    return root_cause(operation.get("failure-cause", {}).get("stack-trace", "no reason given"))


def root_cause(stack: str) -> str:
    """The last cause of a Java stack, without the name of its class."""
    lines = stack.splitlines()
    causes = [line.removeprefix("Caused by: ") for line in lines if line.startswith("Caused by: ")] or lines[:1]
    return causes[-1].partition(": ")[2].strip() or causes[-1]


def _reason(output: Sequence[str]) -> str:
    """The runner's own line of what went wrong, out of all that flink prints."""
    telling = [line for line in output if re.match(r"\S+\.(sql|toml)(:\d+)?: |\w+ failed: ", line)]
    if not telling:
        telling = [line for line in output if "Exception" in line or "rror" in line][:1]
    return "\n".join(telling) or "flink run failed without a word"


def _position(settings: Settings, name: str, job: str) -> str:
    try:
        detail = flink.rest(settings, f"/jobs/{job}")
    except FootfallError:
        return name
    rows = sum(int(vertex["metrics"]["read-records"]) for vertex in detail["vertices"][1:2])
    return f"{name} {detail['state'].lower()} {detail['duration'] // 1000} s" + (
        f", {rows:,} rows read" if rows else ""
    )


def _short(path: Path) -> str:
    """Relative to the checkout where it lies below, as a person would type it."""
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)
