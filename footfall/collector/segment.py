"""Segment's HTTP Tracking API: what its SDKs send, read and checked.

Source of the shapes and limits: Segment's documentation of its Spec and of its HTTP API (32 KB an event, 500 KB and
2,500 events a batch). What an event needs beyond it is the rule of sql/tables/raw_events.sql (is_complete).
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any, NamedTuple, TypedDict

import msgspec

from footfall.collector.parts import BYTE_ORDER_MARK, take_apart
from footfall.topic import YEAR_10000, iso

EVENT_BYTES = 32 * 1024
BATCH_BYTES = 500 * 1024
BATCH_EVENTS = 2500
SHARED_BYTES = 8 * 1024  # of a batch's context, and of its integrations: each event gets them, 2,500 times the work
DEPTH = 64  # of nested objects and arrays: no tracking plan has more, and no parser downstream minds it
ID_BYTES = 255  # of UTF-8, as sql/tables/raw_events.sql has it

TYPES = ("track", "page", "screen", "identify", "group", "alias")
ROUTES = {f"/v1/{name}": kind for kind in TYPES for name in (kind, kind[0])}

Id = str | int | None
Time = str | None
Object = dict[str, Any] | None


class Invalid(Exception):
    """It will never be good; the message says why."""


class _Mistyped(Invalid):
    """It is JSON, but something in it is of the wrong type."""


class Call(TypedDict, total=False):
    """An event as an SDK sends it. Fields that the Segment Spec does not have are not read, and so not kept."""

    type: str | None
    messageId: Id
    anonymousId: Id
    userId: Id
    previousId: Id
    groupId: Id
    event: str | None
    name: str | None
    category: str | None
    channel: str | None
    timestamp: Time
    originalTimestamp: Time
    sentAt: Time
    context: Object
    properties: Object
    traits: Object
    integrations: Object
    writeKey: str | None


class Fault(NamedTuple):
    """What of a batch can't be read and is no event: why, and its text."""

    reason: str
    text: bytes


@dataclasses.dataclass(slots=True)
class Batch:
    """Several events in one request. Each is decoded by itself, so that a bad one does not spoil the others.

    The other fields hold for all of them, where they can be read; what can't is among the faults.
    """

    batch: list[bytes]
    writeKey: str | None = None
    sentAt: str | None = None
    context: Object = None
    integrations: Object = None
    faults: list[Fault] = dataclasses.field(default_factory=list)


class _Batch(msgspec.Struct):
    batch: list[msgspec.Raw]
    writeKey: msgspec.Raw = msgspec.Raw()
    sentAt: msgspec.Raw = msgspec.Raw()
    context: msgspec.Raw = msgspec.Raw()
    integrations: msgspec.Raw = msgspec.Raw()


class _Keyed(msgspec.Struct):
    writeKey: Any = None


_CALL = msgspec.json.Decoder(Call)
_BATCH = msgspec.json.Decoder(_Batch)
_KEYED = msgspec.json.Decoder(_Keyed)
_ANY = msgspec.json.Decoder()
_IDS = ("messageId", "anonymousId", "userId", "previousId", "groupId")
_TIMES = ("timestamp", "originalTimestamp", "sentAt")
_OBJECTS = ("context", "properties", "traits", "integrations")
_SHARED = ("writeKey", "sentAt", "context", "integrations")
# A smaller number is no time in milliseconds that anybody means, but one in seconds.
_FEWEST_MS = 100_000_000_000  # 3 March 1973
# Half of a character outside the basic plane, as browsers write a text that was cut inside of an emoji.
_LONE_SURROGATE = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    rb"|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F][0-9a-fA-F]{2}"
)
# A text to its end, cut short or not, so that no other one begins inside of it; or a bracket.
_BRACKET = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|([{}\[\]])', re.DOTALL)


def read_batch(body: bytes) -> Batch:
    """A batch whose events are not decoded yet. One that is no JSON as a whole is read as far as it goes.

    Raises Invalid where no event can be found in it.
    """
    try:
        read = _BATCH.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        batch, shared = _taken_apart(body, error)
    else:
        batch = Batch([bytes(call) for call in read.batch])
        shared = {name: text for name in _SHARED if (text := bytes(getattr(read, name)))}
    if len(batch.batch) > BATCH_EVENTS:
        raise Invalid(f"the batch holds too many events, {BATCH_EVENTS:,} are the most: send several")
    for name, text in shared.items():
        try:
            setattr(batch, name, _shared(name, text))
        except Invalid as error:
            batch.faults.append(Fault(f"{name} of the batch is left out: {error}", text))
    return batch


def read_key(body: bytes) -> str | None:
    """The write key that a call holds, also one that can't be read as a whole. Raises Invalid for no object at all."""
    try:
        key = _KEYED.decode(body).writeKey
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        parts = take_apart(body, 0)
        if parts is None:
            raise Invalid(f"the body is no JSON object with a writeKey: {error}") from None
        try:
            key = _decode(_ANY, parts.members.get("writeKey", b"null"))
        except Invalid:
            return None
    return key if isinstance(key, str) else None


def read_call(body: bytes) -> Call:
    """One event. Raises Invalid."""
    if len(body) > EVENT_BYTES:
        raise Invalid(f"the event has {len(body):,} bytes, {EVENT_BYTES:,} are the most")
    if openers(body) > DEPTH and _depth(body) > DEPTH:
        raise Invalid(f"the event is nested deeper than {DEPTH} levels")
    try:
        call: Call = _decode(_CALL, body)
    except _Mistyped:
        event = _decode(_ANY, body)
        return as_call(event) if type(event) is dict else _decode(_CALL, body)
    return call


def as_call(event: Mapping[str, Any]) -> Call:
    """An event that was read without regard to types, with what is meant by them. Raises Invalid.

    An id may be a whole number, a time one in milliseconds, and an empty array is an empty object, as PHP writes it.
    """
    meant = dict(event)
    for name in _IDS:
        value = meant.get(name)
        if type(value) is float and value.is_integer():
            meant[name] = int(value)
    for name in _TIMES:
        if name in meant:
            meant[name] = _moment(name, meant[name])
    for name in _OBJECTS:
        if meant.get(name) == []:
            meant[name] = {}
    try:
        return msgspec.convert(meant, Call)
    except msgspec.ValidationError as error:
        raise Invalid(str(error)) from None


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
            elif len(value) > ID_BYTES // 4 and len(value.encode()) > ID_BYTES:  # no character has more than four
                raise Invalid(f"{field} is longer than {ID_BYTES} bytes")
            elif "\0" in value:
                raise Invalid(f"{field} holds the character U+0000")
    if event["type"] == "track" and not event.get("event"):
        raise Invalid("a track call needs an event: the name of what happened")
    return event


def _taken_apart(body: bytes, error: Exception) -> tuple[Batch, dict[str, bytes]]:
    """What can be found of a batch that is no JSON, as error says, and what holds for all of it. Raises Invalid."""
    parts = take_apart(body, BATCH_EVENTS)
    if parts is None or parts.calls is None:
        raise Invalid(f"the body is no JSON object with an array named batch: {error}")
    faults = [Fault("this part of the batch is no field of it", text) for text in parts.rest]
    if not parts.is_whole:
        faults.append(Fault("the batch is cut short: it has no end", b""))
    return Batch(parts.calls, faults=faults), {name: parts.members[name] for name in _SHARED if name in parts.members}


def _shared(name: str, text: bytes) -> Any:
    """What a field of a batch says of all its events; None where it is empty. Raises Invalid."""
    if len(text) > SHARED_BYTES:
        raise Invalid(f"it has {len(text):,} bytes, {SHARED_BYTES:,} are the most")
    if openers(text) > DEPTH and _depth(text) > DEPTH:
        raise Invalid(f"it is nested deeper than {DEPTH} levels")
    value = _decode(_ANY, text)
    if name == "sentAt":
        value = _moment(name, value)
    if not value and value in (None, "", [], {}):
        return None
    wanted, words = (dict, "no object") if name in _OBJECTS else (str, "no text")
    if type(value) is not wanted:
        raise Invalid(f"it is {words}")
    return value


def _moment(name: str, value: Any) -> Any:
    """A number of milliseconds as a text, anything else as it is. Raises Invalid."""
    if type(value) is not int and type(value) is not float:
        return value
    if not _FEWEST_MS <= value < YEAR_10000:
        raise Invalid(f"{name} is not ISO-8601, and no number of milliseconds since 1970: {str(value)[:20]}")
    return iso(int(value))


def _decode(decoder: msgspec.json.Decoder[Any], body: bytes) -> Any:
    try:
        try:
            return decoder.decode(body)
        except msgspec.ValidationError:
            raise
        except msgspec.DecodeError:
            mended = _LONE_SURROGATE.sub(rb"\\ufffd", body.removeprefix(BYTE_ORDER_MARK))
            if mended == body:
                raise
            return decoder.decode(mended)
    except UnicodeDecodeError:
        raise Invalid("the text is not UTF-8") from None
    except RecursionError:
        raise Invalid(f"the text is nested deeper than {DEPTH} levels") from None
    except msgspec.ValidationError as error:
        raise _Mistyped(str(error)) from None
    except msgspec.DecodeError as error:
        raise Invalid(f"the text is no JSON: {error}") from None


def openers(body: bytes) -> int:
    """How many objects and arrays begin in a JSON text, those within strings included.

    bytes.count looks at each byte by itself; replace searches with memchr, which takes a quarter of the time.
    """
    return 2 * len(body) - len(body.replace(b"{", b"")) - len(body.replace(b"[", b""))


def _depth(body: bytes) -> int:
    """How deep the objects and arrays of a JSON text are nested."""
    depth = deepest = 0
    for bracket in _BRACKET.findall(body):
        if bracket in (b"{", b"["):
            depth += 1
            deepest = max(deepest, depth)
        elif bracket:
            depth -= 1
    return deepest
