"""`footfall bench`: events a second of each job against a plain scan, and the latency from event to row.

Absolute figures depend on the machine; the ratios, taken in turn inside one run, hold.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import psycopg
from rich.console import Console

from footfall.bench.latency import measure_latency
from footfall.bench.suite import SITES, in_words, measure_suite
from footfall.bench.usage import task_manager_used
from footfall.database import connections
from footfall.deploy import client, cluster, rest
from footfall.errors import FootfallError
from footfall.project import catalog
from footfall.project.catalog import SQL
from footfall.settings import ROOT, Settings, load_settings
from footfall.simulate.visitors import arrivals
from footfall.stack import control, kafka, postgres
from footfall.topic import record_count, sender
from jobs.sql_script import read_script
from jobs.sql_suite import job_names, read_job
from jobs.statement_sets import set_names

SITE = "bench"
TOGETHER = ("sessions", "page_views_per_minute")
OF_NO_SITE = {"last_records"}  # the topic's partitions: the next record writes them again
PLAIN = "sessions_without_python"
Figures = dict[str, Any]


def bench(
    out: Console,
    *,
    jobs: Sequence[str],
    events: int,
    span: timedelta,
    rounds: int,
    suite_seconds: int,
    suite_jobs: Sequence[str],
    suite_parallelism: int,
    rate: int,
    latency_seconds: int,
    options: Sequence[str],
    output: Path,
) -> None:
    """Measure, print a table and write output as JSON. Starts the stack where it does not run.

    jobs are measured beside the scan; none stands for all, with those that only the bench has, and `footfall validate`.
    span is the event time over which the events are spread; suite_jobs run at once in the suite, each with
    suite_parallelism. options are Flink's, KEY=VALUE, for the jobs and the suite.
    Raises UnknownJob for a job that there is not.
    """
    all_jobs = [*job_names(SQL), *set_names(SQL), PLAIN, "together"]
    if unknown := sorted(set(jobs) - set(all_jobs)):
        raise catalog.UnknownJob(f"no job {', '.join(unknown)} (there are: {', '.join(all_jobs)})")
    with out.status("starting the stack") as status:
        settings = control.up(load_settings(), lambda what: status.update(f"starting: {what}"))
    if not postgres.is_running(settings.home / "data" / "postgres"):
        raise FootfallError("bench measures the embedded stack: unset POSTGRES_HOST")
    topic = f"bench_{events}_in_{span.total_seconds():.0f}s"
    settings = replace(settings, values={**settings.values, "RAW_EVENTS_TOPIC": topic})
    _fill(out, settings, events, span)
    result: Figures = {
        **day_and_machine(), "events": events, "span_seconds": span.total_seconds(), "rounds": rounds,
        "options": list(options),
    }  # fmt: skip
    measured: dict[str, list[Figures]] = {}
    with _bench_sql() as sql:
        for round_number in range(rounds):
            for name in ["scan", *(jobs or all_jobs)]:
                with out.status(f"round {round_number + 1} of {rounds}: {name}"):
                    figures = _measure(settings, sql, name, events, options)
                measured.setdefault(name, []).append(figures)
                out.print(f"round {round_number + 1}: {name:24} {figures['events_per_second']:>9,} events/s")
    result["jobs"] = _summary(measured)
    if {"sessions", PLAIN} <= measured.keys():
        result["enrichment_share"] = _enrichment(measured)
    if not jobs:
        result["validate_seconds"] = _validate_seconds(out)
    if suite_seconds:
        result["suite"] = measure_suite(
            out, load_settings(), suite_jobs, suite_parallelism, rate, timedelta(seconds=suite_seconds), options
        )
    if latency_seconds:
        result["latency_ms"] = measure_latency(out, load_settings(), timedelta(seconds=latency_seconds))
    _print(out, result)
    output.write_text(json.dumps(result, indent=2) + "\n")
    out.print(f"written {output}")
    _clean(settings)


def day_and_machine() -> Figures:
    """What every figure is given with."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()} {platform.release()}",
    }


def _fill(out: Console, settings: Settings, events: int, span: timedelta) -> None:
    """Make the topic and write the events, once: the same seed gives the same bytes."""
    if not kafka.ensure_topic(settings.bootstrap_servers, settings.topic) and record_count(settings) == events:
        return
    start = datetime(2026, 1, 1, tzinfo=UTC)
    size = 0
    with out.status("generating events") as status, sender(settings, linger_ms=100) as topic:
        source = arrivals(seed=1, site=SITE, start=start, end=None, events_per_second=events / span.total_seconds())
        for arrival in islice(source, events):
            value = _without_extras(arrival.value)
            topic.send(arrival.key, value)
            size += len(value)
            if topic.sent % 10_000 == 0:
                status.update(f"generating events: {topic.sent:,} of {events:,}")
    out.print(f"{events:,} events of {size / events:.0f} bytes on average in {settings.topic}")


def _without_extras(value: bytes) -> bytes:
    """The event as a lean library sends it, 500 to 600 bytes: without what repeats itself."""
    try:
        event = json.loads(value)
        for name in ("originalTimestamp", "sentAt", "traits"):
            event.pop(name, None)
        if event["type"] == "page":
            event.pop("properties", None)
        for name in ("screen", "timezone", "locale", "location", "ip"):
            event["context"].pop(name, None)
        for name in ("title", "search"):
            event["context"]["page"].pop(name, None)
        return json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode()
    except (ValueError, KeyError, TypeError, AttributeError):
        return value  # a broken record stays as it is


@contextmanager
def _bench_sql() -> Iterator[Path]:
    """The shipped sql/ with two more jobs: a scan into nothing, and the main jobs together in one."""
    with tempfile.TemporaryDirectory(prefix="footfall-bench-") as folder:
        sql = Path(folder) / "sql"
        shutil.copytree(ROOT / "sql", sql)
        (sql / "tables" / "nothing.sql").write_text(
            "CREATE TABLE nothing (site STRING, message_id STRING, event_time TIMESTAMP_LTZ(3)) "
            "WITH ('connector' = 'blackhole');\n"
        )
        (sql / "jobs" / "scan.sql").write_text(
            "-- scan: one row per event that the topic holds.\n"
            "INSERT INTO nothing SELECT site, `messageId`, event_time FROM raw_events;\n"
        )
        (sql / "jobs" / "together.sql").write_text(_together(sql))
        (sql / "jobs" / f"{PLAIN}.sql").write_text(_without_python((sql / "jobs" / "sessions.sql").read_text()))
        yield sql


def _together(sql: Path) -> str:
    """The main jobs as one statement set over those columns of events that they read.

    Flink computes what several INSERTs share as a whole: given the view events, all its columns would be sent along.
    """
    statements = [statement for name in TOGETHER for statement in read_job(sql, name)]
    inserts = "".join(f"{s.text};\n" for s in statements if s.kind == "INSERT")
    others = "".join(f"{s.text};\n" for s in statements if s.kind != "INSERT")
    text = f"{others}EXECUTE STATEMENT SET BEGIN\n{inserts}END;\n"
    [view] = read_script(sql / "views" / "events.sql")
    columns = re.findall(r"^  (\w+),?$", view.text.partition("\nFROM")[0], re.MULTILINE)
    read = ", ".join(name for name in columns if re.search(rf"\b{name}\b", text))
    text = re.sub(r"\b(FROM|TABLE) events\b", r"\1 read_events", text)
    first = f"CREATE TEMPORARY VIEW read_events AS SELECT {read} FROM events;\n"  # noqa: S608 - names of the view
    return f"-- together: one row per row of both tables.\n{first}{text}"


def _without_python(text: str) -> str:
    """A job that reads the same columns and calls no Python: what it takes less is what enrichment takes."""
    functions = [found for found in read_script(SQL / "functions.sql") if found.text.endswith("LANGUAGE PYTHON")]
    for name in sorted((found.name or "" for found in functions), key=len, reverse=True):
        text = re.sub(rf"\b{name}\(", "CONCAT_WS('', ", text)
    return text.replace("-- sessions:", f"-- {PLAIN}:", 1)


def _measure(settings: Settings, sql: Path, name: str, events: int, options: Sequence[str]) -> Figures:
    """Run one job over the whole topic; times are from its first running source to its end."""
    command = client.command(
        settings, [name], "-p", str(os.cpu_count() or 1), bounded=True,
        set_=["execution.checkpointing.interval=5s", *options],
    )  # fmt: skip
    command[command.index("--") + 1 : command.index("--") + 1] = ["--sql", str(sql)]
    child = subprocess.Popen(
        command,
        cwd=ROOT,
        env=client.client_environment(settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        with task_manager_used(settings) as used:
            output, _ = child.communicate()
    except BaseException:  # interrupted: the job would go on without its client
        child.terminate()
        for job in cluster.jobs(settings):
            if job.name == name:
                cluster.cancel(settings, job.id)
        raise
    found = [line.split()[-1] for line in output.splitlines() if line.startswith(f"{name} submitted as ")]
    if child.returncode or not found:
        raise FootfallError(f"{name} failed in the bench: {output[-500:]}")
    # The client may hear of the end before the cluster's pages are.
    while (detail := rest.call(settings, f"/jobs/{found[0]}"))["end-time"] < 0:
        time.sleep(0.2)
    started = min(_running_since(settings, found[0], vertex["id"]) for vertex in detail["vertices"])
    seconds = (detail["end-time"] - started) / 1000
    checkpoints = rest.call(settings, f"/jobs/{found[0]}/checkpoints")["history"]
    # The last may be of an operator that has ended already, and given up what it kept.
    state = max((one["state_size"] for one in checkpoints if one["status"] == "COMPLETED"), default=None)
    return {
        "seconds": round(seconds, 2),
        "events_per_second": round(events / seconds),
        "cpu_us_per_event": round(used.cpu_seconds * 1_000_000 / events, 1),
        "peak_memory_bytes": used.peak_bytes,
        "state_bytes": state,
    }


def _validate_seconds(out: Console) -> float:
    """What `footfall validate` takes for all files, the second time."""
    command = [sys.executable, "-m", "footfall.cli", "validate"]
    with out.status("validate"):
        for _ in range(2):
            start = time.perf_counter()
            subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return round(time.perf_counter() - start, 1)


def _running_since(settings: Settings, job: str, vertex: str) -> int:
    tasks = rest.call(settings, f"/jobs/{job}/vertices/{vertex}")["subtasks"]
    waits = ("DEPLOYING", "INITIALIZING")
    since: list[int] = [
        int(task["start-time"]) + sum(max(0, task["status-duration"].get(state, 0)) for state in waits)
        for task in tasks
    ]
    return min(since)


def _summary(measured: dict[str, list[Figures]]) -> dict[str, Figures]:
    """Medians over the rounds; the ratio is the median of the ratios inside each round."""
    summary: dict[str, Figures] = {}
    for name, figures in measured.items():
        scans = [scan["events_per_second"] for scan in measured["scan"]]
        speeds = [figure["events_per_second"] for figure in figures]
        states = [figure["state_bytes"] for figure in figures if figure["state_bytes"] is not None]
        summary[name] = {
            "events_per_second": round(statistics.median(speeds)),
            "ratio_to_scan": round(statistics.median(s / scan for s, scan in zip(speeds, scans, strict=True)), 3),
            "cpu_us_per_event": round(statistics.median(figure["cpu_us_per_event"] for figure in figures), 1),
            "peak_memory_bytes": max(figure["peak_memory_bytes"] for figure in figures),
            "state_bytes": max(states, default=None),
            "rounds": figures,
        }
    return summary


def _enrichment(measured: dict[str, list[Figures]]) -> float:
    """The part of the time of sessions that its Python functions take: the median over the rounds."""
    pairs = zip(measured["sessions"], measured[PLAIN], strict=True)
    return round(float(statistics.median(1 - plain["seconds"] / whole["seconds"] for whole, plain in pairs)), 2)


def _clean(settings: Settings) -> None:
    """Take the bench's rows out of the tables again."""
    with psycopg.connect(connections.owner(settings), autocommit=True) as connection:
        for table in catalog.written_tables():
            if table not in OF_NO_SITE:
                connection.execute(
                    f"DELETE FROM {table} WHERE site = ANY (%s) OR site IS NULL",  # noqa: S608
                    [[*SITES, "latency", ""]],
                )


def _print(out: Console, result: Figures) -> None:
    from rich.table import Table

    columns = ("job", "events/s", "s a million", "processor s a million", "to the scan", "peak memory", "state")
    table = Table(*columns, box=None, pad_edge=False)
    for name, figures in result["jobs"].items():
        state = "-" if figures["state_bytes"] is None else f"{figures['state_bytes'] / 1e6:.1f} MB"
        memory = f"{figures['peak_memory_bytes'] / 1e6:,.0f} MB"
        speed = figures["events_per_second"]
        cost, ratio = f"{1_000_000 / speed:.1f}", f"{figures['ratio_to_scan']:.2f}"
        table.add_row(name, f"{speed:,}", cost, f"{figures['cpu_us_per_event']:.1f}", ratio, memory, state)
    out.print(table)
    if "enrichment_share" in result:
        out.print(f"Python functions: {result['enrichment_share']:.0%} of the time of sessions")
    if "validate_seconds" in result:
        out.print(f"footfall validate: {result['validate_seconds']} s for all files")
    if "suite" in result:
        out.print(in_words(result["suite"]))
    for name, percentiles in result.get("latency_ms", {}).items():
        figures = ", ".join(f"{key} {value:,} ms" for key, value in percentiles.items() if key != "count")
        out.print(f"latency {name} ({percentiles['count']:,} seen): {figures or 'too few to say'}")
