"""What the tables gained since the last look, against what the records that came since then make of it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any

import psycopg
from psycopg import sql

from footfall.database import connections
from footfall.settings import Settings
from footfall.topic import Record, batches, open_consumer

from .. import day
from ..helpers import Row, hashable

TABLES = (
    "sessions", "page_views_per_minute", "visit_events", "arrivals_per_minute", "late_events", "rejected_events",
    "engagement_per_minute", "custom_events_per_minute", "user_traits", "elements_per_minute", "web_vitals",
)  # fmt: skip
AT_ONCE = {"visit_events", "late_events", "rejected_events", "web_vitals"}  # which wait for no window
CLOSING = "closing-"  # begins the visitors of what closes windows
Rows = dict[str, Counter[Row]]


class Ledger:
    """Tables and topic as they were at the last look."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.rows = rows(settings)
        self.read: dict[int, int] = {}
        self.new_records()

    def new_records(self) -> list[Record]:
        """The records of the topic that came since the last call."""
        with open_consumer(self.settings) as (consumer, partitions):
            ends = consumer.end_offsets(partitions)
            for place in partitions:
                consumer.seek(place, self.read.get(place.partition, 0))
            found = [record for batch in batches(consumer, ends) for record in batch]
            self.read = {place.partition: end for place, end in ends.items()}
        return found

    def differences(self, expected: Rows) -> dict[str, tuple[int, int, Any]]:
        """By table: how many rows are missing, how many are there that should not be, and one of them.

        A row that was there at the last look and is not any more is one that is missing.
        """
        now, found = rows(self.settings), {}
        for table, wanted in expected.items():
            there, should = now[table], self.rows[table] + wanted
            missing, more = should - there, there - should
            if missing or more:
                found[table] = (missing.total(), more.total(), next(iter(missing or more)))
        return found

    def close(self) -> None:
        """What is there now is what the next look begins with."""
        self.rows = rows(self.settings)


def rows(settings: Settings) -> Rows:
    """All rows of all tables, as the owner, who may read each."""
    with psycopg.connect(connections.owner(settings), options="-c timezone=UTC") as connection:
        return {
            table: _counted(
                table,
                Counter(
                    hashable(connection.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(table))).fetchall())
                ),
            )
            for table in TABLES
        }


def expected(records: Sequence[Record], before: Sequence[Record]) -> Rows:
    """What the tables gain by the records of a run, recomputed without Flink and without SQL.

    What closes the windows is in a window itself, which stays open: that of the run before (before) closes now.
    """
    closed = [record for record in records if not closes(record)]
    made = _made(records)
    windows = _made([*before, *closed])
    return {table: (made if table in AT_ONCE else windows)[table] for table in TABLES}


def expected_now(records: Sequence[Record], before: Sequence[Record]) -> Rows:
    """The same of events of the last minutes: no visit of theirs has ended."""
    return expected(records, before) | {"sessions": _made(before)["sessions"]}


def closes(record: Record) -> bool:
    """Whether a record was written to close windows."""
    return CLOSING.encode() in (record.key or b"")


def _made(records: Sequence[Record]) -> Rows:
    found = day.tables(map(_with_place, records))
    rows_ = {table: Counter(hashable(found[table])) for table in TABLES}
    return {table: _counted(table, rows_[table]) for table in TABLES}


def _counted(table: str, found: Counter[Row]) -> Counter[Row]:
    """Without heartbeats, of which more come while we look."""
    if table != "arrivals_per_minute":
        return found
    return Counter({row: count for row, count in found.items() if row[3] != "heartbeat"})


def ids(records: Collection[Record]) -> set[str]:
    """The message ids of the records that have one."""
    events = [day.parsed(record.value) for record in records]
    return {event["messageId"] for event in events if event and event.get("messageId")}


def _with_place(record: Record) -> Record:
    """A collector keeps no place that it could not tell: the recomputation wants to read that there is none."""
    event = day.parsed(record.value)
    if not event or not isinstance(event.get("context"), dict):
        return record
    place = {"country": None, "region": None} | (event["context"].get("location") or {})
    if event["context"].get("location") == place:
        return record  # as it was written, letter by letter
    event["context"]["location"] = place
    return record._replace(value=json.dumps(event).encode())
