"""What is known of jobs: whether they run, why they restart, whether rows flow; and what `status` makes of it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import Tables
from psycopg.conninfo import conninfo_to_dict

from footfall import topic
from footfall.deploy import cluster, rest
from footfall.deploy import health as job_health
from footfall.deploy.health import JobHealth
from footfall.settings import ALERT_TEST_SITE, Settings, load_settings
from footfall.stack import health, intent, restarts
from footfall.stack.health import Health, PartHealth
from footfall.stack.restarts import Restarts

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
ID = "52ac47a1c94e69a28a4e6854d03f3178"
SOURCE = "Source__KafkaSource-raw_events"
OTHER = "x.JobException: Recovery\nCaused by: x.TimeoutException: Heartbeat of TaskManager timed out."
WHY = "x.JobException: Recovery\nCaused by: x.IOException: writing\nCaused by: x.PSQLException: ERROR: no table\n"


def milliseconds(before: timedelta) -> int:
    return int((NOW - before).timestamp() * 1000)


class Cluster:
    """A Flink with one job, as its REST API tells of it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.state, self.task, self.offsets, self.pending = "RUNNING", "RUNNING", [9, 4], 0
        self.failures: list[tuple[timedelta, str]] = []
        self.ends = {0: 10, 1: 5}
        monkeypatch.setattr(rest, "call", self.call)
        monkeypatch.setattr(topic, "listens", lambda servers: True)
        monkeypatch.setattr(topic, "ends", lambda settings: self.ends)

    def call(self, settings: Settings, path: str, *_: Any, **__: Any) -> Any:
        metrics = {
            f"{SOURCE}.KafkaSourceReader.topic.raw_events.partition.{number}.currentOffset": place
            for number, place in enumerate(self.offsets)
        } | {f"{SOURCE}.pendingRecords": self.pending}
        if path == "/overview":
            return {}
        if path == "/jobs/overview":
            return {"jobs": [{"jid": ID, "name": "sessions", "state": self.state}]}
        if path.endswith("/exceptions"):
            entries = [{"timestamp": milliseconds(ago), "stacktrace": stack} for ago, stack in self.failures]
            return {"exceptionHistory": {"entries": entries, "truncated": False}}
        if path.endswith("/metrics"):
            return [{"id": name} for name in metrics]
        if "/metrics?get=" in path:
            return [{"id": name, "max": float(value), "sum": float(value)} for name, value in metrics.items()]
        started = milliseconds(timedelta(hours=1))
        vertices = [{"id": "a", "name": "Source: raw_events", "status": self.task}]
        return {"timestamps": {self.state: started}, "start-time": started, "vertices": vertices}

    def look(self, before: JobHealth | None = None, later: float = 0, wanted: str = "sessions") -> JobHealth:
        given = {before.job: before} if before else {}
        now = NOW + timedelta(seconds=later)
        [found] = [one for one in job_health.look_at(load_settings(), {wanted}, given, now) if one.job == wanted]
        return found


@pytest.fixture
def one_job(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    return Cluster(monkeypatch)


def test_a_job_that_has_read_all_is_well_however_long_nothing_comes(one_job: Cluster) -> None:
    first = one_job.look()
    assert (first.state, first.read_count, first.unread_count) == ("running", 15, 0)
    assert one_job.look(first, 3600).problem == ""


def test_rows_do_not_flow_where_records_are_there_and_none_was_read_for_a_minute(one_job: Cluster) -> None:
    first = one_job.look()
    one_job.ends = {0: 1000, 1: 5}
    behind = one_job.look(first, 15)
    assert (behind.unread_count, behind.problem) == (990, "")
    assert "rows have not flowed since 12:00:00 UTC, 990 records are unread" in one_job.look(behind, 61).problem
    one_job.offsets = [10, 4]
    assert one_job.look(behind, 61).problem == ""


def test_what_a_restarted_task_reads_again_is_no_progress(one_job: Cluster) -> None:
    one_job.ends = {0: 1000, 1: 1000}
    seen = one_job.look()
    for later, offsets in ((20, [3, 1]), (40, [9, 4]), (70, [8, 4])):
        one_job.offsets = offsets
        seen = one_job.look(seen, later)
    assert seen.is_stalled


def test_a_partition_of_which_nothing_was_read_since_a_restore_says_nothing_of_what_is_unread(one_job: Cluster) -> None:
    one_job.offsets, one_job.ends = [-1, -1], {0: 1000, 1: 1000}
    seen = one_job.look()
    assert (seen.read_count, seen.unread_count) == (None, 0)
    one_job.pending = 7
    assert one_job.look().unread_count == 7


def test_a_job_that_restarts_says_how_often_since_when_and_the_root_cause(one_job: Cluster) -> None:
    one_job.state = "RESTARTING"
    one_job.failures = [
        (timedelta(seconds=5), OTHER), (timedelta(seconds=40), WHY), (timedelta(minutes=2), WHY),
        (timedelta(hours=3), "of long ago"),
    ]  # fmt: skip
    one_job_restarts = one_job.look().problem
    assert one_job_restarts.endswith("3 times in ten minutes: ERROR: no table")
    one_job.state = "RUNNING"
    assert "3 times in ten minutes" in one_job.look().problem, "it runs, but for how long"
    one_job.failures = [(timedelta(minutes=3), WHY)] * 5
    assert one_job.look().problem == "", "it has recovered"
    assert one_job.look().restart_count == 5


def test_a_job_that_waits_for_its_tasks_is_starting_and_after_a_minute_that_is_wrong(one_job: Cluster) -> None:
    one_job.task = "SCHEDULED"
    assert one_job.look().state == "starting"
    assert one_job.look().problem.startswith("starting since 11:00:00 UTC")


def test_a_job_that_should_run_and_does_not_says_since_when(one_job: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    first = one_job.look(wanted="late_events")
    later = one_job.look(first, 90, wanted="late_events")
    assert later.problem == "does not run since 12:00:00 UTC"
    monkeypatch.setattr(rest, "answers", lambda settings: False)
    dead = one_job.look(later, 120, wanted="late_events")
    assert dead.problem.startswith("does not run since 12:00:00 UTC: no Flink answers at ")


def settings_of(tables: Tables) -> Settings:
    given = conninfo_to_dict(tables.owner)
    values = {
        "POSTGRES_HOST": str(given["host"]), "POSTGRES_PORT": str(given["port"]),
        "POSTGRES_DATABASE": str(given["dbname"]), "POSTGRES_OWNER_PASSWORD": str(given["password"]),
    }  # fmt: skip
    settings = load_settings()
    return dataclasses.replace(settings, values={**settings.values, **values})


def test_rows_of_jobs_come_and_go_and_that_of_an_alert_test_stays(tables: Tables) -> None:
    settings = settings_of(tables)
    one = JobHealth("sessions", True, "running", NOW, 0, "", ID, 15, 0, NOW, NOW)
    other = dataclasses.replace(one, job="late_events", state="restarting", cause="it's %s")
    tables.run(
        tables.owner,
        "INSERT INTO job_health SELECT %s, true, 'not running', now(), 0, '', NULL, NULL, NULL, now(), now()",
        ALERT_TEST_SITE,
    )  # fmt: skip
    job_health.write(settings, [one, other])
    assert job_health.read(settings) == {"sessions": one, "late_events": other}
    job_health.write(settings, [dataclasses.replace(one, state="starting")])
    assert {row[0] for row in tables.run(tables.reader, "SELECT job FROM job_health")} == {"sessions", ALERT_TEST_SITE}
    assert job_health.read(settings)["sessions"].state == "starting"


def part(name: str, state: str = "up", record: Restarts | None = None) -> PartHealth:
    return PartHealth(name, "127.0.0.1:1", False, state, None if state == "down" else 7, record or Restarts(name))


def problems(tmp_path: Path, **changes: Any) -> list[str]:
    settings = dataclasses.replace(load_settings(), home=tmp_path)
    intent.set_up(settings, ["Kafka"])
    found = Health([part("Kafka")], [], {}, 12, 3, [], {})
    return health.sentences(settings, dataclasses.replace(found, **changes))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, None),
        ({"parts": [part("Kafka", "down")]}, "Kafka does not run"),
        ({"parts": [part("Kafka", "silent")]}, "Kafka (pid 7) does not answer"),
        ({"parts": [part("Kafka", "down", Restarts("Kafka", (1.0,) * 5, "disk full", True))]},
         "not started any more (disk full)"),
        ({"slots": 0, "free_slots": 0}, "Flink has no task manager"),
        ({"pending_migrations": ["0044_schema_objects.sql", "new view x"]}, "0044_schema_objects.sql and 1 more"),
        ({"durability": (False, "topic raw_events may lose")}, "topic raw_events may lose"),
        ({"jobs": [JobHealth("sessions", True, "not running", NOW, 0, "", None, None, None, NOW, NOW)],
          "resumed": {"sessions": Restarts("job sessions", (), "its state is gone")}},
         "sessions does not run since 12:00:00 UTC; it is not resumed: its state is gone"),
    ],
)  # fmt: skip
def test_each_thing_that_is_wrong_has_a_sentence(tmp_path: Path, changes: Mapping[str, Any], words: str | None) -> None:
    found = problems(tmp_path, **changes)
    assert len(found) == (words is not None)
    assert words is None or words in found[0]


def test_where_all_servers_are_the_users_nothing_else_need_run_here(tmp_path: Path) -> None:
    settings = dataclasses.replace(load_settings(), home=tmp_path)
    servers = [PartHealth(name, "", True, "up", None, Restarts(name)) for name in ("Kafka", "Postgres", "Flink")]
    own = [part(name, "down") for name in ("Maintenance", "Dashboards", "Supervisor")]
    assert health.sentences(settings, Health([*servers, *own], [], {}, 12, 3, [], {})) == []
    found = Health([*servers, part("Collector", "down"), *own], [], {}, 12, 3, [], {})
    assert health.sentences(settings, found) == ["the stack is not up: `footfall up`"]


def test_too_few_slots_are_a_problem_where_a_job_waits_for_one(tmp_path: Path) -> None:
    waiting = JobHealth("sessions", True, "starting", NOW, 0, "", ID, None, None, NOW, NOW)
    assert problems(tmp_path, slots=2, free_slots=0, jobs=[waiting])[0].startswith("Flink has too few slots (2)")
    assert problems(tmp_path, slots=2, free_slots=0) == []


def test_the_status_for_programs_has_the_shape_that_is_documented(tmp_path: Path) -> None:
    settings = dataclasses.replace(load_settings(), home=tmp_path)
    restarts.record(settings, "Kafka", "it had ended")
    job = JobHealth("sessions", True, "running", NOW, 0, "", ID, 15, 0, NOW, NOW)
    found = Health([part("Kafka", record=restarts.read(settings, "Kafka"))], [job], {"sessions": 2}, 12, 3, [], {})
    told = json.loads(json.dumps(health.as_dict(found)))
    page = (Path(health.__file__).parent.parent.parent / "docs" / "operating.md").read_text()
    _, _, shape = page.partition("`footfall status --json` has")
    shape, _, _ = shape.partition("\n\n")
    columns = {field.name for field in dataclasses.fields(JobHealth)}
    assert set(told["jobs"][0]) - columns == {"is_stalled", "problem", "dropped_rows", "resumes"}
    for name in (
        *told,
        *told["parts"][0],
        *told["parts"][0]["restarts"],
        *(set(told["jobs"][0]) - columns),
        *told["slots"],
    ):
        assert f"`{name}`" in shape, name
    assert told["jobs"][0]["since"] == "2026-11-29T12:00:00+00:00"
    assert told["jobs"][0]["dropped_rows"] == 2
    assert told["parts"][0]["restarts"]["reason"] == "it had ended"
    assert (told["ok"], told["durability"]) == (True, None)


def test_every_state_of_flink_that_is_active_has_a_word() -> None:
    assert set(job_health.STATES) == cluster.ACTIVE
