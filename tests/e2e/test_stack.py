"""The embedded stack: what is wrong with a machine is told in one line, a crash is repaired, secrets stay secret."""

from __future__ import annotations

import json
import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from conftest import free_port, open_folder
from odd_records import GOOD

from footfall.errors import FootfallError
from footfall.settings import Settings
from footfall.stack import kafka, processes
from footfall.stack.jars import ensure_jars
from footfall.topic import record_count, sender

from .commands import complaint, output, run
from .conftest import PORTS, listens
from .helpers import fresh_topic

pytestmark = pytest.mark.cluster


@pytest.fixture
def second_home() -> Iterator[dict[str, str | None]]:
    """The environment of a stack that was never started."""
    folder = open_folder()
    yield {"FOOTFALL_HOME": str(folder), **{name: str(free_port()) for name in PORTS}}
    shutil.rmtree(folder)


def test_a_killed_broker_is_repaired_by_up_and_loses_no_record(stack: Settings) -> None:
    topic = fresh_topic(stack)
    with sender(topic) as open_topic:
        for number in range(1000):
            open_topic.send(None, json.dumps({**GOOD, "messageId": str(number)}).encode())
    broker = processes.find(kafka.pid_file(stack))
    assert broker
    broker.kill()
    psutil.wait_procs([broker], timeout=10)
    assert not listens(stack.port("KAFKA_PORT"))
    output("up")
    assert record_count(topic) == 1000


@pytest.mark.parametrize(("name", "part"), [("KAFKA_PORT", "Kafka"), ("POSTGRES_PORT", "Postgres")])
def test_a_busy_port_is_one_line_that_names_the_variable(
    second_home: dict[str, str | None], name: str, part: str
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        line = complaint("up", changes={**second_home, name: port})
        stopped = down({**second_home, name: port})  # before the port is free: the supervisor would start the rest
    assert "Flink" not in stopped
    assert ("Dashboards" in stopped) == (part == "Kafka"), "they need Postgres alone"
    assert line.startswith(f"footfall: port {port} for {part} is in use by ")
    assert f"(pid {os.getpid()})" in line
    assert f"{name}=…. Not started without it: Flink, task manager, collector" in line


def down(changes: dict[str, str | None]) -> str:
    """What `footfall down --volumes` of that stack prints."""
    done = run("down", "--volumes", "--yes", changes=changes)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_machine_without_java_is_reported_so_in_one_line(tmp_path: Path, second_home: dict[str, str | None]) -> None:
    line = complaint("up", changes={**second_home, "PATH": str(tmp_path), "JAVA_HOME": None})
    assert line.startswith("footfall: no Java found: install a JDK 17")
    line = complaint("up", changes={**second_home, "JAVA_HOME": str(tmp_path / "nothing")})
    assert "JAVA_HOME" in line


def test_another_java_than_17_is_reported_so_in_one_line(tmp_path: Path, second_home: dict[str, str | None]) -> None:
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\" 2019-01-15' >&2\n")
    java.chmod(0o755)
    line = complaint("up", changes={**second_home, "JAVA_HOME": str(tmp_path)})
    assert (
        line
        == f'footfall: Java 17 is needed, {java} is: openjdk version "11.0.2" 2019-01-15. Set JAVA_HOME to a JDK 17'
    )


def test_a_java_that_cannot_be_run_is_reported_so_in_one_line(
    tmp_path: Path, second_home: dict[str, str | None]
) -> None:
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.write_text("no program")
    assert str(java) in complaint("up", changes={**second_home, "JAVA_HOME": str(tmp_path)})


def test_a_machine_without_maven_is_reported_so_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FootfallError, match=r"\Amvn is missing: install Maven .*\Z"):
        ensure_jars(tmp_path / "jars")


def test_a_stack_that_is_not_up_is_reported_so_in_one_line(second_home: dict[str, str | None]) -> None:
    for arguments in (["submit", "sessions"], ["run", "sessions"], ["stop", "sessions"], ["topic"], ["maintain"]):
        assert "footfall up" in complaint(*arguments, changes=second_home), arguments
    assert "footfall up" in complaint("psql", "-c", "SELECT 1", changes=second_home)
    assert down(second_home) == "nothing was running\ndata removed\n"


def test_passwords_are_in_no_log_no_command_line_and_no_dry_run(stack: Settings) -> None:
    names = dict(line.split("=", 1) for line in stack.secrets_file.read_text().splitlines())
    assert len(names) == 5
    assert stack.secrets_file.stat().st_mode & 0o777 == 0o600
    places = {str(path): path.read_bytes() for path in stack.logs.rglob("*") if path.is_file()}
    assert len(places) >= 4
    for process in psutil.process_iter():
        places[f"/proc/{process.pid}/cmdline"] = _command_line(process.pid)
    for path in (*stack.flink_home.glob("conf/*"), *(stack.home / "run").glob("*")):
        if path.is_file():
            places[str(path)] = path.read_bytes()
    for verb in ("submit", "run"):
        places[f"{verb} --dry-run"] = output(verb, "--dry-run", "sessions").encode()
    leaks = [
        (name, place) for name, secret in names.items() for place, text in places.items() if secret.encode() in text
    ]
    assert leaks == []


def _command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
