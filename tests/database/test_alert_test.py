"""`footfall alert test`: each condition injected, its alert followed to real servers, and every row removed."""

# ruff: noqa: F401, F811  (fixtures are imported)
from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alert_servers import EMAIL, WEBHOOK, Inbox, inbox
from conftest import Postgres, Tables, database_with_tables
from psycopg.conninfo import conninfo_to_dict

from footfall import cli
from footfall.alerting import follow, inject
from footfall.alerting.follow import Step
from footfall.alerting.targets import Here
from footfall.errors import FootfallError
from footfall.grafana.query.postgres import Postgres as PostgresReader
from footfall.grafana.query.time_ranges import read_seconds
from footfall.settings import ALERT_TEST_SITE, ROOT

Json = dict[str, Any]
FOLDER = ROOT / "dashboards"
RULES: dict[str, Json] = {path.stem: json.loads(path.read_text()) for path in (FOLDER / "alerts").glob("*.json")}
ASKED = sorted(name for name, rule in RULES.items() if rule["data"][0]["datasourceUid"] == "footfall")
DAY = datetime(2026, 3, 4, 12, tzinfo=UTC)  # no quiet hours


class FakeClock(follow.Clock):
    """Time passes by sleeping alone, and costs nothing."""

    def __init__(self, now: datetime = DAY) -> None:
        self.time = now

    def now(self) -> datetime:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += timedelta(seconds=max(seconds, 15))  # as often as the preview looks


def rows_of_the_test(tables: Tables) -> int:
    """In every table that has sites, what other tests may have written included."""
    found = tables.run(
        tables.owner,
        "SELECT DISTINCT c.oid::regclass::text FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid"
        " WHERE a.attname = 'site' AND c.relkind IN ('r', 'p') AND NOT c.relispartition"
        " AND c.relnamespace = 'public'::regnamespace",
    )
    assert len(found) > 12
    counts = [
        tables.run(tables.owner, f"SELECT count(*) FROM {table} WHERE site = %s", ALERT_TEST_SITE)[0][0]
        for (table,) in found
    ]
    return sum(int(str(count)) for count in counts)


@pytest.fixture(scope="module")
def shop(postgres: Postgres) -> Iterator[Tables]:
    """A database with a site that has had nothing for an hour."""
    for tables in database_with_tables(postgres):
        tables.run(
            tables.owner, "INSERT INTO sites (site, pseudonym_key) VALUES ('shop', decode(repeat('00', 32), 'hex'))"
        )
        yield tables


def run(tables: Tables, name: str, point: str | None = None, folder: Path = FOLDER) -> list[Step]:
    clock, steps = FakeClock(), list[Step]()
    rule = json.loads((folder / "alerts" / f"{name}.json").read_text())
    place = Here(folder, rule, PostgresReader(tables.reader), clock, point)
    follow.follow(rule, place, tables.owner, tables.writer, clock, steps.append)
    return steps


@pytest.mark.parametrize("name", ASKED)
def test_a_condition_fires_in_time_is_sent_to_a_webhook_and_by_mail_is_resolved_and_leaves_no_row(
    shop: Tables, inbox: Inbox, name: str
) -> None:
    steps = {f"{step.what} {step.more}" if step.what == "delivered" else step.what: step for step in run(shop, name)}
    hold = timedelta(seconds=read_seconds(RULES[name]["for"]))
    assert timedelta() <= steps["firing"].at - steps["injected"].at - hold <= timedelta(minutes=1)
    told = {f"delivered {name}, {status}" for name in (WEBHOOK, EMAIL) for status in ("firing", "resolved")}
    assert list(steps) == [
        key for key in steps if key in {"injected", "pending", "firing", "removed", "resolved", *told}
    ]
    assert told < set(steps)
    assert rows_of_the_test(shop) == 0
    assert inbox.received() == [(WEBHOOK, "firing"), (WEBHOOK, "resolved")]
    [alert] = inbox.posts[0]["alerts"]
    assert alert["labels"]["alertname"] == RULES[name]["title"]
    assert alert["labels"].get("site", ALERT_TEST_SITE) == ALERT_TEST_SITE
    assert [mail["Subject"].partition("]")[0] for mail in inbox.mails] == ["[FIRING:1", "[RESOLVED:1"]
    assert inbox.recipients == [["ops@shop.example", "night@shop.example"]] * 2


def test_every_rule_can_be_injected_or_says_how_it_is_tried() -> None:
    assert {path.stem for path in inject.FOLDER.glob("*.sql")} == set(ASKED)
    assert set(inject.BY_HAND) == set(RULES) - set(ASKED)
    for name in inject.BY_HAND:
        with pytest.raises(inject.NotInjectable, match="To try it: "):
            inject.read(name)


@pytest.mark.parametrize("name", ASKED)
def test_rows_are_written_by_the_writer_wherever_it_may(shop: Tables, name: str) -> None:
    """What is written by the owner, the writer is refused."""
    for role, text in inject.read(name).parts:
        for statement in inject._statements(text):
            with psycopg.connect(shop.writer) as connection:
                if role == "writer":
                    connection.execute(statement.encode(), {"site": ALERT_TEST_SITE})
                else:
                    with pytest.raises(psycopg.errors.InsufficientPrivilege):
                        connection.execute(statement.encode(), {"site": ALERT_TEST_SITE})
                connection.rollback()
    with psycopg.connect(shop.writer) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("DELETE FROM visit_events WHERE site = 'x'")


def test_one_contact_point_is_sent_past_policy_and_quiet_hours(shop: Tables, inbox: Inbox) -> None:
    clock, steps = FakeClock(DAY.replace(hour=23)), list[Step]()
    rule = RULES["late-share"]
    night = Here(FOLDER, rule, PostgresReader(shop.reader), clock, None)
    with pytest.raises(FootfallError, match="the quiet hours footfall-nights keep it back now"):
        follow.follow(rule, night, shop.owner, shop.writer, clock, steps.append)
    assert steps == []
    place = Here(FOLDER, rule, PostgresReader(shop.reader), clock, WEBHOOK)
    follow.follow(rule, place, shop.owner, shop.writer, clock, steps.append)
    assert inbox.received() == [(WEBHOOK, "firing"), (WEBHOOK, "resolved")]
    assert inbox.mails == []


def test_without_an_address_nothing_is_injected(shop: Tables, inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in inbox.environment:
        monkeypatch.delenv(name)
    with pytest.raises(FootfallError, match="has no address here: set ALERT_WEBHOOK_URL, or ALERT_EMAIL and"):
        run(shop, "late-share")
    with pytest.raises(FootfallError, match="nobody would be notified, and has no address here"):
        run(shop, "late-share", "nobody")


def test_a_contact_point_that_does_not_take_it_is_a_failure_and_no_row_stays(shop: Tables, inbox: Inbox) -> None:
    inbox.status = 500
    with pytest.raises(FootfallError, match=r"is firing, and was not delivered to footfall webhook \(the webhook answ"):
        run(shop, "late-share")
    assert rows_of_the_test(shop) == 0


def test_a_condition_that_is_there_already_is_not_tested(shop: Tables, inbox: Inbox) -> None:
    now = "date_trunc('minute', now())"
    shop.run(
        shop.writer, f"INSERT INTO rejected_events SELECT {now}, 0, n, 'shop', 'x', '' FROM generate_series(1, 99) n"
    )
    try:
        with pytest.raises(FootfallError, match="rejected-share is pending already"):
            run(shop, "rejected-share")
    finally:
        shop.run(shop.owner, "DELETE FROM rejected_events")


def test_where_minutes_are_written_the_watermark_can_not_be_held_up_by_rows(shop: Tables, inbox: Inbox) -> None:
    shop.upsert_page_views(datetime.now(UTC).isoformat())
    try:
        with pytest.raises(inject.NotInjectable, match="`footfall stop page_views_per_minute` for a quarter"):
            run(shop, "watermark-lag")
    finally:
        shop.run(shop.owner, "DELETE FROM page_views_per_minute")


def test_rows_of_a_test_that_was_killed_are_removed_by_the_next(shop: Tables) -> None:
    condition = inject.read("late-share")
    entered = inject.injected(condition, shop.owner, shop.writer)
    entered.__enter__()
    assert rows_of_the_test(shop) >= 20
    with (
        pytest.raises(FootfallError, match="another alert test is running"),
        inject.injected(condition, shop.owner, shop.writer),
    ):
        pass
    shop.run(
        shop.owner,
        "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND pid <> pg_backend_pid()",
    )
    with inject.injected(condition, shop.owner, shop.writer) as rows:
        assert rows == 20
    assert rows_of_the_test(shop) == 0


def test_a_site_with_keys_is_somebodys_and_is_left_alone(tables: Tables) -> None:
    tables.run(tables.owner, "INSERT INTO sites (site, pseudonym_key) VALUES (%s, decode(repeat('00', 32), 'hex'))",
               ALERT_TEST_SITE)  # fmt: skip
    tables.run(tables.owner, "INSERT INTO write_keys (site, write_key) VALUES (%s, %s)", ALERT_TEST_SITE, "k" * 40)
    with (
        pytest.raises(FootfallError, match="somebody uses it"),
        inject.injected(inject.read("no-data"), tables.owner, tables.writer),
    ):
        pass
    assert rows_of_the_test(tables) == 2


def short(tmp_path: Path, hold: str) -> Path:
    """The folder with late-share that fires after a moment, and policies that tell at once."""
    folder = tmp_path / "dashboards"
    shutil.copytree(FOLDER, folder)
    path = folder / "alerts" / "late-share.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "for": hold}))
    path = folder / "policies" / "footfall.json"
    policy = json.loads(path.read_text())
    routes = [{"receiver": name, "object_matchers": [["severity", "=", "warning"]], "continue": True}
              for name in (WEBHOOK, EMAIL)]  # fmt: skip
    path.write_text(json.dumps({**policy, "group_wait": "1s", "group_interval": "2s", "routes": routes}))
    return folder


def environment(tables: Tables, inbox: Inbox, tmp_path: Path) -> dict[str, str]:
    where = conninfo_to_dict(tables.owner)
    passwords = {
        f"POSTGRES_{role.upper()}_PASSWORD": str(conninfo_to_dict(getattr(tables, role))["password"])
        for role in ("owner", "writer", "reader")
    }
    return {
        "POSTGRES_HOST": str(where["host"]), "POSTGRES_PORT": str(where["port"]),
        "POSTGRES_DATABASE": str(where["dbname"]), "FOOTFALL_HOME": str(tmp_path / "home"), **passwords,
        **inbox.environment,
    }  # fmt: skip


def test_by_the_real_clock_the_command_tells_each_step_as_it_happens(
    shop: Tables, inbox: Inbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Here, "seconds", 0.5)
    monkeypatch.setattr("footfall.alerting.evaluate.STALE", timedelta(seconds=0.2))
    for name, value in environment(shop, inbox, tmp_path).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(
        sys, "argv", ["footfall", "alert", "test", "late-share", "--dashboards", str(short(tmp_path, "3s"))]
    )
    began = time.monotonic()
    cli.main()
    assert time.monotonic() - began < 60
    lines = capsys.readouterr().out.splitlines()
    words = [" ".join(line.split()[1:]) for line in lines[1:]]
    assert lines[0] == "evaluated and sent from here, as there is no GRAFANA_URL"
    assert words[:3] == ["injected 20 rows of the site footfall-alert-test", "pending for 3s", "firing"]
    assert set(words[3:5]) == {f"delivered {name}, firing" for name in (WEBHOOK, EMAIL)}
    assert words[5:7] == ["removed every row of the test", "resolved"]
    assert set(words[7:]) == {f"delivered {name}, resolved" for name in (WEBHOOK, EMAIL)}
    assert inbox.received() == [(WEBHOOK, "firing"), (WEBHOOK, "resolved")]
    assert len(inbox.mails) == 2
    assert rows_of_the_test(shop) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_test_removes_what_it_wrote(
    shop: Tables, inbox: Inbox, tmp_path: Path, number: signal.Signals
) -> None:
    command = [sys.executable, "-m", "footfall.cli", "alert", "test", "late-share", "--contact-point", WEBHOOK]
    process = subprocess.Popen(
        [*command, "--dashboards", str(short(tmp_path, "10m"))], cwd=ROOT, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, env={"PATH": "", **environment(shop, inbox, tmp_path)},
        # A shell that runs the tests in the background has SIGINT ignored, and so would this be.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    try:
        assert process.stdout
        for line in process.stdout:
            if "pending" in line:
                break
        assert rows_of_the_test(shop) >= 20
        process.send_signal(number)
        _, errors = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 1
    assert "Traceback" not in errors
    assert rows_of_the_test(shop) == 0


def test_the_list_has_every_rule_and_an_unknown_name_is_a_misuse(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["footfall", "alert", "list"])
    cli.main()
    lines = capsys.readouterr().out.splitlines()
    assert sorted(line.split()[0] for line in lines[1:] if line[0] != " ") == sorted(RULES)
    monkeypatch.setattr(sys, "argv", ["footfall", "alert", "test", "nothing"])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 2
    assert "`footfall alert list` has the names" in capsys.readouterr().err
