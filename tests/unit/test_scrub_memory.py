"""A scrubber that has seen much leaves of an event what one leaves that has seen nothing."""

from __future__ import annotations

import copy
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from footfall.collector.scrub import Scrubber
from footfall.collector.segment import openers

pytestmark = pytest.mark.slow
KEY = b"k" * 32
NAMES = st.sampled_from(
    ["title", "version", "order_id", "a", "n", "token", "resetToken", "user[email]", "ada@example.org", "gclid", "é"]
)
TEXTS = st.sampled_from(
    [
        "", "shoes", "1.9.0.14", "203.0.113.77", "ada@example.org", "ada%40example.org", "4111 1111 1111 1111",
        "https://ada:secret@shop.example/?token=1&q=2#gclid=3", "https://shop.example/?q=shoes&page=2",
        "Basic dXNlcjpwYXNz", "é\u00a0",
    ]
)  # fmt: skip
LEAVES = (
    st.none() | st.booleans() | st.integers(-2, 2) | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([4111111111111111, 4111111111111111.0, 10**15]) | TEXTS | st.text(max_size=8)
)  # fmt: skip
PARTS = st.dictionaries(
    NAMES,
    st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3)),
    max_size=4,
)


@settings(max_examples=300, deadline=None)
@given(seen=st.lists(PARTS, max_size=6), event=PARTS, anonymous=st.booleans())
def test_what_a_scrubber_remembers_changes_nothing(
    seen: list[dict[str, Any]], event: dict[str, Any], anonymous: bool
) -> None:
    fresh, full = (Scrubber(frozenset({"n"}), anonymous) for _ in range(2))
    for part in (*seen, event, event):
        full.scrub([copy.deepcopy(part)], KEY)
    expected, found = copy.deepcopy(event), copy.deepcopy(event)
    fresh.scrub([expected], KEY)
    full.scrub([found], KEY)
    assert msgspec.json.encode(found) == msgspec.json.encode(expected)
    if full.knows(event):
        assert msgspec.json.encode(found) == msgspec.json.encode(event)


@given(st.binary() | st.text(alphabet='{}[]"\\a').map(str.encode))
def test_what_opens_is_counted(body: bytes) -> None:
    assert openers(body) == body.count(b"{") + body.count(b"[")
