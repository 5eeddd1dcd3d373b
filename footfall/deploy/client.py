"""Flink's own command line: what a user may run too. It submits jobs to any cluster."""

from __future__ import annotations

import ctypes
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from footfall.deploy import cluster, rest
from footfall.errors import FootfallError
from footfall.planner.jvm import RUN_ARCHIVE, archived, java, quick
from footfall.settings import ROOT, Settings

PR_SET_PDEATHSIG = 1  # of prctl(2)
START_SECONDS = 600  # a client plans a job in some seconds; with others at work on two cores, in a minute


def environment(settings: Settings) -> dict[str, str]:
    """What Flink's own scripts need beside the secrets and addresses that a job's SQL asks for."""
    java_home = str(Path(java()).resolve().parent.parent)
    variables = settings.environment()
    for name in ("FLINK_HOME", "FLINK_BIN_DIR", "FLINK_LIB_DIR", "FLINK_OPT_DIR", "FLINK_PLUGINS_DIR"):
        variables.pop(name, None)  # of another Flink: PyFlink sets them in a process that has planned SQL
    for name in ("JVM_ARGS", "HADOOP_CLASSPATH"):  # those of quick_jvm(): a task manager is here to stay
        variables.pop(name, None)
    # sys.executable's folder first: thread-mode Python finds pemja by it.
    path = f"{Path(sys.executable).parent}{os.pathsep}{variables.get('PATH', '')}"
    variables.update(
        JAVA_HOME=java_home, FLINK_CONF_DIR=str(settings.flink_home / "conf"), PATH=path, HOSTNAME="localhost"
    )
    return variables


def client_environment(settings: Settings) -> dict[str, str]:
    """The same for what submits a job and ends."""
    return {**environment(settings), "JVM_ARGS": archived(quick(os.environ.get("JVM_ARGS", "")), RUN_ARCHIVE)}


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
    try:
        done = subprocess.run(
            arguments, cwd=ROOT, env=client_environment(settings), capture_output=True, text=True,
            timeout=START_SECONDS, preexec_fn=_end_with_us,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise FootfallError(f"`flink run` did not come to an end within {START_SECONDS} s") from None
    if done.returncode:
        raise FootfallError(_reason((done.stdout + done.stderr).splitlines()))
    return dict(re.findall(r"^(\w+) submitted as (\w+)", done.stdout, re.MULTILINE))


def _end_with_us() -> None:
    """In a child, before its program: it is killed when we are. It would submit jobs whose locks nobody holds then."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def run(
    settings: Settings,
    names: Sequence[str],
    *,
    parallelism: int = 1,
    set_: Sequence[str] = (),
    progress: Callable[[str], None] = lambda line: None,
    sql: Path | None = None,
    plans: Path | None = None,
) -> None:
    """Work through what the topics hold now, close all windows, and end. Interrupted, the jobs are cancelled.

    sql and plans as in command(). Raises FootfallError where a job runs already or fails.
    """
    cluster.refuse_running(settings, names)
    ids: dict[str, str] = {}
    child = subprocess.Popen(
        command(settings, names, "-p", str(parallelism), bounded=True, set_=set_, sql=sql, plans=plans),
        cwd=ROOT, env=client_environment(settings), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True, preexec_fn=_end_with_us,
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
            rest.call(settings, f"/jobs/{job}", method="PATCH")
        child.terminate()
        raise
    if child.returncode:
        raise FootfallError(_reason(output))


def stop_command(settings: Settings, job: cluster.Job) -> list[str]:
    """The `flink stop` that cluster.stop() stands for."""
    return [_short(settings.flink_home / "bin" / "flink"), "stop", "-m", settings.flink_rest, job.id]


def _reason(output: Sequence[str]) -> str:
    """The runner's own line of what went wrong, out of all that flink prints."""
    found = [line for line in output if re.match(r"\S+\.(sql|toml)(:\d+)?: |\w+ failed: ", line)]
    if not found:
        found = [line for line in output if "Exception" in line or "rror" in line][:1]
    return "\n".join(found) or "flink run failed without a word"


def _position(settings: Settings, name: str, job: str) -> str:
    try:
        detail = rest.call(settings, f"/jobs/{job}")
    except FootfallError:
        return name
    rows = sum(int(vertex["metrics"]["read-records"]) for vertex in detail["vertices"][1:2])
    return f"{name} {detail['state'].lower()} {detail['duration'] // 1000} s" + (
        f", {rows:,} rows read" if rows else ""
    )


def _short(path: Path) -> str:
    """Relative to the checkout where it lies below, as a person would type it."""
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)
