"""What the latest identify call said of each user, and the last record of each partition: no Flink, no code of ours."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from footfall.topic import Record

from .helpers import Row, moment

if TYPE_CHECKING:
    from .day import Event


def user_traits(events: Iterable[Event], listed: Mapping[str, Collection[str]]) -> list[Row]:
    """The rows of the table user_traits: of the traits that a site lists, the latest by time, then by message id."""
    said: dict[Row, Row] = {}
    for event in events:
        if event.type == "identify":
            for trait, value in (event.traits or {}).items():
                if trait in listed.get(event.site, ()):
                    text = "" if value is None else value if isinstance(value, str) else json.dumps(value)
                    key = (event.site, event.visitor, event.userId or "", trait)
                    said[key] = max(said.get(key, (0, "", "")), (event.time, event.messageId, text))
    return [(*key, value, moment(time), message) for key, (time, message, value) in said.items()]


def last_records(log: Iterable[tuple[Record, dict[str, Any]]]) -> list[Row]:
    """The rows of the table last_records, of what is a JSON object in a log in its order."""
    last: dict[Row, Row] = {}
    for record, raw in log:
        kind = "heartbeat" if raw.get("type") == "heartbeat" else "event"
        last[record.partition, kind] = (record.offset, moment(record.time))
    return [(*key, *row) for key, row in last.items()]
