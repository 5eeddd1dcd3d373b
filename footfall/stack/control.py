"""All of the embedded stack: Kafka, Postgres, Flink and the collector on loopback, or those of your own."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from typing import NamedTuple

from footfall import database, schema
from footfall.errors import FootfallError
from footfall.settings import SECRET_NAMES, Settings, load_settings
from footfall.stack import collector, flink, kafka, postgres, preview, processes, upkeep
from footfall.stack.java import ensure_jars, java

KAFKA, POSTGRES, FLINK = "KAFKA_BOOTSTRAP_SERVERS", "POSTGRES_HOST", "FLINK_REST_ADDRESS"
COLLECTOR = "COLLECTOR_URL"
Say = Callable[[str], None]


class Part(NamedTuple):
    """One server: where it listens and whether it answers."""

    name: str
    address: str
    yours: bool
    answers: bool


def up(settings: Settings, say: Say) -> Settings:
    """Start what does not run yet and make the topic and the tables. Repairs what a crash or a reboot left half dead.

    Returns the settings with the generated passwords. Raises FootfallError with what to do.
    """
    java()
    settings = ensure_secrets(settings)
    with _lock(settings):
        say("jars")
        ensure_jars(settings.jars)
        if not settings.is_yours(KAFKA):
            say(f"Kafka on {settings.bootstrap_servers}")
            kafka.start(settings)
        kafka.ensure_topic(settings.bootstrap_servers, settings.topic)
        if not settings.is_yours(POSTGRES):
            say(f"Postgres on {settings.values['POSTGRES_HOST']}:{settings.values['POSTGRES_PORT']}")
            _start_postgres(settings)
        say("tables")
        schema.prepare(settings)
        if not settings.is_yours(FLINK):
            say(f"Flink on {settings.flink_rest}")
            flink.start(settings)
        elif not flink.answers(settings):
            flink.rest(settings, "/overview")  # says what is wrong
        if not settings.is_yours(COLLECTOR):
            say(f"the collector on {settings.collector_url}")
            collector.start(settings)
        upkeep.start(settings)
        say(f"the dashboards on {preview.address(settings)}")
        preview.start(settings)
    return settings


def down(settings: Settings, say: Say) -> list[str]:
    """Stop what `up` started, jobs included; data stay. Returns the names of what was stopped."""
    stopped = []
    with _lock(settings):
        parts = [("the dashboards", preview.stop), ("the collector", collector.stop), ("the upkeep", upkeep.stop)]
        parts += [("Flink", flink.stop), ("Kafka", kafka.stop)]
        for name, stop in (*parts, ("Postgres", _stop_postgres)):
            say(name)
            if stop(settings):
                stopped.append(name)
    return stopped


def remove_data(settings: Settings) -> None:
    """Remove topics, tables, state and passwords; FootfallError where the stack still runs."""
    if any(part.answers and not part.yours for part in status(settings)):
        raise FootfallError("the stack runs: `footfall down` first")
    postgres.remove(settings.home / "data" / "postgres")
    for name in ("data", "run", "logs"):
        shutil.rmtree(settings.home / name, ignore_errors=True)
    settings.secrets_file.unlink(missing_ok=True)


def status(settings: Settings) -> list[Part]:
    """Every part, whether it is ours or yours, and whether it answers."""
    values = settings.values
    return [
        Part("Kafka", settings.bootstrap_servers, settings.is_yours(KAFKA), kafka.answers(settings.bootstrap_servers)),
        Part(
            "Postgres", f"{values['POSTGRES_HOST']}:{values['POSTGRES_PORT']}", settings.is_yours(POSTGRES),
            database.answers(settings),
        ),
        Part("Flink", settings.flink_rest, settings.is_yours(FLINK), flink.answers(settings)),
        Part("Collector", settings.collector_url, settings.is_yours(COLLECTOR), collector.answers(settings)),
        Part("Dashboards", preview.address(settings), False, preview.answers(settings)),
    ]  # fmt: skip


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


def _start_postgres(settings: Settings) -> None:
    directory, port = settings.home / "data" / "postgres", settings.port("POSTGRES_PORT")
    if postgres.is_running(directory) is None:
        processes.require_free_port("Postgres", port, "POSTGRES_PORT")
        directory.parent.mkdir(parents=True, exist_ok=True)
        postgres.start(directory, port, settings.values["POSTGRES_ADMIN_PASSWORD"], settings.logs / "postgres.log")


def _stop_postgres(settings: Settings) -> bool:
    directory = settings.home / "data" / "postgres"
    if postgres.is_running(directory) is None:
        return False
    postgres.stop(directory)
    return True


@contextlib.contextmanager
def _lock(settings: Settings) -> Iterator[None]:
    """One `up` or `down` at a time; the lock goes with the process that holds it."""
    import fcntl

    settings.home.mkdir(parents=True, exist_ok=True)
    with (settings.home / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise FootfallError("another `footfall up` or `down` is at work on this stack: wait for it") from None
        yield
