"""Queries of dashboard files that ask Prometheus, by its HTTP API, with Grafana's own intervals in them.

https://prometheus.io/docs/prometheus/latest/querying/api/, and for $__rate_interval
https://grafana.com/docs/grafana/latest/datasources/prometheus/template-variables/.
"""

from __future__ import annotations

import json
import math
import os
import re
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from datetime import datetime
from http.client import HTTPException
from typing import Any

from footfall.grafana.query.dashboard_files import Json
from footfall.grafana.query.frames import Column, Frame
from footfall.grafana.query.postgres import QueryFailed
from footfall.grafana.query.time_ranges import TimeRange, in_words

URL = "PROMETHEUS_URL"
SECONDS = 15
MOST_BYTES = 16 * 1024 * 1024
SCRAPE_MS = 15_000  # Grafana's default for a data source, and docker/prometheus's scrape_interval
LABEL = re.compile(r"\{\{\s*(\w+)\s*\}\}")
VARIABLE = re.compile(r"\$([A-Za-z_]\w*)|\$\{(\w+)[^}]*\}")


@dataclass(frozen=True)
class Series:
    """Its labels, and (epoch ms, value) in order of time; a value may be NaN or infinite."""

    labels: dict[str, str]
    points: tuple[tuple[int, float], ...]


class Prometheus:
    """The server at a URL such as http://127.0.0.1:9090."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")

    @classmethod
    def of_environment(cls) -> Prometheus | None:
        """The one that PROMETHEUS_URL names, if it does."""
        return cls(os.environ[URL]) if os.environ.get(URL) else None

    def at(self, expr: str, time: datetime) -> list[Series]:
        """The value of each series at one time. Raises QueryFailed."""
        return self._ask("query", {"query": expr, "time": f"{time.timestamp():.3f}"})

    def over(self, expr: str, range_: TimeRange, step_ms: int) -> list[Series]:
        """The values of each series at whole steps since 1970, as Grafana asks for them. Raises QueryFailed."""
        start, end = (time // step_ms * step_ms / 1000 for time in (range_.start_ms, range_.end_ms))
        return self._ask("query_range", {"query": expr, "start": start, "end": end, "step": step_ms / 1000})

    def _ask(self, path: str, parameters: dict[str, Any]) -> list[Series]:
        url = f"{self._url}/api/v1/{path}?{urllib.parse.urlencode({**parameters, 'timeout': f'{SECONDS}s'})}"
        try:
            with urllib.request.urlopen(url, timeout=SECONDS + 1) as response:  # noqa: S310 - the operator's own address
                body = response.read(MOST_BYTES + 1)
        except urllib.error.HTTPError as error:
            raise QueryFailed(f"Prometheus: {_reason(error)}") from None
        except (OSError, HTTPException, ValueError) as error:  # ValueError: the URL is none
            reason = getattr(error, "reason", error)
            raise QueryFailed(f"Prometheus does not answer at {self._url} ({URL}): {reason}") from None
        if len(body) > MOST_BYTES:
            raise QueryFailed("Prometheus: the answer is too long; ask for a shorter time, or for fewer series")
        try:
            return [_series(one) for one in json.loads(body)["data"]["result"]]
        except (ValueError, LookupError, TypeError):
            raise QueryFailed(
                f"what answers at {self._url} ({URL}) is no Prometheus, or the query has no series"
            ) from None


def _reason(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.loads(error.read(MOST_BYTES))["error"])[:300]
    except (ValueError, LookupError, TypeError, OSError):
        return f"HTTP status {error.code}"


def _series(result: Json) -> Series:
    points = result["values"] if "values" in result else [result["value"]]
    return Series(result["metric"], tuple((round(float(time) * 1000), float(value)) for time, value in points))


def expanded(expr: str, range_: TimeRange, step_ms: int) -> str:
    """PromQL with Grafana's intervals put in. Raises QueryFailed for another variable: none of dashboards/ has one."""
    words = {
        "__interval": in_words(step_ms),
        "__interval_ms": str(step_ms),
        "__rate_interval": in_words(max(step_ms + SCRAPE_MS, 4 * SCRAPE_MS)),
        "__range": f"{round((range_.end_ms - range_.start_ms) / 1000)}s",
    }

    def word(match: re.Match[str]) -> str:
        name = match[1] or match[2]
        if name not in words:
            raise QueryFailed(f"this preview puts no variable ${name} into PromQL, only {', '.join(words)}")
        return words[name]

    return VARIABLE.sub(word, expr)


def to_frame(series: list[Series], legend: str) -> Frame:
    """A time, then a column a series, called as the legend says. A number that is none or infinite is None."""
    by_time = [dict(one.points) for one in series]
    times = sorted({time for points in by_time for time in points})
    columns = [Column("time", "time"), *(Column(_name(one.labels, legend), "number") for one in series)]
    return Frame(columns, [[time, *(_finite(points.get(time)) for points in by_time)] for time in times])


def _name(labels: dict[str, str], legend: str) -> str:
    """The legend with {{label}} filled in; without one, the metric and its labels as Prometheus writes them."""
    if legend and legend != "__auto":
        return LABEL.sub(lambda match: labels.get(match[1], ""), legend)
    own = [f'{name}="{value}"' for name, value in labels.items() if name != "__name__"]
    return labels.get("__name__", "") + (f"{{{', '.join(own)}}}" if own or "__name__" not in labels else "")


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
