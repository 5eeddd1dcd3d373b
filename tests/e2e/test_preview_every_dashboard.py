"""Every dashboard of dashboards/ in a real browser, on a full shop: drawn, without a fault, on a screen and on a phone.

Pictures of each are kept in build/screenshots.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from conftest import Tables, free_port
from dashboard_rows import fill

from footfall.grafana import files
from footfall.settings import ROOT
from footfall.suite import DASHBOARDS

from .commands import FOOTFALL
from .helpers import wait_for
from .test_preview_browser import answers

pytest_plugins = ("e2e.browser_fixtures",)

PICTURES = ROOT / "build" / "screenshots"
WIDTHS = {1440: 900, 390: 844}
BOARDS = {thing.uid: thing.content for thing in files.read(DASHBOARDS) if thing.kind == files.DASHBOARD}
CHOSEN = {"visits": "&var-visit=s10"}
# Panels that have nothing to show of this shop, and why.
EMPTY = {
    "people": {"Traits"},  # told of months that are over; the shop is three days old
    "pipeline": {"Changes of jobs"},  # no job ran
}


@pytest.fixture(scope="module")
def preview(untouched: Tables, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a preview of the shipped dashboards over the shop of the last three days."""
    fill(untouched)
    folder = tmp_path_factory.mktemp("preview")
    port, given = free_port(), psycopg.conninfo.conninfo_to_dict(untouched.reader)
    environment = {
        **os.environ, "POSTGRES_HOST": str(given["host"]), "POSTGRES_PORT": str(given["port"]),
        "POSTGRES_DATABASE": str(given["dbname"]), "POSTGRES_READER_PASSWORD": str(given["password"]),
        "FOOTFALL_HOME": str(folder / "home"),
    }  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    with Path(folder / "output").open("w") as output:
        process = subprocess.Popen(
            [str(FOOTFALL), "preview-dashboards", "--port", str(port)],
            cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        wait_for("the preview to answer", lambda: process.poll() is not None or answers(address))
        yield address
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
    assert "Traceback" not in (folder / "output").read_text()


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("uid", BOARDS)
def test_a_dashboard_is_drawn_whole(page: Any, preview: str, errors: list[str], uid: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": WIDTHS[width]})
    page.on("console", lambda said: errors.append(said.text) if said.type in ("error", "warning") else None)
    page.goto(f"{preview}/d/{uid}?from=now-2d&to=now&var-site=shop&theme=light{CHOSEN.get(uid, '')}")
    page.wait_for_selector("body[data-ready]")
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / f"{uid}-{width}.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    told = said_instead_of_drawn(page)
    asks = {panel["title"] for panel in panels(BOARDS[uid]) if asks_prometheus(panel)}
    assert {title: text for title, text in told.items() if title not in asks | EMPTY.get(uid, set())} == {}
    assert all(told[title] == "needs Prometheus" for title in asks & told.keys())


def said_instead_of_drawn(page: Any) -> dict[str, str]:
    """By title, what stands in the place of a panel's drawing."""
    found: list[tuple[str, str]] = page.evaluate(
        """() => [...document.querySelectorAll('[data-panel]:has(.message)')].map(panel =>
          [panel.querySelector('h2, h3')?.textContent ?? '', panel.querySelector('.message').textContent])"""
    )
    return dict(found)


def panels(board: dict[str, Any]) -> list[dict[str, Any]]:
    return [each for panel in board["panels"] for each in (panel, *panel.get("panels", ()))]


def asks_prometheus(panel: dict[str, Any]) -> bool:
    return '"prometheus"' in json.dumps([*panel.get("targets", []), panel.get("datasource")])
