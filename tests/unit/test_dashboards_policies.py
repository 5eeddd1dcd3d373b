"""Notification policies and mute timings to a Grafana and back: Footfall's branch, and nobody else's.

Against a stand-in of Grafana's API, or a real one where GRAFANA_URL is set; see test_dashboards_push.py.
"""

# ruff: noqa: F401, F811  (fixtures are imported)
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from grafana_helpers import (
    EMAIL,
    NIGHTS,
    OWN,
    SLACK,
    Client,
    Commands,
    changed_lines,
    folder,
    footfall,
    grafana,
    stand_in,
    write,
)

Json = dict[str, Any]
CRITICAL, OTHER = [["severity", "=", "critical"]], [["severity", "!=", "critical"]]
POLICY: Json = {
    "object_matchers": [["service", "=", OWN]], "group_by": ["alertname", "site"], "group_wait": "60s",
    "group_interval": "5m", "repeat_interval": "4h",
    "routes": [
        {"receiver": SLACK, "object_matchers": CRITICAL, "repeat_interval": "1h", "continue": True},
        {"receiver": EMAIL, "object_matchers": CRITICAL, "repeat_interval": "24h"},
        {"receiver": EMAIL, "object_matchers": OTHER, "mute_time_intervals": [NIGHTS]},
    ],
}  # fmt: skip
TIMING: Json = {
    "name": NIGHTS,
    "time_intervals": [
        {"times": [{"start_time": "22:00", "end_time": "24:00"}, {"start_time": "00:00", "end_time": "07:00"}],
         "location": "Europe/Berlin"},
    ],
}  # fmt: skip
OTHERS: list[Json] = [
    {"receiver": "grafana-default-email", "object_matchers": [["team", "=", "payments"]], "continue": True},
    {"receiver": "grafana-default-email", "object_matchers": [["team", "=~", ".*"]], "group_by": ["..."],
     "routes": [{"object_matchers": [["deep", "=", "1"]], "repeat_interval": "3h"}]},
]  # fmt: skip


@pytest.fixture(autouse=True)
def policies(folder: Path) -> None:
    write(folder / "policies" / f"{OWN}.json", POLICY)
    write(folder / "mute-timings" / f"{NIGHTS}.json", TIMING)


def branch(tree: Json) -> Json:
    [found] = [route for route in tree["routes"] if route.get("object_matchers") == POLICY["object_matchers"]]
    return found


def others(tree: Json) -> Json:
    """All of the tree but the branch."""
    routes = [route for route in tree.get("routes") or [] if OWN not in json.dumps(route)]
    return {**tree, "routes": routes}


def test_a_push_adds_one_branch_first_below_the_root_and_leaves_every_other_route(
    grafana: Client, footfall: Commands
) -> None:
    before = grafana.tree()
    grafana.put_tree({**before, "routes": [*(before.get("routes") or []), *OTHERS]} if grafana.stand_in else before)
    before = grafana.tree()
    lines = footfall.run(grafana, "push").lines
    assert f"made      mute timing {NIGHTS}" in lines
    assert f"made      notification policy {OWN}" in lines
    tree = grafana.tree()
    assert tree["routes"][0] == branch(tree)
    assert others(tree) == others({**before, "routes": before.get("routes") or []})
    assert [route["receiver"] for route in branch(tree)["routes"]] == [SLACK, EMAIL, EMAIL]
    assert branch(tree)["routes"][2]["mute_time_intervals"] == [NIGHTS]
    assert grafana.timing()["time_intervals"] == TIMING["time_intervals"]
    assert not tree.get("provenance")
    assert not grafana.timing().get("provenance")


def test_a_second_push_writes_nothing_and_diff_finds_nothing(grafana: Client, footfall: Commands) -> None:
    footfall.run(grafana, "push")
    before = grafana.state()
    lines = footfall.run(grafana, "push").lines
    assert {f"unchanged mute timing {NIGHTS}", f"unchanged notification policy {OWN}"} <= set(lines)
    assert grafana.state() == before
    assert footfall.run(grafana, "diff").lines == ["no difference"]
    assert footfall.run(grafana, "pull").last == "nothing to bring back"


def test_a_dry_run_says_what_it_would_make_and_makes_nothing(grafana: Client, footfall: Commands) -> None:
    before = grafana.tree()
    lines = footfall.run(grafana, "push", "--dry-run").lines
    assert {f"made      mute timing {NIGHTS}", f"made      notification policy {OWN}"} <= set(lines)
    assert grafana.tree() == before
    assert grafana.timing() is None


def test_a_branch_that_somebody_moved_below_another_route_is_changed_where_it_is(
    stand_in: Client, footfall: Commands, folder: Path
) -> None:
    footfall.run(stand_in, "push")
    moved = {**OTHERS[1], "routes": [*OTHERS[1]["routes"], branch(stand_in.tree())]}
    stand_in.put_tree({**stand_in.tree(), "routes": [OTHERS[0], moved]})
    assert footfall.run(stand_in, "diff").lines == ["no difference"]
    write(folder / "policies" / f"{OWN}.json", {**POLICY, "repeat_interval": "6h"})
    assert f"changed   notification policy {OWN}" in footfall.run(stand_in, "push").lines
    tree = stand_in.tree()
    assert tree["routes"][0] == OTHERS[0]
    assert tree["routes"][1]["routes"][0] == OTHERS[1]["routes"][0]
    assert tree["routes"][1]["routes"][1]["repeat_interval"] == "6h"


def test_routes_to_contact_points_without_an_address_are_left_out_until_they_have_one(
    grafana: Client, footfall: Commands
) -> None:
    lines = footfall.run(grafana, "push", ALERT_SLACK_URL="").lines
    assert f"made      notification policy {OWN}: without {SLACK}, which Grafana does not have" in lines
    assert [route["receiver"] for route in branch(grafana.tree())["routes"]] == [EMAIL, EMAIL]
    assert footfall.run(grafana, "diff", ALERT_SLACK_URL="").lines == ["no difference"]
    assert footfall.run(grafana, "pull", ALERT_SLACK_URL="").last == "nothing to bring back"
    assert f"changed   notification policy {OWN}" in footfall.run(grafana, "push").lines
    assert [route["receiver"] for route in branch(grafana.tree())["routes"]] == [SLACK, EMAIL, EMAIL]


def test_without_any_address_there_is_no_branch_and_no_difference(grafana: Client, footfall: Commands) -> None:
    lines = footfall.run(grafana, "push", ALERT_SLACK_URL="", ALERT_EMAIL="").lines
    assert f"skipped   notification policy {OWN}: none of its contact points is in Grafana" in lines
    assert OWN not in json.dumps(grafana.tree())
    assert footfall.run(grafana, "diff", ALERT_SLACK_URL="", ALERT_EMAIL="").lines == ["no difference"]


def test_edits_in_grafana_are_shown_and_brought_back_and_nothing_else_of_the_files_changes(
    grafana: Client, footfall: Commands, folder: Path
) -> None:
    footfall.run(grafana, "push", ALERT_SLACK_URL="")
    path, timing = folder / "policies" / f"{OWN}.json", folder / "mute-timings" / f"{NIGHTS}.json"
    before = path.read_text(), timing.read_text()
    tree = grafana.tree()
    branch(tree)["routes"][1]["repeat_interval"] = "2h"
    grafana.put_tree(tree)
    moved = {"name": NIGHTS, "time_intervals": [{**TIMING["time_intervals"][0], "location": "Europe/Vienna"}]}
    grafana.call("PUT", f"/v1/provisioning/mute-timings/{NIGHTS}", moved)
    shown = footfall.run(grafana, "diff", code=1, ALERT_SLACK_URL="").lines
    assert '+      "repeat_interval": "2h"' in shown
    footfall.run(grafana, "pull", ALERT_SLACK_URL="")
    assert changed_lines(before[1], timing.read_text()) == [
        '-      "location": "Europe/Berlin"',
        '+      "location": "Europe/Vienna"',
    ]
    assert [line for line in changed_lines(before[0], path.read_text()) if line.startswith("+")] == [
        "+      ],",
        '+      "repeat_interval": "2h"',
    ]
    assert [route["receiver"] for route in json.loads(path.read_text())["routes"]] == [SLACK, EMAIL, EMAIL]
    assert footfall.run(grafana, "diff", ALERT_SLACK_URL="").lines == ["no difference"]


def test_a_route_that_somebody_led_to_grafanas_own_contact_point_is_brought_back_and_stays(
    stand_in: Client, footfall: Commands, folder: Path
) -> None:
    footfall.run(stand_in, "push")
    tree = stand_in.tree()
    branch(tree)["routes"][1]["receiver"] = "grafana-default-email"
    stand_in.put_tree(tree)
    footfall.run(stand_in, "pull")
    receivers = [route["receiver"] for route in json.loads((folder / "policies" / f"{OWN}.json").read_text())["routes"]]
    assert receivers == [SLACK, "grafana-default-email", EMAIL]
    assert f"unchanged notification policy {OWN}" in footfall.run(stand_in, "push").lines
    assert footfall.run(stand_in, "diff").lines == ["no difference"]


@pytest.mark.parametrize(("provenance", "who"), [("file", "provisioning files"), ("api", "Terraform")])
def test_a_tree_that_another_program_manages_is_left_to_it(
    stand_in: Client, footfall: Commands, provenance: str, who: str
) -> None:
    assert stand_in.stand_in
    stand_in.stand_in.tree["provenance"] = provenance
    before = stand_in.tree()
    [line] = [line for line in footfall.run(stand_in, "push").lines if "notification policy" in line]
    assert line.startswith(f"skipped   notification policy {OWN}: {who}")
    assert stand_in.tree() == before


def test_two_branches_of_the_same_label_are_reported_and_nothing_is_written(
    stand_in: Client, footfall: Commands
) -> None:
    footfall.run(stand_in, "push")
    tree = stand_in.tree()
    stand_in.put_tree({**tree, "routes": [*tree["routes"], branch(tree)]})
    said = footfall.complaint(stand_in, "push")
    assert said == (f"footfall: Grafana has 2 notification policies for service={OWN}: remove all but one in its pages")


def test_what_grafana_says_of_a_policy_is_passed_on(stand_in: Client, footfall: Commands, folder: Path) -> None:
    (folder / "mute-timings" / f"{NIGHTS}.json").unlink()
    said = footfall.complaint(stand_in, "push")
    assert f"notification policy {OWN}: Grafana at" in said
    assert f"mute time interval '{NIGHTS}' does not exist (400)" in said


def test_a_policy_file_must_match_the_label_of_its_name(stand_in: Client, footfall: Commands, folder: Path) -> None:
    write(folder / "policies" / f"{OWN}.json", {**POLICY, "object_matchers": [["team", "=", OWN]]})
    assert f'its object_matchers must be [["service", "=", "{OWN}"]]' in footfall.complaint(stand_in, "push")
