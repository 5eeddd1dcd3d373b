"""The preview asks a real Prometheus: panels, and the rules of dashboards/alerts as they fire and resolve.

Without Prometheus on the machine (Debian: prometheus) what needs it is left out.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from prometheus_server import prometheus, written
from test_alert_prometheus import RULES, SERIES, minutes

from footfall.alerting.evaluate import Alerts
from footfall.grafana.query.panels import Boards
from footfall.grafana.query.postgres import Postgres, QueryFailed
from footfall.grafana.query.prometheus import Prometheus, expanded, to_frame
from footfall.grafana.query.time_ranges import TimeRange
from footfall.settings import ROOT

START = datetime(2026, 1, 31, 12, tzinfo=UTC)
RANGE = TimeRange(START, START + timedelta(hours=2))
FOLDER = ROOT / "dashboards"
NOT_ASKED = Postgres("")
CONDITION = range(61, 91)  # minutes in which the series are as they should not be
needs_prometheus = pytest.mark.skipif(
    not (shutil.which("prometheus") and shutil.which("promtool")),
    reason="Prometheus is not installed: apt-get install prometheus",
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    folder = tmp_path_factory.mktemp("prometheus")
    written(folder, {name: text for series in SERIES.values() for name, text in series.items()}, START)
    with prometheus(folder) as url:
        yield Prometheus(url)


@needs_prometheus
@pytest.mark.parametrize("name", RULES)
def test_a_rule_fires_within_its_for_and_a_minute_and_resolves(server: Prometheus, name: str) -> None:
    alerts = Alerts(FOLDER / "alerts", NOT_ASKED, server, only=name)
    states, told = {}, {}
    for minute in range(30, 150):
        rule = alerts.latest(START + timedelta(minutes=minute))["rules"][0]
        assert rule["fault"] == ""
        states[minute] = rule["state"]
        told[minute] = [alert.labels for alert in alerts.firing()]
    # What looks back some minutes passes its limit, and comes back from beyond it, as much later.
    seen = {"error-rate": 2, "failed-checkpoints": 4}.get(name, 0)
    fired = [minute for minute, state in states.items() if state == "firing"]
    hold = minutes(RULES[name]["for"])
    assert CONDITION[0] + hold <= fired[0] <= CONDITION[0] + seen + hold + 1
    assert fired == list(range(fired[0], fired[-1] + 1))
    assert CONDITION[-1] <= fired[-1] <= CONDITION[-1] + 15
    assert set(states.values()) == {"normal", "pending", "firing"} if hold else {"normal", "firing"}
    assert told[fired[0] - 1] == [] and told[149] == []
    of_series = {
        "consumer-lag": {"job_name": "sessions"}, "disk": {"instance": "a:9100", "mountpoint": "/"},
        "failed-checkpoints": {"job_name": "sessions", "job_id": "a"}, "error-rate": {},
    }[name]  # fmt: skip
    [labels] = told[fired[0]]
    assert labels == {**of_series, **RULES[name]["labels"], "alertname": RULES[name]["title"]}


@needs_prometheus
def test_a_panel_has_a_line_a_series_called_by_its_legend(server: Prometheus) -> None:
    boards = Boards(FOLDER, NOT_ASKED, server)
    end = START + timedelta(minutes=90)

    def rows(number: int) -> tuple[list[str], list[Any]]:
        answer = boards.panel("pipeline", number, {}, (end - timedelta(hours=1)).isoformat(), end.isoformat())
        assert answer["needs"] == []
        [frame] = answer["frames"]
        return [column["name"] for column in frame["columns"]], frame["rows"]

    names, found = rows(10)  # a job's slowest source: all three of all_jobs have 60,000 waiting
    assert names == ["time", "all_jobs", "late_events", "sessions"]
    at = {row[0]: row[1:] for row in found}
    assert at[int((START + timedelta(minutes=45)).timestamp() * 1000)] == [60_000, 90_000, 200]
    assert at[int(end.timestamp() * 1000)] == [60_000, 90_000, 140_000]
    assert {after[0] - before[0] for before, after in pairwise(found)} == {15_000}
    names, found = rows(7)
    assert names == ["time", "200", "503"]
    assert found[-1][1:] == [10, 1]  # a second


@needs_prometheus
def test_what_prometheus_refuses_is_said_in_its_words(server: Prometheus) -> None:
    with pytest.raises(QueryFailed, match=r"^Prometheus: .*parse error: unclosed left parenthesis$"):
        server.at("sum(up", START)
    with pytest.raises(QueryFailed, match="no series"):
        server.at("1 + 1", START)
    assert server.over("no_such_metric", RANGE, 60_000) == []


@needs_prometheus
def test_an_instant_and_a_range_have_the_same_values(server: Prometheus) -> None:
    query = "flink_taskmanager_job_task_operator_pendingRecords"
    over = {str(one.labels): dict(one.points) for one in server.over(query, RANGE, 60_000)}
    for one in server.at(query, RANGE.end):
        [(time, value)] = one.points
        assert over[str(one.labels)][time] == value
    frame = to_frame(server.at(query, RANGE.end), "")
    assert frame.columns[1].name == f'{query}{{job_id="a", job_name="sessions"}}'


def test_a_server_that_is_away_is_one_clear_line() -> None:
    for url in ("http://127.0.0.1:1", "nowhere", "http://127.0.0.1:port"):
        with pytest.raises(QueryFailed, match=r"^Prometheus does not answer at .* \(PROMETHEUS_URL\): "):
            Prometheus(url).at("up", START)
    rules = Alerts(FOLDER / "alerts", NOT_ASKED, Prometheus("http://127.0.0.1:1"), only="disk").latest(START)["rules"]
    assert rules[0]["state"] == "pending" and rules[0]["fault"].startswith("Prometheus does not answer at")


def test_what_answers_but_is_no_prometheus() -> None:
    class Junk(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = (200, b"<html>") if "query=page" in self.path else (502, b"no gateway")
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Junk) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        ask = Prometheus(f"http://127.0.0.1:{server.server_port}/")
        with pytest.raises(QueryFailed, match="is no Prometheus"):
            ask.at("page", START)
        with pytest.raises(QueryFailed, match="Prometheus: HTTP status 502"):
            ask.at("up", START)
        server.shutdown()


def test_grafanas_intervals_are_put_in() -> None:
    """The rate interval: the step and a scrape, at least four scrapes; Grafana's documentation gives the rule."""
    template = 'rate(a{b=~"x$"}[$__rate_interval]) + ${__interval_ms} + rate(a[$__range]) + label_replace(a, "$1")'
    assert expanded(template, RANGE, 15_000) == (
        'rate(a{b=~"x$"}[1m]) + 15000 + rate(a[7200s]) + label_replace(a, "$1")'
    )
    assert expanded("[$__rate_interval] [$__interval]", RANGE, 300_000) == "[315s] [5m]"
    with pytest.raises(QueryFailed, match=r"no variable \$site into PromQL"):
        expanded('a{site="$site"}', RANGE, 15_000)


def test_the_preview_asks_the_one_of_its_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PROMETHEUS_URL", raising=False)
    assert Prometheus.of_environment() is None
    monkeypatch.setenv("PROMETHEUS_URL", "")
    assert Prometheus.of_environment() is None
    monkeypatch.setenv("PROMETHEUS_URL", "http://127.0.0.1:1")
    with pytest.raises(QueryFailed, match=r"at http://127\.0\.0\.1:1 "):
        Prometheus.of_environment().at("up", START)  # type: ignore[union-attr]


def test_a_number_that_is_none_is_a_gap(tmp_path: Path) -> None:
    from footfall.grafana.query.prometheus import Series

    frame = to_frame([Series({"a": "b"}, ((1, 2.0), (3, float("nan")), (5, float("inf"))))], "{{a}} {{c}}")
    assert (frame.columns[1].name, frame.rows) == ("b ", [[1, 2.0], [3, None], [5, None]])
