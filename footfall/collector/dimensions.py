"""The custom dimensions of a site: a property of an event, hosts and parameters of pages.

It is written into the event at ingestion, after the privacy rules. So a choice counts from then on, and the same log
gives the same tables whatever the site chooses later: docs/decisions/0014-custom-dimensions.md says why.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from udfs.pages import normalised

if TYPE_CHECKING:
    from footfall.collector.site_settings import Site

LABEL_LENGTH = 100  # characters
URL_LENGTH = 2000  # characters, as sql/views/received_events.sql cuts it


def apply_dimensions(event: dict[str, Any], site: Site) -> None:
    """Write what the site chose into properties.label and context.page.path of an event, in place.

    The event is one that protect() has left. One that lacks what was chosen stays as it is.
    """
    properties = event.get("properties") or {}
    if site.event_properties and event["type"] == "track":
        name = site.event_properties.get(event.get("event", ""))
        value = properties.get(name) if name else None
        if isinstance(value, str | int | float):
            text = value if isinstance(value, str) else json.dumps(value)
            properties["label"] = text[:LABEL_LENGTH]
    if site.page_parameters or site.page_hosts:
        _apply_page_dimensions(event, properties, site)


def _apply_page_dimensions(event: dict[str, Any], properties: dict[str, Any], site: Site) -> None:
    """Server libraries put into the properties of a page call what browsers put into context.page."""
    page = event["context"].get("page")
    given = page if isinstance(page, dict) else {}
    sources = [given, properties] if event["type"] == "page" else [given]
    url, path = (
        next((source[name] for source in sources if source.get(name) and isinstance(source[name], str)), None)
        for name in ("url", "path")
    )
    found = normalised(url and url[:URL_LENGTH], site.page_parameters, with_host=site.page_hosts, path=path)
    if found:
        event["context"]["page"] = {**given, "path": found}
