"""Whatever ends of a running stack is started again by itself, its jobs go on, and rows flow: nobody has to come."""

from __future__ import annotations

import base64
import itertools
import json
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator

import psutil
import pytest

from footfall.database import connections
from footfall.deploy import cluster
from footfall.settings import Settings
from footfall.stack import restarts
from footfall.stack.parts import PARTS, by_name

from .collectors import add_site
from .commands import FOOTFALL, output, run
from .helpers import asked, wait_for

pytestmark = pytest.mark.cluster
JOB = "visit_events"
KILLED_ELSEWHERE = {"Kafka", "Postgres", "Flink", "Task manager"}  # under load, by test_faults.py
numbers = itertools.count(1)


@pytest.fixture(scope="module")
def site(stack: Settings) -> Iterator[str]:
    """The write key of a site of which events flow into visit_events; the job is stopped afterwards."""
    key = add_site(stack, "fallen")
    output("submit", JOB)
    assert flows_within(stack, key, 120)
    yield key
    run("stop", JOB)


def flows_within(stack: Settings, key: str, seconds: float) -> float:
    """Send an event until the collector takes it, and wait for its row; returns how long it took."""
    begun = time.monotonic()
    message = f"fallen-{next(numbers)}"
    body = json.dumps({"event": "Resumed", "anonymousId": "a", "messageId": message}).encode()
    authorization = "Basic " + base64.b64encode(f"{key}:".encode()).decode()
    request = urllib.request.Request(
        f"{stack.collector_url}/v1/track", body, {"Authorization": authorization, "Content-Type": "application/json"}
    )

    def is_taken() -> bool:
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def is_written() -> bool:
        if not connections.answers(stack):
            return False
        return bool(asked(stack, f"SELECT FROM visit_events WHERE message_id = '{message}'"))

    wait_for("the collector", is_taken, seconds)
    wait_for("the event's row", is_written, seconds)
    return time.monotonic() - begun


def processes_of_parts(stack: Settings) -> dict[str, psutil.Process]:
    return {part.name: process for part in PARTS if (process := part.find(stack))}


def kill(process: psutil.Process) -> None:
    process.send_signal(signal.SIGKILL)
    psutil.wait_procs([process], timeout=10)


@pytest.mark.parametrize("name", [part.name for part in PARTS if part.name not in KILLED_ELSEWHERE])
def test_a_part_that_was_killed_comes_back_by_itself_and_the_jobs_resume(stack: Settings, site: str, name: str) -> None:
    part = by_name(name)
    before = part.find(stack)
    assert before
    workers = before.children()
    kill(before)
    if name == "Collector":
        assert len(workers) == 1
        psutil.wait_procs(workers, timeout=20)
        assert not workers[0].is_running(), "a worker ends with its parent"
    took = flows_within(stack, site, 150)
    print(f"rows flow {took:.0f} s after {name} was killed")
    # A worker of what was killed may answer for a moment longer, and rows need not every part.
    wait_for(f"the restart of {name}", lambda: restarts.read(stack, name).times, 60)
    wait_for(f"{name} again", lambda: part.answers(stack), 60)
    assert not restarts.read(stack, name).gave_up
    wait_for("a status without fault", lambda: run("status").returncode == 0, 60)
    assert f"{name} was started again at " in output("status")


def test_down_and_up_resume_the_jobs_and_say_from_where(stack: Settings, site: str) -> None:
    output("down")
    assert processes_of_parts(stack) == {}
    done = run("status")
    assert done.returncode == 1
    assert "the stack is not up: `footfall up`" in done.stdout
    printed = output("up")
    assert [line for line in printed.splitlines() if line.startswith(f"{JOB}: ")]
    assert cluster.running(stack, JOB)
    flows_within(stack, site, 120)


def test_all_killed_at_once_is_what_up_resumes_from(stack: Settings, site: str) -> None:
    found = processes_of_parts(stack)
    assert len(found) == len(PARTS)
    for process in reversed(found.values()):
        process.suspend()  # so that none starts another meanwhile
    for process in found.values():
        process.kill()
    psutil.wait_procs(found.values(), timeout=10)
    done = run("status")
    assert done.returncode == 1
    assert "wrong: Kafka does not run" in done.stdout
    printed = output("up")
    assert [line for line in printed.splitlines() if line.startswith(f"{JOB}: ")]
    flows_within(stack, site, 120)


def test_an_up_that_was_killed_is_repeated_at_once(stack: Settings, site: str) -> None:
    output("down")
    first = subprocess.Popen([str(FOOTFALL), "up"], stdout=subprocess.DEVNULL, start_new_session=True)
    wait_for("a broker on its way", lambda: by_name("Kafka").find(stack), 60)
    first.kill()
    first.wait()
    output("up")
    flows_within(stack, site, 120)
