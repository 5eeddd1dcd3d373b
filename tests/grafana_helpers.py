"""What the tests of `footfall dashboards` share: a small folder of files, a Grafana, and the command."""

from __future__ import annotations

import difflib
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grafana_server
import niquests
import pytest
from grafana_server import PASSWORD, TOKEN, VIEWER_TOKEN

from footfall import cli

OWN = f"footfall-test-{os.getpid()}"  # folder, and the beginning of every uid
VISITS, PAGES, QUIET, EMAIL, SLACK = (f"{OWN}-{name}" for name in ("visits", "pages", "quiet", "email", "slack"))
NIGHTS = f"{OWN}-nights"
READER = "the reader's password"
ADDRESS, HOOK = "ops@shop.example", "https://hooks.example/services/secret"
SECRETS = (TOKEN, VIEWER_TOKEN, PASSWORD, READER, ADDRESS, HOOK)
REAL = os.environ.get("GRAFANA_URL")
CREDENTIALS = ("GRAFANA_URL", "GRAFANA_TOKEN", "GRAFANA_USER", "GRAFANA_PASSWORD")
SOURCE = {"type": "grafana-postgresql-datasource", "uid": "footfall"}
Json = dict[str, Any]


def panel(id_: int, title: str, x: int) -> Json:
    return {
        "id": id_, "type": "stat", "title": title, "datasource": SOURCE, "gridPos": {"x": x, "y": 0, "w": 6, "h": 4},
        "targets": [{"refId": "A", "format": "table", "rawQuery": True, "rawSql": "SELECT 1 AS größe"}],
    }  # fmt: skip


def other_order(content: Json) -> Json:
    """The same with its keys in another order: a file keeps the order that it has."""
    return dict(reversed(content.items()))


def board(uid: str, title: str) -> Json:
    return {
        "id": None, "uid": uid, "title": title, "tags": ["footfall"], "schemaVersion": 41, "version": 1,
        "time": {"from": "now-7d", "to": "now"},
        "panels": [panel(1, "Visits", 0), other_order(panel(2, "Visitors", 6)), panel(3, "Bounces", 12)],
    }  # fmt: skip


RULE: Json = {
    "uid": QUIET, "title": f"No data {OWN}", "folderUID": "footfall", "ruleGroup": OWN, "condition": "B",
    "data": [
        {"refId": "A", "queryType": "", "relativeTimeRange": {"from": 600, "to": 0}, "datasourceUid": "footfall",
         "model": {"refId": "A", "datasource": SOURCE, "rawSql": "SELECT 1", "format": "table"}},
        {"refId": "B", "queryType": "", "relativeTimeRange": {"from": 600, "to": 0}, "datasourceUid": "__expr__",
         "model": {"refId": "B", "type": "math", "expression": "$A > 0",
                   "datasource": {"type": "__expr__", "uid": "__expr__"}}},
    ],
    "noDataState": "OK", "execErrState": "Error", "for": "60s",
    "annotations": {"summary": "quiet", "runbook_url": "${DOCS_URL}/operating.html#no-data"},
    "labels": {"severity": "warning"},
}  # fmt: skip
POINTS = [
    {"uid": EMAIL, "name": EMAIL, "type": "email", "settings": {"addresses": "${ALERT_EMAIL}", "singleEmail": True}},
    {"uid": SLACK, "name": SLACK, "type": "slack", "settings": {"url": "${ALERT_SLACK_URL}", "title": "Footfall"}},
]


@dataclass
class Client:
    """A Grafana as its pages use it; stand_in is None where it is a real one."""

    url: str
    auth: dict[str, str]
    stand_in: grafana_server.Grafana | None = None

    def call(self, method: str, path: str, body: Any = None) -> Any:
        user = (self.auth["GRAFANA_USER"], self.auth["GRAFANA_PASSWORD"]) if "GRAFANA_USER" in self.auth else None
        headers = {} if user else {"Authorization": f"Bearer {self.auth['GRAFANA_TOKEN']}"}
        headers["X-Disable-Provenance"] = "true"
        answer = niquests.request(method, f"{self.url}/api{path}", json=body, auth=user, headers=headers, timeout=20)
        if answer.status_code == 404:
            return None
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def board(self, uid: str) -> Any:
        return self.call("GET", f"/dashboards/uid/{uid}")["dashboard"]

    def save(self, content: Json, folder: str = OWN) -> None:
        """As a person does it, who has the newest version open."""
        self.call("POST", "/dashboards/db", {"dashboard": content, "folderUid": folder, "overwrite": False})

    def edit(self, uid: str, change: Callable[[Json], None]) -> None:
        content = self.board(uid)
        change(content)
        self.save(content)

    def edit_rule(self, change: Callable[[Json], None]) -> None:
        rule = self.call("GET", f"/v1/provisioning/alert-rules/{QUIET}")
        change(rule)
        self.call("PUT", f"/v1/provisioning/alert-rules/{QUIET}", rule)

    def point(self, uid: str) -> Any:
        return next((one for one in self.call("GET", "/v1/provisioning/contact-points") if one.get("uid") == uid), None)

    def state(self) -> list[Any]:
        """What a write would change: versions and times of saving, and all that the stand-in was told to write."""
        boards = [self.call("GET", f"/dashboards/uid/{uid}") for uid in (VISITS, PAGES)]
        rule, source = self.call("GET", f"/v1/provisioning/alert-rules/{QUIET}"), self.source()
        writes = list(self.stand_in.writes) if self.stand_in else []
        return [found and found["dashboard"]["version"] for found in boards] + [
            rule and rule["updated"], source and source["version"], self.call("GET", f"/folders/{OWN}"), writes,
        ]  # fmt: skip

    def tree(self) -> Json:
        found: Json = self.call("GET", "/v1/provisioning/policies")
        return found

    def put_tree(self, tree: Json) -> None:
        """As somebody saves it in Grafana's pages."""
        self.call("PUT", "/v1/provisioning/policies", tree)

    def timing(self) -> Any:
        found = self.call("GET", "/v1/provisioning/mute-timings")
        return next((one for one in found if one["name"] == NIGHTS), None)

    def source(self) -> Any:
        return self.call("GET", "/datasources/uid/footfall")

    def clean(self) -> None:
        for account in self.call("GET", f"/serviceaccounts/search?query={OWN}")["serviceAccounts"]:
            self.call("DELETE", f"/serviceaccounts/{account['id']}")
        self.call("DELETE", f"/v1/provisioning/alert-rules/{QUIET}")
        for hit in self.call("GET", f"/search?type=dash-db&folderUIDs={OWN}&folderUIDs={OWN}-other"):
            self.call("DELETE", f"/dashboards/uid/{hit['uid']}")
        tree = self.tree()
        kept = [route for route in tree.get("routes") or [] if OWN not in str(route)]
        if len(kept) < len(tree.get("routes") or []):
            self.put_tree({**tree, "routes": kept})
        self.call("DELETE", f"/v1/provisioning/mute-timings/{NIGHTS}")
        for uid in (EMAIL, SLACK):
            if self.point(uid):
                self.call("DELETE", f"/v1/provisioning/contact-points/{uid}")
        for uid in (OWN, f"{OWN}-other"):
            self.call("DELETE", f"/folders/{uid}?forceDeleteRules=true")
        self.call("DELETE", "/datasources/uid/footfall")


@pytest.fixture
def stand_in() -> Iterator[Client]:
    with grafana_server.running() as server:
        yield Client(server.url, {"GRAFANA_TOKEN": TOKEN}, server)


@pytest.fixture
def grafana(request: pytest.FixtureRequest) -> Iterator[Client]:
    if not REAL:
        yield request.getfixturevalue("stand_in")
        return
    real = Client(REAL.rstrip("/"), {name: os.environ[name] for name in CREDENTIALS[1:] if os.environ.get(name)})
    if real.source():
        pytest.skip("that Grafana has a data source with the uid footfall, which these tests would change")
    try:
        yield real
    finally:
        real.clean()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small folder of files."""
    made = tmp_path / "dashboards"
    write(made / f"{VISITS}.json", board(VISITS, f"Visits {OWN}"))
    write(made / f"{PAGES}.json", board(PAGES, f"Pages {OWN}"))
    write(made / "alerts" / f"{QUIET}.json", RULE)
    for point in POINTS:
        write(made / "contact-points" / f"{point['uid']}.json", point)
    return made


def write(path: Path, content: Json) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")


@dataclass
class Done:
    """What a command printed."""

    lines: list[str]
    errors: str

    @property
    def last(self) -> str:
        return self.lines[-1]


@dataclass
class Commands:
    """`footfall dashboards …` on the folder, in an environment of nothing but what is given."""

    folder: Path
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    def run(self, where: Client, *arguments: str, code: int = 0, **environment: str) -> Done:
        for name in os.environ:
            if name.startswith(("GRAFANA_", "ALERT_", "POSTGRES_", "PG")):
                self.monkeypatch.delenv(name)
        given = {"GRAFANA_URL": where.url, **where.auth, "GRAFANA_FOLDER": OWN, "POSTGRES_READER_PASSWORD": READER}
        given |= {"ALERT_EMAIL": ADDRESS, "ALERT_SLACK_URL": HOOK, "FOOTFALL_HOME": str(self.folder / "home")}
        for name, value in (given | environment).items():
            self.monkeypatch.setenv(name, value)
        options = [] if arguments[0] == "token" else ["--dashboards", str(self.folder)]
        self.monkeypatch.setattr(sys, "argv", ["footfall", "dashboards", *arguments, *options])
        found = 0
        try:
            cli.main()
        except SystemExit as end:
            found = int(end.code or 0)
        printed = self.capsys.readouterr()
        said = printed.out + printed.err
        assert found == code, said
        assert not [secret for secret in SECRETS if secret in said]
        return Done(printed.out.splitlines(), printed.err)

    def complaint(self, where: Client, *arguments: str, code: int = 1, **environment: str) -> str:
        """The one line on stderr."""
        [line] = self.run(where, *arguments, code=code, **environment).errors.strip().splitlines()
        return line


@pytest.fixture
def footfall(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Commands:
    return Commands(folder, monkeypatch, capsys)


def changed_lines(before: str, after: str) -> list[str]:
    """What `git diff` would show, without its context."""
    lines = list(difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm=""))[2:]
    return [line for line in lines if not line.startswith("@@")]
