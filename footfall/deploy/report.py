"""What `footfall plan` says of a verdict."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg

from footfall import topic
from footfall.database import connections
from footfall.deploy.plan import Verdict
from footfall.settings import Settings

# Of `together` on two cores, docs/benchmarks.md: what a replay can be reckoned with.
EVENTS_PER_SECOND = 15_000
HEADINGS = {
    "unchanged": "unchanged",
    "new": "new",
    "stopped": "stopped",
    "restores": "changed, and its state restores",
    "replays": "changed, and must be replayed",
    "gone": "gone",
}


def report(settings: Settings, found: Verdict) -> Iterator[str]:
    """The lines for a terminal. Raises FootfallError where Kafka or Postgres does not answer."""
    yield f"{found.job}: {HEADINGS[found.kind]}"
    yield f"  {found.why}"
    if found.flink_takes_it is not None:
        says = "takes" if found.flink_takes_it else "refuses"
        yield f"  tried: Flink {says} the state of {found.checkpoint}"
    if found.kind == "restores":
        yield "  rows that are written already stay as they are; `footfall upgrade --replay` rebuilds them"
    if found.kind == "replays" and found.new:
        count = topic.record_count(settings)
        yield f"  replay: {count:,} events from the start of the topic, {_about(count)}; the old job runs on meanwhile"
        yield "  rewrites: " + ", ".join(f"{table} ({_rows(settings, table)})" for table in found.new.tables)
    for line in found.diff:
        yield f"    {line}"


def as_dict(found: Verdict) -> dict[str, Any]:
    """The verdict for a program."""
    return {
        "job": found.job, "kind": found.kind, "why": found.why, "flink_takes_state": found.flink_takes_it,
        "checkpoint": found.checkpoint, "tables": found.new.tables if found.new else [], "diff": found.diff,
        "old": found.old.id if found.old else None, "new": found.new.id if found.new else None,
    }  # fmt: skip


def _about(count: int) -> str:
    minutes = round(count / EVENTS_PER_SECOND / 60)
    return f"about {minutes} minutes" if minutes > 1 else "about a minute" if minutes else "less than a minute"


def _rows(settings: Settings, table: str) -> str:
    with connections.connect(connections.reader(settings)) as connection:
        found = connection.execute(
            psycopg.sql.SQL("SELECT count(*) FROM {}").format(psycopg.sql.Identifier(table))
        ).fetchone()
    return f"{found[0]:,} rows now" if found else ""
