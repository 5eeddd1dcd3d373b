"""What pages report by themselves, for simulated visitors that only look and buy."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any

from footfall.simulate.visitors import Arrival

from .day import parsed, unix_ms
from .helpers import moment

COUNTRIES = (("AT", "AT-9"), ("US", None), ("JP", None), (None, None))
Event = Mapping[str, Any]
Report = tuple[int, str, dict[str, Any]]  # after how many ms a page says what, under which name


def odd_place(event: Event) -> dict[str, Any]:
    """What is put into the context of a visitor's events: every kind of country, now and then a data centre."""
    chance = chance_of(str(event.get("anonymousId")))
    country, region = COUNTRIES[chance % 4]
    place: dict[str, Any] = {"location": {"country": country, "region": region}}
    return place | {"dataCentre": True} if chance % 17 == 0 else place


def odd_reports(event: Event) -> Iterator[Report]:
    """Something of everything that a page can report."""
    chance = chance_of(event["messageId"])
    yield 700, "Element Viewed", {"element": "banner", "non_interaction": True}
    if chance % 3 == 0:
        yield 1900, "Element Clicked", {"element": "banner", "url": "https://partner.example.net/ä?a=1"}
    if chance % 4 == 0:
        speed = {"lcp_ms": 800.5 + chance % 3000, "cls": (chance % 100) / 1000}
        yield 2300, "Web Vitals", {**speed, **({"inp_ms": 40 + chance % 300} if chance % 8 else {})} | _NO_ACT
    depth = {"scroll_depth": chance % 130} if chance % 5 else {}  # over 100 is none
    yield 4100, "Page Engaged", {"engaged_ms": chance % 50_000, **depth} | _NO_ACT
    if chance % 7 == 0:
        yield 5300, "Opened", {"label": ("FAQ", "Größen", "")[chance % 3]}
    if chance % 9 == 0:
        yield 5700, "Link Clicked", {"url": f"https://partner.example.net/{chance % 3}"}
    if chance % 50 == 0:
        yield 6100, "Order Refunded", {"revenue": 12.3456, "currency": "usd" if chance % 100 else "eur"}


def with_reports(
    arrivals: Iterable[Arrival],
    *,
    place: Callable[[Event], Mapping[str, Any]] = odd_place,
    reports: Callable[[Event], Iterable[Report]] = odd_reports,
) -> list[Arrival]:
    """What pages report by themselves, and a place for each visitor, beside what the simulated visitors do."""
    found: list[Arrival] = []
    for arrival in arrivals:
        event = parsed(arrival.value)
        if event is None:
            found.append(arrival)
            continue
        event["context"].update(place(event))
        found.append(arrival._replace(value=json.dumps(event, ensure_ascii=False).encode()))
        if event["type"] == "page" and event.get("messageId") and unix_ms(event["timestamp"]) is not None:
            found += [_report(arrival, event, number, *report) for number, report in enumerate(reports(event))]
    return sorted(found, key=lambda arrival: arrival.time)


_NO_ACT = {"non_interaction": True}


def _report(
    arrival: Arrival, page: dict[str, Any], number: int, after: int, name: str, what: dict[str, Any]
) -> Arrival:
    time, received = unix_ms(page["timestamp"]), unix_ms(page["receivedAt"])
    assert time is not None and received is not None
    event = {
        **page, "type": "track", "event": name, "messageId": f"{page['messageId']}-{number}", "properties": what,
        "timestamp": _text(time + after), "receivedAt": _text(received + after),
    }  # fmt: skip
    event.pop("name", None)
    return Arrival(arrival.time + timedelta(milliseconds=after), arrival.key, json.dumps(event).encode())


def _text(unix_ms: int) -> str:
    return moment(unix_ms).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def chance_of(text: str) -> int:
    """A number that is as good as drawn, the same one for the same text."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4])
