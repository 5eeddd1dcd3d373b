"""Flink's descriptions of operators, taken apart and made readable: Calc(select=[a, UPPER(b) AS c], where=[…])."""

from __future__ import annotations

import re

OPEN, CLOSE = "([{", ")]}"
LIMIT = 44
# What Flink writes and SQL doesn't, or what says no more than the line around it.
NOISE = (
    (r"_UTF-16LE'", "'"),
    (r"\$?\bcor\d+\.", ""),
    (r"\$UNNEST_ROWS\$\d+\(ARRAY\((.*)\)\)", r"\1"),
    (r"CAST\(([\w.]+) AS [A-Z_]+(?:\(\d+\))?\)", r"\1"),
    (r"null:[A-Z]+(?:\(\d+\))?", "NULL"),
    (r"(?<=\w):VARCHAR\(\d+\)", ""),
    (r"\((\w+ [<>=]+ [^()]*)\)", r"\1"),
    (r"SEARCH\((\w+), Sarg\[\[([^\]]*?)\.\.([^\]]*?)\]\]\)", r"\1 BETWEEN \2 AND \3"),
    (r"SEARCH\((\w+), Sarg\[([^\]]*)\]\)", r"\1 IN (\2)"),
)
UNITS = ((86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1000, "s"), (1, "ms"))


def described(description: str) -> dict[str, str]:
    """Name(key=[value], key=[value]) as a mapping; values are without their brackets."""
    found = {}
    for part in split(description.partition("(")[2].removesuffix(")")):
        name, _, value = part.partition("=")
        found[name] = value[1:-1].strip() if value.startswith("[") else value
    return found


def split(text: str) -> list[str]:
    """The parts between the commas that are outside of brackets and quotes."""
    parts, depth, quoted, start = [], 0, False, 0
    for place, letter in enumerate(text):
        if letter == "'":
            quoted = not quoted
        elif not quoted:
            depth += (letter in OPEN) - (letter in CLOSE)
            if letter == "," and not depth:
                parts.append(text[start:place].strip())
                start = place + 1
    return [part for part in [*parts, text[start:].strip()] if part]


def named(item: str) -> tuple[str, str]:
    """(expression, name) of `expression AS name`; a column that stays as it is has its own name twice."""
    head, found, name = item.rpartition(" AS ")
    return (head, name) if found and re.fullmatch(r"[\w$]+", name) else (item, item)


def computed(select: str) -> list[tuple[str, str]]:
    """(expression, name) of what a list of columns makes new: renamed and cast columns are not among them."""
    found = [named(item) for item in split(select)]
    return [(text, name) for text, name in found if text != name and not re.fullmatch(r"[\w.$]+", plain(text))]


def plain(expression: str, limit: int = LIMIT) -> str:
    """An expression with Flink's own notation taken out, cut to limit characters."""
    for pattern, by in NOISE:
        expression = re.sub(pattern, by, expression)
    expression = " ".join(expression.replace("\0", "").split())
    if expression.startswith("(") and closes_at(expression) == len(expression) - 1:
        expression = expression[1:-1]
    return expression if len(expression) <= limit else expression[: limit - 1].rstrip(" ,(") + "…"


def closes_at(text: str) -> int:
    """The place of the bracket that closes the first one; -1 where none does."""
    depth = 0
    for place, letter in enumerate(text):
        depth += (letter in OPEN) - (letter in CLOSE)
        if not depth:
            return place
    return -1


def listed(names: list[str]) -> str:
    """a, b and c."""
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else "".join(names)


def length(milliseconds: int) -> str:
    """A length of time in words: 70 s, 30 min, 1 h 1 min 10 s."""
    if milliseconds < 120_000 and milliseconds % 1000 == 0:
        return f"{milliseconds // 1000} s" if milliseconds % 60_000 or not milliseconds else "1 min"
    parts = []
    for size, unit in UNITS:
        count, milliseconds = divmod(milliseconds, size)
        parts += [f"{count} {unit}"] if count else []
    return " ".join(parts)


def window(text: str) -> str:
    """TUMBLE(…, size=[1 min]) as `windows of 1 min`."""
    kind = text.partition("(")[0]
    part = described(text)
    if kind == "SESSION":
        return f"sessions, gap {part['gap']},"
    if kind == "HOP":
        return f"windows of {part['size']} every {part['slide']}"
    if kind == "CUMULATE":
        return f"windows of {part['max_size']} with a row every {part['step']}"
    return f"windows of {part.get('size', 'fixed size')}"
