"""From what an SDK sent to the records of raw_events: read, protected, stamped; what is no event, with the reason."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import time
from typing import Any

import msgspec

from footfall.collector.consent import Consent
from footfall.collector.dimensions import apply_dimensions
from footfall.collector.privacy import consent_of, protect
from footfall.collector.producer import Record
from footfall.collector.salts import Salts
from footfall.collector.scrub import scrub_text
from footfall.collector.segment import Batch, Call, Fault, Invalid, as_event, read_call
from footfall.collector.site_settings import Site
from footfall.collector.timestamps import ensure_message_id, key, read_time, stamp
from footfall.topic import iso

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
    """A call that is no event; index is its place in the batch, None for what is said of the whole batch."""

    index: int | None
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
    shared = batch.context if batch is not None and batch.context else {}
    for reason, text in _faults(batch) if batch is not None else ():
        taken.rejections.append(Rejection(None, reason))
        taken.records.append(_rejected(site, sender, shared, None, text, reason, received_ms))
    for index, text in enumerate(calls):
        try:
            record = _record(site, salt, sender, read_call(text), type_, batch, received_ms)
        except Invalid as error:
            call = _as_sent(text)
            message_id = call.get("messageId") if call else None
            taken.rejections.append(Rejection(index, str(error), None if message_id is None else str(message_id)))
            taken.records.append(_rejected(site, sender, shared, call, text, str(error), received_ms))
            continue
        if record is None:
            taken.not_kept += 1
        else:
            taken.accepted += 1
            taken.records.append(record)
    return taken


def _faults(batch: Batch) -> list[Fault]:
    """What of a batch can't be read. Its sentAt is afterwards as read_time gives it, None where it is no time."""
    faults = batch.faults
    try:
        batch.sentAt = read_time({"sentAt": batch.sentAt}, "sentAt")
    except Invalid as error:
        faults = [*faults, Fault(f"sentAt of the batch is left out: {error}", str(batch.sentAt).encode())]
        batch.sentAt = None
    return faults


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
    apply_dimensions(event, site)
    ensure_message_id(event)
    stamp(event, received_ms, batch.sentAt if batch else None)
    event["site"] = site.name
    return Record(key(event), _encoded(event))


def _as_sent(text: bytes) -> Call | None:
    """The call of a text as it was before anything was made of it; None where it is none."""
    try:
        return read_call(text)
    except Invalid:
        return None


def _rejected(
    site: Site, sender: Sender, shared: dict[str, Any], call: Call | None, text: bytes, reason: str, received_ms: int
) -> Record:  # fmt: skip
    """A record for sql/views/rejected_records.sql. Its text stays only where the visitor agreed to everything.

    shared: the context that the batch says of all. What a text says of consent that can't be read may be a no.
    """
    event: dict[str, Any] = {"type": "rejected", "site": site.name, "receivedAt": iso(received_ms), "reason": reason}
    context = {**shared, **(call.get("context") or {})} if call else shared
    is_told = call is not None or b"consent" not in text
    if is_told and consent_of({"context": context}, site, sender.opted_out) is Consent.FULL:
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
