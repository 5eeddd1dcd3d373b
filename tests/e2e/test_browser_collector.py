"""From a real browser through the real collector into the topic: every kind of event arrives, and no more than may."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from footfall.demo import browser
from footfall.demo import shop as demo_shop
from footfall.settings import Settings

from .browser import Arrived, Shop, Tabs, call, name, named, paths, properties
from .collectors import Collector, add_site, collect
from .commands import output
from .helpers import fresh_topic, wait_for
from .recorder import Event, Site

pytest_plugins = ("e2e.browser_fixtures",)
pytestmark = pytest.mark.cluster
SITE = "browsers"


@pytest.fixture(scope="module")
def pages() -> Iterator[Site]:
    site = Site()
    yield site
    site.server.close()


@pytest.fixture(scope="module")
def running(stack: Settings, pages: Site) -> Iterator[Collector]:
    topic = fresh_topic(stack)
    key = add_site(topic, SITE, "--origin", f"http://shop.test:{pages.server.port}")
    with collect(topic, key) as collector:
        yield collector
    output("site", "remove", SITE, "--yes", settings=topic)


@pytest.fixture
def shop(running: Collector, pages: Site) -> Shop:
    """One that the real collector knows."""
    return Shop(pages, running.url.replace("127.0.0.1", "collect.test"), running.write_key)


@pytest.fixture
def events(running: Collector) -> Callable[[], list[Event]]:
    """What the topic holds since the test began."""
    before = {event["messageId"] for event in running.written()}
    return lambda: [event for event in running.written() if event["messageId"] not in before]


def test_what_a_visitor_does_arrives(shop: Shop, tabs: Tabs, page: Any, arrived: Arrived) -> None:
    body = '<div style="height:300px"><button data-footfall="buy">Buy</button></div><div style="height:3000px"></div>'
    shop.add("/", body, consent="full")
    page.goto(shop.url("/?utm_source=news&token=secret&mail=ada@mail.example"))
    arrived("Element Viewed")
    page.click("button")
    page.mouse.wheel(0, 1200)
    page.wait_for_function("scrollY > 1000")
    page.evaluate("history.pushState(null, '', '/basket')")
    call(page, "identify", "customer-1", {"plan": "pro", "email": "ada@mail.example"})
    call(page, "track", "Order Completed", {"revenue": 19.9, "currency": "EUR"})
    page.close()
    found = arrived("page", "page", "Element Clicked", "Page Engaged", "identify", "Order Completed", "Web Vitals")
    assert paths(found) == ["/", "/basket"]
    assert {event["site"] for event in found} == {SITE}
    assert len({event["anonymousId"] for event in found}) == 1
    assert properties(found, "Element Viewed")[0]["element"] == properties(found, "Element Clicked")[0]["element"]
    assert properties(found, "Page Engaged")[0]["scroll_depth"] > 30
    assert properties(found, "Order Completed") == [{"revenue": 19.9, "currency": "EUR"}]
    (who,) = named(found, "identify")
    assert (who["userId"], who["traits"]) == ("customer-1", {"plan": "pro"})
    for event in found:
        assert event["timestamp"] <= event["receivedAt"]
        assert "Chrome" in event["context"]["userAgent"]
        assert event["context"]["ip"] == "127.0.0.0"
    said = json.dumps(found)
    assert "utm_source=news" in said
    assert "secret" not in said
    assert "ada@" not in said


def test_a_tab_closed_at_once_after_loading_was_viewed(shop: Shop, page: Any, arrived: Arrived) -> None:
    shop.add("/closed")
    page.goto(shop.url("/closed"))
    page.close()
    found = arrived("page")
    assert paths(found) == ["/closed"]
    assert {event["context"]["page"]["path"] for event in found} == {"/closed"}


def test_the_signal_of_the_browser_counts_whatever_the_page_says(
    shop: Shop, context: Any, running: Collector, arrived: Arrived
) -> None:
    """Here only the request carries the signal; that the script obeys navigator's is tested without a collector."""
    context.set_extra_http_headers({"Sec-GPC": "1"})
    page = context.new_page()
    shop.add("/gpc", '<button data-footfall="buy">Buy</button>', consent="full")
    page.goto(shop.url("/gpc?gclid=A1&utm_source=news"))
    call(page, "identify", "customer-2", {"name": "Bob"})
    page.click("button")
    call(page, "track", "Signed Up", {"customerId": "customer-2", "plan": "pro"})
    device = page.evaluate("Object.values(localStorage).join()")
    page.close()
    found = arrived("page", "Element Clicked", "Signed Up", "Web Vitals")
    assert not {"identify"} & set(map(name, found))
    assert len({event["anonymousId"] for event in found}) == 1
    said = json.dumps(found)
    assert found[0]["anonymousId"] not in device
    for identifying in ("customer-2", "Bob", "A1", "127.0.0", '"ip"', '"userId"', '"traits"', *device.split(",")):
        assert not identifying or identifying not in said, identifying
    assert properties(found, "Signed Up") == [{"plan": "pro"}]


def test_a_page_of_an_origin_that_the_site_does_not_list_is_refused(
    shop: Shop, page: Any, running: Collector, events: Callable[[], list[Event]]
) -> None:
    shop.add("/elsewhere")
    page.goto(shop.url("/elsewhere", "other.test"))
    refused = 'footfall_collector_requests_total{route="/v1/batch",status="403"}'
    wait_for("a refusal", lambda: refused in running.request("GET", "/metrics")[1].decode(), 20)
    page.close()
    assert events() == []


def test_the_demos_browsers_visit_its_shop_until_it_ends(running: Collector, tmp_path: Path) -> None:
    if why := browser.missing():
        pytest.skip(why)

    def key_for(origins: list[str]) -> str:
        return add_site(running.settings, "demo-shop", *(part for origin in origins for part in ("--origin", origin)))

    def pages_seen() -> bool:
        found = [event for event in running.written() if event.get("site") == "demo-shop"]
        return sum(event["type"] == "page" for event in found) > 1 and any("event" in event for event in found)

    with (
        demo_shop.serve(running.url, key_for) as address,
        browser.visiting(address, 1, tmp_path / "log") as process,
    ):
        wait_for("what they do", pages_seen, 90)
    assert process.returncode == 0, (tmp_path / "log").read_text()
    output("site", "remove", "demo-shop", "--yes", settings=running.settings)
