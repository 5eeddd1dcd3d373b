"""The embedded stack's preview of the dashboards: one `footfall preview-dashboards` on loopback."""

from __future__ import annotations

import sys
import urllib.error
import urllib.request
from pathlib import Path

import psutil

from footfall.settings import ROOT, Settings
from footfall.stack import processes


def pid_file(settings: Settings) -> Path:
    return settings.home / "run" / "preview.pid"


def address(settings: Settings) -> str:
    """The page that draws the dashboards."""
    return f"http://127.0.0.1:{settings.port('PREVIEW_PORT')}"


def log_file(settings: Settings) -> Path:
    return settings.logs / "preview.log"


def start(settings: Settings) -> psutil.Process:
    """Start the preview, or find the one that runs; ready when it answers."""
    process = processes.find(pid_file(settings)) or launch(settings)
    processes.wait_until(lambda: answers(settings), process, "the dashboards", log_file(settings))
    return process


def launch(settings: Settings) -> psutil.Process:
    """Start the preview; do not wait until it answers. Raises FootfallError."""
    processes.end_remains(pid_file(settings))
    processes.require_free_port("the dashboards", settings.port("PREVIEW_PORT"), "PREVIEW_PORT")
    command = [sys.executable, "-m", "footfall.cli", "preview-dashboards"]
    environment = {**settings.environment(), "PYTHONPATH": str(ROOT)}
    return processes.start("the dashboards", command, environment, pid_file(settings), log_file(settings))


def stop(settings: Settings) -> bool:
    return processes.stop(pid_file(settings))


def answers(settings: Settings) -> bool:
    """Whether a page is served there."""
    try:
        with urllib.request.urlopen(f"{address(settings)}/api/dashboards", timeout=5) as answer:  # noqa: S310
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError, ValueError):
        return False
