"""What Grafana answers, brought to the form of the files: without what it adds, in the order that the file has."""

from __future__ import annotations

import re
from typing import Any

from footfall.grafana import placeholders
from footfall.grafana.resources import CONTACT_POINT, DASHBOARD, MUTE_TIMING, POLICY, RULE, Json

# When and by which way something was saved, not what it is. A dashboard's id and version are handled apart.
ADDED = {
    DASHBOARD: {"id", "version", "iteration", "meta"},
    RULE: {"id", "orgID", "updated", "provenance"},
    CONTACT_POINT: {"provenance"},
    MUTE_TIMING: {"provenance", "version"},
    POLICY: {"provenance"},
}
# What Grafana fills in for a query of a rule that does not say it.
QUERY_DEFAULTS = {"intervalMs": 1000, "maxDataPoints": 43200}
EMPTY: tuple[Any, ...] = (None, False, "", 0, "0s", [], {})
NEEDED = ("for",)  # of a rule, even where it is 0s
DURATIONS = ("for", "keep_firing_for", "group_wait", "group_interval", "repeat_interval")
IDENTITIES = ("id", "refId", "uid", "name")
DURATION = re.compile(r"(\d+)(ms|[smhdwy])")
MILLISECONDS = {
    "ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000, "y": 31_536_000_000,
}  # fmt: skip


def normal(kind: str, found: Json, file: Json | None) -> Json:
    """What Grafana found, as the file would have it; file is None where there is none yet.

    Equal to `of_file(kind, file)` where nothing differs. Of a contact point no value of a ${NAME} is left in it.
    """
    kept = {key: value for key, value in found.items() if key not in ADDED[kind]}
    before = file or {}
    if kind == DASHBOARD:
        if not file:
            return {key: kept.get(key) for key in ("id", "uid", "title")} | kept
        kept |= {key: file[key] for key in ("id", "version") if key in file}
        kept |= {"panels": _panels(kept["panels"], file.get("panels"))} if "panels" in kept else {}
    if kind == RULE:
        kept = placeholders.kept(_same_lengths(_without_defaults(kept, before), before), before, same=True)
    if kind == MUTE_TIMING:
        kept = _all_without_empty(kept)
    if kind == POLICY:
        return _route(kept, before)
    if kind == CONTACT_POINT:
        kept = placeholders.masked(_without_empty(kept, before), before)
    ordered: Json = in_order_of(before, kept)
    return ordered


def of_file(kind: str, file: Json) -> Json:
    """The file's content without what does not count."""
    if kind == DASHBOARD:
        return {key: value for key, value in file.items() if key not in ("iteration", "meta")}
    return {key: value for key, value in file.items() if key not in ADDED[kind]}


def in_order_of(like: Any, value: Any) -> Any:
    """The value with the keys of its objects in the order that `like` has them; new ones at the end."""
    if isinstance(value, dict):
        before = like if isinstance(like, dict) else {}
        keys = [key for key in before if key in value] + [key for key in value if key not in before]
        return {key: in_order_of(before.get(key), value[key]) for key in keys}
    if isinstance(value, list):
        return [in_order_of(one, other) for one, other in zip(_partners(like, value), value, strict=True)]
    return value


def _partners(like: Any, values: list[Any]) -> list[Any]:
    """For each value the one of `like` that it stands for: by what identifies both, else by place."""
    before = like if isinstance(like, list) else []
    for identity in IDENTITIES:
        old, new = _by(identity, before), _by(identity, values)
        if old is not None and new is not None:
            return [old.get(key) for key in new]
    return [before[at] if at < len(before) else None for at in range(len(values))]


def _by(identity: str, values: list[Any]) -> dict[Any, Any] | None:
    """The objects by their identity; None where they do not all have one of their own."""
    keys = [value.get(identity) if isinstance(value, dict) else None for value in values]
    if any(not isinstance(key, str | int) for key in keys) or len(set(keys)) < len(keys):
        return None
    return dict(zip(keys, values, strict=True))


def _panels(found: Any, file: Any) -> Any:
    """Panels as the file orders them, new ones at the end: where a panel is shown is said by gridPos.

    Not where there are rows: a panel belongs to the row before it.
    """
    if not isinstance(found, list) or not isinstance(file, list):
        return found
    old, new = _by("id", file), _by("id", found)
    if old is None or new is None or any(panel.get("type") == "row" for panel in (*file, *found)):
        return found
    return [new[key] for key in old if key in new] + [panel for key, panel in new.items() if key not in old]


def _without_defaults(found: Json, file: Json) -> Json:
    """A rule without the defaults that its file does not say."""
    kept = _without_empty(found, file)
    queries = kept.get("data")
    if isinstance(queries, list):
        kept["data"] = [
            _query(query, partner if isinstance(partner, dict) else {})
            for query, partner in zip(queries, _partners(file.get("data"), queries), strict=True)
        ]
    return kept


def _query(found: Json, file: Json) -> Json:
    kept = _without_empty(found, file)
    model, said = kept.get("model"), file.get("model", {})
    if isinstance(model, dict):
        kept["model"] = {
            key: value for key, value in model.items() if key in said or value != QUERY_DEFAULTS.get(key, ...)
        }
    return kept


def _without_empty(found: Json, file: Json) -> Json:
    return {key: value for key, value in found.items() if key in (*file, *NEEDED) or value not in EMPTY}


def _same_lengths(found: Json, file: Json) -> Json:
    """Lengths of time as the file writes them, where they are the same: Grafana answers 60s as 1m."""
    lengths = {key: _milliseconds(file.get(key)) for key in DURATIONS}
    same = {key for key, length in lengths.items() if length is not None and length == _milliseconds(found.get(key))}
    return {key: file[key] if key in same else value for key, value in found.items()}


def _route(found: Json, file: Json) -> Json:
    """A notification policy with those below it; which of the file each is, its receiver and matchers say."""
    kept = _same_lengths(_without_empty(found, file), file)
    before = {_route_key(route): route for route in file.get("routes") or []}
    ordered: Json = in_order_of(file, kept)
    if "routes" in ordered:
        ordered["routes"] = [_route(route, before.get(_route_key(route), {})) for route in kept["routes"]]
    return ordered


def _route_key(route: Json) -> str:
    return repr([route.get("receiver"), route.get("object_matchers")])


def _all_without_empty(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _all_without_empty(inner) for key, inner in value.items() if inner not in EMPTY}
    return [_all_without_empty(inner) for inner in value] if isinstance(value, list) else value


def _milliseconds(duration: Any) -> int | None:
    """The length of a Prometheus duration such as 1h30m, in ms; None where it is none."""
    parts = DURATION.findall(duration) if isinstance(duration, str) else []
    if not parts or "".join(number + unit for number, unit in parts) != duration:
        return None
    return sum(int(number) * MILLISECONDS[unit] for number, unit in parts)
