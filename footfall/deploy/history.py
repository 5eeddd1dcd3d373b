"""What was done to the jobs, and what is about to be done, kept in Postgres (the table job_history).

A row is written before each step (INTENTS) and after it, so that whatever kills a verb, its job's rows say what it was
at. footfall/deploy/intents.py makes of them what is so.
"""

from __future__ import annotations

import getpass
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from footfall.database import connections
from footfall.deploy.versions import Version
from footfall.settings import Settings

STARTS = ("submit", "upgrade", "rollback", "resume")
# After these a job is to run: from where it began or got to, from the savepoint of its end, from that of a replay.
WANTED = (*STARTS, "suspend", "exchange")
FACTS = (*WANTED, "stop", "run")
INTENTS = ("submitting", "trying", "running", "replaying", "stopping", "suspending", "changing")


@dataclass(frozen=True)
class Entry:
    """One row of job_history with the SQL of its version."""

    id: int
    job: str
    action: str
    happened_at: datetime
    who: str
    version: Version
    flink_job_id: str | None
    parallelism: int | None
    savepoint: str | None
    savepoint_removed_at: datetime | None
    note: str
    topic: str | None = None
    offsets: Mapping[str, int] | None = None

    @property
    def is_wanted(self) -> bool:
        """Whether the job is to run after this."""
        return self.action in WANTED

    @property
    def age(self) -> timedelta:
        return datetime.now(self.happened_at.tzinfo) - self.happened_at


def write(
    settings: Settings,
    action: str,
    version: Version,
    *,
    flink_job_id: str | None = None,
    parallelism: int | None = None,
    savepoint: str | None = None,
    plan: str | None = None,
    note: str = "",
) -> None:
    """Add a row. plan is Flink's compiled plan in JSON. Raises DatabaseError."""
    with connections.connect(connections.owner(settings)) as connection:
        insert(
            connection, settings, action, version, flink_job_id=flink_job_id, parallelism=parallelism,
            savepoint=savepoint, plan=plan, note=note,
        )  # fmt: skip


def insert(
    connection: psycopg.Connection,
    settings: Settings,
    action: str,
    version: Version,
    *,
    flink_job_id: str | None = None,
    parallelism: int | None = None,
    savepoint: str | None = None,
    plan: str | None = None,
    note: str = "",
    offsets: Mapping[str, int] | None = None,
) -> None:
    """The same over a connection, which may be in a transaction. offsets: partition to offset."""
    connection.execute(
        "INSERT INTO job_versions (version, job, files) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
        [version.id, version.job, Jsonb(dict(version.files))],
    )
    connection.execute(
        "INSERT INTO job_history"
        " (job, action, who, version, flink_job_id, parallelism, savepoint, plan, note, topic, offsets)"
        # The first row of a job of the cluster is written by who starts it: that topic is the one that it reads.
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s,"
        " coalesce((SELECT topic FROM job_history WHERE flink_job_id = %s ORDER BY id LIMIT 1), %s), %s)",
        [
            version.job, action, getpass.getuser(), version.id, flink_job_id, parallelism, savepoint,
            plan, note, flink_job_id, settings.topic, None if offsets is None else Jsonb(dict(offsets)),
        ],
    )  # fmt: skip


def entries(settings: Settings, job: str) -> list[Entry]:
    """Everything that was done to a job, the newest first. Raises DatabaseError."""
    with connections.connect(connections.owner(settings)) as connection:
        return _read(connection, sql.SQL("h.job = %s"), job)


def latest(settings: Settings) -> dict[str, list[Entry]]:
    """Of each job its newest fact and what came after it, the newest first. Raises DatabaseError."""
    newest_fact = sql.SQL(
        "h.id >= coalesce((SELECT max(id) FROM job_history WHERE job = h.job AND action = ANY (%s)), 0)"
    )
    found: dict[str, list[Entry]] = {}
    with connections.connect(connections.owner(settings)) as connection:
        for entry in _read(connection, newest_fact, list(FACTS)):
            found.setdefault(entry.job, []).append(entry)
    return found


def standing(history: Sequence[Entry]) -> Entry | None:
    """What was done last to a job and came to its end, of entries of which the newest is the first."""
    return next((entry for entry in history if entry.action in FACTS), None)


def intent(history: Sequence[Entry]) -> Entry | None:
    """What is being done to a job, or was when the verb was killed."""
    return history[0] if history and history[0].action in INTENTS else None


def failed_starts(history: Sequence[Entry]) -> list[Entry]:
    """What was to start a job and came to nothing; a stop that was cut short has failed too, but its job stood."""
    stood = {entry.flink_job_id for entry in history if entry.flink_job_id and entry.action in FACTS}
    return [entry for entry in history if entry.action == "failed" and entry.flink_job_id not in stood]


def shown(history: Sequence[Entry]) -> list[Entry]:
    """What a person wants to know, the newest first: an intent only while nothing says what became of it."""
    return [entry for place, entry in enumerate(history) if entry.action not in INTENTS or place == 0]


def _read(connection: psycopg.Connection, condition: sql.SQL, value: object) -> list[Entry]:
    rows = connection.execute(
        sql.SQL(
            "SELECT h.id, h.job, h.action, h.happened_at, h.who, v.files, h.flink_job_id, h.parallelism, h.savepoint,"
            " h.savepoint_removed_at, h.note, h.topic, h.offsets"
            " FROM job_history AS h JOIN job_versions AS v USING (version) WHERE {} ORDER BY h.id DESC"
        ).format(condition),
        [value],
    ).fetchall()
    return [
        Entry(id_, job, action, happened_at, who, Version(job, files), *rest)
        for id_, job, action, happened_at, who, files, *rest in rows
    ]
