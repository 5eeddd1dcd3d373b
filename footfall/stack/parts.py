"""The parts of the embedded stack, each found, started, asked and ended in the same way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from footfall.database import connections
from footfall.deploy import rest
from footfall.settings import Settings
from footfall.stack import collector, flink, kafka, maintenance, postgres, preview, processes, supervisor

KAFKA, POSTGRES, FLINK = "KAFKA_BOOTSTRAP_SERVERS", "POSTGRES_HOST", "FLINK_REST_ADDRESS"
COLLECTOR = "COLLECTOR_URL"


@dataclass(frozen=True)
class Part:
    """One process of the stack.

    variable: of the address of one that the user runs instead. needs: parts without which it is not started. start
    starts it or finds it, and waits until it answers; launch starts it and does not wait; answers asks it, for some
    seconds at most; responds says whether it is alive, where it may be so without being ready. pid_file: None for
    Postgres, which has one of its own.
    """

    name: str
    variable: str | None
    needs: tuple[str, ...]
    start: Callable[[Settings], object]
    launch: Callable[[Settings], object]
    answers: Callable[[Settings], bool]
    stop: Callable[[Settings], bool]
    address: Callable[[Settings], str]
    log_file: Callable[[Settings], Path]
    pid_file: Callable[[Settings], Path] | None
    responds: Callable[[Settings], bool] | None = None

    def is_yours(self, settings: Settings) -> bool:
        """Whether the user runs it, not we."""
        return self.variable is not None and settings.is_yours(self.variable)

    def find(self, settings: Settings) -> psutil.Process | None:
        """Its process; None where it does not run."""
        return processes.find(self.pid_file(settings)) if self.pid_file else _find_postgres(settings)

    def is_alive(self, settings: Settings) -> bool:
        """Whether it answers anything at all."""
        return (self.responds or self.answers)(settings)

    def kill(self, settings: Settings) -> None:
        """End it at once, as it does not answer."""
        if self.pid_file:
            processes.kill(self.pid_file(settings))
        else:
            postgres.kill(_data(settings))

    def last_error(self, settings: Settings) -> str:
        """What its log says of its end."""
        return processes.last_error(self.log_file(settings), self.pid_file(settings) if self.pid_file else None)


def by_name(name: str) -> Part:
    return next(part for part in PARTS if part.name == name)


def _data(settings: Settings) -> Path:
    return settings.home / "data" / "postgres"


def _postgres_log(settings: Settings) -> Path:
    return settings.logs / "postgres.log"


def _find_postgres(settings: Settings) -> psutil.Process | None:
    pid = postgres.is_running(_data(settings))
    try:
        return psutil.Process(pid) if pid else None
    except psutil.NoSuchProcess:
        return None


def _start_postgres(settings: Settings) -> int:
    password = settings.values["POSTGRES_ADMIN_PASSWORD"]
    return postgres.start(_data(settings), settings.port("POSTGRES_PORT"), password, _postgres_log(settings))


def _launch_postgres(settings: Settings) -> int:
    password = settings.values["POSTGRES_ADMIN_PASSWORD"]
    return postgres.launch(_data(settings), settings.port("POSTGRES_PORT"), password, _postgres_log(settings))


def _stop_postgres(settings: Settings) -> bool:
    is_running = postgres.is_running(_data(settings)) is not None
    postgres.stop(_data(settings))
    return postgres.kill(_data(settings)) or is_running


# In the order in which they are started.
PARTS = (
    Part(
        "Kafka", KAFKA, (), kafka.start, kafka.launch, lambda settings: kafka.answers(settings.bootstrap_servers),
        kafka.stop, lambda settings: settings.bootstrap_servers, kafka.log_file, kafka.pid_file,
    ),
    Part(
        "Postgres", POSTGRES, (), _start_postgres, _launch_postgres, connections.answers, _stop_postgres,
        lambda settings: f"{settings.values['POSTGRES_HOST']}:{settings.values['POSTGRES_PORT']}", _postgres_log, None,
    ),
    Part(
        "Flink", FLINK, ("Kafka", "Postgres"), flink.start_job_manager, flink.launch_job_manager, rest.answers,
        flink.stop_job_manager, lambda settings: settings.flink_rest,
        lambda settings: flink.log_file(settings, "jobmanager"),
        lambda settings: flink.pid_file(settings, "jobmanager"),
    ),
    Part(
        "Task manager", FLINK, ("Flink",), flink.start_task_manager, flink.launch_task_manager,
        flink.task_manager_answers, flink.stop_task_manager, lambda settings: "",
        lambda settings: flink.log_file(settings, "taskmanager"),
        lambda settings: flink.pid_file(settings, "taskmanager"),
    ),
    Part(
        "Collector", COLLECTOR, ("Kafka", "Postgres"), collector.start, collector.launch, collector.answers,
        collector.stop, lambda settings: settings.collector_url, collector.log_file, collector.pid_file,
        collector.responds,
    ),
    Part(
        "Maintenance", None, ("Postgres",), maintenance.start, maintenance.launch, maintenance.answers,
        maintenance.stop, lambda settings: "", maintenance.log_file, maintenance.pid_file,
    ),
    Part(
        "Dashboards", None, ("Postgres",), preview.start, preview.launch, preview.answers, preview.stop,
        preview.address, preview.log_file, preview.pid_file,
    ),
    Part(
        "Supervisor", None, (), supervisor.start, supervisor.launch, supervisor.answers, supervisor.stop,
        lambda settings: "", supervisor.log_file, supervisor.pid_file,
    ),
)  # fmt: skip
