"""Sorting more events than memory holds: sorted runs in temporary files, which are then merged."""

from __future__ import annotations

import contextlib
import heapq
import tempfile
from collections.abc import Generator, Iterable, Iterator
from typing import IO

import msgspec

from footfall.errors import FootfallError

RUN_BYTES = 32 * 1024 * 1024  # of events as text; as objects they take twice that


class Entry(msgspec.Struct, array_like=True):
    """An event as JSON text and its place: by time, Unix time in ms, then by order. identity may be empty."""

    time: int
    order: list[int | str]
    identity: str
    text: msgspec.Raw


def in_order(entries: Iterable[Entry], run_bytes: int = RUN_BYTES) -> Generator[Entry, None, None]:
    """The entries by time and order. All are read before the first is given back; run_bytes of them stay in memory.

    The temporary files have no name, so that nothing is left of them however this ends. Raises FootfallError where the
    disk is full.
    """
    with contextlib.ExitStack() as files:
        runs: list[Iterator[Entry]] = []
        run: list[Entry] = []
        size = 0
        for entry in entries:
            run.append(entry)
            size += len(bytes(entry.text))
            if size >= run_bytes:
                runs.append(_read(files.enter_context(_written(sorted(run, key=_place)))))
                run, size = [], 0
        yield from heapq.merge(*runs, sorted(run, key=_place), key=_place)


def _place(entry: Entry) -> tuple[int, list[int | str]]:
    return entry.time, entry.order


def _written(run: list[Entry]) -> IO[bytes]:
    file: IO[bytes] | None = None
    try:
        file = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
        for entry in run:
            file.write(msgspec.json.encode(entry) + b"\n")
        file.seek(0)
        return file
    except OSError as error:
        if file:
            with contextlib.suppress(OSError):  # what it could not write before it can't write now
                file.close()
        raise FootfallError(
            f"can't sort the events in {tempfile.gettempdir()}: {error.strerror}; TMPDIR names another folder"
        ) from None


def _read(file: IO[bytes]) -> Iterator[Entry]:
    decode = msgspec.json.Decoder(Entry).decode
    return map(decode, file)
