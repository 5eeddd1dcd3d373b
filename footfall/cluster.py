"""Jobs on a Flink cluster: submit, stop, run. Each verb is a stock Flink command, which dry_run gives instead."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from footfall.errors import FootfallError
from footfall.settings import ROOT, Settings
from footfall.stack import flink

# A job that was down for longer has forgotten ids of which copies may still come (table.exec.state.ttl): replay it.
RESTORABLE_SECONDS = 3600
ACTIVE = frozenset({"INITIALIZING", "CREATED", "RUNNING", "RESTARTING", "FAILING", "CANCELLING", "RECONCILING"})


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
    settings: Settings, names: Sequence[str], *options: str, bounded: bool = False, set_: Iterable[str] = ()
) -> list[str]:
    """The `flink run` that submits these jobs. It holds no secret: those are in the named files or the environment."""
    runner: list[str] = []
    for path in settings.env_files:
        runner += ["--env-file", _short(path)]
    for item in set_:
        runner += ["--set", item]
    if bounded:
        runner.append("--bounded")
    return [
        _short(settings.flink_home / "bin" / "flink"), "run", *([] if bounded else ["-d"]),
        "-m", settings.flink_rest, *options, "-py", "jobs/run_sql.py", "--", *runner, *names,
    ]  # fmt: skip


def submit(
    settings: Settings, names: Sequence[str], *, parallelism: int = 1, replay: bool = False, dry_run: bool = False
) -> list[str]:
    """Submit jobs, each from its last savepoint where that still counts, else from the start of the topic.

    Returns a line for each job (with dry_run: the commands). Raises FootfallError where one runs already.
    """
    if not dry_run:
        refuse_running(settings, names)
    fresh, lines = [], []
    options = ["-p", str(parallelism)]
    for name in names:
        savepoint, why = (None, "from the start of the topic") if replay else _savepoint(settings, name)
        if savepoint is None:
            fresh.append(name)
            lines.append(f"{name}: {why}")
            continue
        restored = command(settings, [name], *options, "-s", savepoint)
        if dry_run:
            lines.append(shlex.join(restored))
        else:
            _call(settings, restored)
            lines.append(f"{name}: {why}")
    if fresh:
        start = command(settings, fresh, *options)
        if dry_run:
            return [line for line in lines if line.startswith(_short(settings.flink_home))] + [shlex.join(start)]
        _call(settings, start)
    return lines


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
        cwd=ROOT, env=flink.environment(settings), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
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


def stop(settings: Settings, name: str, *, dry_run: bool = False) -> str:
    """Stop a job with a savepoint, from which the next submit goes on. Returns the savepoint (dry_run: the command)."""
    found = [job for job in jobs(settings) if job.name == name]
    if not found:
        raise FootfallError(f"{name} does not run; `footfall list` shows what does")
    job = found[0]
    if dry_run:
        return shlex.join([_short(settings.flink_home / "bin" / "flink"), "stop", "-m", settings.flink_rest, job.id])
    trigger = flink.rest(settings, f"/jobs/{job.id}/stop", {"drain": False})["request-id"]
    while True:
        answer = flink.rest(settings, f"/jobs/{job.id}/savepoints/{trigger}")
        if answer["status"]["id"] == "COMPLETED":
            break
        time.sleep(0.2)
    operation = answer["operation"]
    if "location" not in operation:
        cause = operation.get("failure-cause", {}).get("stack-trace", "no reason given").splitlines()[0]
        raise FootfallError(f"{name} could not be stopped with a savepoint, it goes on: {cause}")
    location = str(operation["location"])
    record = _record(settings, name)
    record.parent.mkdir(parents=True, exist_ok=True)
    record.write_text(json.dumps({"savepoint": location, "time": time.time(), "sql": sql_hash(name)}))
    while any(other.id == job.id for other in jobs(settings)):
        time.sleep(0.1)
    return location


def refuse_running(settings: Settings, names: Sequence[str]) -> None:
    """Raise FootfallError where one of these runs: two that write one table would undo each other's rows."""
    running = {job.name for job in jobs(settings)}
    twice = [name for name in names if name in running]
    if twice:
        raise FootfallError(f"{', '.join(twice)} runs already: `footfall stop {twice[0]}` first")


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


def sql_hash(name: str) -> str:
    """Of everything that decides what a job does."""
    digest = hashlib.sha256()
    for path in sorted(
        [*(ROOT / "sql").glob("*.sql"), *(ROOT / "sql").glob("[tv]*/*.sql"), ROOT / f"sql/jobs/{name}.sql"]
    ):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _record(settings: Settings, name: str) -> Path:
    return settings.home / "data" / "stopped" / f"{name}.json"


def _savepoint(settings: Settings, name: str) -> tuple[str | None, str]:
    record = _record(settings, name)
    if not record.exists():
        return None, "from the start of the topic"
    stopped: dict[str, Any] = json.loads(record.read_text())
    age = time.time() - stopped["time"]
    if age > RESTORABLE_SECONDS:
        return None, "from the start of the topic: it was down for more than an hour"
    if stopped["sql"] != sql_hash(name):
        return None, "from the start of the topic: its SQL has changed since it was stopped"
    return str(stopped["savepoint"]), f"from its savepoint of {age:.0f} s ago"


def _call(settings: Settings, arguments: list[str]) -> None:
    done = subprocess.run(arguments, cwd=ROOT, env=flink.environment(settings), capture_output=True, text=True)
    if done.returncode:
        raise FootfallError(_reason((done.stdout + done.stderr).splitlines()))


def _reason(output: Sequence[str]) -> str:
    """The runner's own line of what went wrong, out of all that flink prints."""
    telling = [line for line in output if re.match(r"\S+\.sql:\d+: |\w+ failed: ", line)]
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
