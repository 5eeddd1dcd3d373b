"""The salts of the day, by which a visitor without an id is the same one until midnight UTC and never again.

They are in memory and in the unlogged table visitor_salts alone, and dropped from both when their day is over. All
collectors have the one that is in the table.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from types import TracebackType
from typing import Any, Self

import psycopg

from footfall.collector.poller import SECONDS, Refresher

SALT_BYTES = 32
AHEAD = timedelta(hours=1)  # tomorrow's is fetched so early: at midnight it is there, with or without Postgres
log = logging.getLogger(__name__)


def _now() -> datetime:
    return datetime.now(UTC)


class Salts:
    """Salts from Postgres, fetched and dropped by a thread; where it has none, one of our own until it has.

    now gives the time, in UTC.
    """

    def __init__(self, address: str, now: Callable[[], datetime] = _now, seconds: float = SECONDS) -> None:
        self._now = now
        self._salts: dict[date, bytes] = {}
        self._lock = threading.Lock()
        self._refresher = Refresher(address, "the salts", self._refresh, seconds=seconds, always=self._forget)

    def __enter__(self) -> Self:
        self._refresher.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End the thread that fetches and drops."""
        self._refresher.stop()

    def salt(self, day: date) -> bytes:
        """The 32 bytes of a day in UTC. Never waits for Postgres.

        A day that is over has none any more: a request that began before midnight gets today's.
        """
        salt = self._salts.get(day)
        if salt is not None:
            return salt
        self._forget()
        with self._lock:
            day = max(day, self._now().date())
            if day not in self._salts:
                log.warning("no salt of %s from Postgres yet: until then, this collector has its own", day)
                self._salts[day] = secrets.token_bytes(SALT_BYTES)
            return self._salts[day]

    def _forget(self) -> None:
        """Drop what is of days before today. Python can't overwrite bytes: their memory is free, to be used again."""
        with self._lock:
            today = self._now().date()
            for day in [day for day in self._salts if day < today]:
                del self._salts[day]

    def _refresh(self, connection: psycopg.Connection[Any]) -> None:
        now = self._now()
        days = sorted({now.date(), (now + AHEAD).date()})
        kept = _read(connection, days)
        missing = [day for day in days if day not in kept]
        for day in missing:
            # Ours, if we have one: Postgres loses its own in a crash, and was perhaps away when the day began.
            salt = self._salts.get(day) or secrets.token_bytes(SALT_BYTES)
            connection.execute(
                "INSERT INTO visitor_salts (day, salt) VALUES (%s, %s) ON CONFLICT DO NOTHING", [day, salt]
            )
        if missing:
            kept = _read(connection, days)
        with self._lock:
            self._salts |= kept
        connection.execute("DELETE FROM visitor_salts WHERE day < %s", [now.date()])


def _read(connection: psycopg.Connection[Any], days: list[date]) -> dict[date, bytes]:
    rows = connection.execute("SELECT day, salt FROM visitor_salts WHERE day = ANY (%s)", [days])
    return {day: bytes(salt) for day, salt in rows}
