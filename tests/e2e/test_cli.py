"""The `footfall` command on a running stack: what it prints, and its exit codes."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from odd_records import GOOD

from footfall.deploy import cluster
from footfall.settings import ROOT, Settings
from footfall.topic import record_count, sender
from jobs.sql_suite import job_names

from .commands import complaint, output, run
from .conftest import processes_of
from .helpers import cancel, count, fresh_topic, rows, truncate, wait_for

pytestmark = pytest.mark.cluster
JOB = "late_events"
LATE = {**GOOD, "timestamp": "2026-01-31T11:00:00.000Z"}


@pytest.fixture
def topic(stack: Settings) -> Settings:
    return fresh_topic(stack)


@pytest.fixture
def no_jobs_left(stack: Settings) -> Iterator[None]:
    yield
    for job in cluster.jobs(stack):
        cancel(stack, job)


def write(settings: Settings, *events: dict[str, object]) -> None:
    with sender(settings) as topic:
        for event in events:
            topic.send(b"key", json.dumps(event).encode())


def test_up_finds_the_stack_that_runs(stack: Settings) -> None:
    servers = {process.pid for process in processes_of(stack.home) if process.name() == "java"}
    printed = output("up")
    assert [line.split()[:2] for line in printed.splitlines()[:3]] == [
        ["Kafka", "up"],
        ["Postgres", "up"],
        ["Flink", "up"],
    ]
    assert {process.pid for process in processes_of(stack.home) if process.name() == "java"} == servers
    assert len(servers) == 3


def test_status_names_every_part_and_its_address(stack: Settings) -> None:
    printed = output("status")
    for name in ("KAFKA_PORT", "POSTGRES_PORT", "FLINK_PORT"):
        assert f"127.0.0.1:{stack.values[name]}" in printed


def test_status_fails_where_a_part_does_not_answer(stack: Settings) -> None:
    done = run("status", changes={"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"})
    assert done.returncode == 1
    assert re.search(r"^Kafka +down +127\.0\.0\.1:1 \(yours\)$", done.stdout, re.MULTILINE)


def test_list_shows_every_job(stack: Settings) -> None:
    printed = output("list")
    for name in job_names(ROOT / "sql"):
        assert re.search(rf"^{name} +- ", printed, re.MULTILINE), name


def test_show_tells_what_a_job_reads_and_writes(stack: Settings) -> None:
    printed = output("show", "sessions")
    assert "reads   events\n" in printed
    assert "writes  sessions\n" in printed
    assert re.search(r"^duration_ms +BIGINT NOT NULL +session_end - session_start", printed, re.MULTILINE)


def test_a_dry_run_prints_the_stock_command_and_submits_nothing(stack: Settings) -> None:
    printed = output("submit", "--dry-run", "-p", "2", "sessions", JOB)
    assert re.fullmatch(r"\S+/bin/flink run -d .* -p 2 -py jobs/run_sql\.py -- .* sessions late_events\n", printed)
    assert cluster.jobs(stack) == []


@pytest.mark.usefixtures("no_jobs_left")
def test_a_stopped_job_goes_on_where_it_was(topic: Settings) -> None:
    truncate(topic, JOB)
    write(topic, {**LATE, "messageId": "before"})
    assert output("submit", JOB, settings=topic) == f"submitted {JOB}: from the start of the topic\n"
    wait_for("the first late event", lambda: count(topic, JOB) == 1)

    assert complaint("submit", JOB, settings=topic) == f"footfall: {JOB} runs already: `footfall stop {JOB}` first"
    assert complaint("run", JOB, settings=topic) == f"footfall: {JOB} runs already: `footfall stop {JOB}` first"
    assert re.search(rf"^{JOB} +running ", output("list"), re.MULTILINE)
    assert f"job {JOB} running" in output("status")
    assert re.fullmatch(r"\S+/bin/flink stop -m \S+ [0-9a-f]{32}\n", output("stop", "--dry-run", JOB))

    stopped = output("stop", JOB)
    savepoint = Path(stopped.split()[-1].removeprefix("file:"))
    assert savepoint.is_dir()
    assert complaint("stop", JOB).startswith(f"footfall: {JOB} does not run")

    truncate(topic, JOB)
    assert str(savepoint) in output("submit", "--dry-run", JOB, settings=topic)
    resumed = output("submit", JOB, settings=topic)
    assert re.fullmatch(rf"submitted {JOB}: from its savepoint of \d+ s ago\n", resumed)
    write(topic, {**LATE, "messageId": "after"})
    wait_for("the second late event", lambda: count(topic, JOB) > 0)
    assert [row[4] for row in rows(topic, JOB)] == ["after"]


@pytest.mark.usefixtures("no_jobs_left")
def test_the_stock_sql_client_submits_a_job_file_unchanged(topic: Settings, tmp_path: Path) -> None:
    truncate(topic, JOB)
    write(topic, LATE)
    init = tmp_path / "init.sql"
    printed = output("render", "-o", str(init), settings=topic)
    assert init.stat().st_mode & 0o777 == 0o600
    command = shlex.split(printed.partition("next: ")[2])
    assert command[0] == str(topic.flink_home / "bin" / "sql-client.sh")
    assert command[-1] == "sql/jobs/sessions.sql"
    keeps_secrets = "-hist" in command or topic.values["POSTGRES_WRITER_PASSWORD"] not in init.read_text()
    done = subprocess.run(
        [*command[:-1], f"sql/jobs/{JOB}.sql", *([] if "-hist" in command else ["-hist", str(tmp_path / "history")])],
        cwd=ROOT, env=dict(os.environ), capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    job = cluster.jobs(topic)[0]
    assert job.name.endswith(JOB)
    wait_for("the late event", lambda: count(topic, JOB) == 1)
    assert keeps_secrets, "the client writes the password into ~/.flink-sql-history, which others may read"


def test_an_unknown_job_is_misuse_and_the_nearest_name_is_suggested(stack: Settings) -> None:
    for verb in ("submit", "stop", "show", "run"):
        line = complaint(verb, "sesions", code=2)
        assert "no job sesions" in line
        assert "did you mean sessions?" in line


def test_a_misused_option_exits_with_2(stack: Settings) -> None:
    assert run("submit").returncode == 2
    assert run("submit", "-p", "0", "sessions").returncode == 2
    assert run("sesions").returncode == 2


def test_a_file_that_cannot_be_loaded_is_reported_in_one_line(topic: Settings, tmp_path: Path) -> None:
    missing = tmp_path / "missing.csv"
    assert complaint("load", str(missing), "--site", "shop", settings=topic) == (
        f"footfall: can't read {missing}: No such file or directory"
    )
    header = tmp_path / "header.csv"
    header.write_text("user,time\n1,2\n")
    assert complaint("load", str(header), "--site", "shop", settings=topic) == (
        f"footfall: {header}:1: found the columns user,time: write user_id,event_time,url"
    )
    name = tmp_path / "events.xml"
    name.write_text("<events/>")
    assert "the name must end in .csv" in complaint("load", str(name), "--site", "shop", settings=topic)
    broken = tmp_path / "broken.csv.gz"
    broken.write_bytes(b"not gzip")
    assert "no whole gzip file" in complaint("load", str(broken), "--site", "shop", settings=topic)
    assert record_count(topic) == 0
    header.write_text("user_id,event_time,url\n1,2026-01-31T12:00:00Z,https://shop.example.com/\n")
    line = complaint("load", str(header), "--site", "shop", settings=topic, changes={"RAW_EVENTS_TOPIC": "absent"})
    assert line.startswith("footfall: Kafka has no topic absent")


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-10:00", "1234-01-01", "soon"])
def test_an_event_of_no_readable_time_is_loaded_as_it_is(topic: Settings, tmp_path: Path, time: str) -> None:
    file = tmp_path / "events.jsonl"
    file.write_text(json.dumps({**GOOD, "timestamp": time}) + "\n")
    assert "1 of them have no readable time" in output("load", str(file), "--site", "shop", settings=topic)
    record = json.loads(output("topic", settings=topic))
    assert json.loads(record["value"])["timestamp"] == time


def test_a_line_that_is_nested_too_deeply_is_loaded_and_does_not_stop_the_next_load(
    topic: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "events.jsonl"
    file.write_text('{"x":' + "[" * 100_000 + "]" * 100_000 + "}\n")
    for _ in range(2):
        output("load", str(file), "--site", "shop", settings=topic)
    assert record_count(topic) == 2


def test_history_behind_newer_events_is_refused(topic: Settings, tmp_path: Path) -> None:
    file = tmp_path / "events.csv"
    file.write_text("user_id,event_time,url\n1,2026-01-31T12:00:00Z,https://shop.example.com/\n")
    assert "1 events loaded" in output("load", str(file), "--site", "shop", settings=topic)
    file.write_text("user_id,event_time,url\n1,2025-01-31T12:00:00Z,https://shop.example.com/\n")
    line = complaint("load", str(file), "--site", "shop", settings=topic)
    assert "begins at 2025-01-31T12:00:00.000Z" in line
    assert "already holds events up to 2026-01-31T12:00:00.000Z" in line
    assert record_count(topic) == 1


def test_topic_prints_one_json_object_a_line(topic: Settings) -> None:
    write(topic, *({**GOOD, "messageId": f"m{number}"} for number in range(5)))
    printed = [json.loads(line) for line in output("topic", "-n", "3", settings=topic).splitlines()]
    assert [json.loads(record["value"])["messageId"] for record in printed] == ["m2", "m3", "m4"]


def test_psql_reads_as_the_reader_and_cannot_write(stack: Settings) -> None:
    assert output("psql", "-Atc", "SELECT current_user") == "footfall_reader\n"
    assert output("psql", "-Atc", "SELECT count(*) >= 0 FROM sessions") == "t\n"
    for statement in ("DELETE FROM sessions", "SET default_transaction_read_only = off; DELETE FROM sessions"):
        done = run("psql", "-Atc", statement)
        assert done.returncode == 1
        assert re.search("read-only transaction|permission denied", done.stderr)


def test_maintain_has_nothing_left_to_do_after_up(stack: Settings) -> None:
    truncate(stack, JOB)  # its rows of January are past their retention
    assert output("maintain") == "nothing to do\n"
