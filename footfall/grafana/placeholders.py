"""${NAME} in a file, filled from the environment as it is sent: addresses of contact points, which are never shown,
and DOCS_URL, where the runbooks of alert rules are."""

from __future__ import annotations

import json
import os
import re
from typing import Any

from footfall.errors import FootfallError
from footfall.grafana.resources import Json

PLACEHOLDER = re.compile(r"\$\{([A-Z][A-Z0-9_]*)\}")
DEFAULTS = {"DOCS_URL": "http://127.0.0.1:8000"}  # where `mkdocs serve` shows docs/
HIDDEN = "[REDACTED]"  # how Grafana answers what it keeps encrypted


class NotSet(FootfallError):
    """The environment lacks a name that a contact point wants."""


def names(content: Any) -> list[str]:
    """Every NAME of a ${NAME} in the content."""
    return sorted(set(PLACEHOLDER.findall(json.dumps(content))))


def missing(content: Any) -> list[str]:
    """Those of the names that the environment lacks."""
    return [name for name in names(content) if not _value(name)]


def assumed(name: str) -> str:
    """What stands for a NAME that the environment lacks; empty where it has one."""
    return "" if os.environ.get(name) else DEFAULTS.get(name, "")


def filled(content: Json) -> Json:
    """The content with the values of its ${NAME}. Raises NotSet with the names that the environment lacks."""
    if lacking := missing(content):
        raise NotSet(f"set {', '.join(lacking)} in the environment")
    return {key: _fill(value) for key, value in content.items()}


def masked(found: Any, file: Any) -> Any:
    """What Grafana found, with the ${NAME} of the file in place of what they stand for.

    An address that is another than the environment says is reported as such, without the address. What Grafana hides
    can't be compared: it counts as the same, and is left out where the file does not have it.
    """
    if isinstance(found, dict):
        before = file if isinstance(file, dict) else {}
        kept = {key: value for key, value in found.items() if key in before or value != HIDDEN}
        return {key: masked(value, before.get(key)) for key, value in kept.items()}
    if isinstance(found, list):
        old = file if isinstance(file, list) else []
        return [masked(value, old[at] if at < len(old) else None) for at, value in enumerate(found)]
    if found == HIDDEN:
        return file
    if isinstance(file, str) and PLACEHOLDER.search(file):
        return file if missing(file) or found == _fill(file) else f"(another than {file})"
    return found


def kept(value: Any, file: Any, same: bool = False) -> Any:
    """The value with every ${NAME} that the file has in its place; same: only where it is what that stands for."""
    if isinstance(file, str) and PLACEHOLDER.search(file):
        return value if same and (missing(file) or value != _fill(file)) else file
    if isinstance(value, dict) and isinstance(file, dict):
        return {key: kept(inner, file.get(key), same) for key, inner in value.items()}
    if isinstance(value, list) and isinstance(file, list) and len(value) == len(file):
        return [kept(*pair, same) for pair in zip(value, file, strict=True)]
    return value


def has_hidden(found: Any) -> bool:
    """Whether Grafana hides a part of it."""
    if isinstance(found, dict):
        return any(has_hidden(value) for value in found.values())
    return bool(found == HIDDEN)


def _value(name: str) -> str:
    return (os.environ.get(name) or DEFAULTS.get(name, "")).rstrip("/" if name in DEFAULTS else "")


def _fill(value: Any) -> Any:
    if isinstance(value, str):
        return PLACEHOLDER.sub(lambda match: _value(match[1]), value)
    if isinstance(value, dict):
        return {key: _fill(inner) for key, inner in value.items()}
    return [_fill(inner) for inner in value] if isinstance(value, list) else value
