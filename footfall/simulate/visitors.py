"""Simulated visitors: what a shop's log would hold, with all its faults, from a seed. No clock, no Kafka.

Everything happens in one queue ordered by time: a visitor does something, and later a record of it reaches the log.
Times inside are Unix times and lengths in ms.
"""

from __future__ import annotations

import json
import random
from bisect import bisect
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import blake2b
from heapq import heappop, heappush
from itertools import accumulate
from typing import NamedTuple

from footfall.simulate import profiles
from footfall.simulate.profiles import Action, Campaign, Device, Place, browse, crawl

# Shares of records.
DUPLICATE_SHARE = 0.02  # sent again, 0.1 to 20 s later
LATE_DUPLICATE_SHARE = 0.1  # of those: 2 to 10 minutes later
LATE_SHARE = 0.01  # the sender was offline for 2 to 40 minutes
BROKEN_SHARE = 0.001
# Shares of visits.
BOT_SHARE = 0.03
RETURNING_SHARE = 0.35
MEMBER_SHARE = 0.25  # of those that return
FAST_CLOCK_SHARE = 0.005  # a device clock that is 2 minutes to 8 hours ahead

MINUTE = 60_000
DAY = 86_400_000
MEAN_RECORDS = 6  # of a visit, roughly: only the count of returning visitors is scaled by it
WARM_UP, WARM_UP_RECORDS = 20 * MINUTE, 20_000  # a flat rate begins with visits that are under way; whichever is less
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LIBRARY = {"name": "analytics.js", "version": "2.1.0"}

_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
_source_weights = tuple(accumulate(source.weight for source in profiles.SOURCES))
_devices = tuple(device for device in profiles.DEVICES for _ in range(device.weight))
_bots = tuple(bot for bot in profiles.BOTS for _ in range(bot.weight))
_places = tuple(place for place in profiles.PLACES for _ in range(place.weight))


class Arrival(NamedTuple):
    """A record as it reaches the log, at time (UTC); value is an event as JSON, or what was to be one."""

    time: datetime
    key: bytes
    value: bytes


@dataclass(slots=True)
class _Visit:
    seed: bytes
    key: bytes
    ids: str  # JSON of what each event has, and so below
    user_id: str
    context: str
    campaign: str
    clock_ahead: int
    actions: Iterator[Action]
    next: Action
    events: int = 0


def arrivals(
    *,
    seed: int,
    site: str,
    start: datetime,
    end: datetime | None,
    events_per_second: float | None = None,
    visits_per_day: int = 4000,
) -> Iterator[Arrival]:
    """The records of a site from start until before end (None: endless), both aware, in order of arrival.

    The same arguments give the same records, and an earlier end a prefix of them. Visits begin along a day's curve in
    UTC, visits_per_day of them, or so that the log grows by events_per_second (copies and broken records included) all
    the time. Visitors that return are the same ones for each start; message ids differ from start to start. receivedAt
    lies up to 250 ms before the arrival, so it never goes back by more.
    """
    first, last = _ms(start), None if end is None else _ms(end)
    world = f"{seed}:{site}:"
    rng = random.Random(f"{world}{first}")
    begin, daily = first, float(visits_per_day)
    peak = daily / DAY * max(profiles.HOURS) / _mean_hour()  # visits that may begin, per ms
    if events_per_second:
        begin -= min(WARM_UP, int(WARM_UP_RECORDS / events_per_second * 1000))
        peak, daily = events_per_second / 1000, events_per_second * 86_400 / MEAN_RECORDS
    queue: list[tuple[int, int, _Visit | None, bytes, bytes]] = []
    count = sent = visits = 0
    coming = begin + rng.expovariate(peak)
    while True:
        if not queue or coming < queue[0][0]:
            now = int(coming)
            if last is not None and now >= last:
                return
            if events_per_second:  # the further behind the rate, the more visits begin
                wanted = ((coming - begin) * peak - sent) / (events_per_second * 2)
            else:
                wanted = _day_curve(now)
            if rng.random() < wanted:
                visits += 1
                visit = _begin(rng, site, world, f"{first}:{visits}", daily)
                heappush(queue, (now, count := count + 1, visit, b"", b""))
            coming += rng.expovariate(peak)
            continue
        now, _, pending, key, value = heappop(queue)
        if last is not None and now >= last:
            return
        if pending is None:
            sent += 1
            if now > first:
                yield Arrival(EPOCH + timedelta(milliseconds=now), key, value)
            continue
        for arrival, record in _records(rng, pending, now):
            heappush(queue, (arrival, count := count + 1, None, pending.key, record))
        following = next(pending.actions, None)
        if following:
            pending.next = following
            heappush(queue, (now + following.wait, count := count + 1, pending, b"", b""))


def heartbeat(site: str, time: datetime, partition: int = 0) -> bytes:
    """The event that moves the watermark of a partition of a quiet site on to time, which is aware."""
    at = _ms(time)
    return _encode(
        {
            "messageId": _uuid(_digest(f"heartbeat:{site}:{at}:{partition}")),
            "type": "heartbeat",
            "site": site,
            "timestamp": _iso(at),
            "receivedAt": _iso(at),
        }
    ).encode()


def _begin(rng: random.Random, site: str, world: str, number: str, daily: float) -> _Visit:
    is_bot = rng.random() < BOT_SHARE
    returning = not is_bot and rng.random() < RETURNING_SHARE
    if returning:  # Zipf's law with a flat top: nobody comes more than a few times a day
        pool = max(100.0, daily * 2)
        place_in_pool = int(pool / 75 * (76 ** rng.random() - 1))
        visitor = _digest(f"{world}returning:{place_in_pool}")
    else:
        visitor = _digest(f"{world}new:{number}")
    anonymous_id, user_id = _uuid(visitor), f"u_{visitor[:5].hex()}"
    is_member = returning and visitor[9] < MEMBER_SHARE * 256
    devices = _bots if is_bot else _devices
    device = devices[int.from_bytes(visitor[10:12]) % len(devices)]
    place = _places[int.from_bytes(visitor[12:14]) % len(_places)]
    source = profiles.SOURCES[bisect(_source_weights, rng.random() * _source_weights[-1])]
    url = f"https://{site}.example.com"
    actions = crawl(rng, url) if is_bot else browse(rng, url, source, user_id, can_sign_up=not returning)
    return _Visit(
        seed=_digest(f"{world}visit:{number}"),
        key=f"{site}:{anonymous_id}".encode(),
        ids=f'"site":{_encode(site)},"anonymousId":"{anonymous_id}",' + (f'"userId":"{user_id}",' if is_member else ""),
        user_id=user_id,
        context=f'"ip":"{profiles.NETWORKS[visitor[14] % 3]}{visitor[15]}",{_device_context(device, place)}',
        campaign=_campaign_context(source.campaign),
        clock_ahead=int(2 * MINUTE * 240 ** rng.random()) if rng.random() < FAST_CLOCK_SHARE else 0,
        actions=actions,
        next=next(actions),
    )


@lru_cache
def _campaign_context(campaign: Campaign | None) -> str:
    if not campaign:
        return ""
    return f'"campaign":{_encode({name: text for name, text in campaign._asdict().items() if text})},'


@lru_cache(maxsize=1024)
def _device_context(device: Device, place: Place) -> str:
    context = {
        "userAgent": device.user_agent,
        "locale": place.locale,
        "timezone": place.timezone,
        "location": {"country": place.locale.rpartition("-")[2]},  # as a collector would have derived from the address
        "screen": {"width": device.width, "height": device.height},
        "library": LIBRARY,
    }
    return _encode(context)[1:-1]


def _records(rng: random.Random, visit: _Visit, now: int) -> Iterator[tuple[int, bytes]]:
    """The records (arrival, value) of what the visitor does now: mostly one, sometimes a copy or a broken one."""
    action = visit.next
    page, name, content = action.page, "", "properties"
    if action.type == "identify":
        visit.ids += f'"userId":"{visit.user_id}",'
        content = "traits"
    else:
        name = f'"{"name" if action.type == "page" else "event"}":{_encode(action.name)},'
    network = min(1500, max(25, int(rng.lognormvariate(5.0, 0.8))))
    received = now + 2 * network
    if rng.random() < LATE_SHARE:
        received += rng.randint(2 * MINUTE, 40 * MINUTE)
    at, sent = _iso(now + visit.clock_ahead), _iso(received - network + visit.clock_ahead)
    visit.events += 1
    message_id = _uuid(blake2b(visit.events.to_bytes(4), key=visit.seed, digest_size=16).digest())
    campaign = visit.campaign if page.has_campaign else ""  # the library reads it from the URL of the moment
    text = (
        f'{{"messageId":"{message_id}","type":"{action.type}",{name}{visit.ids}"timestamp":"{at}",'
        f'"originalTimestamp":"{at}","sentAt":"{sent}","context":{{"page":{page.json},{campaign}{visit.context}}},'
        f'"{content}":{action.properties},"receivedAt":"'
    )
    value = f'{text}{_iso(received)}"}}'.encode()
    if rng.random() < BROKEN_SHARE:
        yield received + rng.randint(1, 250), _broken(rng, value)
        return
    yield received + rng.randint(1, 250), value
    if rng.random() < DUPLICATE_SHARE:
        is_late = rng.random() < LATE_DUPLICATE_SHARE
        received += rng.randint(2 * MINUTE, 10 * MINUTE) if is_late else rng.randint(100, 20_000)
        yield received + rng.randint(1, 250), f'{text}{_iso(received)}"}}'.encode()


def _broken(rng: random.Random, value: bytes) -> bytes:
    kind = rng.randrange(5)
    if kind == 0:
        return rng.choice(profiles.GARBAGE)
    if kind == 1:
        return value[: rng.randrange(1, len(value))]
    event = json.loads(value)
    if kind == 2:
        event["timestamp"] = rng.choice(profiles.GARBAGE_TIMES)
    for name in {3: ("messageId",), 4: ("anonymousId", "userId")}.get(kind, ()):
        event.pop(name, None)
    return _encode(event).encode()


def _day_curve(at: int) -> float:
    """The visits that begin at a time of the day as a share of the most, straight between the middles of hours."""
    hour, part = divmod((at % DAY) / (60 * MINUTE) - 0.5, 1)
    before, after = profiles.HOURS[int(hour) % 24], profiles.HOURS[(int(hour) + 1) % 24]
    return (before + (after - before) * part) / max(profiles.HOURS)


def _mean_hour() -> float:
    return sum(profiles.HOURS) / len(profiles.HOURS)


def _digest(text: str) -> bytes:
    return blake2b(text.encode(), digest_size=16).digest()


def _uuid(digest: bytes) -> str:
    """A version 4 UUID in form, of 16 bytes."""
    text = digest.hex()
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"


def _ms(time: datetime) -> int:
    return (time - EPOCH) // timedelta(milliseconds=1)


def _iso(at: int) -> str:
    return f"{_second(at // 1000)}.{at % 1000:03d}Z"


@lru_cache(maxsize=4096)
def _second(at: int) -> str:
    return (EPOCH + timedelta(seconds=at)).strftime("%Y-%m-%dT%H:%M:%S")
