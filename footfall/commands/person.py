"""What the tables hold of one person, for whoever asks for it: person export, erase."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from footfall.admin import data_subject
from footfall.admin import erase as erasure
from footfall.admin.data_subject import Found, Given
from footfall.commands.common import err, out
from footfall.database import connections
from footfall.settings import load_settings

STAYS = """\
What stays: sums, which are of nobody (docs/privacy.md), and these events in the Kafka topic {topic}, until its
retention is over. Whoever replays it gets them refused by the tables. A backup of before still has the rows."""


def options_of_a_person(command: Callable[..., Any]) -> Callable[..., Any]:
    """Whose rows: a site, and one of two kinds of id."""
    for option in (
        click.option("--anonymous-id", metavar="ID", help="anonymousId of a visitor; its user, if it had one alone."),
        click.option("--user-id", metavar="ID", help="userId, with all visitors and aliases of it."),
        click.option("--site", required=True, metavar="NAME", help="Site that the person was on."),
    ):
        command = option(command)
    return command


@click.group("person")
def person_() -> None:
    """What is kept of one person: written out, or erased."""


@person_.command()
@options_of_a_person
def export(site: str, user_id: str | None, anonymous_id: str | None) -> None:
    """Write all that the tables hold of a person as JSON lines: {"table": …, "row": …}."""
    given = _given(site, user_id, anonymous_id)
    found = data_subject.export(connections.owner(load_settings()), given, lambda line: click.echo(line, nl=False))
    if found.nobodys:
        err.print(_shared(found), markup=False)


@person_.command()
@options_of_a_person
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Say what would be erased, and change nothing.")
def erase(site: str, user_id: str | None, anonymous_id: str | None, yes: bool, dry_run: bool) -> None:
    """Erase all rows that the tables hold of a person, after asking; a replay does not bring them back."""
    given = _given(site, user_id, anonymous_id)
    settings = load_settings()
    owner = connections.owner(settings)
    if dry_run or not yes:
        _print(data_subject.look(owner, given), "would be erased" if dry_run else "to be erased")
        if dry_run:
            return
        click.confirm("Erase them for good?", abort=True)
    _print(erasure.erase(owner, given), "erased")
    out.print(STAYS.format(topic=settings.topic), markup=False)


def _given(site: str, user_id: str | None, anonymous_id: str | None) -> Given:
    if bool(user_id) == bool(anonymous_id):
        raise click.UsageError("say whose: --user-id or --anonymous-id, one of both")
    return Given(site, user_id or None, anonymous_id or None)


def _print(found: Found, what: str) -> None:
    ids = found.person
    devices = set(ids.visitor_ids) - set(ids.user_ids)  # an event without anonymousId has its user as its visitor
    known = f"user ids: {len(ids.user_ids)}, visitor ids: {len(devices)}"
    out.print(f"person {ids.person_id} on site {ids.site} ({known}); rows {what}:", markup=False)
    for table, count in found.rows.items():
        out.print(f"  {table:<16} {count:>9,}", markup=False)
    if found.nobodys:
        out.print(_shared(found), markup=False)


def _shared(found: Found) -> str:
    return (
        f"left out, for they may be somebody else's: {found.nobodys:,} rows without a user of visitor ids with which"
        f" others have signed in too ({', '.join(found.person.shared_visitor_ids)}); `--anonymous-id` takes them"
    )
