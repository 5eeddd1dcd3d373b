"""Snowplow's enriched events as tab-separated values: one line is one event, in 131 columns without a header.

Source of the columns and their order: Snowplow's page on the enriched stream's TSV format (docs.snowplow.io, "Enriched
stream TSV file format"); of what they mean: its canonical event model. docs/importing.md lists what becomes of what.
"""

from __future__ import annotations

from functools import lru_cache
from math import isfinite
from typing import Any

from footfall.loaders.lines import Outcome, Parsed, Unreadable, read_object
from footfall.topic import milliseconds

_COLUMNS = """
    app_id platform etl_tstamp collector_tstamp dvce_created_tstamp event event_id txn_id name_tracker v_tracker
    v_collector v_etl user_id user_ipaddress user_fingerprint domain_userid domain_sessionidx network_userid
    geo_country geo_region geo_city geo_zipcode geo_latitude geo_longitude geo_region_name
    ip_isp ip_organization ip_domain ip_netspeed page_url page_title page_referrer
    page_urlscheme page_urlhost page_urlport page_urlpath page_urlquery page_urlfragment
    refr_urlscheme refr_urlhost refr_urlport refr_urlpath refr_urlquery refr_urlfragment
    refr_medium refr_source refr_term mkt_medium mkt_source mkt_term mkt_content mkt_campaign contexts
    se_category se_action se_label se_property se_value unstruct_event
    tr_orderid tr_affiliation tr_total tr_tax tr_shipping tr_city tr_state tr_country
    ti_orderid ti_sku ti_name ti_category ti_price ti_quantity
    pp_xoffset_min pp_xoffset_max pp_yoffset_min pp_yoffset_max useragent
    br_name br_family br_version br_type br_renderengine br_lang br_features_pdf br_features_flash br_features_java
    br_features_director br_features_quicktime br_features_realplayer br_features_windowsmedia br_features_gears
    br_features_silverlight br_cookies br_colordepth br_viewwidth br_viewheight
    os_name os_family os_manufacturer os_timezone dvce_type dvce_ismobile dvce_screenwidth dvce_screenheight
    doc_charset doc_width doc_height tr_currency tr_total_base tr_tax_base tr_shipping_base
    ti_currency ti_price_base base_currency geo_timezone mkt_clickid mkt_network etl_tags dvce_sent_tstamp
    refr_domain_userid refr_device_tstamp derived_contexts domain_sessionid derived_tstamp
    event_vendor event_name event_format event_version event_fingerprint true_tstamp
"""
COLUMNS = tuple(_COLUMNS.split())
CAMPAIGN = {
    "mkt_source": "source",
    "mkt_medium": "medium",
    "mkt_campaign": "name",
    "mkt_term": "term",
    "mkt_content": "content",
}
# Snowplow's words for who made the click id; their own names let the privacy rules know them.
CLICK_IDS = {"Google": "gclid", "DoubleClick": "dclid", "Microsoft": "msclkid"}
STRUCT = {
    "se_category": "category",
    "se_action": "action",
    "se_label": "label",
    "se_property": "property",
    "se_value": "value",
}
OFFSETS = {
    "pp_xoffset_min": "x_offset_min",
    "pp_xoffset_max": "x_offset_max",
    "pp_yoffset_min": "y_offset_min",
    "pp_yoffset_max": "y_offset_max",
}
ORDER = {
    "tr_orderid": "order_id",
    "tr_affiliation": "affiliation",
    "tr_total": "total",
    "tr_tax": "tax",
    "tr_shipping": "shipping",
    "tr_currency": "currency",
}
ITEM = {
    "ti_orderid": "order_id",
    "ti_sku": "sku",
    "ti_name": "name",
    "ti_category": "category",
    "ti_price": "price",
    "ti_quantity": "quantity",
    "ti_currency": "currency",
}
SCREEN = {"dvce_screenwidth": "width", "dvce_screenheight": "height"}
NUMBERS = frozenset(
    {"value", "total", "tax", "shipping", "price", "quantity", *OFFSETS.values(), *SCREEN.values()}
)  # fmt: skip

Row = dict[str, str]


def parse(line: bytes) -> Outcome:
    """The event of a line. The time is derived_tstamp: when it happened, the device's clock corrected by Snowplow."""
    values = line.decode("utf-8", "replace").split("\t")
    if len(values) != len(COLUMNS):
        return Unreadable(f"not {len(COLUMNS)} columns with tabs between them, but {len(values)}")
    row = {name: value for name, value in zip(COLUMNS, values, strict=True) if value}
    if "event_id" not in row:
        return Unreadable("event_id is missing")
    time = _milliseconds(row.get("derived_tstamp") or row.get("collector_tstamp") or "")
    if time is None:
        return Unreadable("derived_tstamp and collector_tstamp are missing or no times")
    kind = _kind(row)
    if kind is None:
        return Unreadable("unstruct_event is not self-describing JSON")
    event = {"messageId": row["event_id"], **kind, "context": _context(row)}
    visitor = row.get("domain_userid") or row.get("network_userid")
    for field, value in (("anonymousId", visitor), ("userId", row.get("user_id"))):
        if value:
            event[field] = value
    return Parsed(
        time, event, order=(row.get("dvce_created_tstamp", ""), row["event_id"]),
        address=row.get("user_ipaddress", ""), agent=row.get("useragent", ""),
    )  # fmt: skip


def is_event(line: bytes) -> bool:
    """Whether a line looks like an enriched event."""
    values = line.split(b"\t")
    return len(values) == len(COLUMNS) and values[COLUMNS.index("event_id")] != b""


def _kind(row: Row) -> dict[str, Any] | None:
    """type, event or name, and properties; None where unstruct_event can't be read."""
    kind = row.get("event", "")
    if kind == "page_view":
        return {"type": "page", "properties": {}}
    if kind == "page_ping":
        return _track("Page Engaged", {**_renamed(row, OFFSETS), "non_interaction": True})
    if kind == "struct":
        words = (row.get(name) for name in ("se_category", "se_action"))
        return _track(" ".join(word for word in words if word) or "struct", _renamed(row, STRUCT))
    if kind == "transaction":
        return _track("Order Completed", _order(row))
    if kind == "transaction_item":
        return _track(kind, _renamed(row, ITEM))
    if kind == "unstruct":
        return _self_describing(row)
    return _track(row.get("event_name") or kind or "unknown", {})


def _self_describing(row: Row) -> dict[str, Any] | None:
    inner = (read_object(row.get("unstruct_event", "").encode()) or {}).get("data")
    if not isinstance(inner, dict) or not isinstance(inner.get("schema"), str):
        return None
    # iglu:vendor/name/format/version
    name = ([*inner["schema"].split("/"), "", ""])[1] or row.get("event_name") or inner["schema"]
    data = inner.get("data")
    properties = data if isinstance(data, dict) else {}
    if name == "screen_view" and isinstance(properties.get("name"), str):
        return {"type": "screen", "name": properties["name"], "properties": properties}
    return _track(name, properties)


def _order(row: Row) -> dict[str, Any]:
    """Segment's revenue is the total without tax and shipping."""
    order = _renamed(row, ORDER)
    if "total" in order:
        order["revenue"] = round(order["total"] - order.get("tax", 0) - order.get("shipping", 0), 6)
    return order


def _context(row: Row) -> dict[str, Any]:
    page = {"url": row.get("page_url"), "path": row.get("page_urlpath"), "referrer": row.get("page_referrer")}
    if "page_url" in row and not page["path"]:
        page["path"] = "/"
    if "page_urlquery" in row:
        page["search"] = f"?{row['page_urlquery']}"
    marketing: dict[str, Any] = _renamed(row, CAMPAIGN)
    if "mkt_clickid" in row and (name := CLICK_IDS.get(row.get("mkt_network", ""))):
        marketing[name] = row["mkt_clickid"]
    context: dict[str, Any] = {
        "page": {**page, "title": row.get("page_title")},
        "campaign": marketing,
        "userAgent": row.get("useragent"),
        "ip": row.get("user_ipaddress"),
        "locale": row.get("br_lang"),
        "timezone": row.get("os_timezone"),
        "screen": _renamed(row, SCREEN),
        "location": {"country": row.get("geo_country"), "region": _region(row)},
        "library": {"name": "snowplow", "version": row.get("v_tracker")},
    }
    for name, value in context.items():
        if isinstance(value, dict):
            context[name] = {key: part for key, part in value.items() if part is not None}
    return {name: value for name, value in context.items() if value}


def _region(row: Row) -> str | None:
    """ISO 3166-2, as in DE-BY."""
    parts = [row[name] for name in ("geo_country", "geo_region") if name in row]
    return "-".join(parts) if len(parts) == 2 else None


def _track(name: str, properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "track", "event": name, "properties": properties}


def _renamed(row: Row, names: dict[str, str]) -> dict[str, Any]:
    values = {new: _number(row[old]) if new in NUMBERS else row[old] for old, new in names.items() if old in row}
    return {name: value for name, value in values.items() if value is not None}


def _number(text: str) -> float | int | None:
    try:
        number = float(text)
        return int(number) if number.is_integer() else number if isfinite(number) else None
    except ValueError:
        return None


@lru_cache(maxsize=1024)
def _milliseconds(text: str) -> int | None:
    """Unix time in ms of a time such as 2026-01-31 12:00:00.123, which is UTC."""
    try:
        return milliseconds(text)
    except ValueError:
        return None
