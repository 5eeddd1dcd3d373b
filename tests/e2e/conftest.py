"""The stack of these tests: in a folder and on ports of its own, gone without a trace afterwards."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
from collections.abc import Generator, Iterator
from pathlib import Path

import psutil
import pytest
from conftest import STACK, free_port, open_folder

from footfall.planner.jvm import QUICK, huge_pages
from footfall.settings import Settings, load_settings
from footfall.stack import control

PORTS = (
    "KAFKA_PORT",
    "KAFKA_CONTROLLER_PORT",
    "POSTGRES_PORT",
    "FLINK_PORT",
    "FLINK_RPC_PORT",
    "COLLECTOR_PORT",
    "PREVIEW_PORT",
)
# What would point at a server of the user's own, or at another job's topic.
FOREIGN = (
    "KAFKA_BOOTSTRAP_SERVERS", "POSTGRES_HOST", "POSTGRES_JDBC_URL", "FLINK_REST_ADDRESS", "COLLECTOR_ADDRESS",
    "COLLECTOR_URL", "RAW_EVENTS_TOPIC",
)  # fmt: skip
PLANNER = "org.apache.flink.client.python.PythonGatewayServer"  # of this process, until it ends: commands.planning()
# Servers that live for minutes: what the JVM's second compiler gains it does not get back.
SHORT_LIVED = {
    "FLINK_ENV_JAVA_OPTS_JM": QUICK,
    "FLINK_ENV_JAVA_OPTS_TM": QUICK,
    "KAFKA_OPTS": f"-XX:TieredStopAtLevel=1 {huge_pages()}".rstrip(),
}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What fails with a part of the stack that had ended says so."""
    report = yield
    if report.failed and (home := os.environ.get("FOOTFALL_HOME")):
        for log, marks in {"supervisor.log": ("",), "jobmanager.log": ("FATAL", " ERROR ", "# ")}.items():
            path = Path(home) / "logs" / log
            lines = path.read_text(errors="replace").splitlines() if path.exists() else []
            found = [line[:300] for line in lines if any(mark in line for mark in marks)]
            report.sections.append((f"{STACK} {log}", "\n".join(found[-5:])))
    return report


@pytest.fixture(scope="package")
def stack() -> Iterator[Settings]:
    """A running stack; the environment names it, so that `footfall` finds it too."""
    home = open_folder()
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("FOOTFALL_HOME", str(home))
        ports = {name: free_port() for name in PORTS}
        for name, value in {**ports, **SHORT_LIVED}.items():
            environment.setenv(name, str(value))
        for name in (*FOREIGN, *(name for name in os.environ if name.startswith("POSTGRES_") and "PASS" in name)):
            environment.delenv(name, raising=False)
        try:
            yield control.up(load_settings(), print)
        finally:
            control.down(load_settings(), print, keep_jobs=False)
            control.remove_data(load_settings())
            left = [process.cmdline() for process in processes_of(home)]
            listening = [name for name, port in ports.items() if listens(port)]
            shutil.rmtree(home)
        assert not left
        assert not listening


def processes_of(home: Path) -> list[psutil.Process]:
    """Living processes of the stack of this folder: named by their arguments, environment or working directory."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            belongs = (
                any(str(home) in argument for argument in process.cmdline())
                or process.environ().get("FOOTFALL_HOME") == str(home)
                or process.cwd().startswith(str(home))
            )
            ours = process.pid == os.getpid() or (process.ppid() == os.getpid() and PLANNER in process.cmdline())
            if belongs and not ours and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
