"""Segment's HTTP Tracking API: what its SDKs send, read and checked.

Source of the shapes and limits: Segment's documentation of its Spec and of its HTTP API (32 KB an event, 500 KB and
2,500 events a batch). What an event needs beyond it is the rule of sql/tables/raw_events.sql (is_complete).
"""

from __future__ import annotations

import re
from typing import Any, TypedDict

import msgspec

EVENT_BYTES = 32 * 1024
BATCH_BYTES = 500 * 1024
BATCH_EVENTS = 2500
DEPTH = 64  # of nested objects and arrays: no tracking plan has more, and no parser downstream minds it
ID_LENGTH = 255

TYPES = ("track", "page", "screen", "identify", "group", "alias")
ROUTES = {f"/v1/{name}": kind for kind in TYPES for name in (kind, kind[0])}

Id = str | int | None
Object = dict[str, Any] | None


class Invalid(Exception):
    """It will never be good; the message says why."""


class Call(TypedDict, total=False):
    """An event as an SDK sends it. Fields that the Segment Spec does not have are not read, and so not kept."""

    type: str | None
    messageId: str | None
    anonymousId: Id
    userId: Id
    previousId: Id
    groupId: Id
    event: str | None
    name: str | None
    category: str | None
    channel: str | None
    timestamp: str | None
    originalTimestamp: str | None
    sentAt: str | None
    context: Object
    properties: Object
    traits: Object
    integrations: Object
    writeKey: str | None


class Batch(msgspec.Struct):
    """Several events in one request. Each is decoded by itself, so that a bad one does not spoil the others."""

    batch: list[msgspec.Raw]
    writeKey: str | None = None
    sentAt: str | None = None
    context: Object = None
    integrations: Object = None


_CALL = msgspec.json.Decoder(Call)
_BATCH = msgspec.json.Decoder(Batch)
_IDS = ("messageId", "anonymousId", "userId", "previousId", "groupId")
# Half of a character outside the basic plane, as browsers write a text that was cut inside of an emoji.
_LONE_SURROGATE = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    rb"|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F][0-9a-fA-F]{2}"
)


def read_batch(body: bytes) -> Batch:
    """A batch whose events are not decoded yet. Raises Invalid."""
    batch: Batch = _decode(_BATCH, body)
    if len(batch.batch) > BATCH_EVENTS:
        raise Invalid(f"the batch holds {len(batch.batch):,} events, {BATCH_EVENTS:,} are the most: send several")
    return batch


def read_call(body: bytes) -> Call:
    """One event. Raises Invalid."""
    if len(body) > EVENT_BYTES:
        raise Invalid(f"the event has {len(body):,} bytes, {EVENT_BYTES:,} are the most")
    if openers(body) > DEPTH and _depth(body) > DEPTH:
        raise Invalid(f"the event is nested deeper than {DEPTH} levels")
    call: Call = _decode(_CALL, body)
    return call


def as_event(call: Call, type_: str | None) -> dict[str, Any]:
    """The event as a plain object with what was given; type_ is that of the route, None for a batch. Raises Invalid.

    The call may become the event: it is not to be used any more.
    """
    event: dict[str, Any] = call  # type: ignore[assignment]
    if None in call.values():
        event = {field: value for field, value in call.items() if value is not None}
    if "writeKey" in event:
        del event["writeKey"]
    if type_ is not None:
        event["type"] = type_
    elif event.get("type") not in TYPES:
        raise Invalid(f"type is {'unknown' if 'type' in event else 'missing'}: it is one of {', '.join(TYPES)}")
    for field in _IDS:
        if field in event:
            value = event[field]
            if type(value) is not str:
                value = event[field] = str(value)
            if value == "":
                del event[field]
            elif len(value) > ID_LENGTH:
                raise Invalid(f"{field} is longer than {ID_LENGTH} characters")
            elif "\0" in value:
                raise Invalid(f"{field} holds the character U+0000")
    if event["type"] == "track" and not event.get("event"):
        raise Invalid("a track call needs an event: the name of what happened")
    return event


def _decode(decoder: msgspec.json.Decoder[Any], body: bytes) -> Any:
    try:
        try:
            return decoder.decode(body)
        except msgspec.ValidationError as error:
            raise Invalid(str(error)) from None
        except msgspec.DecodeError:
            if (mended := _LONE_SURROGATE.sub(rb"\\ufffd", body)) == body:
                raise
            return decoder.decode(mended)
    except UnicodeDecodeError:
        raise Invalid("the body is not UTF-8") from None
    except RecursionError:
        raise Invalid(f"the body is nested deeper than {DEPTH} levels") from None
    except msgspec.ValidationError as error:
        raise Invalid(str(error)) from None
    except msgspec.DecodeError as error:
        raise Invalid(f"the body is no JSON: {error}") from None


def openers(body: bytes) -> int:
    """How many objects and arrays begin in a JSON text, those within strings included.

    bytes.count looks at each byte by itself; replace searches with memchr, which takes a quarter of the time.
    """
    return 2 * len(body) - len(body.replace(b"{", b"")) - len(body.replace(b"[", b""))


def _depth(body: bytes) -> int:
    """How deep the objects and arrays of a JSON text are nested."""
    depth = deepest = 0
    for bracket in re.findall(rb'"(?:[^"\\]|\\.)*"|([{}\[\]])', body, re.DOTALL):
        if bracket in (b"{", b"["):
            depth += 1
            deepest = max(deepest, depth)
        elif bracket:
            depth -= 1
    return deepest
