"""Wikipedia's readers as events, and what must become of them, computed without Flink, SQL or our own code."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import math
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import pairwise
from statistics import mean, pstdev
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

from footfall.settings import ROOT
from footfall.topic import Record

from .helpers import Row, minute, moment

FILE = ROOT.parent / "shared" / "data" / "wikipedia_readers.csv.gz"
SITE = "wikipedia"
LIBRARY = "readers"
GAP_MS = 30 * 60_000
ON_TIME_MS = 60_000
SHUFFLE_MS = 59_000
COPY_SHARE, COPY_DELAY_MS = 0.2, 600_000


class Request(NamedTuple):
    """One line of the file; time is Unix time in ms, path is empty where the URL is malformed, id its message id."""

    visitor: str
    time: int
    url: str
    path: str
    id: str


class Message(NamedTuple):
    """What is written to Kafka, in this order."""

    key: bytes
    value: bytes


def requests() -> list[Request]:
    with gzip.open(FILE, "rt", encoding="utf-8", newline="") as file:
        return [
            Request(row["user_id"], _unix_ms(row["event_time"]), row["url"], _path(row["url"]), f"request-{number}")
            for number, row in enumerate(csv.DictReader(file))
        ]


def logged(records: Iterable[Record]) -> list[Request]:
    """The same of a log, with the ids that the events have there."""
    events = [json.loads(record.value or b"") for record in records]
    urls = [event["context"]["page"]["url"] for event in events]
    return [
        Request(event["anonymousId"], _unix_ms(event["timestamp"]), url, _path(url), event["messageId"])
        for event, url in zip(events, urls, strict=True)
    ]


def shuffled_and_copied(all_requests: Iterable[Request], seed: int = 1) -> list[Message]:
    """Each up to 59 s after it happened, a fifth of them once more up to ten minutes later, in order of arrival."""
    chance = random.Random(seed)
    arrivals: list[tuple[int, int, Request]] = []
    for number, request in enumerate(all_requests):
        arrival = request.time + chance.randint(0, SHUFFLE_MS)
        arrivals.append((arrival, number, request))
        if chance.random() < COPY_SHARE:
            arrivals.append((arrival + chance.randint(1, COPY_DELAY_MS), number, request))
    return [_message(request, arrival) for arrival, _, request in sorted(arrivals)]


def visits(all_requests: Iterable[Request]) -> Iterator[list[Request]]:
    """The requests of each visit in their order."""
    by_visitor: dict[str, list[Request]] = defaultdict(list)
    for request in all_requests:
        by_visitor[request.visitor].append(request)
    for found in by_visitor.values():
        found.sort(key=lambda request: (request.time, request.id))
        cuts = [n for n, (one, next_) in enumerate(pairwise(found), 1) if next_.time - one.time > GAP_MS]
        for begin, end in pairwise([0, *cuts, len(found)]):
            yield found[begin:end]


def variation(visit: list[Request]) -> float:
    """The coefficient of variation of the gaps of a visit, which has some: their deviation by their mean."""
    gaps = [after.time - before.time for before, after in pairwise(visit)]
    return pstdev(gaps) / mean(gaps) if any(gaps) else math.inf


def sessions(all_requests: Iterable[Request]) -> list[Row]:
    """The rows of the table sessions, all columns."""
    return [_session(visit) for visit in visits(all_requests)]


def visit_events(all_requests: Iterable[Request]) -> list[Row]:
    """The rows of the table visit_events, of events that shuffled_and_copied() has written."""
    return [
        (
            SITE, moment(request.time), request.id, request.visitor, None, None, "page", None, True,
            request.path or None, None, _search_term(request.url), *(None,) * 6,
        )
        for request in all_requests
    ]  # fmt: skip


def page_views(all_requests: Iterable[Request]) -> list[Row]:
    """The rows of the table page_views_per_minute."""
    visitors = defaultdict(list)
    for request in all_requests:
        visitors[minute(request.time), request.path].append(request.visitor)
    return [(SITE, start, path, len(names), len(set(names))) for (start, path), names in visitors.items()]


def late_events(records: Iterable[Record]) -> list[Row]:
    """The rows of the table late_events, of a log as it lies in Kafka."""
    found = []
    for record in records:
        event = json.loads(record.value or b"")
        time, received = _unix_ms(event["timestamp"]), _unix_ms(event["receivedAt"])
        if received - time > ON_TIME_MS:
            found.append(
                (
                    moment(received), record.partition, record.offset, SITE, event["messageId"], moment(time),
                    received - time, "page", None, event["anonymousId"], event["context"]["page"]["path"], LIBRARY,
                )
            )  # fmt: skip
    return found


def arrivals(records: Iterable[Record]) -> list[Row]:
    """The rows of the table arrivals_per_minute, of a log as it lies in Kafka."""
    seen: set[str] = set()
    counts: Counter[tuple[datetime, str]] = Counter()
    for record in sorted(records, key=lambda record: (record.partition, record.offset)):
        event = json.loads(record.value or b"")
        received, message_id = _unix_ms(event["receivedAt"]), event["messageId"]
        if received - _unix_ms(event["timestamp"]) > ON_TIME_MS:
            outcome = "late"
        else:
            outcome = "duplicate" if message_id in seen else "on time"
            seen.add(message_id)
        counts[minute(received), outcome] += 1
    return [(SITE, start, LIBRARY, outcome, number, 0, 0) for (start, outcome), number in counts.items()]


def _session(visit: list[Request]) -> Row:
    first, last, number = visit[0], visit[-1], len(visit)
    start = f"{moment(first.time):%Y-%m-%d %H:%M:%S}.{first.time % 1000:03d}"
    session_id = hashlib.md5(f"{SITE}\0{first.visitor}\0{start}".encode()).hexdigest()
    nothing_known = (None,) * 7  # referrer, five of the campaign, user agent
    origin = (None, "(direct)", "(none)", "Direct", *(None,) * 7)  # user, channel; place, language, device
    reason = None
    if number >= 10 and last.time - first.time < (number - 1) * 1000:
        reason = "too fast for a person"
    elif number >= 20:
        reason = "too regular for a person" if variation(visit) < 0.2 else None
    return (
        SITE, session_id, moment(first.time), moment(last.time), last.time - first.time, first.visitor, number, number,
        first.path or None, last.path or None, *nothing_known, number == 1,
        *origin, 0, 0, None, None, reason, reason is not None,
    )  # fmt: skip


def _message(request: Request, arrival: int) -> Message:
    event = {
        "messageId": request.id,
        "type": "page",
        "site": SITE,
        "anonymousId": request.visitor,
        "timestamp": _text(request.time),
        "receivedAt": _text(arrival),
        "context": {"page": {"url": request.url, "path": request.path or None}, "library": {"name": LIBRARY}},
    }
    return Message(f"{SITE}:{request.visitor}".encode(), json.dumps(event).encode())


def _path(url: str) -> str:
    try:
        return urlsplit(url).path or "/"
    except ValueError:
        return ""


def _search_term(url: str) -> str | None:
    asked = parse_qsl(url.partition("#")[0].partition("?")[2])
    return next((value for name, value in asked if name in ("q", "query", "s", "search", "keyword")), None)


def _text(unix_ms: int) -> str:
    return moment(unix_ms).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _unix_ms(text: str) -> int:
    return round(datetime.fromisoformat(text).astimezone(UTC).timestamp() * 1000)
