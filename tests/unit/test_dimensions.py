"""What a site chose, in the events as they are written: by the collector, and by what loads files."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from footfall.collector.consent import Consent
from footfall.collector.dimensions import apply_dimensions
from footfall.collector.pipeline import Sender, take
from footfall.collector.salts import Salts
from footfall.collector.site_settings import Site
from footfall.loaders.rules import Rules

URL = "https://www.shop.example/search?q=tent&page=2&utm_source=x&gclid=y"
PLAIN = Site("shop", (), "UTC", (), Consent.FULL, frozenset(), 0, b"k" * 32)
SITE = replace(PLAIN, event_properties={"Signed Up": "plan"}, page_parameters=("page", "q"), page_hosts=True)


def label(properties: Any, event: str = "Signed Up", type_: str = "track") -> Any:
    """What properties.label of an event is afterwards; the rest of the properties is as it was."""
    told = dict(properties)
    apply_dimensions({"type": type_, "event": event, "context": {}, "properties": told}, SITE)
    assert {**told, "label": None} == {**properties, "label": None}
    return told.get("label")


@pytest.mark.parametrize(
    ("value", "text"),
    [("pro", "pro"), ("größe ✓", "größe ✓"), (19.5, "19.5"), (7, "7"), (True, "true"), ("", ""), ("x" * 300, "x" * 100),
     (10**30, "1" + "0" * 30)],
)  # fmt: skip
def test_the_chosen_property_is_the_label_as_text_and_not_longer_than_it_may_be(value: Any, text: str) -> None:
    assert label({"plan": value}) == text
    assert label({"plan": value, "label": "sent"}) == text


@pytest.mark.parametrize("properties", [{}, {"plan": None}, {"plan": ["pro"]}, {"plan": {"a": 1}}, {"Plan": "pro"}])
def test_an_event_without_a_value_of_it_keeps_the_label_that_was_sent(properties: dict[str, Any]) -> None:
    assert label(properties) is None
    assert label({**properties, "label": "sent"}) == "sent"


def test_another_event_or_call_is_left_alone() -> None:
    assert label({"plan": "pro"}, event="Signed up") is None
    assert label({"plan": "pro"}, type_="page") is None


def page(context: Any, properties: Any = None, site: Site = SITE, type_: str = "page") -> Any:
    event = {"type": type_, "context": {"page": context}, "properties": properties or {}}
    apply_dimensions(event, site)
    return event["context"]["page"]


def test_a_page_is_named_by_its_host_and_the_chosen_parameters_and_its_address_stays() -> None:
    assert page({"url": URL, "path": "/search", "title": "T"}) == {
        "url": URL, "path": "shop.example/search?page=2&q=tent", "title": "T",
    }  # fmt: skip
    assert page({"url": URL}, site=replace(SITE, page_parameters=()))["path"] == "shop.example/search"
    assert page({"url": URL}, site=replace(SITE, page_hosts=False))["path"] == "/search?page=2&q=tent"
    assert page({"url": URL}, type_="track")["path"] == "shop.example/search?page=2&q=tent"
    assert page({"url": URL, "path": "/search"}, site=PLAIN) == {"url": URL, "path": "/search"}


def test_the_address_of_a_server_librarys_page_call_is_in_its_properties_and_of_a_track_call_is_not() -> None:
    assert page(None, {"url": URL, "path": "/find"})["path"] == "shop.example/find?page=2&q=tent"
    assert page({}, {"url": URL}, type_="track") == {}


@pytest.mark.parametrize("context", [None, "x", {}, {"url": 7}, {"url": "/a"}, {"url": "https://[/", "path": "/a"}])
def test_a_page_without_an_address_stays_as_it_is(context: Any) -> None:
    assert page(context) == context


def test_collector_and_load_write_the_same_and_only_what_the_privacy_rules_leave() -> None:
    properties = {"Signed Up": "plan", "Paid": "loyalty"}
    site = replace(SITE, event_properties=properties, denied_fields=frozenset({"loyalty"}))
    event = {
        "type": "track", "event": "Signed Up", "anonymousId": "v1",
        "context": {"page": {"url": "https://shop.example/?q=ada@example.org&page=1"}},
        "properties": {"plan": "ada@example.org"},
    }  # fmt: skip
    denied = {**event, "event": "Paid", "properties": {"loyalty": "gold"}}
    sender, salts = Sender("", "", False, False), Salts("")
    taken = take(site, salts, sender, [json.dumps(one).encode() for one in (event, denied)], None, None)
    collected = [msgspec.json.decode(record.value) for record in taken.records]
    loaded = [
        msgspec.json.decode(Rules(site).protected(json.loads(json.dumps(one)), 0, address="", agent="") or b"")
        for one in (event, denied)
    ]
    for first, second in (collected, loaded):
        assert first["properties"]["label"] == "[e-mail]"
        assert first["context"]["page"]["path"] == "shop.example/?page=1&q=%5Be-mail%5D"
        assert second["properties"] == {}
