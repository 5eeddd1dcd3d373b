"""Country and region of an address, looked up before it is shortened.

Without more, the country is the one that a regional internet registry gave the address to (package iptocc, which
carries the registries' published delegation files). Where MAXMIND_DB names a file in MaxMind's format (.mmdb), that is
used: it knows better where addresses are in use, and may know regions.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import iptocc
import maxminddb

from footfall.errors import FootfallError

COUNTRY = re.compile(r"[A-Z]{2}")
SUBDIVISION = re.compile(r"[A-Z0-9]{1,3}")
NO_COUNTRIES = frozenset({"AP", "EU", "ZZ"})  # regions and unknown ones, in the registries' files
log = logging.getLogger(__name__)


class Place(NamedTuple):
    """country: ISO 3166-1 alpha-2 (DE); region: ISO 3166-2 (DE-BY). None: not known."""

    country: str | None
    region: str | None


Database = Callable[[str], Place]
UNKNOWN = Place(None, None)


def locate(address: str) -> Place:
    """Where a valid address is. Never raises: a database that can't be opened is logged once, and done without."""
    return _database()(address)


def open_database(path: str) -> Database:
    """A lookup in the file at path; in the registries' data where path is empty. Raises FootfallError."""
    if not path:
        return _by_registry
    try:
        reader = maxminddb.open_database(path)
    except (OSError, ValueError, maxminddb.InvalidDatabaseError) as error:
        raise FootfallError(
            f"MAXMIND_DB names {path}, which can't be read: {error}. Name a .mmdb file, or none"
        ) from None

    def find(address: str) -> Place:
        try:
            return place_of(reader.get(address))
        except (ValueError, maxminddb.InvalidDatabaseError):  # IPv6 in a database of IPv4, or a damaged page of it
            return UNKNOWN

    return find


def place_of(record: Any) -> Place:
    """The place in a record of an .mmdb file: MaxMind's and DB-IP's shape, or a flat country_code."""
    if not isinstance(record, dict):
        return UNKNOWN
    country = _code(record.get("country"), COUNTRY) or _code({"iso_code": record.get("country_code")}, COUNTRY)
    if country is None:
        return UNKNOWN
    subdivisions = record.get("subdivisions")
    subdivision = _code(subdivisions[0], SUBDIVISION) if isinstance(subdivisions, list) and subdivisions else None
    return Place(country, subdivision and f"{country}-{subdivision}")


def _code(part: Any, form: re.Pattern[str]) -> str | None:
    code = part.get("iso_code") if isinstance(part, dict) else None
    return code if isinstance(code, str) and form.fullmatch(code) else None


def _by_registry(address: str) -> Place:
    country = iptocc.country_code(address)
    return UNKNOWN if country in NO_COUNTRIES else Place(country, None)


@lru_cache(maxsize=1)
def _database() -> Database:
    try:
        return open_database(os.environ.get("MAXMIND_DB", ""))
    except FootfallError as error:
        log.error("%s; countries are the registries' until then", error)
        return _by_registry
