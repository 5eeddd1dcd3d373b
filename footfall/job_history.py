"""What was done to the jobs, kept in Postgres (migration 0005_job_history.sql), and one hand at a time on each."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from footfall import database
from footfall.errors import FootfallError
from footfall.job_versions import Version
from footfall.settings import Settings

# A savepoint is kept for a week, and the newest three of a job for as long as they are that.
KEEP_SAVEPOINTS, KEEP_SAVEPOINTS_FOR = 3, timedelta(days=7)
STARTS = ("submit", "upgrade", "rollback")
LOCKS = 0x466F6F74  # the first half of our advisory locks: no other program's


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
    with database.connect(database.owner(settings)) as connection:
        connection.execute(
            "INSERT INTO job_versions (version, job, files) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
            [version.id, version.job, Jsonb(dict(version.files))],
        )
        connection.execute(
            "INSERT INTO job_history (job, action, who, version, flink_job_id, parallelism, savepoint, plan, note)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [
                version.job, action, getpass.getuser(), version.id, flink_job_id, parallelism, savepoint,
                plan, note,
            ],
        )  # fmt: skip


def entries(settings: Settings, job: str) -> list[Entry]:
    """Everything that was done to a job, the newest first. Raises DatabaseError."""
    columns = (
        "h.id, h.action, h.happened_at, h.who, v.files, h.flink_job_id, h.parallelism, h.savepoint,"
        " h.savepoint_removed_at, h.note"
    )
    with database.connect(database.owner(settings)) as connection:
        rows = connection.execute(
            f"SELECT {columns} FROM job_history AS h JOIN job_versions AS v USING (version)"  # noqa: S608
            " WHERE h.job = %s ORDER BY h.id DESC",
            [job],
        ).fetchall()
    return [
        Entry(id_, job, action, happened_at, who, Version(job, files), *rest)
        for id_, action, happened_at, who, files, *rest in rows
    ]


def expired_savepoints(settings: Settings) -> list[str]:
    """The savepoints that are past their time, the oldest first. Raises DatabaseError."""
    with database.connect(database.owner(settings)) as connection:
        rows = connection.execute(
            "SELECT savepoint FROM ("
            " SELECT savepoint, max(happened_at) AS used_at,"
            "  row_number() OVER (PARTITION BY job ORDER BY max(id) DESC) AS number"
            " FROM job_history WHERE savepoint IS NOT NULL AND savepoint_removed_at IS NULL GROUP BY job, savepoint"
            ") AS kept WHERE number > %s AND used_at < now() - %s::interval ORDER BY used_at",
            [KEEP_SAVEPOINTS, KEEP_SAVEPOINTS_FOR],
        ).fetchall()
    return [row[0] for row in rows]


def mark_removed(settings: Settings, savepoint: str) -> None:
    """Say of every row that names this savepoint that it is gone. Raises DatabaseError."""
    with database.connect(database.owner(settings)) as connection:
        connection.execute("UPDATE job_history SET savepoint_removed_at = now() WHERE savepoint = %s", [savepoint])


@contextmanager
def lock(settings: Settings, job: str, action: str) -> Iterator[None]:
    """Keep everybody else's hands off a job; the lock goes with this process. FootfallError says who holds it.

    It is Postgres's advisory lock of this session, so it holds between machines too.
    """
    name = f"footfall: {getpass.getuser()} {action} {job}"[:63]
    address = psycopg.conninfo.make_conninfo(database.owner(settings), application_name=name)
    with database.connect(address) as connection:
        key: list[Any] = [LOCKS, job]
        got = connection.execute("SELECT pg_try_advisory_lock(%s, hashtext(%s))", key).fetchone()
        if got != (True,):
            holder = connection.execute(
                "SELECT a.application_name, to_char(a.backend_start, 'HH24:MI') FROM pg_locks AS l"
                " JOIN pg_stat_activity AS a USING (pid)"
                " WHERE l.locktype = 'advisory' AND l.classid = %s AND l.objid = hashtext(%s)::oid AND l.granted",
                key,
            ).fetchone()
            who = f"{holder[0].removeprefix('footfall: ')}, since {holder[1]}" if holder else "somebody"
            raise FootfallError(f"{job} is in other hands ({who}): wait until that is done")
        try:
            yield
        finally:  # at once: the server notices that a connection has ended a moment later
            with suppress(psycopg.Error):
                connection.execute("SELECT pg_advisory_unlock(%s, hashtext(%s))", key)
