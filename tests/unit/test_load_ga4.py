"""The BigQuery export of Google Analytics 4, line by line."""

import json
from typing import Any

import pytest

from footfall.loaders import ga4
from footfall.loaders.lines import Parsed, Unreadable

MICROS = 1769864400123456  # 31 January 2026, 13:00:00.123456 UTC
ITEM = {
    "item_id": "0042", "item_name": "Shoe", "item_brand": "Brand", "item_variant": "red", "item_category": "shoes",
    "price": 10.5, "quantity": "2", "item_list_index": "3", "coupon": "(not set)", "item_list_name": "sale",
}  # fmt: skip
PRODUCT = {
    "product_id": "0042", "name": "Shoe", "brand": "Brand", "variant": "red", "category": "shoes", "price": 10.5,
    "quantity": 2, "position": 3,
}  # fmt: skip


def parameter(key: str, **value: Any) -> dict[str, Any]:
    return {"key": key, "value": value}


def row(name: str = "page_view", **columns: Any) -> dict[str, Any]:
    """As `bq extract` writes it: what is NULL is left out, an INT64 is a text."""
    return {
        "event_date": "20260131", "event_timestamp": str(MICROS), "event_name": name, "user_pseudo_id": "12.34",
        "event_bundle_sequence_id": "7", **columns,
    }  # fmt: skip


def parsed(given: dict[str, Any]) -> Parsed:
    outcome = ga4.parse(json.dumps(given).encode())
    assert isinstance(outcome, Parsed), outcome
    return outcome


def event(given: dict[str, Any]) -> dict[str, Any]:
    return parsed(given).event


def test_a_page_view_is_a_page_call_with_all_that_the_export_tells() -> None:
    given = row(
        user_id="ada",
        event_params=[
            parameter("page_location", string_value="https://shop.example/shoes?utm_source=news&utm_term=red"),
            parameter("page_referrer", string_value="https://search.example/"),
            parameter("page_title", string_value="Shoes"),
            parameter("ga_session_id", int_value="1769864000"),
            parameter("debug_mode", double_value=0.5),
            parameter("empty"),
        ],
        device={
            "category": "mobile", "operating_system": "Android", "operating_system_version": "15", "language": "de-de",
            "web_info": {"browser": "Chrome", "browser_version": "143.0", "hostname": "shop.example"},
        },
        geo={"continent": "Europe", "country": "Germany", "region": "Bavaria", "city": "Munich"},
        traffic_source={"source": "first", "medium": "ever", "name": "seen"},
        collected_traffic_source={"manual_source": "google", "manual_medium": "cpc", "gclid": "click"},
        privacy_info={"analytics_storage": "Yes", "ads_storage": "No"},
    )  # fmt: skip
    assert parsed(given).time == MICROS // 1000
    assert event(given) == {
        "type": "page",
        "anonymousId": "12.34",
        "userId": "ada",
        "properties": {"ga_session_id": 1769864000, "debug_mode": 0.5},
        "context": {
            "page": {
                "url": "https://shop.example/shoes?utm_source=news&utm_term=red",
                "path": "/shoes",
                "search": "?utm_source=news&utm_term=red",
                "referrer": "https://search.example/",
                "title": "Shoes",
            },
            "campaign": {"source": "google", "medium": "cpc", "term": "red", "gclid": "click"},
            "locale": "de-de",
            "device": {"type": "mobile"},
            "os": {"name": "Android", "version": "15"},
            "browser": {"name": "Chrome", "version": "143.0"},
            "location": {"country": "DE"},
            "library": {"name": "ga4"},
        },
    }


@pytest.mark.parametrize("timestamp", [MICROS, str(MICROS)])
def test_a_timestamp_may_be_a_text_or_a_number(timestamp: int | str) -> None:
    assert parsed(row(event_timestamp=timestamp)).time == MICROS // 1000


def test_a_screen_view_is_a_screen_call() -> None:
    found = event(row("screen_view", event_params=[parameter("firebase_screen_class", string_value="HomeActivity")]))
    assert (found["type"], found["name"]) == ("screen", "HomeActivity")
    assert "name" not in event(row("screen_view"))


def test_any_other_event_is_a_track_call_of_its_own_name() -> None:
    found = event(row("scroll", event_params=[parameter("percent_scrolled", int_value="90")]))
    assert (found["type"], found["event"], found["properties"]) == ("track", "scroll", {"percent_scrolled": 90})


@pytest.mark.parametrize("name", ["session_start", "first_visit", "first_open", "user_engagement"])
def test_what_ga4_makes_of_itself_is_no_interaction(name: str) -> None:
    assert event(row(name))["properties"]["non_interaction"] is True


def test_a_purchase_is_an_order_in_segment_s_names() -> None:
    found = event(
        row(
            "purchase",
            event_params=[
                parameter("transaction_id", string_value="T-1"),
                parameter("currency", string_value="EUR"),
                parameter("value", double_value=21.0),
            ],
            ecommerce={
                "transaction_id": "T-1", "purchase_revenue": 21.0, "purchase_revenue_in_usd": 24.5,
                "shipping_value": 4.9, "tax_value": 3.35, "total_item_quantity": "2",
            },
            items=[ITEM, {"item_id": "7", "price": 1}],
        )
    )  # fmt: skip
    assert (found["type"], found["event"]) == ("track", "Order Completed")
    wanted = {
        "order_id": "T-1", "revenue": 21.0, "shipping": 4.9, "tax": 3.35, "currency": "EUR",
        "products": [PRODUCT, {"product_id": "7", "price": 1}],
    }  # fmt: skip
    assert {name: found["properties"][name] for name in wanted} == wanted


@pytest.mark.parametrize(("name", "segment"), ga4.EVENTS.items())
def test_an_ecommerce_event_has_segment_s_name(name: str, segment: str) -> None:
    assert event(row(name))["event"] == segment


def test_an_event_about_one_product_tells_it_in_its_own_properties() -> None:
    found = event(row("add_to_cart", items=[ITEM]))
    assert found["properties"] == {**PRODUCT, "products": [PRODUCT]}
    assert event(row("view_item_list", items=[ITEM]))["properties"] == {"products": [PRODUCT]}


def test_a_refused_storage_is_consent_to_anonymous_counting() -> None:
    given = row(
        user_pseudo_id=None, privacy_info={"analytics_storage": "No"}, device={"category": "desktop"},
        geo={"country": "Germany", "city": "Munich"},
    )  # fmt: skip
    found = parsed(given)
    assert found.event["context"]["consent"] == {"category": "anonymous"}
    assert "anonymousId" not in found.event
    assert (found.address, found.agent) == ("", "desktop Germany Munich")
    assert "consent" not in event(row(privacy_info={"analytics_storage": "Yes"}))["context"]


def test_a_visitor_who_has_an_id_is_known_by_it_alone() -> None:
    assert parsed(row(device={"category": "desktop"})).agent == ""


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("Germany", "DE"),
        ("United States", "US"),
        ("United Kingdom", "GB"),
        ("Bosnia & Herzegovina", "BA"),
        ("Côte d\u2019Ivoire", "CI"),
        ("Côte d'Ivoire", "CI"),
        ("Myanmar (Burma)", "MM"),
        ("Congo - Kinshasa", "CD"),
        ("Hong Kong", "HK"),
        ("Türkiye", "TR"),
        ("Turkey", "TR"),
        ("Atlantis", "Atlantis"),
    ],
)
def test_a_country_has_its_code(name: str, code: str) -> None:
    assert event(row(geo={"country": name}))["context"]["location"] == {"country": code}


@pytest.mark.parametrize(
    ("columns", "campaign"),
    [
        ({}, None),
        ({"collected_traffic_source": {"manual_source": "(direct)", "manual_medium": "(none)"}}, None),
        ({"collected_traffic_source": {"manual_campaign_id": "7", "dclid": "d"}}, {"id": "7", "dclid": "d"}),
        ({"traffic_source": {"source": "first", "medium": "ever", "name": "seen"}}, None),
        (
            {"event_params": [parameter("source", string_value="news"), parameter("campaign", string_value="spring")]},
            {"source": "news", "name": "spring"},
        ),
    ],
)
def test_a_campaign_is_that_of_the_event(columns: dict[str, Any], campaign: dict[str, str] | None) -> None:
    assert event(row(**columns))["context"].get("campaign") == campaign


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"[]",
        b"17",
        b'{"event_name": "page_view"}',
        b'{"event_timestamp": "1769864400123456"}',
        json.dumps(row(name="")).encode(),
        json.dumps(row(event_name=7)).encode(),
        json.dumps(row(event_timestamp="soon")).encode(),
        json.dumps(row(event_timestamp=True)).encode(),
        json.dumps(row(event_timestamp=-1)).encode(),
        json.dumps(row(event_timestamp="9" * 30)).encode(),
        json.dumps(row(event_timestamp="9" * 5000)).encode(),
        json.dumps(row()).encode()[:-1],
        b'{"event_name": "\xff"}',
        b"[" * 100_000,
    ],
    ids=lambda line: line[:40].decode("ascii", "replace"),
)
def test_what_is_no_event_of_the_export_is_not_readable(line: bytes) -> None:
    assert isinstance(ga4.parse(line), Unreadable)


@pytest.mark.parametrize(
    "columns",
    [
        {"event_params": "none"},
        {"event_params": [None, 7, {"key": 7}, {"key": "a"}, {"key": "b", "value": [1]}]},
        {"geo": {"country": ["a"]}},
        {"device": [], "geo": 7, "items": {"a": 1}, "ecommerce": "x", "privacy_info": 1},
        {"items": [None, {"item_id": {"a": 1}}], "collected_traffic_source": {"manual_source": ["a"]}},
        {"event_params": [parameter("page_location", string_value="http://[x/")]},
    ],
)
@pytest.mark.parametrize("name", ["page_view", "purchase"])
def test_columns_of_a_wrong_type_are_passed_over(name: str, columns: dict[str, Any]) -> None:
    assert event(row(name, **columns))["anonymousId"] == "12.34"


def test_half_characters_are_replaced() -> None:
    given = json.dumps(row()).replace("12.34", "\\ud83d!").encode()
    outcome = ga4.parse(given)
    assert isinstance(outcome, Parsed)
    assert outcome.event["anonymousId"] == "?!"


def test_events_of_one_time_have_the_order_in_which_the_device_saw_them() -> None:
    batch = {"batch_page_id": "1", "batch_ordering_id": "1"}
    rows = [row(name, **batch, batch_event_index=str(index)) for index, name in ((10, "c"), (9, "b"), (1, "a"))]
    found = sorted((parsed(given) for given in rows), key=lambda one: one.order)
    assert [one.event["event"] for one in found] == ["a", "b", "c"]
    # Older exports don't have these columns: some order, the same one for every file that holds both
    one, other = (parsed(row(name)).order for name in ("x", "y"))
    assert one < other or other < one


def test_an_event_is_known_by_visitor_time_name_and_bundle() -> None:
    known = parsed(row()).identity
    assert parsed(row(device={"category": "mobile"})).identity == known
    for column in ("user_pseudo_id", "event_name", "event_bundle_sequence_id"):
        assert parsed(row(**{column: "other"})).identity != known
    assert parsed(row(event_timestamp=MICROS + 1)).identity != known
