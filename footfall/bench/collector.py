"""`footfall bench-collector`: what one collector on one core takes, and how long its answers need.

The load generator, Kafka and Postgres have the other cores. Absolute figures depend on the machine; the ratio to the
same server's /health, taken in turn inside one run, holds.
"""

from __future__ import annotations

import contextlib
import json
import statistics
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from itertools import cycle, islice
from pathlib import Path
from typing import Any, NamedTuple

import psutil
from rich.console import Console

from footfall.admin import sites
from footfall.admin.site_options import Options
from footfall.bench.http_load import Report, drive, post
from footfall.bench.jobs import day_and_machine
from footfall.collector.segment import Invalid, as_event, read_call
from footfall.database.connections import owner as owner_of
from footfall.errors import FootfallError
from footfall.settings import ROOT, Settings, load_settings
from footfall.simulate.run import as_call
from footfall.simulate.visitors import arrivals
from footfall.stack import collector, control, kafka, processes

SITE, TOPIC = "bench-collector", "bench_collector"
BATCH = 100
SINGLES_A_SECOND, BATCHES_A_SECOND = 1500, 150  # half of what a collector must be able to take
Figures = dict[str, Any]


class Load(NamedTuple):
    """One kind of request. units: events in each; paced: requests a second of the run that times the answers."""

    name: str
    requests: list[bytes]
    units: int
    connections: int
    paced: int | None


def bench_collector(out: Console, *, seconds: int, rounds: int, sync: bool, output: Path) -> None:
    """Measure, print and write output as JSON. seconds: of each measurement. Starts the stack where it does not run.

    sync: the broker writes to its disk before it acknowledges; else what is measured does not depend on the disk.
    """
    with out.status("starting the stack") as status:
        settings = control.up(load_settings(), lambda what: status.update(f"starting: {what}"))
    settings = replace(settings, values={**settings.values, "RAW_EVENTS_TOPIC": TOPIC})
    kafka.ensure_topic(settings.bootstrap_servers, TOPIC, sync=sync)
    owner = owner_of(settings)
    key = sites.ensure(owner, SITE, Options(requests_per_second=0))
    measured: dict[str, list[Figures]] = {}
    try:
        with _collector(settings) as (url, process):
            for number in range(rounds):
                for load in _loads(url, key):
                    with out.status(f"round {number + 1} of {rounds}: {load.name}"):
                        figures = _measure(url, process, load, seconds)
                    measured.setdefault(load.name, []).append(figures)
                    out.print(f"round {number + 1}: {load.name:22} {_line(figures)}", highlight=False)
    finally:
        sites.remove(owner, SITE)
        kafka.delete_topic(settings.bootstrap_servers, TOPIC)
    loads = {name: _summary(figures, measured["/health"]) for name, figures in measured.items()}
    result = {
        **day_and_machine(), "seconds": seconds, "rounds": rounds, "sync": sync, "loads": loads,
    }  # fmt: skip
    for name, figures in loads.items():
        ratio = f"{figures['ratio_to_health']:.2f} of /health"
        out.print(f"{name:22} {_line(figures)}, {ratio}", highlight=False)
    output.write_text(json.dumps(result, indent=2) + "\n")
    out.print(f"written {output}")


@contextmanager
def _collector(settings: Settings) -> Iterator[tuple[str, psutil.Process]]:
    """A collector with one worker on the first core: its address, and its process, whose child the worker is."""
    port = processes.free_port()
    url = f"http://127.0.0.1:{port}"
    settings = replace(settings, values={**settings.values, "COLLECTOR_PORT": str(port), "COLLECTOR_URL": url})
    command = [sys.executable, "-m", "footfall.cli", "collect", "--rate-per-address", "0"]
    log = settings.logs / "bench-collector.log"
    with log.open("wb") as written:
        environment = {**settings.environment(), "PYTHONPATH": str(ROOT)}
        child = subprocess.Popen(command, env=environment, stdout=written, stderr=written)
    try:
        process = psutil.Process(child.pid)
        if hasattr(process, "cpu_affinity"):  # not on macOS
            process.cpu_affinity([0])
        processes.wait_until(lambda: collector.answers(settings), process, "the collector", log)
        yield url, process
    finally:
        child.terminate()
        child.wait(30)


def _loads(url: str, key: str) -> list[Load]:
    """The same visitors for all; /health is answered without any work."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    source = arrivals(seed=1, site=SITE, start=start, end=None, events_per_second=50)
    events = list(islice(_events(arrival.value for arrival in source), 2000))
    singles = [post(f"{url}/v1/{event['type']}", json.dumps(event).encode(), key) for event in events]
    batches = [
        post(f"{url}/v1/batch", json.dumps({"batch": events[start : start + BATCH]}).encode(), key)
        for start in range(0, len(events), BATCH)
    ]
    health = [b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"]
    return [
        Load("/health", health, 1, 64, None),
        Load("single events", singles, 1, 64, SINGLES_A_SECOND),
        Load(f"batches of {BATCH}", batches, BATCH, 8, BATCHES_A_SECOND),
    ]


def _events(records: Iterable[bytes]) -> Iterator[Figures]:
    """What an SDK would have sent; the simulated visitors' broken records are left out."""
    for record in records:
        with contextlib.suppress(ValueError, KeyError, TypeError, Invalid):
            event = json.loads(as_call(record))["batch"][0]
            as_event(read_call(json.dumps(event).encode()), None)
            yield event


def _measure(url: str, process: psutil.Process, load: Load, seconds: int) -> Figures:
    """As many requests as it takes, and then so many that the answers' times count.

    cpu_us_per_event: processor time in µs, which other programs on the same core change little.
    """
    warm = _drive(url, load, 20 * load.connections)
    rate = sum(warm.statuses.values()) / warm.seconds
    before = _cpu_seconds(process)
    full = _drive(url, load, max(100, int(rate * seconds)))
    events = sum(full.statuses.values()) * load.units
    figures: Figures = {
        "events_per_second": round(events / full.seconds),
        "cpu_us_per_event": round(1_000_000 * (_cpu_seconds(process) - before) / events, 2),
    }
    if load.paced:
        paced = _drive(url, load, load.paced * seconds, load.paced)
        figures["paced_events_per_second"] = load.paced * load.units
        figures |= {f"p{share}_ms": round(1000 * paced.quantile(share / 100), 1) for share in (50, 99)}
    return figures


def _cpu_seconds(process: psutil.Process) -> float:
    """Processor time of a server and its workers so far, in s."""
    return sum(sum(one.cpu_times()[:2]) for one in (process, *process.children(recursive=True)))


def _drive(url: str, load: Load, count: int, per_second: int | None = None) -> Report:
    report = drive(url, islice(cycle(load.requests), count), connections=load.connections, per_second=per_second)
    if set(report.statuses) != {200}:
        raise FootfallError(f"{load.name}: the collector answered {dict(report.statuses)}; see bench-collector.log")
    return report


def _summary(figures: list[Figures], health: list[Figures]) -> Figures:
    """Medians over the rounds; the ratio is the median of the ratios inside each round."""
    summary: Figures = {name: statistics.median(figure[name] for figure in figures) for name in figures[0]}
    ratios = [one["events_per_second"] / other["events_per_second"] for one, other in zip(figures, health, strict=True)]
    return {**summary, "ratio_to_health": round(statistics.median(ratios), 3), "rounds": figures}


def _line(figures: Figures) -> str:
    line = f"{figures['events_per_second']:>9,.0f}/s, {figures['cpu_us_per_event']:g} µs of CPU each"
    if "p99_ms" in figures:
        line += (
            f", at {figures['paced_events_per_second']:,.0f}/s p50 {figures['p50_ms']} ms, p99 {figures['p99_ms']} ms"
        )
    return line
