"""The patterns of a module and the texts that cost them most: what tests/unit/test_linear.py measures."""

from __future__ import annotations

import ast
import inspect
import random
import re
from collections.abc import Iterator
from itertools import product
from re import _constants as codes  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from time import process_time
from types import ModuleType
from typing import Any, NamedTuple

METHODS = ("search", "match", "fullmatch", "sub", "subn", "finditer", "findall", "split")
AT_ONE_PLACE = {"match", "fullmatch"}
SAMPLES = 600
# What patterns of this project are about, and what ends a match that was nearly one.
COMMON = ("a", "0", " ", "&", "?&", "=", "%25", "%26a", '"', '\\"', "\\", "[", "://", "a@a.", "\n", "é", "\u0345\u0334")
TAILS = ("", "\0", "x", "\n\n")


class Found(NamedTuple):
    """A compiled pattern, the name that it has, and the methods that are called on it."""

    name: str
    pattern: re.Pattern[Any]
    methods: frozenset[str]


def patterns(module: ModuleType) -> Iterator[Found]:
    """Every pattern that a name of the module holds, also as a bound method or inside of tuples."""
    called = calls(module)
    for name, value in vars(module).items():
        for pattern, method in _within(value):
            methods = {method} if method else called.get(name, {"finditer"})
            yield Found(f"{module.__name__}.{name}", pattern, frozenset(methods))


def _within(value: Any) -> Iterator[tuple[re.Pattern[Any], str | None]]:
    if isinstance(value, re.Pattern):
        yield value, None
    elif isinstance(getattr(value, "__self__", None), re.Pattern):
        yield value.__self__, value.__name__
    elif isinstance(value, tuple | list):
        for part in value:
            yield from _within(part)
    elif isinstance(value, dict):
        yield from _within(list(value.values()))


def calls(module: ModuleType) -> dict[str, set[str]]:
    """The methods of a pattern that the source calls by its name."""
    found: dict[str, set[str]] = {}
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.attr in METHODS:
            found.setdefault(node.value.id, set()).add(node.attr)
    return found


def compiled_elsewhere(module: ModuleType) -> list[int]:
    """Lines that call re.search and the like, or that compile inside of a function: no name of the module has those."""
    tree = ast.parse(inspect.getsource(module))
    inside = {id(node) for function in ast.walk(tree) if isinstance(function, ast.FunctionDef)
              for node in ast.walk(function)}  # fmt: skip
    return [
        node.lineno for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name) and node.func.value.id == "re"
        and (node.func.attr in METHODS or (node.func.attr == "compile" and id(node) in inside))
    ]  # fmt: skip


def shapes(pattern: re.Pattern[Any], size: int) -> Iterator[str]:
    """Texts of this many characters: what the parts of a pattern match, again and again, behind one another.

    The same ones, whatever the size.
    """
    text = pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode("latin-1")
    parts = _pieces(parser.parse(text, pattern.flags & ~re.UNICODE))
    own = list(dict.fromkeys(piece for piece in parts if piece))
    pieces = list(dict.fromkeys((*own, *COMMON)))
    for piece, tail in product(pieces, TAILS):
        yield _filled("", piece, tail, size)
    rng = random.Random(text)
    for _ in range(SAMPLES):
        first, tail = rng.choice(("", *own)), rng.choice((*TAILS, *own))
        piece = rng.choice(pieces) + rng.choice(("", *pieces))
        yield _filled(first, piece, tail, size)


def _filled(first: str, piece: str, tail: str, size: int) -> str:
    """first, then piece again and again, tail at the end."""
    count = size - len(first) - len(tail)
    return first + (piece * (count // len(piece) + 1))[:count] + tail


def _pieces(nodes: Any) -> Iterator[str]:
    """Texts that a parsed pattern, and each part of it, matches, looks for or excludes."""
    yield "".join(_one(node) for node in nodes)
    for code, argument in nodes:
        yield _one((code, argument))
        for inner in _inner(code, argument):
            yield from _pieces(inner)
        if code is codes.IN:
            yield from (_one(item) for item in argument)


def _inner(code: Any, argument: Any) -> list[Any]:
    if code is codes.BRANCH:
        return list(argument[1])
    if code is codes.SUBPATTERN:
        return [argument[3]]
    if code in (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT):
        return [argument[2]]
    if code in (codes.ASSERT, codes.ASSERT_NOT):
        return [argument[1]]
    return [argument] if code is codes.ATOMIC_GROUP else []


def _one(node: Any) -> str:
    """One text that a node matches."""
    code, argument = node
    if code is codes.LITERAL:
        return chr(argument)
    if code is codes.NOT_LITERAL:
        return "b" if argument == ord("a") else "a"
    if code is codes.RANGE:
        return chr(argument[0])
    if code is codes.ANY:
        return "a"
    if code is codes.CATEGORY:
        return {codes.CATEGORY_DIGIT: "0", codes.CATEGORY_SPACE: " ", codes.CATEGORY_NOT_WORD: " "}.get(argument, "a")
    if code is codes.IN:
        excluded = argument[0][0] is codes.NEGATE
        return next((c for c in "a0 -.~" if not _holds(argument[1:], c)), "a") if excluded else _one(argument[0])
    if code in (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT):
        return "".join(map(_one, argument[2])) * max(1, min(argument[0], 20))
    if code in (codes.SUBPATTERN, codes.ATOMIC_GROUP, codes.BRANCH):
        return "".join(map(_one, _inner(code, argument)[0]))
    return ""


def _holds(items: Any, character: str) -> bool:
    return any(
        (code is codes.LITERAL and chr(argument) == character)
        or (code is codes.RANGE and argument[0] <= ord(character) <= argument[1])
        or (code is codes.CATEGORY and (
            (argument is codes.CATEGORY_SPACE and character.isspace())
            or (argument is codes.CATEGORY_DIGIT and character.isdigit())
            or (argument is codes.CATEGORY_WORD and (character.isalnum() or character == "_"))
            or (argument is codes.CATEGORY_NOT_WORD and not character.isalnum() and character != "_")
        ))
        for code, argument in items
    )  # fmt: skip


def seconds(work: Any, text: Any, rounds: int = 3) -> float:
    """Processor time of one call, the best of some rounds; short ones are called until they last a millisecond."""
    best = float("inf")
    for _ in range(rounds):
        count, begun = 0, process_time()
        while not count or process_time() - begun < 0.001:
            work(text)
            count += 1
        best = min(best, (process_time() - begun) / count)
    return best


def run(found: Found) -> Any:
    """What a pattern does with a text, by the methods that are called on it."""
    at_once = [getattr(found.pattern, name) for name in sorted(found.methods & AT_ONE_PLACE)]
    along = found.pattern.finditer if found.methods - AT_ONE_PLACE else None
    encode = isinstance(found.pattern.pattern, bytes)

    def work(text: str) -> None:
        whole: Any = text.encode() if encode else text
        for method in at_once:
            method(whole)
        if along:
            for _ in along(whole):
                pass

    return work
