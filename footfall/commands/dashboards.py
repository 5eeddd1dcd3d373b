"""Dashboards, alert rules and contact points in a Grafana: dashboards push, diff, pull."""

from __future__ import annotations

import difflib
import sys
from pathlib import Path

import click

from footfall.commands.common import err, out
from footfall.errors import FootfallError
from footfall.settings import ROOT, load_settings

names_argument = click.argument("names", metavar="[NAME]...", nargs=-1)
folder_option = click.option(
    "--dashboards", "folder", type=click.Path(path_type=Path, exists=True, file_okay=False),
    default=ROOT / "dashboards", show_default="dashboards", help="Folder with the files.",
)  # fmt: skip


@click.group()
def dashboards() -> None:
    """Bring dashboards/ to a Grafana, compare, and bring edits back; GRAFANA_URL and GRAFANA_TOKEN say which."""


@dashboards.command()
@names_argument
@folder_option
@click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")
def push(names: tuple[str, ...], folder: Path, dry_run: bool) -> None:
    """Make or change what differs: folder, data source, dashboards, alert rules, contact points."""
    from footfall.grafana import files
    from footfall.grafana.server import Server

    wanted, server, settings = files.read(folder, names), Server(), load_settings()
    if "POSTGRES_READER_PASSWORD" not in settings.values:
        raise FootfallError("set POSTGRES_READER_PASSWORD in the environment: the data source needs it")
    counts = dict.fromkeys(("made", "changed", "unchanged", "skipped"), 0)

    def tell(what: str, state: str, why: str = "") -> None:
        counts[state] += 1
        if state != "unchanged":
            out.print(f"{state:8} {what}{why}", markup=False, highlight=False)

    tell("folder Footfall", "made" if server.put_folder(dry_run) else "unchanged")
    tell("data source footfall", server.put_source(settings, dry_run))
    there = {(thing.kind, thing.uid): thing for thing in server.things()}
    for thing in wanted:
        try:
            full = files.Thing(thing.kind, thing.uid, files.filled(thing.content))
        except FootfallError as error:
            tell(thing.name, "skipped", f": {error}")
            continue
        before = there.get((thing.kind, thing.uid))
        # Grafana never tells the address of a contact point: it is sent each time.
        if before and thing.kind != "contact point" and files.covers(before.content, thing.content):
            tell(thing.name, "unchanged")
            continue
        if not dry_run:
            server.put(full, before is None)
        tell(thing.name, "changed" if before else "made")
    said = ", ".join(f"{number} {state}" for state, number in counts.items() if number)
    out.print(f"{said}{' (dry run: nothing was written)' if dry_run else ''}", markup=False, highlight=False)


@dashboards.command()
@names_argument
@folder_option
def diff(names: tuple[str, ...], folder: Path) -> None:
    """Show how Grafana differs from the files. Exit code 1 where it does."""
    from footfall.grafana import files
    from footfall.grafana.server import Server

    here = {(thing.kind, thing.uid): thing for thing in files.read(folder, names) if thing.kind != "contact point"}
    there = {(thing.kind, thing.uid): thing for thing in Server().things() if thing.kind != "contact point"}
    differs = False
    for key in sorted({*here, *there}):
        file, found = here.get(key), there.get(key)
        if (names and key[1] not in names) or (file and found and files.covers(found.content, file.content)):
            continue
        differs = True
        if file and found:
            after = files.text(files.ordered(found.content, file.content))
            lines = difflib.unified_diff(
                files.text(file.content).splitlines(),
                after.splitlines(),
                file.name,
                f"{file.name} in Grafana",
                lineterm="",
            )
            for line in lines:
                out.print(line, markup=False, highlight=False, soft_wrap=True)
        else:
            name = (file or found).name  # type: ignore[union-attr]
            out.print(f"{name} is only {'in the files' if file else 'in Grafana'}", markup=False, highlight=False)
    if differs:
        sys.exit(1)
    out.print("no difference")


@dashboards.command()
@names_argument
@folder_option
def pull(names: tuple[str, ...], folder: Path) -> None:
    """Bring what was edited in Grafana back to the files; a new dashboard of the folder becomes a new file."""
    from footfall.grafana import files
    from footfall.grafana.server import Server

    here = {(thing.kind, thing.uid): thing for thing in files.read(folder)}
    written = 0
    for thing in Server().things():
        file = here.get((thing.kind, thing.uid))
        wanted = not names or thing.uid in names
        if thing.kind == "contact point" or not wanted or (file and files.covers(thing.content, file.content)):
            continue  # the addresses of contact points stay in the environment
        out.print(f"written {files.write(folder, thing)}", markup=False, highlight=False, soft_wrap=True)
        written += 1
    if not written:
        out.print("nothing to bring back")


@dashboards.command()
@click.argument("name")
@click.option("--role", type=click.Choice(["Viewer", "Editor", "Admin"]), default="Viewer", show_default=True)
def token(name: str, role: str) -> None:
    """Make a token of a service account of this name, and print it: it is shown this once."""
    from footfall.grafana.server import Server

    made = Server().make_token(name, role)
    err.print(f"token of the service account {name}, shown this once:", markup=False)
    out.print(made, markup=False, highlight=False, soft_wrap=True)


COMMANDS = (dashboards,)
