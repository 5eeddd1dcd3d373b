"""What each table must hold of a log, by docs/definitions.md: no Flink, no SQL, no code of ours."""

from __future__ import annotations

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from statistics import mean, pstdev
from typing import Any
from urllib.parse import parse_qs, urlsplit

from footfall.topic import Record

from . import latest
from .day_words import AGENTS, PAID, REFERRERS
from .helpers import Row, minute, moment

GAP_MS, ON_TIME_MS, CLOCK_MS = 30 * 60_000, 60_000, 300_000  # what ends a visit, is late, is a wrong clock
DAY_MS, MOST_EVENTS = 86_400_000, 10_000  # a visit is shorter, and has no more
TRAITS = {"shop": ("plan",)}  # what a site lists
USUAL_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z")
EARNS_NOTHING = ("Checkout Started", "Order Updated", "Order Cancelled")


@dataclass(frozen=True)
class Event:
    """A complete event; times are Unix times in ms."""

    raw: Mapping[str, Any]
    record: Record
    time: int
    received: int

    def __getattr__(self, name: str) -> Any:
        return self.raw.get(name)

    @property
    def visitor(self) -> str:
        return str(self.raw.get("anonymousId") or self.raw.get("userId"))

    @property
    def name_(self) -> str | None:
        return self.raw.get("event") if self.type == "track" else self.raw.get("name")

    @property
    def told(self) -> Mapping[str, Any]:
        """What a track event tells."""
        return (self.raw.get("properties") or {}) if self.type == "track" else {}

    @property
    def page(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.raw["context"]["page"]
        return found

    @property
    def path(self) -> str:
        return str(self.page["path"])

    @property
    def is_view(self) -> bool:
        return self.type in ("page", "screen")

    @property
    def is_interaction(self) -> bool:
        return self.type == "track" and self.told.get("non_interaction") is not True

    @property
    def is_act(self) -> bool:
        return self.type != "track" or self.is_interaction

    @property
    def engaged_ms(self) -> int | None:
        found = self.told.get("engaged_ms")
        return found if found is not None and 0 <= found <= 86_400_000 else None

    @property
    def revenue(self) -> Decimal | None:
        if self.told.get("revenue") is None or self.event in EARNS_NOTHING:
            return None
        found = Decimal(str(self.told["revenue"])).quantize(Decimal("0.0001"))
        return -abs(found) if self.event == "Order Refunded" else found

    @property
    def currency(self) -> str | None:
        found = self.told.get("currency")
        return found.upper()[:3] if found is not None else None

    @property
    def search_term(self) -> str | None:
        asked = parse_qs(urlsplit(self.page["url"]).query) if self.type == "page" else {}
        return self.told.get("query") or next(iter(asked.get("q", [])), None)


def tables(records: Iterable[Record]) -> dict[str, list[Row]]:
    """The rows of each table that the jobs fill, of a log as it lies in Kafka."""
    log = sorted(records, key=lambda record: (record.partition, record.offset))
    rejected: list[Row] = []
    arrivals: dict[Row, list[int]] = defaultdict(list)
    late: list[Event] = []
    events: list[Event] = []
    seen: set[tuple[str, str]] = set()
    objects: list[tuple[Record, dict[str, Any]]] = []
    for record in log:
        raw, broker = parsed(record.value), record.time
        reason = _refusal(record.value or b"", raw)
        if reason:
            text = (record.value or b"").decode(errors="replace").replace("\0", "\ufffd")
            rejected.append(
                (moment(broker), record.partition, record.offset, raw and raw.get("site"), reason, text)
            )  # fmt: skip
        if raw is None:
            continue
        objects.append((record, raw))
        received = unix_ms(raw.get("receivedAt")) or broker
        received = received if received <= broker else broker
        library = (raw.get("context") or {}).get("library", {}).get("name", "")
        time = unix_ms(raw.get("timestamp"))
        event = Event(raw, record, received if time is None or time > received else time, received)
        if raw.get("type") == "heartbeat":
            outcome = "heartbeat"
        elif reason:
            outcome = "without needed fields"
        elif event.received - event.time > ON_TIME_MS:
            outcome = "late"
            late.append(event)
        elif (event.site, event.messageId) in seen:
            outcome = "duplicate"
        else:
            outcome = "on time"
            seen.add((event.site, event.messageId))
            events.append(event)
        original = unix_ms(raw.get("originalTimestamp"))
        clock_error = 0 if time is None or original is None else abs(time - original)
        arrivals[raw.get("site", ""), minute(received), library, outcome].append(clock_error)
    return {
        "rejected_events": rejected,
        "arrivals_per_minute": [
            (*key, len(errors), len(wrong := [one for one in errors if one >= CLOCK_MS]), sum(wrong))
            for key, errors in arrivals.items()
        ],
        "late_events": [_late(event) for event in late],
        "visit_events": [_visit_event(event) for event in events],
        "page_views_per_minute": _counted((e for e in events if e.is_view), lambda e: (e.path,)),
        "custom_events_per_minute": _counted(
            (e for e in events if e.is_interaction), lambda e: (e.name_ or "", e.told.get("label") or "")
        ),
        "engagement_per_minute": _engagement(events),
        "elements_per_minute": _elements(events),
        "web_vitals": [_speed(event) for event in events if event.event == "Web Vitals"],
        "user_traits": latest.user_traits(events, TRAITS),
        "last_records": latest.last_records(objects),
        "sessions": [_session(visit) for visit in _visits(events)],
    }


def _refusal(value: bytes, raw: Mapping[str, Any] | None) -> str | None:
    if raw is None:
        try:
            value.decode()
        except UnicodeDecodeError:
            return "the text is not UTF-8"
        return "the text is not a JSON object"
    if raw.get("type") == "heartbeat":
        return None
    if not raw.get("messageId"):
        return "messageId is missing or longer than 255 bytes"
    if not raw.get("anonymousId") and not raw.get("userId"):
        return "anonymousId and userId are missing"
    if unix_ms(raw.get("timestamp")) is None:
        return "timestamp is missing or not ISO-8601 UTC, such as 2026-01-31T23:59:59.999Z"
    return None


def _late(event: Event) -> Row:
    return (
        moment(event.received), event.record.partition, event.record.offset, event.site, event.messageId,
        moment(event.time), event.received - event.time, event.type, event.name_, event.visitor, event.path,
        event.context["library"]["name"],
    )  # fmt: skip


def _visit_event(event: Event) -> Row:
    return (
        event.site, moment(event.time), event.messageId, event.visitor, event.userId, None, event.type, event.name_,
        event.is_act, event.path, event.context["location"]["country"],
        event.search_term, event.told.get("element"), event.told.get("url"), event.told.get("label"), event.engaged_ms,
        event.revenue, event.currency,
    )  # fmt: skip


def _counted(events: Iterable[Event], key: Any) -> list[Row]:
    visitors = defaultdict(list)
    for event in events:
        visitors[event.site, minute(event.time), *key(event)].append(event.visitor)
    return [(*place, len(names), len(set(names))) for place, names in visitors.items()]


def _engagement(events: Iterable[Event]) -> list[Row]:
    found: dict[Row, list[int]] = defaultdict(lambda: [0, 0, 0])
    for event in events:
        if event.event == "Page Engaged":
            sums, depth = found[event.site, minute(event.time), event.path], event.told.get("scroll_depth")
            sums[0] += event.engaged_ms or 0
            if depth is not None and 0 <= depth <= 100:
                sums[1] += 1
                sums[2] += depth
    return [(*place, *sums) for place, sums in found.items()]


def _elements(events: Iterable[Event]) -> list[Row]:
    found: dict[Row, list[int]] = defaultdict(lambda: [0, 0])
    for event in events:
        if event.event in ("Element Viewed", "Element Clicked"):
            campaign = event.context.get("campaign", {}).get("name", "")
            place = (event.site, minute(event.time), event.told["element"], event.path, campaign)
            found[place][event.event == "Element Clicked"] += 1
    return [(*place, *counts) for place, counts in found.items()]


def _speed(event: Event) -> Row:
    measured = [(event.told.get(name), places) for name, places in (("lcp_ms", 3), ("inp_ms", 3), ("cls", 6))]
    return (
        event.site, moment(event.time), event.messageId, event.path, AGENTS[event.context["userAgent"]][0],
        *(None if value is None else round(Decimal(str(value)), places) for value, places in measured),
    )  # fmt: skip


def _visits(events: Iterable[Event]) -> Iterator[list[Event]]:
    by_visitor: dict[Row, list[Event]] = defaultdict(list)
    for event in events:
        by_visitor[event.site, event.visitor].append(event)
    for found in by_visitor.values():
        found.sort(key=lambda event: (event.time, event.messageId))
        visit: list[Event] = []
        last_act = 0
        for event in found:
            if visit and (
                event.time - last_act > GAP_MS or event.time - visit[0].time >= DAY_MS or len(visit) == MOST_EVENTS
            ):
                if not event.is_act:
                    continue
                yield visit
                visit = []
            if visit or event.is_act:
                visit.append(event)
            if event.is_act:
                last_act = event.time
        if visit:
            yield visit


def _session(visit: list[Event]) -> Row:
    views = [event for event in visit if event.is_view]
    origin, site, visitor = (views or visit)[0], visit[0].site, visit[0].visitor
    start, end = visit[0].time, visit[-1].time
    text = f"{moment(start):%Y-%m-%d %H:%M:%S}.{start % 1000:03d}"
    actions = sum(event.is_interaction for event in visit)
    users = [event.userId for event in visit if event.userId]
    paid = [(event.revenue, event.currency) for event in visit if event.revenue is not None]
    one_currency = len({currency for _, currency in paid}) == 1
    device, browser, version, system, bot = AGENTS[origin.context["userAgent"]]
    if bot is None and origin.context.get("dataCentre"):
        bot = "data centre"
    if bot is None and len(views) >= 10 and end - start < (len(views) - 1) * 1000:
        bot = "too fast for a person"
    if bot is None and _is_regular([event.time for event in views]):
        bot = "too regular for a person"
    campaign = (origin.context.get("campaign") or {}) if views else {}
    referrer = (origin.page["referrer"] or None) if views else None
    place = origin.context["location"]
    return (
        site, hashlib.md5(f"{site}\0{visitor}\0{text}".encode()).hexdigest(), moment(start), moment(end), end - start,
        visitor, len(views), len(visit), views[0].path if views else None, views[-1].path if views else None, referrer,
        *(campaign.get(name) for name in ("source", "medium", "name", "term", "content")), origin.context["userAgent"],
        len(views) == 1 and actions == 0, users[-1] if users else None, *_came_from(site, campaign, referrer),
        place["country"], place["region"], origin.context["locale"].partition("-")[0], device, browser, version, system,
        actions, sum(event.engaged_ms or 0 for event in visit),
        sum(amount for amount, _ in paid) if one_currency else None, paid[0][1] if one_currency else None,
        bot, bot is not None,
    )  # fmt: skip


def _is_regular(times: list[int]) -> bool:
    """Whether the gaps of 20 times in their order, or of more, vary by less than a fifth of their mean."""
    gaps = [after - before for before, after in pairwise(times)]
    return len(gaps) >= 19 and pstdev(map(Fraction, gaps)) < 0.2 * mean(gaps)


def _came_from(site: str, campaign: Mapping[str, str], referrer: str | None) -> tuple[str, str, str]:
    """Source, medium and channel."""
    if campaign:
        source, medium = campaign["source"], campaign["medium"]
        return source, medium, PAID[source, medium]
    host = urlsplit(referrer or "").hostname
    if not host or host == f"{site}.example.com":
        return "(direct)", "(none)", "Direct"
    return REFERRERS[host]


def parsed(value: bytes | None) -> dict[str, Any] | None:
    try:
        found = json.loads((value or b"").decode())
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def unix_ms(text: object) -> int | None:
    is_usual = USUAL_TIME.fullmatch(str(text))  # what nearly all are: strptime takes thirty times as long
    try:
        time = datetime.fromisoformat(str(text)) if is_usual else datetime.strptime(str(text), "%Y-%m-%dT%H:%M:%S.%f%z")
        return round(time.timestamp() * 1000)
    except ValueError:
        return None
