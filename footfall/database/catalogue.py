"""What Postgres' catalogue says of the functions, views and triggers that sql/postgres names.

An object is known by its kind and name; a function by its name alone, so of several signatures each is one of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import psycopg

Key = tuple[str, str]  # kind and name; of a trigger, TABLE.NAME

# What there is of the objects that are asked for, and in which words a statement names each.
THERE = """
WITH RECURSIVE asked AS (SELECT * FROM unnest(%(kinds)s::text[], %(names)s::text[]) AS u (kind, name)),
there AS (
  SELECT a.*, 'ROUTINE' AS word, p.tableoid AS classid, p.oid AS objid, proowner AS owner,
    coalesce(proacl, acldefault('f', proowner)) AS acl
  FROM asked AS a JOIN pg_proc AS p ON a.kind = 'function' AND proname = a.name AND prokind IN ('f', 'p', 'a')
  WHERE pronamespace = 'public'::regnamespace
  UNION ALL
  SELECT a.*, 'VIEW', c.tableoid, c.oid, relowner, coalesce(relacl, acldefault('r', relowner))
  FROM asked AS a JOIN pg_class AS c ON a.kind = 'view' AND relname = a.name AND relkind = 'v'
  WHERE relnamespace = 'public'::regnamespace
  UNION ALL
  SELECT a.*, 'TRIGGER', t.tableoid, t.oid, NULL, NULL
  FROM asked AS a JOIN pg_class AS c ON a.kind = 'trigger' AND relname = split_part(a.name, '.', 1)
  JOIN pg_trigger AS t ON tgrelid = c.oid AND tgname = split_part(a.name, '.', 2) AND NOT tgisinternal
  WHERE relnamespace = 'public'::regnamespace
)"""
STATE = """,
definitions AS (
  SELECT kind, name, concat_ws(
      E'\n',
      CASE word
        WHEN 'ROUTINE' THEN coalesce(
          (SELECT g::text FROM pg_aggregate AS g WHERE aggfnoid = objid), pg_get_functiondef(objid))
        WHEN 'VIEW' THEN pg_get_viewdef(objid)
        ELSE pg_get_triggerdef(objid)
      END,
      owner::regrole, obj_description(objid, classid::regclass::name),
      (SELECT string_agg(x::text, ' ' ORDER BY x::text) FROM unnest(acl) AS x),
      (
        SELECT string_agg(concat_ws(' ', attname, attacl::text, col_description(objid, attnum)), ' ' ORDER BY attnum)
        FROM pg_attribute WHERE word = 'VIEW' AND attrelid = objid
      ),
      (SELECT reloptions::text FROM pg_class WHERE word = 'VIEW' AND oid = objid)
    ) AS definition
  FROM there
)
SELECT a.kind, a.name, o.file_hash, o.definition_hash, encode(sha256(convert_to(d.definition, 'UTF8')), 'hex')
FROM (TABLE asked UNION SELECT kind, name FROM schema_objects) AS a
LEFT JOIN schema_objects AS o USING (kind, name)
LEFT JOIN (
  SELECT kind, name, string_agg(definition, E'\n' ORDER BY definition) AS definition
  FROM definitions GROUP BY kind, name
) AS d USING (kind, name)"""
FORGET = """
SELECT format('COMMENT ON %%s %%s IS NULL', word, (pg_identify_object(classid, objid, 0)).identity) FROM there
WHERE obj_description(objid, classid::regclass::name) IS NOT NULL
UNION ALL
SELECT format('COMMENT ON COLUMN %%s IS NULL', (pg_identify_object(classid, objid, attnum)).identity)
FROM there JOIN pg_attribute ON word = 'VIEW' AND attrelid = objid AND col_description(objid, attnum) IS NOT NULL
UNION ALL
SELECT DISTINCT format(
    'REVOKE ALL ON %%s %%s FROM %%s', replace(word, 'VIEW', 'TABLE'), (pg_identify_object(classid, objid, 0)).identity,
    CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END
  )
FROM there CROSS JOIN aclexplode(acl) WHERE grantee <> owner"""
FALLEN = """,
fallen (classid, objid) AS (
  SELECT classid, objid FROM there
  UNION
  SELECT CASE WHEN r.oid IS NULL THEN d.classid ELSE 'pg_class'::regclass END, coalesce(r.ev_class, d.objid)
  FROM fallen AS f
  JOIN pg_depend AS d ON d.refclassid = f.classid AND d.refobjid = f.objid AND d.deptype IN ('n', 'a', 'i')
  -- A view depends on what it asks by its rule.
  LEFT JOIN LATERAL (
    SELECT oid, ev_class FROM pg_rewrite AS w WHERE w.tableoid = d.classid AND oid = d.objid
  ) AS r ON true
)
SELECT
  CASE
    WHEN p.oid IS NOT NULL THEN 'function' WHEN c.relkind = 'v' THEN 'view' WHEN t.oid IS NOT NULL THEN 'trigger'
  END,
  coalesce(p.proname, c.relname, o.relname || '.' || t.tgname),
  pg_describe_object(f.classid, f.objid, 0),
  (SELECT format('DROP %%s IF EXISTS %%s CASCADE', word, (pg_identify_object(h.classid, h.objid, 0)).identity)
    FROM there AS h WHERE h.classid = f.classid AND h.objid = f.objid)
FROM fallen AS f
LEFT JOIN pg_proc AS p ON p.tableoid = f.classid AND p.oid = f.objid
LEFT JOIN pg_class AS c ON c.tableoid = f.classid AND c.oid = f.objid
LEFT JOIN pg_trigger AS m ON m.tableoid = f.classid AND m.oid = f.objid
-- That of a partition goes with that of its table.
LEFT JOIN pg_trigger AS t ON t.oid = coalesce(nullif(m.tgparentid, 0), m.oid)
LEFT JOIN pg_class AS o ON o.oid = t.tgrelid
-- And so does that of TimescaleDB's chunk. The type of a view's rows is no object of its own.
WHERE f.classid <> 'pg_type'::regclass
  AND o.relnamespace::regnamespace::text IS DISTINCT FROM '_timescaledb_internal'"""


class Known(NamedTuple):
    """The hashes of the file and of the definition that were applied, and that of the definition now; None without."""

    file_hash: str | None
    definition_hash: str | None
    definition_now: str | None


class Fallen(NamedTuple):
    """What can't stay when others are dropped; drop is the statement for one of these, else it goes with them."""

    kind: str | None
    name: str | None
    description: str
    drop: str | None


def state(connection: psycopg.Connection, keys: Iterable[Key]) -> dict[Key, Known]:
    """What is known of these, and of all that were applied, by one query. search_path must be public."""
    return {(kind, name): Known(*hashes) for kind, name, *hashes in _rows(connection, STATE, keys)}


def count(connection: psycopg.Connection, key: Key) -> int:
    """How many there are of this name: more than one are functions of several signatures."""
    return len(_rows(connection, "SELECT FROM there", [key]))


def fallen(connection: psycopg.Connection, keys: Iterable[Key]) -> list[Fallen]:
    """These and all that depends on them, directly or not."""
    return [Fallen(*row) for row in _rows(connection, FALLEN, keys)]


def forget(connection: psycopg.Connection, keys: Iterable[Key]) -> None:
    """Take away comments and rights: what the files say of them is all that there is."""
    for (statement,) in _rows(connection, FORGET, keys):
        connection.execute(statement.encode())


def _rows(connection: psycopg.Connection, query: str, keys: Iterable[Key]) -> list[tuple[Any, ...]]:
    listed = sorted(keys)
    values = {"kinds": [kind for kind, _ in listed], "names": [name for _, name in listed]}
    return connection.execute(f"{THERE} {query}".encode(), values).fetchall()
