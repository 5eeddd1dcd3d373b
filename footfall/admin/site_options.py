"""What a site may be given, checked before it comes into Postgres; each message says what to write instead."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import available_timezones

from psycopg.types.json import Jsonb

from footfall.collector.consent import Consent
from footfall.collector.denied_fields import CLICK_IDS, DENIED, DENIED_PARAMETERS, IDENTIFYING, is_denied, plain
from footfall.errors import FootfallError
from jobs.sql_script import close_match

ORIGIN = re.compile(r"([a-z][a-z0-9+.-]*)://(\[[0-9a-f:.]+\]|[^\s/:?#@\[\]]+)(?::([0-9]{1,5}))?/?")
HOST = re.compile(r"[a-z0-9._-]+|\[.+\]")
DEFAULT_PORTS = {("http", 80), ("https", 443)}
LARGEST_NUMBER = 2**31 - 1
FEWEST_PEOPLE = 2


class Unfit(FootfallError):
    """A value that a site can't have; the message says what to write instead."""


@dataclass(frozen=True)
class Options:
    """What a site is to have; None leaves a value as it is, for a new site as the table has it by default.

    requests_per_second is of each write key, 0 for any number. trait_floor is in people. event_properties: name of an
    event → the property that is their custom dimension. page_parameters, page_hosts: what is kept in the path of pages.
    """

    origins: Iterable[str] | None = None
    timezone: str | None = None
    goals: Iterable[str] | None = None
    default_consent: Consent | None = None
    denied_fields: Iterable[str] | None = None
    requests_per_second: int | None = None
    traits: Iterable[str] | None = None
    trait_floor: int | None = None
    event_properties: Mapping[str, str] | None = None
    page_parameters: Iterable[str] | None = None
    page_hosts: bool | None = None


def checked_name(text: str) -> str:
    """The name, if it is one for a site. Raises Unfit."""
    if not re.fullmatch(r"[a-z0-9._-]{1,100}", text):
        instead = re.sub(r"[^a-z0-9._-]+", "-", text.lower()).strip("-")[:100] or "shop"
        raise Unfit(f"{text!r} is no name of a site: write a-z, 0-9, . _ and - only, such as {instead}")
    return text


def checked_origin(text: str) -> str:
    """An origin as browsers send it: in lower case, without a path and the usual port. Raises Unfit."""
    given = text.strip().lower()
    if given == "*":
        return given
    if given in ("null", "file://") or given.startswith("file:"):
        raise Unfit(f"{text!r} is no origin of its own: pages of files may send only where every page may, *")
    match = ORIGIN.fullmatch(given)
    if not match:
        raise Unfit(f"{text!r} is no origin: write {_likely_origin(given)}, without a path, or * for any")
    scheme, host, port = match[1], match[2], int(match[3]) if match[3] else None
    if "*" in host:
        raise Unfit(f"{text!r} has * in it: name each host, or write * alone for any")
    if not host.isascii():
        raise Unfit(f"{text!r} is not as browsers send it: write {scheme}://{_ascii(host)}")
    if not HOST.fullmatch(host) or (port is not None and not 0 < port < 65536):
        raise Unfit(f"{text!r} is no origin: found a host or a port that there can't be")
    return f"{scheme}://{host}" + (f":{port}" if port and (scheme, port) not in DEFAULT_PORTS else "")


def checked_timezone(text: str) -> str:
    """An IANA time zone by its name of area and place, or UTC. Raises Unfit.

    The short names of old, such as EST, are not known everywhere.
    """
    known = {name for name in available_timezones() if "/" in name or name == "UTC"}
    if text not in known:
        by_lower = {name.lower(): name for name in known}
        same = by_lower.get(text.lower())
        hint = f"; did you mean {same}?" if same else close_match(text, known)
        raise Unfit(f"{text!r} is no time zone: write an IANA name such as Europe/Berlin, or UTC{hint}")
    return text


def checked_goal(text: str) -> str:
    """The name of an event. Raises Unfit."""
    return _word(text, 200, "an event: write it as it is sent, such as 'Order Completed'")


def checked_field(text: str) -> str:
    """The name of a field, in lower case. Raises Unfit."""
    field = text.strip().lower()
    if not plain(field) or len(field) > 100:
        raise Unfit(f"{text!r} is no name of a field: it needs letters a-z or digits, such as loyalty_number")
    return field


def checked_trait(text: str) -> str:
    """The name of a trait as identify calls have it. Raises Unfit, also for one that is kept of nobody or says who."""
    trait = _word(text, 100, "a trait: write it as identify calls have it, such as plan")
    if is_denied(trait, DENIED | IDENTIFYING):
        raise Unfit(f"{text!r} says who somebody is: list traits that many people share, such as plan")
    return trait


def checked_property(text: str) -> str:
    """The name of a property of track calls. Raises Unfit, also for one that is kept of nobody or says who."""
    name = _word(text, 100, "a property: write it as track calls have it, such as plan")
    if is_denied(name, DENIED | IDENTIFYING):
        raise Unfit(f"{text!r} says who somebody is: name a property that many events share, such as plan")
    return name


def checked_page_parameter(text: str) -> str:
    """The name of a parameter of addresses. Raises Unfit, also for one that is of who came, or from where."""
    name = _word(text, 100, "a parameter: write it as it stands in addresses, such as q", without="=&?#/ ")
    if name.lower().startswith("utm_") or is_denied(name, DENIED | DENIED_PARAMETERS | IDENTIFYING | CLICK_IDS):
        raise Unfit(f"{text!r} says who came or from where, not what the page is: list parameters such as q or id")
    return name


def columns(options: Options) -> dict[str, Any]:
    """The columns of the table sites that these options give a value, in the form of the table. Raises Unfit."""
    values: dict[str, Any] = {}
    lists: list[tuple[str, Iterable[str] | None, Callable[[str], str]]] = [
        ("origins", options.origins, checked_origin),
        ("goals", options.goals, checked_goal),
        ("denied_fields", options.denied_fields, checked_field),
        ("traits", options.traits, checked_trait),
        ("page_parameters", options.page_parameters, checked_page_parameter),
    ]
    for column, given, check in lists:
        if given is not None:
            values[column] = list(dict.fromkeys(map(check, given)))
    if options.timezone is not None:
        values["timezone"] = checked_timezone(options.timezone)
    if options.default_consent is not None:
        values["default_consent"] = str(options.default_consent)
    if options.requests_per_second is not None:
        if not 0 <= options.requests_per_second <= LARGEST_NUMBER:
            raise Unfit(f"requests a second are 0, for any number, to {LARGEST_NUMBER}")
        values["requests_per_second"] = options.requests_per_second
    if options.trait_floor is not None:
        if not FEWEST_PEOPLE <= options.trait_floor <= LARGEST_NUMBER:
            raise Unfit(f"a group of a trait is shown from {FEWEST_PEOPLE} people on, or from more")
        values["trait_floor"] = options.trait_floor
    if options.event_properties is not None:
        values["event_properties"] = Jsonb(
            {checked_goal(event): checked_property(name) for event, name in options.event_properties.items()}
        )
    if options.page_hosts is not None:
        values["page_hosts"] = options.page_hosts
    return values


def _word(text: str, longest: int, what: str, without: str = "") -> str:
    """A name, at most so long and with no character of without; what: of what, and how to write it. Raises Unfit."""
    name = text.strip()
    if not name or len(name) > longest or not name.isprintable() or set(name) & set(without):
        raise Unfit(f"{text!r} is no name of {what}")
    return name


def _likely_origin(text: str) -> str:
    """What somebody may have meant who wrote an address of a page, or a host alone."""
    scheme, separator, rest = text.partition("://")
    host = re.split(r"[/?#]", (rest if separator else text).rpartition("@")[2])[0]
    likely = f"{scheme if separator else 'https'}://{host}"
    return likely if ORIGIN.fullmatch(likely) and "*" not in likely and likely.isascii() else "https://shop.example"


def _ascii(host: str) -> str:
    try:
        return host.encode("idna").decode()
    except UnicodeError:
        return "the host in ASCII, xn--…"
