"""The embedded stack's upkeep: one `footfall maintain` that goes on."""

from __future__ import annotations

import sys
from pathlib import Path

import psutil

from footfall.settings import ROOT, Settings
from footfall.stack import processes

EVERY = "15s"


def pid_file(settings: Settings) -> Path:
    return settings.home / "run" / "upkeep.pid"


def start(settings: Settings) -> psutil.Process:
    """Start it, or find the one that runs."""
    running = processes.find(pid_file(settings))
    if running:
        return running
    command = [sys.executable, "-m", "footfall.cli", "maintain", "--every", EVERY]
    environment = {**settings.environment(), "PYTHONPATH": str(ROOT)}
    return processes.start("the upkeep", command, environment, pid_file(settings), settings.logs / "upkeep.log")


def stop(settings: Settings) -> bool:
    return processes.stop(pid_file(settings))
