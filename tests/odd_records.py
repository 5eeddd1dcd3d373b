"""Records as a broken producer, or a hostile one, may write them: to the byte, with a seed."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

GOOD: dict[str, Any] = {
    "messageId": "m",
    "type": "page",
    "site": "shop",
    "anonymousId": "visitor",
    "timestamp": "2026-01-31T12:00:00.000Z",
    "receivedAt": "2026-01-31T12:00:00.500Z",
    "context": {"page": {"path": "/", "url": "https://shop.example.com/"}, "library": {"name": "test"}},
    "properties": {"path": "/", "non_interaction": True},
}
TIMES = [
    "2026-01-31T12:00:00Z",
    "2026-01-31T12:00Z",
    "2026-01-31T24:00:00Z",
    "2026-01-31T24:00:01Z",
    "2026-02-30T00:00:00Z",
    "2026-02-32T00:00:00Z",
    "2026-13-01T00:00:00Z",
    "2026-00-01T00:00:00Z",
    "2026-01-31T12:00:00.Z",
    "2026-01-31T12Z",
    "2026-01-31T12:00:00.123456789Z",
    "2026-01-31T12:00:00.1234567890Z",
    "2026-01-31T12:00:60Z",
    "2026-01-31t12:00:00z",
    "2026-01-31T12:00:00+00:00",
    "2026-01-31T12:00:00+02:00",
    "2026-01-31 12:00:00Z",
    "2026-01-31T12:00:00",
    " 2026-01-31T12:00:00Z",
    "2026-01-31T12:00:00Z ",
    "+2026-01-31T12:00:00Z",
    "+12026-01-31T12:00:00Z",
    "-2026-01-31T12:00:00Z",
    "0000-01-01T00:00:00Z",
    "1969-12-31T23:59:59.999Z",
    "1970-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999Z",
    "999999999-01-01T00:00:00Z",
    "26-01-31T12:00:00Z",
    "+999999999-12-31T23:59:59Z",
    "2026-1-31T12:00:00Z",
    "2026-01-31T1:00:00Z",
    "2026-01-31T12:00:00,5Z",
    "now",
    "1769860800000",
    "2026-01-31T12:00:00.000Z\u0000",
    "\u0662\u0660\u0662\u0666-01-31T12:00:00Z",
    "2026-01-31T24:00Z",
    "2026-01-31T24:00:00.000Z",
    "2026-01-31T24:00:00.001Z",
    "2100-02-29T12:00:00Z",
    "2026-01-31T12:00:00.5ZZ",
    "",
]
VALUES: list[Any] = [
    None,
    "",
    " ",
    "x",
    "x" * 100,
    "x" * 101,
    "x" * 255,
    "x" * 256,
    "\U0001f600" * 100,
    "\U0001f600" * 101,
    "é" * 50,
    "x" + "é" * 50,
    "é" * 127,
    "é" * 128,
    "é" * 255,
    "\U0001f600" * 25,
    "\U0001f600" * 26,
    "abc" + "\U0001f600" * 63,
    "\U0001f600" * 64,
    "a" * 254 + "\ud800",
    "a" * 255 + "\ud800",
    "a\u0000b",
    "\u0000",
    "\ud800",
    "\ufffd",
    0,
    12.5,
    1e300,
    -0.0,
    float("inf"),
    10**99,
    10**100,
    10**400,
    True,
    False,
    {},
    {"a": 1},
    [],
    [1, "x"],
    ["page"],
    "heartbeat",
    "null",
    "'",
    "\u001f",
    "\n",
]
TEXTS = [
    b"",
    b" ",
    b"{",
    b"}",
    b"null",
    b"true",
    b"0",
    b'""',
    b"[]",
    b"[{}]",
    b"{}",
    b"{}{}",
    b"not json",
    b"\xff\xfe",
    b"\xef\xbb\xbf{}",
    b"\x00",
    b'{"a":1,}',
    b"{'site':'shop'}",
    b'{"site":NaN}',
    b"/* c */ {}",
    b'{"a":"\t"}',
    b"[1,2",
    b"\xed\xa0\x80",
]


def odd_records(seed: int = 1) -> Iterator[bytes | None]:
    """Some thousand records; about a tenth is good after all."""
    good = json.dumps(GOOD).encode()
    yield None
    yield good
    yield from TEXTS
    yield from ([good], b"[" + good + b"]", b"[" + good + b"," + good + b"]")[1:]
    yield from (
        good + b"x",
        good + good,
        b" \n" + good,
        b"\xef\xbb\xbf" + good,
        good[:-1],
        good[:-1] + b',"site":"other"}',
    )
    yield from (
        good[:-1] + b',"site":null}',
        good[:-1] + b',"x":[[1,{"a":[]}]]}',
        good[:-1] + b',"x":"\xff"}',
        good[:-1] + b",x:1}",
    )
    # Bytes that are no UTF-8: behind the object, in a value that another replaces, and where Flink's parser is content.
    yield from (good + b"\xff", good + b" \xc3", good[:-1] + b',"x":"\xff","x":1}', good[:-1] + b',"x":"\x01\xff"}')
    yield from (good[:-1] + b',"x":"' + text + b'"}' for text in (b"\xed\xa0\x80", b"\xc1\x81", b"\xf4\x90\x80\x80"))
    yield from (good.replace(b'"m"', b'"m' + text + b'"') for text in (b"\x80", b"\xc3", b"\xe2\x82", b"\xf0\x9f\x98"))
    yield from (good.replace(b'"m"', b'"m' + text + b'"') for text in (b"\xc0\x80", b"\xe0\x80\x80", b"\xed\xa0\x80"))
    yield from (good.replace(b'"shop"', b'"sh\xc3op"'), good.replace(b"{", b"{ //c\n", 1), good.replace(b'"', b"'"))
    yield good[:-1] + b',"x":' + b"[" * 900 + b"]" * 900 + b"}"
    yield good[:-1] + b',"x":' + b"[" * 1100 + b"]" * 1100 + b"}"
    yield good[:-1] + b',"x":' + b"1" * 1100 + b"}"
    yield good[:-1] + b',"context":{"page":' + b"[" * 1100 + b"]" * 1100 + b"}}"
    # Numbers as ids: of more digits than a double has, and of none that anything could write out
    for number in (b"0." + b"1" * 120, b"1" * 99 + b".5", b"1e600000000", b"-1e-600000000", b"1E400"):
        yield from (good.replace(text, number) for text in (b'"m"', b'"shop"', b'"visitor"'))
        yield good[:-1] + b',"properties":{"revenue":' + number + b',"engaged_ms":' + number + b"}}"
    for field in (
        "messageId",
        "type",
        "site",
        "anonymousId",
        "userId",
        "previousId",
        "timestamp",
        "receivedAt",
        "context",
        "properties",
    ):
        yield json.dumps({key: value for key, value in GOOD.items() if key != field}).encode()
        for value in VALUES:
            yield _text({**GOOD, field: value})
            if field == "userId":
                yield _text({**GOOD, "anonymousId": None, field: value})
    for time in TIMES:
        yield _text({**GOOD, "timestamp": time})
        yield _text({**GOOD, "receivedAt": time})
    for part in ("page", "campaign", "library", "userAgent"):
        for value in VALUES:
            yield _text({**GOOD, "context": {part: value}})
    random_ = random.Random(seed)
    for _ in range(2000):
        record = bytearray(good)
        for _ in range(random_.randint(1, 3)):
            place = random_.randrange(len(record))
            match random_.randrange(3):
                case 0:
                    record[place] = random_.randrange(256)
                case 1:
                    del record[place : place + random_.randint(1, 5)]
                case 2:
                    record[place:place] = random_.choice(
                        [b'"', b"{", b"}", b",", b"[", b"\\", b"\x00", b"\xff", b"\\u0000"]
                    )
        yield bytes(record)


def _text(event: dict[str, Any]) -> bytes:
    return json.dumps(event).encode()
