"""Fixtures: a real Chromium, a site with the tracker on its pages, and what arrived from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from .browser import Arrived, Shop, Tabs, name
from .helpers import wait_for
from .recorder import Event, Recorder, Site

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP *.test 127.0.0.1",
)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """Headless, with an empty profile; *.test is loopback; the back/forward cache is on, as it is for visitors."""
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is not there: apt-get install chromium")
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright for Python is not installed")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(
            executable_path=CHROMIUM, args=FLAGS, ignore_default_args=["--disable-back-forward-cache"]
        )
        yield browser
        browser.close()


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    started = Recorder()
    yield started
    started.server.close()


@pytest.fixture
def shop(recorder: Recorder) -> Iterator[Shop]:
    site = Site()
    yield Shop(site, f"http://collect.test:{recorder.server.port}")
    site.server.close()


@pytest.fixture
def errors() -> list[str]:
    """What reached a page as an error; none may."""
    return []


@pytest.fixture
def context(chromium: Any, errors: list[str]) -> Iterator[Any]:
    """A visitor's browser without cookies and storage."""
    opened = chromium.new_context()
    opened.set_default_timeout(120_000)  # ms; a page draws slowly beside two other stacks on two cores
    opened.on("weberror", lambda error: errors.append(str(error.error)))
    yield opened
    opened.close()
    assert not errors


@pytest.fixture
def page(context: Any) -> Any:
    return context.new_page()


@pytest.fixture
def tabs(chromium: Any) -> Iterator[Tabs]:
    opened = Tabs(chromium)
    yield opened
    opened.session.send("Target.disposeBrowserContext", {"browserContextId": opened.profile})


@pytest.fixture
def events(recorder: Recorder) -> Callable[[], list[Event]]:
    """All events so far, in the order of arrival, copies too. The tests read them here only."""
    return recorder.events


@pytest.fixture
def arrived(events: Callable[[], list[Event]]) -> Arrived:
    """Wait for events of these names, each as often as it is given; returns all that arrived, without copies."""

    def wait(*names: str, seconds: float = 20) -> list[Event]:
        def all_there() -> list[Event] | None:
            found = list({event["messageId"]: event for event in events()}.values())
            return found if not Counter(names) - Counter(map(name, found)) else None

        return list(wait_for(f"{', '.join(names)} to arrive", all_there, seconds))

    return wait
