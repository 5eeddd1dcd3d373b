"""What the collector reads of Segment's API, without HTTP, Kafka or Postgres."""

from __future__ import annotations

import json
from typing import Any

import pytest

from footfall.collector.segment import (
    BATCH_EVENTS,
    DEPTH,
    EVENT_BYTES,
    ROUTES,
    Call,
    Invalid,
    as_event,
    read_batch,
    read_call,
)


def event(type_: str | None = None, **fields: Any) -> dict[str, Any]:
    return as_event(read_call(json.dumps(fields).encode()), type_)


def test_every_type_has_its_route_and_its_letter() -> None:
    paths = ["/v1/track", "/v1/t", "/v1/i", "/v1/identify", "/v1/g", "/v1/a", "/v1/s"]
    assert [ROUTES[path] for path in paths] == ["track", "track", "identify", "identify", "group", "alias", "screen"]


def test_fields_of_the_spec_stay_as_they_are_and_others_are_not_kept() -> None:
    given = {
        "type": "track", "event": "Order Completed", "messageId": "m", "anonymousId": "a", "userId": "u",
        "context": {"page": {"path": "/"}}, "properties": {"revenue": 79.5, "products": [{"sku": "1"}]},
    }  # fmt: skip
    assert event(**given, writeKey="k", fingerprint="x") == given


def test_the_route_decides_on_the_type() -> None:
    assert event("page", type="heartbeat")["type"] == "page"


def test_a_number_as_an_id_is_taken_as_its_text() -> None:
    assert event("page", userId=4711)["userId"] == "4711"


def test_an_empty_id_is_none() -> None:
    assert "anonymousId" not in event("page", anonymousId="")


def test_half_of_a_cut_emoji_is_replaced_and_the_rest_kept() -> None:
    read = read_call(rb'{"type":"page","name":"caf\u00e9 \ud83d\ude00 \ud83d"}')
    assert read["name"] == "café 😀 \ufffd"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "no JSON"),
        (b"null", "Expected `object`"),
        (b"[]", "Expected `object`"),
        (b'"page"', "Expected `object`"),
        (b'{"type":"page"', "no JSON"),
        (b'{"type":"page"} {}', "no JSON"),
        (b'{"messageId":true}', "`$.messageId`"),
        (b'{"messageId":7.5}', "`$.messageId`"),
        (b'{"context":[1]}', "`$.context`"),
        (b'{"timestamp":1769864400}', "timestamp is not ISO-8601, and no number of milliseconds"),
        (b'{"timestamp":1e300}', "timestamp is not ISO-8601, and no number of milliseconds"),
        (b'{"timestamp":{}}', "`$.timestamp`"),
        (b'{"properties":"x"}', "`$.properties`"),
        (b'{"userId":1.5}', "`$.userId`"),
        (b'{"properties":{"a":1e999}}', "out of range"),
        (b'{"properties":{"a":NaN}}', "no JSON"),
        (b'{"name":"\xff"}', "not UTF-8"),
        (b'{"properties":' + b'{"a":' * DEPTH + b"1" + b"}" * (DEPTH + 1), "nested deeper than 64"),
        (b'{"properties":{"a":' + b"[" * 5000 + b"]" * 5000 + b"}}", "nested deeper than 64"),
        (b'{"name":"' + b"x" * EVENT_BYTES + b'"}', "32,768 are the most"),
    ],
)
def test_a_call_that_will_never_be_good_says_why(body: bytes, reason: str) -> None:
    with pytest.raises(Invalid) as raised:
        read_call(body)
    assert reason in str(raised.value)


def test_brackets_inside_of_a_text_are_no_depth() -> None:
    assert read_call(json.dumps({"name": "[{" * 200 + '\\" ['}).encode())["name"]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, "type is missing"),
        ({"type": "heartbeat"}, "type is unknown"),
        ({"type": "rejected"}, "type is unknown"),
        ({"type": "page", "messageId": "x" * 256}, "messageId is longer than 255"),
        ({"type": "page", "anonymousId": "x" * 256}, "anonymousId is longer than 255"),
        ({"type": "page", "userId": "é" * 128}, "userId is longer than 255 bytes"),
        ({"type": "alias", "previousId": "\U0001f600" * 64}, "previousId is longer than 255 bytes"),
        ({"type": "page", "userId": "a\0b"}, "U+0000"),
        ({"type": "track"}, "needs an event"),
        ({"type": "track", "event": ""}, "needs an event"),
    ],
)
def test_an_event_that_lacks_what_it_needs_says_what(fields: dict[str, Any], reason: str) -> None:
    with pytest.raises(Invalid) as raised:
        event(**fields)
    assert reason in str(raised.value)


def test_an_id_of_255_bytes_is_taken_in_any_script() -> None:
    for text in ("x" * 255, "é" * 127 + "x", "京" * 85, "\U0001f600" * 63 + "xxx"):
        assert event(type="page", anonymousId=text, userId=text)["userId"] == text


def test_the_events_of_a_batch_are_not_looked_into_before_their_turn() -> None:
    batch = read_batch(b'{"batch":[1,{"type":"page"},{"messageId":[]}],"sentAt":"2026-01-31T12:00:00Z"}')
    assert [bytes(call) for call in batch.batch] == [b"1", b'{"type":"page"}', b'{"messageId":[]}']


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"{}", "batch"),
        (b'{"batch":{}}', "`$.batch`"),
        (b'{"batch":[' + b",".join([b"{}"] * (BATCH_EVENTS + 1)) + b"]}", "2,500 are the most"),
        (b'{"batch":7}', "array named batch"),
        (b"\xff\xfe{\x00", "array named batch"),
        (b"[]", "array named batch"),
        (b'{"batch":[' + b"{}," * (BATCH_EVENTS + 1), "2,500 are the most"),
    ],
)
def test_a_batch_that_will_never_be_good_says_why(body: bytes, reason: str) -> None:
    with pytest.raises(Invalid) as raised:
        read_batch(body)
    assert reason in str(raised.value)


def test_a_call_has_no_field_for_what_the_collector_stamps() -> None:
    assert not {"site", "receivedAt"} & Call.__optional_keys__
