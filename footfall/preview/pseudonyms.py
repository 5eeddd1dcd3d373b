"""Real events without the people in them: what identifies or was typed by someone becomes a stable pseudonym.

A pseudonym is a keyed hash (HMAC-SHA-256): the same text has the same one in every file and run, and nobody without the
key can try names until one fits. The key is random, is this user's own (.footfall/pseudonyms.key, mode 600) and never
comes into the repository. What is kept is a list, KEPT: anything that is not on it is replaced.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Collection
from pathlib import Path
from typing import Any
from urllib.parse import urlunsplit

from udfs.urls import split

PAGE = ("path", "url", "referrer")
# Texts that stay as they are; those that are a URL lose what is private in one
KEPT = frozenset({
    "type", "site", "event", "timestamp", "originalTimestamp", "sentAt", "receivedAt",
    *(f"context.page.{name}" for name in PAGE), *(f"properties.{name}" for name in PAGE),
    *(f"context.campaign.{name}" for name in ("source", "medium", "name", "term", "content")),
    "context.library.name", "context.library.version", "context.userAgent", "context.locale", "context.timezone",
})  # fmt: skip
KEPT_PARAMETERS = re.compile(r"utm_(source|medium|campaign|term|content|id)=")
PLAIN_KEY = re.compile(r"[A-Za-z_$][\w$-]{0,63}")
IPV4 = re.compile(r"\d{1,3}(\.\d{1,3}){3}")
IPV6 = re.compile(r"[0-9a-fA-F]*:[0-9a-fA-F:.]+")
E_MAIL = re.compile(r"[^@\s]+@[^@\s]+")
SHORT = 12  # characters of a pseudonym


def read_key(path: Path) -> bytes:
    """This user's key, made when it is first asked for."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secrets.token_bytes(32))
    return path.read_bytes()


def pseudonymous(value: Any, key: bytes, keep: Collection[str] = (), path: str = "") -> Any:
    """An event, or the part of it at path, with pseudonyms; keep names further fields that stay, context.app.name."""
    if isinstance(value, dict):
        inner = {name: f"{path}.{name}".lstrip(".") for name in value}
        return {
            name if PLAIN_KEY.fullmatch(name) else pseudonym(name, key): pseudonymous(part, key, keep, inner[name])
            for name, part in value.items()
        }
    if isinstance(value, list):
        return [pseudonymous(part, key, keep, path) for part in value]
    if path in keep or value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        private = ".traits." in f".{path}." or path.lower().endswith(("id", "phone"))
        return _number(str(value), key) if private else value
    if path in KEPT:
        return _url(value, key) if "?" in value or "#" in value or "://" in value else value
    return pseudonym(value, key)


def pseudonym(text: str, key: bytes) -> str:
    """An e-mail and an IP stay such; over 100 characters it is as long as the text, since lengths have limits."""
    digest = _digest(text, key)
    if not text:
        return text
    if IPV4.fullmatch(text):
        # 198.18.0.0/15 is nobody's: RFC 2544
        return f"198.{18 + digest[0] % 2}.{digest[1]}.{digest[2]}"
    if IPV6.fullmatch(text):
        return "2001:db8::" + ":".join(digest[place : place + 2].hex() for place in range(0, 8, 2))  # RFC 3849
    if E_MAIL.fullmatch(text):
        return f"{digest.hex()[:SHORT]}@example.com"
    return "p" + (digest.hex() * (len(text) // 64 + 1))[: (len(text) if len(text) > 100 else SHORT) - 1]


def _number(text: str, key: bytes) -> int:
    return int.from_bytes(_digest(text, key)[:4], "big")


def _url(text: str, key: bytes) -> str:
    """Host, path and utm_ parameters stay; user, other parameters and fragment do not."""
    parts = split(text)
    if parts is None:
        return pseudonym(text, key)
    query = "&".join(
        part if KEPT_PARAMETERS.match(part) else pseudonym(part, key) for part in parts.query.split("&") if part
    )
    return urlunsplit(
        (parts.scheme, parts.netloc.rpartition("@")[2], parts.path, query, pseudonym(parts.fragment, key))
    )


def _digest(text: str, key: bytes) -> bytes:
    return hmac.new(key, text.encode("utf-8", "surrogatepass"), hashlib.sha256).digest()
