"""`footfall load`: events of a file into the topic, as history that counts as on time."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from footfall.errors import FootfallError
from footfall.events import LATENESS_MS, iso, milliseconds, refuse_behind, sender
from footfall.settings import Settings

CSV_COLUMNS = ("user_id", "event_time", "url")


@dataclass
class Loaded:
    """What came of it: records written, those without a readable time, those that count as late."""

    count: int = 0
    untimed: int = 0
    late: int = 0


def load(settings: Settings, path: Path, site: str, progress: Callable[[int], None] = lambda done: None) -> Loaded:
    """Write the events of a CSV file (user_id,event_time,url) or of Segment-Spec JSON lines to the topic, in order.

    An event without receivedAt is given the newest event time read so far, its own where the file is in order: what
    lies more than 60 s behind others in the file counts as late. A line that is no event is written as it is, and
    comes into rejected_events. progress is called with the bytes read. Raises FootfallError.
    """
    loaded, newest = Loaded(), 0
    try:
        file = path.open("rb")
    except OSError as error:
        raise FootfallError(f"can't read {path}: {error.strerror}") from None
    with file:
        events = read_events(path, file, site)
        with sender(settings, linger_ms=100) as topic:
            for event in events:
                if isinstance(event, bytes):
                    topic.send(site.encode(), event)
                    loaded.untimed += 1
                else:
                    time = event_time(event)
                    if time is None:
                        loaded.untimed += 1
                    else:
                        if not newest:
                            refuse_behind(settings, time, str(path))
                        newest = stamp(event, time, newest)
                        loaded.late += time < newest - LATENESS_MS
                    visitor = event.get("anonymousId") or event.get("userId") or ""
                    topic.send(
                        f"{site}:{visitor}".encode(), json.dumps(event, ensure_ascii=False).encode("utf-8", "replace")
                    )
                if topic.sent % 1000 == 0 and not file.closed:
                    progress(file.tell())
            loaded.count = topic.sent
    progress(path.stat().st_size)
    return loaded


def stamp(event: dict[str, Any], time: int, newest: int) -> int:
    """Write an event's times as Flink reads them; time and newest, the newest of those before, are Unix time in ms.

    Returns the newest event time now.
    """
    newest = max(newest, time)
    event["timestamp"] = iso(time)
    event["receivedAt"] = event.get("receivedAt") or iso(newest)
    return newest


def event_time(event: dict[str, Any]) -> int | None:
    """Unix time in ms of an event's timestamp; None where it has none that can be read."""
    try:
        return milliseconds(event["timestamp"])
    except (KeyError, TypeError, ValueError):
        return None


def read_events(path: Path, file: IO[bytes], site: str) -> Iterator[dict[str, Any] | bytes]:
    plain: Any = gzip.GzipFile(fileobj=file) if path.suffix == ".gz" else file
    kind = path.with_suffix("").suffix if path.suffix == ".gz" else path.suffix
    try:
        if kind == ".csv":
            yield from _csv_events(path, io.TextIOWrapper(plain, encoding="utf-8", errors="replace", newline=""), site)
        elif kind in (".json", ".jsonl", ".ndjson"):
            yield from _json_events(plain, site)
        else:
            raise FootfallError(f"{path}: the name must end in .csv, .json, .jsonl or .ndjson, .gz behind it or not")
    except (gzip.BadGzipFile, EOFError) as error:
        raise FootfallError(f"{path} is no whole gzip file: {error}") from None
    except csv.Error as error:
        raise FootfallError(f"{path} is no CSV file: {error}") from None


def _csv_events(path: Path, text: IO[str], site: str) -> Iterator[dict[str, Any]]:
    csv.field_size_limit(1_000_000)
    rows = csv.DictReader(text)
    if not set(CSV_COLUMNS) <= set(rows.fieldnames or ()):
        raise FootfallError(
            f"{path}:1: found the columns {','.join(rows.fieldnames or ()) or 'none'}: write {','.join(CSV_COLUMNS)}"
        )
    for number, row in enumerate(rows):
        user, time, url = (row[name] or "" for name in CSV_COLUMNS)
        # Two equal rows are two events; the same row loaded again is a copy of the same event.
        identity = "\0".join((site, str(number), user, time, url))
        yield {
            "messageId": hashlib.sha256(identity.encode("utf-8", "replace")).hexdigest()[:32],
            "type": "page",
            "site": site,
            "anonymousId": user,
            "timestamp": time,
            "context": {"page": {"url": url, "path": _path(url)}, "library": {"name": "footfall load"}},
        }


def _path(url: str) -> str | None:
    try:
        return urlsplit(url).path or "/"
    except ValueError:  # malformed; the event counts all the same
        return None


def _json_events(lines: IO[bytes], site: str) -> Iterator[dict[str, Any] | bytes]:
    for number, line in enumerate(lines):
        if not line.strip():
            continue
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):
            event = None
        if isinstance(event, dict):
            event["site"] = site
            event.setdefault("messageId", hashlib.sha256(b"%d\0%b" % (number, line)).hexdigest()[:32])
            yield event
        else:
            yield line.rstrip(b"\r\n")
