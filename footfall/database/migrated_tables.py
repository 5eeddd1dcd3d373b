"""The tables that sql/postgres/migrations make, read from their SQL: no database is asked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from jobs.sql_script import Fault, ScriptError, read_text

MARKER = re.compile(r"^-- migrate:(up|down)\b.*$", re.MULTILINE)
STATEMENT = re.compile(r"((CREATE(\s+UNLOGGED)?|ALTER|DROP)\s+TABLE|COMMENT\s+ON\s+(TABLE|COLUMN))\b", re.IGNORECASE)


@dataclass(frozen=True)
class Column:
    """A column: its type as Postgres writes it, whether it must have a value, and whether Postgres has one for it."""

    type: exp.DataType
    not_null: bool
    filled: bool
    comment: str = ""

    @property
    def type_name(self) -> str:
        """The type in Postgres's words, in lower case."""
        return self.type.sql(dialect="postgres").lower()


@dataclass
class Table:
    """A table as the migrations leave it."""

    columns: dict[str, Column] = field(default_factory=dict)
    key: list[str] = field(default_factory=list)
    comment: str = ""


def read_migrations(folder: Path) -> dict[str, Table]:
    """The tables after all migrations of a folder, in the order of their names. Raises as read_tables does."""
    return read_tables(sorted(folder.glob("*.sql")))


def read_tables(paths: Iterable[Path]) -> dict[str, Table]:
    """The tables after these migrations, `-- migrate:up` parts alone.

    Understands CREATE, ALTER and DROP TABLE, and COMMENT ON; what functions do is not seen. Raises ScriptError for what
    can't be read.
    """
    tables: dict[str, Table] = {}
    faults: list[Fault] = []
    for path in paths:
        try:
            for line, text in _statements(read_text(path)):
                try:
                    statement = sqlglot.parse_one(text, dialect="postgres")
                except SqlglotError as error:
                    raise ScriptError([Fault(str(path), line, f"can't be read: {_first_line(error)}")]) from error
                _apply(statement, tables)
        except ScriptError as error:
            faults += error.faults
    if faults:
        raise ScriptError(faults)
    return tables


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """The line and text of each statement about a table in the parts that make things."""
    parts = MARKER.split(text)
    # Outside of these parts, white space keeps the place of what is in them
    kept = [_blank(parts[0])]
    for kind, part in zip(parts[1::2], parts[2::2], strict=True):
        kept.append(part if kind == "up" else _blank(part))
    text = "".join(kept)
    start: int | None = None
    for token in [*sqlglot.tokenize(text, dialect="postgres"), None]:
        if token is None or token.token_type == sqlglot.TokenType.SEMICOLON:
            end = token.start if token else len(text)
            if start is not None and STATEMENT.match(text, start):
                yield text.count("\n", 0, start) + 1, text[start:end]
            start = None
        elif start is None:
            start = token.start


def _blank(text: str) -> str:
    return re.sub(r"[^\n]", " ", text)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def _apply(statement: exp.Expr | None, tables: dict[str, Table]) -> None:
    if isinstance(statement, exp.Drop):
        for table in statement.args.get("tables") or []:
            tables.pop(table.name.lower(), None)
    elif isinstance(statement, exp.Create) and isinstance(statement.this, exp.Schema):
        _create(statement.this, tables)
    elif isinstance(statement, exp.Alter) and statement.this.name.lower() in tables:
        for action in statement.args["actions"]:
            _alter(statement, action, tables)
    elif isinstance(statement, exp.Comment):
        _comment(statement, tables)


def _comment(statement: exp.Comment, tables: dict[str, Table]) -> None:
    text = statement.expression.this if isinstance(statement.expression, exp.Literal) else ""
    if isinstance(statement.this, exp.Column):
        columns = tables.get(statement.this.table.lower(), Table()).columns
        if column := columns.get(statement.this.name.lower()):
            columns[statement.this.name.lower()] = replace(column, comment=text)
    elif table := tables.get(statement.this.name.lower()):
        table.comment = text


def _create(schema: exp.Schema, tables: dict[str, Table]) -> None:
    table = tables.setdefault(schema.this.name.lower(), Table())
    for part in schema.expressions:
        if isinstance(part, exp.ColumnDef):
            _add(table, part)
        elif isinstance(part, exp.LikeProperty):
            like = tables.get(part.this.name.lower(), Table())
            table.columns |= like.columns
            table.key = table.key or list(like.key)
        else:
            _constrain(table, part)


def _alter(statement: exp.Alter, action: exp.Expr, tables: dict[str, Table]) -> None:
    name = statement.this.name.lower()
    table = tables[name]
    if isinstance(action, exp.ColumnDef):
        _add(table, action)
    elif isinstance(action, exp.AddConstraint):
        for part in action.expressions:
            _constrain(table, part)
    elif isinstance(action, exp.Drop):
        for dropped in action.args.get("tables") or []:
            if action.args.get("kind") == "COLUMN":
                table.columns.pop(dropped.name.lower(), None)
            elif dropped.name.lower() == f"{name}_pkey":
                table.key = []
    elif isinstance(action, exp.RenameColumn):
        _rename(table, action.this.name, action.args["to"].name)
    elif isinstance(action, exp.AlterRename):
        if renamed := statement.args.get("options"):  # RENAME a TO b, without the word COLUMN
            _rename(table, action.this.name, renamed[0].this.name)
        else:
            tables[action.this.name.lower()] = tables.pop(name)
    elif isinstance(action, exp.AlterColumn) and (column := table.columns.get(action.this.name.lower())):
        given = action.args
        if type_ := given.get("dtype"):
            column = replace(column, type=type_)
        if given.get("allow_null") is not None:
            column = replace(column, not_null=not given["allow_null"])
        elif given.get("drop"):
            column = replace(column, filled=False)
        if given.get("default") is not None:
            column = replace(column, filled=True)
        table.columns[action.this.name.lower()] = column


def _add(table: Table, definition: exp.ColumnDef) -> None:
    kinds = [constraint.kind for constraint in definition.args.get("constraints") or []]
    name = definition.name.lower()
    if any(isinstance(kind, exp.PrimaryKeyColumnConstraint) for kind in kinds):
        table.key = [name]
    not_null = any(isinstance(kind, exp.NotNullColumnConstraint) and not kind.args.get("allow_null") for kind in kinds)
    fillers = (exp.DefaultColumnConstraint, exp.GeneratedAsIdentityColumnConstraint, exp.ComputedColumnConstraint)
    type_ = definition.args["kind"]
    filled = "SERIAL" in type_.sql(dialect="postgres").upper() or any(isinstance(kind, fillers) for kind in kinds)
    table.columns[name] = Column(type_, not_null or table.key == [name], filled)


def _constrain(table: Table, part: exp.Expr) -> None:
    if key := part.find(exp.PrimaryKey):
        table.key = [column.name.lower() for column in key.expressions]
        for name in table.key:
            if name in table.columns:
                table.columns[name] = replace(table.columns[name], not_null=True)


def _rename(table: Table, old: str, new: str) -> None:
    names = {old.lower(): new.lower()}
    table.columns = {names.get(name, name): column for name, column in table.columns.items()}
    table.key = [names.get(name, name) for name in table.key]
