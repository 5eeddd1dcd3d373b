"""The BigQuery export of Google Analytics 4, as newline-delimited JSON: one line is one event.

Source of the fields: Google's page on the BigQuery Export schema. Names of Segment's ecommerce events and properties:
Segment's Ecommerce Spec. docs/importing.md lists what becomes of what.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Any

from footfall.loaders.campaigns import campaign, page_of
from footfall.loaders.lines import Outcome, Parsed, Unreadable, as_milliseconds, read_object

PAGE_PARAMETERS = {"page_location": "url", "page_referrer": "referrer", "page_title": "title"}
# Events that GA4 makes of itself: none of them is something that the visitor did.
NOT_INTERACTIONS = frozenset({"session_start", "first_visit", "first_open", "user_engagement"})
EVENTS = {
    "purchase": "Order Completed",
    "refund": "Order Refunded",
    "view_item_list": "Product List Viewed",
    "select_item": "Product Clicked",
    "view_item": "Product Viewed",
    "add_to_cart": "Product Added",
    "remove_from_cart": "Product Removed",
    "add_to_wishlist": "Product Added to Wishlist",
    "view_cart": "Cart Viewed",
    "begin_checkout": "Checkout Started",
    "add_payment_info": "Payment Info Entered",
    "view_promotion": "Promotion Viewed",
    "select_promotion": "Promotion Clicked",
}
ORDER = {
    "transaction_id": "order_id",
    "purchase_revenue": "revenue",
    "refund_value": "total",
    "shipping_value": "shipping",
    "tax_value": "tax",
}
PRODUCT = {
    "item_id": "product_id",
    "item_name": "name",
    "item_brand": "brand",
    "item_category": "category",
    "item_variant": "variant",
    "price": "price",
    "quantity": "quantity",
    "coupon": "coupon",
    "affiliation": "affiliation",
    "item_list_index": "position",
}
# What the event itself was collected with; traffic_source is not it: that is where the user first came from.
CAMPAIGN = {
    "manual_source": "source",
    "manual_medium": "medium",
    "manual_campaign_name": "name",
    "manual_term": "term",
    "manual_content": "content",
    "manual_campaign_id": "id",
    "gclid": "gclid",
    "dclid": "dclid",
}
WHOLE_NUMBERS = frozenset({"quantity", "position"})  # BigQuery writes an INT64 as a text
NONE = frozenset({None, "", "(not set)", "(none)", "(direct)"})
CAMPAIGN_PARAMETERS = {"source": "source", "medium": "medium", "campaign": "name", "term": "term", "content": "content"}
DEVICE = (
    "category", "mobile_brand_name", "mobile_model_name", "operating_system", "operating_system_version", "browser",
    "browser_version", "language", "country", "region", "city",
)  # fmt: skip
OTHER_NAMES = {"Hong Kong": "HK", "Macao": "MO", "Macau": "MO", "Turkey": "TR", "Czech Republic": "CZ"}
ANY_ORDER = 2**63


def parse(line: bytes) -> Outcome:
    """The event of a line. One whose analytics_storage is No has the consent category anonymous."""
    row = read_object(line)
    if row is None:
        return Unreadable("not a JSON object")
    name, micros = row.get("event_name"), _integer(row.get("event_timestamp"))
    if not isinstance(name, str) or not name or micros is None:
        return Unreadable("event_name or event_timestamp is missing")
    try:
        time = as_milliseconds(micros // 1000)
    except ValueError as error:
        return Unreadable(str(error))
    parameters = dict(_parameters(row.get("event_params")))
    device, geo = _object(row.get("device")), _object(row.get("geo"))
    event = {**_kind(name, parameters), "properties": _properties(name, parameters, row)}
    event["context"] = _context(row, parameters, device, geo)
    for field, column in (("anonymousId", "user_pseudo_id"), ("userId", "user_id")):
        if row.get(column):
            event[field] = str(row[column])
    parts = (row.get("user_pseudo_id"), micros, name, row.get("event_bundle_sequence_id"))
    return Parsed(
        time, event, identity=json.dumps([str(part) for part in parts]), order=_order(row, micros, line),
        # A visitor who refused has no id, and an export no address and no agent: this is as near as one gets.
        agent="" if "anonymousId" in event else _texts({**device, **_object(device.get("web_info")), **geo}, DEVICE),
    )  # fmt: skip


def is_event(row: object) -> bool:
    """Whether a JSON value looks like an event of the export."""
    return isinstance(row, dict) and "event_name" in row and "event_timestamp" in row


def _kind(name: str, parameters: dict[str, Any]) -> dict[str, Any]:
    if name == "page_view":
        return {"type": "page"}
    if name == "screen_view":
        screen = parameters.get("firebase_screen") or parameters.get("firebase_screen_class")
        return {"type": "screen", **({"name": str(screen)} if screen else {})}
    return {"type": "track", "event": EVENTS.get(name, name)}


def _properties(name: str, parameters: dict[str, Any], row: dict[str, Any]) -> dict[str, Any]:
    properties = {key: value for key, value in parameters.items() if key not in PAGE_PARAMETERS}
    if name in NOT_INTERACTIONS:
        properties["non_interaction"] = True
    if name in EVENTS:
        properties |= _renamed({**parameters, **_object(row.get("ecommerce"))}, ORDER)
        items = row.get("items")
        listed = items if isinstance(items, list) else []
        products = [_renamed(item, PRODUCT) for item in listed if isinstance(item, dict)]
        if products:
            properties["products"] = products
            if EVENTS[name].startswith("Product ") and name != "view_item_list":
                properties |= products[0]
    return properties


def _context(
    row: dict[str, Any], parameters: dict[str, Any], device: dict[str, Any], geo: dict[str, Any]
) -> dict[str, Any]:
    page = {field: str(parameters[name]) for name, field in PAGE_PARAMETERS.items() if parameters.get(name)}
    if "url" in page:
        page |= page_of(page["url"])
    web = _object(device.get("web_info"))
    collected = _renamed(row.get("collected_traffic_source"), CAMPAIGN)
    context: dict[str, Any] = {
        "page": page,
        "campaign": campaign(page.get("search", "")) | _renamed(parameters, CAMPAIGN_PARAMETERS) | collected,
        "locale": device.get("language"),
        "device": {"type": device.get("category")},
        "os": {"name": device.get("operating_system"), "version": device.get("operating_system_version")},
        "browser": {"name": web.get("browser"), "version": web.get("browser_version")},
        "location": {"country": _country(geo.get("country"))},
        "library": {"name": "ga4"},
        "consent": {"category": "anonymous" if _refused(row) else None},
    }
    for name, value in context.items():
        if isinstance(value, dict):
            context[name] = {key: part for key, part in value.items() if isinstance(part, str) and part}
    return {name: value for name, value in context.items() if value and isinstance(value, dict | str)}


def _refused(row: dict[str, Any]) -> bool:
    return _object(row.get("privacy_info")).get("analytics_storage") == "No"


def _order(row: dict[str, Any], micros: int, line: bytes) -> tuple[int | str, ...]:
    """An export is in no order: that of the device, or of the text where it says none."""
    batch = (_integer(row.get(f"batch_{name}")) for name in ("page_id", "ordering_id", "event_index"))
    places = (ANY_ORDER if place is None else place for place in batch)
    return micros, *places, blake2b(line, digest_size=8).hexdigest()


def _parameters(given: object) -> Iterator[tuple[str, Any]]:
    for parameter in given if isinstance(given, list) else ():
        if isinstance(parameter, dict) and isinstance(parameter.get("key"), str):
            value = _value(_object(parameter.get("value")))
            if value is not None:
                yield parameter["key"], value


def _value(given: dict[str, Any]) -> str | int | float | None:
    """BigQuery writes an INT64 as a text."""
    if (text := given.get("string_value")) is not None:
        return str(text)
    if (whole := _integer(given.get("int_value"))) is not None:
        return whole
    numbers = (_number(given.get(name)) for name in ("double_value", "float_value"))
    return next((number for number in numbers if number is not None), None)


def _renamed(given: object, names: dict[str, str]) -> dict[str, Any]:
    """The fields that have a name in the Segment Spec, where they say something."""
    return {
        new: _integer(value) if new in WHOLE_NUMBERS else value
        for old, new in names.items()
        if not isinstance(value := _object(given).get(old), dict | list) and value not in NONE
    }


def _integer(value: object) -> int | None:
    try:
        return int(value) if isinstance(value, int | str) and not isinstance(value, bool) else None
    except ValueError:
        return None


def _number(value: object) -> float | None:
    try:
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
    except OverflowError:  # a whole number of hundreds of digits
        return None


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _texts(given: dict[str, Any], names: Sequence[str]) -> str:
    return " ".join(str(given[name]) for name in names if given.get(name))


def _country(name: object) -> str | None:
    """The code of ISO 3166-1 for a country's English name as Unicode's CLDR has it, which GA4 writes; else the name."""
    return _codes().get(_plain(name), name) if isinstance(name, str) else None


@lru_cache(maxsize=1)
def _codes() -> dict[str, str]:
    from babel import Locale  # slow to import, and only this format needs it

    names = {code: name for code, name in Locale("en").territories.items() if len(code) == 2 and code.isalpha()}
    codes = {_plain(name): code for code, name in names.items()}
    return codes | {_plain(name): code for name, code in OTHER_NAMES.items()}


def _plain(name: str) -> str:
    return name.casefold().replace("\u2019", "'")
