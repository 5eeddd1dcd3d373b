"""What Prometheus reads at /metrics. Several workers share files below PROMETHEUS_MULTIPROC_DIR; one needs none."""

from __future__ import annotations

import os
from functools import cache

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client import generate_latest as _generate
from prometheus_client.multiprocess import MultiProcessCollector

REQUESTS = Counter("footfall_collector_requests", "Requests by route and status.", ["route", "status"])
EVENTS = Counter(
    "footfall_collector_events",
    "Events by site and outcome: accepted, rejected, not_kept (consent).",
    ["site", "outcome"],
)
SECONDS = Histogram(
    "footfall_collector_request_seconds", "From the first byte of a request to its answer, the broker's word included.",
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)  # fmt: skip
WAITING = Gauge(
    "footfall_collector_waiting_records", "Records that the broker has not acknowledged yet.",
    multiprocess_mode="livesum",
)  # fmt: skip
REACHABLE = Gauge(
    "footfall_collector_broker_reachable_time_seconds", "When the broker last answered a worker (Unix time).",
    multiprocess_mode="livemin",
)  # fmt: skip


@cache  # looking a label up takes longer than counting
def requests(route: str, status: int) -> Counter:
    return REQUESTS.labels(route, str(status))


@cache
def events(site: str, outcome: str) -> Counter:
    return EVENTS.labels(site, outcome)


def exposition() -> tuple[bytes, str]:
    """The metrics of all workers, and their content type."""
    registry: CollectorRegistry = REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return _generate(registry), CONTENT_TYPE_LATEST
