"""The language of a locale."""

from __future__ import annotations

import re

_PRIMARY = re.compile(r"([A-Za-z]{2,3})(?![A-Za-z])")


def language_code(locale: str | None) -> str | None:
    """The primary subtag of a BCP 47 tag or POSIX locale, in small letters: de of de-AT and of de_AT.UTF-8.

    None where there is none: a tag begins with two or three letters (RFC 5646; longer ones are not in use).
    """
    found = _PRIMARY.match(locale) if locale else None
    return found[1].lower() if found else None
