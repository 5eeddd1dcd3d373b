"""What the tracker keeps on a device and says about a person, and that a site's protection lets it work."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import Any

import pytest

from .browser import DOCS, STUB, Arrived, Shop, call, name, named, paths
from .recorder import SCRIPT, Recorder

pytest_plugins = ("e2e.browser_fixtures",)

SIGNALS = {
    "GPC": "Object.defineProperty(Navigator.prototype, 'globalPrivacyControl', { get: () => true })",
    "DNT": "Object.defineProperty(Navigator.prototype, 'doNotTrack', { get: () => '1' })",
}
CLICK_IDS = "gclid=A1&gbraid=A2&wbraid=A3&fbclid=A4&msclkid=A5&ttclid=A6&li_fat_id=A7&twclid=A8&dclid=A9"


def stored(page: Any) -> dict[str, str]:
    return dict(page.evaluate("({ ...localStorage })"))


@pytest.mark.parametrize("signal", ["", "GPC", "DNT"])
def test_without_full_consent_or_against_the_browsers_signal_nothing_that_identifies_leaves_the_device(
    shop: Shop, context: Any, page: Any, recorder: Recorder, arrived: Arrived, signal: str
) -> None:
    shop.add("/before", consent="full")
    page.goto(shop.url("/before"))
    call(page, "identify", "user-1", {"name": "Ada"})
    page.close()
    known = {event["anonymousId"] for event in arrived("page", "identify", "Web Vitals")} | {"user-1", "Ada"}
    if signal:
        context.add_init_script(SIGNALS[signal])
    attributes = {"consent": "full"} if signal else {}
    link = f'<a href="/other?{CLICK_IDS}" data-footfall="link">x</a>'
    address = shop.add("/", link, **attributes) + f"?utm_source=news&{CLICK_IDS}&a=1"
    shop.add("/other", **attributes)
    before = len(recorder.requests)
    page = context.new_page()
    page.goto(address)
    call(page, "identify", "user-2", {"name": "Bob"})
    if signal:
        call(page, "consent", "full")
        call(page, "identify", "user-2", {"name": "Bob"})
    page.click("a")
    page.wait_for_url("**/other?*")
    call(page, "track", "End", {"link": address})
    arrived("End")
    said = json.dumps([request.body for request in recorder.requests[before:]])
    found = [event for request in recorder.requests[before:] for event in request.body["batch"]]
    assert {"page", "Element Clicked", "End"} <= {name(event) for event in found}
    assert all(event["context"]["consent"] == {"category": "anonymous"} for event in found)
    assert not [word for word in [*known, "user-2", "Bob", *(f"A{n}" for n in range(1, 10))] if word in said]
    assert not any({"userId", "anonymousId"} & set(event) for event in found)
    assert [event["context"]["page"]["url"] for event in found[:1]] == [shop.url("/?utm_source=news&a=1")]


def test_with_consent_none_nothing_is_sent_and_consent_later_counts_the_page(
    shop: Shop, page: Any, recorder: Recorder, arrived: Arrived
) -> None:
    shop.add("/", '<a href="#" data-footfall="x">x</a>', consent="none")
    page.goto(shop.url("/"))
    page.click("a")
    call(page, "track", "Early")
    page.evaluate("new Promise((done) => setTimeout(done, 1500))")  # longer than the tracker waits before it sends
    assert not recorder.requests
    assert not stored(page)
    call(page, "consent", "anonymous")
    found = arrived("page")
    assert paths(found) == ["/"]
    assert not named(found, "Early")


def test_an_anonymous_visitor_finds_nothing_on_the_device(
    shop: Shop, context: Any, page: Any, arrived: Arrived
) -> None:
    shop.add("/")
    page.goto(shop.url("/"))
    call(page, "track", "End")
    arrived("End")
    assert not stored(page)
    assert not context.cookies()


def test_full_consent_makes_an_id_that_stays_and_identify_adds_the_user(
    shop: Shop, context: Any, page: Any, arrived: Arrived
) -> None:
    shop.add("/", consent="full")
    page.goto(shop.url("/"))
    call(page, "identify", 17, {"plan": "b"})
    page.goto(shop.url("/"))
    call(page, "reset")
    call(page, "track", "After")
    found = arrived("page", "identify", "page", "After")
    first, second = named(found, "page")
    assert first["anonymousId"] == second["anonymousId"]
    assert "userId" not in first
    (identify,) = named(found, "identify")
    assert (identify["userId"], identify["traits"]) == ("17", {"plan": "b"})
    assert second["userId"] == "17"
    (after,) = named(found, "After")
    assert after["anonymousId"] != first["anonymousId"]
    assert "userId" not in after
    assert not context.cookies()


def test_raised_consent_makes_an_id_and_lowered_consent_removes_what_was_stored_and_what_waits(
    shop: Shop, page: Any, arrived: Arrived
) -> None:
    shop.add("/")
    page.goto(shop.url("/"))
    arrived("page")
    call(page, "consent", "full")
    call(page, "identify", "user-1")
    (identify,) = named(arrived("identify"), "identify")
    assert stored(page) == {"footfall.id": identify["anonymousId"], "footfall.user": "user-1"}
    page.evaluate("localStorage.own = 'stays'")
    page.evaluate("footfall.track('Withdrawn'); footfall.consent('anonymous'); footfall.track('After')")
    found = arrived("After")
    assert stored(page) == {"own": "stays"}
    assert not named(found, "Withdrawn")
    (after,) = named(found, "After")
    assert not {"userId", "anonymousId"} & set(after)
    assert paths(found) == ["/"]


def test_the_click_id_of_a_visitor_who_consents_on_the_page_is_kept(shop: Shop, page: Any, arrived: Arrived) -> None:
    address = shop.add("/") + "?li_fat_id=abc"
    page.goto(address)
    call(page, "consent", "full")
    call(page, "track", "After")
    (after,) = named(arrived("After"), "After")
    assert after["context"]["campaign"] == {"click_id": "abc", "click_id_type": "li_fat_id"}


def test_where_the_browser_refuses_storage_everything_else_works(shop: Shop, page: Any, arrived: Arrived) -> None:
    shop.add("/framed", '<p data-footfall="x">x</p>', consent="full")
    shop.site.pages["/"] = '<!doctype html><iframe src="/framed" sandbox="allow-scripts"></iframe>'
    page.goto(shop.url("/"))
    frame = page.frames[1]
    refused = "try { localStorage } catch (error) { error.name }"
    assert frame.evaluate(refused) == "SecurityError"
    call(frame, "identify", "user-1")
    call(frame, "reset")
    call(frame, "consent", "anonymous")
    call(frame, "consent", "full")
    call(frame, "identify", "user-1")
    found = arrived("identify", "Element Viewed")
    assert named(found, "identify")[0]["userId"] == "user-1"
    assert not any("anonymousId" in event for event in found)


def test_calls_made_before_the_script_is_there_are_kept(shop: Shop, page: Any, arrived: Arrived) -> None:
    early = "<script>footfall.consent('full'); footfall.identify('user-1'); footfall.track('Early', { n: 1 });"
    shop.add("/", before=f"{STUB}{early} footfall.misspelt()</script>")
    page.goto(shop.url("/"))
    found = arrived("page", "Early", "identify")
    assert all(event["anonymousId"] and event["userId"] == "user-1" for event in named(found, "Early"))
    assert all(event["anonymousId"] for event in named(found, "page"))


def test_the_snippet_works_under_a_strict_content_security_policy_with_integrity(
    shop: Shop, page: Any, arrived: Arrived
) -> None:
    inline = STUB.removeprefix("<script>").removesuffix("</script>")
    hashed = base64.b64encode(hashlib.sha256(inline.encode()).digest()).decode()
    integrity = "sha384-" + base64.b64encode(hashlib.sha384(SCRIPT.read_bytes()).digest()).decode()
    policy = f"default-src 'none'; script-src {shop.collector} 'sha256-{hashed}'; connect-src {shop.collector}"
    shop.site.headers["Content-Security-Policy"] = policy
    attributes = f'data-key="key" integrity="{integrity}" crossorigin="anonymous"'
    script = f'<script defer src="{shop.collector}/footfall.js" {attributes}></script>'
    shop.site.pages["/"] = f"<!doctype html>{STUB}{script}<p data-footfall=x>x</p>"
    refused: list[str] = []
    page.on("console", lambda message: refused.append(message.text) if "favicon" not in message.text else None)
    page.goto(shop.url("/"))
    arrived("page", "Element Viewed")
    page.close()
    arrived("Page Engaged", "Web Vitals")
    assert not [text for text in refused if "Content Security Policy" in text]


def test_the_page_in_the_docs_does_what_it_says(shop: Shop, page: Any, arrived: Arrived) -> None:
    (example,) = re.findall(r"^```html\n(<!doctype html>.*?)^```$", DOCS, re.MULTILINE | re.DOTALL)
    shop.site.pages["/"] = example.replace("https://collect.example", shop.collector)
    page.goto(shop.url("/"))
    page.click("#buy")
    page.click("#accept")
    arrived("Element Viewed")
    page.click("text=Our partner")
    found = arrived("page", "Order Completed", "Element Viewed", "Outbound Link Clicked", "Page Engaged", "Web Vitals")
    assert named(found, "Order Completed")[0]["properties"] == {"revenue": 19.9, "currency": "EUR"}
    assert "anonymousId" not in named(found, "page")[0]
    assert named(found, "Outbound Link Clicked")[0]["anonymousId"]


def test_the_docs_name_every_function(shop: Shop, page: Any) -> None:
    shop.add("/")
    page.goto(shop.url("/"))
    named_there = re.findall(r"^\| `footfall\.(\w+)\(", DOCS, re.MULTILINE)
    assert page.evaluate("Object.keys(footfall)") == named_there
    assert re.findall(r"^    (\w+)\(", DOCS, re.MULTILINE) == named_there
