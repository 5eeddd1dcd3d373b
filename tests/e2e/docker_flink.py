"""A Flink of docker/compose.yaml without Docker: its commands, but for addresses and ports, on a test's stack."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from conftest import free_port

from footfall.deploy import client, rest
from footfall.settings import ROOT, Settings
from footfall.stack import processes

from .helpers import wait_for

DOCKER = ROOT / "docker"
PARTS = ("jobmanager", "taskmanager")
HOSTS = (
    "jobmanager.rpc.address", "jobmanager.bind-host", "rest.address", "rest.bind-address", "taskmanager.host",
    "taskmanager.bind-host",
)  # fmt: skip
REPORTER = "metrics.reporter.prom.port"  # which binds all addresses: Flink 2.3 has no option for another


class Reporting(NamedTuple):
    """A Flink whose metrics Prometheus can read. targets: where, one a process."""

    settings: Settings
    targets: list[str]


@contextmanager
def flink_of_compose(stack: Settings, folder: Path) -> Iterator[Reporting]:
    """Beside the stack's own, with its Kafka and Postgres, for as long as the block lasts; folder gets its logs."""
    services = yaml.safe_load((DOCKER / "compose.yaml").read_text())["services"]
    ports = {"rest.port": str(free_port()), "jobmanager.rpc.port": str(free_port())}
    reporters = {part: str(free_port()) for part in PARTS}
    values = {**stack.values, "FLINK_REST_ADDRESS": f"127.0.0.1:{ports['rest.port']}"}
    settings = dataclasses.replace(stack, values=values)
    pid_files = {part: folder / f"{part}.pid" for part in PARTS}
    try:
        for part, pid_file in pid_files.items():
            local = {**dict.fromkeys(HOSTS, "127.0.0.1"), **ports, REPORTER: reporters[part]}
            command = _here(settings, services[part]["command"], local)
            log = folder / f"{part}.log"
            processes.start(f"Flink's {part}", command, client.environment(settings), pid_file, log)
            if part == "jobmanager":
                wait_for("the job manager", lambda: rest.answers(settings), 60)
        wait_for("the task manager", lambda: rest.call(settings, "/overview")["slots-total"], 60)
        yield Reporting(settings, [f"127.0.0.1:{port}" for port in reporters.values()])
    finally:
        for pid_file in reversed(pid_files.values()):
            processes.stop(pid_file)


def _here(settings: Settings, command: str | list[str], local: Mapping[str, str]) -> list[str]:
    """The command of a service, of this machine's Flink and with these values of options that it has."""
    program, *arguments = shlex.split(command if isinstance(command, str) else command[-1].removeprefix("exec "))
    options = dict(argument.split("=", 1) for argument in arguments if "=" in argument)
    assert arguments == ["start-foreground", *(word for name in options for word in ("-D", f"{name}={options[name]}"))]
    options |= {name: value for name, value in local.items() if name in options}
    script = settings.flink_home / "bin" / Path(program).name
    return [str(script), "start-foreground", *(word for pair in options.items() for word in ("-D", "=".join(pair)))]


def scrape_config(**targets: list[str]) -> dict[str, Any]:
    """docker/prometheus/prometheus.yml with these addresses of its jobs, more often; jobs without any are left out."""
    config: dict[str, Any] = yaml.safe_load((DOCKER / "prometheus" / "prometheus.yml").read_text())
    jobs = {job["job_name"]: job for job in config["scrape_configs"]}
    assert targets.keys() <= jobs.keys()
    for name, addresses in targets.items():
        for discovery in [key for key in jobs[name] if key.endswith("_configs")]:
            del jobs[name][discovery]
        jobs[name]["static_configs"] = [{"targets": addresses}]
    return {**config, "global": {"scrape_interval": "3s"}, "scrape_configs": [jobs[name] for name in targets]}
