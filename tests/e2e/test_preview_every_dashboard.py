"""Every dashboard of dashboards/ in a real browser, on a full shop: drawn, without a fault, on a screen and on a phone.

Pictures of each are kept in build/screenshots.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from conftest import Tables
from dashboard_rows import fill

from footfall.grafana import resources
from footfall.project.catalog import DASHBOARDS
from footfall.settings import ROOT

from .previews import previewing

pytest_plugins = ("e2e.browser_fixtures",)

PICTURES = ROOT / "build" / "screenshots"
WIDTHS = {1440: 900, 390: 844}
BOARDS = {thing.uid: thing.content for thing in resources.read(DASHBOARDS) if thing.kind == resources.DASHBOARD}
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
    with previewing(untouched, folder) as address:
        yield address


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
