"""A batch taken apart by its brackets and commas, as far as that goes: for one that is no JSON as a whole.

A number that JSON has no word for, bytes that are no UTF-8, a byte order mark, an end that is missing: each is a fault
of the part that it is in, and the parts beside it are as good as ever. The time is linear in the length of the text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
MOST_MEMBERS = 100  # of the batch itself: five have a meaning
_SPACE = b" \t\r\n\0"
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[{}\[\],]', re.DOTALL)
_NAME = re.compile(rb'\s*"((?:[^"\\]++|\\.)*+)"\s*:\s*', re.DOTALL)
_COMMA, _CURLY, _SQUARE = b",}]"
_CLOSER = {ord("{"): _CURLY, ord("["): _SQUARE}


@dataclass
class Parts:
    """members: the texts of the fields beside batch. calls: those of its elements, None where there is no batch.

    rest: what is no field. is_whole: whether the object has its end.
    """

    members: dict[str, bytes] = field(default_factory=dict)
    calls: list[bytes] | None = None
    rest: list[bytes] = field(default_factory=list)
    is_whole: bool = False


def take_apart(body: bytes, most_calls: int) -> Parts | None:
    """The parts of a text that begins as an object, None for any other; of more than most_calls only one more."""
    text = body.removeprefix(BYTE_ORDER_MARK).lstrip(_SPACE)
    if not text.startswith(b"{"):
        return None
    parts, end = Parts(), 0
    for _ in range(MOST_MEMBERS):
        begin = end + 1
        named = _NAME.match(text, begin)
        if named and named[1] == b"batch" and text.startswith(b"[", named.end()):
            parts.calls, begin = _elements(text, named.end() + 1, most_calls)
            named = None
        end = _end(text, begin, _CURLY)
        if named:
            parts.members[named[1].decode("utf-8", "replace")] = text[named.end() : end].strip(_SPACE)
        elif rest := text[begin:end].strip(_SPACE):
            parts.rest.append(rest)
        if not text.startswith(b",", end):
            break
    parts.is_whole = end < len(text)
    if rest := text[end + 1 :].strip(_SPACE):
        parts.rest.append(rest)
    return parts


def _elements(text: bytes, begin: int, most: int) -> tuple[list[bytes], int]:
    """The elements of the array whose first begins here, and the place behind the array."""
    elements = []
    for _ in range(most + 1):
        end = _end(text, begin, _SQUARE)
        if element := text[begin:end].strip(_SPACE):
            elements.append(element)
        begin = end + 1
        if not text.startswith(b",", end):
            break
    return elements, min(begin, len(text))


def _end(text: bytes, begin: int, closer: int) -> int:
    """Where the part that begins here ends: at a comma, at the closer of what it is in, or with the text.

    A bracket that closes nothing is passed over. One that closes what is further out closes all inside of it.
    """
    opened: list[int] = []
    count = {_CURLY: 0, _SQUARE: 0}
    for token in _TOKEN.finditer(text, begin):
        place = token.start()
        sign = text[place]
        if sign in _CLOSER:
            opened.append(_CLOSER[sign])
            count[_CLOSER[sign]] += 1
        elif not opened:
            if sign in (_COMMA, closer):
                return place
        elif count.get(sign):
            closed = 0
            while closed != sign:
                closed = opened.pop()
                count[closed] -= 1
    return len(text)
