"""Which type of Postgres takes what the sink in flink/ writes of each type of Flink."""

from __future__ import annotations

import re
from typing import NamedTuple

# The first is what a migration makes; the others are taken too.
FITTING = {
    "STRING": ("text",),
    "BOOLEAN": ("boolean",),
    "TINYINT": ("smallint", "int", "bigint"),
    "SMALLINT": ("smallint", "int", "bigint"),
    "INT": ("int", "bigint"),
    "BIGINT": ("bigint",),
    "FLOAT": ("real", "double precision"),
    "DOUBLE": ("double precision",),
    "DECIMAL": ("decimal",),
    "DATE": ("date",),
    "TIME": ("time",),
    "TIMESTAMP": ("timestamptz", "timestamp"),
    "TIMESTAMP_LTZ": ("timestamptz",),
    "BYTES": ("bytea",),
}  # fmt: skip
SYNONYMS = {
    "VARCHAR": "STRING", "CHAR": "STRING", "VARBINARY": "BYTES", "BINARY": "BYTES", "INTEGER": "INT", "DEC": "DECIMAL",
    "NUMERIC": "DECIMAL",
}  # fmt: skip
TYPE = re.compile(r"(\w+)(?: ?\(([\d, ]+)\))?(.*?)( NOT NULL)?", re.IGNORECASE)
# What ALTER TABLE turns each type into without losing anything.
WIDER = {
    "smallint": ("int", "bigint", "text"), "int": ("bigint", "text"), "bigint": ("text",), "decimal": ("text",),
    "real": ("double precision",), "boolean": ("text",), "date": ("text",), "varchar": ("text",), "char": ("text",),
}  # fmt: skip


class FlinkType(NamedTuple):
    """A type of Flink: kind is a key of FITTING where the sink can write it, size is what stands in parentheses."""

    kind: str
    size: str | None
    not_null: bool


def read_type(text: str) -> FlinkType:
    """A type as SQL or Flink writes it, such as DECIMAL(18, 4) NOT NULL."""
    match = TYPE.fullmatch(text)
    if match is None:
        return FlinkType(text, None, False)
    kind, size, rest, not_null = match.groups()
    kind = SYNONYMS.get(kind.upper(), kind.upper())
    if kind == "TIMESTAMP" and "LOCAL" in rest.upper():
        kind = "TIMESTAMP_LTZ"
    return FlinkType(kind, size, bool(not_null))


def postgres_type(given: FlinkType) -> str:
    """The type that a migration makes of a kind that is in FITTING."""
    return f"decimal({_digits(given.size)[0]}, {_digits(given.size)[1]})" if given.kind == "DECIMAL" else (
        FITTING[given.kind][0]
    )  # fmt: skip


def fits(given: FlinkType, there: str) -> bool:
    """Whether a column of Postgres, whose type is written as there, takes all values of a kind that is in FITTING."""
    name, size = _parts(there)
    if given.kind == "STRING" and name in ("varchar", "char"):
        # A text that is too long would stop the job for good
        return name == "varchar" and (not size or (given.size is not None and int(given.size) <= int(size)))
    if given.kind == "DECIMAL" and name == "decimal" and size:
        return _holds(size, given.size)
    return name in FITTING[given.kind]


def widens(old: str, new: str) -> bool:
    """Whether each value of a type of Postgres is one of another, so that ALTER TABLE loses none."""
    (name, size), (new_name, new_size) = _parts(old), _parts(new)
    if name == new_name == "decimal":
        return not new_size or (bool(size) and _holds(new_size, size))
    return new_name in WIDER.get(name, ())


def _parts(there: str) -> tuple[str, str]:
    name, _, size = there.rstrip(")").partition("(")
    return name, size


def _holds(size: str, other: str | None) -> bool:
    """Whether decimals of a size have room for those of another, before and after the point."""
    (digits, scale), (other_digits, other_scale) = _digits(size), _digits(other)
    return other_scale <= scale and other_digits - other_scale <= digits - scale


def _digits(size: str | None) -> tuple[int, int]:
    """All digits, and those after the point; Flink's own numbers where nothing is said."""
    digits, scale = [*map(int, (size or "10").split(",")), 0][:2]
    return digits, scale
