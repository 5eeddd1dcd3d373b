"""A real Prometheus on loopback (Debian: prometheus), with series that were written before it starts."""

from __future__ import annotations

import re
import subprocess
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from e2e.helpers import wait_for

from footfall.stack.processes import free_port

STEP_SECONDS = 60
NOTATION = re.compile(r"(\d+)(?:\+(\d+))?x(\d+)")


@contextmanager
def prometheus(folder: Path, config: str = "") -> Iterator[str]:
    """Its URL. folder: where its data lie, as written() leaves them, or nothing yet."""
    (folder / "prometheus.yml").write_text(config)
    address = f"127.0.0.1:{free_port()}"
    command = [
        "prometheus", f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={address}", "--storage.tsdb.retention.time=100y", "--log.level=error",
    ]  # fmt: skip
    process = subprocess.Popen(command)
    try:
        wait_for("Prometheus to start", lambda: _answers(f"http://{address}/-/ready"), 30)
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait(20)


def written(folder: Path, series: Mapping[str, str], start: datetime) -> None:
    """Write series, a value a minute from start on, in promtool's notation for tests: a+bxn is n + 1 values."""
    lines = [
        f"{name} {value} {start.timestamp() + at * STEP_SECONDS:.0f}\n"
        for name, notation in sorted(series.items())
        for at, value in enumerate(values(notation))
    ]
    (folder / "series.txt").write_text("".join([*lines, "# EOF\n"]))
    subprocess.run(
        ["promtool", "tsdb", "create-blocks-from", "openmetrics", "series.txt", "data"],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip


def values(notation: str) -> list[int]:
    found = []
    for part in notation.split():
        first, step, more = (int(number or 0) for number in NOTATION.fullmatch(part).groups())  # type: ignore[union-attr]
        found += [first + step * count for count in range(more + 1)]
    return found


def _answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=5).close()
    except OSError:
        return False
    return True
