"""One hand at a time on the tables that jobs write, for every verb that starts, stops or changes a job.

They are Postgres's advisory locks of a session, so they hold between machines too, and go with the process that has
them. What a verb writes down goes over the same connection: who has lost the locks writes nothing.
"""

from __future__ import annotations

import getpass
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, LiteralString

import psycopg

from footfall.database import connections
from footfall.deploy import history
from footfall.deploy.versions import Version
from footfall.errors import FootfallError
from footfall.settings import Settings

LOCKS = 0x466F6F74  # the first half of our advisory locks: no other program's
RESUMES = "resumes"  # the action of who looks after all jobs every few seconds, mostly for a moment
LOOK_SECONDS = 15  # how long a verb waits for that
AWAY_SECONDS = 60  # how long Postgres may be away while a verb is at work


class InOtherHands(FootfallError):
    """Another verb is at work on a table."""


class Hold:
    """Locks that are held for as long as the block of hold() lasts."""

    def __init__(self, settings: Settings, action: str) -> None:
        self.settings = settings
        self.jobs: list[str] = []
        self._keys: list[str] = []
        self._action = action
        self._stack = ExitStack()
        self._seen = 0
        self._is_sure = True
        self._connect()

    def add(self, job: str, tables: Iterable[str]) -> None:
        """Take the locks of one more job and its tables, or none of them. Raises InOtherHands."""
        keys = sorted({job, *tables} - set(self._keys))
        self.connection.execute("SELECT set_config('application_name', %s, false)", [self._who(job)])
        self._lock(keys)
        self._keys += keys
        self.jobs.append(job)
        self._seen = self._newest()

    def record(self, action: str, version: Version, **columns: Any) -> None:
        """Write a row into the history of a job, as job_history.write() does, if the locks are still ours.

        Raises FootfallError, also where Postgres was away and somebody else came between.
        """
        self.sure()
        history.insert(self.connection, self.settings, action, version, **columns)
        self._seen = self._newest()

    @contextmanager
    def transaction(self) -> Iterator[psycopg.Connection]:
        """One transaction over the connection of the locks; insert() of job_history belongs into it."""
        self.sure()
        with self.connection.transaction():
            yield self.connection
        self._seen = self._newest()

    def sure(self) -> None:
        """Take the locks again where their connection was lost, for instance by a restart of Postgres.

        Raises FootfallError where somebody else has them, or has done something to a job meanwhile.
        """
        with suppress(psycopg.Error):
            self.connection.execute("SELECT 1")
            if self._is_sure:
                return
        self._is_sure = False
        deadline = time.monotonic() + AWAY_SECONDS
        while True:
            try:
                self.release()
                self._connect()
                self._lock(self._keys)
                break
            except connections.DatabaseError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.5)
        if self._newest() != self._seen:
            raise FootfallError(
                f"Postgres was away, and somebody else has changed {' or '.join(self.jobs)} meanwhile: see its history"
            )
        self._is_sure = True

    def release(self) -> None:
        """At once: the server notices that a connection has ended a moment later."""
        with suppress(psycopg.Error):
            self.connection.execute("SELECT pg_advisory_unlock_all()")
        with suppress(connections.DatabaseError):
            self._stack.close()

    def _connect(self) -> None:
        address = psycopg.conninfo.make_conninfo(connections.owner(self.settings), application_name=self._who())
        self.connection = self._stack.enter_context(connections.connect(address))

    def _who(self, *more: str) -> str:
        return f"footfall: {getpass.getuser()} {self._action} {', '.join([*self.jobs, *more])}"[:63]

    def _lock(self, keys: Iterable[str]) -> None:
        taken: list[str] = []
        deadline = time.monotonic() + LOOK_SECONDS
        for key in keys:
            while not self._asked("SELECT pg_try_advisory_lock(%s, hashtext(%s))", key):
                holder = self._holder(key)
                if f" {RESUMES} " in holder and self._action != RESUMES and time.monotonic() < deadline:
                    time.sleep(0.1)
                    continue
                for other in taken:
                    self._asked("SELECT pg_advisory_unlock(%s, hashtext(%s))", other)
                raise InOtherHands(f"{key} is in other hands ({holder}): wait until that is done")
            taken.append(key)

    def _asked(self, query: LiteralString, key: str) -> bool:
        return self.connection.execute(query, [LOCKS, key]).fetchone() == (True,)

    def _holder(self, key: str) -> str:
        found = self.connection.execute(
            "SELECT a.application_name, to_char(a.backend_start, 'HH24:MI') FROM pg_locks AS l"
            " JOIN pg_stat_activity AS a USING (pid)"
            " WHERE l.locktype = 'advisory' AND l.classid = %s AND l.objid = hashtext(%s)::oid AND l.granted",
            [LOCKS, key],
        ).fetchone()
        return f"{found[0].removeprefix('footfall: ')}, since {found[1]}" if found else "somebody"

    def _newest(self) -> int:
        found = self.connection.execute(
            "SELECT coalesce(max(id), 0) FROM job_history WHERE job = ANY (%s)", [self.jobs]
        ).fetchone()
        return int(found[0]) if found else 0


@contextmanager
def hold(settings: Settings, action: str, tables: Mapping[str, Iterable[str]]) -> Iterator[Hold]:
    """Take the locks of these jobs and of the tables of each, without waiting.

    action is a word for who is refused, such as "submits". Raises InOtherHands, which says who has one.
    """
    held = Hold(settings, action)
    try:
        for job in sorted(tables):
            held.add(job, tables[job])
        yield held
    except psycopg.Error as error:
        raise connections.DatabaseError(f"Postgres went away: {' '.join(str(error).split())}") from None
    finally:
        held.release()
