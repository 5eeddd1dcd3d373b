"""Verbs that are killed at some moment of their work and repeated, on a log of their own that goes on meanwhile."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from pathlib import Path
from unittest.mock import patch

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType

from footfall.deploy import cluster, history, resume
from footfall.settings import ROOT, Settings
from footfall.simulate.visitors import Arrival, arrivals, heartbeat
from footfall.topic import last_records, sender

from . import day
from .checkout import Checkout, Edit
from .helpers import EPOCH, assert_same_rows, fresh_topic, hashable, settled_rows, stop_all, truncate, wait_for
from .page_reports import with_reports

JOBS = ("page_views_per_minute", "sessions")
VISITOR = 5  # column of sessions
START = EPOCH + timedelta(days=20_000)
BOUNCE = "page_view_count = 1 AND interaction_count = 0 AS is_bounce"
# Other SQL for the same rows: only an expression above the aggregate, so that the state restores; or another filter.
EDITS: dict[str, Edit] = {
    "as it is": (),
    "restores": ((BOUNCE, BOUNCE.replace("page_view_count = 1", "page_view_count + 0 = 1")),),
    "replays": (("FROM events;", "FROM events\nWHERE event_type <> 'nothing';"),),
}
NEVER_GIVES_UP = 1000  # times within ten minutes that a job is started again: more kills than a bad day has
CALL = (
    "from footfall.deploy import resume; from footfall.settings import load_settings;"
    f" resume.TRIES = {NEVER_GIVES_UP};"
    " print(*resume.{}(load_settings()), sep='\\n')"
)
RESUME, SUSPEND = CALL.format("resume"), CALL.format("suspend")


@dataclass
class Killed:
    """A topic, its jobs and a checkout whose command line is killed. took: seconds of a verb that was let be."""

    settings: Settings
    checkout: Checkout
    chance: random.Random
    log: Iterator[Arrival]
    took: dict[str, float] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    cut: int = 0  # how many were killed before they had ended
    now: Arrival | None = None

    def write(self, count: int = 300) -> None:
        """More events, at the broker's time of their arrival."""
        with sender(self.settings) as out:
            for arrival in islice(self.log, count):
                self.now = arrival
                at = round(arrival.time.timestamp() * 1000)
                out.producer.send(out.topic, key=arrival.key, value=arrival.value, timestamp_ms=at)

    def close(self) -> None:
        """Heartbeats of an hour later, which close what is open."""
        assert self.now
        later = self.now.time + timedelta(hours=1)
        with sender(self.settings) as out:
            for partition in out.partitions():
                value, at = heartbeat("shop", later, partition), round(later.timestamp() * 1000)
                out.producer.send(out.topic, value=value, partition=partition, timestamp_ms=at)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """`footfall …`, or python -c where the first of them is -c."""
        command = (
            [sys.executable, *arguments] if arguments[0] == "-c" else [sys.executable, "-m", "footfall.cli", *arguments]
        )
        environment = {
            **os.environ, "RAW_EVENTS_TOPIC": self.settings.topic,
            "PYTHONPATH": f"{self.checkout.root}{os.pathsep}{ROOT / 'tests'}",
            "TMPDIR": str(self.checkout.root.parent),  # who is killed leaves its folders behind
        }  # fmt: skip
        return subprocess.Popen(
            command,
            cwd=self.checkout.root,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def done(self, *arguments: str) -> str:
        """What a verb prints that is let be; it may refuse, in one line, but not break."""
        begun = time.monotonic()
        child = self.start(*arguments)
        printed, _ = child.communicate(timeout=900)
        self.took[_verb(arguments)] = time.monotonic() - begun
        self.said.append(f"{' '.join(arguments)[:60]} → {child.returncode}: {printed.strip()[-300:]}")
        assert "Traceback" not in printed, printed
        assert child.returncode in (0, 1), printed
        return printed

    def kill(self, *arguments: str, sign: signal.Signals = signal.SIGKILL) -> float:
        """Kill a verb at some moment of its work; returns after how many seconds, of how long it may take."""
        after = self.chance.uniform(0.3, self.took.get(_verb(arguments), 40.0))
        child = self.start(*arguments)
        try:
            child.wait(after)
        except subprocess.TimeoutExpired:
            child.send_signal(sign)
            child.communicate()
            self.cut += 1
        self.said.append(f"{' '.join(arguments)[:60]} killed after {after:.1f} s")
        return after

    def resumed(self) -> None:
        """What the maintenance process does: all that is wanted runs, and nothing is half done."""

        def is_settled() -> bool:
            self.said += [line for line in resume.resume(self.settings) if line not in self.said[-len(JOBS) :]]
            histories = history.latest(self.settings)
            running = {job.name for job in cluster.jobs(self.settings)}
            wanted = {entry.job for entry in resume.wanted(self.settings)}
            return not any(map(history.intent, histories.values())) and wanted <= running

        try:
            with patch.object(resume, "TRIES", NEVER_GIVES_UP):
                wait_for("nothing is half done", is_settled)
        except AssertionError as error:
            raise AssertionError(f"{error}\n" + "\n".join(self.said)) from None

    def submitted(self) -> None:
        """All jobs run, whatever was before."""
        self.resumed()
        running = {job.name for job in cluster.jobs(self.settings)}
        if missing := [name for name in JOBS if name not in running]:
            self.done("submit", *missing)
        assert {job.name for job in cluster.jobs(self.settings)} == set(JOBS), self.said

    def assert_exact(self, erased: Collection[str] = ()) -> None:
        """Close all windows, and compare with a recomputation of the log; erased are visitors without visits."""
        self.submitted()
        self.close()
        expected = day.tables(last_records(self.settings))
        expected["sessions"] = [row for row in expected["sessions"] if row[VISITOR] not in erased]
        for name in JOBS:
            found = settled_rows(self.settings, name)
            try:
                assert_same_rows(hashable(found), hashable(expected[name]))
            except AssertionError as error:
                raise AssertionError(f"{name}: {error}\n" + "\n".join(self.said)) from None
            assert len(found) > 50, self.said


def _verb(arguments: Sequence[str]) -> str:
    """What a verb is called with, but for jobs and values: it takes as long for others."""
    return " ".join(argument.partition("=")[0] for argument in arguments if argument not in JOBS)


def begin(stack: Settings, folder: Path, seed: int, per_second: float = 0.5) -> Killed:
    """A log with its first events, empty tables, and jobs that are not submitted yet."""
    stop_all(stack)  # what another test wants of another topic can't be resumed here
    settings = fresh_topic(stack)
    believe_producers(settings)
    truncate(settings, *JOBS)
    end = START + timedelta(hours=24)
    log = iter(with_reports(arrivals(seed=seed, site="shop", start=START, end=end, events_per_second=per_second)))
    killed = Killed(settings, Checkout(folder), random.Random(seed), log)
    killed.write(1000)
    return killed


def believe_producers(settings: Settings) -> None:
    """Let records have the times that their producers give them."""
    resource = ConfigResource(
        ConfigResourceType.TOPIC, settings.topic, configs={"message.timestamp.type": "CreateTime"}
    )
    admin = KafkaAdminClient(bootstrap_servers=settings.bootstrap_servers)
    admin.alter_configs([resource])
    admin.close()
