"""Which format a file has: by its name, else by its first lines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import IO

from footfall.errors import FootfallError
from footfall.loaders import access_log, ga4, snowplow
from footfall.loaders.lines import Format, Outcome, open_file, read_object, unpacked, whole_gzip

CSV_COLUMNS = ("user_id", "event_time", "url")
HEAD = 256 * 1024  # bytes that are looked at
BINARY = {
    b"PAR1": "Parquet",
    b"Obj\x01": "Avro",
    b"ORC": "ORC",
    b"BZh": "bzip2",
    b"\xfd7zXZ\0": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"PK\x03\x04": "zip",
}
TABLES = ("Parquet", "Avro", "ORC")


# What each line of a foreign format is called where there is none.
LINES = {
    Format.ACCESS_LOG: "a request in Apache's and nginx's combined format",
    Format.GA4: "an event of a GA4 export with event_name and event_timestamp",
    Format.SNOWPLOW: "an enriched event in Snowplow's 131 columns",
}


def parser(kind: Format, origin: str | None) -> Callable[[bytes], Outcome]:
    """What reads a line of a foreign format."""
    if kind is Format.ACCESS_LOG:
        return partial(access_log.parse, origin=origin)
    return {Format.GA4: ga4.parse, Format.SNOWPLOW: snowplow.parse}[kind]


def format_of(paths: Sequence[Path]) -> Format:
    """The one format of these files. Raises FootfallError where there is none, or more than one."""
    found: dict[Format, Path] = {}
    for path in paths:
        with open_file(path) as file:
            if path.stat().st_size or len(paths) == 1:  # logs that were just rotated are empty
                found.setdefault(recognised(path, file), path)
    if len(found) > 1:
        (one, path), (other, another), *_ = found.items()
        raise FootfallError(f"{path} is {one} and {another} is {other}: load one format at a time, or say --format")
    if not found:
        raise FootfallError(f"{', '.join(map(str, paths))}: all are empty")
    return next(iter(found))


def recognised(path: Path, file: IO[bytes]) -> Format:
    """The format of an open file, which is at its start afterwards. Raises FootfallError where it has none of them."""
    lines = _first_lines(path, file)
    suffix = (path.with_suffix("") if path.suffix == ".gz" else path).suffix
    if suffix == ".csv":
        return Format.CSV
    if any(ga4.is_event(read_object(line)) for line in lines if line.startswith(b"{")):
        return Format.GA4
    if suffix in (".json", ".jsonl", ".ndjson"):
        return Format.SEGMENT
    if any(map(snowplow.is_event, lines)):
        return Format.SNOWPLOW
    if any(access_log.read(line) for line in lines):
        return Format.ACCESS_LOG
    if any(line.startswith(b"{") and read_object(line) for line in lines):
        return Format.SEGMENT
    if lines and set(CSV_COLUMNS) <= set(lines[0].decode("utf-8", "replace").split(",")):
        return Format.CSV
    if any(b"\0" in line for line in lines):
        raise FootfallError(f"{path} is no text: found the byte 0 in it")
    raise FootfallError(
        f"{path}{'' if lines else ' is empty'}: the name must end in .csv, .json, .jsonl or .ndjson, .gz behind it or "
        "not, or it must be an access log, a GA4 export or a Snowplow file; --format says which"
    )


def _first_lines(path: Path, file: IO[bytes]) -> list[bytes]:
    with whole_gzip(path):
        head = unpacked(path, file).read(HEAD)
    file.seek(0)
    for magic, name in BINARY.items():
        if head.startswith(magic):
            raise FootfallError(
                f"{path} is {name}, which is not read: export newline-delimited JSON instead, "
                "`bq extract --destination_format NEWLINE_DELIMITED_JSON`"
                if name in TABLES
                else f"{path} is packed with {name}, which is not read: unpack it, or pack it with gzip"
            )
    *lines, last = head.split(b"\n")
    if len(head) < HEAD or not lines:
        lines.append(last)
    return [stripped for line in lines if (stripped := line.strip(b"\r\n").removeprefix(b"\xef\xbb\xbf"))]
