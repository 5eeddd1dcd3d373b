"""`footfall alert test` with GRAFANA_URL: the alert is followed in Grafana, here a stand-in of its API.

The stand-in reads the very rows that are injected, evaluates once a minute, and tells after ten seconds.
"""

# ruff: noqa: F401, F811  (fixtures are imported)
from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from conftest import Tables
from grafana_helpers import Client, stand_in
from grafana_server import TOKEN

from footfall.alerting import follow, inject
from footfall.alerting.follow import Step
from footfall.alerting.targets import InGrafana
from footfall.errors import FootfallError
from footfall.grafana.api import Server
from footfall.settings import ALERT_TEST_SITE, ROOT

RULE: dict[str, Any] = json.loads((ROOT / "dashboards" / "alerts" / "late-share.json").read_text())
HOLD = timedelta(minutes=5)
WEBHOOK, EMAIL = "footfall webhook", "footfall email"


class Grafana(follow.Clock):
    """A clock, and what a Grafana would have seen and told by then."""

    def __init__(self, tables: Tables, receivers: dict[str, str]) -> None:
        self.tables = tables
        self.receivers = receivers
        self.time = datetime(2026, 3, 4, 12, tzinfo=UTC)
        self.evaluated = self.time - timedelta(minutes=1)
        self.since: datetime | None = None
        self.firing = False
        self.told: dict[str, datetime] = {}
        self.due: datetime | None = None

    def now(self) -> datetime:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)
        if self.time - self.evaluated >= timedelta(minutes=1):
            self.evaluated = self.time
            is_bad = bool(self.tables.run(self.tables.reader, "SELECT 1 FROM arrivals_per_minute WHERE site = %s",
                                          ALERT_TEST_SITE))  # fmt: skip
            self.since = (self.since or self.time) if is_bad else None
            firing = self.since is not None and self.time - self.since >= HOLD
            if firing != self.firing:
                self.firing, self.due = firing, self.time + timedelta(seconds=10 if firing else 290)
        if self.due and self.time >= self.due:
            self.told = dict.fromkeys(self.receivers, self.time)
            self.due = None

    def alerting(self) -> list[tuple[str, str, dict[str, str]]]:
        state = "Alerting" if self.firing else "Pending" if self.since else "Normal"
        return [("Other", "Alerting", {"site": "shop"}), (RULE["title"], state, {"site": ALERT_TEST_SITE})]

    def attempts(self) -> dict[str, tuple[str, str]]:
        return {
            name: (self.told[name].isoformat() if name in self.told else "0001-01-01T00:00:00.000Z", error)
            for name, error in self.receivers.items()
        }


@pytest.fixture
def server(stand_in: Client, monkeypatch: pytest.MonkeyPatch) -> Server:
    monkeypatch.setenv("GRAFANA_URL", stand_in.url)
    monkeypatch.setenv("GRAFANA_TOKEN", TOKEN)
    stand_in.call("POST", "/v1/provisioning/alert-rules", RULE)
    for name in (WEBHOOK, EMAIL):
        settings = {"url": "https://hook.example"} if name == WEBHOOK else {"addresses": "a@shop.example"}
        point = {"uid": name.replace(" ", "-"), "name": name, "type": name.split()[1], "settings": settings}
        stand_in.call("POST", "/v1/provisioning/contact-points", point)
    return Server()


def run(tables: Tables, server: Server, stand_in: Client, receivers: dict[str, str], point: str | None) -> list[Step]:
    grafana, steps = Grafana(tables, receivers), list[Step]()
    assert stand_in.stand_in
    stand_in.stand_in.alerting, stand_in.stand_in.attempts = grafana.alerting, grafana.attempts
    follow.follow(RULE, InGrafana(server, RULE, point), tables.owner, tables.writer, grafana, steps.append)
    return steps


def left(tables: Tables) -> list[tuple[object, ...]]:
    return tables.run(tables.reader, "SELECT 1 FROM arrivals_per_minute")


@pytest.mark.parametrize(("point", "told"), [(None, "a contact point"), (EMAIL, EMAIL)])
def test_an_alert_is_followed_from_pending_to_its_delivery_and_back(
    untouched: Tables, server: Server, stand_in: Client, point: str | None, told: str
) -> None:
    steps = run(untouched, server, stand_in, {WEBHOOK: "", EMAIL: ""}, point)
    names = [f"{step.what} {step.more}" if step.what == "delivered" else step.what for step in steps]
    told = f"{WEBHOOK}, {EMAIL}" if point is None else told
    firing = [f"delivered {one}, firing" for one in told.split(", ")]
    resolved = [f"delivered {one}, resolved" for one in told.split(", ")]
    assert [name for name in names if not name.startswith("delivered")] == [
        "injected", "pending", "firing", "removed", "resolved",
    ]  # fmt: skip
    assert set(firing) <= set(names[3 : names.index("removed")])
    assert set(resolved) <= set(names[names.index("resolved") :])
    assert left(untouched) == []


def test_what_a_contact_point_answers_is_reported_as_the_reason(
    untouched: Tables, server: Server, stand_in: Client
) -> None:
    with pytest.raises(FootfallError, match=r"was not delivered to footfall webhook \(503 from the hook\)"):
        run(untouched, server, stand_in, {WEBHOOK: "503 from the hook"}, WEBHOOK)
    assert left(untouched) == []


def test_a_silenced_alert_is_reported_as_such(untouched: Tables, server: Server, stand_in: Client) -> None:
    assert stand_in.stand_in
    stand_in.stand_in.is_silenced = True
    with pytest.raises(FootfallError, match="a silence or quiet hours match it"):
        run(untouched, server, stand_in, {WEBHOOK: ""}, None)
    assert left(untouched) == []


def test_what_grafana_does_not_have_is_reported_before_anything_is_written(
    untouched: Tables, server: Server, stand_in: Client
) -> None:
    with pytest.raises(
        FootfallError, match="Grafana has no contact point nobody: it has footfall email, footfall webh"
    ):
        run(untouched, server, stand_in, {}, "nobody")
    stand_in.call("DELETE", f"/v1/provisioning/alert-rules/{RULE['uid']}")
    with pytest.raises(
        FootfallError, match="Grafana has no rule late-share: `footfall dashboards push` brings it there"
    ):
        run(untouched, server, stand_in, {}, None)
