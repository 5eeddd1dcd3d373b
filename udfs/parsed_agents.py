"""User agents as ua-parser's rules (uap-core) read them, each once."""

from __future__ import annotations

from functools import lru_cache

from ua_parser import Result, parse

CACHED = 8192  # user agents; a site sees some thousands
LONGEST = 1000  # characters that are looked at


@lru_cache(CACHED)
def parsed(ua: str | None) -> Result | None:
    """What the rules find; None without a text."""
    if not ua:
        return None
    return parse(ua[:LONGEST].encode(errors="replace").decode())  # half a character, which JSON may hold, is no UTF-8
