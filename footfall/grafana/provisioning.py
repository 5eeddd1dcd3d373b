"""docker/grafana/alerting/footfall.json, made of dashboards/: `python -m footfall.grafana.provisioning` writes it.

What the Grafana in containers reads at its start: the same rules, contact points, mute timings and policy, in the
format of https://grafana.com/docs/grafana/latest/alerting/set-up/provision-alerting-resources/file-provisioning/.
DOCS_URL is filled in as it is made, for Grafana fills nothing in rules. Nobody else has routes there, so the file holds
a whole tree.
"""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

from footfall.grafana import placeholders, resources
from footfall.grafana.resources import CONTACT_POINT, MUTE_TIMING, POLICY, RULE, Json, Thing
from footfall.settings import ROOT

TARGET = ROOT / "docker" / "grafana" / "alerting" / "footfall.json"
FOLDER, INTERVAL, ROOT_RECEIVER = "Footfall", "60s", "footfall email"


def content(folder: Path = ROOT / "dashboards") -> Json:
    """The file. Grafana fills a ${NAME} of a contact point from its own environment."""
    things = resources.read(folder)
    rules = sorted((thing.content for thing in _of(things, RULE)), key=lambda rule: (rule["ruleGroup"], rule["uid"]))
    return {
        "apiVersion": 1,
        "groups": [
            {"orgId": 1, "name": name, "folder": FOLDER, "interval": INTERVAL, "rules": [_rule(rule) for rule in group]}
            for name, group in groupby(rules, key=lambda rule: str(rule["ruleGroup"]))
        ],
        "contactPoints": [
            {"orgId": 1, "name": point["name"],
             "receivers": [{key: point[key] for key in ("uid", "type", "settings", "disableResolveMessage")}]}
            for point in (thing.content for thing in _of(things, CONTACT_POINT))
        ],
        "muteTimes": [{"orgId": 1, **thing.content} for thing in _of(things, MUTE_TIMING)],
        "policies": [
            {"orgId": 1, "receiver": ROOT_RECEIVER, "group_by": ["grafana_folder", "alertname"],
             "routes": [thing.content for thing in _of(things, POLICY)]}
        ],
    }  # fmt: skip


def _of(things: list[Thing], kind: str) -> list[Thing]:
    return [thing for thing in things if thing.kind == kind]


def _rule(rule: Json) -> Json:
    """Without what the group says; the panel that it belongs to is a setting of its own here."""
    notes = dict(rule["annotations"])
    panel = {"dashboardUid": notes.pop("__dashboardUid__"), "panelId": int(notes.pop("__panelId__"))}
    kept = {key: value for key, value in rule.items() if key not in ("folderUID", "ruleGroup")}
    return {**placeholders.filled({**kept, "annotations": notes}), **panel}


if __name__ == "__main__":
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(resources.text(content()), encoding="utf-8")
