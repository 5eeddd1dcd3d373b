"""All of the embedded stack: Kafka, Postgres, Flink and the collector on loopback, or those of your own."""

from __future__ import annotations

import os
import secrets
import shutil
import threading
from collections.abc import Callable

from footfall.database import connections, migrate
from footfall.deploy import rest, resume
from footfall.errors import FootfallError
from footfall.planner.jvm import java
from footfall.settings import SECRET_NAMES, Settings, load_settings
from footfall.stack import intent, kafka, postgres, restarts, watch
from footfall.stack.jars import ensure_jars
from footfall.stack.parts import PARTS, Part, by_name

SUSPEND_SECONDS = 150.0  # a minute for savepoints, and what Flink needs to cancel a job that took none
Say = Callable[[str], None]


def up(settings: Settings, say: Say, report: Say = lambda line: None) -> Settings:
    """Start what does not run yet, make the topic and the tables, and resume the jobs that were not stopped.

    Repairs what a crash or a reboot left half dead. A part that can't be started keeps back only those that need it.
    report is given a line for each job that was resumed or could not be. Returns the settings with the generated
    passwords. Raises FootfallError with what to do.
    """
    java()
    settings = ensure_secrets(settings)
    with intent.hold(settings):
        by_name("Supervisor").stop(settings)  # it would start the same things
        intent.set_up(settings, [part.name for part in PARTS if not part.is_yours(settings)])
        restarts.clear(settings)
        say("jars")
        ensure_jars(settings.jars)
        failed: dict[str, str] = {}
        for part in PARTS:
            if not any(need in failed for need in part.needs):
                try:
                    _bring_up(settings, part, say)
                except FootfallError as error:
                    failed[part.name] = str(error)
            else:
                failed[part.name] = ""
        if not failed:
            say("the jobs that ran")
            lines = resume.resume(settings, say)
            watch.record(settings, lines)
            for line in lines:
                report(line)
    if failed:
        reasons = "; ".join(reason for reason in failed.values() if reason)
        others = [name.lower() if name != "Flink" else name for name, reason in failed.items() if not reason]
        raise FootfallError(reasons + (f". Not started without it: {', '.join(others)}" if others else ""))
    return settings


def _bring_up(settings: Settings, part: Part, say: Say) -> None:
    """Start a part and make what it is to hold. Raises FootfallError, also where one of the user's does not answer."""
    if not part.is_yours(settings):
        address = part.address(settings)
        say(f"{part.name} on {address}" if address else part.name)
        part.start(settings)
    elif part.name == "Flink" and not rest.answers(settings):
        rest.call(settings, "/overview")  # says what is wrong
    if part.name == "Kafka":
        kafka.ensure_topic(settings.bootstrap_servers, settings.topic)
    if part.name == "Postgres":
        say("tables")
        migrate.prepare(settings)


def down(settings: Settings, say: Say, report: Say = lambda line: None, *, keep_jobs: bool = True) -> list[str]:
    """Stop what `up` started; data stay. Returns the names of what was stopped.

    The jobs take savepoints first, from which the next `up` goes on (keep_jobs=False: not, as the data will be
    removed); report is given a line for each. What is left of this stack's processes is ended too.
    """
    stopped = []
    with intent.hold(settings):
        intent.set_down(settings)
        # First what would start things again; then the collector, so that the jobs can read all that came.
        for name in ("Supervisor", "Maintenance", "Collector"):
            stopped += _stop(settings, by_name(name), say)
        if keep_jobs:
            say("the jobs, with savepoints")
            for line in _suspend(settings, say):
                report(line)
        for part in reversed(PARTS):
            if part.name not in ("Supervisor", "Maintenance", "Collector"):
                stopped += _stop(settings, part, say)
        restarts.clear(settings)
    return stopped


def _stop(settings: Settings, part: Part, say: Say) -> list[str]:
    say(part.name)
    return [part.name] if part.stop(settings) else []


def _suspend(settings: Settings, say: Say) -> list[str]:
    """Savepoints of all jobs, where Flink and Postgres are there to take and record them; a line for each.

    On a Flink of the user's own the jobs go on: it is not ours that goes down.
    """
    flinks, tables = by_name("Flink"), by_name("Postgres")
    if flinks.is_yours(settings) or flinks.find(settings) is None:
        return []
    if not rest.answers(settings) or not connections.answers(settings):
        missing = "Flink" if not rest.answers(settings) else tables.name
        return [f"no savepoints were taken, as {missing} does not answer: jobs will go on from their last checkpoints"]
    lines: list[str] = []

    def work() -> None:
        try:
            lines.extend(resume.suspend(settings, say))
        except FootfallError as error:
            lines.append(f"not all jobs took a savepoint: {error}. Others will go on from their checkpoints")

    # A thread of a daemon: what hangs in it ends with this process.
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(SUSPEND_SECONDS)
    if thread.is_alive():
        lines.append(
            f"not all jobs were stopped within {SUSPEND_SECONDS:.0f} s: those will go on from their checkpoints"
        )
    return lines


def remove_data(settings: Settings) -> None:
    """Remove topics, tables, state and passwords; FootfallError where the stack still runs."""
    if any(part.find(settings) for part in PARTS if not part.is_yours(settings)):
        raise FootfallError("the stack runs: `footfall down` first")
    postgres.remove(settings.home / "data" / "postgres")
    for name in ("data", "run", "logs"):
        shutil.rmtree(settings.home / name, ignore_errors=True)
    settings.secrets_file.unlink(missing_ok=True)


def is_empty(settings: Settings) -> bool:
    """Whether no data of a stack lie in the state directory."""
    return not (settings.home / "data").exists()


def ensure_secrets(settings: Settings) -> Settings:
    """Generate the passwords that the environment does not give, once for each stack, readable by this user alone."""
    missing = sorted(name for name in SECRET_NAMES if name not in settings.values)
    if missing:
        settings.home.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(settings.secrets_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "a") as file:
            file.writelines(f"{name}={secrets.token_urlsafe(24)}\n" for name in missing)
    return load_settings()
