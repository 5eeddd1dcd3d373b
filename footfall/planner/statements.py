"""What statements of SQL declare and write, as their text says. Without Flink."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from jobs.sql_script import Statement, Token, significant


def columns(statement: Statement) -> dict[str, str]:
    """The columns that a CREATE TABLE itself declares, each with the first word of its type in upper case."""
    found = significant(statement.text)
    depth = 0
    declared: dict[str, str] = {}
    for before, token in pairwise([*found, Token("symbol", "", 0)]):
        depth += {"(": 1, "<": 1, ")": -1, ">": -1}.get(before.text, 0)
        if depth == 1 and before.text in "(,":
            following = found[found.index(token) + 1]
            if token.word not in ("PRIMARY", "CONSTRAINT", "WATERMARK"):
                declared[token.identifier] = following.word
        elif before.text == ")" and depth == 0:
            break
    return declared


def written(statements: Iterable[Statement]) -> list[str]:
    """The tables that the statements insert into, in their order."""
    names = []
    for statement in statements:
        found = significant(statement.text)
        names += [name.identifier for into, name in pairwise(found) if into.word == "INTO"]
    return list(dict.fromkeys(names))
