"""What the collector reads of Postgres, read again and again in a thread of its own, which outlives Postgres."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator

import psycopg

SECONDS = 2.0  # between two rounds
CONNECT_SECONDS = 5
ROUND_SECONDS = 10.0  # for all statements of a round; the role's own statement_timeout is shorter
START_SECONDS = 3.0  # how long a start waits for the first round
log = logging.getLogger(__name__)
Connection = psycopg.Connection[tuple[object, ...]]


class Refresher:
    """A thread that calls `refresh` with a kept connection, and `always` before it, whether Postgres is there or not.

    what names, in the log, what it keeps. seconds lie between two rounds.
    """

    def __init__(
        self, address: str, what: str, refresh: Callable[[Connection], None], *, seconds: float = SECONDS,
        always: Callable[[], None] = lambda: None,
    ) -> None:  # fmt: skip
        self._address = psycopg.conninfo.make_conninfo(address, application_name=f"footfall collector: {what}")
        self._what, self._refresh, self._always, self._seconds = what, refresh, always, seconds
        self._stopping, self._tried = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"refresh {what}", daemon=True)

    def start(self) -> None:
        """Start, and wait a moment for the first round, so that the first requests find what they need."""
        self._thread.start()
        self._tried.wait(START_SECONDS)

    def stop(self) -> None:
        """End after the round that is under way; one that hangs is left behind."""
        self._stopping.set()
        self._thread.join(START_SECONDS)

    def _run(self) -> None:
        connection: Connection | None = None
        away = False
        while not self._stopping.is_set():
            try:
                self._always()
                if connection is None:
                    connection = psycopg.connect(self._address, autocommit=True, connect_timeout=CONNECT_SECONDS)
                with _hung_up_after(connection, ROUND_SECONDS):
                    self._refresh(connection)
            except Exception as error:  # whatever it is, the next round may find it mended
                if connection is not None:
                    connection.close()
                connection = None
                if not away:
                    reason = str(error).partition("\n")[0]  # what follows may quote values
                    log.warning("%s can't be read from Postgres, those that are known stay: %s", self._what, reason)
                away = True
            else:
                if away:
                    log.info("%s are read from Postgres again", self._what)
                away = False
            self._tried.set()
            self._stopping.wait(self._seconds)
        if connection is not None:
            connection.close()


@contextlib.contextmanager
def _hung_up_after(connection: Connection, seconds: float) -> Iterator[None]:
    """End the connection where its statements take longer: a server that hangs ends no statement by itself."""
    timer = threading.Timer(seconds, _hang_up, [connection])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _hang_up(connection: Connection) -> None:
    with contextlib.suppress(psycopg.Error, OSError), socket.socket(fileno=os.dup(connection.fileno())) as end:
        end.shutdown(socket.SHUT_RDWR)
