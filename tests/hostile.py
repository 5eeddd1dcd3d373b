"""Calls that mean harm, or come of a broken program, made with a seed by somebody who knows the tables."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

Call = dict[str, Any]
Random = random.Random

# Where characters are taken from: the ends of code points, and how many bytes of UTF-8 each has
SCRIPTS = {
    "ASCII": (0x20, 0x7F), "control": (0, 0x20), "Latin": (0xC0, 0x250), "Cyrillic": (0x400, 0x500),
    "Hebrew": (0x5D0, 0x5EB), "Arabic": (0x620, 0x650), "Devanagari": (0x900, 0x97F), "Thai": (0xE01, 0xE3B),
    "combining": (0x300, 0x36F), "directions": (0x200B, 0x200F), "Han": (0x4E00, 0x9FA6), "Hangul": (0xAC00, 0xD7A3),
    "private": (0xE000, 0xF8FF), "not characters": (0xFDD0, 0xFDEF), "halves of pairs": (0xD800, 0xDFFF),
    "emoji": (0x1F600, 0x1F64F), "Han of plane 2": (0x20000, 0x2A6D0), "last plane": (0x10FF00, 0x10FFFF),
}  # fmt: skip
NUMBERS = [
    0, -0.0, -1, 1e308, -1e308, 5e-324, 10**15, 10**30, 10**300, 2**63 - 1, 2**63, -(2**63), 0.1 + 0.2, 1e15 + 0.3,
    "1e100000000", "-1e100000000", "1e-100000000", "1e2147483647", "1e99999999999", "9" * 3000, "0." + "1" * 3000,
    "NaN", "Infinity", "-Infinity", "0x1F", "1_000", "١٢٣", " 7 ", "", True, None, [], {}, [1e9], {"amount": 5},
]  # fmt: skip
TIMES = [
    "0001-01-01T00:00:00.000Z", "1969-12-31T23:59:59.999Z", "1970-01-01T00:00:00.000Z", "2026-02-30T12:00:00Z",
    "9999-12-31T23:59:59.999Z", "+10000-01-01T00:00:00Z", "+292278994-08-17T07:12:55.807Z",
    "-292275055-05-16T16:47:04Z",
    "+999999999-12-31T23:59:59Z", "2026-01-31T12:00:00.123456789Z", "2026-01-31T24:00:00Z", "2026-01-31T23:59:60Z",
    "2026-01-31T12:00:00+14:00", "9999-12-31T23:59:59-18:00", "now", "", "1e400", "\x00", "2" * 5000,
]  # fmt: skip
TEXTS = ("path", "url", "referrer", "element", "currency", "query", "label")
REPORTS = ("Page Engaged", "Element Viewed", "Element Clicked", "Web Vitals", "Order Completed", "Link Clicked")


def text(rng: Random, count: int, *scripts: str) -> str:
    """A text of so many characters of one of these scripts, of any if none is named."""
    first, last = SCRIPTS[rng.choice(scripts or list(SCRIPTS))]
    return "".join(chr(rng.randrange(first, last + 1)) for _ in range(count))


def reported(rng: Random) -> Call:
    """The call that ended all jobs on 29 November 2026."""
    return {"type": "track", "event": text(rng, 500, "Han"), "properties": {"label": text(rng, 500, "Han")}}


def long_texts(rng: Random) -> Call:
    """Everything that has a column, in characters of as many bytes."""
    script = rng.choice(["ASCII", "Cyrillic", "Han", "Han of plane 2"])
    words = {name: text(rng, 510, script) for name in TEXTS}
    return {
        "type": "track",
        "event": rng.choice([text(rng, 510, script), *REPORTS]),
        "properties": {**words, "engaged_ms": 86_400_000, "scroll_depth": 100, "lcp_ms": 86_400_000, "revenue": 99e10},
        "context": {
            "page": {name: text(rng, 700, script) for name in ("path", "url", "referrer")},
            "campaign": {name: text(rng, 260, script) for name in ("source", "medium", "name", "term", "content")},
            "library": {"name": text(rng, 110, script)}, "userAgent": text(rng, 700, script),
            "locale": text(rng, 110, script),
        },
    }  # fmt: skip


def long_page(rng: Random) -> Call:
    return {**long_texts(rng), "type": rng.choice(["page", "screen"]), "name": text(rng, 600)}


def every_script(rng: Random) -> Call:
    return {
        "type": "track", "event": text(rng, 40), "properties": {name: text(rng, 60) for name in TEXTS},
        "context": {"page": {"path": text(rng, 60)}, "campaign": {"name": text(rng, 60)}, "userAgent": text(rng, 60)},
    }  # fmt: skip


def odd_ids(rng: Random) -> Call:
    ids = [
        text(rng, 255),
        text(rng, 85, "Han"),
        text(rng, 86, "Han"),
        text(rng, 63, "emoji"),
        text(rng, 3),
        10**99,
        1.5,
        "",
        "\0",
    ]
    return {"type": "alias", "userId": rng.choice(ids), "previousId": rng.choice(ids)}


def traits(rng: Random) -> Call:
    names = [text(rng, rng.choice([1, 30, 34, 100, 101])) for _ in range(20)]
    return {
        "type": "identify",
        "userId": "u",
        "traits": {name: rng.choice([*NUMBERS, text(rng, 200)]) for name in names},
    }


def numbers(rng: Random) -> Call:
    fields = ("revenue", "engaged_ms", "scroll_depth", "lcp_ms", "inp_ms", "cls", "non_interaction")
    return {
        "type": "track", "event": rng.choice(REPORTS), "properties": {name: rng.choice(NUMBERS) for name in fields},
    }  # fmt: skip


def times(rng: Random) -> Call:
    fields = ("timestamp", "originalTimestamp", "sentAt", "receivedAt")
    return {"type": "page", **{name: rng.choice(TIMES) for name in fields if rng.random() < 0.6}}


def deep(rng: Random) -> Call:
    value: Any = "x"
    for _ in range(rng.choice([10, 60, 70, 400])):
        value = {"a": value} if rng.random() < 0.5 else [value]
    return {"type": "track", "event": "Deep", "properties": {rng.choice(["label", "x"]): value}}


def wide(rng: Random) -> Call:
    return {
        "type": "track",
        "event": "Wide",
        "properties": {f"p{number}": text(rng, 1, "ASCII") for number in range(1500)},
    }


def wrong_kinds(rng: Random) -> Call:
    kinds: list[Any] = [None, "", "x", 5, 1.5, True, [], {}, [[]], {"page": []}]
    fields = ("event", "context", "properties", "traits", "name", "integrations", "messageId")
    return {"type": rng.choice(["page", "track"]), **{name: rng.choice(kinds) for name in fields if rng.random() < 0.5}}


KINDS: tuple[Callable[[Random], Call], ...] = (
    reported, long_texts, long_page, every_script, odd_ids, traits, numbers, times, deep, wide, wrong_kinds,
)  # fmt: skip


def hostile_calls(count: int, seed: int = 18) -> Iterator[Call]:
    """So many calls, of each kind in turn; ids and times that a kind does not name are the caller's to give."""
    rng = random.Random(seed)
    for number in range(count):
        yield KINDS[number % len(KINDS)](rng)


def as_json(call: Call) -> bytes:
    """Half of a surrogate pair as its escape, as browsers write it."""
    return json.dumps(call).encode()
