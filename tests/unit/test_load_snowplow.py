"""Snowplow's enriched events, line by line."""

import json
from typing import Any

import pytest

from footfall.loaders import snowplow
from footfall.loaders.lines import Parsed, Unreadable

ID = "0b1f7f0e-6f0c-4d3e-9a53-1f6b7c1f0a11"


def line(**columns: str) -> bytes:
    """A page view of which a test says what is different."""
    given = {
        "app_id": "shop", "platform": "web", "event": "page_view", "event_id": ID, "domain_userid": "d1",
        "network_userid": "n1", "collector_tstamp": "2026-01-31 13:00:05.000",
        "derived_tstamp": "2026-01-31 13:00:00.123", **columns,
    }  # fmt: skip
    return "\t".join(given.get(name, "") for name in snowplow.COLUMNS).encode()


def unstruct(name: str, data: Any) -> str:
    inner = {"schema": f"iglu:com.example/{name}/jsonschema/1-0-0", "data": data}
    outer = {"schema": "iglu:com.snowplowanalytics.snowplow/unstruct_event/jsonschema/1-0-0", "data": inner}
    return json.dumps(outer)


def parsed(**columns: str) -> Parsed:
    outcome = snowplow.parse(line(**columns))
    assert isinstance(outcome, Parsed), outcome
    return outcome


def event(**columns: str) -> dict[str, Any]:
    return parsed(**columns).event


def test_the_columns_stand_where_snowplow_s_documentation_has_them() -> None:
    places = {"app_id": 0, "event": 5, "event_id": 6, "user_id": 12, "page_url": 29, "mkt_campaign": 51, "contexts": 52}
    places |= {"unstruct_event": 58, "tr_orderid": 59, "useragent": 77, "derived_tstamp": 124, "true_tstamp": 130}
    assert {name: snowplow.COLUMNS.index(name) for name in places} == places
    assert len(snowplow.COLUMNS) == len(set(snowplow.COLUMNS)) == 131


def test_a_page_view_is_a_page_call_with_all_that_the_row_tells() -> None:
    found = parsed(
        user_id="ada", page_url="https://shop.example/shoes?utm_source=news", page_urlpath="/shoes",
        page_urlquery="utm_source=news", page_title="Shoes", page_referrer="https://search.example/",
        mkt_source="news", mkt_medium="email", mkt_campaign="spring", mkt_clickid="click", mkt_network="Google",
        useragent="Firefox", user_ipaddress="203.0.113.7", geo_country="DE", geo_region="BY", br_lang="de",
        os_timezone="Europe/Berlin", dvce_screenwidth="1920", dvce_screenheight="1080", v_tracker="js-4.6.5",
        contexts='{"schema": "iglu:x", "data": []}',
    )  # fmt: skip
    assert found.time == 1769864400123
    assert (found.address, found.agent) == ("203.0.113.7", "Firefox")
    assert found.event == {
        "messageId": ID,
        "type": "page",
        "anonymousId": "d1",
        "userId": "ada",
        "properties": {},
        "context": {
            "page": {
                "url": "https://shop.example/shoes?utm_source=news",
                "path": "/shoes",
                "search": "?utm_source=news",
                "referrer": "https://search.example/",
                "title": "Shoes",
            },
            "campaign": {"source": "news", "medium": "email", "name": "spring", "gclid": "click"},
            "userAgent": "Firefox",
            "ip": "203.0.113.7",
            "locale": "de",
            "timezone": "Europe/Berlin",
            "screen": {"width": 1920, "height": 1080},
            "location": {"country": "DE", "region": "DE-BY"},
            "library": {"name": "snowplow", "version": "js-4.6.5"},
        },
    }


def test_an_empty_path_is_the_root() -> None:
    assert event(page_url="https://shop.example")["context"]["page"] == {"url": "https://shop.example", "path": "/"}


def test_the_network_s_id_stands_in_for_the_domain_s() -> None:
    assert event(domain_userid="")["anonymousId"] == "n1"
    assert "anonymousId" not in event(domain_userid="", network_userid="")


@pytest.mark.parametrize(
    ("derived", "collected", "time"),
    [
        ("2026-01-31 13:00:00.123", "", 1769864400123),
        ("2026-01-31 13:00:00", "", 1769864400000),
        ("", "2026-01-31 13:00:00.5", 1769864400500),
    ],
)
def test_the_time_is_the_derived_one_or_else_the_collector_s(derived: str, collected: str, time: int) -> None:
    assert parsed(derived_tstamp=derived, collector_tstamp=collected).time == time


def test_a_structured_event_is_named_by_category_and_action() -> None:
    found = event(event="struct", se_category="video", se_action="play", se_label="intro", se_value="2.50")
    assert (found["type"], found["event"]) == ("track", "video play")
    assert found["properties"] == {"category": "video", "action": "play", "label": "intro", "value": 2.5}


def test_a_self_describing_event_has_its_schema_s_name_and_its_data() -> None:
    found = event(event="unstruct", event_name="other", unstruct_event=unstruct("link_click", {"targetUrl": "/a"}))
    assert (found["type"], found["event"], found["properties"]) == ("track", "link_click", {"targetUrl": "/a"})


def test_a_screen_view_is_a_screen_call() -> None:
    found = event(event="unstruct", unstruct_event=unstruct("screen_view", {"id": "1", "name": "Home"}))
    assert (found["type"], found["name"], found["properties"]) == ("screen", "Home", {"id": "1", "name": "Home"})


def test_a_page_ping_says_that_the_visitor_is_there_and_is_no_interaction() -> None:
    found = event(event="page_ping", pp_yoffset_min="0", pp_yoffset_max="700")
    assert (found["type"], found["event"]) == ("track", "Page Engaged")
    assert found["properties"] == {"y_offset_min": 0, "y_offset_max": 700, "non_interaction": True}


def test_a_transaction_is_an_order_whose_revenue_is_without_tax_and_shipping() -> None:
    found = event(
        event="transaction", tr_orderid="T-1", tr_total="24.90", tr_tax="3.35", tr_shipping="4.90", tr_currency="EUR",
        tr_affiliation="web",
    )  # fmt: skip
    assert found["event"] == "Order Completed"
    assert found["properties"] == {
        "order_id": "T-1", "affiliation": "web", "total": 24.9, "tax": 3.35, "shipping": 4.9, "currency": "EUR",
        "revenue": 16.65,
    }  # fmt: skip
    assert "revenue" not in event(event="transaction", tr_orderid="T-2", tr_total="much")["properties"]


def test_an_item_of_a_transaction_keeps_its_name() -> None:
    found = event(event="transaction_item", ti_orderid="T-1", ti_sku="0042", ti_price="10.5", ti_quantity="2")
    assert found["event"] == "transaction_item"
    assert found["properties"] == {"order_id": "T-1", "sku": "0042", "price": 10.5, "quantity": 2}


def test_any_other_event_keeps_its_name() -> None:
    assert event(event="ad_impression")["event"] == "ad_impression"
    assert event(event="", event_name="beacon")["event"] == "beacon"


@pytest.mark.parametrize(
    ("network", "name"), [("Google", "gclid"), ("DoubleClick", "dclid"), ("Microsoft", "msclkid"), ("Other", None)]
)
def test_a_click_id_has_the_name_by_which_the_rules_know_it(network: str, name: str | None) -> None:
    campaign = event(mkt_clickid="click", mkt_network=network)["context"].get("campaign")
    assert campaign == ({name: "click"} if name else None)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (b"", "not 131 columns"),
        (line() + b"\tmore", "not 131 columns with tabs between them, but 132"),
        (line().rpartition(b"\t")[0], "not 131 columns with tabs between them, but 130"),
        (line(event_id=""), "event_id is missing"),
        (line(derived_tstamp="", collector_tstamp=""), "missing or no times"),
        (line(derived_tstamp="soon"), "missing or no times"),
        (line(derived_tstamp="0001-01-01 00:00:00"), "missing or no times"),
        (line(event="unstruct"), "unstruct_event is not self-describing JSON"),
        (line(event="unstruct", unstruct_event="{"), "unstruct_event is not self-describing JSON"),
        (line(event="unstruct", unstruct_event='{"data": {"data": {}}}'), "unstruct_event is not self-describing JSON"),
        (b"\x00\xff" * 100, "not 131 columns"),
    ],
)
def test_what_is_no_enriched_event_is_not_readable(given: bytes, reason: str) -> None:
    outcome = snowplow.parse(given)
    assert isinstance(outcome, Unreadable)
    assert reason in outcome.reason


def test_numbers_that_are_none_are_left_away() -> None:
    found = event(event="struct", se_category="a", se_action="b", se_value="NaN", dvce_screenwidth="wide")
    assert found["properties"] == {"category": "a", "action": "b"}
    assert "screen" not in found["context"]
