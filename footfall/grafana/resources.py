"""The files of dashboards/: one thing each, its uid the file's name."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from footfall.errors import FootfallError

Json = dict[str, Any]
DASHBOARD, RULE, CONTACT_POINT = "dashboard", "alert rule", "contact point"
MUTE_TIMING, POLICY = "mute timing", "notification policy"
# In this order they are pushed: a policy names contact points and mute timings.
FOLDERS = {
    DASHBOARD: ".", RULE: "alerts", CONTACT_POINT: "contact-points", MUTE_TIMING: "mute-timings", POLICY: "policies",
}  # fmt: skip
OWN_LABEL = "service"  # of every rule: by it Footfall's notification policy knows its alerts
# What Grafana takes as a uid; it also keeps what a server says from being a path.
UID = re.compile(r"[A-Za-z0-9_-]{1,40}")


# By what a file says which it is, where that is not its uid.
IDENTITY: dict[str, tuple[str, Callable[[str], Any]]] = {
    MUTE_TIMING: ("name", lambda name: name),
    POLICY: ("object_matchers", lambda name: [[OWN_LABEL, "=", name]]),
}


class UnknownName(FootfallError):
    """Neither a file nor Grafana has that name."""


@dataclass(frozen=True)
class Thing:
    """A dashboard, rule, contact point, mute timing or policy; content as its file has it, ${NAME} and all.

    uid: the name of a mute timing, and what a policy's label must be, for Grafana gives these no uid.
    """

    kind: str
    uid: str
    content: Json

    @property
    def key(self) -> tuple[str, str]:
        """A rule may have the uid of a dashboard."""
        return self.kind, self.uid

    @property
    def name(self) -> str:
        return f"{self.kind} {self.uid}"


def read(folder: Path) -> list[Thing]:
    """Everything in the folder: each kind in the order of FOLDERS, each by name.

    Raises FootfallError with the file that is no JSON object, or whose uid is not its name.
    """
    found = []
    for kind, below in FOLDERS.items():
        for path in sorted((folder / below).glob("*.json")):
            content = _object(path)
            key, wanted = IDENTITY.get(kind, ("uid", lambda name: name))
            if content.get(key) != wanted(path.stem) or not UID.fullmatch(path.stem):
                name = "" if isinstance(wanted(path.stem), str) else f" {json.dumps(wanted(path.stem))}, so that it is"
                raise FootfallError(
                    f"{path}: its {key} must be{name} its name, {path.stem}, of at most 40 letters, digits, - and _"
                )
            found.append(Thing(kind, path.stem, content))
    if not found:
        raise FootfallError(f"{folder} has no dashboards, no alerts and no contact-points")
    return found


class Named(Protocol):
    """What can be chosen by name."""

    @property
    def uid(self) -> str: ...


T = TypeVar("T", bound=Named)


def chosen(things: list[T], names: tuple[str, ...]) -> list[T]:
    """The things of these names, all of them where none are given. Raises UnknownName."""
    unknown = sorted(set(names) - {thing.uid for thing in things})
    if unknown:
        raise UnknownName(f"there is no {', '.join(unknown)}: a name is that of a file without .json")
    return [thing for thing in things if not names or thing.uid in names]


def write(folder: Path, thing: Thing) -> Path:
    """Write a thing to its file. Raises FootfallError where that can't be, or its uid is no name of a file."""
    if not UID.fullmatch(thing.uid):
        article = "an" if thing.kind == RULE else "a"
        raise FootfallError(f"the uid {thing.uid!r} of {article} {thing.kind} in Grafana can't be a file's name")
    path = folder / FOLDERS[thing.kind] / f"{thing.uid}.json"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text(thing.content), encoding="utf-8")
    except OSError as error:
        raise FootfallError(f"{path} can't be written: {error.strerror}") from None
    return path


def text(content: Json) -> str:
    """JSON as the files have it."""
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _object(path: Path) -> Json:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise FootfallError(f"{path}:{error.lineno}: {error.msg}") from None
    except (OSError, ValueError) as error:
        raise FootfallError(f"{path}: {error}") from None
    if not isinstance(content, dict):
        raise FootfallError(f"{path}: it must be a JSON object")
    return content
