"""What a visitor does in a real browser arrives as events."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable
from typing import Any

import pytest

from .browser import STUB, Arrived, Shop, Tabs, call, name, named, paths, properties
from .helpers import wait_for
from .recorder import Event

pytest_plugins = ("e2e.browser_fixtures",)

TALL = '<div style="height: 3000px"></div>'


def test_a_page_view_says_which_page_from_where_and_by_which_campaign(shop: Shop, page: Any, arrived: Arrived) -> None:
    landing = shop.add("/landing", consent="full")
    shop.add("/links", f'<a href="{landing}?utm_source=news&utm_campaign=spring+sale&gclid=abc#top">go</a>')
    page.goto(shop.url("/links", "other.test"))
    page.click("a")
    event = named(arrived("page", "page"), "page")[-1]
    assert event["context"]["page"] == {
        "path": "/landing",
        "url": f"{landing}?utm_source=news&utm_campaign=spring+sale&gclid=abc",
        "title": "/landing",
        "referrer": shop.url("/", "other.test"),
        "search": "?utm_source=news&utm_campaign=spring+sale&gclid=abc",
    }
    assert event["context"]["campaign"] == {
        "source": "news",
        "name": "spring sale",
        "click_id": "abc",
        "click_id_type": "gclid",
    }
    assert event["context"]["library"]["name"] == "footfall.js"
    assert event["context"]["screen"] == {"width": 1280, "height": 720}
    assert event["context"]["consent"] == {"category": "full"}
    assert event["context"]["locale"] == "en-US"
    assert event["context"]["timezone"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", event["timestamp"])


def test_ids_are_uuids_where_the_browser_gives_them_and_never_the_same_twice(
    shop: Shop, page: Any, arrived: Arrived
) -> None:
    shop.add("/", consent="full")
    page.goto(shop.url("/", "127.0.0.1"))  # loopback counts as secure
    call(page, "track", "Signed Up")
    uuid = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
    first = arrived("page", "Signed Up")
    assert all(re.fullmatch(uuid, event[field]) for event in first for field in ("messageId", "anonymousId"))
    page.goto(shop.url("/"))
    arrived("page", "page", "Signed Up")


def test_an_impression_is_an_element_half_visible_for_a_second_once_a_page_view(
    shop: Shop, page: Any, arrived: Arrived
) -> None:
    shop.add("/", f'<p data-footfall="top">x</p>{TALL}<p data-footfall="bottom">x</p><p data-footfall="bottom">y</p>')
    page.goto(shop.url("/"))
    assert properties(arrived("Element Viewed"), "Element Viewed") == [{"element": "top", "non_interaction": True}]
    page.evaluate("scrollTo(0, 3000)")
    arrived("Element Viewed", "Element Viewed")
    page.evaluate("scrollTo(0, 0)")
    page.evaluate("document.body.insertAdjacentHTML('afterbegin', '<p data-footfall=late>x</p>')")
    viewed = properties(arrived(*["Element Viewed"] * 3), "Element Viewed")
    assert [each["element"] for each in viewed] == ["top", "bottom", "late"]
    page.evaluate("history.pushState(null, '', '/again')")
    again = properties(arrived(*["Element Viewed"] * 5), "Element Viewed")
    assert sorted(each["element"] for each in again[3:]) == ["late", "top"]


def test_what_passes_by_in_less_than_a_second_is_no_impression(shop: Shop, page: Any, arrived: Arrived) -> None:
    shop.add("/", '<p id="brief" data-footfall="brief">x</p><p data-footfall="stays">x</p>')
    page.goto(shop.url("/"))
    page.wait_for_function("performance.now() > 300")
    page.evaluate("document.getElementById('brief').style.display = 'none'")
    assert [each["element"] for each in properties(arrived("Element Viewed"), "Element Viewed")] == ["stays"]


def test_a_click_on_a_marked_element_names_it_and_the_link_in_it(shop: Shop, page: Any, arrived: Arrived) -> None:
    shop.add("/", '<div data-footfall="card"><a href="/next#x"><b>go</b></a> <i>text</i></div>')
    page.goto(shop.url("/"))
    page.click("i")
    page.dblclick("i")
    page.click("i", button="right")
    page.click("b")
    clicked = properties(arrived(*["Element Clicked"] * 3), "Element Clicked")
    assert clicked == [{"element": "card"}, {"element": "card"}, {"element": "card", "url": shop.url("/next#x")}]


@pytest.mark.parametrize(
    ("target", "click"),
    [
        ("", {}),
        ("_blank", {}),
        ("", {"modifiers": ["Control"]}),
        ("", {"modifiers": ["Shift"]}),
        ("", {"button": "middle"}),
        ("_blank", {"click_count": 2}),
    ],
    ids=["same tab", "new tab", "ctrl", "shift", "middle button", "double click"],
)
def test_a_click_on_a_link_to_another_site_arrives_however_it_is_opened(
    shop: Shop, page: Any, arrived: Arrived, target: str, click: dict[str, Any]
) -> None:
    out = shop.url("/out", "other.test")
    shop.site.pages["/out"] = "<!doctype html>out"
    shop.add("/", f'<a href="{out}" target="{target}"><b>out</b></a>')
    page.goto(shop.url("/"))
    page.click("b", **click)
    arrived("Outbound Link Clicked")
    page.close()
    assert properties(arrived("Page Engaged"), "Outbound Link Clicked") == [{"url": out}]


def test_links_within_the_site_and_the_right_button_are_no_outbound_clicks(
    shop: Shop, page: Any, arrived: Arrived
) -> None:
    links = '<a href="#x">1</a><a href="/next" download>2</a><a href="mailto:a@b.example">3</a><a>4</a>'
    shop.add("/", links + f'<a id="out" href="{shop.url("/", "other.test")}">5</a>')
    page.goto(shop.url("/"))
    for link in page.locator("a").all()[:4]:
        link.click()
    page.click("#out", button="right")
    call(page, "track", "End")
    assert not named(arrived("End"), "Outbound Link Clicked")


def test_scroll_depth_is_the_deepest_and_engaged_time_what_was_gained_since_the_last(
    shop: Shop, tabs: Tabs, arrived: Arrived
) -> None:
    # Back again once the page has seen that it was scrolled: a busy machine draws both in one frame.
    scroll = """<script>
      setTimeout(() => scrollTo(0, 780), 600)
      addEventListener("scroll", () => scrollY ? scrollTo(0, 0) : fetch("/scrolled"))
    </script>"""
    shop.add("/", '<body style="margin: 0"><div style="height: 3000px"></div>' + scroll)
    begun = time.monotonic()
    tab = tabs.open(shop.url("/"))
    arrived("page")
    wait_for("both ways", lambda: "/scrolled" in shop.site.asked, 60)
    other = tabs.open("about:blank")
    first = properties(arrived("Page Engaged"), "Page Engaged")[0]
    took_ms = (time.monotonic() - begun) * 1000
    tabs.show(tab)
    tabs.show(other)
    tabs.show(tab)
    tabs.close(tab)
    whole = arrived("Web Vitals")
    assert first["non_interaction"] is True
    assert 500 < first["engaged_ms"] < took_ms
    assert 40 < first["scroll_depth"] < 60
    assert len(named(whole, "Web Vitals")) == 1


def test_time_without_a_sign_of_the_visitor_and_in_a_hidden_tab_is_not_engaged(
    shop: Shop, page: Any, arrived: Arrived
) -> None:
    shop.add("/")
    page.clock.install()
    page.goto(shop.url("/"))
    page.clock.run_for(100_000)
    page.keyboard.press("a")
    page.clock.run_for(5_000)
    page.evaluate("history.pushState(null, '', '/next')")
    page.clock.run_for(2_000)
    engaged = properties(arrived("Page Engaged"), "Page Engaged")[0]["engaged_ms"]
    assert 35_000 <= engaged < 37_000  # thirty seconds after the load, five after the key


def test_every_navigation_of_a_single_page_application_is_a_page_view(shop: Shop, page: Any, arrived: Arrived) -> None:
    shop.add("/")
    page.goto(shop.url("/"))
    for step in (
        "history.replaceState(null, '', '/')",
        "location.hash = 'part'",
        "history.pushState(null, '', '/#other')",
        "history.replaceState(null, '', '/?typed=a')",
        "history.pushState(null, '', '/two?page=1')",
        "history.pushState(null, '', '/two?page=2')",
        "history.back()",
    ):
        page.evaluate(step)
    page.wait_for_url("**/two?page=1")
    page.evaluate("history.replaceState(null, '', '/three'); setTimeout(() => { document.title = 'The third' })")
    found = named(arrived(*["page"] * 5), "page")
    assert paths(found) == ["/", "/two", "/two", "/two", "/three"]
    assert [event["context"]["page"]["search"] for event in found] == ["", "?page=1", "?page=2", "?page=1", ""]
    referrers = [event["context"]["page"]["referrer"] for event in found]
    assert referrers == ["", *(event["context"]["page"]["url"] for event in found[:-1])]
    assert found[-1]["context"]["page"]["title"] == "The third"


def test_with_hash_routing_another_hash_is_another_page(shop: Shop, page: Any, arrived: Arrived) -> None:
    shop.add("/", '<a href="#/two">two</a>', hash="true")
    page.goto(shop.url("/#/one"))
    page.click("a")
    found = named(arrived("page", "page"), "page")
    assert paths(found) == ["/#/one", "/#/two"]
    assert found[1]["context"]["page"]["url"] == shop.url("/#/two")


def test_a_page_from_the_back_forward_cache_is_viewed_again(shop: Shop, page: Any, arrived: Arrived) -> None:
    shop.add("/", '<a href="/two">two</a>')
    shop.add("/two")
    page.goto(shop.url("/"))
    page.evaluate("window.kept = true")
    page.click("a")
    arrived("page", "page")
    page.evaluate("history.back()")
    found = arrived("page", "page", "page")
    assert page.evaluate("window.kept")
    assert paths(found) == ["/", "/two", "/"]
    assert len(named(found, "Web Vitals")) == 2


def test_a_prerendered_page_is_viewed_when_it_is_activated_and_not_before(
    shop: Shop, tabs: Tabs, arrived: Arrived, events: Callable[[], list[Event]]
) -> None:
    rules = '{"prerender": [{"source": "list", "urls": ["/next", "/never"], "eagerness": "immediate"}]}'
    there = "<script>if (document.prerendering) fetch('{}-is-there')</script>"
    shop.add("/never", there.format("/never") + "<script>footfall.track('Never')</script>", before=STUB)
    shop.add("/next", there.format("/next"))
    go = "<script>fetch('/wait').then(() => { location.href = '/next'; })</script>"
    shop.add("/", f'<script type="speculationrules">{rules}</script>{go}')
    shop.site.held.add("/wait")
    both = {"/next-is-there", "/never-is-there"}
    for _ in range(4):  # Chromium passes over the rules of one page in ten
        tab = tabs.open(shop.url("/"))
        with contextlib.suppress(AssertionError):
            wait_for("both pages to be prerendered", lambda: both <= set(shop.site.asked), 5)
            break
        tabs.close(tab)
    assert both <= set(shop.site.asked)
    assert set(paths(arrived("page"))) == {"/"}
    shop.site.release("/wait")
    wait_for("the next page to be viewed", lambda: "/next" in paths(events()), 20)
    assert [path for path in paths(events()) if path != "/"] == ["/next"]
    assert not named(events(), "Never")


def test_web_vitals_are_sent_once_and_say_how_slow_the_page_was(shop: Shop, page: Any, arrived: Arrived) -> None:
    slow = "onclick='const end = performance.now() + 250; while (performance.now() < end);'"
    shop.add("/", f"<h1>Big</h1><button {slow}>slow</button><p id=p>text</p>")
    page.goto(shop.url("/"))
    shift = "new Promise((done) => { p.style.marginTop = '300px'; requestAnimationFrame(() => setTimeout(done, 50)) })"
    page.evaluate(shift)
    page.click("button")
    page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done, 50)))")
    page.close()
    (vitals,) = properties(arrived("Web Vitals"), "Web Vitals")
    assert vitals["non_interaction"] is True
    assert 0 < vitals["lcp_ms"] < 10_000
    assert 250 <= vitals["inp_ms"] < 1_000
    assert 0 < vitals["cls"] < 1


def test_a_tab_opened_in_the_background_is_viewed_but_says_nothing_about_speed_of_painting(
    shop: Shop, tabs: Tabs, arrived: Arrived
) -> None:
    shop.add("/", '<h1 data-footfall="title">x</h1>')
    tab = tabs.open(shop.url("/"), background=True)
    assert not named(arrived("page"), "Element Viewed")
    tabs.show(tab)
    arrived("Element Viewed")
    tabs.close(tab)
    (vitals,) = properties(arrived("Web Vitals"), "Web Vitals")
    assert "lcp_ms" not in vitals


def test_own_events_goals_and_revenue_arrive_as_they_were_when_they_were_sent(
    shop: Shop, page: Any, arrived: Arrived
) -> None:
    shop.add("/")
    page.goto(shop.url("/"))
    page.evaluate("""
        const order = { revenue: 12.5, currency: "EUR", order_id: "1" };
        footfall.track("Order Completed", order);
        order.revenue = 0;
        footfall.page("Pricing", { plan: "b" });
        const circle = {};
        circle.circle = circle;
        footfall.track("Broken", circle);
        footfall.track("After");
    """)
    found = arrived("After")
    order = {"revenue": 12.5, "currency": "EUR", "order_id": "1"}
    assert properties(found, "Order Completed") == [order]
    assert [(event.get("name"), event.get("properties")) for event in named(found, "page")] == [
        (None, None),
        ("Pricing", {"plan": "b"}),
    ]
    assert "Broken" not in map(name, found)


def test_without_automatic_page_views_only_the_page_itself_counts_them(shop: Shop, page: Any, arrived: Arrived) -> None:
    shop.add("/", auto="false")
    page.goto(shop.url("/"))
    page.evaluate("history.pushState(null, '', '/two')")
    call(page, "track", "Before")
    call(page, "page", "Two")
    found = arrived("page", "Before")
    assert paths(found) == ["/two"]
    assert [name(event) for event in found] == ["Before", "page"]


def test_the_script_twice_on_a_page_counts_once(shop: Shop, page: Any, arrived: Arrived) -> None:
    again = f'<script defer src="{shop.collector}/footfall.js" data-key="key"></script>'
    shop.add("/", again)
    page.goto(shop.url("/"))
    page.evaluate("history.pushState(null, '', '/two')")
    call(page, "track", "End")
    assert paths(arrived("End")) == ["/", "/two"]
