"""The embedded Flink cluster: standalone, on loopback, of the distribution that deploy/distribution.py lays out."""

from __future__ import annotations

import time
from pathlib import Path

import psutil

from footfall.deploy import client, distribution, rest
from footfall.errors import FootfallError
from footfall.settings import Settings
from footfall.stack import processes

RESOURCE_ID = "taskmanager.resource-id"
HEARD_WITHIN = 30.0  # seconds; a task manager is heard of every 10, and given up after 50


def pid_file(settings: Settings, name: str) -> Path:
    return settings.home / "run" / f"{name}.pid"


def log_file(settings: Settings, name: str) -> Path:
    return settings.logs / f"{name}.log"


def start(settings: Settings) -> None:
    """Start a job manager and a task manager, or find those that run; ready when all slots are offered."""
    start_job_manager(settings)
    start_task_manager(settings)


def start_job_manager(settings: Settings) -> psutil.Process:
    """Start the job manager, or find the one that runs, and wait until it answers."""
    process = job_manager(settings) or launch_job_manager(settings)
    processes.wait_until(
        lambda: rest.answers(settings), process, "Flink's job manager", log_file(settings, "jobmanager")
    )
    return process


def start_task_manager(settings: Settings) -> psutil.Process:
    """Start the task manager, or find the one that runs, and wait until its slots are offered."""
    process = task_manager(settings) or launch_task_manager(settings)
    processes.wait_until(
        lambda: task_manager_answers(settings), process, "Flink's task manager", log_file(settings, "taskmanager")
    )
    return process


def launch_job_manager(settings: Settings) -> psutil.Process:
    """Start the job manager; do not wait until it answers. Raises FootfallError.

    A task manager that is still there ends: a standalone one does not go on with another job manager.
    """
    for name in ("taskmanager", "jobmanager"):
        processes.kill(pid_file(settings, name))
    processes.require_free_port("Flink's web interface", settings.port("FLINK_PORT"), "FLINK_PORT")
    processes.require_free_port("Flink's job manager", settings.port("FLINK_RPC_PORT"), "FLINK_RPC_PORT")
    distribution.lay_out(settings)
    for folder in ("checkpoints", "savepoints"):
        (settings.home / "data" / "flink" / folder).mkdir(parents=True, exist_ok=True)
    return _start(settings, "jobmanager", "jobmanager.sh")


def launch_task_manager(settings: Settings) -> psutil.Process:
    """Start the task manager; do not wait until its slots are offered. Raises FootfallError."""
    processes.kill(pid_file(settings, "taskmanager"))
    # The cluster knows it by this name: one that was killed stays known for a while.
    return _start(settings, "taskmanager", "taskmanager.sh", "-D", f"{RESOURCE_ID}=taskmanager-{time.time_ns()}")


def task_manager_answers(settings: Settings) -> bool:
    """Whether the cluster has heard of the embedded task manager within the last half minute."""
    process = task_manager(settings)
    try:
        arguments = process.cmdline() if process else []
        known = rest.call(settings, "/taskmanagers", seconds=rest.PROBE_SECONDS)["taskmanagers"]
    except (FootfallError, psutil.Error):
        return False
    name = next((word.partition("=")[2] for word in arguments if word.startswith(f"{RESOURCE_ID}=")), None)
    now = time.time() * 1000
    # The time of its last heartbeat, in ms; 0 until the first, which is ten seconds after it has registered.
    heard = [one["timeSinceLastHeartbeat"] for one in known if one["id"] == name]
    return any(at == 0 or now - at < HEARD_WITHIN * 1000 for at in heard)


def _start(settings: Settings, name: str, script: str, *options: str) -> psutil.Process:
    command = [str(settings.flink_home / "bin" / script), "start-foreground", *options]
    return processes.start(
        f"Flink's {name}", command, client.environment(settings), pid_file(settings, name), log_file(settings, name)
    )


def job_manager(settings: Settings) -> psutil.Process | None:
    return processes.find(pid_file(settings, "jobmanager"))


def task_manager(settings: Settings) -> psutil.Process | None:
    return processes.find(pid_file(settings, "taskmanager"))


def stop_job_manager(settings: Settings) -> bool:
    return processes.stop(pid_file(settings, "jobmanager"))


def stop_task_manager(settings: Settings) -> bool:
    return processes.stop(pid_file(settings, "taskmanager"))
