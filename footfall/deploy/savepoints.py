"""Savepoints: whether a job takes one, which are past their time, and their removal.

`footfall stop`, `upgrade` and `down` take them (cluster.stop); where each is, the table job_history says.
"""

from __future__ import annotations

from datetime import timedelta

from footfall.database import connections
from footfall.deploy import cluster, rest
from footfall.settings import Settings

# A savepoint is kept for a week, and the newest three of a job for as long as they are that.
KEEP_SAVEPOINTS, KEEP_SAVEPOINTS_FOR = 3, timedelta(days=7)


def is_being_taken(settings: Settings, id_: str) -> bool:
    """Whether a job is about to take a savepoint."""
    history = rest.call(settings, f"/jobs/{id_}/checkpoints")["history"]
    return any(one["is_savepoint"] and one["status"] == "IN_PROGRESS" for one in history)


def expire(settings: Settings) -> list[str]:
    """Remove the savepoints that are past their time; returns a sentence for each."""
    lines = []
    for savepoint in _expired(settings):
        refusal = _dispose(settings, savepoint)
        if not refusal:
            _mark_removed(settings, savepoint)
        lines.append(f"savepoint {savepoint} " + (f"could not be removed: {refusal}" if refusal else "removed"))
    return lines


def _dispose(settings: Settings, savepoint: str) -> str:
    """Let the cluster remove a savepoint; returns what it has against it, '' where it is gone."""
    trigger = rest.call(settings, "/savepoint-disposal", {"savepoint-path": savepoint})["request-id"]
    operation = cluster.wait_for(
        settings, f"/savepoint-disposal/{trigger}", "the savepoint is not removed", cluster.END_SECONDS
    )
    return cluster.cause(operation) if "failure-cause" in operation else ""


def _expired(settings: Settings) -> list[str]:
    """The savepoints that are past their time, the oldest first. Raises DatabaseError."""
    with connections.connect(connections.owner(settings)) as connection:
        rows = connection.execute(
            "SELECT savepoint FROM ("
            " SELECT savepoint, max(happened_at) AS used_at,"
            "  row_number() OVER (PARTITION BY job ORDER BY max(id) DESC) AS number"
            " FROM job_history WHERE savepoint !~ '/chk-[0-9]+/?$' AND savepoint_removed_at IS NULL"
            " GROUP BY job, savepoint"
            ") AS kept WHERE number > %s AND used_at < now() - %s::interval ORDER BY used_at",
            [KEEP_SAVEPOINTS, KEEP_SAVEPOINTS_FOR],
        ).fetchall()
    return [row[0] for row in rows]


def _mark_removed(settings: Settings, savepoint: str) -> None:
    """Say of every row that names this savepoint that it is gone. Raises DatabaseError."""
    with connections.connect(connections.owner(settings)) as connection:
        connection.execute("UPDATE job_history SET savepoint_removed_at = now() WHERE savepoint = %s", [savepoint])
