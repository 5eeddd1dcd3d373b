"""Alert rules from the command line: alert list, alert test."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.table import Table

from footfall.commands.common import out
from footfall.commands.dashboards import folder_option
from footfall.settings import load_settings

if TYPE_CHECKING:
    from footfall.alerting.follow import Clock, Place, Step
    from footfall.grafana.resources import Json


@click.group()
def alert() -> None:
    """List the alert rules of dashboards/alerts, and try one from its condition to its delivery."""


@alert.command("list")
@folder_option
def list_(folder: Path) -> None:
    """Show each rule: how severe, how long its condition must hold, what it asks, whether it can be injected."""
    from footfall.alerting import inject

    table = Table(box=None, pad_edge=False)
    for column in ("name", "severity", "for", "asks", "alert test", "title"):
        table.add_column(column, overflow="fold" if column == "title" else "ellipsis", no_wrap=column != "title")
    for rule in _rules(folder).values():
        asks = "Prometheus" if rule["data"][0].get("datasourceUid") == "prometheus" else "Postgres"
        can = "injects" if (inject.FOLDER / f"{rule['uid']}.sql").exists() else "says how"
        severity = str((rule.get("labels") or {}).get("severity", ""))
        table.add_row(rule["uid"], severity, str(rule.get("for", "0s")), asks, can, rule["title"])
    out.print(table)


@alert.command("test")
@click.argument("name")
@click.option(
    "--contact-point",
    "point",
    metavar="NAME",
    help="Follow the alert to this one; without Grafana, past policy and quiet hours.",
)
@folder_option
def test(name: str, point: str | None, folder: Path) -> None:
    """Inject the condition of a rule, and follow its alert: pending, firing, delivered, resolved.

    Rows of a site made for it are written as footfall_writer, or as footfall_owner where that has no right to, and
    removed by footfall_owner when the test ends, fails or is interrupted. With GRAFANA_URL the alert is followed in
    that Grafana, which must read this Postgres; without, it is evaluated and sent from here, by the addresses
    ALERT_EMAIL (with ALERT_SMTP_HOST) and ALERT_WEBHOOK_URL.
    """
    from footfall.alerting import follow, inject
    from footfall.database import connections

    settings = load_settings()
    rules = _rules(folder)
    if name not in rules:
        raise click.UsageError(f"there is no rule {name}: `footfall alert list` has the names")
    rule = rules[name]
    inject.read(name)  # before anything is asked for
    clock = follow.Clock()
    place = _place(folder, rule, clock, point)
    owner, writer = connections.owner(settings), connections.writer(settings)
    with out.status("looking") as status:
        follow.follow(rule, place, owner, writer, clock, _say, lambda words: status.update(f"  {words}"))


def _say(step: Step) -> None:
    out.print(f"{step.at.astimezone():%H:%M:%S} {step.what:9} {step.more}".rstrip(), markup=False)


def _place(folder: Path, rule: Json, clock: Clock, point: str | None) -> Place:
    from footfall.alerting.targets import Here, InGrafana
    from footfall.database import connections

    if os.environ.get("GRAFANA_URL"):
        from footfall.commands.dashboards import connected

        out.print("followed in Grafana", markup=False)
        return InGrafana(connected(), rule, point)
    from footfall.grafana.query.postgres import Postgres

    out.print("evaluated and sent from here, as there is no GRAFANA_URL", markup=False)
    return Here(folder, rule, Postgres(connections.reader(load_settings())), clock, point)


def _rules(folder: Path) -> dict[str, Json]:
    from footfall.grafana import resources

    return {thing.uid: thing.content for thing in resources.read(folder) if thing.kind == resources.RULE}
