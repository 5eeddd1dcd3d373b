"""The embedded collector: one `footfall collect` on loopback."""

from __future__ import annotations

import sys
import urllib.error
import urllib.request
from pathlib import Path

import psutil

from footfall.settings import ROOT, Settings
from footfall.stack import processes


def pid_file(settings: Settings) -> Path:
    return settings.home / "run" / "collector.pid"


def log_file(settings: Settings) -> Path:
    return settings.logs / "collector.log"


def start(settings: Settings) -> psutil.Process:
    """Start the collector on 127.0.0.1, or find the one that runs; ready when Kafka and the sites are."""
    process = processes.find(pid_file(settings)) or launch(settings)
    processes.wait_until(lambda: answers(settings), process, "the collector", log_file(settings))
    return process


def launch(settings: Settings) -> psutil.Process:
    """Start the collector; do not wait until it is ready. Raises FootfallError."""
    processes.end_remains(pid_file(settings))  # a worker whose parent was killed would have the port
    processes.require_free_port("the collector", settings.port("COLLECTOR_PORT"), "COLLECTOR_PORT")
    # All visitors of an embedded stack have one address.
    command = [sys.executable, "-m", "footfall.cli", "collect", "--rate-per-address", "0"]
    environment = {**settings.environment(), "PYTHONPATH": str(ROOT)}
    return processes.start("the collector", command, environment, pid_file(settings), log_file(settings))


def stop(settings: Settings) -> bool:
    return processes.stop(pid_file(settings))


def responds(settings: Settings) -> bool:
    """Whether a collector is alive: one that says that it is not ready waits for Kafka or Postgres."""
    try:
        with urllib.request.urlopen(f"{settings.collector_url}/ready", timeout=5):  # noqa: S310
            return True
    except urllib.error.HTTPError:
        return True
    except (OSError, ValueError):
        return False


def answers(settings: Settings) -> bool:
    """Whether a collector at this address is ready for events."""
    try:
        with urllib.request.urlopen(f"{settings.collector_url}/ready", timeout=2) as answer:  # noqa: S310
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError, ValueError):
        return False
