"""The times and the id that an event gets at ingestion."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import msgspec

from footfall.collector.segment import Invalid
from footfall.topic import YEAR_10000, iso, milliseconds

# A clock that is off by less looks like a slow network, and a correction that follows the network would reorder
# the events of one device: it is made in steps of this size, upwards, so that no corrected event becomes late by it.
CLOCK_STEP_MS = 5 * 60_000
NO_SKEW_MS = CLOCK_STEP_MS
# As footfall.topic.iso writes it, and every SDK for JavaScript: not worth the time of writing it again.
_IS_FLINKS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII).fullmatch


def stamp(event: dict[str, Any], received_ms: int, batch_sent_at: str | None = None) -> None:
    """Write the four times into an event, ISO-8601 UTC with milliseconds and Z.

    timestamp = originalTimestamp + what the sender's clock lags behind ours (receivedAt - sentAt), as in Segment's
    formula; but corrected only when it is off by more than five minutes, and then in steps of five minutes. received_ms
    is Unix time in ms. An empty sentAt is none. Raises Invalid for a time that can't be read.
    """
    original = read_time(event, "originalTimestamp" if "originalTimestamp" in event else "timestamp")
    sent = read_time(event, "sentAt") if event.get("sentAt") else read_time({"sentAt": batch_sent_at}, "sentAt")
    received = _iso(received_ms)
    original = original or sent or received
    event["originalTimestamp"] = event["timestamp"] = original
    event["receivedAt"] = received
    if sent is None:
        event.pop("sentAt", None)
        return
    event["sentAt"] = sent
    if correction := clock_correction(received_ms - _milliseconds(sent)):
        corrected = milliseconds(original) + correction
        if not 0 <= corrected < YEAR_10000:
            raise Invalid("timestamp lies before 1970 or after 9999 once its clock is corrected by sentAt")
        event["timestamp"] = iso(corrected)


def clock_correction(skew_ms: int) -> int:
    """What to add to the times of a device whose clock lags skew_ms behind ours (negative: it is ahead), in ms."""
    if abs(skew_ms) <= NO_SKEW_MS:
        return 0
    return -(-skew_ms // CLOCK_STEP_MS) * CLOCK_STEP_MS


def ensure_message_id(event: dict[str, Any]) -> None:
    """Give an event without messageId a hash of what it says, so that the same event sent again is a copy.

    When it was sent is no part of it, unless that is the only time it has: two of the same kind are then two.
    """
    if "messageId" not in event:
        content = event
        if "timestamp" in event or "originalTimestamp" in event:
            content = {name: value for name, value in event.items() if name != "sentAt"}
        text = msgspec.json.encode(content, order="deterministic")
        event["messageId"] = f"hash-{blake2b(text, digest_size=16).hexdigest()}"


def key(event: dict[str, Any]) -> bytes:
    """The key of the record: one visitor stays in one partition."""
    return f"{event['site']}:{event.get('anonymousId') or event.get('userId')}".encode()


def read_time(event: Mapping[str, Any], field: str) -> str | None:
    """A time as Flink reads it, None where there is none. Raises Invalid."""
    text = event.get(field)
    if text is None:
        return None
    try:
        if _IS_FLINKS(text) and text >= "1970":
            datetime.fromisoformat(text)  # it may still be the 31st of February
            return str(text)
        return iso(milliseconds(text))
    except (ValueError, OverflowError):
        raise Invalid(f"{field} is not ISO-8601, such as 2026-01-31T23:59:59.999Z") from None


_iso = lru_cache(maxsize=16)(iso)
_milliseconds = lru_cache(maxsize=16)(milliseconds)  # the events of a batch have one sentAt
