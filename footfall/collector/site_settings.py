"""The sites that the collector takes events for, as the tables sites and write_keys in Postgres say."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from time import monotonic
from types import TracebackType
from typing import Any, NamedTuple, Self

import psycopg

from footfall.collector.consent import Consent
from footfall.collector.poller import SECONDS, Refresher
from footfall.database import connections

SITE = (
    "SELECT site, origins, timezone, goals, default_consent, denied_fields, requests_per_second, pseudonym_key,"
    " event_properties, page_parameters, page_hosts FROM sites WHERE site = %s"
)
# By the clock of the database alone, and as a difference, so that the collectors' clocks need not agree with it.
KEYS = (
    "SELECT k.write_key, (extract(epoch FROM k.expires_at) - extract(epoch FROM now()))::float8,"
    " s.site, s.origins, s.timezone, s.goals, s.default_consent, s.denied_fields, s.requests_per_second,"
    " s.pseudonym_key, s.event_properties, s.page_parameters, s.page_hosts"
    " FROM write_keys AS k JOIN sites AS s USING (site) WHERE k.expires_at IS NULL OR k.expires_at > now()"
)


@dataclass(frozen=True, slots=True)
class Site:
    """What the collector knows of a site; the columns of the table sites say what each means.

    origins are in lower case, "*" is any; denied_fields are in lower case too; requests_per_second counts for each
    write key, 0 is any number; pseudonym_key is secret; event_properties maps the name of an event to a property.
    """

    name: str
    origins: tuple[str, ...]
    timezone: str
    goals: tuple[str, ...]
    default_consent: Consent
    denied_fields: frozenset[str]
    requests_per_second: int
    pseudonym_key: bytes
    event_properties: Mapping[str, str] = field(default_factory=dict)
    page_parameters: tuple[str, ...] = ()
    page_hosts: bool = False


class _Key(NamedTuple):
    """The site that a write key is for, and until when, by time.monotonic()."""

    site: Site
    until: float


def read_site(address: str, name: str) -> Site | None:
    """The site of this name, None where there is none. Raises DatabaseError."""
    with connections.connect(address) as connection:
        row = connection.execute(SITE, [name]).fetchone()
    return _site(row) if row else None


def read_sites(address: str) -> dict[str, Site]:
    """The site of each write key that counts, by the clock of the database. Raises DatabaseError."""
    with connections.connect(address) as connection:
        return {write_key: key.site for write_key, key in _read_keys(connection).items()}


class SiteCache:
    """The sites by their write keys, seconds old at most; what was read last stays while Postgres is away."""

    def __init__(self, address: str, seconds: float = SECONDS) -> None:
        self._keys: dict[str, _Key] = {}
        self._origins: frozenset[str] = frozenset()
        self._ready = False
        self._refresher = Refresher(address, "the sites", self._refresh, seconds=seconds)

    def __enter__(self) -> Self:
        self._refresher.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End the thread that refreshes."""
        self._refresher.stop()

    @property
    def ready(self) -> bool:
        """Whether the sites have ever been read."""
        return self._ready

    def find(self, write_key: str) -> Site | None:
        """The site of a write key; None where it is unknown or has expired."""
        key = self._keys.get(write_key)
        return key.site if key and monotonic() < key.until else None

    def origin_known(self, origin: str) -> bool:
        """Whether pages of this origin may send to any site: a preflight doesn't say to which."""
        return "*" in self._origins or origin.lower() in self._origins

    def _refresh(self, connection: psycopg.Connection[Any]) -> None:
        keys = _read_keys(connection)
        self._origins = frozenset(origin for key in keys.values() for origin in key.site.origins)
        self._keys = keys
        self._ready = True


def _read_keys(connection: psycopg.Connection[Any]) -> dict[str, _Key]:
    asked = monotonic()
    sites: dict[str, Site] = {}
    keys: dict[str, _Key] = {}
    for write_key, seconds_left, name, *rest in connection.execute(KEYS):
        site = sites.setdefault(name, _site((name, *rest)))
        keys[write_key] = _Key(site, math.inf if seconds_left is None else asked + seconds_left)
    return keys


def _site(row: tuple[Any, ...]) -> Site:
    name, origins, timezone, goals, default_consent, denied_fields, requests_per_second, pseudonym_key, *apart = row
    event_properties, page_parameters, page_hosts = apart
    return Site(
        name=name,
        origins=tuple(origins),
        timezone=timezone,
        goals=tuple(goals),
        default_consent=Consent(default_consent),
        denied_fields=frozenset(denied_fields),
        requests_per_second=requests_per_second,
        pseudonym_key=bytes(pseudonym_key),
        event_properties=event_properties,
        page_parameters=tuple(page_parameters),
        page_hosts=page_hosts,
    )
