"""Dashboard files and alert rules of a folder; read again each time, so that a saved file is seen at once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from footfall.errors import FootfallError

MOST_BYTES = 4 * 1024 * 1024
Json = dict[str, Any]


class NotFound(FootfallError):
    """There is no such dashboard, panel or rule."""


@dataclass(frozen=True)
class Found:
    """What could be read, by its uid, and a line for each file that could not."""

    items: dict[str, Json]
    faults: list[str] = field(default_factory=list)


def read_dashboards(folder: Path) -> Found:
    """The dashboards of a folder by their uid, in the order of their titles."""
    items: dict[str, Json] = {}
    faults: list[str] = []
    for path in sorted(folder.glob("*.json")):
        try:
            board = _read(path)
            _check_dashboard(board)
            if board["uid"] in items:
                raise ValueError(f"another file has the uid {board['uid']} too")
            items[board["uid"]] = board
        except (OSError, ValueError, RecursionError) as error:
            faults.append(_fault(path, error))
    return Found(dict(sorted(items.items(), key=lambda item: str(item[1]["title"]).lower())), faults)


def find_dashboard(folder: Path, uid: str) -> Json:
    """The dashboard of this uid. Raises NotFound."""
    found = read_dashboards(folder).items.get(uid)
    if found is None:
        raise NotFound(f"no file of {folder.name}/ has the uid {uid[:60]}")
    return found


def all_panels(board: Json) -> Iterator[Json]:
    """Panels and rows in their order; those of a collapsed row come after it."""
    for panel in board["panels"]:
        yield panel
        yield from panel.get("panels") or []


def find_panel(board: Json, number: int) -> Json:
    """The panel with this id. Raises NotFound."""
    for panel in all_panels(board):
        if panel["id"] == number:
            return panel
    raise NotFound(f"the dashboard {board['uid']} has no panel {number}")


def variables_of(board: Json) -> list[Json]:
    """The variables that a dashboard declares."""
    return list((board.get("templating") or {}).get("list") or [])


def read_alert_rules(folder: Path) -> Found:
    """Alert rules by their uid: files of the provisioning format (groups with rules), or a rule alone."""
    items: dict[str, Json] = {}
    faults: list[str] = []
    for path in sorted(folder.glob("*.json")):
        try:
            for rule in _rules(_read(path)):
                _check_rule(rule)
                items[str(rule.get("uid") or f"{path.stem}: {rule['title']}")] = rule
        except (OSError, ValueError, RecursionError) as error:
            faults.append(_fault(path, error))
    return Found(items, faults)


def _rules(content: Json) -> list[Json]:
    if "groups" not in content:
        return [content]
    return [
        {"ruleGroup": group.get("name", ""), **rule}
        for group in _dicts(content["groups"], "groups")
        for rule in _dicts(group.get("rules"), "rules")
    ]


def _check_dashboard(board: Json) -> None:
    for name in ("uid", "title"):
        if not isinstance(board.get(name), str) or not board[name]:
            raise ValueError(f"it has no {name}")
    _dicts(board.get("panels"), "panels")
    _dicts(variables_of(board), "templating.list")
    _dicts((board.get("annotations") or {}).get("list") or [], "annotations.list")
    numbers = []
    for panel in all_panels(board):
        if not isinstance(panel.get("type"), str) or not isinstance(panel.get("id"), int):
            raise ValueError("a panel has no type, or no id that is a number")
        _dicts(panel.get("targets") or [], f"targets of panel {panel['id']}")
        numbers.append(panel["id"])
    if len(numbers) != len(set(numbers)):
        raise ValueError("two panels have the same id")


def _check_rule(rule: Json) -> None:
    if not isinstance(rule.get("title"), str) or not isinstance(rule.get("condition"), str):
        raise ValueError("a rule has no title, or no condition")
    for query in _dicts(rule.get("data"), "data"):
        if not isinstance(query.get("refId"), str) or not isinstance(query.get("model"), dict):
            raise ValueError("a query has no refId, or no model")


def _dicts(value: Any, name: str) -> list[Json]:
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise ValueError(f"{name} is no list of objects")
    return value


def _read(path: Path) -> Json:
    if path.stat().st_size > MOST_BYTES:
        raise ValueError(f"it is larger than {MOST_BYTES // 1024**2} MiB")
    content = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise ValueError("it is no JSON object")
    return content


def _fault(path: Path, error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{path.name}:{error.lineno}: {error.msg}"
    return f"{path.name}: {error}"
