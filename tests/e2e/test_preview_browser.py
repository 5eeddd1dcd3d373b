"""Dashboards in the preview, as somebody sees and uses them in a real browser."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from conftest import Tables
from metric_rows import add_site

from .helpers import wait_for
from .preview_board import ALERT, BOARD
from .previews import previewing

pytest_plugins = ("e2e.browser_fixtures",)

START = datetime(2026, 1, 31, 12, tzinfo=UTC)
# (site, page, minute, views): shop has 17 in the hour, 2 before it; blog has 5.
ROWS = (
    ("shop", "/", 5, 8), ("shop", "/", 25, 4), ("shop", "/tents", 15, 3), ("shop", "/sale", 45, 2),
    ("shop", "/", -20, 2),
    ("blog", "/tents", 30, 5),
)  # fmt: skip
BLUE = "#2160c4"
DOCS = "http://127.0.0.1:8000"  # where runbooks are looked for without DOCS_URL
CHARTS = (2, 3, 4, 6, 7, 8)


@pytest.fixture(scope="module")
def preview(untouched: Tables, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a preview of two dashboards and an alert rule, over a few rows."""
    folder = tmp_path_factory.mktemp("dashboards")
    (folder / "alerts").mkdir()
    (folder / "kinds.json").write_text(json.dumps(BOARD))
    (folder / "other.json").write_text(
        json.dumps({"uid": "other", "title": "Other", "tags": ["footfall"], "panels": []})
    )
    (folder / "alerts" / "busy.json").write_text(json.dumps(ALERT))
    for site in ("shop", "blog"):
        add_site(untouched, site=site)
    for site, path, minute, views in ROWS:
        untouched.run(
            untouched.writer, "INSERT INTO page_views_per_minute VALUES (%s, %s, %s, %s, 1)",
            site, START + timedelta(minutes=minute), path, views,
        )  # fmt: skip
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv("DOCS_URL", raising=False)
        with previewing(untouched, folder, "--dashboards", str(folder)) as address:
            yield address


@pytest.fixture
def board(page: Any, preview: str, errors: list[str]) -> Any:
    """The dashboard, drawn, in a window of 1440 points. Whatever the console holds against it fails the test."""
    page.set_viewport_size({"width": 1440, "height": 900})
    page.emulate_media(color_scheme="light")
    page.on("console", lambda message: note(message, errors))
    opened(page, f"{preview}/d/kinds")
    return page


def note(message: Any, errors: list[str]) -> None:
    # The one panel that is broken on purpose answers 422, which a browser prints by itself.
    if message.type in ("error", "warning") and "422" not in message.text:
        errors.append(message.text)


def opened(page: Any, address: str) -> None:
    page.goto(address)
    page.wait_for_selector("body[data-ready]")


def shown(page: Any, number: int) -> Any:
    return page.locator(f'[data-panel="{number}"]')


def figure(page: Any) -> str:
    return str(shown(page, 1).locator(".big").inner_text())


def expect_figure(page: Any, wanted: str) -> None:
    wait_for(f"the figure to be {wanted}", lambda: figure(page) == wanted)


def filled(page: Any, number: int, colour: str) -> int:
    """How many marks of a panel have this colour."""
    return int(shown(page, number).locator(f'.chart svg path[fill="{colour}"]').count())


def test_each_kind_of_panel_draws_its_marks(board: Any) -> None:
    assert figure(board) == "17"
    assert shown(board, 2).locator('.chart svg path[fill="none"][stroke-width="1.5"]').count() == 3  # a line a page
    assert filled(board, 3, BLUE) == 3
    slices = [filled(board, 4, colour) for colour in (BLUE, "#b8500b", "#0b7a69")]
    assert slices == [1, 1, 1]
    assert shown(board, 5).locator("tbody tr").all_inner_texts() == ["/\t12", "/tents\t3", "/sale\t2"]
    cells = shown(board, 6).locator(".chart svg text").all_text_contents()
    assert {"8", "4", "3", "2"} <= set(cells)
    assert filled(board, 7, BLUE) >= 1  # the country with most
    assert shown(board, 7).locator(".chart svg path").count() > 150
    states = shown(board, 8).locator(".chart svg text").all_text_contents()
    assert {"/", "/tents", "/sale"} <= set(states)
    assert shown(board, 9).locator(".prose strong").inner_text() == "shop"


def test_what_can_not_be_drawn_says_why(board: Any) -> None:
    said = {number: shown(board, number).locator(".message").inner_text() for number in (10, 11, 12)}
    assert said == {10: "none of it", 11: 'relation "nowhere" does not exist', 12: "needs Prometheus"}


def test_annotations_are_lines_in_series(board: Any) -> None:
    assert shown(board, 2).locator('.chart svg path[stroke="#c01f26"]').count() == 1


def test_a_collapsed_row_opens_and_its_panels_fit(board: Any) -> None:
    assert not shown(board, 14).is_visible()
    board.get_by_text("More").click()
    wait_for("the columns", lambda: filled(board, 14, BLUE) >= 2)
    box = shown(board, 14).locator(".chart svg").bounding_box()
    assert box and box["width"] > 300


def test_a_variable_changes_the_figures_and_the_address(board: Any) -> None:
    board.locator("#var-site").click()
    board.get_by_role("group", name="Site").get_by_label("All").check()
    board.keyboard.press("Escape")
    expect_figure(board, "22")
    assert parse_qs(urlsplit(board.url).query)["var-site"] == ["$__all"]
    board.get_by_label("Unit", exact=True).select_option("clicks")
    board.get_by_role("heading", name="All clicks").wait_for()
    board.go_back()
    board.get_by_role("heading", name="All views").wait_for()
    board.go_back()
    expect_figure(board, "17")


def test_the_time_range_changes_the_figures_and_the_address(board: Any) -> None:
    board.get_by_label("Time range").select_option("custom")
    board.get_by_label("From").fill("2026-01-31T11:00:00Z")
    board.get_by_label("To", exact=True).fill("2026-01-31T13:00:00Z")
    board.get_by_role("button", name="Apply").click()
    expect_figure(board, "19")
    board.get_by_label("Time range").select_option("now-1h")
    shown(board, 2).get_by_text("No data in this time range").wait_for()
    assert parse_qs(urlsplit(board.url).query)["from"] == ["now-1h"]


def test_an_address_carries_the_whole_view(board: Any, preview: str) -> None:
    opened(board, f"{preview}/d/kinds?from=1769857200000&to=1769864400000&var-site=blog&theme=dark")
    assert figure(board) == "5"
    assert board.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(18, 22, 29)"
    assert board.title().endswith("Footfall preview, not Grafana")


def test_links_take_rows_variables_and_time_along(board: Any, preview: str) -> None:
    shown(board, 5).get_by_role("link", name="/tents").click()
    asked = parse_qs(urlsplit(board.url).query)
    assert (urlsplit(board.url).path, asked["var-page"], asked["var-raw"]) == ("/d/other", ["/tents"], ["/tents"])
    assert asked["from"] == ["2026-01-31T12:00:00Z"]
    opened(board, f"{preview}/d/kinds?var-site=blog")
    board.get_by_text("Other boards").click()
    board.locator("#links").get_by_role("link", name="Other").click()
    asked = parse_qs(urlsplit(board.url).query)
    assert (asked["var-site"], asked["to"]) == (["blog"], ["2026-01-31T13:00:00Z"])


def test_a_refresh_brings_new_rows_into_the_same_drawing(board: Any, untouched: Tables) -> None:
    board.evaluate("window.drawing = document.querySelector('[data-panel=\"2\"] .chart')")
    add = "INSERT INTO page_views_per_minute VALUES ('shop', %s, '/new', 100, 1)"
    untouched.run(untouched.writer, add, START + timedelta(minutes=50))
    try:
        board.get_by_label("Refresh now").click()
        expect_figure(board, "117")
        wait_for("a fourth line", lambda: shown(board, 2).locator(".legend button").count() == 4)
        assert board.evaluate("window.drawing === document.querySelector('[data-panel=\"2\"] .chart')")
    finally:
        untouched.run(untouched.owner, "DELETE FROM page_views_per_minute WHERE page_path = '/new'")


def test_rows_come_by_themselves_as_often_as_is_asked(board: Any, untouched: Tables) -> None:
    board.get_by_label("Refresh every").select_option("5s")
    untouched.run(untouched.writer, "UPDATE page_views_per_minute SET page_view_count = 9 WHERE page_view_count = 8")
    try:
        expect_figure(board, "18")
    finally:
        untouched.run(
            untouched.writer, "UPDATE page_views_per_minute SET page_view_count = 8 WHERE page_view_count = 9"
        )


def test_a_legend_hides_a_series_by_keyboard(board: Any) -> None:
    entry = shown(board, 2).get_by_role("button", name="/tents")
    lines = shown(board, 2).locator('.chart svg path[fill="none"][stroke-width="1.5"]')
    entry.focus()
    board.keyboard.press("Enter")
    wait_for("two lines", lambda: lines.count() == 2)
    assert shown(board, 2).get_by_role("button", name="/tents").get_attribute("aria-pressed") == "false"


def test_each_chart_is_a_table_for_those_who_can_not_see_it(board: Any) -> None:
    for number in CHARTS:
        assert shown(board, number).get_by_role("table").locator("tbody tr").count() >= 2
        assert shown(board, number).locator(".chart[role=img]").count() == 1
    shown(board, 3).get_by_role("button", name="Bars as a table").click()
    assert shown(board, 3).locator(".scroll tbody tr").all_inner_texts() == ["/\t12", "/tents\t3", "/sale\t2"]


def test_a_table_is_sorted_by_its_heads(board: Any) -> None:
    head = shown(board, 5).get_by_role("button", name="page")
    head.click()
    assert shown(board, 5).locator("tbody td:first-child").all_inner_texts() == ["/", "/sale", "/tents"]
    assert shown(board, 5).locator('th[aria-sort="ascending"]').inner_text().startswith("page")


def test_a_description_is_behind_a_button(board: Any) -> None:
    about = shown(board, 3).get_by_role("button", name="About Bars")
    about.click()
    assert shown(board, 3).get_by_text("about Bars").is_visible()
    assert about.get_attribute("aria-expanded") == "true"


def test_a_phone_shows_one_column_without_scrolling_sideways(board: Any) -> None:
    board.set_viewport_size({"width": 390, "height": 844})
    boxes = [shown(board, number).bounding_box() for number in (1, 2, 3, 4, 5)]
    assert {round(box["x"]) for box in boxes} == {10}
    assert all(box["width"] > 350 for box in boxes)
    wait_for("drawings to fit", lambda: board.evaluate("document.documentElement.scrollWidth") <= 390)
    board.get_by_role("button", name="Menu").click()
    board.get_by_role("navigation").get_by_role("link", name="Other").wait_for()


def test_the_alert_that_fires_is_counted_and_listed(board: Any) -> None:
    board.get_by_role("link", name="Alerts 1 firing").click()
    rule = board.locator('[data-rule="busy"]')
    rule.wait_for()
    text = rule.inner_text().lower()
    assert "firing" in text
    assert "critical" in text
    assert "16 views" in text


def test_a_rule_links_its_runbook(board: Any, preview: str) -> None:
    board.context.route(f"{DOCS}/**", lambda route: route.fulfill(body="what to do", content_type="text/html"))
    board.goto(f"{preview}/alerts")
    link = board.locator('[data-rule="busy"]').get_by_role("link", name="Runbook of Much going on", exact=True)
    with board.expect_popup() as opened_page:
        link.click()
    assert opened_page.value.url == f"{DOCS}/operating.html#traffic-spike"
    assert opened_page.value.inner_text("body") == "what to do"
    assert board.get_by_text(f"runbooks: {DOCS}, while mkdocs serve runs; or set DOCS_URL").is_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("path", ["/d/kinds", "/alerts"])
def test_axe_finds_no_fault(board: Any, preview: str, theme: str, width: int, path: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="pip install axe-playwright-python")
    board.set_viewport_size({"width": width, "height": 900})
    board.goto(f"{preview}{path}?theme={theme}")
    board.wait_for_selector("body[data-ready], .alerts")
    found = axe.Axe().run(board).response["violations"]
    assert [(fault["id"], [node["html"][:200] for node in fault["nodes"]][:3]) for fault in found] == []
