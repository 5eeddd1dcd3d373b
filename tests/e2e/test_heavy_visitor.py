"""One visitor with 50,000 events in a day, as a program or a kiosk has them: visits, pages and events are all right.

Its visits are cut: none has more than 10,000 events.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from footfall.deploy import client
from footfall.settings import Settings
from footfall.topic import iso, sender

from .helpers import asked, fresh_topic, truncate

pytestmark = pytest.mark.cluster
EVENTS, DAY = 50_000, datetime(2026, 1, 31, tzinfo=UTC)
GAP, MOST = timedelta(minutes=30), 10_000
TABLES = ("sessions", "page_views_per_minute", "custom_events_per_minute", "visit_events")


def test_a_visitor_with_50_000_events_a_day_is_counted_to_the_last_one(stack: Settings) -> None:
    settings = fresh_topic(stack)
    chance = random.Random(50)
    # Three pauses, of which the first is exactly as long as a visit may hold, and the second 1 ms longer.
    pauses = ((6, GAP), (12, GAP + timedelta(milliseconds=1)), (18, timedelta(hours=1)))
    times = []
    for begin, end in pairwise([(0, timedelta()), *pauses, (24, timedelta())]):
        start = DAY + timedelta(hours=begin[0]) + begin[1]
        length = DAY + timedelta(hours=end[0]) - start
        times += [start, start + length]
        times += [
            start + timedelta(milliseconds=chance.randrange(length // timedelta(milliseconds=1))) for _ in range(12_498)
        ]
    assert len(times) == EVENTS
    events = [(time, chance.choice(["/", "/a"]), chance.random() < 0.5) for time in sorted(times)]
    arrivals = sorted(
        (time + timedelta(milliseconds=chance.randrange(59_000)), number) for number, (time, *_) in enumerate(events)
    )
    with sender(settings, linger_ms=100) as topic:
        for arrival, number in arrivals:
            time, path, is_view = events[number]
            event = {
                "messageId": f"m{number:05}", "site": "kiosk", "anonymousId": "v",
                "type": "page" if is_view else "track",
                "timestamp": iso(round(time.timestamp() * 1000)), "receivedAt": iso(round(arrival.timestamp() * 1000)),
                "context": {"page": {"path": path}}, **({} if is_view else {"event": "Turned"}),
            }  # fmt: skip
            topic.send(b"kiosk:v", json.dumps(event).encode())
    truncate(settings, *TABLES)
    client.run(settings, TABLES)

    visits: list[list[tuple[datetime, str, bool]]] = [[]]
    for event_before, event_now in pairwise([None, *events]):
        if event_before and event_now and (event_now[0] - event_before[0] > GAP or len(visits[-1]) == MOST):
            visits.append([])
        if event_now:
            visits[-1].append(event_now)
    assert [len(visit) for visit in visits] == [MOST, MOST, 5_000, MOST, 2_500, MOST, 2_500]
    expected = [(visit[0][0], visit[-1][0], len(visit), sum(view for *_, view in visit)) for visit in visits]
    columns = "session_start, session_end, event_count, page_view_count"
    assert asked(settings, f"SELECT {columns} FROM sessions ORDER BY 1") == expected
    assert asked(settings, f"SELECT {columns} FROM visits_since('-infinity') ORDER BY 1") == expected
    views = Counter(path for _, path, is_view in events if is_view)
    query = "SELECT page_path, sum(page_view_count)::int FROM page_views_per_minute GROUP BY 1"
    assert dict(asked(settings, query)) == views
    query = "SELECT sum(event_count)::int FROM custom_events_per_minute"
    assert asked(settings, query) == [(EVENTS - sum(views.values()),)]
