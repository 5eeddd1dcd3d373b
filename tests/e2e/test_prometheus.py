"""A real Prometheus reads the collector, Flink's reporter and the machine: what dashboards and rules ask is there."""

from __future__ import annotations

import json
import math
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import httpx
import psycopg
import pytest
import yaml
from conftest import free_port
from prometheus_server import prometheus

from footfall.database import connections
from footfall.deploy import client, cluster, rest
from footfall.grafana.query.panels import Boards
from footfall.grafana.query.postgres import Postgres
from footfall.grafana.query.prometheus import Prometheus, Series, expanded
from footfall.grafana.query.time_ranges import TimeRange
from footfall.settings import ROOT, Settings
from footfall.simulate import run

from .docker_flink import flink_of_compose, scrape_config
from .helpers import fresh_topic, truncate, wait_for

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(not shutil.which("prometheus"), reason="not installed: apt-get install prometheus"),
]
REQUESTS, TIME_TO_ANSWER, CHECKPOINTS, BEHIND, RESTARTS = 7, 8, 9, 10, 11  # ids of panels
LOCKED = "visit_events"  # the job whose table is locked for a while
JOBS = {LOCKED, "page_views_per_minute", "rejected_events"}
CHECKPOINTING = (
    "execution.checkpointing.interval=1s",
    "execution.checkpointing.min-pause=100ms",
    "execution.checkpointing.timeout=20s",  # for jobs that start on a busy machine, too
    "execution.checkpointing.tolerable-failed-checkpoints=0",
)
NODE_EXPORTER = shutil.which("prometheus-node-exporter")


class Measured(NamedTuple):
    """Flink after jobs have read the topic, one of them with hindrances, and the Prometheus that looked on."""

    settings: Settings
    server: Prometheus
    boards: Boards
    records: int

    def at_last(self, expr: str) -> list[Series]:
        now = datetime.now(UTC)
        return self.server.at(expanded(expr, TimeRange(now - timedelta(minutes=5), now), 15_000), now)

    def by_job(self, expr: str) -> dict[str, float]:
        return {one.labels["job_name"]: one.points[-1][1] for one in self.at_last(expr)}

    def newest(self, number: int) -> dict[str, float | None]:
        """The last point of each line of a panel: up to a quarter of a minute old."""
        return {name: line[-1] for name, line in self.panel(number).items()}

    def panel(self, number: int) -> dict[str, list[float | None]]:
        """The lines of a panel of Pipeline health, by their legend."""
        answer = self.boards.panel("pipeline", number, {}, "now-5m", "now")
        assert answer["needs"] == []
        return {
            column["name"]: [row[at] for row in frame["rows"]]
            for frame in answer["frames"]
            for at, column in enumerate(frame["columns"])
            if column["name"] != "time"
        }


class Asked(NamedTuple):
    """What a panel or a rule asks Prometheus, and the labels that its legend or its words name."""

    where: str
    expr: str
    labels: set[str]


def all_asked() -> list[Asked]:
    found = []
    for path in sorted((ROOT / "dashboards").glob("*.json")):
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel.get("targets", []):
                if "expr" in target:
                    names = set(re.findall(r"\{\{\s*(\w+)", target["legendFormat"]))
                    found.append(Asked(f"{path.stem}: {panel['title']}", target["expr"], names))
    for path in sorted((ROOT / "dashboards" / "alerts").glob("*.json")):
        rule = json.loads(path.read_text())
        for query in rule["data"]:
            if "expr" in query["model"]:
                names = set(re.findall(r"\$labels\.(\w+)", json.dumps(rule["annotations"])))
                found.append(Asked(f"alert: {path.stem}", query["model"]["expr"], names))
    return found


@pytest.fixture(scope="module")
def measured(stack: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Measured]:
    """Flink and Prometheus as in docker/, but for addresses and ports; jobs that read a day of simulated visitors."""
    folder = tmp_path_factory.mktemp("prometheus")
    collector = stack.collector_url.removeprefix("http://")
    with flink_of_compose(fresh_topic(stack), folder) as here, node_exporter() as machine:
        config = scrape_config(collector=[collector], flink=here.targets)
        config["scrape_configs"] += machine
        with prometheus(folder, yaml.safe_dump(config)) as url:
            boards = Boards(ROOT / "dashboards", Postgres(connections.reader(stack)), Prometheus(url))
            day = timedelta(days=1)
            # So many that a job is seen while it reads them.
            records, _ = run.history(here.settings, seed=1, site="scraped", length=day, visits_per_day=3000)
            found = Measured(here.settings, Prometheus(url), boards, records)
            hinder(found)
            yield found
    truncate(stack, *JOBS)


@contextmanager
def node_exporter() -> Iterator[list[dict[str, object]]]:
    """What Prometheus is to scrape for the rule about disks; nothing where it is not installed."""
    if not NODE_EXPORTER:
        yield []
        return
    address = f"127.0.0.1:{free_port()}"
    process = subprocess.Popen(
        [NODE_EXPORTER, f"--web.listen-address={address}", "--collector.disable-defaults", "--collector.filesystem"]
    )
    try:
        yield [{"job_name": "node", "static_configs": [{"targets": [address]}]}]
    finally:
        process.terminate()
        process.wait(20)


def hinder(found: Measured) -> None:
    """Start the jobs while nobody may write the table of one: it can't go on, its checkpoint fails, it restarts."""
    with psycopg.connect(connections.owner(found.settings)) as connection:
        connection.execute(f"LOCK TABLE {LOCKED} IN SHARE MODE")
        client.start(found.settings, client.command(found.settings, sorted(JOBS), set_=CHECKPOINTING))
        # A checkpoint of tasks that are still starting counts as failed, too: it is the restart that tells.
        wait_for(
            "a checkpoint that takes too long", lambda: found.by_job("flink_jobmanager_job_numRestarts").get(LOCKED)
        )
    behind = "max by (job_name) (sum by (job_name, task_id) (flink_taskmanager_job_task_operator_pendingRecords))"

    def all_is_read() -> bool:
        left = found.by_job(behind)
        return left.keys() == JOBS and not any(left.values())

    wait_for("every job to read its topic", all_is_read)
    completed = "flink_jobmanager_job_numberOfCompletedCheckpoints > 0"
    wait_for("a checkpoint of every job", lambda: found.by_job(completed).keys() == JOBS)


@pytest.mark.parametrize("asked", all_asked(), ids=lambda asked: asked.where)
def test_what_is_asked_of_prometheus_has_series_with_the_labels_that_are_shown(
    measured: Measured, asked: Asked
) -> None:
    if "node_" in asked.expr and not NODE_EXPORTER:
        pytest.skip("not installed: apt-get install prometheus-node-exporter")
    # The collector has nothing to answer with 5xx here, and a container has no other disk than an overlay: what it
    # refuses, and that disk, are told under the same names.
    expr = asked.expr.replace('status=~"5.."', 'status=~"4.."').replace("tmpfs|overlay", "tmpfs")

    def series() -> list[Series]:
        httpx.post(f"{measured.settings.collector_url}/v1/track", json={}, timeout=10)  # 401: it has no write key
        return [one for one in measured.at_last(expr) if math.isfinite(one.points[-1][1])]

    for one in wait_for(f"series of {expr}", series, 30):
        assert asked.labels <= one.labels.keys()
        assert all(one.labels[name] for name in asked.labels)
        assert one.points[-1][1] >= 0


def test_records_behind_are_those_of_the_topic_that_a_job_has_not_read(measured: Measured) -> None:
    nothing = dict.fromkeys(JOBS, 0)
    wait_for("nothing behind", lambda: measured.newest(BEHIND) == nothing, 60)
    most = measured.by_job(
        "max_over_time(sum by (job_name) (flink_taskmanager_job_task_operator_pendingRecords)[15m:1s])"
    )
    assert 0 < most[LOCKED] <= measured.records


def test_the_checkpoints_and_restarts_of_a_job_that_was_hindered_are_reported(measured: Measured) -> None:
    failed = measured.by_job("increase(flink_jobmanager_job_numberOfFailedCheckpoints[15m])")
    assert failed.keys() == JOBS
    assert failed[LOCKED] >= 1
    wait_for("the restart", lambda: measured.newest(RESTARTS).get(LOCKED), 60)
    assert measured.panel(RESTARTS).keys() == measured.panel(CHECKPOINTS).keys() == JOBS


def test_the_duration_of_a_checkpoint_is_that_which_flink_shows_in_ms(measured: Measured) -> None:
    [job] = [job for job in cluster.jobs(measured.settings) if job.name == LOCKED]

    def is_one_of_flinks() -> bool:
        told = measured.by_job("flink_jobmanager_job_lastCheckpointDuration")[LOCKED]
        history = rest.call(measured.settings, f"/jobs/{job.id}/checkpoints")["history"]
        return told in [one["end_to_end_duration"] for one in history if one["status"] == "COMPLETED"]

    wait_for("the duration of a checkpoint", is_one_of_flinks, 30)


def test_requests_to_the_collector_are_drawn(measured: Measured) -> None:
    def refused_a_second() -> float:
        httpx.post(f"{measured.settings.collector_url}/v1/track", json={}, timeout=10)
        time.sleep(0.2)
        return max((value or 0 for value in measured.panel(REQUESTS).get("401", [])), default=0)

    wait_for("refused requests on the dashboard", refused_a_second)
    lines = measured.panel(TIME_TO_ANSWER)
    assert lines.keys() == {"95 %"}
    assert 0 < (lines["95 %"][-1] or 0) < 10
