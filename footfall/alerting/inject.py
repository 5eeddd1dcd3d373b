"""The condition of an alert rule, injected as rows of a site made for it, and removed again.

sql/postgres/alert_tests/NAME.sql has the rows of a rule. Its parts say who writes them: the writer, which Flink is, or
the owner where the writer has no right to. Only the owner can delete, so rows are removed by it.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import psycopg
from psycopg import sql

from footfall.database import connections, maintenance
from footfall.errors import FootfallError
from footfall.settings import ALERT_TEST_SITE, ROOT

FOLDER = ROOT / "sql" / "postgres" / "alert_tests"
LOCK = "footfall alert test"
PART = re.compile(r"^-- (as|unless): (.*)\n", re.MULTILINE)
# What is measured by Prometheus can't be written anywhere: it has to be so.
BY_HAND = {
    "consumer-lag": "let a job be more than 100,000 events behind for ten minutes: stop it, load some millions of"
    " events, submit it again",
    "disk": "let less than a tenth of a disk be free for ten minutes: fallocate -l SIZE FILE, then remove FILE",
    "error-rate": "stop Kafka for ten minutes while requests come: the collector answers 503",
    "failed-checkpoints": "take from Flink's user the right to write to the folder of state.checkpoints.dir, until"
    " three checkpoints have failed",
}


class NotInjectable(FootfallError):
    """The condition of this rule can't be made by rows, or not now; the message says how to try it."""


@dataclass(frozen=True)
class Condition:
    """The rows of a rule: parts are (owner or writer, SQL); unless is a query that must find no row, and why."""

    name: str
    parts: tuple[tuple[str, str], ...]
    unless: tuple[str, str] | None


def read(name: str) -> Condition:
    """The condition of a rule. Raises NotInjectable."""
    path = FOLDER / f"{name}.sql"
    if not path.exists():
        how = BY_HAND.get(name, "there is no file for it in sql/postgres/alert_tests")
        raise NotInjectable(f"{name} can't be injected, as its condition is no row of a table. To try it: {how}")
    pieces = PART.split(path.read_text(encoding="utf-8"))
    found = list(zip(pieces[1::3], pieces[2::3], pieces[3::3], strict=True))
    unless = next(((text, words) for kind, words, text in found if kind == "unless"), None)
    return Condition(
        name, tuple((re.split(r"\W", words)[0], text) for kind, words, text in found if kind == "as"), unless
    )


@contextlib.contextmanager
def injected(condition: Condition, owner: str, writer: str, before: Callable[[], None] = lambda: None) -> Iterator[int]:
    """The rows are there as long as the block lasts; gives how many. owner, writer: connection strings.

    Rows that a test left behind which was killed are removed first; then before is called, and may refuse. Raises
    NotInjectable, FootfallError where another test runs or the site is somebody's, and DatabaseError.
    """
    with connections.connect(owner) as connection:
        if connection.execute("SELECT pg_try_advisory_lock(hashtext(%s))", [LOCK]).fetchone() != (True,):
            raise FootfallError("another alert test is running: wait until it has ended")
        if connection.execute("SELECT FROM write_keys WHERE site = %s", [ALERT_TEST_SITE]).rowcount:
            raise FootfallError(
                f"the site {ALERT_TEST_SITE} has write keys: somebody uses it, and a test would remove its rows"
            )
        _remove(connection, owner)
        before()
        if condition.unless and connection.execute(condition.unless[0].encode()).rowcount:
            raise NotInjectable(f"{condition.name} can't be injected now: {condition.unless[1]}")
        try:
            rows = 0
            for role, text in condition.parts:
                with connections.connect(owner if role == "owner" else writer) as own, own.transaction():
                    for statement in _statements(text):
                        rows += own.execute(statement.encode(), {"site": ALERT_TEST_SITE}).rowcount
            while connection.execute("SELECT refresh_anomalies()").fetchone() != (0,):
                pass  # rules about traffic read what the maintenance makes of the rows: four weeks of minutes a call
            yield rows
        finally:
            with connections.connect(owner) as fresh:  # the other was idle for long
                _remove(fresh, owner)


def _statements(text: str) -> list[str]:
    lines = [line for line in text.splitlines() if not line.startswith("--")]
    return [statement for statement in "\n".join(lines).split(";\n") if statement.strip(" \n;")]


def _remove(connection: psycopg.Connection, owner: str) -> None:
    """Every row of the site, in every table that has sites; twice, as the roll-ups may have read them in between."""
    tables = connection.execute(
        "SELECT c.oid::regclass::text FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid"
        " WHERE a.attname = 'site' AND NOT a.attisdropped AND c.relkind IN ('r', 'p') AND NOT c.relispartition"
        " AND c.relnamespace = 'public'::regnamespace ORDER BY 1"
    ).fetchall()
    found = 0
    connection.execute("DELETE FROM job_health WHERE job = %s", [ALERT_TEST_SITE])
    for turn in range(2):
        for (table,) in tables:
            statement = sql.SQL("DELETE FROM {} WHERE site = %s").format(sql.SQL(table))
            found += connection.execute(statement, [ALERT_TEST_SITE]).rowcount
        if turn == 0 and found:
            maintenance.refresh_rollups(owner)
