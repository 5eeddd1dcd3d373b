"""The files of dashboards/ and what Grafana says of the same things, in one form that can be compared."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from footfall.errors import FootfallError

Json = dict[str, Any]
FOLDER_UID, FOLDER_TITLE, SOURCE_UID = "footfall", "Footfall", "footfall"
KINDS = {"dashboard": ".", "alert rule": "alerts", "contact point": "contact-points"}
# What Grafana adds to what it was given, and what says when something was saved last instead of what it is.
ADDED = {
    "dashboard": {"id", "version", "iteration", "meta"},
    "alert rule": {"id", "orgID", "updated", "provenance", "keep_firing_for", "notification_settings", "record"},
    "contact point": {"provenance"},
}
PLACEHOLDER = re.compile(r"\$\{([A-Z][A-Z0-9_]*)\}")


@dataclass(frozen=True)
class Thing:
    """A dashboard, alert rule or contact point; content as its file has it."""

    kind: str
    uid: str
    content: Json

    @property
    def name(self) -> str:
        return f"{self.kind} {self.uid}"


def read(folder: Path, names: tuple[str, ...] = ()) -> list[Thing]:
    """Everything in the folder, or what has these names (uid). Raises FootfallError with the file that is wrong."""
    found = []
    for kind, below in KINDS.items():
        for path in sorted((folder / below).glob("*.json")):
            try:
                content = json.loads(path.read_text(encoding="utf-8"))
            except (OSError, ValueError) as error:
                raise FootfallError(f"{path}: {error}") from None
            if not isinstance(content, dict) or content.get("uid") != path.stem:
                raise FootfallError(f"{path}: its uid must be its name, {path.stem}")
            found.append(Thing(kind, path.stem, content))
    unknown = sorted(set(names) - {thing.uid for thing in found})
    if unknown:
        raise FootfallError(f"{folder} has no file {', '.join(f'{name}.json' for name in unknown)}")
    return [thing for thing in found if not names or thing.uid in names]


def write(folder: Path, thing: Thing) -> Path:
    """Write a thing as its file has it: the keys in the order of the file that is there already."""
    path = folder / KINDS[thing.kind] / f"{thing.uid}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    before = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    path.write_text(text(ordered(thing.content, before)), encoding="utf-8")
    return path


def text(content: Json) -> str:
    """JSON as the files are written."""
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def normal(kind: str, content: Mapping[str, Any]) -> Json:
    """The content without what Grafana adds. A dashboard has id null and version 1, as its file has."""
    kept = {key: value for key, value in content.items() if key not in ADDED[kind]}
    if kind == "dashboard":
        kept = {"id": None, **kept, "version": 1}
    return kept


def ordered(value: Any, like: Any) -> Any:
    """The value with the keys of its objects in the order that `like` has them; new ones at the end."""
    if isinstance(value, dict):
        before = like if isinstance(like, dict) else {}
        keys = [key for key in before if key in value] + [key for key in value if key not in before]
        return {key: ordered(value[key], before.get(key)) for key in keys}
    if isinstance(value, list):
        before_list = like if isinstance(like, list) else []
        return [ordered(one, before_list[at] if at < len(before_list) else None) for at, one in enumerate(value)]
    return value


def covers(found: Any, wanted: Any) -> bool:
    """Whether Grafana has everything that the file says; defaults that it adds to an object are no difference."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        return all(key in found and covers(found[key], value) for key, value in wanted.items())
    if isinstance(wanted, list) and isinstance(found, list):
        return len(wanted) == len(found) and all(covers(*pair) for pair in zip(found, wanted, strict=True))
    return bool(found == wanted)


def filled(content: Json) -> Json:
    """A contact point with the values of its ${NAME}; FootfallError with the names that the environment lacks."""
    missing = sorted({name for name in PLACEHOLDER.findall(json.dumps(content)) if not os.environ.get(name)})
    if missing:
        raise FootfallError(f"set {', '.join(missing)} in the environment")

    def fill(value: Any) -> Any:
        if isinstance(value, str):
            return PLACEHOLDER.sub(lambda match: os.environ[match[1]], value)
        if isinstance(value, dict):
            return {key: fill(inner) for key, inner in value.items()}
        return value

    return {key: fill(value) for key, value in content.items()}
