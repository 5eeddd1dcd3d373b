"""`footfall demo`: from nothing to visits in Postgres, watched on the terminal; Ctrl-C leaves nothing behind."""

from __future__ import annotations

import contextlib
import json
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any, NamedTuple

import psycopg
from rich import box
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table

from footfall import topic
from footfall.admin import sites
from footfall.admin.site_options import Options
from footfall.collector.consent import Consent
from footfall.database import connections
from footfall.demo import browser, shop
from footfall.deploy import submission
from footfall.errors import FootfallError
from footfall.project import catalog
from footfall.settings import Settings, load_settings
from footfall.simulate import run
from footfall.stack import control, preview

SITE, HISTORY, RATE = "shop", timedelta(hours=24), 20.0
GOAL = "Order Completed"
# Name, event and page of each step.
FUNNEL = (
    ("saw a product", None, "/p/%"), ("put it into the cart", "Product Added", None), ("bought", GOAL, None),
)  # fmt: skip
VISITS_PER_DAY = 4000
# All of it fits a terminal of 24 lines.
STYLE: dict[str, Any] = {"box": box.SIMPLE_HEAD, "expand": True}
SHOWN = 4


class Act(NamedTuple):
    """What a browser did in the shop."""

    time: str
    what: str
    page: str


@dataclass
class Visitors:
    """Those who come through the collector now."""

    shop: str  # its address
    browsers: subprocess.Popen[bytes] | None
    acts: deque[Act] = field(default_factory=lambda: deque(maxlen=SHOWN))  # the newest first
    failures: list[Exception] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    def raise_failure(self) -> None:
        """Raise what kept visitors from coming, where something did. Browsers may fail: the demo goes on without."""
        if self.failures:
            raise self.failures[0]


def demo(out: Console, *, seed: int, keep: bool, duration: timedelta | None) -> None:
    """Start the stack, write a day of visitors, submit all jobs, go on with live visitors and show the tables.

    Ends on Ctrl-C or after duration. Everything it started is stopped; its data are removed unless keep.
    """
    settings = load_settings()
    marker = settings.home / "data" / "demo"
    if marker.exists():  # a demo that was killed
        control.down(settings, lambda what: None, keep_jobs=False)
        control.remove_data(settings)
    elif not control.is_empty(settings):
        raise FootfallError(
            f"{settings.home} holds the data of a stack, which a demo would mix with its own: "
            "`footfall down --volumes` removes them, FOOTFALL_HOME=… uses another folder"
        )
    marker.parent.mkdir(parents=True)
    marker.touch()
    try:
        _show(out, settings, seed, duration)
    except KeyboardInterrupt:
        out.print()
    finally:
        with out.status("stopping everything"):
            control.down(settings, lambda what: None, keep_jobs=keep)
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
    with contextlib.ExitStack() as stack:
        with out.status("starting") as status:
            settings = control.up(settings, lambda what: status.update(f"starting: {what}"))
            out.print(f"[green]✓[/] Kafka, Postgres, Flink and the collector are up ({time.monotonic() - began:.0f} s)")
            shop_address = stack.enter_context(shop.serve(settings.collector_url, partial(_site, settings)))
            # Before anybody comes: behind a live event, history would come too late. The collector stamps the time at
            # which it takes an event, so the past can't come through it.
            count, _ = run.history(
                settings, seed=seed, site=SITE, length=HISTORY, visits_per_day=VISITS_PER_DAY,
                progress=lambda share: status.update(f"a day of simulated visitors: {share:.0%}"),
            )  # fmt: skip
            out.print(f"[green]✓[/] {count:,} events of the last 24 hours are written to Kafka, topic {settings.topic}")
            names = list(catalog.all_jobs())
            status.update(f"submitting {len(names)} jobs to Flink")
            submission.submit(settings, names)
            out.print(f"[green]✓[/] {len(names)} jobs run: http://{settings.flink_rest}")
            visitors = stack.enter_context(_visitors(settings, seed + 1, shop_address))
            out.print(f"[green]✓[/] visitors come through the collector now: {settings.collector_url}")
            without = browser.missing()
            guests = f"no browser visits it: {without}" if without else "a headless Chromium visits it too"
            out.print(f"[green]✓[/] the dashboards, drawn without Grafana: {preview.address(settings)}")
            out.print(f"[green]✓[/] a shop to click around in yourself: {visitors.shop} ({guests})")
            status.update("the first rows")
            with psycopg.connect(connections.reader(settings), autocommit=True) as connection:
                while not connection.execute("SELECT EXISTS (SELECT FROM sessions)").fetchone()[0]:  # type: ignore[index]
                    visitors.raise_failure()
                    time.sleep(0.5)
        out.print(f"[green]✓[/] the first visits are in Postgres, {time.monotonic() - began:.0f} s after the start\n")
        deadline = time.monotonic() + duration.total_seconds() if duration else None
        with psycopg.connect(connections.reader(settings), autocommit=True) as connection:
            _watch(out, connection, visitors, deadline)


def _watch(out: Console, connection: Any, visitors: Visitors, deadline: float | None) -> None:
    refresh = 2.0 if out.is_terminal else 20.0
    with contextlib.ExitStack() as stack:
        screen = stack.enter_context(Live(console=out, auto_refresh=False)) if out.is_terminal else None
        while deadline is None or time.monotonic() < deadline:
            visitors.raise_failure()
            view = _view(connection, visitors)
            if screen:
                screen.update(view, refresh=True)
            else:
                out.print(view)
            time.sleep(refresh if deadline is None else max(0.0, min(refresh, deadline - time.monotonic())))


def _view(connection: Any, visitors: Visitors) -> Group:
    """The newest visits, the busiest pages of the last hour, what browsers do in the shop, and what to do next."""
    visits = Table("ended", "entry page", "exit page", "views", "length", "came from", title="Newest visits", **STYLE)
    for ended, entry, exit_, views, length, source in connection.execute(
        "SELECT to_char(session_end, 'HH24:MI:SS'), entry_page, exit_page, page_view_count, "
        "date_trunc('second', session_end - session_start)::text, "
        "coalesce(utm_source, substring(referrer from '://([^/]+)'), 'direct') "
        "FROM sessions WHERE site = %s ORDER BY session_end DESC LIMIT %s",
        (SITE, SHOWN),
    ):
        visits.add_row(ended, entry, exit_, str(views), length, source)
    pages = Table("page", "views", title="Busiest pages, last hour", **STYLE)
    for page, views in connection.execute(
        "SELECT page_path, sum(page_view_count) FROM page_views_per_minute "
        "WHERE site = %s AND window_start > now() - interval '1 hour' GROUP BY page_path ORDER BY 2 DESC, 1 LIMIT %s",
        (SITE, SHOWN),
    ):
        pages.add_row(page, str(views))
    acts = Table("now", "what browsers do", "page", title=f"The shop, {visitors.shop}", **STYLE)
    for act in list(visitors.acts):
        acts.add_row(*act)
    beside = Table.grid(expand=True)
    beside.add_column(ratio=2)
    beside.add_column(ratio=3)
    beside.add_row(pages, acts)
    sessions, bounced, late, rejected = connection.execute(
        "SELECT count(*), count(*) FILTER (WHERE is_bounce), (SELECT count(*) FROM late_events), "
        "(SELECT count(*) FROM rejected_events) FROM sessions WHERE site = %s",
        (SITE,),
    ).fetchone()
    summary = (
        f"{sessions:,} visits, {bounced / max(sessions, 1):.0%} of them bounces; "
        f"{late:,} events came late, {rejected:,} were broken. "
        "Times are UTC; a visit is final 30 minutes after its last event, a minute of page views after 70 seconds."
    )
    if visitors.browsers and visitors.browsers.poll() is not None:
        summary += " The browsers of the demo have ended: see shop_visitors.log."
    hint = (
        "Next, in another terminal:  .venv/bin/footfall psql -c 'SELECT * FROM sessions LIMIT 5'  ·  "
        "change sql/jobs/sessions.sql, then .venv/bin/footfall test sessions  ·  Ctrl-C ends the demo"
    )
    return Group(visits, beside, summary, hint)


def _site(settings: Settings, origins: list[str]) -> str:
    """The write key of the demo's site, which gets a goal and a funnel too."""
    # Simulated visitors say nothing of their consent; footfall.js always does.
    options = Options(origins=origins, goals=[GOAL], default_consent=Consent.FULL)
    owner = connections.owner(settings)
    key = sites.ensure(owner, SITE, options)
    with connections.connect(owner) as connection, connection.transaction():
        connection.execute("INSERT INTO funnels (site, funnel) VALUES (%s, 'checkout')", [SITE])
        for step, (name, event, path) in enumerate(FUNNEL, 1):
            connection.execute(
                "INSERT INTO funnel_steps (site, funnel, step, name, event_name, page_path)"
                " VALUES (%s, 'checkout', %s, %s, %s, %s)",
                [SITE, step, name, event, path],
            )
    return key


@contextlib.contextmanager
def _visitors(settings: Settings, seed: int, shop_address: str) -> Iterator[Visitors]:
    """Let them come for as long as the block lasts: simulated ones, Chromium where it is there, and perhaps you."""
    with contextlib.ExitStack() as stack:
        browsers = None
        if not browser.missing():
            log = settings.logs / "shop_visitors.log"
            browsers = stack.enter_context(browser.visiting(shop_address, seed, log))
        visitors = Visitors(shop_address, browsers)
        simulated = threading.Thread(target=_guarded, args=(visitors, partial(_simulate, settings, seed)), daemon=True)
        simulated.start()
        # Not waited for: it ends with the program.
        threading.Thread(target=_guarded, args=(visitors, partial(_follow, settings)), daemon=True).start()
        try:
            yield visitors
        finally:
            visitors.ended.set()
            simulated.join(10)


def _guarded(visitors: Visitors, work: Callable[[Visitors], None]) -> None:
    try:
        work(visitors)
    except _Ended:
        pass
    except Exception as error:  # shown by the thread that draws
        visitors.failures.append(error)


def _simulate(settings: Settings, seed: int, visitors: Visitors) -> None:
    def check(count: int) -> None:
        if visitors.ended.is_set():
            raise _Ended

    write_key = sites.ensure(connections.owner(settings), SITE)
    run.live_over_http(settings.collector_url, write_key, seed=seed, site=SITE, rate=RATE, progress=check)


def _follow(settings: Settings, visitors: Visitors) -> None:
    """Remember what browsers do, as it reaches the topic."""
    for record in topic.follow(settings):
        if visitors.ended.is_set():
            return
        act = act_of(record.value)
        if act:
            visitors.acts.appendleft(act)


def act_of(value: bytes | None) -> Act | None:
    """What a visitor did by an event of footfall.js; None for what is no act, and for all else that the topic holds."""
    try:
        event = json.loads(value or b"null")
        context, properties = event["context"], event.get("properties") or {}
        if context["library"]["name"] != "footfall.js" or properties.get("non_interaction"):
            return None
        detail = properties.get("element") or properties.get("name") or properties.get("revenue") or ""
        what = f"{event.get('event') or event['type']} {detail}".strip()
        return Act(str(event["timestamp"])[11:19], what, str(context["page"]["path"]))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


class _Ended(Exception):
    """The demo is over."""
