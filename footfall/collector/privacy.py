"""Privacy at ingestion: what of an event may be kept is decided here, by the server, for each site.

docs/privacy.md says for each field what becomes of it.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, NamedTuple

from footfall.collector.consent import Consent
from footfall.collector.data_centres import is_data_centre
from footfall.collector.geoip import Place, locate
from footfall.collector.ip_addresses import packed, shortened, text_of, truncated
from footfall.collector.scrub import Scrubber, pseudonym, remember, scrubber

if TYPE_CHECKING:
    from footfall.collector.site_settings import Site

__all__ = ["Consent", "consent_of", "protect", "truncated"]

KNOWN_CONSENT = {str(consent): consent for consent in Consent}
NONE, ANONYMOUS, FULL = Consent.NONE, Consent.ANONYMOUS, Consent.FULL  # Python 3.11 takes 0.3 µs for each Consent.NAME
ABOUT_A_PERSON = frozenset({"identify", "alias", "group"})  # calls that say nothing but who somebody is
IDS = ("anonymousId", "userId", "previousId", "groupId")
TEXTS = ("event", "name", "category", "channel")
OBJECTS = ("properties", "traits", "integrations")  # beside the context
# type is one of a few and times are read or refused (segment.py, timestamps.py): nothing hides in them.
TIMES = ("timestamp", "originalTimestamp", "sentAt", "receivedAt")
FIELDS = frozenset({"type", "site", "messageId", *TIMES, *IDS, *TEXTS, "context", *OBJECTS})
# What a browser sends of itself unasked: the hints of low entropy, https://wicg.github.io/ua-client-hints/
LOW_ENTROPY_HINTS = frozenset({"brands", "mobile", "platform"})
DEVICE_IDENTIFYING = ("id", "advertisingId", "token", "name")
SCREEN_STEP = 100  # pixels
LONGEST_ADDRESS = 100  # characters, zone included: what is longer is none, and would be remembered all the same


class _Client(NamedTuple):
    """The address of a visitor: whole (4 or 16 bytes) for the day's id, what is kept of it, where and of what it is."""

    whole: bytes
    kept: str
    place: Place
    is_data_centre: bool


def consent_of(event: dict[str, Any], site: Site, opted_out: bool) -> Consent:
    """What may be kept of an event: what context.consent.category says, else the site's default.

    What is no category counts as anonymous, or as less where that is the default. opted_out: the request had Sec-GPC: 1
    or DNT: 1, which lowers full to anonymous.
    """
    consent = site.default_consent
    context = event.get("context")
    said = context.get("consent") if type(context) is dict else None
    if type(said) is dict:
        said = said.get("category")  # other consent tools have fields of their own here, and no category
    if said is not None:
        known = KNOWN_CONSENT.get(said.strip().lower()) if type(said) is str else None
        if known is not None:
            consent = known
        elif consent is FULL:
            consent = ANONYMOUS
    return ANONYMOUS if opted_out and consent is FULL else consent


def protect(
    event: dict[str, Any], site: Site, consent: Consent, *, address: str, agent: str, salt: bytes
) -> bool:  # fmt: skip
    """Change an event, in place, into what may be kept of it; False: nothing of it may.

    address: the client's, empty if not known; the event's own context.ip wins over it, if it is an address. salt: the
    day's, up to 64 bytes. Never raises, whatever the event holds.
    """
    anonymous = consent is not FULL
    if consent is NONE or (anonymous and str(event.get("type")) in ABOUT_A_PERSON):
        return False
    if not FIELDS.issuperset(event):
        for name in event.keys() - FIELDS:
            del event[name]
    context = event.get("context")
    if type(context) is not dict:
        context = event["context"] = {}
    sent_ip = context.pop("ip", None)
    client = (_client(sent_ip.strip()[:LONGEST_ADDRESS]) if type(sent_ip) is str else None) or _client(address)
    rules = scrubber(site.denied_fields, anonymous)
    key = salt if anonymous else site.pseudonym_key
    sent_ids = [event.pop(name) for name in IDS if name in event] if anonymous else []
    if anonymous:
        event.pop("traits", None)
        _make_anonymous(event, context)
    else:
        _protect_ids(event, rules, key)
        if client is not None:
            context["ip"] = client.kept
    _write_location(context, client, anonymous)
    context.pop("dataCentre", None)
    if client is not None and client.is_data_centre:
        context["dataCentre"] = True
    if anonymous or not (event.get("anonymousId") or event.get("userId")):
        event["anonymousId"] = _day_id(site.name, client, agent, sent_ids, salt)
    _protect_message_id(event, rules, site.pseudonym_key, sent_ids)
    parts: list[Any] = [context]
    for name in OBJECTS:
        if name in event:
            value = event[name]
            if type(value) is not dict:
                del event[name]
            elif not rules.knows(value):
                parts.append(value)
    for name in TEXTS:
        if name in event:
            value = event[name]
            if type(value) is not str:
                del event[name]
            elif value not in rules.good_values:
                event[name] = rules.text(value, name, key)
    rules.scrub(parts, key)
    return True


@lru_cache(maxsize=4096)
def _client(address: str) -> _Client | None:
    whole = packed(address)
    return None if whole is None else _Client(whole, shortened(whole), locate(text_of(whole)), is_data_centre(whole))


def _day_id(site: str, client: _Client | None, agent: str, sent_ids: list[Any], salt: bytes) -> str:
    """An id that one address and agent share for the day of the salt; where neither is known, one sent id."""
    who = (client.whole if client else b"", agent.encode("utf-8", "surrogatepass"))
    if who == (b"", b"") and sent_ids:
        who = (b"", b"", str(sent_ids[0]).encode("utf-8", "surrogatepass"))  # type: ignore[assignment]
    return blake2b(b"\0".join((site.encode(), *who)), key=salt, digest_size=16).hexdigest()


def _protect_ids(event: dict[str, Any], rules: Scrubber, key: bytes) -> None:
    """Ids that say more than who is the same: an e-mail address as an id would otherwise be in every table."""
    for name in IDS:
        if name in event:
            value = event[name]
            if type(value) is not str:
                del event[name]
            elif value not in rules.good_values:
                if rules.changes(value):
                    event[name] = pseudonym(value, key)
                else:
                    remember(rules.good_values, value)


def _protect_message_id(event: dict[str, Any], rules: Scrubber, key: bytes, sent_ids: list[Any]) -> None:
    """Masked, two messages could become one, and one would be lost as a copy."""
    value = event.get("messageId")
    if value is None:
        return
    if type(value) is not str:
        del event["messageId"]
        return
    is_told = rules.changes(value)
    for sent in sent_ids:
        if not is_told and sent and str(sent) in value:
            is_told = True
    if is_told:
        event["messageId"] = pseudonym(value, key)


def _make_anonymous(event: dict[str, Any], context: dict[str, Any]) -> None:
    """Remove what distinguishes visitors of the same kind. What goes by its name alone is in denied_fields.py."""
    context.pop("network", None)  # the carrier
    context.pop("amp", None)  # AMP's client id
    if "device" in context:
        device = context["device"]
        if type(device) is dict:
            for name in DEVICE_IDENTIFYING:
                device.pop(name, None)
        else:
            del context["device"]
    if "referrer" in context and type(context["referrer"]) is dict:
        context["referrer"].pop("id", None)
    if "userAgentData" in context:
        hints = context["userAgentData"]
        context["userAgentData"] = _only(hints, LOW_ENTROPY_HINTS) if type(hints) is dict else {}
    if "screen" in context:
        context["screen"] = _rough_screen(context["screen"])
    integrations = event.get("integrations")
    if integrations:  # their settings hold the ids of other tools; what is on or off does not
        event["integrations"] = (
            {name: value for name, value in integrations.items() if type(value) is bool}
            if type(integrations) is dict
            else {}
        )


def _rough_screen(screen: Any) -> dict[str, int]:
    """Width and height in hundreds of pixels: enough for the class of a device."""
    rough: dict[str, int] = {}
    if type(screen) is dict:
        for name in ("width", "height"):
            size = screen.get(name)
            if (type(size) is int or type(size) is float) and 0 <= size < 100_000:
                rough[name] = int(size / SCREEN_STEP + 0.5) * SCREEN_STEP
    return rough


def _write_location(context: dict[str, Any], client: _Client | None, anonymous: bool) -> None:
    """The country and region that were sent, else those of the address; how exact a place may be."""
    if "location" in context:
        location = context["location"]
        if type(location) is not dict:
            location = {}
        elif anonymous:
            location = {name: value for name, value in location.items() if name in Place._fields and type(value) is str}
        else:
            for name in ("latitude", "longitude"):
                if name in location:
                    degrees = location[name]
                    if type(degrees) in (int, float) and -180 <= degrees <= 180:
                        location[name] = round(degrees, 1)
                    else:
                        del location[name]
    else:
        location = {}
    if client is not None and client.place.country is not None and not location.get("country"):
        location["country"] = client.place.country
        if client.place.region is not None:
            location["region"] = client.place.region
    if location:
        context["location"] = location
    else:
        context.pop("location", None)


def _only(part: dict[str, Any], names: frozenset[str]) -> dict[str, Any]:
    return {name: value for name, value in part.items() if name in names}
