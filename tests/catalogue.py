"""What is in a database, as text: all that two ways to make it must make alike.

`python tests/catalogue.py CONNECTION_STRING > FILE` keeps it, for test_catalogue.py to compare with.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import psycopg

# kind of thing → a query for its name and what it is. Only of the schema public, and of what belongs to the database.
QUERIES = {
    "tables": """
        SELECT c.relname, concat_ws(' | ', c.relkind, c.relpersistence, pg_get_partkeydef(c.oid),
          pg_get_expr(c.relpartbound, c.oid), c.reloptions::text, c.relrowsecurity, c.relreplident,
          obj_description(c.oid, 'pg_class'))
        FROM pg_class AS c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'S', 'f', 'm')""",
    "columns": """
        SELECT c.relname || '.' || row_number() OVER (PARTITION BY c.oid ORDER BY a.attnum),
          concat_ws(' | ', a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated,
          a.attstorage, a.attstattarget, a.attcollation::regcollation, pg_get_expr(d.adbin, d.adrelid), a.attacl::text,
          col_description(c.oid, a.attnum))
        FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        LEFT JOIN pg_attrdef AS d ON d.adrelid = c.oid AND d.adnum = a.attnum
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v')""",
    "constraints": """
        SELECT conrelid::regclass || '.' || conname,
          concat_ws(' | ', pg_get_constraintdef(oid), convalidated, connoinherit, obj_description(oid, 'pg_constraint'))
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace""",
    "indexes": """
        SELECT indexrelid::regclass::text, concat_ws(' | ', pg_get_indexdef(indexrelid), indisvalid, indisclustered,
          obj_description(indexrelid, 'pg_class'))
        FROM pg_index JOIN pg_class AS c ON c.oid = indexrelid WHERE c.relnamespace = 'public'::regnamespace""",
    "types": """
        SELECT typname, concat_ws(' | ', typtype, format_type(typbasetype, typtypmod), obj_description(oid, 'pg_type'))
        FROM pg_type WHERE typnamespace = 'public'::regnamespace AND typtype <> 'b'""",
    "functions": """
        SELECT oid::regprocedure::text, concat_ws(' | ', prokind,
          CASE WHEN prokind <> 'a' THEN pg_get_functiondef(oid) END, obj_description(oid, 'pg_proc'))
        FROM pg_proc WHERE pronamespace = 'public'::regnamespace""",
    "views": """
        SELECT c.relname,
          concat_ws(' | ', pg_get_viewdef(c.oid), c.reloptions::text, obj_description(c.oid, 'pg_class'))
        FROM pg_class AS c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'v'""",
    "triggers": """
        SELECT tgrelid::regclass || '.' || tgname,
          concat_ws(' | ', pg_get_triggerdef(oid), tgenabled, obj_description(oid, 'pg_trigger'))
        FROM pg_trigger WHERE NOT tgisinternal OR tgparentid <> 0""",
    "owners": """
        SELECT relname, relowner::regrole::text FROM pg_class WHERE relnamespace = 'public'::regnamespace
        UNION ALL
        SELECT oid::regprocedure::text, proowner::regrole::text FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace""",
    "rights": """
        SELECT name, string_agg(right_, ', ' ORDER BY right_) FROM (
          SELECT name, format('%s: %s%s', CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END,
            privilege_type, CASE WHEN is_grantable THEN ' for others' END) AS right_
          FROM (
            SELECT relname AS name, coalesce(relacl, acldefault('r', relowner)) AS acl FROM pg_class
            WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v')
            UNION ALL
            SELECT oid::regprocedure::text, coalesce(proacl, acldefault('f', proowner)) FROM pg_proc
            WHERE pronamespace = 'public'::regnamespace
            UNION ALL
            SELECT 'the schema', nspacl FROM pg_namespace WHERE nspname = 'public'
            UNION ALL
            SELECT 'the database', datacl FROM pg_database WHERE datname = current_database()
            UNION ALL
            SELECT concat('what ', defaclrole::regrole, ' makes: ', defaclobjtype), defaclacl FROM pg_default_acl
          ) AS a CROSS JOIN aclexplode(acl)
        ) AS r GROUP BY name""",
    "others": """
        SELECT evtname, 'event trigger' FROM pg_event_trigger UNION ALL SELECT extname, 'extension' FROM pg_extension
        UNION ALL SELECT nspname, 'schema' FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema)'
        UNION ALL SELECT polname, 'policy' FROM pg_policy UNION ALL SELECT pubname, 'publication' FROM pg_publication
        UNION ALL SELECT stxname, 'statistics' FROM pg_statistic_ext
        UNION ALL SELECT oprname, 'operator' FROM pg_operator WHERE oprnamespace = 'public'::regnamespace""",
}


def catalogue(connection: psycopg.Connection) -> dict[str, dict[str, str]]:
    """Name to definition by kind of thing, and of each table its rows; of the key of erasures how many."""
    connection.execute("SELECT set_config('search_path', 'public', false)")
    found: dict[str, dict[str, str]] = {}
    for kind, query in QUERIES.items():
        found[kind] = {str(name): str(text) for name, text in _rows(connection, query)}
    found["rows"] = {}
    for name, text in sorted(found["tables"].items()):
        if text[0] in "rp" and name != "schema_migrations":
            rows = [str(row) for row in _rows(connection, f'SELECT to_jsonb(t)::text FROM "{name}" AS t ORDER BY 1')]
            if rows:
                found["rows"][name] = "\n".join(rows) if name != "erasure_key" else str(len(rows))
    return found


def differences(before: dict[str, dict[str, str]], after: dict[str, dict[str, str]]) -> list[str]:
    """A text for each thing that is in one of two catalogues alone, or differs."""
    said = []
    for kind in sorted(before.keys() | after.keys()):
        one, other = before.get(kind, {}), after.get(kind, {})
        for name in sorted(one.keys() | other.keys()):
            if one.get(name) != other.get(name):
                said.append(f"{kind} {name}:\n  before: {one.get(name)}\n  after:  {other.get(name)}")
    return said


def _rows(connection: psycopg.Connection, query: str) -> list[Any]:
    return connection.execute(query.encode()).fetchall()


if __name__ == "__main__":
    with psycopg.connect(sys.argv[1], autocommit=True) as opened:
        print(json.dumps(catalogue(opened), indent=1, sort_keys=True))
