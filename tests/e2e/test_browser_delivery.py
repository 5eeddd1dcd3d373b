"""Events reach the collector: when a page ends, when collector or network fail, from several tabs at once."""

from __future__ import annotations

import time
from typing import Any

import pytest

from .browser import Arrived, Shop, Tabs, call, named, paths, properties
from .helpers import wait_for
from .recorder import Recorder

pytest_plugins = ("e2e.browser_fixtures",)


def ids(requests: list[Any]) -> list[list[str]]:
    return [[event["messageId"] for event in request.body["batch"]] for request in requests]


def stored(page: Any) -> int:
    """How many events wait on the device."""
    return int(page.evaluate("Object.keys(localStorage).filter((name) => name.startsWith('footfall.event')).length"))


@pytest.mark.parametrize("consent", ["anonymous", "full"])
def test_a_tab_that_is_closed_at_once_after_loading_was_viewed(
    shop: Shop, page: Any, recorder: Recorder, arrived: Arrived, consent: str
) -> None:
    shop.add("/", consent=consent)
    page.goto(shop.url("/"))
    page.close()
    assert paths(arrived("page")) == ["/"]
    assert sum(len(request.body["batch"]) for request in recorder.requests) == len(arrived("page"))


def test_a_background_tab_that_is_closed_was_viewed(shop: Shop, tabs: Tabs, arrived: Arrived) -> None:
    # The load event waits for the script, which an image of its own does not.
    shop.add("/", "<script>addEventListener('load', () => { new Image().src = '/loaded' })</script>")
    tab = tabs.open(shop.url("/"), background=True)
    wait_for("the page to load", lambda: "/loaded" in shop.site.asked)
    tabs.close(tab)
    arrived("page")


def test_a_page_that_is_left_by_a_link_has_said_all_before(shop: Shop, page: Any, arrived: Arrived) -> None:
    shop.add("/", '<a href="/two" data-footfall="link">two</a>')
    shop.add("/two")
    page.goto(shop.url("/"))
    page.click("a")
    assert paths(arrived("page", "page", "Element Clicked", "Web Vitals")) == ["/", "/two"]


def test_events_are_sent_together_at_most_twenty_in_one_request(
    shop: Shop, page: Any, recorder: Recorder, arrived: Arrived
) -> None:
    shop.add("/")
    page.goto(shop.url("/"))
    page.evaluate("for (let n = 0; n < 45; n++) footfall.track('Many', { n })")
    found = properties(arrived(*["Many"] * 45), "Many")
    assert sorted(each["n"] for each in found) == list(range(45))
    assert sorted(len(batch) for batch in ids(recorder.requests)) == [6, 20, 20]
    (kind,) = {request.headers["Content-Type"] for request in recorder.requests}
    assert kind == "text/plain;charset=UTF-8"
    assert {request.body["writeKey"] for request in recorder.requests} == {"key"}


def test_a_collector_that_fails_is_asked_again_later_and_later_for_the_same_events(
    shop: Shop, page: Any, recorder: Recorder, arrived: Arrived
) -> None:
    recorder.answers.extend([(503, {}), (500, {}), (200, {})])
    shop.add("/")
    page.goto(shop.url("/"))
    arrived("page")
    first, second, third = recorder.requests
    assert ids([first]) == ids([second]) == ids([third])
    assert 2 <= second.time - first.time < 6
    assert 4 <= third.time - second.time < 12


def test_retry_after_is_respected_whatever_happens_meanwhile(
    shop: Shop, page: Any, recorder: Recorder, arrived: Arrived
) -> None:
    recorder.answers.append((429, {"Retry-After": "4"}))
    shop.add("/")
    with page.expect_event("requestfinished", lambda request: request.url.endswith("/v1/batch")):
        page.goto(shop.url("/"))
    page.evaluate("new Promise((done) => setTimeout(done, 100))")  # the tracker reads the answer
    page.evaluate("for (let n = 0; n < 25; n++) footfall.track('Meanwhile')")
    arrived("page", *["Meanwhile"] * 25)
    first, second = recorder.requests[:2]
    assert 3.9 <= second.time - first.time < 8


@pytest.mark.parametrize("status", [400, 401, 413])
def test_what_will_never_be_taken_is_not_sent_again(
    shop: Shop, page: Any, recorder: Recorder, arrived: Arrived, status: int
) -> None:
    recorder.answers.append((status, {}))
    shop.add("/", consent="full")
    page.goto(shop.url("/"))
    wait_for("the first request", lambda: recorder.requests)
    call(page, "track", "After")
    assert not named(arrived("After"), "page")
    assert not stored(page)


def test_events_of_an_offline_page_are_sent_as_soon_as_it_is_online_again(
    shop: Shop, context: Any, page: Any, recorder: Recorder, arrived: Arrived
) -> None:
    shop.add("/")
    page.goto(shop.url("/"))
    arrived("page")
    context.set_offline(True)
    call(page, "track", "Offline")
    page.wait_for_event("requestfailed")
    failed = time.monotonic()
    context.set_offline(False)
    arrived("Offline")
    assert recorder.requests[-1].time - failed < 2  # sooner than it would be tried again by itself


def test_with_consent_the_next_page_sends_what_an_offline_page_could_not_and_then_forgets_it(
    shop: Shop, context: Any, page: Any, recorder: Recorder, arrived: Arrived
) -> None:
    shop.add("/", consent="full")
    page.goto(shop.url("/"))
    arrived("page")
    context.set_offline(True)
    call(page, "track", "Offline")
    page.wait_for_event("requestfailed")
    call(page, "track", "Last")
    page.close()
    context.set_offline(False)
    next_page = context.new_page()
    next_page.goto(shop.url("/"))
    found = arrived("page", "page", "Offline", "Last", "Page Engaged")
    assert named(found, "Offline")[0]["context"]["page"]["title"] == "/"
    wait_for("the storage to be empty", lambda: not stored(next_page), 20)
    assert len(ids(recorder.requests)) == len({tuple(batch) for batch in ids(recorder.requests)})


def test_without_consent_nothing_of_an_offline_page_stays_on_the_device(
    shop: Shop, context: Any, page: Any, arrived: Arrived
) -> None:
    shop.add("/")
    page.goto(shop.url("/"))
    arrived("page")
    context.set_offline(True)
    call(page, "track", "Offline")
    page.wait_for_event("requestfailed")
    page.close()
    context.set_offline(False)
    next_page = context.new_page()
    next_page.goto(shop.url("/"))
    assert next_page.evaluate("localStorage.length") == 0


def test_what_waits_on_the_device_is_bounded(shop: Shop, context: Any, page: Any, arrived: Arrived) -> None:
    shop.add("/", consent="full")
    page.goto(shop.url("/"))
    arrived("page")
    context.set_offline(True)
    page.evaluate("for (let n = 0; n < 3000; n++) footfall.track('Many', { n })")
    page.wait_for_event("requestfailed")
    assert stored(page) == 100


def test_two_tabs_lose_nothing_of_what_was_stored_and_send_it_only_once_each(
    shop: Shop, context: Any, page: Any, recorder: Recorder, arrived: Arrived
) -> None:
    shop.add("/", consent="full")
    pages = [page, context.new_page()]
    for opened in pages:
        opened.goto(shop.url("/"))
    arrived("page", "page")
    context.set_offline(True)
    for number, opened in enumerate(pages):
        opened.evaluate(f"for (let n = 0; n < 30; n++) footfall.track('Kept', {{ n: {number} * 100 + n }})")
        opened.wait_for_event("requestfailed")
        opened.close()
    context.set_offline(False)
    before = len(recorder.requests)
    pages = [context.new_page(), context.new_page()]
    for opened in pages:
        opened.evaluate(f"void (location.href = '{shop.url('/')}')")
    found = arrived(*["Kept"] * 60, "page", "page", "page", "page")
    kept = sorted(each["n"] for each in properties(found, "Kept"))
    assert kept == [*range(30), *range(100, 130)]
    wait_for("the storage to be empty", lambda: not stored(pages[0]), 20)
    for opened in pages:
        call(opened, "track", "End")
    arrived("End", "End")
    sent = [each for batch in ids(recorder.requests[before:]) for each in batch]
    assert max(sent.count(each) for each in sent) <= 3  # by both, and by the last attempt of the page that was closed


def test_more_than_a_browser_takes_from_a_page_that_ends_is_sent_by_the_next(
    shop: Shop, context: Any, page: Any, recorder: Recorder, arrived: Arrived
) -> None:
    shop.add("/", consent="full")
    page.goto(shop.url("/"))
    arrived("page")
    page.evaluate("""
        for (let n = 0; n < 15; n++) footfall.track("Long", { n, text: "x".repeat(6000) });
        location.href = "/next";
    """)
    at_the_end = len(named(arrived(*["Long"] * 4), "Long"))
    assert 4 <= at_the_end < 15
    shop.add("/next", consent="full")
    context.new_page().goto(shop.url("/next"))
    found = properties(arrived(*["Long"] * 15), "Long")
    assert sorted(each["n"] for each in found) == list(range(15))


def test_an_event_longer_than_a_request_may_be_does_not_hold_up_the_others(
    shop: Shop, page: Any, arrived: Arrived
) -> None:
    shop.add("/")
    page.goto(shop.url("/"))
    page.evaluate("footfall.track('Long', { text: 'x'.repeat(200000) }); footfall.track('After')")
    arrived("Long", "After")
