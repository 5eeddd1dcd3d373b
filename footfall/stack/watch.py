"""The watch over the jobs beside the maintenance's other work: writes down how they are, resumes what has ended."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable

from footfall.database import connections
from footfall.deploy import health as job_health
from footfall.deploy import rest, resume
from footfall.deploy.health import JobHealth
from footfall.errors import FootfallError
from footfall.settings import Settings
from footfall.stack import intent, maintenance, restarts, supervisor

EVERY = 5.0  # seconds from one look at what runs to the next
WRITE_EVERY = 15.0  # seconds from one row of job_health to the next
REFUSED = "not resumed: "  # what a line of resume() has after the job's name, where it could not


def watch(
    settings: Settings, ended: threading.Event, say: Callable[[str], None], complain: Callable[[str], None]
) -> None:
    """Until ended is set. What is away is waited for: complain is called with it each time, '' where nothing is."""
    own = maintenance.is_the_stacks_own(settings)
    before: dict[str, JobHealth] | None = None
    said: set[str] = set()
    written = float("-inf")
    while not ended.wait(EVERY):
        try:
            if own:
                _revive_supervisor(settings, say)
            if time.monotonic() - written >= WRITE_EVERY:
                found = job_health.look(settings, job_health.read(settings) if before is None else before)
                job_health.write(settings, found)
                before, written = {health.job: health for health in found}, time.monotonic()
            if not (own and (intent.is_held(settings) or not intent.is_up(settings))):
                lines = resume_missing(settings)
                for line in lines:
                    if line not in said:  # once, not every few seconds
                        say(line)
                said = set(lines)
            complain("")
        except FootfallError as error:
            complain(str(error))


def _revive_supervisor(settings: Settings, say: Callable[[str], None]) -> None:
    """The supervisor starts us again, and we it."""
    if supervisor.find(settings) or intent.is_held(settings) or not intent.is_up(settings):
        return
    if restarts.read(settings, "Supervisor").advice(time.time()) == "now":
        say("the supervisor is started again")
        restarts.record(settings, "Supervisor", "it had ended")
        supervisor.launch(settings)


def resume_missing(settings: Settings) -> list[str]:
    """Resume the jobs that should run and don't, where there is a cluster to run them.

    Returns a line for each, and keeps it for `status`. Raises FootfallError.
    """
    if not rest.answers(settings) or not connections.answers(settings) or not _has_slots(settings):
        return []  # their own lines in `status` say so
    lines = resume.resume(settings)
    record(settings, lines)
    return lines


def record(settings: Settings, lines: Iterable[str]) -> None:
    """Keep what resume() said of each job."""
    for line in lines:
        job, _, what = line.partition(": ")
        if what.startswith(REFUSED):
            restarts.amend(settings, record_name(job), what.removeprefix(REFUSED))
        else:
            restarts.record(settings, record_name(job), what)


def record_name(job: str) -> str:
    """Under which name restarts.py keeps what happened to a job: no part's."""
    return f"job {job}"


def _has_slots(settings: Settings) -> bool:
    return int(rest.call(settings, "/overview")["slots-total"]) > 0
