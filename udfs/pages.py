"""Which page an address is of, without what says how somebody came to it."""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from urllib.parse import quote, urlencode

from udfs.urls import CACHED, host, query, split

VALUE_LENGTH = 100  # characters of a parameter


@lru_cache(CACHED)
def normalised(
    url: str | None, parameters: Collection[str] = (), *, with_host: bool = True, path: str | None = None
) -> str | None:
    """The page of an address: host, path, and of its query the named parameters, such as shop.example/search?q=tent.

    All other parameters go, those of campaigns and click ids among them, and so do scheme, www., port and fragment.
    Parameters are in the order of their names and written in one way; of a name that comes twice the first counts, one
    without a value is none. The path is as it was sent, / where it is empty; one that the page gives itself, path,
    takes its place. None where url is no address with a host.
    """
    name, parts = host(url), split(url)
    if name is None or parts is None:
        return None
    asked = query(url)
    kept = {key: asked[key][:VALUE_LENGTH] for key in sorted(parameters) if key in asked}
    page = (name if with_host else "") + (path or parts.path or "/")
    return f"{page}?{urlencode(kept, quote_via=quote, errors='replace')}" if kept else page
