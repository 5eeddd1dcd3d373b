"""The alert rules that ask Prometheus: evaluated by Prometheus itself, on series of their exporters' names.

promtool is Prometheus's own (Debian: prometheus); without it those tests are left out. That the collector serves the
name is seen here; that Flink and the node exporter do, and with these labels, in tests/e2e/test_prometheus.py.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from footfall.collector import metrics
from footfall.settings import ROOT

Json = dict[str, Any]
RULES: dict[str, Json] = {
    path.stem: rule
    for path in (ROOT / "dashboards" / "alerts").glob("*.json")
    for rule in [json.loads(path.read_text())]
    if rule["data"][0]["datasourceUid"] == "prometheus"
}
OPERATORS = {"gt": ">", "lt": "<"}
NODE = '{instance="a:9100",mountpoint="/",fstype="ext4"}'
REQUESTS = 'footfall_collector_requests_total{route="batch",status="%s"}'
FLINK = '%s{job_name="%s",job_id="%s"}'
# Series a minute long each step: an hour as it should be, half an hour of the condition, an hour without.
SERIES: dict[str, dict[str, str]] = {
    "error-rate": {
        REQUESTS % 200: "0+600x60 36000+600x30 54000+600x60", REQUESTS % 503: "0+0x60 0+60x30 1800+0x60",
    },
    "disk": {
        f"node_filesystem_avail_bytes{NODE}": "50x60 5x30 50x60", f"node_filesystem_size_bytes{NODE}": "100x152",
        'node_filesystem_avail_bytes{instance="a:9100",mountpoint="/run",fstype="tmpfs"}': "0x152",
        'node_filesystem_size_bytes{instance="a:9100",mountpoint="/run",fstype="tmpfs"}': "100x152",
    },
    "consumer-lag": {
        FLINK % ("flink_taskmanager_job_task_operator_pendingRecords", "sessions", task): "100x60 70000x30 0x60"
        for task in "ab"
    } | {FLINK % ("flink_taskmanager_job_task_operator_pendingRecords", "late_events", "c"): "90000x152"}
    # A statement set reads the topic through three sources: each record that waits, waits for all of them.
    | {
        f'flink_taskmanager_job_task_operator_pendingRecords{{job_name="all_jobs",task_id="{task}"}}': "60000x152"
        for task in "abc"
    },
    "failed-checkpoints": {
        FLINK % ("flink_jobmanager_job_numberOfFailedCheckpoints", "sessions", "a"): "0x60 0+1x30 30x60",
    },
}  # fmt: skip


def minutes(text: str) -> int:
    return int(text.removesuffix("m")) if text.endswith("m") else 0


def test_every_rule_that_asks_prometheus_is_tried() -> None:
    assert set(SERIES) == set(RULES)


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed: apt-get install prometheus")
@pytest.mark.parametrize("name", RULES)
def test_prometheus_fires_it_in_time_and_not_before_or_after(name: str, tmp_path: Path) -> None:
    """The expression of the rule with its threshold and its `for`, as an alert of Prometheus's own."""
    query, threshold = RULES[name]["data"]
    evaluator = threshold["model"]["conditions"][0]["evaluator"]
    expression = f"({query['model']['expr']}) {OPERATORS[evaluator['type']]} {evaluator['params'][0]}"
    alert = {"alert": "A", "expr": expression, "for": RULES[name]["for"]}
    (tmp_path / "rules.yml").write_text(json.dumps({"groups": [{"name": "g", "rules": [alert]}]}))
    hold = minutes(RULES[name]["for"])
    # rate and increase look back some minutes: they see a condition a little later, and for a little longer.
    seen = {"error-rate": 2, "failed-checkpoints": 4}.get(name, 0)
    labels = {
        "consumer-lag": {"job_name": "sessions"}, "disk": {"instance": "a:9100", "mountpoint": "/"},
        "failed-checkpoints": {"job_name": "sessions", "job_id": "a"}, "error-rate": {},
    }[name]  # fmt: skip
    firing = [{"exp_labels": labels}]
    cases = [(30, []), (60, []), (61 + seen + hold + 1, firing), (90, firing), (120, []), (150, [])]
    content = {
        "rule_files": ["rules.yml"], "evaluation_interval": "1m",
        "tests": [{
            "interval": "1m", "input_series": [{"series": one, "values": text} for one, text in SERIES[name].items()],
            "alert_rule_test": [
                {"eval_time": f"{minute}m", "alertname": "A", "exp_alerts": found} for minute, found in cases
            ],
        }],
    }  # fmt: skip
    (tmp_path / "test.yml").write_text(yaml.safe_dump(content))
    done = subprocess.run(["promtool", "test", "rules", "test.yml"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_names_of_the_collectors_series_are_those_that_it_serves() -> None:
    metrics.requests("batch", 503).inc(0)
    served = metrics.exposition()[0].decode()
    asked = set(re.findall(r"footfall_collector_\w+", RULES["error-rate"]["data"][0]["model"]["expr"]))
    assert asked
    for name in asked:
        assert re.search(rf"^{name}\{{.*status=\"503\".*\}}", served, re.MULTILINE), name
