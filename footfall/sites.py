"""Sites and their write keys: made, changed and listed in Postgres as the owner. Collectors follow within seconds."""

from __future__ import annotations

import contextlib
import re
import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import available_timezones

import psycopg
from psycopg import errors, sql

from footfall import database
from footfall.collector.consent import Consent
from footfall.collector.denied_fields import DENIED, IDENTIFYING, is_denied, plain
from footfall.errors import FootfallError
from jobs.sql_script import close_match

ORIGIN = re.compile(r"([a-z][a-z0-9+.-]*)://(\[[0-9a-f:.]+\]|[^\s/:?#@\[\]]+)(?::([0-9]{1,5}))?/?")
HOST = re.compile(r"[a-z0-9._-]+|\[.+\]")
DEFAULT_PORTS = {("http", 80), ("https", 443)}
KEY_BYTES = 24
PSEUDONYM_KEY_BYTES = 32
LONGEST_OVERLAP = timedelta(days=3650)
LARGEST_NUMBER = 2**31 - 1
FEWEST_PEOPLE = 2


class Unfit(FootfallError):
    """A value that a site can't have; the message says what to write instead."""


@dataclass(frozen=True)
class Options:
    """What a site is to have; None leaves a value as it is, for a new site as the table has it by default.

    requests_per_second is of each write key, 0 for any number. trait_floor is in people.
    """

    origins: Iterable[str] | None = None
    timezone: str | None = None
    goals: Iterable[str] | None = None
    default_consent: Consent | None = None
    denied_fields: Iterable[str] | None = None
    requests_per_second: int | None = None
    traits: Iterable[str] | None = None
    trait_floor: int | None = None


@dataclass(frozen=True)
class ListedSite:
    """A row of the table sites without its secret, and how many write keys count."""

    site: str
    origins: list[str]
    timezone: str
    goals: list[str]
    default_consent: str
    denied_fields: list[str]
    requests_per_second: int
    traits: list[str]
    trait_floor: int
    created_at: datetime
    key_count: int


@dataclass(frozen=True)
class WriteKey:
    """A row of the table site_keys; is_valid by the clock of the database, expires_at None for never."""

    write_key: str
    created_at: datetime
    expires_at: datetime | None
    is_valid: bool


def add(owner: str, name: str, options: Options | None = None) -> str:
    """Make a site and its first write key, which is returned.

    owner: connection string, see footfall.database. Raises Unfit, FootfallError where the site is there already, and
    DatabaseError.
    """
    with _transaction(owner) as connection:
        if not _insert(connection, name, options or Options()):
            raise FootfallError(
                f"site {name} is there already: `footfall site set {name}` changes it, and `footfall site keys {name}`"
                " lists its write keys"
            )
        return _new_key(connection, name)


def ensure(owner: str, name: str, options: Options | None = None) -> str:
    """The newest write key of a site that counts. Site and key are made where they aren't there; no option is changed.

    Raises Unfit and DatabaseError.
    """
    with _transaction(owner) as connection:
        _insert(connection, name, options or Options())
        _lock(connection, name)
        row = connection.execute(
            "SELECT write_key FROM site_keys WHERE site = %s AND (expires_at IS NULL OR expires_at > now())"
            " ORDER BY created_at DESC LIMIT 1",
            [name],
        ).fetchone()
        return str(row[0]) if row else _new_key(connection, name)


def change(owner: str, name: str, options: Options) -> None:
    """Give a site other options. Raises Unfit, FootfallError where there is no such site, and DatabaseError."""
    values = _checked(options)
    if not values:
        raise Unfit("nothing to change: say which option")
    assignments = sql.SQL(", ").join(sql.SQL("{} = %s").format(sql.Identifier(column)) for column in values)
    with _transaction(owner) as connection:
        _lock(connection, name)
        connection.execute(sql.SQL("UPDATE sites SET {} WHERE site = %s").format(assignments), [*values.values(), name])


def rotate(owner: str, name: str, overlap: timedelta) -> str:
    """Make a new write key, and let all others of the site end after overlap at the latest; returns the new one.

    Raises Unfit, FootfallError where there is no such site, and DatabaseError.
    """
    if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
        raise Unfit(f"keys overlap for 0 to {LONGEST_OVERLAP.days} days")
    with _transaction(owner) as connection:
        _lock(connection, name)
        connection.execute(
            "UPDATE site_keys SET expires_at = now() + %(overlap)s"
            " WHERE site = %(site)s AND (expires_at IS NULL OR expires_at > now() + %(overlap)s)",
            {"site": name, "overlap": overlap},
        )
        return _new_key(connection, name)


def remove(owner: str, name: str) -> None:
    """Remove a site with its keys; what its tables hold stays. FootfallError where there is none, and DatabaseError."""
    with _transaction(owner) as connection:
        _lock(connection, name)
        connection.execute("DELETE FROM sites WHERE site = %s", [name])


def list_sites(owner: str) -> list[ListedSite]:
    """All sites by name. Raises DatabaseError."""
    with _transaction(owner) as connection:
        rows = connection.execute(
            "SELECT s.site, s.origins, s.timezone, s.goals, s.default_consent, s.denied_fields, s.requests_per_second,"
            " s.traits, s.trait_floor, s.created_at, (SELECT count(*) FROM site_keys AS k WHERE k.site = s.site"
            " AND (k.expires_at IS NULL OR k.expires_at > now())) FROM sites AS s ORDER BY s.site"
        ).fetchall()
    return [ListedSite(*row) for row in rows]


def keys(owner: str, name: str) -> list[WriteKey]:
    """The write keys of a site, the newest first, those that ended too.

    Raises FootfallError where there is no such site, and DatabaseError.
    """
    with _transaction(owner) as connection:
        _lock(connection, name)
        rows = connection.execute(
            "SELECT write_key, created_at, expires_at, expires_at IS NULL OR expires_at > now() FROM site_keys"
            " WHERE site = %s ORDER BY created_at DESC, write_key",
            [name],
        ).fetchall()
    return [WriteKey(*row) for row in rows]


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
    goal = text.strip()
    if not goal or len(goal) > 200 or not goal.isprintable():
        raise Unfit(f"{text!r} is no name of an event: write it as it is sent, such as 'Order Completed'")
    return goal


def checked_field(text: str) -> str:
    """The name of a field, in lower case. Raises Unfit."""
    field = text.strip().lower()
    if not plain(field) or len(field) > 100:
        raise Unfit(f"{text!r} is no name of a field: it needs letters a-z or digits, such as loyalty_number")
    return field


def checked_trait(text: str) -> str:
    """The name of a trait as identify calls have it. Raises Unfit, also for one that is kept of nobody or says who."""
    trait = text.strip()
    if not trait or len(trait) > 100 or not trait.isprintable():
        raise Unfit(f"{text!r} is no name of a trait: write it as identify calls have it, such as plan")
    if is_denied(trait, DENIED | IDENTIFYING):
        raise Unfit(f"{text!r} says who somebody is: list traits that many people share, such as plan")
    return trait


def _checked(options: Options) -> dict[str, Any]:
    """The columns that these options give a value, in the form in which the table has it."""
    values: dict[str, Any] = {}
    lists: list[tuple[str, Iterable[str] | None, Callable[[str], str]]] = [
        ("origins", options.origins, checked_origin),
        ("goals", options.goals, checked_goal),
        ("denied_fields", options.denied_fields, checked_field),
        ("traits", options.traits, checked_trait),
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
    return values


def _insert(connection: psycopg.Connection[Any], name: str, options: Options) -> bool:
    """Whether the site was made; False where it was there."""
    values = {
        "site": checked_name(name), **_checked(options), "pseudonym_key": secrets.token_bytes(PSEUDONYM_KEY_BYTES)
    }  # fmt: skip
    statement = sql.SQL("INSERT INTO sites ({}) VALUES ({}) ON CONFLICT DO NOTHING").format(
        sql.SQL(", ").join(map(sql.Identifier, values)), sql.SQL(", ").join([sql.Placeholder()] * len(values))
    )
    return connection.execute(statement, list(values.values())).rowcount == 1


def _new_key(connection: psycopg.Connection[Any], name: str) -> str:
    write_key = secrets.token_urlsafe(KEY_BYTES)
    connection.execute("INSERT INTO site_keys (write_key, site) VALUES (%s, %s)", [write_key, name])
    return write_key


def _lock(connection: psycopg.Connection[Any], name: str) -> None:
    """Keep others from changing the site until the transaction ends. Raises FootfallError where there is none."""
    if not connection.execute("SELECT FROM sites WHERE site = %s FOR UPDATE", [name]).rowcount:
        known = [str(row[0]) for row in connection.execute("SELECT site FROM sites")]
        hint = close_match(name, known)
        raise FootfallError(f"there is no site {name}{hint or ': `footfall site list` shows those there are'}")


@contextlib.contextmanager
def _transaction(owner: str) -> Iterator[psycopg.Connection[Any]]:
    with database.connect(owner) as connection:
        try:
            with connection.transaction():
                yield connection
        except errors.UndefinedTable:
            raise FootfallError("the database has no sites yet: run `footfall up` first") from None


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
