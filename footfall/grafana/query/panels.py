"""The answer to a panel: its targets asked of Postgres or Prometheus, or what it needs that this preview has not."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any

from footfall.grafana.query.dashboard_files import Json, find_dashboard, find_panel
from footfall.grafana.query.frames import Frame, to_series
from footfall.grafana.query.interpolation import Value, expand_query
from footfall.grafana.query.postgres import Postgres, QueryFailed
from footfall.grafana.query.prometheus import SCRAPE_MS, Prometheus, expanded, to_frame
from footfall.grafana.query.time_ranges import TimeRange, auto_interval_ms, read_range, read_seconds
from footfall.grafana.query.variables import Given, Resolved, resolve

PAGE_POINTS = 1_400  # points over the width of a page of 24 columns
LEAST_INTERVAL_MS = 60_000
KEPT_SECONDS = 3.0
MOST_KEPT = 50


class Boards:
    """The dashboards of a folder. Variables are asked once for the panels that want them at the same time."""

    def __init__(self, folder: Path, postgres: Postgres, prometheus: Prometheus | None = None) -> None:
        self.folder = folder
        self.postgres = postgres
        self._prometheus = prometheus
        self._lock = Lock()
        self._kept: dict[object, tuple[float, Resolved]] = {}

    def variables(self, uid: str, given: Given, start: str, end: str) -> Json:
        """The variables of a dashboard, with their choices. Raises FootfallError."""
        board = find_dashboard(self.folder, uid)
        variables, _ = self._resolved(board, given, read_range(start, end, datetime.now(UTC)))
        return {"variables": [variable.as_json() for variable in variables]}

    def panel(self, uid: str, number: int, given: Given, start: str, end: str) -> Json:
        """The rows of a panel's targets. Raises FootfallError."""
        board = find_dashboard(self.folder, uid)
        panel = find_panel(board, number)
        range_ = read_range(start, end, datetime.now(UTC))
        targets = [target for target in panel.get("targets") or [] if not target.get("hide")]
        missing: set[str] = set()
        answer: Json = {"from": range_.start_ms, "to": range_.end_ms, "frames": []}
        for target in targets:
            source = needs(target, panel)
            if source == "Prometheus" and self._prometheus:
                frame = _asked(self._prometheus, target, range_, interval_of(panel, range_, SCRAPE_MS))
            elif source:
                missing.add(source)
                continue
            else:
                _, values = self._resolved(board, given, range_)
                frame = self._target(target, values, range_, interval_of(panel, range_))
            answer["frames"].append({"refId": target.get("refId", "A"), **_as_json(frame)})
        return {**answer, "needs": sorted(missing)}

    def annotations(self, uid: str, given: Given, start: str, end: str) -> Json:
        """What happened in the time range, by the dashboard's annotation queries. Raises FootfallError."""
        board = find_dashboard(self.folder, uid)
        range_ = read_range(start, end, datetime.now(UTC))
        queries = [
            query
            for query in (board.get("annotations") or {}).get("list") or []
            if query.get("enable", True) and annotation_sql(query) and not needs(query, {})
        ]
        if not queries:
            return {"annotations": []}
        _, values = self._resolved(board, given, range_)
        found = []
        for query in queries:
            expanded = expand_query(annotation_sql(query), values, range_, auto_interval_ms(range_, 100, 60_000))
            found += _annotations(query, self.postgres.ask(expanded.sql))
        return {"annotations": found}

    def _target(self, target: Json, values: dict[str, Value], range_: TimeRange, interval: int) -> Frame:
        expanded = expand_query(str(target.get("rawSql") or ""), values, range_, interval)
        frame = self.postgres.ask(expanded.sql)
        return to_series(frame, expanded.fill, range_) if target.get("format") == "time_series" else frame

    def _resolved(self, board: Json, given: Given, range_: TimeRange) -> Resolved:
        minute = (range_.start_ms // 60_000, range_.end_ms // 60_000)
        key = (board["uid"], repr(board.get("templating")), tuple(sorted((k, *v) for k, v in given.items())), minute)
        with self._lock:
            now = time.monotonic()
            self._kept = {kept: entry for kept, entry in self._kept.items() if now - entry[0] < KEPT_SECONDS}
            if key not in self._kept:
                if len(self._kept) >= MOST_KEPT:
                    self._kept.clear()
                self._kept[key] = (time.monotonic(), resolve(board, given, self.postgres, range_))
            return self._kept[key][1]


def needs(target: Json, panel: Json) -> str:
    """The name of the data source that a target wants, where it is not Postgres."""
    source = target.get("datasource") or panel.get("datasource") or {}
    kind = source.get("type", "") if isinstance(source, dict) else str(source)
    if kind == "prometheus" or ("expr" in target and "rawSql" not in target):
        return "Prometheus"
    if kind in ("", "datasource", "grafana-postgresql-datasource", "postgres") or "rawSql" in target:
        return ""
    return "Grafana" if kind == "grafana" else str(kind)


def _asked(prometheus: Prometheus, target: Json, range_: TimeRange, interval: int) -> Frame:
    expr = expanded(str(target.get("expr") or ""), range_, interval)
    is_instant = target.get("instant") and not target.get("range")
    series = prometheus.at(expr, range_.end) if is_instant else prometheus.over(expr, range_, interval)
    return to_frame(series, str(target.get("legendFormat") or ""))


def interval_of(panel: Json, range_: TimeRange, least_ms: int = LEAST_INTERVAL_MS) -> int:
    """$__interval of a panel in ms, by its width; least_ms: where the panel gives no least. Raises QueryFailed."""
    width = int((panel.get("gridPos") or {}).get("w") or 24)
    points = int(panel.get("maxDataPoints") or PAGE_POINTS * width / 24)
    try:
        least = read_seconds(str(panel.get("interval") or "").lstrip(">")) if panel.get("interval") else None
    except ValueError as error:
        raise QueryFailed(f"interval of the panel: {error}") from None
    return auto_interval_ms(range_, points, round(least * 1000) if least else least_ms)


def annotation_sql(query: Json) -> str:
    """The SQL of an annotation, empty where it has none."""
    return str(query.get("rawQuery") or (query.get("target") or {}).get("rawSql") or query.get("rawSql") or "")


def _annotations(query: Json, frame: Frame) -> list[Json]:
    at = {column.name: place for place, column in enumerate(frame.columns)}
    if "time" not in at:
        raise QueryFailed(f"the annotations {query.get('name', '')} want a column named time")
    ends = next((name for name in ("timeend", "timeEnd", "time_end") if name in at), None)

    def text(row: list[Any], name: str) -> str:
        return str(row[at[name]] or "") if name in at else ""

    return [
        {
            "name": str(query.get("name") or ""), "color": str(query.get("iconColor") or "blue"),
            "time": row[at["time"]], "timeEnd": row[at[ends]] if ends else None, "text": text(row, "text"),
            "tags": [tag.strip() for tag in text(row, "tags").split(",") if tag.strip()],
        }
        for row in frame.rows[:200]
        if row[at["time"]] is not None
    ]  # fmt: skip


def _as_json(frame: Frame) -> Json:
    columns = [{"name": column.name, "type": column.kind, "labels": column.labels} for column in frame.columns]
    return {"columns": columns, "rows": frame.rows, "truncated": frame.truncated}
