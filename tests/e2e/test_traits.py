"""What users said of themselves, and the last record of each partition: out of order, sent twice, by two task slots."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from footfall.admin import sites
from footfall.admin.site_options import Options
from footfall.database import connections
from footfall.deploy import client
from footfall.settings import Settings
from footfall.topic import iso, last_records, sender

from .helpers import Row, asked, assert_same_rows, fresh_topic, moment, truncate

pytestmark = pytest.mark.cluster
SITE, LISTED = "members", ("plan", "age")
START = datetime(2026, 1, 31, 12, tzinfo=UTC)
JOBS, TABLES = ("user_traits", "arrivals_per_minute"), ("user_traits", "last_records", "arrivals_per_minute")
EVENTS = 5000


def milliseconds(time: datetime) -> int:
    return round(time.timestamp() * 1000)


def identify(number: int, chance: random.Random) -> tuple[datetime, dict[str, Any]]:
    """Within two hours; many are of the same second."""
    time = START + timedelta(seconds=chance.randrange(7200))
    user = chance.choice([None, f"u{chance.randrange(60)}"])
    names = chance.sample(["plan", "age", "firstName"], chance.randint(1, 3))
    return time, {
        "messageId": f"m{number}", "site": SITE, "type": chance.choice(["identify"] * 9 + ["heartbeat"]),
        "anonymousId": f"v{chance.randrange(40)}", "userId": user, "timestamp": iso(milliseconds(time)),
        "traits": {name: chance.choice(["free", "pro", 30, None, f"größe {number}"]) for name in names},
    }  # fmt: skip


def text(value: Any) -> str:
    return "" if value is None else str(value)


def test_any_order_of_arrival_gives_the_latest_trait_of_each_user_and_the_last_record_of_each_partition(
    stack: Settings,
) -> None:
    chance = random.Random(16)
    settings = fresh_topic(stack)
    sites.ensure(connections.owner(settings), SITE, Options(traits=LISTED))
    sent = [identify(number, chance) for number in range(EVENTS)]
    arrivals = [(time + timedelta(seconds=chance.uniform(0, 59)), event) for time, event in sent]
    arrivals += [(arrival + timedelta(seconds=chance.uniform(0, 600)), event) for arrival, event in arrivals[::5]]
    with sender(settings, linger_ms=100) as topic:
        for arrival, event in sorted(arrivals, key=lambda pair: pair[0]):
            record = {**event, "receivedAt": iso(milliseconds(arrival))}
            topic.send(f"{SITE}:{event['anonymousId']}".encode(), json.dumps(record).encode())

    latest: dict[tuple[str, str, str], tuple[datetime, str, str]] = {}
    for time, event in sent:
        for name, value in event["traits"].items():
            if event["type"] == "identify" and name in LISTED:
                key = (event["anonymousId"], event["userId"] or "", name)
                latest[key] = max(latest.get(key, (START, "", "")), (time, event["messageId"], text(value)))
    traits: list[Row] = [(SITE, *key, value, time, message) for key, (time, message, value) in latest.items()]
    records = last_records(settings, len(arrivals))
    assert len(records) == len(arrivals)
    ends: dict[tuple[int, str], Row] = {}
    for one in sorted(records, key=lambda record: record.offset):
        kind = "heartbeat" if json.loads(one.value or b"")["type"] == "heartbeat" else "event"
        ends[one.partition, kind] = (one.partition, kind, one.offset, moment(one.time))
    assert len({partition for partition, _ in ends}) > 1

    truncate(settings, *TABLES)
    for _ in range(2):  # the second time into filled tables
        client.run(settings, JOBS, parallelism=2)
        with psycopg.connect(connections.owner(settings), options="-c timezone=UTC") as connection:
            assert_same_rows(connection.execute("SELECT * FROM user_traits").fetchall(), traits)
        assert_same_rows(asked(settings, "SELECT * FROM last_records"), list(ends.values()))
    truncate(settings, *TABLES)
    sites.remove(connections.owner(settings), SITE)
