"""Sites that the collector takes events for: site add, set, list, keys, rotate, remove."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from html import escape
from typing import Any

import click
from rich.table import Table
from rich.text import Text

from footfall.admin import site_options, sites
from footfall.collector.consent import Consent
from footfall.commands.common import Duration, out
from footfall.database import connections
from footfall.settings import Settings, load_settings

# Keeps what a page calls before footfall.js is there. docs/tracking-script.md has its hash for security policies.
STUB = (
    "<script>window.footfall=window.footfall||new Proxy([],"
    "{get:(q,m)=>m in q?q[m]:(...a)=>q.push(f=>f[m]?.(...a))})</script>"
)
Command = Callable[..., Any]


class Overlap(Duration):
    """A length of time, or 0."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        return super().convert("0s" if value == "0" else value, param, ctx)


class EventProperty(click.ParamType[tuple[str, str]]):
    """EVENT=PROPERTY, of which the event's name may hold a = too; or '' alone, for none."""

    name = "event=property"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        event, separator, name = str(value).rpartition("=")
        if value and not separator:
            self.fail(f"{value!r} names no property: write EVENT=PROPERTY, such as 'Signed Up=plan'", param, ctx)
        return event, name


def options_of_a_site(command: Command) -> Command:
    """What `add` and `set` have in common. A list that is given replaces the one before; '' alone makes it empty."""
    for option in reversed(
        (
            click.option(
                "--origin", "origins", multiple=True, metavar="ORIGIN",
                help="Whose pages may send, such as https://shop.example; * for any. May be repeated.",
            ),
            click.option("--timezone", metavar="ZONE", help="Zone of its days, such as Europe/Berlin."),
            click.option("--goal", "goals", multiple=True, metavar="EVENT", help="A conversion. May be repeated."),
            click.option(
                "--consent", type=click.Choice([str(consent) for consent in Consent]),
                help="What to keep of an event that says nothing of consent.",
            ),
            click.option(
                "--deny", "denied_fields", multiple=True, metavar="FIELD",
                help="A field that is never kept, on top of those that no site keeps. May be repeated.",
            ),
            click.option(
                "--requests-per-second", type=click.IntRange(0), metavar="N",
                help="For each write key; 0 for any number.",
            ),
            click.option(
                "--trait", "traits", multiple=True, metavar="NAME",
                help="A trait of identify calls by which people may be counted, such as plan. May be repeated.",
            ),
            click.option(
                "--trait-floor", type=click.IntRange(site_options.FEWEST_PEOPLE), metavar="N",
                help="People that a group by a trait must have to be shown.",
            ),
            click.option(
                "--event-property", "event_properties", multiple=True, metavar="EVENT=PROPERTY", type=EventProperty(),
                help="Make this property the custom dimension of events of this name, from now on. May be repeated.",
            ),
            click.option(
                "--page-parameter", "page_parameters", multiple=True, metavar="NAME",
                help="Keep this parameter of an address in the path of its page, from now on. May be repeated.",
            ),
            click.option(
                "--page-hosts/--no-page-hosts", default=None,
                help="Whether to keep the host in the path of pages, from now on.",
            ),
        )
    ):  # fmt: skip
        command = option(command)
    return command


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
name_argument = click.argument("name", metavar="NAME")


@click.group()
def site() -> None:
    """Sites and their write keys; the collector follows a change within seconds."""


@site.command()
@name_argument
@options_of_a_site
@json_option
def add(name: str, as_json: bool, **given: Any) -> None:
    """Add a site, and print its write key and what to paste into its pages.

    What is not given: no page may send (servers may), days in UTC, full consent, 1000 requests a second with each key,
    no traits, and groups of 10 people where there are any; events by properties.label, pages by their path alone.
    """
    settings = load_settings()
    with _usage():
        write_key = sites.add(connections.owner(settings), name, _options(**given))
    if as_json:
        _print_key_as_json(settings, name, write_key)
        return
    added = next(listed for listed in sites.list_sites(connections.owner(settings)) if listed.site == name)
    out.print(f"site {name} is there", markup=False)
    _print_site(added)
    _print_key(settings, write_key)
    if not added.origins:
        out.print(f"\nno page may send yet, servers may: footfall site set {name} --origin https://…", markup=False)


@site.command("set")
@name_argument
@options_of_a_site
def set_(name: str, **given: Any) -> None:
    """Change a site. What is not given stays; a list replaces the one before, and '' alone makes it empty."""
    owner = connections.owner(load_settings())
    with _usage():
        sites.change(owner, name, _options(**given))
    out.print(f"site {name} is now", markup=False)
    _print_site(next(listed for listed in sites.list_sites(owner) if listed.site == name))


@site.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List the sites."""
    found = sites.list_sites(connections.owner(load_settings()))
    if as_json:
        _print_json([asdict(listed) for listed in found])
        return
    if not found:
        out.print("no sites yet: footfall site add shop --origin https://shop.example --timezone Europe/Berlin")
        return
    table = Table("site", "pages of", "time zone", "consent", "goals", "keys", box=None, pad_edge=False)
    for listed in found:
        table.add_row(
            Text(listed.site), Text(_several(listed.origins)), listed.timezone, listed.default_consent,
            Text(_several(listed.goals)), str(listed.key_count),
        )  # fmt: skip
    out.print(table)


@site.command()
@name_argument
@json_option
def keys(name: str, as_json: bool) -> None:
    """List the write keys of a site, the newest first."""
    found = sites.keys(connections.owner(load_settings()), name)
    if as_json:
        _print_json([asdict(key) for key in found])
        return
    table = Table("write key", "made (UTC)", "counts", box=None, pad_edge=False)
    for key in found:
        ends = "for ever" if key.expires_at is None else f"until {_moment(key.expires_at)}"
        table.add_row(key.write_key, _moment(key.created_at), ends if key.is_valid else Text("no more", style="dim"))
    out.print(table)


@site.command()
@name_argument
@click.option("--overlap", type=Overlap(), default="7d", show_default=True, help="How long others still count; or 0.")
@json_option
def rotate(name: str, overlap: timedelta, as_json: bool) -> None:
    """Make a new write key. The others of the site go on to count for a while, then end."""
    settings = load_settings()
    with _usage():
        write_key = sites.rotate(connections.owner(settings), name, overlap)
    if as_json:
        _print_key_as_json(settings, name, write_key)
        return
    end = f"end by {_moment(datetime.now(UTC) + overlap)} UTC" if overlap else "have ended"
    out.print(f"site {name} has a new write key; those before it {end}", markup=False)
    _print_key(settings, write_key)


@site.command()
@name_argument
@click.option("--yes", is_flag=True, help="Do not ask.")
def remove(name: str, yes: bool) -> None:
    """Remove a site and its write keys, after asking. Its rows in the tables stay."""
    owner = connections.owner(load_settings())
    count = len(sites.keys(owner, name))
    if not yes:
        what = f"Remove site {name}, its {count} write key{'s' * (count != 1)} and the key of its pseudonyms for good?"
        click.confirm(what, abort=True)
    sites.remove(owner, name)
    out.print(f"site {name} is removed", markup=False)


def _options(
    origins: Sequence[str], timezone: str | None, goals: Sequence[str], consent: str | None,
    denied_fields: Sequence[str], requests_per_second: int | None, traits: Sequence[str], trait_floor: int | None,
    event_properties: Sequence[tuple[str, str]], page_parameters: Sequence[str], page_hosts: bool | None,
) -> site_options.Options:  # fmt: skip
    def given(values: Sequence[str]) -> Sequence[str] | None:
        return () if values == ("",) else values or None

    return site_options.Options(
        origins=given(origins),
        timezone=timezone,
        goals=given(goals),
        default_consent=Consent(consent) if consent else None,
        denied_fields=given(denied_fields),
        requests_per_second=requests_per_second,
        traits=given(traits),
        trait_floor=trait_floor,
        event_properties={} if event_properties == (("", ""),) else dict(event_properties) or None,
        page_parameters=given(page_parameters),
        page_hosts=page_hosts,
    )


@contextlib.contextmanager
def _usage() -> Iterator[None]:
    """What can't be done with these arguments is a misuse."""
    try:
        yield
    except site_options.Unfit as error:
        raise click.UsageError(str(error)) from None


def _print_site(listed: sites.ListedSite) -> None:
    rate = f"{listed.requests_per_second:,} a second with each key" if listed.requests_per_second else "any number"
    lines = {
        "pages of": _several(listed.origins),
        "time zone": listed.timezone,
        "goals": _several(listed.goals),
        "consent": f"{listed.default_consent}, where an event says nothing of it",
        "denied": _several(listed.denied_fields),
        "requests": rate,
        "traits": f"{_several(listed.traits)}, from {listed.trait_floor} people on" if listed.traits else "-",
        "events by": _several([f"{event}: {name}" for event, name in sorted(listed.event_properties.items())]),
        "pages by": _several([*["host"] * listed.page_hosts, *listed.page_parameters]),
    }
    for label, line in lines.items():
        if line != "-" or label == "pages of":
            out.print(f"  {label:<10} {line}", markup=False)


def _print_key(settings: Settings, write_key: str) -> None:
    out.print(f"  write key  {write_key}\n\ninto the <head> of every page:", markup=False)
    out.print(_snippet(settings, write_key), markup=False)


def _print_key_as_json(settings: Settings, name: str, write_key: str) -> None:
    _print_json({"site": name, "write_key": write_key, "snippet": _snippet(settings, write_key)})


def _snippet(settings: Settings, write_key: str) -> str:
    script = f'<script defer src="{escape(settings.collector_url)}/footfall.js" data-key="{write_key}"></script>'
    return f"{STUB}\n{script}"


def _print_json(content: Any) -> None:
    click.echo(json.dumps(content, indent=2, ensure_ascii=False, default=_moment_in_json))


def _moment_in_json(value: datetime) -> str:
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M")


def _several(values: Sequence[str]) -> str:
    return ", ".join(values) or "-"
