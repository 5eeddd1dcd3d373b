"""A site's rules for events of the past: those of the collector, with salts that nobody keeps."""

from __future__ import annotations

import secrets
from collections import defaultdict
from datetime import UTC, date, datetime
from typing import Any

import msgspec

from footfall.collector.consent import Consent
from footfall.collector.dimensions import apply_dimensions
from footfall.collector.privacy import consent_of, protect
from footfall.collector.scrub import scrub_text
from footfall.collector.segment import EVENT_BYTES, Invalid, as_call, as_event
from footfall.collector.site_settings import Site, read_site
from footfall.database import connections
from footfall.errors import FootfallError
from footfall.settings import Settings

REJECTED_TEXT = 2000  # characters that are kept of a line that is no event


class Rules:
    """The rules of one site in one run. A visitor without an id is one for a UTC day, and for this run alone."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self._salts: defaultdict[date, bytes] = defaultdict(lambda: secrets.token_bytes(32))

    def protected(self, event: dict[str, Any], time: int, *, address: str, agent: str) -> bytes | None:
        """The event as JSON, as the rules leave it; None where it is not kept. Raises Invalid where it is none.

        time is Unix time in ms; address and agent distinguish visitors that have no id.
        """
        try:
            kept = as_event(as_call(event), None)
            kept.setdefault("context", {})
            consent = consent_of(kept, self.site, False)
            salt = self._salts[datetime.fromtimestamp(time / 1000, UTC).date()]
            if not protect(kept, self.site, consent, address=address, agent=agent, salt=salt):
                return None
            apply_dimensions(kept, self.site)
            kept["site"] = self.site.name
            text = msgspec.json.encode(kept)
        except (RecursionError, OverflowError, UnicodeEncodeError) as error:
            raise Invalid(f"the event can't be written as JSON: {error}") from None
        if len(text) > EVENT_BYTES:
            raise Invalid(f"the event has {len(text):,} bytes, {EVENT_BYTES:,} are the most")
        return text

    def rejected(self, line: bytes, reason: str) -> dict[str, Any]:
        """The record of a line that is no event, as sql/views/rejected_records.sql reads it.

        Its text stays only where the site's visitors agree to everything.
        """
        record = {"type": "rejected", "site": self.site.name, "reason": reason}
        if consent_of({"context": {}}, self.site, False) is Consent.FULL:
            record["original"] = scrub_text(line[: 4 * REJECTED_TEXT].decode("utf-8", "replace"))[:REJECTED_TEXT]
        return record


def rules_of(settings: Settings, name: str, *, required: bool) -> Rules | None:
    """The rules of a site as Postgres has it. None where it has none, or does not answer: FootfallError if required."""
    try:
        site = read_site(connections.owner(settings), name)
    except connections.DatabaseError as error:
        if required:
            raise FootfallError(f"the privacy rules of site {name} can't be read: {error}") from None
        return None
    if site is None and required:
        raise FootfallError(
            f"there is no site {name}, whose privacy rules decide what may be kept: `footfall site add {name}` first"
        )
    return Rules(site) if site else None
