"""What the query of a page's URL says about where a visit came from."""

from __future__ import annotations

from urllib.parse import parse_qsl

from udfs.urls import split

# Segment Spec, context.campaign: utm_campaign is its name, the others keep theirs.
PARAMETERS = {
    "utm_source": "source",
    "utm_medium": "medium",
    "utm_campaign": "name",
    "utm_term": "term",
    "utm_content": "content",
    "utm_id": "id",
}
MOST_PARAMETERS = 1000


def campaign(query: str) -> dict[str, str]:
    """context.campaign of a query, with or without its question mark; empty where it names none."""
    if "utm_" not in query:
        return {}
    try:
        given = parse_qsl(query.removeprefix("?"), max_num_fields=MOST_PARAMETERS)
    except ValueError:
        return {}
    return {PARAMETERS[name]: value for name, value in reversed(given) if name in PARAMETERS}


def page_of(url: str) -> dict[str, str]:
    """context.page of an absolute URL: url, path and, where there is a query, search."""
    parts = split(url)
    if parts is None:  # malformed; the event counts all the same
        return {"url": url}
    page = {"url": url, "path": parts.path or "/"}
    return {**page, "search": f"?{parts.query}"} if parts.query else page
