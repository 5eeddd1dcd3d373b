"""From a visitor's event to the page that somebody looks at: collector, Kafka, Flink, Postgres, preview, Chromium."""

from __future__ import annotations

import statistics
import time
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from footfall.deploy import cluster
from footfall.settings import Settings
from footfall.stack import preview

from .collectors import add_site, basic
from .commands import output
from .helpers import cancel, wait_for

pytestmark = pytest.mark.cluster
pytest_plugins = ("e2e.browser_fixtures",)

SITE, JOB = "realtime", "visit_events"
EVENTS, SECONDS, TRIES = 20, 10.0, 3
# Notes when each page was first named on the dashboard, in Unix time in ms.
WATCH = """() => {
  window.seen = {};
  const note = () => {
    for (const [path] of document.body.innerText.matchAll(/\\/seen\\/[0-9a-f]{32}/g)) window.seen[path] ??= Date.now();
  };
  new MutationObserver(note).observe(document.body, { subtree: true, childList: true, characterData: true });
}"""


@pytest.fixture
def write_key(stack: Settings) -> Iterator[str]:
    """Of a new site; the job that the dashboard lives on runs meanwhile."""
    output("submit", JOB, "--replay")
    yield add_site(stack, SITE)
    for job in cluster.jobs(stack):
        cancel(stack, job)


def test_what_a_visitor_does_is_on_realtime_within_ten_seconds(stack: Settings, write_key: str, page: Any) -> None:
    page.goto(f"{preview.address(stack)}/d/realtime?var-site={SITE}")
    page.wait_for_selector("body[data-ready]")
    page.evaluate(WATCH)
    wait_for("the collector to know the site", lambda: send(stack, write_key))
    wait_for("the first event", lambda: page.evaluate("Object.keys(window.seen).length"))
    # The promise is of the 95th percentile, and a machine that does other things beside may break it now and then.
    for _ in range(TRIES):
        late = waits(stack, write_key, page)
        percentile = statistics.quantiles(late, n=20, method="inclusive")[-1]
        print(f"event to Realtime: p50 {statistics.median(late):.1f} s, p95 {percentile:.1f} s, most {max(late):.1f} s")
        if percentile <= SECONDS:
            return
    raise AssertionError(f"event to Realtime: p95 of {percentile:.1f} s in the last of {TRIES} tries")


def send(stack: Settings, write_key: str) -> tuple[str, float] | None:
    """A page view of a page of its own; its path, and the Unix time at which it was sent. None: the site is too new."""
    path, sent = f"/seen/{uuid.uuid4().hex}", time.time()
    event = {"anonymousId": "v", "name": "Seen", "context": {"page": {"path": path}}}
    answer = httpx.post(f"{stack.collector_url}/v1/page", json=event, headers={"Authorization": basic(write_key)})
    if answer.status_code == 401:
        return None
    assert answer.status_code == 200, answer.text
    return path, sent


def waits(stack: Settings, write_key: str, page: Any) -> list[float]:
    """Seconds from each event's sending until the page showed it."""
    sent: dict[str, float] = {}
    for _ in range(EVENTS):
        view = send(stack, write_key)
        assert view
        sent[view[0]] = view[1]
        page.wait_for_timeout(700)
    wait_for("every event on the page", lambda: sent.keys() <= page.evaluate("window.seen").keys(), 60)
    seen = page.evaluate("window.seen")
    return [seen[path] / 1000 - at for path, at in sent.items()]
