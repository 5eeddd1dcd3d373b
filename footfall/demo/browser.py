"""Visitors of the demo's shop: a real Chromium, headless, driven by Playwright in a process of its own.

Playwright is a tool of development and Chromium is the machine's: where one is missing, the demo goes on without.
`python -m footfall.demo.browser ADDRESS SEED` visits until its standard input ends, as it does when the demo ends,
however that comes about.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from footfall.settings import ROOT
from footfall.simulate.profiles import DEVICES, PLACES, SOURCES, campaign_search

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

BINARIES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ("--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run")
MOST_FAILURES = 3  # in a row
END_SECONDS = 15
BOUNCE_SHARE, ANSWER_SHARE, YES_SHARE, ADD_SHARE, BUY_SHARE = 0.3, 0.8, 0.75, 0.6, 0.7


def missing() -> str | None:
    """What has to be installed before a browser can visit the shop; None where nothing is."""
    if importlib.util.find_spec("playwright") is None:
        return "Playwright is not installed (pip install playwright)"
    if chromium() is None:
        return f"none of {', '.join(BINARIES)} is installed"
    return None


def chromium() -> str | None:
    """The browser of this machine."""
    return next(filter(None, map(shutil.which, BINARIES)), None)


@contextlib.contextmanager
def visiting(address: str, seed: int, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Let visitors come to the shop at address, one after the other, for as long as the block lasts.

    The process may end earlier, with its reason in log; it is then no longer running, and that is all.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="footfall-demo-", ignore_cleanup_errors=True) as room:
        # Profiles and what Chromium writes besides go where they are removed.
        environment = {**os.environ, "TMPDIR": room, "HOME": room, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "footfall.demo.browser", address, str(seed)]
        with log.open("ab") as output:
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=output, stderr=output, env=environment, start_new_session=True
            )
        try:
            yield process
        finally:
            assert process.stdin
            process.stdin.close()
            try:
                process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)  # Chromium ends with the process that it listens to
                process.wait()


class Over(Exception):
    """The demo has ended."""


class Visitor:
    """A page of a browser, and somebody who takes time to look at it. Raises Over as soon as the demo has ended."""

    def __init__(self, page: Page, rng: random.Random, ended: threading.Event) -> None:
        self.page, self.rng, self.ended = page, rng, ended

    def visit(self, url: str, referrer: str) -> None:
        """Come to the shop and do there what visitors do; most of them buy nothing."""
        self.page.goto(url, referer=referrer or None)
        self._look()
        if self.rng.random() < ANSWER_SHARE:
            self.page.click("#consent button >> nth=" + ("0" if self.rng.random() < YES_SHARE else "1"))
        if self.rng.random() < BOUNCE_SHARE:
            return
        for _ in range(self.rng.randint(1, 3)):
            self._scroll()
            self.page.locator(".card").nth(self.rng.randrange(3)).click()
            self._look()
            self._scroll()
            if self.rng.random() < ADD_SHARE:
                self.page.click("[data-footfall=add-to-cart]")
                self._look()
            self.page.click("text=All goods")
        self.page.click("nav >> text=Cart")
        self._look()
        if self.page.is_visible("#buy") and self.rng.random() < BUY_SHARE:
            self.page.click("#buy")
            self.page.wait_for_url("**/thanks")
            self._look()

    def _look(self) -> None:
        for _ in range(self.rng.randint(3, 8)):
            if self.ended.is_set():
                raise Over
            self.page.wait_for_timeout(400)

    def _scroll(self) -> None:
        for _ in range(self.rng.randint(1, 4)):
            self.page.mouse.wheel(0, 250)
            self.page.wait_for_timeout(150)


def visit(browser: Browser, address: str, rng: random.Random, ended: threading.Event) -> None:
    """One visit by a new visitor with a device, a place and a way in like those of the simulated ones."""
    device = rng.choice([device for device in DEVICES if " Chrome/" in device.user_agent])
    place = rng.choices(PLACES, [place.weight for place in PLACES])[0]
    source = rng.choices(SOURCES, [source.weight for source in SOURCES])[0]
    context = browser.new_context(
        user_agent=device.user_agent, viewport={"width": device.width, "height": device.height},
        screen={"width": device.width, "height": device.height}, locale=place.locale, timezone_id=place.timezone,
    )  # fmt: skip
    context.set_default_timeout(10_000)
    try:
        page = context.new_page()
        Visitor(page, rng, ended).visit(f"{address}/{campaign_search(source.campaign)}", source.referrer)
        page.goto(
            "about:blank"
        )  # what the page says when it is left needs a moment in which the browser is still there
        page.wait_for_timeout(500)
    finally:
        context.close()


def run(address: str, seed: int, ended: threading.Event) -> None:
    """Visit until the event is set. A browser that crashes is started again; raises where it goes on to."""
    from playwright.sync_api import Error, sync_playwright

    rng, failures = random.Random(seed), 0  # noqa: S311 - simulated visitors want a seeded generator
    while True:
        try:
            with sync_playwright() as playwright:
                # No sandbox: containers and root often can't have one, and it opens no pages but ours.
                browser = playwright.chromium.launch(executable_path=chromium(), chromium_sandbox=False, args=FLAGS)
                while True:
                    visit(browser, address, rng, ended)
                    failures = 0
        except Over:
            return
        except Error:
            failures += 1
            if failures == MOST_FAILURES:
                raise
        if ended.is_set():
            return


def main(address: str, seed: int) -> None:
    """Visit until standard input ends."""
    ended = threading.Event()

    def listen() -> None:
        sys.stdin.buffer.read()
        ended.set()

    threading.Thread(target=listen, daemon=True).start()
    run(address, seed, ended)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
