"""From what an SDK sent to the records of raw_events: read, protected, stamped; what is no event, with the reason."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import time
from typing import Any

import msgspec

from footfall.collector.broker import Record
from footfall.collector.consent import Consent
from footfall.collector.privacy import consent_of, protect
from footfall.collector.salts import Salts
from footfall.collector.scrub import scrub_text
from footfall.collector.segment import Batch, Call, Invalid, as_event, read_call
from footfall.collector.sites import Site
from footfall.collector.stamps import ensure_message_id, key, stamp
from footfall.collector.told_apart import tell_apart
from footfall.events import iso

REJECTED_TEXT = 2000  # characters that are kept of the text of a call that is no event
# Libraries of servers, and who says of none: the address and the agent of the request are not the visitor's.
SERVER_LIBRARIES = frozenset(
    f"{prefix}{name}"
    for prefix in ("analytics-", "@segment/analytics-")
    for name in ("node", "python", "java", "go", "ruby", "php", "rust", ".net", "csharp")
) | {""}


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sent a request. from_browser: the browser says so itself; opted_out: by Sec-GPC: 1 or DNT: 1."""

    address: str
    agent: str
    from_browser: bool
    opted_out: bool


@dataclass(frozen=True, slots=True)
class Rejection:
    """A call that is no event; index is its place in the batch."""

    index: int
    reason: str
    messageId: str | None = None


@dataclass
class Taken:
    """What became of the calls of a request."""

    records: list[Record] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)
    accepted: int = 0
    not_kept: int = 0  # their visitors did not consent


def take(site: Site, salts: Salts, sender: Sender, calls: list[bytes], type_: str | None, batch: Batch | None) -> Taken:
    """Turn calls, JSON texts, into records. type_ is that of the route; batch holds what is said of all of them."""
    taken = Taken()
    received_ms = int(time() * 1000)
    salt = salts.salt(datetime.fromtimestamp(received_ms / 1000, UTC).date())
    for index, text in enumerate(calls):
        try:
            record = _record(site, salt, sender, read_call(text), type_, batch, received_ms)
        except Invalid as error:
            call = _as_sent(text)
            taken.rejections.append(Rejection(index, str(error), call.get("messageId")))
            taken.records.append(_rejected(site, sender, call, text, str(error), received_ms))
            continue
        if record is None:
            taken.not_kept += 1
        else:
            taken.accepted += 1
            taken.records.append(record)
    return taken


def _record(
    site: Site, salt: bytes, sender: Sender, call: Call, type_: str | None, batch: Batch | None, received_ms: int
) -> Record | None:  # fmt: skip
    """The record of a call; None where the visitor does not want it kept. Raises Invalid."""
    event = as_event(call, type_)
    context = event.setdefault("context", {})
    if batch is not None:
        if batch.context:
            context = event["context"] = {**batch.context, **context}
        if batch.integrations:
            event.setdefault("integrations", batch.integrations)
    own_device = sender.from_browser or _library(context) not in SERVER_LIBRARIES
    if own_device and not context.get("userAgent"):
        context["userAgent"] = sender.agent
    consent = consent_of(event, site, sender.opted_out)
    if not protect(
        event, site, consent, address=sender.address if own_device else "",
        agent=str(context.get("userAgent") or ""), salt=salt,
    ):  # fmt: skip
        return None
    tell_apart(event, site)
    ensure_message_id(event)
    stamp(event, received_ms, batch.sentAt if batch else None)
    event["site"] = site.name
    return Record(key(event), _encoded(event))


def _as_sent(text: bytes) -> Call:
    """The call of a text as it was before anything was made of it; empty where it is none."""
    try:
        return read_call(text)
    except Invalid:
        return {}


def _rejected(site: Site, sender: Sender, call: Call, text: bytes, reason: str, received_ms: int) -> Record:
    """A record for sql/views/rejected_records.sql. Its text stays only where the visitor agreed to everything."""
    event: dict[str, Any] = {"type": "rejected", "site": site.name, "receivedAt": iso(received_ms), "reason": reason}
    if consent_of({"context": call.get("context")}, site, sender.opted_out) is Consent.FULL:
        event["original"] = scrub_text(text.decode("utf-8", "replace"))[:REJECTED_TEXT]
    return Record(site.name.encode(), _encoded(event))


def _library(context: dict[str, Any]) -> str:
    library = context.get("library")
    name = library.get("name") if isinstance(library, dict) else None
    return name.lower() if isinstance(name, str) else ""


def _encoded(event: dict[str, Any]) -> bytes:
    try:
        return msgspec.json.encode(event)
    except (OverflowError, UnicodeEncodeError, RecursionError) as error:
        raise Invalid(f"the event can't be written as JSON: {error}") from None
