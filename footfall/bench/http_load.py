"""Many HTTP requests at once to a server of this machine, and how long each took: for benches and tests.

Requests are made beforehand, as bytes, so that the generator takes little of the cores that it shares with the server.
"""

from __future__ import annotations

import asyncio
import base64
import ssl
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

ANSWER_SECONDS = 30


@dataclass
class Report:
    """What came of it. latencies in seconds, those of a paced run from the moment that was planned."""

    statuses: Counter[int] = field(default_factory=Counter)  # 0: no answer
    latencies: list[float] = field(default_factory=list)
    seconds: float = 0.0

    def quantile(self, share: float) -> float:
        """In seconds."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


def post(url: str, body: bytes, write_key: str = "", **headers: str) -> bytes:
    """A POST as it goes over the wire."""
    place = urlsplit(url)
    if write_key:
        headers["Authorization"] = "Basic " + base64.b64encode(f"{write_key}:".encode()).decode()
    lines = [f"POST {place.path} HTTP/1.1", f"Host: {place.netloc}", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def drive(
    url: str,
    requests: Iterable[bytes],
    *,
    connections: int = 32,
    per_second: float | None = None,
    tls: ssl.SSLContext | None = None,
    on_answer: Callable[[bytes, int], None] = lambda request, status: None,
) -> Report:
    """Send the requests over that many connections, each waiting for its answer; per_second paces all of them together.

    on_answer is called with each request and its status, 0 where the connection broke before one came.
    """
    return asyncio.run(_drive(url, iter(requests), connections, per_second, tls, on_answer))


async def _drive(
    url: str, requests: Iterator[bytes], connections: int, per_second: float | None, tls: ssl.SSLContext | None,
    on_answer: Callable[[bytes, int], None],
) -> Report:  # fmt: skip
    report, begin, planned = Report(), time.perf_counter(), 0
    place = urlsplit(url)

    async def client() -> None:
        nonlocal planned
        stream: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        for request in requests:
            start = time.perf_counter()
            if per_second:
                start = begin + planned / per_second
                planned += 1
                if (wait := start - time.perf_counter()) > 0:
                    await asyncio.sleep(wait)
            status = 0
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    if stream is None:
                        stream = await asyncio.open_connection(place.hostname, place.port, ssl=tls)
                    stream[1].write(request)
                    status, keeps = await _answer(stream[0])
            except (OSError, EOFError, ValueError, TimeoutError):
                keeps = False
            if not keeps and stream is not None:
                stream[1].close()
                stream = None
            report.latencies.append(time.perf_counter() - start)
            report.statuses[status] += 1
            on_answer(request, status)
        if stream is not None:
            stream[1].close()

    await asyncio.gather(*(client() for _ in range(connections)))
    report.seconds = time.perf_counter() - begin
    return report


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bool]:
    """The status of an answer, and whether the connection stays open."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
    if length:
        await reader.readexactly(int(length))
    return int(head[9:12]), b"connection: close" not in head
