r"""Access logs of Apache and nginx, combined format: one line is one request, some of them are page views.

The format is Apache's `combined` (mod_log_config) and nginx's (ngx_http_log_module), which are the same; in front may
stand the virtual host, as in Apache's `vhost_combined`, and behind anything. Apache writes what is not printable as
\xhh and a quote as \"; nginx writes \xHH for both.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

from footfall.collector.ip_addresses import packed, text_of
from footfall.loaders.campaigns import campaign
from footfall.loaders.lines import LeftOut, Outcome, Parsed, Unreadable, as_milliseconds

_QUOTED = r'"(?:[^"\\]|\\.)*"'
_LINE = re.compile(
    rf'(?P<front>[^"]+?) \[(?P<time>\d\d/[^\]]{{0,40}})\] (?P<request>{_QUOTED}) (?P<status>\d{{3}}|-) (?:\d+|-)'
    rf'(?: (?P<referrer>{_QUOTED}) (?P<agent>{_QUOTED})(?: .*)?|(?: [^"].*)?)'
)
_TIME = re.compile(r"(\d{2})/([A-Z][a-z]{2})/(\d{4}):(\d{2}):(\d{2}):(\d{2}) ([+-])(\d{2})(\d{2})")
_PORT = re.compile(r":\d{1,5}$")
_ESCAPED = re.compile(r"\\(?:x([0-9a-fA-F]{2})|(.))", re.DOTALL)
_CONTROLS = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", "v": "\v"}
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_TARGET = re.compile(r"(?:https?://[^/?#]*)?(/[^?#]*)(?:\?([^#]*))?(?:#.*)?", re.IGNORECASE | re.DOTALL)

# What a page loads or offers for download, by the end of the path.
_ASSETS = """
    css js mjs cjs map wasm json xml rss atom txt csv webmanifest
    png jpg jpeg gif svg svgz webp avif ico bmp tif tiff woff woff2 ttf otf eot
    mp3 m4a aac ogg oga wav flac mp4 m4v webm ogv mov avi mkv m3u8 ts vtt
    pdf doc docx xls xlsx ppt pptx odt ods odp epub
    zip gz tgz bz2 xz zst 7z rar tar jar exe msi dmg pkg deb rpm apk iso bin
"""
ASSETS = frozenset(_ASSETS.split())


class Request(NamedTuple):
    """A line, its escapes undone; time is Unix time in ms, text that the server wrote as `-` is empty."""

    host: str
    address: str
    time: int
    request: str
    status: str
    referrer: str
    agent: str


def parse(line: bytes, origin: str | None = None) -> Outcome:
    """What a line is: a page view, a request that is none, or nothing readable.

    origin, such as https://shop.example, makes the page's URL where the line names no virtual host. A page view is a
    GET that was answered with 2xx or 304, of a path that does not end as an asset does.
    """
    request = read(line)
    if request is None:
        return Unreadable("not a line of an access log in combined format")
    method, target = _method_and_target(request.request)
    matched = _TARGET.fullmatch(target)
    if reason := _no_page(request.status, method, matched):
        return LeftOut(reason, request.time)
    assert matched
    path, query = matched[1], matched[2] or ""
    page = {"path": path}
    if base := _origin(request.host) or origin:
        page["url"] = f"{base}{path}{f'?{query}' if query else ''}"
    page |= {
        name: value for name, value in (("referrer", request.referrer), ("search", query and f"?{query}")) if value
    }
    context: dict[str, object] = {"page": page, "library": {"name": "access-log"}}
    address = _address(request.address)
    for name, value in (("campaign", campaign(query)), ("userAgent", request.agent), ("ip", address)):
        if value:
            context[name] = value
    return Parsed(
        request.time, {"type": "page", "context": context}, identity=blake2b(line, digest_size=16).hexdigest(),
        # Where the server looked up names, a name is what there is of an address.
        address=address or "", agent=request.agent if address else f"{request.address} {request.agent}",
    )  # fmt: skip


def read(line: bytes) -> Request | None:
    """The fields of a line; None where it is none."""
    matched = _LINE.fullmatch(line.decode("utf-8", "replace"))
    if not matched:
        return None
    time = _milliseconds(matched["time"])
    front = _host_and_address(matched["front"].split(" "))
    if time is None or front is None:
        return None
    request, referrer, agent = (_text(matched[name]) for name in ("request", "referrer", "agent"))
    return Request(*front, time, request, matched["status"], referrer, agent)


def _no_page(status: str, method: str, target: re.Match[str] | None) -> str | None:
    """Why a request is no page view; None where it is one."""
    if status[0] == "3" and status != "304":
        return "redirects"
    if status[0] != "2" and status != "304":
        return "errors"
    if method != "GET":
        return "other methods"
    if target is None:
        return "broken requests"
    _, dot, extension = target[1].partition(";")[0].rpartition("/")[2].rpartition(".")
    return "assets" if dot and extension.lower() in ASSETS else None


def _method_and_target(request: str) -> tuple[str, str]:
    """`GET /a b HTTP/1.1` is read as it was meant: clients forget to escape spaces."""
    method, _, rest = request.partition(" ")
    target, _, protocol = rest.rpartition(" ")
    return method, target if protocol.startswith("HTTP/") else rest


def _host_and_address(words: list[str]) -> tuple[str, str] | None:
    """What stands before the time: [virtual host] address ident user; a user's name may have spaces in it.

    Behind a proxy the address may be a list with commas, `client, proxy`: the first is the client's.
    """
    if len(words) < 3:
        return None
    if words[0].endswith(","):
        return "", words[0][:-1]
    if len(words) > 3 and (_address(words[1]) or (_PORT.search(words[0]) and words[1] != "-")):
        return words[0], words[1]
    return "", words[0]


def _origin(host: str) -> str:
    """Where a virtual host is served; without a port it is taken for https."""
    name, colon, port = host.rpartition(":")
    if not colon or not port.isdecimal():
        name, port = host, "443"
    if name in ("", "-", "_"):
        return ""
    if port in ("80", "443"):
        return f"{'http' if port == '80' else 'https'}://{name}"
    return f"{'https' if port == '8443' else 'http'}://{name}:{port}"


@lru_cache(maxsize=4096)
def _address(text: str) -> str | None:
    """An IP address in its usual form, an IPv4 one that came through IPv6 as IPv4; None for a name."""
    whole = packed(text.strip("[]"))
    return text_of(whole) if whole else None


@lru_cache(maxsize=1024)
def _milliseconds(text: str) -> int | None:
    """Unix time in ms of a time such as 31/Jan/2026:13:00:00 +0100."""
    matched = _TIME.fullmatch(text)
    if not matched:
        return None
    day, month, year, hour, minute, second, sign, hours, minutes = matched.groups()
    try:
        offset = timedelta(hours=int(hours), minutes=int(minutes)) * (-1 if sign == "-" else 1)
        moment = datetime(
            int(year), _MONTHS.index(month) + 1, int(day), int(hour), int(minute), int(second), tzinfo=timezone(offset)
        )
        return as_milliseconds(round(moment.astimezone(UTC).timestamp() * 1000))
    except (ValueError, OverflowError):
        return None


def _text(quoted: str | None) -> str:
    text = (quoted or "")[1:-1]
    if "\\" in text:
        text = _unescaped(text)
    return "" if text == "-" else text


def _unescaped(text: str) -> str:
    """Undo \\xhh, which is one byte of UTF-8, and what stands for one character."""

    def plain(escape: re.Match[str]) -> str:
        if escape[1]:
            return chr(int(escape[1], 16) + (0xDC00 if int(escape[1], 16) > 127 else 0))
        return _CONTROLS.get(escape[2], escape[2])

    # Bytes above 127 are half surrogates here, as Python's surrogateescape has them, until they are all there.
    return _ESCAPED.sub(plain, text).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
