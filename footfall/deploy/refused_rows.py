"""Rows that Flink wrote and Postgres refused: table refused_rows, which the sink in flink/ fills."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from footfall.database import connections
from footfall.settings import Settings


def take_refused(settings: Settings, tables: Sequence[str], since: datetime) -> list[str]:
    """Remove what Postgres refused of these tables for the first time since then.

    since: by the clock of Postgres, see database_time(). Returns a sentence for each table and reason, the most
    frequent first. Raises DatabaseError.
    """
    with connections.connect(connections.owner(settings)) as connection:
        found = connection.execute(
            "WITH taken AS ("
            "DELETE FROM public.refused_rows WHERE table_name = ANY (%s) AND refused_at >= %s RETURNING *)"
            " SELECT table_name, count(*), reason FROM taken GROUP BY table_name, reason ORDER BY 2 DESC, 1, 3",
            [list(tables), since],
        ).fetchall()
    return [
        f"Postgres refused {count:,} {'row' if count == 1 else 'rows'} of {name}: {why}" for name, count, why in found
    ]


def database_time(settings: Settings) -> datetime:
    """The time by the clock of Postgres, which says when a row was refused. Raises DatabaseError."""
    with connections.connect(connections.owner(settings)) as connection:
        [[now]] = connection.execute("SELECT clock_timestamp()").fetchall()
    found: datetime = now
    return found
