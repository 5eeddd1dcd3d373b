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


def start(settings: Settings) -> psutil.Process:
    """Start the collector on 127.0.0.1, or find the one that runs; ready when Kafka and the sites are."""
    running = processes.find(pid_file(settings))
    if running:
        return running
    log = settings.logs / "collector.log"
    processes.require_free_port("the collector", settings.port("COLLECTOR_PORT"), "COLLECTOR_PORT")
    # All visitors of an embedded stack have one address.
    command = [sys.executable, "-m", "footfall.cli", "collect", "--rate-per-address", "0"]
    process = processes.start(
        "the collector", command, {**settings.environment(), "PYTHONPATH": str(ROOT)}, pid_file(settings), log
    )
    processes.wait_until(lambda: answers(settings), process, "the collector", log)
    return process


def stop(settings: Settings) -> bool:
    return processes.stop(pid_file(settings))


def answers(settings: Settings) -> bool:
    """Whether a collector at this address is ready for events."""
    try:
        with urllib.request.urlopen(f"{settings.collector_url}/ready", timeout=2) as answer:  # noqa: S310
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError, ValueError):
        return False
