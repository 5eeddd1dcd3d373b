"""`make faults N=30`: run after run, a fault under load; then the tables are compared with a recomputation.

The first runs have a clock of their own, so that visits end and every table can be compared after each; the last ones
send through the collector, now, and are compared together at the end.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from footfall.admin import sites
from footfall.admin.site_options import Options
from footfall.database import connections
from footfall.deploy import cluster, submission
from footfall.errors import FootfallError
from footfall.settings import ROOT, Settings
from footfall.stack import kafka, restarts
from footfall.topic import Record

from .. import day
from . import check, kinds, load

SITE = "shop"
JOBS = (
    "sessions", "page_views_per_minute", "visit_events", "arrivals_per_minute", "late_events", "rejected_events",
    "engagement_per_minute", "custom_events_per_minute", "user_traits",
)  # fmt: skip
RATE = 200.0  # events a second that are sent
GAP = timedelta(hours=1)  # of the log's own clock, which ends every visit
BY_THEMSELVES_SECONDS = 300  # after which somebody would have to come
SETTLE_SECONDS = 600
LEAST_SECONDS = 25  # of a run's load
LIVE_SHARE = 4  # one run of so many, the last ones
Say = Callable[[str], None]


@dataclass
class Run:
    """What came of one run; seconds until rows flowed again after the fault was over."""

    faults: list[str]
    recovered_seconds: float | None = None
    needed_a_person: bool = False
    acknowledged: int = 0
    lost: int = 0
    rows: int = 0
    differences: dict[str, Any] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        return not (self.needed_a_person or self.lost or self.differences)

    def __str__(self) -> str:
        flowing = "" if self.recovered_seconds is None else f"rows flow after {self.recovered_seconds:.0f} s, "
        outcome = "equal" if not self.differences else f"DIFFERENT: {self.differences}"
        person = "; NEEDED A PERSON" if self.needed_a_person else ""
        lost = f"; {self.lost} LOST" if self.lost else ""
        return (
            f"{' + '.join(self.faults)}: {flowing}{self.rows:,} rows {outcome}, "
            f"{self.acknowledged:,} events acknowledged{lost}{person}"
        )


class Campaign:
    """On a stack that is up, with nothing running on it; its topic is empty."""

    def __init__(self, settings: Settings, jobs: Sequence[str] = JOBS, say: Say = print) -> None:
        self.settings, self.jobs, self.say = settings, jobs, say
        key_options = Options(traits=day.TRAITS[SITE], requests_per_second=0)
        self.write_key = sites.ensure(connections.owner(settings), SITE, key_options)
        # So long ago that all runs lie in the past.
        self.clock = datetime.now(UTC).replace(microsecond=0, second=0, minute=0) - timedelta(days=9)
        for line in submission.submit(settings, jobs):
            say(line)
        self.ledger = check.Ledger(settings)
        self.done: list[Run] = []
        self.closing: list[Record] = []  # which closed the windows of the run before

    def go(self, plan: Sequence[Sequence[kinds.Fault]], seed: int) -> list[Run]:
        """Do each of the plan; ends where a run can't be told from the one before any more."""
        live = len(plan) // LIVE_SHARE
        runs = self.done
        for number, faults in enumerate(plan[: len(plan) - live]):
            runs.append(self.run_in_the_past(seed + number, faults))
            self.say(f"{number + 1}/{len(plan)} {runs[-1]}")
            if not runs[-1].is_good:
                return runs
        acknowledged: set[str] = set()
        for number, faults in enumerate(plan[len(plan) - live :], len(plan) - live):
            run, taken = self.run_now(seed + number, faults)
            runs.append(run)
            acknowledged |= taken
            self.say(f"{number + 1}/{len(plan)} {run}")
        if live:
            last = Run(["all that came through the collector"])
            records = self.ledger.new_records()
            self._compare(last, acknowledged, records, check.expected_now(records, self.closing))
            runs[-1].rows, runs[-1].lost, runs[-1].differences = last.rows, last.lost, last.differences
            self.say(str(last))
        return runs

    def run_in_the_past(self, seed: int, faults: Sequence[kinds.Fault]) -> Run:
        """Some hours of the log's own clock, sent as fast as wanted; every window is closed at its end."""
        run, log = Run([fault.name for fault in faults]), max(fault.log for fault in faults)
        sender = load.Topic(self.settings, load.history(seed, SITE, self.clock, log), RATE)
        self._under_load(run, sender, faults)
        assert sender.last
        self.clock = sender.last.replace(microsecond=0) + GAP
        sender.close_windows(self.clock, range(kafka.PARTITIONS))
        self.clock += GAP
        records = self.ledger.new_records()
        self._compare(run, sender.acknowledged, records, check.expected(records, self.closing))
        self.closing = list(filter(check.closes, records))
        return run

    def run_now(self, seed: int, faults: Sequence[kinds.Fault]) -> tuple[Run, set[str]]:
        """Events of now through the collector; also returns what it has acknowledged."""
        run = Run([fault.name for fault in faults])
        source = load.from_now(seed, SITE, datetime.now(UTC), RATE / 4)
        sender = load.Collector(self.settings, self.write_key, source, RATE / 4)
        self._under_load(run, sender, faults)
        run.acknowledged = len(sender.acknowledged)
        return run, sender.acknowledged

    def _under_load(self, run: Run, sender: load.Load, faults: Sequence[kinds.Fault]) -> None:
        restarts.clear(self.settings)  # an incident of its own: those before do not count among its tries
        begun = time.monotonic()
        sender.start()
        try:
            self._strike(run, faults)
            time.sleep(max(0.0, LEAST_SECONDS - (time.monotonic() - begun)))
        finally:
            sender.ended.set()
        sender.finish()

    def _strike(self, run: Run, faults: Sequence[kinds.Fault]) -> None:
        """Let it go wrong in the midst of the load, one after the other, and wait until rows flow again."""
        assert self._await_rows(BY_THEMSELVES_SECONDS, self._newest() or datetime.min.replace(tzinfo=UTC)), (
            "no rows before the fault"
        )
        for fault in faults:
            fault.do(self.settings)
            time.sleep(2)
        over, newest = time.monotonic(), self._settled_newest()
        if self._await_rows(BY_THEMSELVES_SECONDS, newest):
            run.recovered_seconds = time.monotonic() - over
            return
        run.needed_a_person = True
        status = subprocess.run(
            [sys.executable, "-m", "footfall.cli", "status"], cwd=ROOT, capture_output=True, text=True,
            env=self.settings.environment(),
        )  # fmt: skip
        run.messages = (status.stdout + status.stderr).splitlines()
        for line in run.messages:
            self.say(f"  {line}")
        raise NeedsAPerson(run)

    def _newest(self) -> datetime | None:
        """When the newest event happened that is in Postgres; None where none is, or it does not answer."""
        try:
            with psycopg.connect(connections.owner(self.settings), connect_timeout=2) as connection:
                found = connection.execute("SELECT max(event_time) FROM visit_events").fetchone()
                return found[0] if found else None
        except psycopg.Error:
            return None

    def _settled_newest(self) -> datetime:
        """The same, once it answers; rows that come after this are rows that flow."""
        deadline = time.monotonic() + BY_THEMSELVES_SECONDS
        while time.monotonic() < deadline:
            if newest := self._newest():
                return newest
            time.sleep(0.5)
        return datetime.now(UTC)

    def _await_rows(self, seconds: float, newer_than: datetime) -> bool:
        """Whether rows of newer events come within that time, and all jobs run then."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            newest = self._newest()
            if newest and newest > newer_than and self._all_run():
                return True
            time.sleep(0.5)
        return False

    def _all_run(self) -> bool:
        try:
            states = {job.name: job.state for job in cluster.jobs(self.settings)}
        except FootfallError:
            return False
        return all(states.get(name) == "RUNNING" for name in self.jobs)

    def _compare(self, run: Run, acknowledged: set[str], records: Sequence[Record], expected: check.Rows) -> None:
        """Wait until the tables have what is expected of the records, and say where they have not."""
        run.acknowledged = len(acknowledged)
        run.lost = len(acknowledged - check.ids(records))
        run.rows = sum(rows.total() for rows in expected.values())
        deadline = time.monotonic() + SETTLE_SECONDS
        while True:
            try:
                run.differences = self.ledger.differences(expected)
            except psycopg.Error as error:
                run.differences = {"Postgres": str(error)}
            if not run.differences or time.monotonic() > deadline:
                break
            time.sleep(1)
        if not run.differences:
            self.ledger.close()


class NeedsAPerson(Exception):
    """Nothing moved for so long that somebody would have had to come."""

    def __init__(self, run: Run) -> None:
        super().__init__(str(run))
        self.run = run


def summary(runs: Sequence[Run], planned: int) -> dict[str, Any]:
    """The figures of a campaign."""
    times = [run.recovered_seconds for run in runs if run.recovered_seconds is not None]
    return {
        "runs": len(runs),
        "planned": planned,
        "rows_compared": sum(run.rows for run in runs),
        "runs_that_differ": sum(bool(run.differences) for run in runs),
        "acknowledged": sum(run.acknowledged for run in runs),
        "lost": sum(run.lost for run in runs),
        "runs_that_need_a_person": sum(run.needed_a_person for run in runs),
        "recovered_seconds_median": round(statistics.median(times), 1) if times else None,
        "recovered_seconds_most": round(max(times), 1) if times else None,
        "each": [asdict(run) for run in runs],
    }


def run(
    settings: Settings, plan: Sequence[Sequence[kinds.Fault]], seed: int, *, as_one: bool = False, say: Say = print
) -> list[Run]:
    """The whole campaign; it ends early where a run is not as it must be."""
    campaign = Campaign(settings, ("all_jobs",) if as_one else JOBS, say)
    try:
        return campaign.go(plan, seed)
    except NeedsAPerson as needed:
        say(f"{needed.run}")
        return [*campaign.done, needed.run]
