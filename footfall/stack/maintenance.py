"""The embedded stack's maintenance: one `footfall maintain` that goes on; it also watches the supervisor."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import psutil

from footfall.settings import ROOT, Settings
from footfall.stack import processes

EVERY = "15s"


def pid_file(settings: Settings) -> Path:
    return settings.home / "run" / "maintenance.pid"


def log_file(settings: Settings) -> Path:
    return settings.logs / "maintenance.log"


def start(settings: Settings) -> psutil.Process:
    """Start it, or find the one that runs."""
    return processes.find(pid_file(settings)) or launch(settings)


def launch(settings: Settings) -> psutil.Process:
    command = [sys.executable, "-m", "footfall.cli", "maintain", "--every", EVERY]
    environment = {**settings.environment(), "PYTHONPATH": str(ROOT)}
    return processes.start("the maintenance", command, environment, pid_file(settings), log_file(settings))


def stop(settings: Settings) -> bool:
    """Stop it, with a job that it is just submitting."""
    return processes.stop(pid_file(settings), timeout=10)


def is_the_stacks_own(settings: Settings) -> bool:
    """Whether this process is the maintenance that launch() started, not one of the user's."""
    return os.environ.get(processes.PID_FILE) == str(pid_file(settings))


def answers(settings: Settings) -> bool:
    """Whether it runs. How well, the table job_health says."""
    return processes.find(pid_file(settings)) is not None
