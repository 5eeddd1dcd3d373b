"""What a file of events holds: its lines, and what a parser makes of one."""

from __future__ import annotations

import contextlib
import gzip
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import IO, Any, NamedTuple

from footfall.errors import FootfallError
from footfall.topic import YEAR_10000

GZIP = b"\x1f\x8b"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
LINE_BYTES = 1_000_000  # a longer line is cut: no format here has any, and a file without line breaks must fit


class Format(StrEnum):
    """What `footfall load` reads."""

    CSV = "csv"
    SEGMENT = "segment"
    ACCESS_LOG = "access-log"
    GA4 = "ga4"
    SNOWPLOW = "snowplow"


@dataclass(slots=True)
class Parsed:
    """An event of a line; time is Unix time in ms.

    identity is what makes it this event and no other, where it has no messageId; equal ones of one time are counted.
    order decides between events of one time. address and agent distinguish visitors that have no id.
    """

    time: int
    event: dict[str, Any]
    identity: str = ""
    order: tuple[int | str, ...] = ()
    address: str = ""
    agent: str = ""


class LeftOut(NamedTuple):
    """A line that is read, and is no event to load, such as a request for a picture."""

    reason: str
    time: int


class Unreadable(NamedTuple):
    """A line that is not of the format; it comes into rejected_events with the reason."""

    reason: str


Outcome = Parsed | LeftOut | Unreadable


@contextlib.contextmanager
def open_file(path: Path) -> Iterator[IO[bytes]]:
    """The bytes of a file. Raises FootfallError where it can't be opened or read."""
    try:
        with path.open("rb") as file:
            yield file
    except OSError as error:
        raise FootfallError(f"can't read {path}: {error.strerror or error}") from None


def unpacked(path: Path, file: IO[bytes]) -> IO[bytes]:
    """The text of an open file, from its start; gzip is known by its first bytes, or meant by its name."""
    file.seek(0)
    magic = file.read(len(GZIP))
    file.seek(0)
    if magic == GZIP or (path.suffix == ".gz" and magic):
        return gzip.GzipFile(fileobj=file)  # type: ignore[return-value]
    return file


@contextlib.contextmanager
def whole_gzip(path: Path) -> Iterator[None]:
    """Raise FootfallError where what is read inside turns out to be no gzip file, or one that was cut off."""
    try:
        yield
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise FootfallError(f"{path} is no whole gzip file: {error}") from None


def read_lines(path: Path, file: IO[bytes]) -> Iterator[bytes]:
    """The lines of an open file without their ends, empty ones too. Raises FootfallError for a broken gzip file."""
    text, mark = unpacked(path, file), BYTE_ORDER_MARK
    with whole_gzip(path):
        while line := text.readline(LINE_BYTES):
            rest, line, mark = line, line.removeprefix(mark), b""
            while not rest.endswith(b"\n") and len(rest) == LINE_BYTES:
                rest = text.readline(LINE_BYTES)
            yield line.rstrip(b"\r\n")


def read_object(text: bytes) -> dict[str, Any] | None:
    """A JSON object; None where the text is none. Half characters, which no UTF-8 can hold, are replaced."""
    try:
        value = json.loads(text)
        if b"\\ud" in text.lower():
            value = json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def as_milliseconds(time: int) -> int:
    """Check a Unix time in ms: ValueError where it is none of 1970 to 9999."""
    if not 0 <= time < YEAR_10000:
        raise ValueError("the time is not of the years 1970 to 9999")
    return time
