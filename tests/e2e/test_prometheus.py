"""A real Prometheus reads the collector, and the dashboard Pipeline health draws what it read."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml
from prometheus_server import prometheus

from footfall import database
from footfall.dashboards_preview.panels import Boards
from footfall.dashboards_preview.prometheus import Prometheus
from footfall.dashboards_preview.queries import Postgres
from footfall.settings import ROOT, Settings

from .helpers import wait_for

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(not shutil.which("prometheus"), reason="not installed: apt-get install prometheus"),
]
REQUESTS, TIME_TO_ANSWER = 7, 8  # ids of panels


@pytest.fixture
def boards(stack: Settings, tmp_path: Path) -> Iterator[Boards]:
    """The shipped dashboards, on the stack's Postgres and on the shipped scrape configuration, but each second."""
    shipped = yaml.safe_load((ROOT / "docker" / "prometheus" / "prometheus.yml").read_text())
    [job] = [job for job in shipped["scrape_configs"] if job["job_name"] == "collector"]
    job["static_configs"] = [{"targets": [stack.collector_url.removeprefix("http://")]}]
    config = {"global": {"scrape_interval": "1s"}, "scrape_configs": [job]}
    with prometheus(tmp_path, yaml.safe_dump(config)) as url:
        yield Boards(ROOT / "dashboards", Postgres(database.reader(stack)), Prometheus(url))


def test_requests_to_the_collector_are_drawn(stack: Settings, boards: Boards) -> None:
    def refused_a_second() -> float:
        httpx.post(f"{stack.collector_url}/v1/track", json={}, timeout=10)  # 401: it has no write key
        time.sleep(0.2)
        [frame] = boards.panel("pipeline", REQUESTS, {}, "now-5m", "now")["frames"]
        names = [column["name"] for column in frame["columns"]]
        return max((row[names.index("401")] or 0 for row in frame["rows"]), default=0) if "401" in names else 0

    wait_for("refused requests on the dashboard", refused_a_second)
    [frame] = boards.panel("pipeline", TIME_TO_ANSWER, {}, "now-5m", "now")["frames"]
    assert [column["name"] for column in frame["columns"]] == ["time", "95 %"]
    assert 0 < frame["rows"][-1][1] < 10
