"""`footfall demo`: from nothing to visits in Postgres, watched on the terminal; Ctrl-C leaves nothing behind."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
from rich import box
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table

from footfall import database, simulate, submission, suite
from footfall.errors import FootfallError
from footfall.settings import Settings, load_settings
from footfall.stack import control

SITE, HISTORY, RATE = "shop", timedelta(hours=24), 20.0
VISITS_PER_DAY = 4000
# All of it fits a terminal of 24 lines.
STYLE: dict[str, Any] = {"box": box.SIMPLE_HEAD, "expand": True}


def demo(out: Console, *, seed: int, keep: bool, duration: timedelta | None) -> None:
    """Start the stack, write a day of visitors, submit all jobs, go on with live visitors and show the tables.

    Ends on Ctrl-C or after duration. Everything it started is stopped; its data are removed unless keep.
    """
    settings = load_settings()
    marker = settings.home / "data" / "demo"
    if marker.exists():  # a demo that was killed
        control.down(settings, lambda what: None)
        control.remove_data(settings)
    elif not control.is_empty(settings):
        raise FootfallError(
            f"{settings.home} holds the data of a stack, which a demo would mix with its own: "
            "`footfall down --volumes` removes them, FOOTFALL_HOME=… uses another folder"
        )
    marker.parent.mkdir(parents=True)
    marker.touch()
    with _interruptible():
        try:
            _show(out, settings, seed, duration)
        except KeyboardInterrupt:
            out.print()
        finally:
            with out.status("stopping everything"):
                control.down(settings, lambda what: None)
                if keep:
                    marker.unlink()
                else:
                    control.remove_data(settings)
    out.print(
        "Everything is stopped. The data stay: footfall up goes on with them."
        if keep
        else "Everything is stopped and the demo's data are removed. To keep them: footfall demo --keep"
    )


def _show(out: Console, settings: Settings, seed: int, duration: timedelta | None) -> None:
    began = time.monotonic()
    with out.status("starting") as status:
        settings = control.up(settings, lambda what: status.update(f"starting: {what}"))
        out.print(f"[green]✓[/] Kafka, Postgres and Flink are up ({time.monotonic() - began:.0f} s)")
        count, _ = simulate.history(
            settings, seed=seed, site=SITE, length=HISTORY, visits_per_day=VISITS_PER_DAY,
            progress=lambda share: status.update(f"a day of simulated visitors: {share:.0%}"),
        )  # fmt: skip
        out.print(f"[green]✓[/] {count:,} events of the last 24 hours are in Kafka, topic {settings.topic}")
        names = list(suite.all_jobs())
        status.update(f"submitting {len(names)} jobs to Flink")
        submission.submit(settings, names)
        out.print(f"[green]✓[/] {len(names)} jobs run: http://{settings.flink_rest}")
        ended, failures = threading.Event(), list[Exception]()
        visitors = threading.Thread(target=_visitors, args=(settings, seed + 1, ended, failures), daemon=True)
        visitors.start()
        status.update("the first rows")
        with psycopg.connect(database.reader(settings), autocommit=True) as connection:
            while not connection.execute("SELECT EXISTS (SELECT FROM sessions)").fetchone()[0]:  # type: ignore[index]
                time.sleep(0.5)
    out.print(f"[green]✓[/] the first visits are in Postgres, {time.monotonic() - began:.0f} s after the start\n")
    deadline = time.monotonic() + duration.total_seconds() if duration else None
    try:
        with psycopg.connect(database.reader(settings), autocommit=True) as connection:
            _watch(out, connection, failures, deadline)
    finally:
        ended.set()
        visitors.join(10)


def _watch(out: Console, connection: Any, failures: list[Exception], deadline: float | None) -> None:
    refresh = 2.0 if out.is_terminal else 20.0
    with contextlib.ExitStack() as stack:
        screen = stack.enter_context(Live(console=out, auto_refresh=False)) if out.is_terminal else None
        while deadline is None or time.monotonic() < deadline:
            if failures:
                raise failures[0]
            view = _view(connection)
            if screen:
                screen.update(view, refresh=True)
            else:
                out.print(view)
            time.sleep(refresh if deadline is None else max(0.0, min(refresh, deadline - time.monotonic())))


def _view(connection: Any) -> Group:
    """The newest visits, the busiest pages of the last hour, and what to do next."""
    visits = Table("ended", "entry page", "exit page", "views", "length", "came from", title="Newest visits", **STYLE)
    for ended, entry, exit_, views, length, source in connection.execute(
        "SELECT to_char(session_end, 'HH24:MI:SS'), entry_page, exit_page, page_view_count, "
        "date_trunc('second', session_end - session_start)::text, "
        "coalesce(utm_source, substring(referrer from '://([^/]+)'), 'direct') "
        "FROM sessions WHERE site = %s ORDER BY session_end DESC LIMIT 5",
        (SITE,),
    ):
        visits.add_row(ended, entry, exit_, str(views), length, source)
    pages = Table("page", "views", title="Busiest pages of the last hour", **STYLE)
    for page, views in connection.execute(
        "SELECT page_path, sum(page_view_count) FROM page_views_per_minute "
        "WHERE site = %s AND window_start > now() - interval '1 hour' GROUP BY page_path ORDER BY 2 DESC, 1 LIMIT 4",
        (SITE,),
    ):
        pages.add_row(page, str(views))
    sessions, bounced, late, rejected = connection.execute(
        "SELECT count(*), count(*) FILTER (WHERE is_bounce), (SELECT count(*) FROM late_events), "
        "(SELECT count(*) FROM rejected_events) FROM sessions WHERE site = %s",
        (SITE,),
    ).fetchone()
    summary = (
        f"{sessions:,} visits, {bounced / max(sessions, 1):.0%} of them bounces; "
        f"{late:,} events came late, {rejected:,} were broken. "
        "Times are UTC; a visit is final 30 minutes after its last event."
    )
    hint = (
        "Next, in another terminal:  .venv/bin/footfall psql -c 'SELECT * FROM sessions LIMIT 5'  ·  "
        "change sql/jobs/sessions.sql, then .venv/bin/footfall test sessions  ·  Ctrl-C ends the demo"
    )
    return Group(visits, pages, summary, hint)


def _visitors(settings: Settings, seed: int, ended: threading.Event, failures: list[Exception]) -> None:
    def check(count: int) -> None:
        if ended.is_set():
            raise _Ended

    try:
        simulate.live(settings, seed=seed, site=SITE, rate=RATE, progress=check)
    except _Ended:
        pass
    except Exception as error:  # shown by the thread that draws
        failures.append(error)


class _Ended(Exception):
    """The demo is over."""


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Let a request to terminate end the demo as Ctrl-C does."""

    def interrupt(signum: int, frame: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
