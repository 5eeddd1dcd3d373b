"""Edits made in Grafana: shown by diff, brought back to the files by pull.

Against a stand-in of Grafana's API; the tests that take `grafana` run against a real one where GRAFANA_URL is set, with
names of their own, and remove what they made.
"""

# ruff: noqa: F401, F811  (fixtures are imported)
from __future__ import annotations

import copy
import json
import shutil
from pathlib import Path

from grafana_helpers import (
    ADDRESS,
    EMAIL,
    HOOK,
    OWN,
    PAGES,
    QUIET,
    RULE,
    SLACK,
    VISITS,
    Client,
    Commands,
    Json,
    board,
    changed_lines,
    folder,
    footfall,
    grafana,
    stand_in,
)

from footfall.settings import ROOT


def test_a_difference_is_shown_as_a_diff_and_by_the_exit_code(grafana: Client, footfall: Commands) -> None:
    footfall.run(grafana, "push")
    grafana.edit(VISITS, lambda content: content["panels"][1].update(title="People"))
    done = footfall.run(grafana, "diff", code=1)
    assert done.lines[:2] == [f"--- dashboard {VISITS}", f"+++ dashboard {VISITS} in Grafana"]
    assert [line for line in done.lines[2:] if line[0] in "+-"] == [
        '-      "title": "Visitors",', '+      "title": "People",',
    ]  # fmt: skip
    assert footfall.run(grafana, "diff", PAGES, QUIET).lines == ["no difference"]


def test_what_is_only_here_or_only_there_is_said(grafana: Client, footfall: Commands) -> None:
    footfall.run(grafana, "push", VISITS)
    own = f"{OWN}-own"
    grafana.save({"id": None, "uid": own, "title": own, "panels": []})
    lines = footfall.run(grafana, "diff", code=1).lines
    assert f"dashboard {PAGES} is only in the files" in lines
    assert f"alert rule {QUIET} is only in the files" in lines
    assert f"dashboard {own} is only in Grafana" in lines
    assert footfall.run(grafana, "diff", own, code=1).lines == [f"dashboard {own} is only in Grafana"]


def test_an_edit_in_grafana_comes_back_as_the_lines_that_were_edited(
    grafana: Client, footfall: Commands, folder: Path
) -> None:
    def edit(content: Json) -> None:
        first, second, third = content["panels"]
        second["title"] = "People"
        third["description"] = "One page view, nothing else"
        new = {**copy.deepcopy(first), "id": 4, "title": "New"}
        content["panels"] = [new, third, second, first]  # Grafana sorts them by place

    footfall.run(grafana, "push")
    path = folder / f"{VISITS}.json"
    before = path.read_text()
    grafana.edit(VISITS, edit)
    assert footfall.run(grafana, "pull").lines == [f"written {path}"]
    after = json.loads(path.read_text())
    assert [panel["title"] for panel in after["panels"]] == ["Visits", "People", "Bounces", "New"]
    lines = changed_lines(before, path.read_text())
    assert [line for line in lines if line.startswith("-")] == ['-      "title": "Visitors",', "-      ]"]
    assert lines[:3] == ['-      "title": "Visitors",', '+      "title": "People",', "-      ]"]
    assert '+      "description": "One page view, nothing else"' in lines
    assert path.read_text().endswith("}\n")
    assert footfall.run(grafana, "push").last == "7 unchanged"
    assert footfall.run(grafana, "diff").lines == ["no difference"]


def test_panels_keep_the_order_of_grafana_where_there_are_rows(
    grafana: Client, footfall: Commands, folder: Path
) -> None:
    footfall.run(grafana, "push")
    row = {"id": 9, "type": "row", "title": "Row", "collapsed": False, "gridPos": {"x": 0, "y": 0, "w": 24, "h": 1}}
    grafana.edit(VISITS, lambda content: content["panels"].insert(1, row))
    path = folder / f"{VISITS}.json"
    before = path.read_text()
    footfall.run(grafana, "pull", VISITS)
    assert [panel["id"] for panel in json.loads(path.read_text())["panels"]] == [1, 9, 2, 3]
    assert not [line for line in changed_lines(before, path.read_text()) if line.startswith("-")]


def test_a_dashboard_made_in_grafana_becomes_a_file_and_no_file_is_deleted(
    grafana: Client, footfall: Commands, folder: Path
) -> None:
    footfall.run(grafana, "push", VISITS)
    own = f"{OWN}-own"
    grafana.save({"id": None, "uid": own, "title": own, "panels": []})
    assert footfall.run(grafana, "pull").lines == [f"written {folder / f'{own}.json'}"]
    content = json.loads((folder / f"{own}.json").read_text())
    assert list(content)[:3] == ["id", "uid", "title"]
    assert content["id"] is None
    assert not {"version", "iteration", "meta"} & set(content)
    assert (folder / f"{PAGES}.json").exists()
    assert (folder / "alerts" / f"{QUIET}.json").exists()
    assert footfall.run(grafana, "push", own).last == "3 unchanged"


def test_an_edited_rule_comes_back_without_what_grafana_fills_in(
    grafana: Client, footfall: Commands, folder: Path
) -> None:
    footfall.run(grafana, "push")
    path = folder / "alerts" / f"{QUIET}.json"
    before = path.read_text()
    grafana.edit_rule(lambda rule: rule["labels"].update(team="web"))
    footfall.run(grafana, "pull", QUIET)
    assert changed_lines(before, path.read_text()) == [
        '-    "severity": "warning"', '+    "severity": "warning",', '+    "team": "web"',
    ]  # fmt: skip


def test_a_rule_links_its_runbook_where_the_documentation_is(grafana: Client, footfall: Commands, folder: Path) -> None:
    path = folder / "alerts" / f"{QUIET}.json"
    before = path.read_text()
    docs = {"DOCS_URL": "https://docs.shop.example/footfall/"}

    def link() -> object:
        return grafana.call("GET", f"/v1/provisioning/alert-rules/{QUIET}")["annotations"]["runbook_url"]

    footfall.run(grafana, "push")
    assert link() == "http://127.0.0.1:8000/operating.html#no-data"
    assert f"changed   alert rule {QUIET}" in footfall.run(grafana, "push", **docs).lines
    assert link() == "https://docs.shop.example/footfall/operating.html#no-data"
    assert footfall.run(grafana, "diff", **docs).lines == ["no difference"]
    assert footfall.run(grafana, "pull", **docs).lines == ["nothing to bring back"]
    grafana.edit_rule(lambda rule: rule["annotations"].update(runbook_url="https://wiki.shop.example/quiet"))
    footfall.run(grafana, "pull", **docs)
    assert changed_lines(before, path.read_text()) == [
        '-    "runbook_url": "${DOCS_URL}/operating.html#no-data"',
        '+    "runbook_url": "https://wiki.shop.example/quiet"',
    ]


def test_what_is_in_another_folder_of_grafana_is_not_ours(grafana: Client, footfall: Commands, folder: Path) -> None:
    other = f"{OWN}-other"
    grafana.call("POST", "/folders", {"uid": other, "title": other})
    grafana.save({"id": None, "uid": VISITS, "title": other, "panels": []}, other)
    said = footfall.complaint(grafana, "push")
    assert f"dashboard {VISITS} is in Grafana's folder {other}, not in {OWN}" in said
    assert f"dashboard {VISITS} is only in the files" in footfall.run(grafana, "diff", code=1).lines
    footfall.run(grafana, "pull", VISITS)
    assert json.loads((folder / f"{VISITS}.json").read_text()) == board(VISITS, f"Visits {OWN}")
    assert grafana.board(VISITS)["title"] == other


def test_another_address_is_a_change_of_which_no_address_is_shown(
    grafana: Client, footfall: Commands, folder: Path
) -> None:
    path = folder / "contact-points" / f"{EMAIL}.json"
    before = path.read_text()
    footfall.run(grafana, "push")
    done = footfall.run(grafana, "diff", code=1, ALERT_EMAIL="night@shop.example")
    assert [line for line in done.lines[2:] if line[0] in "+-"] == [
        '-    "addresses": "${ALERT_EMAIL}",', '+    "addresses": "(another than ${ALERT_EMAIL})",',
    ]  # fmt: skip
    done = footfall.run(grafana, "push", EMAIL, ALERT_EMAIL="night@shop.example")
    assert done.last == "1 changed, 2 unchanged"
    assert grafana.point(EMAIL)["settings"]["addresses"] == "night@shop.example"
    assert footfall.run(grafana, "pull").lines == ["nothing to bring back"]
    assert path.read_text() == before


def test_an_edited_contact_point_comes_back_with_its_placeholders(
    grafana: Client, footfall: Commands, folder: Path
) -> None:
    footfall.run(grafana, "push")
    edited = grafana.point(SLACK)
    edited["settings"] |= {"url": HOOK, "title": "Footfall, live"}
    grafana.call("PUT", f"/v1/provisioning/contact-points/{SLACK}", edited)
    path = folder / "contact-points" / f"{SLACK}.json"
    before = path.read_text()
    footfall.run(grafana, "pull")
    assert changed_lines(before, path.read_text()) == ['-    "title": "Footfall"', '+    "title": "Footfall, live"']


def test_a_rule_made_in_grafana_becomes_a_file_that_says_only_what_is_not_a_default(
    grafana: Client, footfall: Commands, folder: Path
) -> None:
    footfall.run(grafana, "push")
    path = folder / "alerts" / f"{QUIET}.json"
    path.unlink()
    assert f"alert rule {QUIET} is only in Grafana" in footfall.run(grafana, "diff", code=1).lines
    footfall.run(grafana, "pull", QUIET)
    notes = {**RULE["annotations"], "runbook_url": "http://127.0.0.1:8000/operating.html#no-data"}
    expected = {**RULE, "for": "1m", "folderUID": OWN, "annotations": notes}
    expected["data"] = [{key: value for key, value in query.items() if value != ""} for query in RULE["data"]]
    assert json.loads(path.read_text()) == expected
    assert footfall.run(grafana, "push").last == "7 unchanged"


def test_what_grafana_calls_a_rule_can_not_be_a_path(stand_in: Client, footfall: Commands, folder: Path) -> None:
    footfall.run(stand_in, "push")
    assert stand_in.stand_in
    stand_in.stand_in.rules["up"] = {**stand_in.stand_in.rules[QUIET], "uid": "../../up"}
    said = footfall.complaint(stand_in, "pull")
    assert "the uid '../../up' of an alert rule in Grafana can't be a file's name" in said
    assert not list(folder.parent.glob("up*"))


def test_the_dashboards_of_this_repository_go_there_and_come_back_unchanged(
    stand_in: Client, footfall: Commands, folder: Path
) -> None:
    shutil.rmtree(folder)
    shutil.copytree(ROOT / "dashboards", folder)
    files = {path: path.read_text() for path in folder.rglob("*.json")}
    hooks = {"ALERT_EMAIL": ADDRESS, "ALERT_SLACK_URL": HOOK, "ALERT_WEBHOOK_URL": HOOK}
    footfall.run(stand_in, "push", **hooks)
    assert footfall.run(stand_in, "push", **hooks).last == f"{len(files) + 2} unchanged"
    assert footfall.run(stand_in, "diff", **hooks).lines == ["no difference"]
    for uid in stand_in.stand_in.boards if stand_in.stand_in else ():
        stand_in.edit(uid, lambda content: content.update(title=f"{content['title']} 2"))
    assert len(footfall.run(stand_in, "pull", **hooks).lines) == len(list(folder.glob("*.json")))
    for path in folder.glob("*.json"):
        assert len(changed_lines(files[path], path.read_text())) == 2
