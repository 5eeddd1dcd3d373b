"""Where a preview reads from: the topic, a file as `footfall load` takes it, or a case of tests/sql."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from pathlib import Path

from footfall import topic
from footfall.errors import FootfallError
from footfall.loaders.load import event_time, read_events, stamp
from footfall.planner.records import Record
from footfall.settings import Settings
from footfall.testing.cases import INSTANT
from footfall.testing.runner import TESTS, read_all
from footfall.topic import iso, milliseconds
from jobs.sql_script import close_match

Progress = Callable[[str], None]
EVERY = 1000  # records between two words of progress


def topic_records(settings: Settings, last: int | timedelta, progress: Progress = lambda _: None) -> list[Record]:
    """The newest records of the topic, that many or those of that long until now, in order of arrival.

    Raises FootfallError where there are none.
    """
    found: list[topic.Record] = []
    with topic.open_consumer(settings) as (consumer, partitions):
        ends, starts = consumer.end_offsets(partitions), consumer.beginning_offsets(partitions)
        if all(ends[partition] == starts[partition] for partition in partitions):
            raise FootfallError(
                f"the topic {settings.topic} holds no events: `footfall load FILE` or `footfall simulate` writes some"
            )
        if isinstance(last, int):
            starts = {partition: max(starts[partition], ends[partition] - last) for partition in partitions}
        else:
            since = round((time.time() - last.total_seconds()) * 1000)
            times = consumer.offsets_for_times(dict.fromkeys(partitions, since))
            starts = {partition: at.offset if (at := times[partition]) else ends[partition] for partition in partitions}
        for partition, start in starts.items():
            consumer.seek(partition, start)
        total = sum(ends[partition] - starts[partition] for partition in partitions)
        for batch in topic.batches(consumer, ends):
            found += batch
            progress(f"reading {settings.topic}: {len(found):,} of {total:,} events")
    if not found:
        newest = max(record.time for record in topic.last_records(settings, 1))
        raise FootfallError(
            f"nothing came into {settings.topic} so recently: its newest event came {iso(newest)}; "
            "`--last 1000` reads the newest events, however old they are"
        )
    if isinstance(last, int):
        found = sorted(found, key=lambda record: (record.time, record.partition, record.offset))[-last:]
    return in_order_of_arrival(
        Record(
            record.value,
            {"kafka_time": iso(record.time), "kafka_partition": record.partition, "kafka_offset": record.offset},
        )
        for record in found
    )


def file_records(path: Path, site: str, progress: Progress = lambda _: None) -> list[Record]:
    """The events of a file, as if `footfall load` wrote them now. Raises FootfallError."""
    now, newest = iso(round(time.time() * 1000)), 0
    records: list[Record] = []
    try:
        file = path.open("rb")
    except OSError as error:
        raise FootfallError(f"can't read {path}: {error.strerror}") from None
    with file:
        for offset, event in enumerate(read_events(path, file, site)):
            if isinstance(event, dict):
                if (moment := event_time(event)) is not None:
                    newest = stamp(event, moment, newest)
                event = json.dumps(event).encode()
            records.append(Record(event, {"kafka_time": now, "kafka_partition": 0, "kafka_offset": offset}))
            if offset % EVERY == 0:
                progress(f"reading {path.name}: {offset:,} events")
    if not records:
        raise FootfallError(f"{path} holds no events")
    return in_order_of_arrival(records)


def case_records(job: str, name: str | None) -> list[Record]:
    """What a case of tests/sql/JOB.yml is given. Raises FootfallError with the names of all where none has this one."""
    cases = {case.name: case for case in read_all([job])[job]}
    if name not in cases:
        said = f"no case is called {name}{close_match(name, cases)}" if name else "say which case"
        listed = "".join(f"\n  --case {json.dumps(found, ensure_ascii=False)}" for found in cases)
        raise FootfallError(f"{said}; those of tests/{TESTS.name}/{job}.yml are{listed}")
    return list(cases[name].given)


def in_order_of_arrival(records: Iterable[Record]) -> list[Record]:
    """By received_at as sql/tables/raw_events.sql has it, which is how watermarks of many partitions let them pass.

    A job waits with its clock for the partition that is furthest behind; one reader, as here, has the log in one order
    instead. Records that came at the same time stay as they are.
    """
    return sorted(records, key=_received)


def described(records: Sequence[Record]) -> str:
    """How many there are and when they arrived, such as `2 events that came from 12:00:00 to 12:00:05 UTC`."""
    if not records:
        return "no events"
    first, last = (iso(_received(record)) for record in (records[0], records[-1]))
    alike = first[:10] == last[:10]
    begin, end = (f"{text[11:19]}" if alike else f"{text[:10]} {text[11:19]}" for text in (first, last))
    return f"{len(records):,} events that came from {begin} to {end} UTC{f' on {first[:10]}' if alike else ''}"


def _received(record: Record) -> int:
    broker = milliseconds(record.kafka["kafka_time"])
    try:
        received = json.loads(record.value or b"")["receivedAt"]
        return min(broker, milliseconds(received)) if INSTANT.fullmatch(received) else broker
    except (ValueError, KeyError, TypeError, RecursionError):
        return broker
