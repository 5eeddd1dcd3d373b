"""`footfall bench-dashboards`: how long each query of each dashboard takes on many visits, on a server of its own.

Queries are asked as the reader, over all of the days, for the largest site. What writers pay for the roll-ups is
measured too, as a ratio of the same inserts with and without their triggers, in turn.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
from psycopg.conninfo import make_conninfo
from rich.console import Console

from footfall.bench import rows as bench_rows
from footfall.bench import triggers
from footfall.bench.jobs import day_and_machine
from footfall.database import connections, maintenance, migrate
from footfall.errors import FootfallError
from footfall.grafana.query.dashboard_files import Json, all_panels, read_dashboards, variables_of
from footfall.grafana.query.interpolation import expand_query
from footfall.grafana.query.panels import annotation_sql, interval_of, needs
from footfall.grafana.query.postgres import Postgres
from footfall.grafana.query.time_ranges import TimeRange
from footfall.grafana.query.variables import resolve, sql_of
from footfall.settings import ROOT
from footfall.stack import postgres, processes

LIMIT_MS = 300
BYTES_A_VISIT = 4200  # of everything, with the roll-ups, write-ahead log and some room
DATABASE = "bench"
Figures = dict[str, Any]


class Query(NamedTuple):
    """A query as Grafana would send it."""

    dashboard: str
    panel: str
    sql: str


class Server(NamedTuple):
    """Connection strings of the scratch database."""

    admin: str
    owner: str
    reader: str


def bench_dashboards(
    out: Console, *, visits: int, days: int, rounds: int, check: bool, keep: Path | None, output: Path
) -> bool:
    """Measure, print a table and write output as JSON. Returns whether check found a query over the limit.

    keep: a folder in which the database stays; one that is there already is measured as it is.
    """
    with scratch(keep, visits) as (server, folder):
        now = _filled(out, server, folder, visits, days)
        result: Figures = {
            **day_and_machine(), "visits": visits, "days": days, "rounds": rounds,
            "bytes": _number(server.owner, "SELECT pg_database_size(current_database())"),
            "visit_events": _number(server.owner, "SELECT count(*) FROM visit_events"),
        }  # fmt: skip
        range_ = TimeRange(now - timedelta(days=days), now)
        found = []
        with out.status("asking") as status:
            for query in all_queries(server.reader, range_):
                status.update(f"asking {query.dashboard}: {query.panel}")
                found.append(_measured(server.reader, query, rounds))
        result["queries"] = found
        with out.status("weighing the triggers"):
            result["share_of_inserts_with_triggers"] = triggers.share_with_triggers(server.admin, now)
            maintenance.refresh_rollups(server.owner)
    _print(out, result)
    output.write_text(json.dumps(result, indent=2) + "\n")
    out.print(f"written {output}")
    return check and any(entry["ms"] > LIMIT_MS for entry in found)


@contextmanager
def scratch(keep: Path | None, visits: int) -> Iterator[tuple[Server, Path]]:
    """A server with the tables, empty or as they were kept; stopped, and unless it is kept removed, at the end."""
    folder = keep.absolute() if keep else Path(tempfile.mkdtemp(prefix="footfall-bench-")).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)  # the server runs as another OS user where this runs as root
    try:
        _require_space(folder, visits)
        yield _started(folder), folder
    finally:
        postgres.stop(folder / "data")
        if not keep:
            postgres.remove(folder / "data")
            shutil.rmtree(folder)


def _require_space(folder: Path, visits: int) -> None:
    free, wanted = shutil.disk_usage(folder).free, visits * BYTES_A_VISIT
    if not (folder / "filled.json").exists() and free < wanted:
        raise FootfallError(
            f"{visits:,} visits take about {wanted / 1e9:.0f} GB, and {folder} has {free / 1e9:.0f} GB: ask for fewer"
            " --visits, or name another disk with --keep or TMPDIR"
        )


def _started(folder: Path) -> Server:
    secret = folder / "password"
    if not secret.exists():
        with os.fdopen(os.open(secret, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe())
    password = secret.read_text()
    port = processes.free_port()
    postgres.start(folder / "data", port, password, folder / "postgres.log")
    admin = make_conninfo(host="127.0.0.1", port=port, user="postgres", password=password, dbname="postgres")
    migrate.bootstrap(admin, dict.fromkeys(migrate.ROLE_SETTINGS, password), DATABASE)
    roles = ("postgres", connections.OWNER, connections.READER)
    server = Server(*(make_conninfo(admin, user=role, dbname=DATABASE) for role in roles))
    migrate.migrate(server.owner)
    maintenance.maintain(server.owner)
    return server


def _filled(out: Console, server: Server, folder: Path, visits: int, days: int) -> datetime:
    """Write the rows and add them up, where that was not done before; returns the moment up to which they are."""
    done = folder / "filled.json"
    if done.exists():
        was = json.loads(done.read_text())
        if (was["visits"], was["days"]) != (visits, days):
            raise FootfallError(
                f"{folder} holds {was['visits']:,} visits of {was['days']} days: ask for these, or name another folder"
            )
        now = datetime.fromisoformat(was["now"])
    else:
        if _number(server.owner, "SELECT count(*) FROM sites"):
            raise FootfallError(f"{folder} was filled in part only: remove it, or name another folder")
        now = datetime.now(UTC).replace(microsecond=0)
        # Nothing of it must outlive a crash; how fast it is read does not depend on this.
        with psycopg.connect(server.admin, autocommit=True) as connection:
            for setting in ("fsync", "full_page_writes"):
                connection.execute(f"ALTER SYSTEM SET {setting} = off".encode())
            connection.execute("SELECT pg_reload_conf()")
        with out.status("writing visits") as status:
            bench_rows.fill(server.admin, visits, days, now, status.update)
            status.update("vacuum")
            _vacuum(server)
            for number, (begin, end) in enumerate(bench_rows.chunks(days, now)):
                status.update(f"roll-ups: {number} of {days} days")
                bench_rows.enqueue(server.admin, begin, end)
                maintenance.refresh_rollups(server.owner)
        done.write_text(json.dumps({"visits": visits, "days": days, "now": now.isoformat()}))
    with out.status("roll-ups and vacuum"):
        maintenance.refresh_rollups(server.owner)  # what migrations since then have left to count
        _vacuum(server)
    return now


def _vacuum(server: Server) -> None:
    with psycopg.connect(server.admin, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")


def all_queries(reader: str, range_: TimeRange, site: str = bench_rows.LARGEST) -> Iterator[Query]:
    """Every query of every dashboard with its variables' first values: panels, variables and annotations."""
    asking = Postgres(reader, seconds=30)
    newest = (
        "SELECT session_id FROM sessions WHERE site = %s AND session_start < %s ORDER BY session_start DESC LIMIT 1"
    )
    visit = _number(reader, newest, site, range_.end - timedelta(minutes=30))
    for uid, board in read_dashboards(ROOT / "dashboards").items.items():
        _, values = resolve(board, {"site": [site], "visit": [str(visit)]}, asking, range_)
        wanted: list[tuple[str, str, int]] = [
            (f"variable {model['name']}", sql_of(model), 60_000)
            for model in variables_of(board)
            if model["type"] == "query"
        ]
        marks: list[Json] = board["annotations"]["list"]
        wanted += [
            (f"annotation {mark['name']}", annotation_sql(mark), 60_000) for mark in marks if annotation_sql(mark)
        ]
        wanted += [
            (panel["title"], target["rawSql"], interval_of(panel, range_))
            for panel in all_panels(board)
            for target in panel.get("targets") or []
            if not needs(target, panel)
        ]
        for name, template, interval in wanted:
            yield Query(uid, name, expand_query(template, values, range_, interval).sql)


def _measured(reader: str, query: Query, rounds: int) -> Figures:
    """The median time in ms of so many rounds, the rows, and the plan's node that took the longest itself.

    A query of more than ten seconds is asked once.
    """
    figures: Figures = {"dashboard": query.dashboard, "panel": query.panel, "rows": None, "slowest": ""}
    times = []
    with psycopg.connect(reader, autocommit=True) as connection:
        try:
            for _ in range(rounds):
                start = time.perf_counter()
                figures["rows"] = len(connection.execute(query.sql.encode()).fetchall())
                times.append((time.perf_counter() - start) * 1000)
                if times[-1] > 10_000:
                    break
            [[[plan]]] = connection.execute(b"EXPLAIN (ANALYZE, FORMAT JSON) " + query.sql.encode()).fetchall()
            figures["slowest"] = max(_own_times(plan["Plan"]))[1]
        except psycopg.errors.QueryCanceled:
            times = times or [30_000.0]
            figures["slowest"] = "none: it was ended after 30 s"
    return figures | {"ms": round(statistics.median(times), 1)}


def _own_times(node: Json) -> Iterator[tuple[float, str]]:
    """The ms that each node of a plan took without those below it, and what it is."""
    children = node.get("Plans", [])
    below = sum(child["Actual Total Time"] * child["Actual Loops"] for child in children)
    what = node.get("Index Name") or node.get("Relation Name") or node.get("Function Name") or node.get("CTE Name")
    yield node["Actual Total Time"] * node["Actual Loops"] - below, node["Node Type"] + (f" on {what}" if what else "")
    for child in children:
        yield from _own_times(child)


def _number(address: str, query: str, *values: object) -> Any:
    with connections.connect(address) as connection:
        row = connection.execute(query.encode(), values).fetchone()
    return row[0] if row else None


def _print(out: Console, result: Figures) -> None:
    from rich.table import Table

    table = Table("dashboard", "panel", "ms", "rows", "slowest part of the plan", box=None, pad_edge=False)
    for entry in result["queries"]:
        slow = entry["ms"] > LIMIT_MS
        ms = f"[bold red]{entry['ms']:,.0f} ![/]" if slow else f"{entry['ms']:,.0f}"
        rows = "-" if entry["rows"] is None else f"{entry['rows']:,}"
        table.add_row(entry["dashboard"], entry["panel"], ms, rows, entry["slowest"])
    out.print(table)
    slow_ones = sum(entry["ms"] > LIMIT_MS for entry in result["queries"])
    out.print(
        f"{result['visits']:,} visits and {result['visit_events']:,} events of {result['days']} days,"
        f" {result['bytes'] / 1e9:.1f} GB: {slow_ones} of {len(result['queries'])} queries took longer than"
        f" {LIMIT_MS} ms"
    )
    share = result["share_of_inserts_with_triggers"]
    out.print(
        f"with the triggers that enqueue changes, a writer writes {share:.0%} of the rows a second that it does without"
    )
