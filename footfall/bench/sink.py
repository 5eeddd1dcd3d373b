"""`footfall bench-sink`: ways to write batches of rows into Postgres, in turn, on a server of its own.

The sink in flink/ writes by ARRAYS; docs/decisions/0017-the-sink.md says why. Rows are new ones, and then the same
again, into the real tables with their indexes, partitions and triggers.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, LiteralString, NamedTuple

import psutil
import psycopg
from psycopg import sql
from rich.console import Console

from footfall.bench.dashboards import scratch
from footfall.bench.jobs import day_and_machine

ARRAYS, COPY, VALUES = "arrays", "copy", "values"
WAYS = (VALUES, ARRAYS, COPY)
SIZES = (5000, 100)  # rows of a batch: of a job that reads old events, and of a live one
ROWS_OF_VALUES = 128  # rows of a statement, as Postgres' JDBC driver puts them together
Row = Sequence[str | None]
Connection = psycopg.Connection[Any]


class Table(NamedTuple):
    """A table of sql/tables with some of its columns."""

    name: str
    key: tuple[str, ...]
    columns: tuple[str, ...]


TABLES = (
    Table(
        "sessions", ("site", "session_start", "session_id"),
        ("site", "session_start", "session_id", "session_end", "duration_ms", "visitor_id", "page_view_count",
         "event_count", "entry_page", "exit_page", "referrer", "user_agent", "is_bounce", "source", "medium", "channel",
         "country", "device_type", "browser", "interaction_count", "engaged_ms", "is_bot"),
    ),
    Table(
        "visit_events", ("site", "event_time", "message_id"),
        ("site", "event_time", "message_id", "visitor_id", "event_type", "event_name", "is_action", "page_path",
         "country", "label", "engaged_ms", "revenue"),
    ),
    Table(
        "page_views_per_minute", ("site", "window_start", "page_path"),
        ("site", "window_start", "page_path", "page_view_count", "visitor_count"),
    ),
)  # fmt: skip


def bench_sink(out: Console, *, rows: int, rounds: int, output: Path) -> None:
    """rows: of each table, way and round; rounds: times that each way has its turn."""
    figures = []
    with scratch(None, 0) as (server, _):
        number = 0
        for size in SIZES:
            for table in TABLES:
                measured: dict[tuple[str, str], list[tuple[float, float]]] = {}
                for _ in range(rounds):
                    for way in WAYS:
                        made = [row_of(table.name, n) for n in range(number, number + rows)]
                        number += rows
                        for kind in ("new", "again"):
                            measured.setdefault((way, kind), []).append(_measure(server.admin, table, way, made, size))
                for (way, kind), each in measured.items():
                    seconds, processor = (statistics.median(values) for values in zip(*each, strict=True))
                    figures.append(
                        {"table": table.name, "batch": size, "rows": kind, "way": way,
                         "rows_per_second": round(rows / seconds), "processor_us": round(1e6 * processor / rows, 1)}
                    )  # fmt: skip
                    out.print(" ".join(f"{name}={value}" for name, value in figures[-1].items()), markup=False)
    output.write_text(json.dumps({**day_and_machine(), "figures": figures}, indent=2) + "\n")


def row_of(table: str, n: int) -> Row:
    """The n-th row of a table, as text; none is the same as another."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    visitor, page = f"v{n // 5 * 7919 % 10**8}", f"/page/{n % 50}"
    if table == "page_views_per_minute":
        return ("shop", _time(start + timedelta(minutes=n // 50)), page, "5", "3")
    if table == "visit_events":
        kind = ("page", None, "f", page, "DE", None) if n % 2 else ("track", "Link Clicked", "t", page, "DE", "blue")
        return ("shop", _time(start + timedelta(milliseconds=7 * n)), f"m{n}", visitor, *kind, "1000", "1.5")
    begun = start + timedelta(milliseconds=37 * n)
    return (
        "shop", _time(begun), f"{n * 2654435761 % (1 << 128):032x}", _time(begun + timedelta(minutes=3)), "180000",
        visitor, "3", "7", page, "/basket", "https://www.example.com/",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Safari/537.36", "f",
        "google", "organic", "Organic Search", "DE", "desktop", "Chrome", "2", "60000", "f",
    )  # fmt: skip


def _time(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _measure(admin: str, table: Table, way: str, rows: Sequence[Row], size: int) -> tuple[float, float]:
    """Seconds, and seconds of the processor that the server's process of this connection took."""
    with psycopg.connect(admin, prepare_threshold=0) as connection:
        types: dict[str, LiteralString] = dict(
            connection.execute(
                "SELECT attname, format_type(atttypid, -1) FROM pg_attribute WHERE attrelid = %s::regclass",
                [table.name],
            ).fetchall()
        )
        if way == COPY:
            connection.execute(
                sql.SQL("CREATE TEMPORARY TABLE batch ON COMMIT DELETE ROWS AS SELECT {} FROM {} LIMIT 0").format(
                    _names(table.columns), sql.Identifier(table.name)
                )
            )
        connection.commit()
        process = psutil.Process(connection.info.backend_pid)
        before, begun = process.cpu_times(), time.perf_counter()
        for place in range(0, len(rows), size):
            _write(connection, table, types, way, rows[place : place + size])
            connection.commit()
        seconds, after = time.perf_counter() - begun, process.cpu_times()
        return seconds, after.user + after.system - before.user - before.system


def _write(
    connection: Connection, table: Table, types: dict[str, LiteralString], way: str, rows: Sequence[Row]
) -> None:
    if way == VALUES:
        with connection.pipeline():
            for place in range(0, len(rows), ROWS_OF_VALUES):
                part = rows[place : place + ROWS_OF_VALUES]
                row = sql.SQL("({})").format(sql.SQL(", ").join(sql.Placeholder() * len(table.columns)))
                values = sql.SQL("VALUES {}").format(sql.SQL(", ").join([row] * len(part)))
                connection.execute(_upsert(table, values), [value for row_ in part for value in row_])
    elif way == ARRAYS:
        arrays = [sql.SQL("%s::{}[]").format(sql.SQL(types[column])) for column in table.columns]
        source = sql.SQL("SELECT * FROM unnest({})").format(sql.SQL(", ").join(arrays))
        connection.execute(_upsert(table, source), [_array(column) for column in zip(*rows, strict=True)])
    else:
        text = "".join("\t".join("\\N" if value is None else value for value in row_) + "\n" for row_ in rows)
        with connection.cursor().copy("COPY batch FROM STDIN") as copy:
            copy.write(text)
        connection.execute(_upsert(table, sql.SQL("SELECT * FROM batch")))


def _array(values: Sequence[str | None]) -> str:
    return "{" + ",".join("NULL" if value is None else f'"{value}"' for value in values) + "}"


def _upsert(table: Table, source: sql.Composable) -> sql.Composed:
    changed = [sql.Identifier(name) for name in table.columns if name not in table.key]
    return sql.SQL("INSERT INTO {} ({}) {} ON CONFLICT ({}) DO UPDATE SET {}").format(
        sql.Identifier(table.name), _names(table.columns), source, _names(table.key),
        sql.SQL(", ").join(sql.SQL("{} = EXCLUDED.{}").format(name, name) for name in changed),
    )  # fmt: skip


def _names(columns: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, columns))
