"""Access logs, GA4 exports and Snowplow files as entries to sort: every line is an event, left out, or rejected."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from footfall.collector.segment import Invalid
from footfall.errors import FootfallError
from footfall.loaders.external_sort import Entry
from footfall.loaders.formats import LINES
from footfall.loaders.lines import Format, LeftOut, Outcome, Parsed, Unreadable, open_file, read_lines
from footfall.loaders.rules import Rules

Parse = Callable[[bytes], Outcome]
EVENT, AFTER_EVENTS = 0, 1  # what is rejected has the time of the line before it, and follows it


@dataclass
class Counts:
    """What became of the lines that are no events."""

    left_out: Counter[str] = field(default_factory=Counter)
    unreadable: int = 0


def by_first_time(paths: Sequence[Path], kind: Format, parse: Parse) -> list[tuple[int, Path]]:
    """The files that hold lines, with the time of the first line that can be read, Unix time in ms, in that order.

    Raises FootfallError for a file of another format, and where all are empty.
    """
    found = [(time, path) for path in paths if (time := _first_time(path, kind, parse)) is not None]
    if not found:
        raise FootfallError(f"{' and '.join(map(str, paths))}: nothing to load, {_are(paths)} empty")
    return sorted(found)


def entries(
    files: Sequence[tuple[int, Path]], parse: Parse, rules: Rules, counts: Counts, progress: Callable[[int], None]
) -> Iterator[Entry]:
    """The events of the files as the site's rules leave them, and records of the lines that are none, unsorted.

    What is left out is counted. progress is called with the bytes read.
    """
    done = 0
    for rank, (time, path) in enumerate(files):
        with open_file(path) as file:
            for number, line in enumerate(read_lines(path, file)):
                if number % 1000 == 0:
                    progress(done + file.tell())
                outcome = parse(line) if line.strip() else LeftOut("empty lines", time)
                if not isinstance(outcome, Unreadable):
                    time = outcome.time
                if isinstance(outcome, LeftOut):
                    counts.left_out[outcome.reason] += 1
                    continue
                try:
                    if isinstance(outcome, Unreadable):
                        raise Invalid(outcome.reason)
                    entry = _entry(outcome, rules, (rank, number))
                except Invalid as error:
                    counts.unreadable += 1
                    record = rules.rejected(line, str(error))
                    entry = Entry(time, [AFTER_EVENTS], "", msgspec.Raw(msgspec.json.encode(record)))
                if entry is None:
                    counts.left_out["without consent"] += 1
                else:
                    yield entry
        done += path.stat().st_size
    progress(done)


def _entry(parsed: Parsed, rules: Rules, place: tuple[int, int]) -> Entry | None:
    """None where the rules don't keep it. Raises Invalid."""
    text = rules.protected(parsed.event, parsed.time, address=parsed.address, agent=parsed.agent)
    if text is None:
        return None
    return Entry(parsed.time, [EVENT, *(parsed.order or place)], parsed.identity, msgspec.Raw(text))


def _first_time(path: Path, kind: Format, parse: Parse) -> int | None:
    """None for an empty file."""
    count = 0
    with open_file(path) as file:
        for line in filter(bytes.strip, read_lines(path, file)):
            outcome = parse(line)
            if not isinstance(outcome, Unreadable):
                return outcome.time
            count += 1
    if count:
        raise FootfallError(f"{path}: none of its {count:,} lines is {LINES[kind]}; --format names another format")
    return None


def _are(paths: Sequence[Path]) -> str:
    return "it is" if len(paths) == 1 else "all are"
