"""The process that starts again what has ended; what it does is in supervise.py."""

from __future__ import annotations

import sys
from pathlib import Path

import psutil

from footfall.settings import ROOT, Settings
from footfall.stack import processes


def pid_file(settings: Settings) -> Path:
    return settings.home / "run" / "supervisor.pid"


def log_file(settings: Settings) -> Path:
    return settings.logs / "supervisor.log"


def find(settings: Settings) -> psutil.Process | None:
    return processes.find(pid_file(settings))


def start(settings: Settings) -> psutil.Process:
    """Start it, or find the one that runs."""
    return find(settings) or launch(settings)


def launch(settings: Settings) -> psutil.Process:
    command = [sys.executable, "-m", "footfall.stack.supervise"]
    environment = {**settings.environment(), "PYTHONPATH": str(ROOT)}
    return processes.start("the supervisor", command, environment, pid_file(settings), log_file(settings))


def stop(settings: Settings) -> bool:
    return processes.stop(pid_file(settings), timeout=5)


def answers(settings: Settings) -> bool:
    """Whether it runs."""
    return find(settings) is not None
