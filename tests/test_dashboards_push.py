"""Dashboards, rules and contact points to a Grafana and back; against a stand-in, for there is no Grafana here."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import grafana_server
import pytest
from grafana_server import TOKEN, Grafana

from footfall.settings import ROOT

SECRET = "https://hooks.example/services/secret"
READER = "the reader's password"
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def grafana() -> Iterator[Grafana]:
    with grafana_server.running() as server:
        yield server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(ROOT / "dashboards", tmp_path / "dashboards"))


@pytest.fixture
def run(grafana: Grafana, folder: Path) -> Run:
    def run(*arguments: str, code: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "footfall.cli", "dashboards", *arguments]
        if arguments[0] != "token":
            command += ["--dashboards", str(folder)]
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("GRAFANA", "ALERT"))}
        given = {"GRAFANA_URL": grafana.url, "GRAFANA_TOKEN": TOKEN, "POSTGRES_READER_PASSWORD": READER}
        done = subprocess.run(command, cwd=ROOT, env={**clean, **given, **environment}, capture_output=True, text=True)
        said = done.stdout + done.stderr
        assert done.returncode == code, said
        assert "Traceback" not in said
        assert TOKEN not in said
        assert READER not in said
        assert SECRET not in said
        return done

    return run


def edited(grafana: Grafana, uid: str, title: str) -> None:
    """As a person does it in Grafana's pages."""
    board = grafana.things["dashboards"][uid]
    board["panels"][0]["title"] = title
    board["version"] += 1
    board["panels"][0]["pluginVersion"] = "12.0.0"  # what Grafana adds as it saves


def test_a_second_push_changes_nothing(grafana: Grafana, run: Run) -> None:
    first = run("push", ALERT_SLACK_URL=SECRET).stdout
    assert len(grafana.things["dashboards"]) == 11
    assert len(grafana.things["alert-rules"]) == 12
    assert grafana.things["contact-points"]["footfall-slack"]["settings"] == {"url": SECRET}
    assert "skipped  contact point footfall-email: set ALERT_EMAIL in the environment" in first
    assert first.splitlines()[-1] == "26 made, 2 skipped"
    assert grafana.things["datasources"]["footfall"]["user"] == "footfall_reader"
    written = grafana.writes
    assert run("push").stdout.splitlines()[-1] == "25 unchanged, 3 skipped"
    assert grafana.writes == written
    assert run("diff").stdout == "no difference\n"
    assert run("pull").stdout == "nothing to bring back\n"


def test_a_dry_run_writes_nothing(grafana: Grafana, run: Run) -> None:
    done = run("push", "--dry-run").stdout
    assert "made     dashboard overview" in done
    assert done.endswith("25 made, 3 skipped (dry run: nothing was written)\n")
    assert grafana.writes == 0


def test_an_edit_in_grafana_comes_back_as_a_small_difference(grafana: Grafana, run: Run, folder: Path) -> None:
    run("push")
    before = (folder / "overview.json").read_text().splitlines()
    edited(grafana, "overview", "People")
    shown = run("diff", code=1).stdout
    assert '-      "title": "Visitors",' in shown
    assert '+      "title": "People",' in shown
    assert run("pull").stdout == f"written {folder / 'overview.json'}\n"
    after = (folder / "overview.json").read_text().splitlines()
    assert [line for line in after if line not in before] == [
        '      "title": "People",', '      "pluginVersion": "12.0.0"',
    ]  # fmt: skip
    assert len(after) == len(before) + 1
    assert run("push").stdout.splitlines()[-1] == "25 unchanged, 3 skipped"


def test_a_dashboard_that_was_made_in_grafana_becomes_a_file_and_nothing_is_deleted(
    grafana: Grafana, run: Run, folder: Path
) -> None:
    run("push", "overview")
    assert list(grafana.things["dashboards"]) == ["overview"]
    own = {"uid": "own", "title": "Own", "panels": [], "id": 9, "version": 4, "folderUid": "footfall"}
    grafana.things["dashboards"]["own"] = own
    assert "dashboard own is only in Grafana" in run("diff", code=1).stdout
    assert "dashboard realtime is only in the files" in run("diff", "realtime", code=1).stdout
    run("pull")
    assert json.loads((folder / "own.json").read_text()) == {
        "id": None, "uid": "own", "title": "Own", "panels": [], "version": 1,
    }  # fmt: skip
    assert len(list(folder.glob("*.json"))) == 12


def test_a_changed_file_is_pushed_over_an_older_one(grafana: Grafana, run: Run, folder: Path) -> None:
    run("push")
    for path in (folder / "clicks.json", folder / "alerts" / "no-data.json"):
        path.write_text(path.read_text().replace('"title": "', '"title": "New ', 1))
    done = run("push").stdout
    assert done.splitlines() == [
        "changed  dashboard clicks",
        "changed  alert rule no-data",
        *[line for line in done.splitlines() if line.startswith("skipped")],
        "2 changed, 23 unchanged, 3 skipped",
    ]
    assert grafana.things["alert-rules"]["no-data"]["title"].startswith("New ")


def test_a_token_is_shown_once(grafana: Grafana, run: Run) -> None:
    assert run("token", "grafana-reader").stdout == "glsa_new_1\n"
    assert run("token", "grafana-reader").stdout == "glsa_new_2\n"
    assert grafana.things["accounts"] == {"grafana-reader": {"id": 5, "name": "grafana-reader", "role": "Viewer"}}
    assert [token["name"] for token in grafana.tokens] == ["grafana-reader-1", "grafana-reader-2"]


@pytest.mark.parametrize(
    ("environment", "complaint"),
    [
        ({"GRAFANA_TOKEN": "another"}, "refuses: the token or user may not do this"),
        ({"GRAFANA_TOKEN": ""}, "set GRAFANA_URL, and GRAFANA_TOKEN"),
        ({"GRAFANA_URL": ""}, "set GRAFANA_URL, and GRAFANA_TOKEN"),
        ({"GRAFANA_URL": "http://127.0.0.1:9"}, "can't be reached: is GRAFANA_URL right?"),
    ],
)
def test_what_grafana_can_not_do_is_one_line(run: Run, environment: dict[str, str], complaint: str) -> None:
    for verb in ("push", "diff", "pull"):
        [line] = run(verb, code=1, **environment).stderr.splitlines()
        assert complaint in line


def test_a_wrong_name_or_file_is_one_line(run: Run, folder: Path) -> None:
    assert "has no file nothing.json" in run("push", "nothing", code=1).stderr
    (folder / "clicks.json").write_text("{")
    assert "clicks.json: Expecting" in run("push", code=1).stderr
    (folder / "clicks.json").write_text('{"uid": "other"}')
    assert "its uid must be its name, clicks" in run("push", code=1).stderr
