"""Puts the files of sql/postgres/{functions,views,triggers} into force, all that changed in one transaction.

The table schema_objects knows what was applied: the hash of the file, and that of the definition which the catalogue
had of it then. docs/decisions/0019-one-file-one-object.md says why it goes as it does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import psycopg
from psycopg import errors, sql

from footfall.database import catalogue
from footfall.database.catalogue import Key, Known
from footfall.database.connections import DatabaseError
from footfall.database.object_files import FOLDERS, ObjectFile

LOCK_SECONDS = 10  # for others to end what they have begun with a table or view
NOT_AS_APPLIED = "not as it was applied"  # edited by hand or by a migration; or another Postgres writes it otherwise
ONE_AT_A_TIME = "SELECT pg_advisory_lock(hashtext('schema_objects'))"  # goes with the connection
MODES = {"O": "ENABLE", "D": "DISABLE", "R": "ENABLE REPLICA", "A": "ENABLE ALWAYS"}
IN_USE = (errors.LockNotAvailable, errors.DeadlockDetected)
# How Postgres says that an object can't be replaced: other columns, another type, signature or kind.
NOT_REPLACED = (
    errors.InvalidFunctionDefinition, errors.InvalidTableDefinition, errors.WrongObjectType, errors.AmbiguousFunction,
)  # fmt: skip
MISSING = (errors.UndefinedTable, errors.UndefinedFunction, errors.UndefinedObject, errors.UndefinedColumn)


class Change(NamedTuple):
    """What is to be done, or was done, to an object."""

    what: str  # new, changed, dropped, or NOT_AS_APPLIED
    kind: str
    name: str

    def __str__(self) -> str:
        if self.what == NOT_AS_APPLIED:
            return f"{self.kind} {self.name}, {self.what}"
        return f"{self.what} {self.kind} {self.name}"


def changes(connection: psycopg.Connection, files: Sequence[ObjectFile]) -> list[Change]:
    """What apply() would do, from one query; the table schema_objects must be there."""
    _begin(connection)
    return _changes(_state(connection, files), files)


def apply(connection: psycopg.Connection, files: Sequence[ObjectFile]) -> list[Change]:
    """Put into force what is not, in one transaction, and return it; nothing is changed where anything fails.

    The connection holds ONE_AT_A_TIME where others may do the same. Raises DatabaseError.
    """
    with connection.transaction():
        _begin(connection)
        before = _state(connection, files)
        found = _changes(before, files)
        work = _Work(connection, files)
        try:
            if found:
                work.put_into_force({(kind, name) for _, kind, name in found}, before.keys())
        except IN_USE:
            raise DatabaseError(
                f"a long query or transaction keeps {work.doing} in use: no function, view or trigger was changed;"
                " run `footfall migrate` again"
            ) from None
        return found


def apply_first(connection: psycopg.Connection, files: Iterable[ObjectFile]) -> None:
    """Run the files of what migrations call, before there is a table to record it in: apply() comes after them."""
    with connection.transaction():
        for it in files:
            connection.execute(it.text.encode())


def _begin(connection: psycopg.Connection) -> None:
    """search_path is a part of how the catalogue writes a definition, and to write it locks what it is about."""
    connection.execute(
        "SELECT set_config('search_path', 'public', false), set_config('lock_timeout', %s, false)", [f"{LOCK_SECONDS}s"]
    )


def _state(connection: psycopg.Connection, files: Iterable[ObjectFile]) -> dict[Key, Known]:
    return catalogue.state(connection, [it.key for it in files])


def _changes(state: Mapping[Key, Known], files: Iterable[ObjectFile]) -> list[Change]:
    found = []
    for it in files:
        known = state[it.key]
        if known.file_hash is None:
            found.append(Change("new", *it.key))
        elif known.definition_hash != known.definition_now:
            found.append(Change(NOT_AS_APPLIED, *it.key))
        elif known.file_hash != it.hash:
            found.append(Change("changed", *it.key))
    named = {it.key for it in files}
    return found + [Change("dropped", *key) for key in sorted(state) if key not in named]


class _Work:
    """The transaction of one apply(), and what it has to remember until it ends."""

    def __init__(self, connection: psycopg.Connection, files: Sequence[ObjectFile]) -> None:
        self.connection = connection
        self.files = {it.key: it for it in files}
        self.modes: dict[str, str] = {}  # of each trigger that was there: whether it is on
        self.doing = "a view or table"

    def put_into_force(self, todo: set[Key], known: Iterable[Key]) -> None:
        """Make these, drop those of them that have no file, and record it in schema_objects."""
        fallen = self.drop(todo - self.files.keys(), self.files.keys() | set(known))
        todo = (todo | fallen) & self.files.keys()
        catalogue.forget(self.connection, todo)
        made = self.make([it for key, it in self.files.items() if key in todo])
        self.check_functions()
        self.restore_modes()
        self.record(made)

    def make(self, todo: Sequence[ObjectFile]) -> set[Key]:
        """Create or replace these, in passes: what needs another one has its turn after it. Returns what was made.

        What can't be replaced is dropped, once, with all that depends on it, which is made again too.
        """
        waiting, dropped, made = list(todo), set[Key](), set[Key]()
        while waiting:
            failed: dict[ObjectFile, psycopg.Error] = {}
            again: list[ObjectFile] = []
            for it in waiting:
                try:
                    with self.connection.transaction():
                        self.execute(it)
                    made.add(it.key)
                except IN_USE:
                    raise
                except psycopg.Error as error:
                    if isinstance(error, NOT_REPLACED) and it.key not in dropped:
                        dropped.add(it.key)
                        fallen = self.drop({it.key}, self.files.keys())
                        made -= fallen
                        again += [self.files[key] for key in sorted(fallen | {it.key})]
                    else:
                        failed[it] = error
            if len(failed) == len(waiting):
                raise _failure(failed)
            waiting = list(dict.fromkeys([*again, *failed]))
        return made

    def execute(self, it: ObjectFile) -> None:
        """Run a file. Raises AmbiguousFunction where a function of another signature is there too."""
        self.doing = f"{it.kind} {it.name}"
        if it.kind == "trigger":
            self.remember_mode(it.name)
        self.connection.execute(it.text.encode())
        count = catalogue.count(self.connection, it.key)
        if count == 0:
            raise DatabaseError(f"{_shown(it)} makes no {it.kind} {it.name}")
        if count > 1:
            raise errors.AmbiguousFunction(f"makes {count} functions of the same name")

    def drop(self, keys: set[Key], ours: Iterable[Key]) -> set[Key]:
        """Drop these, and what of ours depends on them, which is returned. Raises DatabaseError for all else."""
        known = set(ours)
        found = catalogue.fallen(self.connection, keys) if keys else []
        for it in found:
            if (it.kind, it.name) not in known:
                roots = " and ".join(f"{kind} {name}" for kind, name in sorted(keys))
                raise DatabaseError(
                    f"{roots} must be dropped, and {it.description} needs it: drop that, or write it into sql/postgres."
                    " No function, view or trigger was changed"
                )
        for it in found:
            if it.kind == "trigger" and it.name:
                self.remember_mode(it.name)
        for it in found:
            if it.drop:
                self.doing = f"{it.kind} {it.name}"
                self.connection.execute(it.drop.encode())
        return {(it.kind, it.name) for it in found if it.kind and it.name} - keys

    def check_functions(self) -> None:
        """Whether each function in SQL still fits what it asks: Postgres looks at that only when it makes one."""
        rows = self.connection.execute(
            "SELECT proname, p.oid FROM pg_proc AS p JOIN pg_language AS l ON l.oid = prolang"
            " WHERE lanname = 'sql' AND proname = ANY (%s) AND pronamespace = 'public'::regnamespace",
            [[name for kind, name in self.files if kind == "function"]],
        ).fetchall()
        for name, oid in rows:
            try:
                self.connection.execute("SELECT fmgr_sql_validator(%s)", [oid])
            except psycopg.Error as error:
                raise _failure({self.files["function", name]: error}) from None

    def remember_mode(self, name: str) -> None:
        """Remember whether a trigger is on: `footfall person erase` turns some on, and must wait for the commit."""
        table, _, trigger = name.partition(".")
        self.connection.execute(sql.SQL("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE").format(sql.Identifier(table)))
        if mode := self.mode(table, trigger):
            self.modes.setdefault(name, mode)

    def mode(self, table: str, trigger: str) -> str | None:
        """Whether a trigger is on, in the letters of the catalogue; None where there is none."""
        row = self.connection.execute(
            "SELECT tgenabled::text FROM pg_trigger WHERE tgrelid = to_regclass(quote_ident(%s)) AND tgname = %s",
            [table, trigger],
        ).fetchone()
        return row[0] if row else None

    def restore_modes(self) -> None:
        """Leave each trigger that was there before on or off as it was."""
        for name, mode in self.modes.items():
            table, _, trigger = name.partition(".")
            if ("trigger", name) in self.files and self.mode(table, trigger) != mode:
                self.connection.execute(
                    sql.SQL("ALTER TABLE {} {} TRIGGER {}").format(
                        sql.Identifier(table), sql.SQL(MODES[mode]), sql.Identifier(trigger)
                    )
                )

    def record(self, made: Iterable[Key]) -> None:
        """Record what was applied, and delete what is gone."""
        state = _state(self.connection, self.files.values())
        cursor = self.connection.cursor()
        cursor.executemany(
            "INSERT INTO schema_objects (kind, name, file_hash, definition_hash) VALUES (%s, %s, %s, %s)"
            " ON CONFLICT (kind, name) DO UPDATE SET file_hash = EXCLUDED.file_hash,"
            " definition_hash = EXCLUDED.definition_hash, applied_at = now()",
            [(*key, self.files[key].hash, state[key].definition_now) for key in made],
        )
        gone = state.keys() - self.files.keys()
        cursor.executemany("DELETE FROM schema_objects WHERE kind = %s AND name = %s", sorted(gone))


def _failure(failed: Mapping[ObjectFile, psycopg.Error]) -> DatabaseError:
    """One line on the file that is at fault, rather than on one that waits for what it should have made."""
    it, error = min(failed.items(), key=lambda pair: isinstance(pair[1], MISSING))
    position = error.diag.statement_position
    line = f":{it.text.count(chr(10), 0, int(position)) + 1}" if position else ""
    reason = " ".join((error.diag.message_primary or str(error)).split())
    more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
    return DatabaseError(
        f"{_shown(it)}{line} failed{more}: {reason}. No function, view or trigger was changed: mend it and run this"
        " again"
    )


def _shown(it: ObjectFile) -> str:
    return f"sql/postgres/{FOLDERS[it.kind]}/{it.path.name}"
