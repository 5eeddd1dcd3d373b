"""What `footfall status` says: parts, jobs, slots, topic and tables, and all that is wrong with them."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any, NamedTuple

import psutil

from footfall.database import connections, migrate
from footfall.deploy import cluster, health, intents, metrics, rest, resume
from footfall.deploy.health import JobHealth
from footfall.errors import FootfallError
from footfall.settings import Settings
from footfall.stack import intent, kafka, processes, restarts
from footfall.stack.parts import PARTS, by_name
from footfall.stack.restarts import Restarts

LOOK_SECONDS = 10.0  # for all jobs and tables together
UNWATCHED_SECONDS = 90.0  # a row of job_health is written every 15 s


class PartHealth(NamedTuple):
    """One part. state: up, down, starting, unready (it waits for another) or silent (it does not answer)."""

    name: str
    address: str
    yours: bool
    state: str
    pid: int | None
    restarts: Restarts


@dataclass(frozen=True)
class Health:
    """All of it. jobs is None where Flink or Postgres did not say; problems has a sentence for all that is wrong."""

    parts: list[PartHealth]
    jobs: list[JobHealth] | None
    dropped: dict[str, int]
    slots: int | None
    free_slots: int | None
    pending_migrations: list[str] | None
    resumed: dict[str, Restarts]
    durability: tuple[bool, str] | None = None
    problems: list[str] = field(default_factory=list)


def look(settings: Settings) -> Health:
    """Ask everything, for some seconds at most, however much of it hangs."""
    parts = look_at_parts(settings)
    up = {part.name for part in parts if part.state == "up"}
    slots, jobs, dropped, pending = None, None, {}, None
    problems: list[str] = []
    work: dict[str, Callable[[], Any]] = {}
    if "Flink" in up:
        work["slots"] = partial(rest.call, settings, "/overview", seconds=rest.PROBE_SECONDS)
    if "Postgres" in up:
        work["migrations"] = partial(_pending, settings)
    if "Kafka" in up:
        work["topic"] = partial(kafka.durability, settings)
    if up & {"Flink", "Postgres"}:
        work["jobs"] = partial(_jobs, settings, "Postgres" in up)
    answers = _ask(work, problems)
    slots, pending = answers.get("slots"), answers.get("migrations")
    if "jobs" in answers:
        jobs, dropped, last_look = answers["jobs"]
        is_late = last_look is not None and last_look > UNWATCHED_SECONDS
        if is_late and any(job.should_run for job in jobs) and not _has_just_begun(parts):
            problems.append(
                f"the jobs have not been watched for {last_look:.0f} s: `footfall maintain --every` is not at work"
            )
    found = Health(
        parts, jobs, dropped, slots and slots["slots-total"], slots and slots["slots-available"], pending,
        {name.removeprefix("job "): one for name, one in restarts.every(settings).items() if name.startswith("job ")},
        answers.get("topic"), problems,
    )  # fmt: skip
    problems[:0] = sentences(settings, found)
    return found


def _has_just_begun(parts: list[PartHealth]) -> bool:
    """Whether the maintenance had no time yet to look at the jobs."""
    pids = [part.pid for part in parts if part.name == "Maintenance" and part.pid]
    with contextlib.suppress(psutil.NoSuchProcess):
        return any(time.time() - psutil.Process(pid).create_time() < UNWATCHED_SECONDS for pid in pids)
    return True


def look_at_parts(settings: Settings) -> list[PartHealth]:
    """Every part, whether it is ours or yours, and whether it answers."""
    shown = [part for part in PARTS if part.name != "Task manager" or not part.is_yours(settings)]
    with ThreadPoolExecutor(len(shown)) as pool:
        answers = dict(zip(shown, pool.map(lambda part: part.answers(settings), shown), strict=True))
    found = []
    for part, answer in answers.items():
        yours = part.is_yours(settings)
        process = None if yours else part.find(settings)
        state = "up" if answer and (yours or process) else "down"
        if process and not answer:
            is_new = time.time() - process.create_time() < processes.STARTS_WITHIN
            state = "starting" if is_new else "unready" if part.is_alive(settings) else "silent"
        found.append(
            PartHealth(
                part.name, part.address(settings), yours, state, process.pid if process else None,
                restarts.read(settings, part.name),
            )
        )  # fmt: skip
    return found


def _ask(work: dict[str, Callable[[], Any]], problems: list[str]) -> dict[str, Any]:
    """The answers that come within LOOK_SECONDS. What hangs is left behind in threads that end with the process."""
    answers: dict[str, Any] = {}

    def ask(name: str) -> None:
        try:
            answers[name] = work[name]()
        except FootfallError as error:
            problems.append(str(error))

    threads = {name: threading.Thread(target=ask, args=(name,), daemon=True) for name in work}
    for thread in threads.values():
        thread.start()
    until = time.monotonic() + LOOK_SECONDS
    for name, thread in threads.items():
        thread.join(max(until - time.monotonic(), 0))
        if thread.is_alive():
            problems.append(f"nothing was heard of the {name} within {LOOK_SECONDS:.0f} s")
    return answers


def _pending(settings: Settings) -> list[str]:
    return migrate.pending(connections.owner(settings))


def _jobs(settings: Settings, knows: bool) -> tuple[list[JobHealth], dict[str, int], float | None]:
    """The jobs, the rows that each dropped as late, and how old in seconds the maintenance's own look is."""
    now = datetime.now(UTC)
    before = health.read(settings) if knows else {}
    wanted = {entry.job for entry in resume.wanted(settings)} if knows else set()
    jobs = health.look_at(settings, wanted, before, now)
    running = cluster.jobs(settings) if rest.answers(settings) else []
    dropped = {job.name: count for job in running if (count := metrics.dropped_rows(settings, job))}
    ages = [(now - seen.checked_at).total_seconds() for seen in before.values()]
    return jobs, dropped, max(ages, default=None)


def sentences(settings: Settings, found: Health) -> list[str]:
    """All that is wrong, in words."""
    said = []
    for part in found.parts:
        if part.restarts.gave_up:
            said.append(f"{part.name} {part.restarts.sentence()}; `footfall up` tries again")
        elif part.state == "silent":
            said.append(f"{part.name} (pid {part.pid}) does not answer")
        elif part.state == "unready":
            said.append(f"{part.name} is not ready: it waits for what it needs")
        elif part.state != "up":
            what = (
                "is not ready yet" if part.state == "starting" else "does not answer" if part.yours else "does not run"
            )
            said.append(f"{part.name} {what}")
    if not intent.is_up(settings) and not any(part.pid for part in found.parts):
        said = [f"{part.name} does not answer" for part in found.parts if part.yours and part.state != "up"]
        # In a container that has all servers elsewhere, nothing is meant to run here.
        if any(not part.yours and by_name(part.name).variable for part in found.parts):
            said.append("the stack is not up: `footfall up`")
    if short := restarts.lacks_space(settings):
        said.append(short)
    if found.slots == 0:
        said.append("Flink has no task manager: no job can run")
    waiting = [job.job for job in found.jobs or () if job.should_run and job.state in ("starting", "restarting")]
    if found.slots and not found.free_slots and waiting:
        said.append(f"Flink has too few slots ({found.slots}): {', '.join(waiting)} may wait for some")
    for job in found.jobs or ():
        record = found.resumed.get(job.job)
        if record and job.state == "not running" and job.problem and not _has_resumed(record):
            said.append(f"{job.job} {job.problem}; it is not resumed: {record.reason}")
        elif job.problem:
            said.append(f"{job.job} {job.problem}")
    if found.durability and not found.durability[0]:
        said.append(found.durability[1])
    if found.pending_migrations:
        names = found.pending_migrations
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        said.append(f"the database is behind: {names[0]}{more}; `footfall up`, or `footfall migrate`")
    return said


def lines(found: Health) -> list[str]:
    """For people: a line for each job, and for each part that was started again."""
    said = []
    for job in found.jobs or ():
        line = f"job {job.job} {job.state}"
        if job.unread_count:
            line += f", {job.unread_count:,} records behind"
        if dropped := found.dropped.get(job.job):
            line += f"; {dropped:,} rows came too late for a window"
        if not job.should_run:
            is_replay = job.job.endswith(intents.BESIDE)
            line += "; a replay" if is_replay else "; not by `footfall submit`: nothing resumes it"
        if job.state == "running" and job.restart_count:
            line += f"; {job.restart_count} restarts in ten minutes: {job.cause}"
        record = found.resumed.get(job.job)
        if record and record.times and _has_resumed(record):
            line += f"; resumed at {_clock(record.times[-1])}: {record.reason}"
        said.append(line)
    if found.durability and found.durability[0]:
        said.append(f"200 of the collector: {found.durability[1]}")
    said += [f"{part.name} {part.restarts.sentence()}" for part in found.parts if part.restarts.times]
    return said


def as_dict(found: Health) -> dict[str, Any]:
    """For programs; docs/operating.md describes it. Times are ISO 8601 in UTC."""
    return {
        "ok": not found.problems,
        "problems": found.problems,
        "parts": [
            {
                "name": part.name, "address": part.address or None, "yours": part.yours, "state": part.state,
                "pid": part.pid, "restarts": _restarts(part.restarts),
            }
            for part in found.parts
        ],
        "jobs": None if found.jobs is None else [
            {
                **{name: _plain(value) for name, value in asdict(job).items()},
                "is_stalled": job.is_stalled, "problem": job.problem or None,
                "dropped_rows": found.dropped.get(job.job, 0),
                "resumes": _restarts(found.resumed.get(job.job, Restarts(job.job))),
            }
            for job in found.jobs
        ],
        "slots": None if found.slots is None else {"total": found.slots, "free": found.free_slots},
        "durability": None if found.durability is None else dict(zip(("kept", "why"), found.durability, strict=True)),
        "pending_migrations": found.pending_migrations,
    }  # fmt: skip


def _has_resumed(record: Restarts) -> bool:
    return record.reason.startswith("resumed ")


def _restarts(record: Restarts) -> dict[str, Any]:
    return {
        "times": [datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds") for at in record.times],
        "reason": record.reason or None,
        "gave_up": record.gave_up,
    }


def _plain(value: Any) -> Any:
    return value.isoformat(timespec="seconds") if isinstance(value, datetime) else value


def _clock(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%H:%M:%S} UTC"
