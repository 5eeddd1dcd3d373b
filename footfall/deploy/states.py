"""Where the state of a job lies that no longer runs, how old it is, and whether it may still be used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import unquote, urlsplit

from footfall import topic
from footfall.deploy import checkpoints, cluster
from footfall.deploy.history import STARTS, Entry
from footfall.errors import FootfallError
from footfall.settings import Settings

# Ids of events are forgotten 90 minutes after they were written (table.exec.state.ttl), by the clock on the wall.
# Copies come 70 s apart at most; the rest is for what a job was behind, and for its start.
RESTORABLE = timedelta(minutes=80)
# Between the last record that a job had read and the next in the topic: no copy comes so late and is on time.
NO_COPIES_AFTER = timedelta(minutes=10)
MOST_HEARTBEATS = 10_000  # that are looked through in a partition


@dataclass(frozen=True)
class State:
    """A savepoint or complete checkpoint: where it is, and when it was taken."""

    path: str
    taken_at: datetime

    @property
    def age(self) -> timedelta:
        return datetime.now(UTC) - self.taken_at

    @property
    def what(self) -> str:
        """In words: its checkpoint of 12 s ago."""
        kind = "checkpoint" if Path(self.path).name.startswith("chk-") else "savepoint"
        return f"its {kind} of {spoken(self.age)} ago"


def newest(settings: Settings, entry: Entry, history: Sequence[Entry] = ()) -> State | None:
    """The newest state of a job of which entry is the last that came to its end; None where there is none.

    A job that was started has checkpoints of its own, or else goes on from where it began. history, where it is given,
    says when that was. Raises FootfallError where checkpoints lie where they can't be read from here.
    """
    found = [_taken(entry, history)] if entry.savepoint and not entry.savepoint_removed_at else []
    if entry.action in STARTS and entry.flink_job_id:
        found += checkpoints_of(settings, entry.flink_job_id)
    return max(found, key=lambda state: state.taken_at, default=None)


def checkpoints_of(settings: Settings, id_: str) -> list[State]:
    """The complete checkpoints of a job of the cluster, whether its job manager lives or not."""
    newest = checkpoints.newest_checkpoint(settings, id_)
    if newest:
        return [State(newest[0], datetime.fromtimestamp(newest[1], UTC))]
    place = checkpoints.checkpoint_folder(settings)
    folder = local(place)
    if folder is None or not folder.is_dir():
        where = place or "no folder (execution.checkpointing.dir)"
        raise FootfallError(f"its checkpoints are in {where}, which can't be read from here")
    return [
        State(path.parent.as_uri(), datetime.fromtimestamp(path.stat().st_mtime, UTC))
        for path in folder.glob(f"{id_}/chk-*/_metadata")
    ]


def savepoint_of_stopped(settings: Settings, entry: Entry) -> State | None:
    """The savepoint with which a job ended whose stop was begun by entry; else its newest checkpoint."""
    assert entry.flink_job_id
    begun = entry.happened_at - timedelta(seconds=5)  # two clocks
    found = []
    if newest := checkpoints.newest_checkpoint(settings, entry.flink_job_id, savepoint=True):
        found.append(State(newest[0], datetime.fromtimestamp(newest[1], UTC)))
    elif folder := local(_savepoint_folder(settings)):
        found += [
            State(path.parent.as_uri(), datetime.fromtimestamp(path.stat().st_mtime, UTC))
            for path in folder.glob(f"savepoint-{entry.flink_job_id[:6]}-*/_metadata")
        ]
    ended = [state for state in found if state.taken_at >= begun]
    return max(ended or checkpoints_of(settings, entry.flink_job_id), key=lambda state: state.taken_at, default=None)


def refusal(settings: Settings, state: State, entry: Entry) -> str:
    """Why a job must not go on from there, since it could count copies twice; '' where it may.

    However old it is, it may where the job had read all and nothing came within minutes: entry says how far it was.
    Raises FootfallError where Kafka does not answer.
    """
    if entry.topic not in (None, settings.topic):
        return f"it is of the topic {entry.topic}, and RAW_EVENTS_TOPIC is {settings.topic}"
    if state.age <= RESTORABLE:
        return ""
    if entry.savepoint == state.path and entry.offsets and _nothing_follows(settings, entry.offsets, state.taken_at):
        return ""
    return f"{state.what} no longer knows all ids of events (table.exec.state.ttl), so copies would be counted twice"


def local(place: str) -> Path | None:
    """A path of this machine, where the address is one."""
    parts = urlsplit(place)
    return Path(unquote(parts.path)) if parts.scheme in ("file", "") and place else None


def spoken(age: timedelta) -> str:
    """Such as 12 s, 5 min, 3 h 10 min."""
    seconds = max(0, round(age.total_seconds()))
    minutes = seconds // 60
    if seconds < 120:
        return f"{seconds} s"
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


def _taken(entry: Entry, history: Sequence[Entry]) -> State:
    """The state that an entry names. Its own time is that of a stop; a start says later when it was begun from it."""
    assert entry.savepoint
    made = [other for other in history if other.savepoint == entry.savepoint and other.id <= entry.id] or [entry]
    at = min(other.happened_at for other in made)
    path = local(entry.savepoint)
    if path and (path / "_metadata").exists():
        at = min(at, datetime.fromtimestamp((path / "_metadata").stat().st_mtime, UTC))
    return State(entry.savepoint, at)


def _savepoint_folder(settings: Settings) -> str:
    if not settings.is_yours("FLINK_REST_ADDRESS"):
        return (settings.home / "data" / "flink" / "savepoints").as_uri()
    return cluster.option(settings, "execution.checkpointing.savepoint-dir")


def _nothing_follows(settings: Settings, offsets: Mapping[str, int], read_at: datetime) -> bool:
    """Whether all that lies behind these offsets came long after, but for heartbeats."""
    from_then = round((read_at + NO_COPIES_AFTER).timestamp() * 1000)
    places = {int(partition): place for partition, place in offsets.items()}
    return topic.none_before(settings, places, from_then, MOST_HEARTBEATS)
