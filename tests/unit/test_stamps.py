"""The times, the id and the key of an event."""

from __future__ import annotations

import random
from typing import Any

import pytest

from footfall.collector.segment import Invalid
from footfall.collector.timestamps import clock_correction, ensure_message_id, key, stamp
from footfall.topic import iso, milliseconds

RECEIVED = milliseconds("2026-01-31T12:00:00.000Z")
MINUTE = 60_000


def stamped(batch_sent_at: str | None = None, **times: str) -> dict[str, Any]:
    event: dict[str, Any] = dict(times)
    stamp(event, RECEIVED, batch_sent_at)
    return event


def test_all_four_times_are_kept_as_flink_reads_them() -> None:
    assert stamped(timestamp="2026-01-31T12:59:50.123456+01:00", sentAt="2026-01-31T11:59:59Z") == {
        "originalTimestamp": "2026-01-31T11:59:50.123Z",
        "sentAt": "2026-01-31T11:59:59.000Z",
        "receivedAt": "2026-01-31T12:00:00.000Z",
        "timestamp": "2026-01-31T11:59:50.123Z",
    }


def test_an_event_that_tells_no_time_happened_when_it_came() -> None:
    assert stamped()["timestamp"] == "2026-01-31T12:00:00.000Z"


def test_the_batch_says_when_its_events_were_sent() -> None:
    event = stamped("2026-01-31T10:00:00Z", timestamp="2026-01-31T09:59:00Z")
    assert (event["sentAt"], event["timestamp"]) == ("2026-01-31T10:00:00.000Z", "2026-01-31T11:59:00.000Z")


@pytest.mark.parametrize(
    ("skew_minutes", "correction_minutes"),
    [
        (0, 0),
        (1, 0),
        (-1, 0),
        (5, 0),
        (-5, 0),
        (5.001, 10),
        (-5.001, -5),
        (7, 10),
        (10, 10),
        (-7, -5),
        (-12, -10),
        (61, 65),
    ],
)
def test_a_clock_is_corrected_beyond_five_minutes_and_by_whole_steps(
    skew_minutes: float, correction_minutes: float
) -> None:
    assert clock_correction(round(skew_minutes * MINUTE)) == correction_minutes * MINUTE


def test_a_corrected_event_is_never_made_late() -> None:
    for skew in range(-180 * MINUTE, 180 * MINUTE, 7_777):
        if abs(skew) > 5 * MINUTE:
            assert 0 <= clock_correction(skew) - skew < 5 * MINUTE


def test_events_of_one_device_keep_their_order_whatever_the_network_does() -> None:
    random_ = random.Random(7)
    lag = 7 * MINUTE  # its clock is behind ours
    times = []
    for second in range(0, 600, 2):
        sent = RECEIVED + second * 1000 - lag
        event = {"timestamp": iso(sent - 500), "sentAt": iso(sent)}
        stamp(event, sent + lag + random_.randrange(50, 20_000))
        times.append(event["timestamp"])
    assert times == sorted(times)


@pytest.mark.parametrize("field", ["timestamp", "sentAt", "originalTimestamp"])
@pytest.mark.parametrize("text", ["yesterday", " ", "1769860800", "2026-13-01T00:00:00Z", "0001-01-01T00:00:00Z", "\0"])
def test_a_time_that_can_not_be_read_is_refused_by_name(field: str, text: str) -> None:
    with pytest.raises(Invalid, match=f"^{field} is not ISO-8601"):
        stamped(**{field: text})


def test_the_same_event_sent_again_has_the_same_id() -> None:
    first = {"type": "page", "timestamp": "2026-01-31T12:00:00Z", "sentAt": "2026-01-31T12:00:01Z", "anonymousId": "a"}
    again = {"anonymousId": "a", "sentAt": "2026-01-31T12:00:31Z", "timestamp": "2026-01-31T12:00:00Z", "type": "page"}
    other = {**first, "anonymousId": "b"}
    for event in (first, again, other):
        ensure_message_id(event)
    assert first["messageId"] == again["messageId"] != other["messageId"]
    assert first["messageId"].startswith("hash-")


def test_events_that_tell_only_when_they_were_sent_are_several() -> None:
    first, second = (
        {"type": "page", "sentAt": "2026-01-31T12:00:01Z"},
        {"type": "page", "sentAt": "2026-01-31T12:00:02Z"},
    )
    ensure_message_id(first)
    ensure_message_id(second)
    assert first["messageId"] != second["messageId"]


def test_an_id_of_the_sender_stays() -> None:
    event = {"messageId": "m"}
    ensure_message_id(event)
    assert event["messageId"] == "m"


def test_a_visitor_is_the_key() -> None:
    assert key({"site": "shop", "anonymousId": "a", "userId": "u"}) == b"shop:a"
    assert key({"site": "shop", "userId": "u"}) == b"shop:u"
