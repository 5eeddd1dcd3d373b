"""The two formats that are Footfall's own: CSV with user_id,event_time,url, and Segment-Spec JSON lines."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from footfall.errors import FootfallError
from footfall.loaders.campaigns import page_of
from footfall.loaders.formats import CSV_COLUMNS, recognised
from footfall.loaders.lines import Format, read_lines, read_object, unpacked, whole_gzip


def read_events(path: Path, file: IO[bytes], site: str, kind: Format | None = None) -> Iterator[dict[str, Any] | bytes]:
    """The events of an open file in their order; a JSON line that is no object comes as it is. Raises FootfallError."""
    kind = kind or recognised(path, file)
    if kind is Format.CSV:
        with whole_gzip(path):
            text = io.TextIOWrapper(unpacked(path, file), encoding="utf-8-sig", errors="replace", newline="")
            yield from _csv_events(path, text, site)
    elif kind is Format.SEGMENT:
        yield from _json_events(path, file, site)
    else:
        raise FootfallError(
            f"{path} is {kind}: only CSV and Segment JSON lines are events as they are; `load` it first"
        )


def _csv_events(path: Path, text: IO[str], site: str) -> Iterator[dict[str, Any]]:
    csv.field_size_limit(1_000_000)
    rows = csv.DictReader(text)
    try:
        if not set(CSV_COLUMNS) <= set(rows.fieldnames or ()):
            raise FootfallError(
                f"{path}:1: found the columns {','.join(rows.fieldnames or ()) or 'none'}: "
                f"write {','.join(CSV_COLUMNS)}"
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
                "context": {
                    "page": {"url": url, "path": page_of(url).get("path")},
                    "library": {"name": "footfall load"},
                },
            }
    except csv.Error as error:
        raise FootfallError(f"{path} is no CSV file: {error}") from None


def _json_events(path: Path, file: IO[bytes], site: str) -> Iterator[dict[str, Any] | bytes]:
    for number, line in enumerate(read_lines(path, file)):
        if not line.strip():
            continue
        event = read_object(line)
        if event is None:
            yield line
        else:
            event["site"] = site
            event.setdefault("messageId", hashlib.sha256(b"%d\0%b\n" % (number, line)).hexdigest()[:32])
            yield event
