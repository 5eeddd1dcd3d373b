"""Requests: their headers, and their bodies, read no further than they may be long and no longer than they may take."""

from __future__ import annotations

import asyncio
import zlib
from functools import cached_property

from starlette.requests import Request

from footfall.collector.segment import BATCH_BYTES

READ_SECONDS = 10  # for a whole body; 500 KB are there in that time on any line that a phone has
_GZIP = 31  # zlib's number for the gzip format with the largest window


class BadBody(Exception):
    """The body can't be read; status is HTTP's word for why."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Incoming(Request):
    """A request whose headers are looked up many times: Starlette's search through all of them each time."""

    @cached_property
    def fields(self) -> dict[str, str]:
        """The headers by their names in lower case; of one that came several times the last."""
        return {name.decode("latin-1"): value.decode("latin-1") for name, value in self.scope["headers"]}


async def read(request: Incoming, most: int = BATCH_BYTES) -> bytes:
    """The body, unpacked where it is gzip. Raises BadBody."""
    encoding = request.fields.get("content-encoding", "identity").strip().lower()
    if encoding not in ("gzip", "identity", ""):
        raise BadBody(415, f"Content-Encoding {encoding[:20]} is not known: send gzip or none")
    too_long = BadBody(413, f"the body is longer than {most:,} bytes")
    length = request.fields.get("content-length", "")
    announced = int(length[:20]) if length.isdecimal() else None
    if announced is not None and announced > most:
        raise too_long
    parts: list[bytes] = []
    size, more = 0, True
    try:
        async with asyncio.timeout(READ_SECONDS):
            while more:
                message = await request.receive()
                if message["type"] == "http.disconnect":
                    raise BadBody(400, "the body ended early")
                part = message.get("body", b"")
                size += len(part)
                if size > most:
                    raise too_long
                parts.append(part)
                # Granian says that nothing more comes in a message of its own: not worth the wait for it.
                more = message.get("more_body", False) and size != announced
    except TimeoutError:
        raise BadBody(408, f"the body did not arrive within {READ_SECONDS} s") from None
    body = b"".join(parts)
    return _unpacked(body, most, too_long) if encoding == "gzip" else body


def _unpacked(body: bytes, most: int, too_long: BadBody) -> bytes:
    """Of a body that would unpack to gigabytes no more is unpacked than may be."""
    unpacker = zlib.decompressobj(_GZIP)
    try:
        plain = unpacker.decompress(body, most + 1)
    except zlib.error:
        raise BadBody(400, "the body is no gzip, as its Content-Encoding says") from None
    if len(plain) > most:
        raise too_long
    if not unpacker.eof or unpacker.unused_data:
        raise BadBody(400, "the gzip body is cut off or has something behind it")
    return plain
