"""What the tables hold of one person, and its export (GDPR article 15, CCPA), as the owner; erase.py removes it.

Whose a row is, the functions person_of and ids_of_person say, as the views of people do: by its user, aliases
followed, and where it has none by its visitor, if that visitor was never anybody else. Why it is done so:
docs/decisions/0015-erasing-a-person.md.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, LiteralString, NamedTuple

import psycopg
from psycopg import errors, sql

from footfall.collector.scrub import pseudonym, scrubber
from footfall.database import connections
from footfall.errors import FootfallError
from jobs.sql_script import close_match

Connection = psycopg.Connection[Any]


class PersonalTable(NamedTuple):
    """A table that holds ids of people. rows: the condition by which a row is a person's, see Person.values.

    time: the column that says when it happened. kind and own_id: for a table whose rows name nobody, what
    erasure_suppressions knows a row by, and the expression that makes it.
    """

    name: str
    time: str
    rows: sql.Composable
    kind: str = ""
    own_id: LiteralString = ""


_BY_USER = sql.SQL(
    "site = %(site)s AND (user_id = ANY (%(users)s) OR user_id IS NULL AND visitor_id = ANY (%(visitors)s))"
)
# Also an alias of somebody else that names this person as who that was before.
_EVENTS = sql.SQL("({} OR site = %(site)s AND event_type = 'alias' AND previous_id = ANY (%(users)s))").format(_BY_USER)
# In the order in which they are erased: whose a measured page view was, its event says.
WRITTEN = (
    PersonalTable(
        "refused_rows", "last_refused_at",
        sql.SQL(
            "site = %(site)s AND (original ->> 'user_id' = ANY (%(users)s)"
            " OR coalesce(original ->> 'user_id', '') = '' AND original ->> 'visitor_id' = ANY (%(visitors)s)"
            " OR original ->> 'previous_id' = ANY (%(users)s) OR original ->> 'original' ~ %(named)s"
            " OR table_name = 'web_vitals'"
            " AND original ->> 'message_id' IN (SELECT message_id FROM visit_events WHERE {}))"
        ).format(_EVENTS),
        "refused row", "encode(key_hash, 'hex')",
    ),
    PersonalTable(
        "web_vitals", "event_time",
        sql.SQL(
            "site = %(site)s AND (event_time, message_id) IN (SELECT event_time, message_id FROM visit_events WHERE {})"
        ).format(_EVENTS),
        "message", "message_id",
    ),
    PersonalTable(
        "rejected_events", "received_at", sql.SQL("site = %(site)s AND original ~ %(named)s"),
        "record", "kafka_partition || ':' || kafka_offset",
    ),
    PersonalTable("late_events", "event_time", sql.SQL("site = %(site)s AND visitor_id = ANY (%(visitors)s)")),
    PersonalTable(
        "user_traits", "event_time",
        sql.SQL("site = %(site)s AND (user_id = ANY (%(users)s) OR user_id = '' AND visitor_id = ANY (%(visitors)s))"),
    ),
    PersonalTable("sessions", "session_start", _BY_USER),
    PersonalTable("visit_events", "event_time", _EVENTS),
)  # fmt: skip
# Visits that wait to be classified, by a hash of the visitor.
QUEUED = PersonalTable(
    "bot_classification_queue", "session_start",
    sql.SQL(
        "(site, session_start, session_id) IN (SELECT site, session_start, session_id FROM sessions WHERE {})"
    ).format(_BY_USER),
)  # fmt: skip
# Made of the others.
COUNTED = (
    PersonalTable("visit_days", "day", sql.SQL("site = %(site)s AND person_id = %(person)s")),
    PersonalTable("funnel_entries", "day", sql.SQL("site = %(site)s AND visitor_id = ANY (%(visitors)s)")),
)
TABLES = (QUEUED, *WRITTEN, *COUNTED)
# Visits and events of visitors that several users have been, of none of them.
NOBODYS = sql.SQL("site = %(site)s AND user_id IS NULL AND visitor_id = ANY (%(shared)s)")


@dataclass(frozen=True)
class Person:
    """The ids of somebody. visitors are nobody else's; shared are visitors that others have signed in as too."""

    site: str
    person_id: str
    user_ids: list[str]
    visitor_ids: list[str]
    shared_visitor_ids: list[str]

    @property
    def values(self) -> dict[str, Any]:
        """Of the parameters of PersonalTable.rows. named: a regular expression of the text of a call with their ids."""
        written = {form for id_ in {*self.user_ids, *self.visitor_ids} for form in _in_json(id_)}
        names = "|".join(map(re.escape, sorted(written)))
        return {
            "site": self.site, "person": self.person_id, "users": self.user_ids, "visitors": self.visitor_ids,
            "shared": self.shared_visitor_ids,
            "named": rf'"(anonymousId|userId|previousId)"\s*:\s*({names})(?![0-9])',
        }  # fmt: skip


@dataclass(frozen=True)
class Found:
    """Rows of a person by table. nobodys: visits and events without a user of shared visitors, which are of nobody."""

    person: Person
    rows: dict[str, int]
    nobodys: int


class Given(NamedTuple):
    """Whom somebody asks for: the id of a user, or of a visitor, one of both, as SDKs send it."""

    site: str
    user_id: str | None = None
    anonymous_id: str | None = None


def look(owner: str, given: Given) -> Found:
    """What there is of a person. owner: connection string, see footfall.database.connections.

    Raises FootfallError where the site or the person is unknown, and DatabaseError.
    """
    with transaction(owner) as connection:
        return find(connection, given)


def export(owner: str, given: Given, write: Callable[[str], object]) -> Found:
    """Write what look() counts as JSON lines {"table", "row"}, the first of them the ids; all is of one moment."""
    with transaction(owner) as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        found = find(connection, given)
        write(json.dumps({"table": "identity", "row": asdict(found.person)}, ensure_ascii=False) + "\n")
        for table in TABLES:
            # As text: a number of the database would not come through Python's as it is.
            rows = about(table, "SELECT to_jsonb(t)::text FROM {table} AS t WHERE {rows} ORDER BY {time}")
            with connection.cursor(name="rows") as cursor:
                for (row,) in cursor.execute(rows, found.person.values):
                    write(f'{{"table": "{table.name}", "row": {row}}}\n')
        return found


def find(connection: Connection, given: Given) -> Found:
    """look(), in a transaction that is open."""
    names = [str(row[0]) for row in connection.execute("SELECT site FROM site_names")]
    if given.site not in names:
        hint = close_match(given.site, names) or ": `footfall site list` shows those there are"
        raise FootfallError(f"there is no site {given.site}, and no visit to one{hint}")
    ids = [_as_kept(connection, given.site, id_) for id_ in (given.user_id, given.anonymous_id)]
    by_kind: dict[str, list[str]] = {"user": [], "visitor": [], "shared visitor": []}
    found = connection.execute(
        "SELECT p, kind, id FROM person_of(%s, %s, %s) AS p CROSS JOIN LATERAL ids_of_person(%s, p) ORDER BY id",
        [given.site, *ids, given.site],
    ).fetchall()
    for _, kind, id_ in found:
        by_kind[kind].append(id_)
    person = Person(given.site, found[0][0], *by_kind.values())
    rows = {table.name: _count(connection, table, person) for table in TABLES}
    if not any(rows.values()):
        who = f"visitor {given.anonymous_id}" if given.user_id is None else f"user {given.user_id}"
        raise FootfallError(f"nothing is known of {who} on site {given.site}")
    shared = [table._replace(rows=NOBODYS) for table in WRITTEN if table.name in ("sessions", "visit_events")]
    return Found(person, rows, sum(_count(connection, table, person) for table in shared))


def _count(connection: Connection, table: PersonalTable, person: Person) -> int:
    row = connection.execute(about(table, "SELECT count(*) FROM {table} WHERE {rows}"), person.values).fetchone()
    return int(row[0]) if row else 0


def _as_kept(connection: Connection, site: str, id_: str | None) -> str | None:
    """An id as the collector keeps it: of one that is an e-mail address or a card number, its pseudonym."""
    rules = connection.execute("SELECT denied_fields, pseudonym_key FROM sites WHERE site = %s", [site]).fetchone()
    if id_ is None or rules is None or not scrubber(frozenset(rules[0]), False).changes(id_):
        return id_
    return pseudonym(id_, bytes(rules[1]))


def _in_json(id_: str) -> list[str]:
    """How the text of a call may write an id: in either of JSON's ways, and a number as one."""
    return [json.dumps(id_), json.dumps(id_, ensure_ascii=False), *([id_] if id_.isdecimal() else [])]


def about(table: PersonalTable, statement: LiteralString) -> sql.Composed:
    """A statement with {table}, {rows} (those of a person), {time} and {own_id} filled in."""
    names = {"table": sql.Identifier(table.name), "time": sql.Identifier(table.time), "own_id": sql.SQL(table.own_id)}
    return sql.SQL(statement).format(rows=table.rows, **names)


@contextmanager
def transaction(owner: str) -> Iterator[Connection]:
    """A transaction of the owner; what Postgres refuses for locks or missing tables is an error of one line."""
    with connections.connect(owner) as connection:
        try:
            with connection.transaction():
                yield connection
        except (errors.UndefinedTable, errors.UndefinedFunction):
            raise FootfallError("the database has no such tables yet: run `footfall up` first") from None
        except (errors.LockNotAvailable, errors.DeadlockDetected):
            raise connections.DatabaseError(
                "writers keep the tables in use; nothing is erased: try again later"
            ) from None
