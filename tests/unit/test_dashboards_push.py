"""Dashboards, rules and contact points to a Grafana.

Against a stand-in of Grafana's API; the tests that take `grafana` run against a real one where GRAFANA_URL is set, with
names of their own, and remove what they made.
"""

# ruff: noqa: F401, F811  (fixtures are imported)
from __future__ import annotations

import os
import socket
import subprocess
import sys
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import grafana_server
import pytest
from grafana_helpers import (
    ADDRESS,
    EMAIL,
    HOOK,
    OWN,
    PAGES,
    QUIET,
    READER,
    RULE,
    SLACK,
    VISITS,
    Client,
    Commands,
    board,
    folder,
    footfall,
    grafana,
    stand_in,
    write,
)
from grafana_server import PASSWORD, SUB_PATH, TOKEN, USER, VIEWER_TOKEN

from footfall.grafana import api as grafana_api
from footfall.settings import ROOT


def test_a_first_push_makes_everything_and_says_so_line_by_line(grafana: Client, footfall: Commands) -> None:
    assert footfall.run(grafana, "push").lines == [
        f"made      folder {OWN}",
        "made      data source footfall",
        f"made      dashboard {PAGES}",
        f"made      dashboard {VISITS}",
        f"made      alert rule {QUIET}",
        f"made      contact point {EMAIL}",
        f"made      contact point {SLACK}",
        "7 made",
    ]
    assert grafana.board(VISITS)["panels"][0]["targets"][0]["rawSql"] == "SELECT 1 AS größe"
    assert grafana.call("GET", f"/dashboards/uid/{VISITS}")["meta"]["folderUid"] == OWN
    rule = grafana.call("GET", f"/v1/provisioning/alert-rules/{QUIET}")
    assert (rule["folderUID"], rule.get("provenance", "")) == (OWN, "")
    assert grafana.point(EMAIL)["settings"]["addresses"] == ADDRESS
    source = grafana.source()
    assert (source["type"], source["user"]) == ("grafana-postgresql-datasource", "footfall_reader")
    assert source["secureJsonFields"] == {"password": True}
    if grafana.stand_in:
        assert grafana.stand_in.passwords == {"footfall": READER}
        assert grafana.stand_in.points[SLACK]["settings"]["url"] == HOOK


def test_a_second_push_writes_nothing_and_nothing_differs(grafana: Client, footfall: Commands, folder: Path) -> None:
    footfall.run(grafana, "push")
    state, files = grafana.state(), {path: path.read_text() for path in folder.rglob("*.json")}
    done = footfall.run(grafana, "push")
    assert done.last == "7 unchanged"
    assert f"unchanged dashboard {VISITS}" in done.lines
    assert footfall.run(grafana, "diff").lines == ["no difference"]
    assert footfall.run(grafana, "pull").lines == ["nothing to bring back"]
    assert grafana.state() == state
    assert {path: path.read_text() for path in folder.rglob("*.json")} == files


def test_a_dry_run_says_the_same_and_writes_nothing(grafana: Client, footfall: Commands) -> None:
    state = grafana.state()
    done = footfall.run(grafana, "push", "--dry-run")
    assert f"made      dashboard {VISITS}" in done.lines
    assert done.last == "7 made (dry run: nothing was written)"
    assert grafana.state() == state


def test_only_what_was_changed_is_written(grafana: Client, footfall: Commands, folder: Path) -> None:
    footfall.run(grafana, "push")
    write(folder / f"{VISITS}.json", board(VISITS, f"Visits again {OWN}"))
    write(folder / "alerts" / f"{QUIET}.json", {**RULE, "for": "5m"})
    done = footfall.run(grafana, "push")
    assert [line for line in done.lines if line.startswith("changed")] == [
        f"changed   dashboard {VISITS}", f"changed   alert rule {QUIET}",
    ]  # fmt: skip
    assert done.last == "2 changed, 5 unchanged"
    assert grafana.board(VISITS)["title"] == f"Visits again {OWN}"
    assert grafana.call("GET", f"/v1/provisioning/alert-rules/{QUIET}")["for"] == "5m"


def test_what_the_file_no_longer_says_is_taken_out_of_grafana(
    grafana: Client, footfall: Commands, folder: Path
) -> None:
    content = board(VISITS, f"Visits {OWN}")
    content["panels"][0]["description"] = "not for long"
    write(folder / f"{VISITS}.json", content)
    footfall.run(grafana, "push")
    write(folder / f"{VISITS}.json", board(VISITS, f"Visits {OWN}"))
    assert f"changed   dashboard {VISITS}" in footfall.run(grafana, "push").lines
    assert "description" not in grafana.board(VISITS)["panels"][0]


def test_names_choose_what_is_pushed(grafana: Client, footfall: Commands) -> None:
    done = footfall.run(grafana, "push", VISITS)
    assert [line.split()[1] for line in done.lines[:-1]] == ["folder", "data", "dashboard"]
    assert grafana.call("GET", f"/dashboards/uid/{PAGES}") is None


def test_a_dashboard_that_somebody_saved_meanwhile_is_not_overwritten(
    stand_in: Client, footfall: Commands, folder: Path
) -> None:
    def somebody() -> None:
        server.before_save = lambda: None
        server.boards[VISITS] |= {"version": 2, "title": "Somebody's"}

    footfall.run(stand_in, "push")
    write(folder / f"{VISITS}.json", board(VISITS, "Mine"))
    assert stand_in.stand_in
    server = stand_in.stand_in
    server.before_save = somebody
    said = footfall.complaint(stand_in, "push")
    assert f"dashboard {VISITS}: " in said
    assert "The dashboard has been changed by someone else: see `footfall dashboards diff`" in said
    assert stand_in.board(VISITS)["title"] == "Somebody's"


def test_the_data_source_follows_the_settings_and_keeps_what_was_set_in_grafana(
    grafana: Client, footfall: Commands
) -> None:
    footfall.run(grafana, "push", VISITS)
    source = grafana.source()
    grafana.call("PUT", "/datasources/uid/footfall", {**source, "jsonData": {**source["jsonData"], "maxOpenConns": 5}})
    assert footfall.run(grafana, "push", VISITS).last == "3 unchanged"
    done = footfall.run(grafana, "push", VISITS, POSTGRES_HOST="db.example", POSTGRES_PORT="5432")
    assert "changed   data source footfall" in done.lines
    source = grafana.source()
    assert (source["url"], source["jsonData"]["sslmode"]) == ("db.example:5432", "require")
    assert source["jsonData"]["maxOpenConns"] == 5


def test_a_new_password_is_sent_when_that_is_asked_for(stand_in: Client, footfall: Commands) -> None:
    assert stand_in.stand_in
    footfall.run(stand_in, "push")
    done = footfall.run(stand_in, "push", POSTGRES_READER_PASSWORD="another one")
    assert "unchanged data source footfall: Grafana hides its password: --resend sends it again" in done.lines
    assert stand_in.stand_in.passwords == {"footfall": READER}
    done = footfall.run(
        stand_in, "push", "--resend", POSTGRES_READER_PASSWORD="another one", ALERT_SLACK_URL=f"{HOOK}2"
    )
    assert "changed   data source footfall: sent again" in done.lines
    assert f"changed   contact point {SLACK}: sent again" in done.lines
    assert done.last == "2 changed, 5 unchanged"
    assert stand_in.stand_in.passwords == {"footfall": "another one"}
    assert stand_in.stand_in.points[SLACK]["settings"]["url"] == f"{HOOK}2"


def test_a_data_source_that_grafana_has_from_a_file_is_left_alone(stand_in: Client, footfall: Commands) -> None:
    assert stand_in.stand_in
    theirs = {"id": 1, "uid": "footfall", "name": "Theirs", "readOnly": True, "version": 1}
    stand_in.stand_in.sources["footfall"] = dict(theirs)
    done = footfall.run(stand_in, "push", "--resend")
    assert "unchanged data source footfall: Grafana has it from a provisioning file, and takes no other" in done.lines
    assert stand_in.stand_in.sources["footfall"] == theirs


def test_a_contact_point_without_its_address_is_skipped_with_a_line(grafana: Client, footfall: Commands) -> None:
    done = footfall.run(grafana, "push", ALERT_EMAIL="")
    assert f"skipped   contact point {EMAIL}: set ALERT_EMAIL in the environment" in done.lines
    assert done.last == "6 made, 1 skipped"
    assert footfall.run(grafana, "diff", ALERT_EMAIL="").lines == ["no difference"]
    assert footfall.run(grafana, "diff", code=1).lines == [f"contact point {EMAIL} is only in the files"]
    assert grafana.point(EMAIL) is None


def test_grafanas_own_words_are_shown_without_the_address_in_them(stand_in: Client, footfall: Commands) -> None:
    wrong = "hooks.example/services/secret"
    said = footfall.complaint(stand_in, "push", ALERT_SLACK_URL=wrong)
    assert wrong not in said
    assert (
        f"contact point {SLACK}: Grafana at {stand_in.url} says: invalid contact point: parse ***: invalid URL" in said
    )


def test_a_token_is_of_a_viewer_and_shown_once(grafana: Client, footfall: Commands) -> None:
    first, second = (footfall.run(grafana, "token", f"{OWN} reader") for _ in range(2))
    assert [len(done.lines) for done in (first, second)] == [1, 1]
    assert first.lines != second.lines
    [account] = grafana.call("GET", f"/serviceaccounts/search?query={OWN}")["serviceAccounts"]
    assert (account["name"], account["role"]) == (f"{OWN} reader", "Viewer")
    tokens = grafana.call("GET", f"/serviceaccounts/{account['id']}/tokens")
    assert sorted(token["name"] for token in tokens) == [f"{OWN} reader-1", f"{OWN} reader-2"]
    said = footfall.complaint(grafana, "token", f"{OWN} reader", "--role", "Editor")
    assert f"the service account {OWN} reader has the role Viewer: give --role Viewer, or another name" in said


def test_user_and_password_do_as_well_as_a_token(stand_in: Client, footfall: Commands) -> None:
    stand_in.auth = {"GRAFANA_USER": USER, "GRAFANA_PASSWORD": PASSWORD}
    assert footfall.run(stand_in, "push").last == "7 made"


@pytest.mark.parametrize("end", ["", "/"])
def test_a_grafana_below_a_path_is_found(stand_in: Client, footfall: Commands, end: str) -> None:
    assert footfall.run(stand_in, "push", GRAFANA_URL=stand_in.url + SUB_PATH + end).last == "7 made"


@pytest.mark.parametrize("verb", ["push", "diff", "pull"])
@pytest.mark.parametrize(
    ("environment", "complaint"),
    [
        ({"GRAFANA_TOKEN": "another"}, "does not know who asks: correct GRAFANA_TOKEN"),
        ({"GRAFANA_TOKEN": ""}, "set GRAFANA_URL, and GRAFANA_TOKEN"),
        ({"GRAFANA_URL": ""}, "set GRAFANA_URL, and GRAFANA_TOKEN"),
        ({"GRAFANA_URL": "http://127.0.0.1:9"}, "can't be reached: start it, or correct GRAFANA_URL"),
        ({"GRAFANA_URL": "http://[::1]:9"}, "can't be reached: start it, or correct GRAFANA_URL"),
        ({"GRAFANA_URL": "grafana.example"}, "GRAFANA_URL is no address"),
        ({"GRAFANA_URL": "http://127.0.0.1:many"}, "GRAFANA_URL is no address"),
        ({"GRAFANA_URL": f"http://{USER}:{READER}@127.0.0.1"}, "GRAFANA_URL has a user in it"),
    ],
)
def test_a_grafana_that_can_not_be_asked_is_one_line(
    stand_in: Client, footfall: Commands, verb: str, environment: dict[str, str], complaint: str
) -> None:
    assert complaint in footfall.complaint(stand_in, verb, **environment)


def test_a_viewer_may_look_but_not_push(stand_in: Client, footfall: Commands) -> None:
    footfall.run(stand_in, "push")
    stand_in.auth = {"GRAFANA_TOKEN": VIEWER_TOKEN}
    assert footfall.run(stand_in, "push").last == "7 unchanged"
    assert "must have the role Admin: You'll need additional permissions" in footfall.complaint(
        stand_in, "push", POSTGRES_HOST="db.example"
    )


def test_what_is_no_grafana_is_one_line(stand_in: Client, footfall: Commands) -> None:
    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", content_type)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    json = "application/json"
    answers = (("text/html", b"<html>Log in</html>"), (json, b'{"status": "ok"}'), (json, b"["), (json, b"[]"))
    with grafana_server.serving(Page) as url:
        for content_type, content in answers:  # noqa: B007  (Page answers with them)
            said = footfall.complaint(stand_in, "push", GRAFANA_URL=url)
            assert f"{url} does not answer as Grafana does: correct GRAFANA_URL" in said


def test_a_grafana_that_does_not_answer_is_waited_for_only_so_long(
    stand_in: Client, footfall: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grafana_api, "SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        assert "did not answer within 0.2 s: try again" in footfall.complaint(stand_in, "push", GRAFANA_URL=url)


def test_a_token_that_goes_over_the_net_in_clear_is_warned_of(stand_in: Client, footfall: Commands) -> None:
    done = footfall.run(stand_in, "push", code=1, GRAFANA_URL="http://grafana.invalid")
    warning, complaint = done.errors.splitlines()
    assert "whoever is on the way reads the token and passwords" in warning
    assert "can't be reached" in complaint


def test_a_name_that_is_nowhere_is_a_misuse(grafana: Client, footfall: Commands) -> None:
    for verb in ("push", "diff", "pull"):
        done = footfall.run(grafana, verb, "nothing", code=2)
        assert "there is no nothing: a name is that of a file without .json" in done.errors


def test_a_wrong_file_is_one_line_before_grafana_is_asked(stand_in: Client, footfall: Commands, folder: Path) -> None:
    path = folder / f"{VISITS}.json"
    for content, complaint in (
        ('{\n  "uid": 1,\n', f"{path}:3: "),
        ("[]", "it must be a JSON object"),
        ('{"uid": "other"}', f"its uid must be its name, {VISITS}"),
        ("\udcff", "utf-8"),
    ):
        path.write_bytes(content.encode(errors="surrogateescape"))
        assert complaint in footfall.complaint(stand_in, "push", GRAFANA_URL="http://127.0.0.1:9")


def test_the_data_source_needs_the_readers_password(stand_in: Client, footfall: Commands) -> None:
    said = footfall.complaint(stand_in, "push", POSTGRES_READER_PASSWORD="")
    assert "set POSTGRES_READER_PASSWORD in the environment" in said


def test_a_grafana_elsewhere_is_not_told_of_a_postgres_here_without_a_word(
    stand_in: Client, footfall: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grafana_api, "is_loopback", lambda host: host != "localhost")
    url = stand_in.url.replace("127.0.0.1", "localhost")
    assert "set POSTGRES_HOST to where it is" in footfall.run(stand_in, "push", GRAFANA_URL=url).errors
    assert footfall.run(stand_in, "push", GRAFANA_URL=stand_in.url).errors == ""


def test_the_command_ends_with_its_exit_code_as_a_process(stand_in: Client, folder: Path) -> None:
    command = [sys.executable, "-m", "footfall.cli", "dashboards", "diff", "--dashboards", str(folder)]
    given = {"GRAFANA_URL": stand_in.url, "GRAFANA_TOKEN": TOKEN, "GRAFANA_FOLDER": OWN}
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **given}, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (1, "")
    assert f"dashboard {VISITS} is only in the files" in done.stdout
