"""A `footfall preview-dashboards` of a test's own, over a test's tables."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psycopg
from conftest import Tables, free_port

from footfall.settings import ROOT

from .commands import FOOTFALL
from .helpers import wait_for


@contextmanager
def previewing(tables: Tables, folder: Path, *options: str) -> Iterator[str]:
    """Its address, for as long as the block lasts; what it prints goes into folder, and holds no traceback."""
    port, given = free_port(), psycopg.conninfo.conninfo_to_dict(tables.reader)
    environment = {
        **os.environ, "POSTGRES_HOST": str(given["host"]), "POSTGRES_PORT": str(given["port"]),
        "POSTGRES_DATABASE": str(given["dbname"]), "POSTGRES_READER_PASSWORD": str(given["password"]),
        "FOOTFALL_HOME": str(folder / "home"),
    }  # fmt: skip
    command = [str(FOOTFALL), "preview-dashboards", "--port", str(port), *options]
    address = f"http://127.0.0.1:{port}"
    with Path(folder / "output").open("w") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        wait_for("the preview to answer", lambda: process.poll() is not None or answers(address))
        yield address
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)
    assert "Traceback" not in (folder / "output").read_text()


def answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/health").is_success
    except httpx.TransportError:
        return False
