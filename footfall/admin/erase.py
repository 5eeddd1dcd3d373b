"""Erases what the tables hold of one person (GDPR article 17, CCPA), as the owner, and refuses it from then on.

docs/decisions/0015-erasing-a-person.md says why it is done so.
"""

from __future__ import annotations

from psycopg import sql

from footfall.admin.data_subject import QUEUED, WRITTEN, Connection, Found, Given, Person, about, find, transaction
from footfall.database import connections, maintenance

LOCK_SECONDS = 30  # for writers to end what they have begun
# These take what the person had added out of the roll-ups, before what they need for it is deleted.
REFRESHES = sql.SQL("SELECT refresh_people(), refresh_funnels()")


def erase(owner: str, given: Given) -> Found:
    """Remove what look() counts, in one transaction, and refuse from now on what was before; returns what was removed.

    Writers wait meanwhile; the sums follow after it. Raises as look() does; DatabaseError where writers don't let go.
    """
    with transaction(owner) as connection:
        connection.execute("SELECT set_config('lock_timeout', %s, true)", [f"{LOCK_SECONDS}s"])
        # No row may be written between the look for what there is and the moment from which it is refused.
        names = sql.SQL(", ").join(sql.Identifier(table.name) for table in WRITTEN)
        connection.execute(sql.SQL("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE").format(names))
        found = find(connection, given)
        _refuse_from_now_on(connection, found.person)
        for table in (QUEUED, *WRITTEN):
            connection.execute(about(table, "DELETE FROM {table} WHERE {rows}"), found.person.values)
        connection.execute(REFRESHES)
    try:
        maintenance.refresh_rollups(owner)
    except connections.DatabaseError as error:
        raise connections.DatabaseError(f"the rows are erased, but not yet taken out of all sums: {error}") from None
    return found


def _refuse_from_now_on(connection: Connection, person: Person) -> None:
    """Write the person's ids into erasure_suppressions, until now, or until the latest row where a clock was ahead.

    The trigger that refuses their rows is off where nobody was erased yet.
    """
    marks = [("user", id_) for id_ in person.user_ids] + [("visitor", id_) for id_ in person.visitor_ids]
    times = []
    for table in WRITTEN:
        connection.execute(about(table, "ALTER TABLE {table} ENABLE TRIGGER erased_are_refused"))
        query = about(table, "SELECT max({time}) + INTERVAL '1 ms' FROM {table} WHERE {rows}")
        times += [time for (time,) in connection.execute(query, person.values) if time is not None]
        if table.own_id:
            query = about(table, "SELECT DISTINCT {own_id} FROM {table} WHERE {rows}")
            marks += [(table.kind, id_) for (id_,) in connection.execute(query, person.values)]
    connection.execute(
        "INSERT INTO erasure_suppressions"
        " SELECT %(site)s, erased_hash(key, kind, %(site)s, id), greatest(clock_timestamp(), %(last)s)"
        " FROM erasure_key CROSS JOIN unnest(%(kinds)s::text[], %(ids)s::text[]) AS m (kind, id)"
        " ON CONFLICT (site, id_hash) DO UPDATE SET erased_until = EXCLUDED.erased_until",
        {
            "site": person.site, "last": max(times, default=None),
            "kinds": [kind for kind, _ in marks], "ids": [id_ for _, id_ in marks],
        },
    )  # fmt: skip
