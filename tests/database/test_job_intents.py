"""What becomes of a verb that was killed: its intent, against what Flink knows; on a real PostgreSQL, without Flink."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from conftest import Postgres, Tables

from footfall.database import connections
from footfall.deploy import checkpoints, cluster, intents, locks, resume, savepoints, states
from footfall.deploy import history as job_history
from footfall.deploy.history import Entry
from footfall.deploy.locks import Hold, InOtherHands
from footfall.deploy.states import State
from footfall.deploy.versions import Version, read_version
from footfall.errors import FootfallError
from footfall.project.catalog import SQL
from footfall.settings import Settings

JOB = "late_events"
OLD, NEW = "a" * 32, "b" * 32


@pytest.fixture
def settings(postgres: Postgres, untouched: Tables, tmp_path: Path) -> Settings:
    untouched.run(untouched.owner, "TRUNCATE job_history, late_events")
    name = str(untouched.run(untouched.owner, "SELECT current_database()")[0][0])
    values = {
        "POSTGRES_HOST": "127.0.0.1", "POSTGRES_PORT": str(postgres.port), "POSTGRES_DATABASE": name,
        "POSTGRES_OWNER_PASSWORD": postgres.passwords[connections.OWNER], "RAW_EVENTS_TOPIC": "raw_events",
        "FLINK_REST_ADDRESS": "127.0.0.1:1",
    }  # fmt: skip
    return Settings(tmp_path, values)


@dataclass
class Flink:
    """A job manager that knows these jobs."""

    known: dict[str, cluster.Job] = field(default_factory=dict)
    cancelled: list[str] = field(default_factory=list)
    saving: bool = False

    def has(self, id_: str, state: str = "RUNNING", name: str = JOB) -> None:
        self.known[id_] = cluster.Job(id_, name, state)

    def cancel(self, _settings: Settings, id_: str) -> None:
        self.cancelled.append(id_)
        self.has(id_, "CANCELED")


@pytest.fixture
def flink(monkeypatch: pytest.MonkeyPatch) -> Flink:
    made = Flink()
    monkeypatch.setattr(cluster, "known", lambda _: dict(made.known))
    monkeypatch.setattr(cluster, "cancel", made.cancel)
    monkeypatch.setattr(checkpoints, "newest_checkpoint", lambda *_, **__: None)
    monkeypatch.setattr(savepoints, "is_being_taken", lambda *_: made.saving)
    monkeypatch.setattr(intents, "ON_ITS_WAY", timedelta())
    return made


@pytest.fixture
def hold(settings: Settings) -> Iterator[Hold]:
    (settings.home / "data" / "flink" / "checkpoints").mkdir(parents=True)
    (settings.home / "data" / "flink" / "savepoints").mkdir(parents=True)
    with locks.hold(settings, "tests", {JOB: [JOB]}) as held:
        yield held


@pytest.fixture
def version() -> Version:
    return read_version(SQL, JOB)


def checkpoint(settings: Settings, id_: str, number: int = 3, folder: str = "checkpoints") -> str:
    """A complete checkpoint of a job, or a savepoint; its address."""
    name = f"{id_}/chk-{number}" if folder == "checkpoints" else f"savepoint-{id_[:6]}-{number}"
    path = settings.home / "data" / "flink" / folder / name
    path.mkdir(parents=True)
    (path / "_metadata").touch()
    return path.as_uri()


def settled(hold: Hold) -> tuple[Entry, Entry | None]:
    """The newest row, and what counts."""
    history = intents.settle(hold, JOB)
    assert job_history.intent(history) is None
    return history[0], job_history.standing(history)


def test_a_start_that_took_place_counts_though_its_verb_was_killed(hold: Hold, flink: Flink, version: Version) -> None:
    hold.record("submitting", version, flink_job_id=NEW, parallelism=2)
    flink.has(NEW)
    newest, standing = settled(hold)
    assert standing == newest
    assert (newest.action, newest.flink_job_id, newest.parallelism, newest.is_wanted) == ("submit", NEW, 2, True)


def test_a_start_whose_job_manager_was_killed_too_counts_where_it_left_a_checkpoint(
    hold: Hold, flink: Flink, version: Version
) -> None:
    hold.record("submitting", version, flink_job_id=NEW)
    checkpoint(hold.settings, NEW)
    newest, _ = settled(hold)
    assert (newest.action, newest.flink_job_id) == ("submit", NEW)


def test_a_start_that_did_not_take_place_leaves_the_job_as_it_was(hold: Hold, flink: Flink, version: Version) -> None:
    hold.record("stop", version, flink_job_id=OLD, savepoint="file:/s")
    hold.record("submitting", version, flink_job_id=NEW, savepoint="file:/s")
    newest, standing = settled(hold)
    assert newest.action == "failed"
    assert "cut short" in newest.note
    assert standing
    assert (standing.action, standing.savepoint) == ("stop", "file:/s")


@pytest.mark.parametrize("stands", ["stop", "submit"])
def test_a_start_that_takes_place_after_it_was_given_up_is_ended(
    settings: Settings, hold: Hold, flink: Flink, version: Version, stands: str
) -> None:
    hold.record(stands, version, flink_job_id=OLD)
    flink.has(OLD, "FINISHED" if stands == "stop" else "RUNNING")
    hold.record("submitting", version, flink_job_id=NEW)
    settled(hold)
    hold.release()
    assert resume.resume(settings) == []
    flink.has(NEW)
    assert resume.resume(settings) == []
    assert flink.cancelled == [NEW]
    standing = job_history.standing(job_history.entries(settings, JOB))
    assert standing
    assert (standing.action, standing.flink_job_id) == (stands, OLD)


def test_a_stop_that_ended_the_job_has_its_savepoint(hold: Hold, flink: Flink, version: Version) -> None:
    hold.record("submit", version, flink_job_id=OLD)
    hold.record("stopping", version, flink_job_id=OLD)
    flink.has(OLD, "FINISHED")
    checkpoint(hold.settings, OLD)
    savepoint = checkpoint(hold.settings, OLD, folder="savepoints")
    newest, _ = settled(hold)
    assert (newest.action, newest.savepoint, newest.is_wanted) == ("stop", savepoint, False)


@pytest.mark.parametrize("intent", ["suspending", "changing"])
def test_what_was_to_go_on_goes_on_from_its_savepoint_or_newest_checkpoint(
    hold: Hold, flink: Flink, version: Version, intent: str
) -> None:
    hold.record("submit", version, flink_job_id=OLD)
    hold.record(intent, version, flink_job_id=OLD, parallelism=3)
    newest_checkpoint = checkpoint(hold.settings, OLD)
    newest, _ = settled(hold)
    assert (newest.action, newest.savepoint, newest.parallelism) == ("suspend", newest_checkpoint, 3)
    assert [entry.job for entry in resume.wanted(hold.settings)] == [JOB]


def test_a_stop_that_was_not_taken_leaves_a_job_that_runs(hold: Hold, flink: Flink, version: Version) -> None:
    hold.record("submit", version, flink_job_id=OLD)
    hold.record("changing", version, flink_job_id=OLD)
    flink.has(OLD)
    newest, standing = settled(hold)
    assert newest.action == "failed"
    assert "the job runs on" in newest.note
    assert standing
    assert standing.action == "submit"


def test_a_savepoint_that_is_being_taken_is_waited_for(hold: Hold, flink: Flink, version: Version) -> None:
    hold.record("submit", version, flink_job_id=OLD)
    hold.record("stopping", version, flink_job_id=OLD)
    flink.has(OLD)
    flink.saving = True
    history = intents.settle(hold, JOB)
    assert job_history.intent(history) == history[0]


def test_a_version_on_trial_gives_way_to_the_old_one(hold: Hold, flink: Flink, version: Version) -> None:
    edited = Version(JOB, {**version.files, "functions.sql": "-- other"})
    hold.record("suspend", version, flink_job_id=OLD, savepoint="file:/s")
    hold.record("trying", edited, flink_job_id=NEW, savepoint="file:/s")
    flink.has(NEW)
    newest, standing = settled(hold)
    assert flink.cancelled == [NEW]
    assert newest.action == "failed"
    assert standing
    assert (standing.version, standing.savepoint, standing.is_wanted) == (version, "file:/s", True)


def test_a_version_whose_rows_were_exchanged_stays(hold: Hold, flink: Flink, version: Version) -> None:
    hold.record("exchange", version, savepoint="file:/replayed")
    hold.record("trying", version, flink_job_id=NEW, savepoint="file:/replayed")
    flink.has(NEW)
    newest, _ = settled(hold)
    assert flink.cancelled == []
    assert (newest.flink_job_id, newest.is_wanted) == (NEW, True)


def test_what_a_replay_left_is_removed(hold: Hold, flink: Flink, version: Version) -> None:
    hold.record("submit", version, flink_job_id=OLD)
    hold.record("replaying", version, flink_job_id=NEW)
    flink.has(OLD)
    flink.has(NEW, name=JOB + intents.BESIDE)
    hold.connection.execute(f"CREATE SCHEMA replay_{JOB}")
    newest, standing = settled(hold)
    assert flink.cancelled == [NEW]
    assert newest.action == "failed"
    assert standing
    assert standing.flink_job_id == OLD
    assert hold.connection.execute(f"SELECT to_regnamespace('replay_{JOB}')").fetchone() == (None,)


@pytest.mark.parametrize("state", ["CANCELED", "FINISHED"])
def test_who_ends_a_job_by_other_means_has_stopped_it(hold: Hold, flink: Flink, version: Version, state: str) -> None:
    hold.record("submit", version, flink_job_id=OLD)
    place = checkpoint(hold.settings, OLD)
    flink.has(OLD, state)
    newest, _ = settled(hold)
    assert (newest.action, newest.savepoint) == ("stop", place)
    assert resume.wanted(hold.settings) == []


def test_nothing_is_resumed_that_another_verb_has_in_its_hands(hold: Hold, flink: Flink, version: Version) -> None:
    hold.record("suspend", version, flink_job_id=OLD, savepoint="file:/s")
    assert resume.resume(hold.settings) == []
    assert job_history.entries(hold.settings, JOB)[0].action == "suspend"


def test_a_state_that_has_forgotten_ids_is_not_resumed_and_it_says_what_does(
    settings: Settings, hold: Hold, flink: Flink, version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold.record("suspend", version, flink_job_id=OLD, savepoint=checkpoint(settings, OLD, folder="savepoints"))
    hold.release()
    monkeypatch.setattr(cluster, "refuse_running", lambda *_: None)
    monkeypatch.setattr(states, "RESTORABLE", timedelta(seconds=-1))
    [line] = resume.resume(settings)
    assert re.match(rf"{JOB}: not resumed: its savepoint of \d+ s ago no longer knows all ids", line)
    assert line.endswith(f"`footfall submit --replay {JOB}` rebuilds its rows")


@pytest.mark.parametrize(
    ("failed", "says"), [("starts", "not resumed: it has ended 5 times"), ("stops", "resumed from")]
)
def test_starts_that_fail_again_and_again_are_given_up_and_stops_that_failed_are_none(
    settings: Settings, hold: Hold, flink: Flink, version: Version, monkeypatch: pytest.MonkeyPatch,
    failed: str, says: str,
) -> None:  # fmt: skip
    hold.record("submit", version, flink_job_id=OLD)
    checkpoint(settings, OLD)
    for number in range(resume.TRIES):
        hold.record("failed", version, flink_job_id=OLD if failed == "stops" else f"{number:032}")
    hold.release()
    monkeypatch.setattr(cluster, "refuse_running", lambda *_: None)
    monkeypatch.setattr(cluster, "refuse_failed", lambda *_: None)
    monkeypatch.setattr(resume.job_starts, "begin", lambda *_: {})
    [line] = resume.resume(settings)
    assert line.startswith(f"{JOB}: {says}")


def test_an_old_state_is_exact_where_all_had_been_read_and_nothing_followed_soon(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, version: Version
) -> None:
    then = datetime(2026, 11, 28, tzinfo=UTC)
    entry = Entry(
        1, JOB, "suspend", then, "x", version, OLD, 1, "file:/s", None, "", "raw_events", {"0": 7},
    )  # fmt: skip
    asked: list[dict[int, int]] = []

    def none_before(_settings: Settings, offsets: dict[int, int], time_ms: int, _most: int) -> bool:
        asked.append(offsets)
        return time_ms == round((then + states.NO_COPIES_AFTER).timestamp() * 1000)

    monkeypatch.setattr("footfall.topic.none_before", none_before)
    assert states.refusal(settings, State("file:/s", then), entry) == ""
    assert "copies" in states.refusal(settings, State("file:/other", then), entry)
    assert asked == [{0: 7}]


def test_checkpoints_are_removed_that_no_job_needs(hold: Hold, flink: Flink, version: Version) -> None:
    for number, id_ in enumerate((OLD, NEW, "c" * 32, "d" * 32)):
        checkpoint(hold.settings, id_, number)
    flink.has("d" * 32)
    hold.record("submit", version, flink_job_id=NEW, savepoint=f"file:/x/{OLD}/chk-1")
    folder = hold.settings.home / "data" / "flink" / "checkpoints"
    assert resume.remove_dead_checkpoints(hold.settings) == []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resume, "DEAD_AFTER", timedelta(seconds=-60))
        assert resume.remove_dead_checkpoints(hold.settings) == ["removed the checkpoints of 1 job that ended"]
    assert sorted(path.name for path in folder.iterdir()) == [OLD, NEW, "d" * 32]


def test_a_verb_whose_connection_is_lost_takes_its_locks_again_or_ends(
    settings: Settings, hold: Hold, version: Version
) -> None:
    def cut() -> None:
        [pid] = hold.connection.execute("SELECT pg_backend_pid()").fetchone() or [0]
        with psycopg.connect(connections.owner(settings), autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])

    cut()
    hold.record("stop", version)
    with pytest.raises(InOtherHands), locks.hold(settings, "stops", {JOB: [JOB]}):
        pass
    cut()
    with locks.hold(settings, "stops", {JOB: [JOB]}) as other, pytest.raises(InOtherHands):
        other.record("stop", version)
        hold.record("submit", version)
    with pytest.raises(FootfallError, match="somebody else has changed late_events meanwhile"):
        hold.record("submit", version)


def test_rows_and_history_change_together_or_not_at_all(hold: Hold, version: Version, untouched: Tables) -> None:
    untouched.upsert_late_event("2026-11-24 12:00Z")
    with pytest.raises(ZeroDivisionError), hold.transaction() as connection:
        connection.execute(f"DELETE FROM {JOB}")
        job_history.insert(connection, hold.settings, "exchange", version, savepoint="file:/s")
        raise ZeroDivisionError
    assert untouched.run(untouched.owner, f"SELECT count(*) FROM {JOB}") == [(1,)]
    assert job_history.entries(hold.settings, JOB) == []


def test_history_tells_an_intent_only_while_nothing_says_what_became_of_it(hold: Hold, version: Version) -> None:
    hold.record("submitting", version, flink_job_id=NEW)
    assert [entry.action for entry in job_history.shown(job_history.entries(hold.settings, JOB))] == ["submitting"]
    hold.record("submit", version, flink_job_id=NEW)
    assert [entry.action for entry in job_history.shown(job_history.entries(hold.settings, JOB))] == ["submit"]
