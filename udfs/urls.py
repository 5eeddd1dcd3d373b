"""What an address says. Nothing here raises: what is no address has no parts."""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import SplitResult, parse_qsl, urlsplit

CACHED = 8192  # addresses
# Characters of an address that are looked at where not all are ASCII: urlsplit normalises the host
# (NFKC), which takes the square of its length. sql/views/received_events.sql cuts addresses likewise.
LONGEST = 2000


@lru_cache(CACHED)
def host(url: str | None) -> str | None:
    """The host in small letters, without www. and port; None where there is none."""
    parts = split(url)
    name = parts.hostname if parts else None
    return name.removeprefix("www.").rstrip(".") or None if name else None


@lru_cache(CACHED)
def query(url: str | None) -> dict[str, str]:
    """The parameters of an address that have a value, decoded; of a name that comes twice, the first."""
    parts = split(url)
    try:
        pairs = parse_qsl(parts.query, max_num_fields=200) if parts else []
    except ValueError:
        pairs = []
    return dict(reversed(pairs))


def split(url: str | None) -> SplitResult | None:
    """The parts of an address; None where it is none."""
    text = url or ""
    try:
        parts = urlsplit(text if text.isascii() else text[:LONGEST])
        parts.hostname  # noqa: B018  # raises for a host that is none
    except ValueError:
        return None
    return parts
