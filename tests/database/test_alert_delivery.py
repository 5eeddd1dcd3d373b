"""Alerts without Grafana: routed and grouped by the policy files, kept back in quiet hours, told to real servers."""

# ruff: noqa: F401, F811  (fixtures are imported)
from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from alert_servers import EMAIL, SLACK, WEBHOOK, Inbox, inbox
from conftest import Tables

from footfall.alerting import delivery, routes
from footfall.alerting.delivery import Alert, ContactPoint, NotDelivered, Notification
from footfall.alerting.evaluate import Alerts
from footfall.alerting.notify import Delivery, Dispatcher
from footfall.dashboards_preview import app
from footfall.errors import FootfallError
from footfall.grafana.query.postgres import Postgres
from footfall.settings import ROOT

Json = dict[str, Any]
FOLDER = ROOT / "dashboards"
NOON, NIGHT = datetime(2026, 3, 4, 12, tzinfo=UTC), datetime(2026, 3, 4, 22, 30, tzinfo=UTC)


def alert(name: str = "No data", severity: str = "critical", site: str = "shop", **labels: str) -> Alert:
    labels = {"service": "footfall", "severity": severity, "alertname": name, "site": site, **labels}
    return Alert(labels, {"summary": f"{site} is quiet"}, {"A": 1.0}, NOON)


def notified(
    dispatcher: Dispatcher, firing: Iterable[Alert], *, at: int, start: datetime = NOON
) -> list[tuple[str, str]]:
    """Who was told what, at so many seconds after the start."""
    found = dispatcher.update(firing, start + timedelta(seconds=at))
    assert not [one for one in found if one.fault]
    return [(one.receiver, one.status) for one in found]


@pytest.fixture
def dispatcher(inbox: Inbox) -> Dispatcher:
    return Dispatcher(routes.read(FOLDER), delivery.contact_points(FOLDER))


def test_a_critical_alert_is_sent_after_ten_seconds_again_every_hour_and_when_it_is_resolved(
    dispatcher: Dispatcher, inbox: Inbox
) -> None:
    both = [(WEBHOOK, "firing"), (EMAIL, "firing")]
    assert notified(dispatcher, [alert()], at=0) == []
    assert notified(dispatcher, [alert()], at=9) == []
    assert notified(dispatcher, [alert()], at=10) == both
    assert [notified(dispatcher, [alert()], at=second) for second in range(25, 3610, 15)] == [[]] * 239
    assert notified(dispatcher, [alert()], at=3620) == both
    assert notified(dispatcher, [], at=3700) == []
    assert notified(dispatcher, [], at=3920) == [(WEBHOOK, "resolved"), (EMAIL, "resolved")]
    assert notified(dispatcher, [], at=99_999) == []


def test_what_came_and_went_before_anybody_was_notified_is_sent_to_nobody(dispatcher: Dispatcher, inbox: Inbox) -> None:
    assert notified(dispatcher, [alert()], at=0) == []
    assert [notified(dispatcher, [], at=second) for second in (5, 15, 400)] == [[], [], []]
    assert inbox.posts == []


def test_alerts_of_a_rule_and_site_are_sent_together_and_others_apart(dispatcher: Dispatcher, inbox: Inbox) -> None:
    firing = [alert(page="/"), alert(page="/a"), alert(site="blog"), alert("Traffic drop")]
    notified(dispatcher, firing, at=0)
    notified(dispatcher, firing, at=10)
    groups = [(*post["groupLabels"].values(), len(post["alerts"])) for post in inbox.posts]
    assert sorted(groups) == [
        ("No data", "blog", 1), ("No data", "shop", 2), ("Traffic drop", "shop", 1),
    ]  # fmt: skip
    notified(dispatcher, [*firing, alert(page="/b")], at=300)
    assert len(inbox.posts) == 3
    notified(dispatcher, [*firing, alert(page="/b")], at=310)  # the group's five minutes are over
    assert len(inbox.posts[3]["alerts"]) == 3


def test_a_warning_is_kept_back_at_night_and_sent_in_the_morning_if_it_still_fires(
    dispatcher: Dispatcher, inbox: Inbox
) -> None:
    warning, short = alert("Late events", "warning"), alert("Late events", "warning", site="blog")
    for second in range(0, 7 * 3600, 60):
        assert notified(dispatcher, [warning, short] if second < 3600 else [warning], at=second, start=NIGHT) == []
    morning = [notified(dispatcher, [warning], at=second, start=NIGHT) for second in range(7 * 3600, 9 * 3600, 60)]
    assert [found for found in morning if found] == [[(WEBHOOK, "firing"), (EMAIL, "firing")]]
    assert inbox.posts[0]["groupLabels"]["site"] == "shop"
    assert notified(dispatcher, [warning, alert()], at=9 * 3600, start=NIGHT) == []


def test_a_critical_alert_is_sent_at_night_too(dispatcher: Dispatcher) -> None:
    notified(dispatcher, [alert()], at=0, start=NIGHT)
    assert notified(dispatcher, [alert()], at=10, start=NIGHT) == [(WEBHOOK, "firing"), (EMAIL, "firing")]


@pytest.mark.parametrize(
    ("time", "muted"),
    [
        ("2026-01-15T20:59:00", False), ("2026-01-15T21:00:00", True), ("2026-01-16T05:59:59", True),
        ("2026-01-16T06:00:00", False), ("2026-07-15T19:59:00", False), ("2026-07-15T20:00:00", True),
        ("2026-07-16T04:59:00", True), ("2026-07-16T05:00:00", False),
    ],
)  # fmt: skip
def test_quiet_hours_are_of_the_named_zone_in_summer_and_winter(time: str, muted: bool) -> None:
    policies = routes.read(FOLDER)
    route = policies.matching({"service": "footfall", "severity": "warning"})[0]
    found = policies.muted_by(route, datetime.fromisoformat(f"{time}+00:00"))
    assert found == ("footfall-nights" if muted else None)


def test_an_alert_takes_the_first_route_of_each_level_and_further_ones_after_continue() -> None:
    policies = routes.read(FOLDER)

    def receivers(**labels: str) -> list[str]:
        return [route.receiver for route in policies.matching(labels)]

    everyone = [WEBHOOK, SLACK, EMAIL]
    assert receivers(service="footfall", severity="critical") == everyone
    assert receivers(service="footfall", severity="info") == everyone
    assert receivers(service="another", severity="critical") == []
    critical, info = (policies.matching({"service": "footfall", "severity": one})[0] for one in ("critical", "info"))
    assert (critical.group_wait, critical.repeat_interval) == (timedelta(seconds=10), timedelta(hours=1))
    assert (info.group_wait, info.group_interval) == (timedelta(seconds=30), timedelta(minutes=5))
    assert (info.group_by, info.mute_timings) == (("alertname", "site"), ("footfall-nights",))


@pytest.mark.parametrize(
    ("policy", "timing", "said"),
    [
        ({"routes": [{"mute_time_intervals": ["x"]}]}, {}, r"policies/footfall.json: there is no mute timing x"),
        ({"group_wait": "soon"}, {}, "policies/footfall.json: 'soon' is no length of time"),
        ({"routes": [{"object_matchers": [["a", "~", "b"]]}]}, {}, "a matcher compares by =, !=, =~, !~, not by ~"),
        ({}, {"location": "Mars/Olympus"}, "mute-timings/nights.json: 'No time zone found with key Mars/Olympus'"),
        ({}, {"times": [{"start_time": "22:00", "end_time": "06:00"}]}, "a time ends before it begins: write two"),
        ({}, {"times": [{"start_time": "10 pm", "end_time": "24:00"}]}, "'10 pm' is no time of the day"),
        ({}, {"months": ["1:3"]}, "months: only times, weekdays and location are worked out here"),
    ],
)  # fmt: skip
def test_a_wrong_policy_or_timing_is_one_line(tmp_path: Path, policy: Json, timing: Json, said: str) -> None:
    for folder, name, content in (
        ("policies", "footfall", {"object_matchers": [["service", "=", "footfall"]], **policy}),
        ("mute-timings", "nights", {"name": "nights", "time_intervals": [timing]}),
    ):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / f"{name}.json").write_text(json.dumps(content))
    with pytest.raises(FootfallError, match=said):
        routes.read(tmp_path)


def test_weekdays_of_a_timing_are_single_or_from_to(tmp_path: Path) -> None:
    interval = {"weekdays": ["monday:wednesday", "saturday"], "location": "Asia/Tokyo"}
    assert [routes._is_in(interval, datetime(2026, 3, day, 16, tzinfo=UTC)) for day in range(1, 8)] == [
        True, True, True, False, False, True, False,  # it is the next day in Tokyo; the 1st of March is a Sunday
    ]  # fmt: skip


def test_the_webhook_gets_what_grafana_documents(inbox: Inbox, dispatcher: Dispatcher) -> None:
    notified(dispatcher, [alert()], at=0)
    notified(dispatcher, [alert()], at=10)
    [post] = inbox.posts
    assert list(post) == [
        "receiver", "status", "orgId", "alerts", "groupLabels", "commonLabels", "commonAnnotations", "externalURL",
        "version", "groupKey", "truncatedAlerts", "title", "state", "message",
    ]  # fmt: skip
    [one] = post["alerts"]
    assert set(one) == {
        "status", "labels", "annotations", "startsAt", "endsAt", "values", "generatorURL", "fingerprint", "silenceURL",
        "dashboardURL", "panelURL",
    }  # fmt: skip
    assert (one["startsAt"], one["endsAt"]) == ("2026-03-04T12:00:00+00:00", "0001-01-01T00:00:00Z")
    assert (post["title"], post["state"], post["status"]) == ("[FIRING:1] No data shop", "alerting", "firing")
    notified(dispatcher, [], at=310)
    assert inbox.posts[1]["alerts"][0]["endsAt"] == "2026-03-04T12:05:10+00:00"
    assert (inbox.posts[1]["title"], inbox.posts[1]["state"]) == ("[RESOLVED:1] No data shop", "ok")


def test_a_mail_says_what_fires_and_a_name_with_a_line_break_makes_no_header(inbox: Inbox) -> None:
    group = {"alertname": "No data", "site": "shop\r\nBcc: all@shop.example"}
    notice = Notification(EMAIL, "k", group, (alert(site=group["site"]),))
    next(point for point in delivery.contact_points(FOLDER) if point.kind == "email").send(notice)
    [mail] = inbox.mails
    assert mail["Subject"] == "[FIRING:1] No data shop Bcc: all@shop.example"
    assert mail["Bcc"] is None
    assert mail["To"] == "ops@shop.example, night@shop.example"
    assert "Firing: No data" in mail.get_content()
    assert inbox.recipients == [["ops@shop.example", "night@shop.example"]]


def test_slack_gets_its_own_form_by_the_same_policies_and_no_mention_out_of_a_name(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALERT_SLACK_URL", f"{inbox.environment['ALERT_WEBHOOK_URL']}/slack")
    monkeypatch.delenv("ALERT_WEBHOOK_URL")
    monkeypatch.delenv("ALERT_EMAIL")
    slack = Dispatcher(routes.read(FOLDER), delivery.contact_points(FOLDER))
    notified(slack, [alert(site="<!channel> & co")], at=0)
    assert notified(slack, [alert(site="<!channel> & co")], at=10) == [(SLACK, "firing")]
    assert notified(slack, [], at=320) == [(SLACK, "resolved")]
    firing, resolved = (post["attachments"][0] for post in inbox.posts)
    assert [list(post) for post in inbox.posts] == [["attachments"], ["attachments"]]
    assert firing["title"] == firing["fallback"] == "[FIRING:1] No data &lt;!channel&gt; &amp; co"
    assert (firing["color"], resolved["color"]) == ("#D63232", "#36a64f")
    assert firing["text"].startswith("Firing: No data\n&lt;!channel&gt; &amp; co is quiet\n")
    assert resolved["title"].startswith("[RESOLVED:1]")


def test_slack_is_notified_where_and_as_whom_the_contact_point_says_and_not_too_much(inbox: Inbox) -> None:
    settings = {"url": inbox.environment["ALERT_WEBHOOK_URL"], "recipient": "#ops", "username": "Footfall"}
    notice = Notification(SLACK, "k", {}, tuple(alert(page=f"/{number}") for number in range(100)))
    ContactPoint(SLACK, "slack", settings).send(notice)
    [post] = inbox.posts
    assert (post["channel"], post["username"]) == ("#ops", "Footfall")
    assert len(post["attachments"][0]["text"]) == delivery.SLACK_LENGTH + 1
    with pytest.raises(NotDelivered, match="give the contact point a url"):
        ContactPoint(SLACK, "slack", {"token": "t"}).send(notice)
    inbox.status = 404
    with pytest.raises(NotDelivered, match=r"^Slack answered 404$"):
        ContactPoint(SLACK, "slack", settings).send(notice)


@pytest.mark.parametrize("status", [500, 404, 302])
def test_what_does_not_take_it_is_tried_again_and_told_once_without_its_address(
    inbox: Inbox, dispatcher: Dispatcher, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    inbox.status = status
    notified(dispatcher, [alert()], at=0)
    for second in (10, 25, 40):
        assert Delivery(WEBHOOK, "firing", f"the webhook answered {status}") in dispatcher.update(
            [alert()], NOON + timedelta(seconds=second)
        )
    ours = [record for record in caplog.records if record.name.startswith("footfall.")]
    assert [record.getMessage() for record in ours] == [
        f"footfall webhook was not notified of [FIRING:1] No data shop: the webhook answered {status}"
    ]
    inbox.status = 200
    assert (WEBHOOK, "firing") in notified(dispatcher, [alert()], at=55)
    assert len(inbox.mails) == 1  # the other route has its own turn


def test_servers_that_are_not_there_are_reported_without_their_address(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALERT_WEBHOOK_URL", "http://127.0.0.1:9/secret")
    monkeypatch.setenv("ALERT_SMTP_HOST", "127.0.0.1:9")
    for point in delivery.contact_points(FOLDER):
        with pytest.raises(NotDelivered) as error:
            point.send(Notification(point.name, "k", {}, (alert(),)))
        assert "secret" not in f"{error.value}{point}"
        assert "127.0.0.1" not in str(error.value)


def test_mail_that_leaves_the_machine_wants_tls(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "is_loopback", lambda host: False)
    with pytest.raises(NotDelivered, match="SMTPNotSupportedError"):
        delivery._mail({"addresses": "a@shop.example"}, Notification(EMAIL, "k", {}, (alert(),)))
    assert inbox.mails == []


def test_nothing_is_sent_where_no_address_is_set(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    assert {point.name for point in delivery.contact_points(FOLDER)} == {WEBHOOK, EMAIL}
    monkeypatch.delenv("ALERT_SMTP_HOST")
    assert {point.name for point in delivery.contact_points(FOLDER)} == {WEBHOOK}
    monkeypatch.delenv("ALERT_WEBHOOK_URL")
    assert app._dispatcher(FOLDER) is None


def test_who_does_not_want_to_hear_that_it_is_over_does_not(inbox: Inbox) -> None:
    points = [ContactPoint(WEBHOOK, "webhook", {"url": inbox.environment["ALERT_WEBHOOK_URL"]}, tells_resolved=False)]
    dispatcher = Dispatcher(routes.read(FOLDER), points)
    notified(dispatcher, [alert()], at=0)
    assert notified(dispatcher, [alert()], at=10) == [(WEBHOOK, "firing")]
    assert notified(dispatcher, [], at=320) == []


def rule(query: str, **more: Any) -> Json:
    condition = [{"evaluator": {"type": "gt", "params": [5]}}]
    return {
        "uid": "r", "title": "Too much", "condition": "B", "for": "1m",
        "annotations": {"summary": "{{ $labels.site }}"},
        "labels": {"service": "footfall", "severity": "critical"},
        "data": [
            {"refId": "A", "datasourceUid": "footfall", "model": {"rawSql": query, "format": "table"}},
            {"refId": "B", "datasourceUid": "__expr__",
             "model": {"type": "threshold", "expression": "A", "conditions": condition}},
        ], **more,
    }  # fmt: skip


BAD, GOOD = "SELECT 'shop' AS site, 9 AS n", "SELECT 'shop' AS site, 1 AS n"
OTHER, NONE, BROKEN = "SELECT 'blog' AS site, 1 AS n", "SELECT 'shop' AS site, 9 AS n WHERE false", "SELECT nothing"


@pytest.mark.parametrize(
    ("more", "queries", "names"),
    [
        ({}, [BAD, BAD, BAD, GOOD], ["", "", "Too much", ""]),
        ({}, [BAD, GOOD, BAD, BAD, BAD], ["", "", "", "", "Too much"]),
        # A series that is gone is resolved when it is gone twice.
        ({}, [BAD, BAD, BAD, OTHER, OTHER], ["", "", "Too much", "Too much", ""]),
        ({}, [BAD, BAD, BAD, OTHER, BAD, OTHER], ["", "", "Too much", "Too much", "Too much", "Too much"]),
        # No data and errors last as long as the rule says, too, and have names of their own.
        ({}, [NONE, NONE, NONE], ["", "", "DatasourceNoData"]),
        ({}, [BROKEN, BROKEN, BROKEN, GOOD, GOOD], ["", "", "DatasourceError", "DatasourceError", ""]),
        ({"noDataState": "Alerting"}, [NONE, NONE, NONE], ["", "", "Too much"]),
        ({"noDataState": "OK", "execErrState": "OK"}, [NONE, BROKEN, NONE, BROKEN], ["", "", "", ""]),
        ({"execErrState": "KeepLast"}, [BAD, BAD, BAD, BROKEN, BROKEN, GOOD],
         ["", "", "Too much", "Too much", "Too much", ""]),
        ({"for": "0s"}, [BAD, GOOD], ["Too much", ""]),
        ({"isPaused": True, "for": "0s"}, [BAD, BAD], ["", ""]),
    ],
)  # fmt: skip
def test_states_follow_each_other_as_in_grafana(
    untouched: Tables, tmp_path: Path, more: Json, queries: list[str], names: list[str]
) -> None:
    alerts, found = Alerts(tmp_path, Postgres(untouched.reader)), []
    for turn, query in enumerate(queries):
        (tmp_path / "r.json").write_text(json.dumps(rule(query, **more)))
        alerts.latest(NOON + timedelta(seconds=30 * turn))
        found.append(" ".join(one.labels["alertname"] for one in alerts.firing()))
    assert found == names


def test_the_preview_tells_by_the_real_clock_what_it_evaluates(
    untouched: Tables, inbox: Inbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "ALERT_SECONDS", 0.2)
    monkeypatch.setattr("footfall.alerting.evaluate.STALE", timedelta(seconds=0.1))
    for folder in ("contact-points", "mute-timings"):
        (tmp_path / folder).mkdir()
        for path in (FOLDER / folder).iterdir():
            (tmp_path / folder / path.name).write_text(path.read_text())
    (tmp_path / "alerts").mkdir()
    (tmp_path / "policies").mkdir()
    policy = json.loads((FOLDER / "policies" / "footfall.json").read_text())
    for route in policy["routes"]:
        route |= {"group_wait": "1s", "group_interval": "1s"}
    (tmp_path / "policies" / "footfall.json").write_text(json.dumps(policy))
    path = tmp_path / "alerts" / "r.json"
    path.write_text(json.dumps(rule(BAD, **{"for": "1s"})))

    async def watched() -> None:
        watching = asyncio.create_task(
            app._watch(Alerts(tmp_path / "alerts", Postgres(untouched.reader)), app._dispatcher(tmp_path))
        )
        try:
            for count, query in ((1, GOOD), (2, GOOD)):
                end = time.monotonic() + 30
                while len(inbox.posts) < count or len(inbox.mails) < count:
                    assert time.monotonic() < end
                    await asyncio.sleep(0.05)
                path.write_text(json.dumps(rule(query, **{"for": "1s"})))
        finally:
            watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watching

    asyncio.run(watched())
    assert inbox.received() == [(WEBHOOK, "firing"), (WEBHOOK, "resolved")]
    assert [mail["Subject"] for mail in inbox.mails] == ["[FIRING:1] Too much shop", "[RESOLVED:1] Too much shop"]
