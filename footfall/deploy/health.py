"""How the jobs are: whether those that should run do, why not, and whether rows flow. Kept in the table job_health."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from footfall import topic
from footfall.database import connections
from footfall.deploy import cluster, rest, resume
from footfall.errors import FootfallError
from footfall.settings import ALERT_TEST_SITE, Settings

STALLED = timedelta(minutes=1)  # without a row read, though there are some to read
RECENT = timedelta(minutes=10)
STARTS_WITHIN = timedelta(minutes=1)
# A job that ran again for QUIET has recovered; one that failed OFTEN within RECENT, and lately, has not.
OFTEN, QUIET = 3, timedelta(minutes=2)
STATES = {
    "RUNNING": "running", "INITIALIZING": "starting", "CREATED": "starting", "RECONCILING": "starting",
    "RESTARTING": "restarting", "FAILING": "restarting", "CANCELLING": "stopping",
}  # fmt: skip
# What a job fails of when another thing has ended: where there is a cause beside it, that says more.
CONSEQUENCES = re.compile(rf"{cluster.NO_SLOTS}|[Tt]ask ?[Mm]anager|TaskExecutor|Association with remote system")
OFFSET = re.compile(r"\.topic\.(.+)\.partition\.(\d+)\.currentOffset$")
NAMES_AT_ONCE = 20  # metrics in one address


@dataclass(frozen=True)
class JobHealth:
    """A row of job_health."""

    job: str
    should_run: bool
    state: str
    since: datetime
    restart_count: int
    cause: str
    flink_job_id: str | None
    read_count: int | None
    unread_count: int | None
    last_progress: datetime
    checked_at: datetime

    @property
    def is_stalled(self) -> bool:
        """Whether rows have not flowed for a minute, though there are some."""
        return bool(self.unread_count) and self.checked_at - self.last_progress > STALLED

    @property
    def problem(self) -> str:
        """What is wrong with it, in words; '' where nothing is."""
        if self.state == "restarting":
            often = f", {self.restart_count} times in ten minutes" if self.restart_count > 1 else ""
            return f"restarts since {_clock(self.since)}{often}: {self.cause or 'Flink gives no cause'}"
        is_new = self.state == "starting" and self.checked_at - self.since < STARTS_WITHIN
        if self.should_run and self.state not in ("running", "stopping") and not is_new:
            why = f": {self.cause}" if self.cause else ""
            return f"{'does not run' if self.state == 'not running' else self.state} since {_clock(self.since)}{why}"
        if self.is_stalled:
            return f"rows have not flowed since {_clock(self.last_progress)}, {self.unread_count:,} records are unread"
        return ""


COLUMNS = ", ".join(field.name for field in fields(JobHealth))


def look(settings: Settings, before: Mapping[str, JobHealth], now: datetime | None = None) -> list[JobHealth]:
    """How each job is that runs or should. before: what was seen last, for what only time shows.

    Raises DatabaseError where it can't be known which should run. A Flink or Kafka that is away is no error.
    """
    now = now or datetime.now(UTC)
    should_run = {entry.job for entry in resume.wanted(settings)}
    return look_at(settings, should_run, before, now)


def look_at(
    settings: Settings, should_run: Iterable[str], before: Mapping[str, JobHealth], now: datetime
) -> list[JobHealth]:
    """The same, where it is known which should run."""
    wanted = set(should_run)
    try:
        running = {job.name: job for job in cluster.jobs(settings)} if rest.answers(settings) else None
    except FootfallError:
        running = None
    ends = _ends(settings) if running else {}
    found = []
    for name in sorted(wanted | set(running or ())):
        job = (running or {}).get(name)
        if job is None:
            cause = "" if running is not None else f"no Flink answers at {settings.flink_rest}"
            seen = JobHealth(name, True, "not running", now, 0, cause, None, None, None, now, now)
        else:
            seen = _running(settings, job, name in wanted, ends, now)
        found.append(_continued(seen, before.get(name)))
    return found


def _ends(settings: Settings) -> dict[int, int]:
    try:
        return topic.ends(settings) if topic.listens(settings.bootstrap_servers) else {}
    except FootfallError:
        return {}


def _running(
    settings: Settings, job: cluster.Job, should_run: bool, ends: Mapping[int, int], now: datetime
) -> JobHealth:
    state, count, cause, since = STATES[job.state], 0, "", now
    read = unread = None
    try:
        detail = rest.call(settings, f"/jobs/{job.id}", seconds=rest.PROBE_SECONDS)
        since = _moment(detail["timestamps"].get(job.state) or detail["start-time"])
        if state == "running" and any(vertex["status"] in cluster.ON_THE_WAY for vertex in detail["vertices"]):
            state = "starting"
        failures = [
            entry
            for entry in rest.call(settings, f"/jobs/{job.id}/exceptions")["exceptionHistory"]["entries"]
            if now - _moment(entry["timestamp"]) < RECENT
        ]
        count, cause = len(failures), _cause([entry["stacktrace"] for entry in failures])
        if count >= OFTEN and now - _moment(failures[0]["timestamp"]) < QUIET:
            state = "restarting"
        if failures and state in ("restarting", "starting"):
            since = min(since, _moment(failures[-1]["timestamp"]))
        if state == "running":
            read, unread = _reading(settings, job.id, detail, ends)
    except FootfallError as error:  # it has just ended, or Flink has
        cause = str(error)
    return JobHealth(job.name, should_run, state, since, count, cause, job.id, read, unread, now, now)


def _continued(seen: JobHealth, before: JobHealth | None) -> JobHealth:
    """With what only time shows: since when it is so, and when it last read on."""
    if before is None:
        return seen
    values = {field.name: getattr(seen, field.name) for field in fields(JobHealth)}
    if seen.state == before.state:
        values["since"] = min(seen.since, before.since) if seen.state != "running" else seen.since
    if seen.flink_job_id == before.flink_job_id and seen.unread_count != 0:
        # A task that restarted reads again what it had read: only what is further is progress.
        is_further = (seen.read_count or 0) > (before.read_count or 0)
        values["read_count"] = max(seen.read_count or 0, before.read_count or 0) or None
        if not is_further:
            values["last_progress"] = before.last_progress
    return JobHealth(**values)


def _reading(
    settings: Settings, id_: str, detail: Mapping[str, Any], ends: Mapping[int, int]
) -> tuple[int | None, int | None]:
    """Offsets read and records unread of the slowest source; None where Flink does not know yet."""
    read: list[int] = []
    unread: list[int] = []
    for vertex in detail["vertices"]:
        if not vertex["name"].startswith("Source: "):
            continue
        path = f"/jobs/{id_}/vertices/{vertex['id']}/subtasks/metrics"
        names = [metric["id"] for metric in rest.call(settings, path)]
        names = [name for name in names if OFFSET.search(name) or name.endswith(".pendingRecords")]
        places: dict[tuple[str, int], int] = {}
        pending: list[int] = []
        for at in range(0, len(names), NAMES_AT_ONCE):
            asked = quote(",".join(names[at : at + NAMES_AT_ONCE]), safe=",")
            for metric in rest.call(settings, f"{path}?get={asked}&agg=max,sum"):
                if partition := OFFSET.search(metric["id"]):
                    if metric["max"] >= 0:  # -1 until it has read a record since it was started
                        places[partition[1], int(partition[2])] = int(metric["max"]) + 1
                else:
                    pending.append(int(metric["sum"]))
        known = {number: place for (name, number), place in places.items() if name == settings.topic}
        left = sum(max(ends.get(number, 0) - place, 0) for number, place in known.items())
        if places:
            read.append(sum(places.values()))
        if known or pending:
            unread.append(max(left, sum(pending)))
    return min(read, default=None), max(unread, default=None)


def _cause(stacks: list[str]) -> str:
    """Why it failed, the newest first: what says more than that something else had ended."""
    causes = [" ".join(cluster.root_cause(stack).split())[:300] for stack in stacks]
    roots = [cause for cause in causes if not CONSEQUENCES.search(cause)]
    return next(iter([*roots, *causes]), "")


def read(settings: Settings) -> dict[str, JobHealth]:
    """What was seen last, by job. Raises DatabaseError."""
    with connections.connect(connections.owner(settings)) as connection:
        rows = connection.execute(f"SELECT {COLUMNS} FROM job_health WHERE job <> %s", [ALERT_TEST_SITE])  # noqa: S608
        return {row[0]: JobHealth(*row) for row in rows}


def write(settings: Settings, found: Iterable[JobHealth]) -> None:
    """These are the rows now. Raises DatabaseError."""
    rows = list(found)
    places = ", ".join(["%s"] * len(fields(JobHealth)))
    changes = ", ".join(f"{field.name} = EXCLUDED.{field.name}" for field in fields(JobHealth)[1:])
    with connections.connect(connections.owner(settings)) as connection, connection.transaction():
        # The row of `footfall alert test` is not ours.
        names = [ALERT_TEST_SITE, *(row.job for row in rows)]
        connection.execute("DELETE FROM job_health WHERE job <> ALL(%s)", [names])
        for row in rows:
            connection.execute(
                f"INSERT INTO job_health ({COLUMNS}) VALUES ({places}) ON CONFLICT (job) DO UPDATE SET {changes}",  # noqa: S608
                astuple(row),
            )


def _moment(milliseconds: float) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _clock(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%H:%M:%S} UTC"
