"""Dashboards, alert rules and where alerts are sent, in a Grafana: dashboards push, diff, pull, token."""

from __future__ import annotations

import contextlib
import difflib
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from footfall.commands.common import err, out
from footfall.settings import ROOT, load_settings

if TYPE_CHECKING:
    from footfall.grafana.api import Server
    from footfall.grafana.sync.sync import Pair

names_argument = click.argument("names", metavar="[NAME]...", nargs=-1)
folder_option = click.option(
    "--dashboards", "folder", type=click.Path(path_type=Path, exists=True, file_okay=False),
    default=ROOT / "dashboards", show_default="dashboards", help="Folder with the files.",
)  # fmt: skip


@click.group()
def dashboards() -> None:
    """Bring dashboards/ to a Grafana, compare, and bring edits back; GRAFANA_URL and GRAFANA_TOKEN say which.

    GRAFANA_USER and GRAFANA_PASSWORD do as well as a token; GRAFANA_FOLDER is the uid of another folder than footfall.
    """


@dashboards.command()
@names_argument
@folder_option
@click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")
@click.option(
    "--resend", is_flag=True, help="Send the password and addresses that Grafana hides, after a change of them."
)
def push(names: tuple[str, ...], folder: Path, dry_run: bool, resend: bool) -> None:
    """Make or change what differs: folder, data source, dashboards, alert rules, and where alerts are sent.

    Of Grafana's one tree of notification policies only the branch of the label service=footfall is touched.
    Grafana must reach Postgres at POSTGRES_HOST and POSTGRES_PORT.
    """
    from footfall.grafana import resources
    from footfall.grafana.api import is_loopback
    from footfall.grafana.sync import sync

    settings = load_settings()
    with _usage():
        things = resources.chosen(resources.read(folder), names)
    server = connected()
    counts: Counter[str] = Counter()
    for outcome in sync.push(server, settings, things, dry_run, resend):
        counts[outcome.state] += 1
        out.print(f"{outcome.state:9} {outcome.name}{outcome.why and f': {outcome.why}'}", markup=False)
    said = ", ".join(
        f"{counts[state]} {state}" for state in ("made", "changed", "unchanged", "skipped") if counts[state]
    )
    out.print(f"{said}{' (dry run: nothing was written)' if dry_run else ''}", markup=False)
    if is_loopback(settings.values["POSTGRES_HOST"]) and not server.is_local:
        err.print(
            "footfall: Grafana looks for Postgres on its own machine: set POSTGRES_HOST to where it is", markup=False
        )


@dashboards.command()
@names_argument
@folder_option
def diff(names: tuple[str, ...], folder: Path) -> None:
    """Show how Grafana differs from the files, as a unified diff. Exit code 1 where it does."""
    from footfall.grafana import resources
    from footfall.grafana.sync import sync

    things = resources.read(folder)
    with _usage():
        pairs = [pair for pair in sync.compare(connected(), things, names) if not pair.is_same]
    for pair in pairs:
        click.echo("\n".join(_difference(pair)))
    if pairs:
        sys.exit(1)
    out.print("no difference")


@dashboards.command()
@names_argument
@folder_option
def pull(names: tuple[str, ...], folder: Path) -> None:
    """Bring what was edited in Grafana back to the files; a new dashboard or rule of its folder becomes a new file."""
    from footfall.grafana import resources
    from footfall.grafana.sync import sync

    things, written = resources.read(folder), 0
    with _usage():
        for path in sync.pull(connected(), folder, things, names):
            out.print(f"written {path}", markup=False)
            written += 1
    if not written:
        out.print("nothing to bring back")


@dashboards.command()
@click.argument("name")
@click.option("--role", type=click.Choice(["Viewer", "Editor", "Admin"]), default="Viewer", show_default=True)
def token(name: str, role: str) -> None:
    """Make a token of a service account of this name, and print it: it is shown this once."""
    made = connected().make_token(name, role)
    err.print(f"token of the service account {name}, shown this once:", markup=False)
    out.print(made, markup=False)


def connected() -> Server:
    """The Grafana of the environment, which answers. Raises FootfallError."""
    from footfall.grafana.api import Server

    server = Server()
    if server.is_clear:
        err.print("footfall: GRAFANA_URL is http: whoever is on the way reads the token and passwords", markup=False)
    server.check()
    return server


def _difference(pair: Pair) -> list[str]:
    from footfall.grafana import resources

    if pair.file is None or pair.grafana is None:
        return [f"{pair.name} is only in {'Grafana' if pair.file is None else 'the files'}"]
    before, after = (resources.text(content).splitlines() for content in (pair.file, pair.grafana))
    return list(difflib.unified_diff(before, after, pair.name, f"{pair.name} in Grafana", lineterm=""))


@contextlib.contextmanager
def _usage() -> Iterator[None]:
    """A name that is not there is a misuse."""
    from footfall.grafana.resources import UnknownName

    try:
        yield
    except UnknownName as error:
        raise click.UsageError(str(error)) from None
