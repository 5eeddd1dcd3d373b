"""Sites and their write keys: made, changed and listed in Postgres as the owner. Collectors follow within seconds."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg
from psycopg import errors, sql

from footfall.admin.site_options import Options, Unfit, checked_name, columns
from footfall.database import connections
from footfall.errors import FootfallError
from jobs.sql_script import close_match

KEY_BYTES = 24
PSEUDONYM_KEY_BYTES = 32
LONGEST_OVERLAP = timedelta(days=3650)


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
    event_properties: dict[str, str]
    page_parameters: list[str]
    page_hosts: bool
    created_at: datetime
    key_count: int


@dataclass(frozen=True)
class WriteKey:
    """A row of the table write_keys; is_valid by the clock of the database, expires_at None for never."""

    write_key: str
    created_at: datetime
    expires_at: datetime | None
    is_valid: bool


def add(owner: str, name: str, options: Options | None = None) -> str:
    """Make a site and its first write key, which is returned.

    owner: connection string, see footfall.database.connections. Raises Unfit, FootfallError where the site is there
    already, and DatabaseError.
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
            "SELECT write_key FROM write_keys WHERE site = %s AND (expires_at IS NULL OR expires_at > now())"
            " ORDER BY created_at DESC LIMIT 1",
            [name],
        ).fetchone()
        return str(row[0]) if row else _new_key(connection, name)


def change(owner: str, name: str, options: Options) -> None:
    """Give a site other options. Raises Unfit, FootfallError where there is no such site, and DatabaseError."""
    values = columns(options)
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
            "UPDATE write_keys SET expires_at = now() + %(overlap)s"
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
            " s.traits, s.trait_floor, s.event_properties, s.page_parameters, s.page_hosts, s.created_at,"
            " (SELECT count(*) FROM write_keys AS k WHERE k.site = s.site"
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
            "SELECT write_key, created_at, expires_at, expires_at IS NULL OR expires_at > now() FROM write_keys"
            " WHERE site = %s ORDER BY created_at DESC, write_key",
            [name],
        ).fetchall()
    return [WriteKey(*row) for row in rows]


def _insert(connection: psycopg.Connection[Any], name: str, options: Options) -> bool:
    """Whether the site was made; False where it was there."""
    values = {
        "site": checked_name(name), **columns(options), "pseudonym_key": secrets.token_bytes(PSEUDONYM_KEY_BYTES)
    }  # fmt: skip
    statement = sql.SQL("INSERT INTO sites ({}) VALUES ({}) ON CONFLICT DO NOTHING").format(
        sql.SQL(", ").join(map(sql.Identifier, values)), sql.SQL(", ").join([sql.Placeholder()] * len(values))
    )
    return connection.execute(statement, list(values.values())).rowcount == 1


def _new_key(connection: psycopg.Connection[Any], name: str) -> str:
    write_key = secrets.token_urlsafe(KEY_BYTES)
    connection.execute("INSERT INTO write_keys (write_key, site) VALUES (%s, %s)", [write_key, name])
    return write_key


def _lock(connection: psycopg.Connection[Any], name: str) -> None:
    """Keep others from changing the site until the transaction ends. Raises FootfallError where there is none."""
    if not connection.execute("SELECT FROM sites WHERE site = %s FOR UPDATE", [name]).rowcount:
        known = [str(row[0]) for row in connection.execute("SELECT site FROM sites")]
        hint = close_match(name, known)
        raise FootfallError(f"there is no site {name}{hint or ': `footfall site list` shows those there are'}")


@contextlib.contextmanager
def _transaction(owner: str) -> Iterator[psycopg.Connection[Any]]:
    with connections.connect(owner) as connection:
        try:
            with connection.transaction():
                yield connection
        except errors.UndefinedTable:
            raise FootfallError("the database has no sites yet: run `footfall up` first") from None
