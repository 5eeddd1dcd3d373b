"""Events and texts without what nobody should have sent: denied fields and parameters, e-mail addresses, card numbers.

Most events hold nothing of it. What was found clean is remembered, so that such an event costs a look at its dicts;
what was not is never remembered. docs/privacy.md lists the rules.
"""

from __future__ import annotations

import re
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import msgspec

from footfall.collector.denied_fields import denied_names, is_denied
from footfall.collector.masks import CARD, is_card, without_addresses, without_secrets

REMEMBERED = 8192  # texts, and as many names, a scrubber
REMEMBERED_LENGTH = 300
SMALLEST_CARD = 10**13
LARGEST_CARD = 10**19
_ALWAYS_GOOD = (None, True, False, "")

_PARAMETER = re.compile(r"""(?P<before>^|[?&#;\s"'({,])(?P<name>[^=&?#;\s"'<>(){},/]{1,100}+)(?P<equals>=)""")
_SEPARATOR = r"%(?:25)*(?:3F|26|23|3B)"
_ENCODED_PARAMETER = re.compile(
    rf"""(?P<before>^|[?&#;\s"'({{,]|{_SEPARATOR})(?P<name>(?:(?!{_SEPARATOR}|%(?:25)*3D)[^=&?#;\s"'<>(){{}},/])"""
    r"""{1,100}+)(?P<equals>=|%(?:25)*3D)""",
    re.IGNORECASE,
)
_VALUE = re.compile(r"""[^&#\s"<>]*""")
_VALUE_IN_PATH = re.compile(r"""[^&#\s"<>;?]*""")  # /cart;jsessionid=1234?from=mail
_VALUE_ENCODED = re.compile(r"""(?:(?!%(?:25)*(?:26|23))[^&#\s"<>])*""", re.IGNORECASE)
# What separated parameters that are gone: behind the sign that begins them, and at the end. A match begins where such
# signs begin, for from each of them it would be looked for again.
_LEFT_BEFORE = re.compile(r"([?#]|%3F|%23)(?:&|%26)+", re.IGNORECASE)
_LEFT_BEHIND = re.compile(r"(?<![?#&])(?:[?#&]++(?=[\s\"]|$)|[?#&]+(?=#))")
# Short, or a UUID, alone or behind a word and a Unix time, as analytics.js makes it: nothing could be in it.
is_plain_id = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
    r"|[A-Za-z-]{1,20}(?:[12]\d{9,12}-)?[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    r"|[\w-]{1,13}"
).fullmatch
_ID = re.compile(r"(?:^|[a-z_-])(?:id|Id|ID)\Z")
# A version may look like an address: 1.9.0.14.
_VERSION = re.compile(r"(?:version|build|user[-_]?agent)\Z", re.IGNORECASE)

_ESCAPED = re.compile(r"\\u00([2-7][0-9a-f])", re.IGNORECASE)
_JSON_FIELD = re.compile(r'"(?P<name>[^"\\]{1,100})"\s*:\s*(?P<value>"(?:[^"\\]|\\.)*+"?|[^",{}\[\]\s]++)', re.DOTALL)
JSON_VALUE = '"[removed]"'


class Scrubber:
    """The rules of one list of denied fields, with a memory of what they change nothing of."""

    def __init__(self, more: frozenset[str], anonymous: bool) -> None:
        self.fields, self.parameters = denied_names(more, anonymous)
        self.good_names: set[str] = set()
        self.good_parameters: set[str] = set()
        self.good_values: set[object] = set(_ALWAYS_GOOD)

    def scrub(self, parts: list[Any], key: bytes | None) -> None:
        """Change dicts and lists, whatever they hold, in place. key: of pseudonyms, see text; None makes none."""
        names_are_good = self.good_names.issuperset
        while parts:
            part = parts.pop()
            if type(part) is list:
                self._scrub_list(part, parts, key)
                continue
            if not names_are_good(part):
                self._scrub_names(part)
            for name, value in part.items():
                kind = type(value)
                if kind is dict:
                    if not self.knows(value):
                        parts.append(value)
                elif kind is list:
                    if value:
                        parts.append(value)
                elif value not in self.good_values:
                    part[name] = self.value(value, name, key)

    def knows(self, part: dict[str, Any]) -> bool:
        """Whether all that a dict holds is remembered as good: a look for which no Python runs."""
        try:
            return self.good_names.issuperset(part) and self.good_values.issuperset(part.values())
        except TypeError:  # it holds dicts or lists, which can't be remembered
            return False

    def value(self, value: Any, name: str = "", key: bytes | None = None) -> Any:
        """A string or number as it may be kept, in a field of this name."""
        if type(value) is str:
            return self.text(value, name, key)
        if type(value) is not int and type(value) is not float:
            return value
        if SMALLEST_CARD <= value < LARGEST_CARD and value == int(value) and is_card(str(int(value))):
            return pseudonym(str(int(value)), key) if key is not None and _ID.search(name) else CARD
        remember(self.good_values, value)
        return value

    def text(self, text: str, name: str = "", key: bytes | None = None) -> str:
        """A text as it may be kept.

        Where the field is an id, what is masked elsewhere becomes a pseudonym: masked, all the orders whose number
        looks like a card's would be one order.
        """
        shorter = self._without_parameters(text)
        kept = without_secrets(shorter)
        if kept is not shorter and kept != shorter and key is not None and _ID.search(name):
            return pseudonym(text, key)
        everywhere = without_addresses(kept)
        if everywhere == text:
            remember(self.good_values, text)
            return text
        return kept if _VERSION.search(name) else everywhere

    def changes(self, text: str) -> bool:
        """Whether anything of an id may not be kept. Nothing is remembered: the ids of messages come once."""
        return not is_plain_id(text) and (
            self._without_parameters(text) != text or without_addresses(without_secrets(text)) != text
        )

    def _scrub_list(self, part: list[Any], parts: list[Any], key: bytes | None) -> None:
        for index, value in enumerate(part):
            if type(value) is dict or type(value) is list:
                parts.append(value)
            elif value not in self.good_values:
                part[index] = self.value(value, "", key)

    def _scrub_names(self, part: dict[str, Any]) -> None:
        for name in [name for name in part if name not in self.good_names]:
            if is_denied(name, self.fields):
                del part[name]
                continue
            kept = self.text(name)
            if kept != name:
                part.setdefault(kept, part.pop(name))
            else:
                remember(self.good_names, name)

    def _without_parameters(self, text: str) -> str:
        if "%" in text:
            pattern = _ENCODED_PARAMETER
        elif "=" in text:
            pattern = _PARAMETER
        else:
            return text
        kept: list[str] = []
        end = 0
        for found in pattern.finditer(text):
            if found["name"] in self.good_parameters or found.start() < end:
                continue
            if not is_denied(found["name"], self.parameters):
                remember(self.good_parameters, found["name"])
                continue
            before = found["before"]
            encoded = found["equals"] != "=" or before.startswith("%")
            value = _VALUE_ENCODED if encoded else _VALUE_IN_PATH if before == ";" else _VALUE
            kept.append(text[end : found.start("name")] if before not in ("&", ";") else text[end : found.start()])
            end = value.match(text, found.end()).end()  # type: ignore[union-attr]
        if not end:
            return text
        kept.append(text[end:])
        return _LEFT_BEHIND.sub("", _LEFT_BEFORE.sub(r"\1", "".join(kept)))


def remember(memory: set[Any], value: Any) -> None:
    """Add a text or number to a memory of what is good, unless it is long; a full memory is emptied."""
    if type(value) is str and len(value) > REMEMBERED_LENGTH:
        return
    if len(memory) >= REMEMBERED:
        memory.clear()
        memory.update(_ALWAYS_GOOD)
    memory.add(value)


@lru_cache(maxsize=32)
def scrubber(more: frozenset[str], anonymous: bool) -> Scrubber:
    """The scrubber of a site that denies more fields, for events that may or may not identify."""
    return Scrubber(more, anonymous)


def pseudonym(text: str, key: bytes) -> str:
    """A name for a text that stays the same as long as the key, and can't be turned back without it.

    An e-mail address has one, however it is written.
    """
    if "@" in text or "%40" in text:
        text = text.replace("%40", "@").strip().lower()
    return f"p-{blake2b(text.encode('utf-8', 'surrogatepass'), key=key, digest_size=16).hexdigest()}"


def scrub_text(text: str) -> str:
    """What may be kept of a text that is no event: of JSON by its fields, of any other by what is seen in it."""
    rules = scrubber(frozenset(), False)
    try:
        value = msgspec.json.decode(text)
        if type(value) is dict or type(value) is list:
            rules.scrub([value], None)
            return msgspec.json.encode(value).decode()
    except (msgspec.MsgspecError, RecursionError, ValueError, OverflowError):
        pass
    text = _ESCAPED.sub(_unescaped, text).replace("\\/", "/")
    return rules.text(_JSON_FIELD.sub(_without_value, text))


def _unescaped(found: re.Match[str]) -> str:
    character = chr(int(found[1], 16))
    return found[0] if character in '"\\' else character


def _without_value(found: re.Match[str]) -> str:
    if not is_denied(found["name"], scrubber(frozenset(), False).fields):
        return found[0]
    return found[0][: found.start("value") - found.start()] + JSON_VALUE
