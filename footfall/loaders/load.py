"""`footfall load`: events of files into the topic, as history that counts as on time."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from footfall.collector.segment import Invalid
from footfall.errors import FootfallError
from footfall.loaders import foreign
from footfall.loaders.external_sort import in_order
from footfall.loaders.formats import LINES, format_of, parser
from footfall.loaders.lines import Format, open_file
from footfall.loaders.native import read_events
from footfall.loaders.rules import Rules, rules_of
from footfall.settings import Settings
from footfall.topic import LATENESS_MS, Sender, iso, milliseconds, refuse_behind, sender

__all__ = ["Loaded", "event_time", "load", "read_events", "stamp"]

Progress = Callable[[str, int, int], None]
REJECTED_BYTES = 500_000  # of a line that is written as it is: what fits into a record


@dataclass
class Loaded:
    """What came of it: records written, those without a readable time, those that count as late.

    left_out counts, by reason, what was read and is not in the topic; unreadable the lines that are in it as rejected,
    beside count. ruled says whether the site's privacy rules were applied.
    """

    count: int = 0
    untimed: int = 0
    late: int = 0
    unreadable: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    ruled: bool = False


def load(
    settings: Settings, files: Path | Sequence[Path], site: str, *, kind: Format | None = None,
    origin: str | None = None, progress: Progress = lambda doing, done, total: None,
) -> Loaded:  # fmt: skip
    """Write the events of files, all of one format, to the topic in order of their times.

    kind is recognised where it is None; origin, such as https://shop.example, is where the pages of an access log are.
    CSV and Segment JSON lines stay in their order, file by file, and without the site in Postgres they are written as
    they are; all else is sorted, and needs the site. progress is called with what is done, how much and of how much.
    Raises FootfallError.
    """
    paths = [files] if isinstance(files, Path) else list(files)
    _refuse_twice(paths)
    kind = kind or format_of(paths)
    if origin and kind is not Format.ACCESS_LOG:
        raise FootfallError(f"--origin is for access logs, and {paths[0]} is {kind}")
    rules = rules_of(settings, site, required=kind in LINES)
    if rules and kind in LINES:
        return _load_sorted(settings, paths, rules, kind, origin, progress)
    return _load_as_it_is(settings, paths, site, kind, rules, progress)


def stamp(event: dict[str, Any], time: int, newest: int) -> int:
    """Write an event's times as Flink reads them; time and newest, the newest of those before, are Unix time in ms.

    Returns the newest event time now.
    """
    newest = max(newest, time)
    event["timestamp"] = iso(time)
    event["receivedAt"] = event.get("receivedAt") or iso(newest)
    return newest


def event_time(event: dict[str, Any], name: str = "timestamp") -> int | None:
    """Unix time in ms of an event's timestamp, or other time; None where it has none that can be read."""
    try:
        return milliseconds(event[name])
    except (KeyError, TypeError, ValueError):
        return None


def _load_as_it_is(
    settings: Settings, paths: Sequence[Path], site: str, kind: Format, rules: Rules | None, progress: Progress
) -> Loaded:
    """An event without receivedAt is given the newest event time read so far, its own where the files are in order.

    What lies more than 60 s behind others counts as late. A line that is no event is written as it is, or as what the
    rules leave of it, and comes into rejected_events.
    """
    loaded, done, total = Loaded(ruled=rules is not None), 0, sum(map(_size, paths))
    files = _by_first_event(paths, site, kind)
    newest = files[0][0]
    with sender(settings, linger_ms=100) as topic:
        if newest:
            refuse_behind(settings, newest, str(files[0][1]))
        for _, path in files:
            with open_file(path) as file:
                for event in read_events(path, file, site, kind):
                    time = event_time(event) if isinstance(event, dict) else None
                    record = _ruled(event, time, rules) if rules else event
                    if record is None:
                        loaded.left_out["without consent"] += 1
                        continue
                    if _is_rejected(record):
                        loaded.unreadable += 1
                    elif isinstance(record, dict) and time is not None:
                        newest = stamp(record, time, newest)
                        loaded.late += time < newest - LATENESS_MS
                    else:
                        loaded.untimed += 1
                    _send(topic, site, record, newest)
                    if topic.sent % 1000 == 0 and not file.closed:
                        progress("loading", done + file.tell(), total)
            done += _size(path)
        loaded.count = topic.sent - loaded.unreadable
    progress("loading", total, total)
    return loaded


def _load_sorted(
    settings: Settings, paths: Sequence[Path], rules: Rules, kind: Format, origin: str | None, progress: Progress
) -> Loaded:
    """Nothing is written before all is read: a file that breaks off leaves nothing behind."""
    loaded, counts, site = Loaded(ruled=True), foreign.Counts(), rules.site.name
    parse, total = parser(kind, origin), sum(map(_size, paths))
    files = foreign.by_first_time(paths, kind, parse)
    copies: Counter[str] = Counter()
    newest = 0
    with sender(settings, linger_ms=100) as topic:
        read = foreign.entries(files, parse, rules, counts, lambda done: progress("reading", done, total))
        with closing(in_order(read)) as entries:
            for entry in entries:
                if not topic.sent:
                    refuse_behind(settings, entry.time, " and ".join(map(str, paths)))
                if entry.time > newest:
                    copies.clear()
                event = msgspec.json.decode(entry.text, type=dict)
                newest = entry.time
                if not _is_rejected(event):
                    # Two equal lines are two events; the same lines loaded again are copies of the same events.
                    copies[entry.identity] += 1
                    identity = f"{site}\0{entry.identity}\0{copies[entry.identity]}"
                    event.setdefault("messageId", hashlib.sha256(identity.encode()).hexdigest()[:32])
                    stamp(event, entry.time, newest)
                    loaded.count += 1
                _send(topic, site, event, newest)
                if topic.sent % 1000 == 0:
                    progress("writing", topic.sent, topic.sent)
    loaded.left_out, loaded.unreadable = counts.left_out, counts.unreadable
    return loaded


def _ruled(event: dict[str, Any] | bytes, time: int | None, rules: Rules) -> dict[str, Any] | None:
    """What the rules leave of an event; None where it is not kept. What is no time is not kept in place of one."""
    if isinstance(event, bytes):
        return rules.rejected(event, "the text is not a JSON object")
    if time is None:
        return rules.rejected(json.dumps(event).encode(), "timestamp is missing or not ISO-8601")
    context = event.get("context")
    known = context if isinstance(context, dict) else {}
    address, agent = (str(known.get(name) or "") for name in ("ip", "userAgent"))
    try:
        text = rules.protected(event, time, address=address, agent=agent)
    except Invalid as error:
        return rules.rejected(json.dumps(event).encode(), str(error))
    if text is None:
        return None
    times = ((name, event_time(event, name)) for name in ("originalTimestamp", "sentAt", "receivedAt"))
    kept = msgspec.json.decode(text, type=dict)
    return {**kept, **{name: None if found is None else iso(found) for name, found in times if name in event}}


def _send(topic: Sender, site: str, event: dict[str, Any] | bytes, newest: int) -> None:
    """An event that says nothing of its own time gets newest: the broker's time would end the windows of all others."""
    if isinstance(event, bytes):
        topic.send(site.encode(), event[:REJECTED_BYTES])
        return
    if newest and not event.get("receivedAt"):
        event["receivedAt"] = iso(newest)
    visitor = event.get("anonymousId") or event.get("userId") or ""
    key = site if _is_rejected(event) else f"{site}:{visitor}"
    topic.send(key.encode("utf-8", "replace"), json.dumps(event, ensure_ascii=False).encode("utf-8", "replace"))


def _is_rejected(event: dict[str, Any] | bytes) -> bool:
    return isinstance(event, dict) and event.get("type") == "rejected"


def _by_first_event(paths: Sequence[Path], site: str, kind: Format) -> list[tuple[int, Path]]:
    """The files with the time of their first event that has one, 0 where none has, in that order."""
    found = []
    for path in paths:
        with open_file(path) as file:
            times = (event_time(event) for event in read_events(path, file, site, kind) if isinstance(event, dict))
            found.append((next((time for time in times if time is not None), 0), path))
    return sorted(found)


def _refuse_twice(paths: Sequence[Path]) -> None:
    seen = set()
    for path in paths:
        if path.resolve() in seen:
            raise FootfallError(f"{path} is named twice: its events would count twice")
        seen.add(path.resolve())


def _size(path: Path) -> int:
    with open_file(path):
        return path.stat().st_size
