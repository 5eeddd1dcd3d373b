"""Files and Grafana: push, compare, pull."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from footfall.errors import FootfallError
from footfall.grafana import placeholders, resources
from footfall.grafana.api import Server
from footfall.grafana.resources import CONTACT_POINT, DASHBOARD, MUTE_TIMING, POLICY, RULE, Json, Thing
from footfall.grafana.sync import data_source, policies
from footfall.grafana.sync.normalise import normal, of_file
from footfall.settings import Settings


@dataclass(frozen=True)
class Outcome:
    """What became of a thing: made, changed, unchanged or skipped; why, where that is to be said."""

    state: str
    name: str
    why: str = ""


@dataclass(frozen=True)
class Pair:
    """A thing as the files have it and as Grafana has it, in the same form; None where it is not there."""

    kind: str
    uid: str
    file: Json | None
    grafana: Json | None

    @property
    def name(self) -> str:
        return f"{self.kind} {self.uid}"

    @property
    def is_same(self) -> bool:
        return self.file == self.grafana


def push(server: Server, settings: Settings, things: list[Thing], dry_run: bool, resend: bool) -> Iterator[Outcome]:
    """Make or change what differs, the folder and the data source first. What is the same is not written.

    resend: send again what Grafana never shows, and so can't be compared (the password, hidden addresses).
    """
    if server.has_folder():
        yield Outcome("unchanged", f"folder {server.folder}")
    else:
        if not dry_run:
            server.make_folder()
        yield Outcome("made", f"folder {server.folder}")
    state, why = data_source.push(server, settings, dry_run, resend)
    yield Outcome(state, f"data source {data_source.UID}", why)
    there = _there(server)
    receivers = _receivers(server, things)
    for thing in things:
        if thing.kind == POLICY:
            yield _push_policy(server, thing, receivers, dry_run)
        else:
            yield _push_one(server, thing, _found(server, there, thing), dry_run, resend)


def compare(server: Server, things: list[Thing], names: tuple[str, ...]) -> list[Pair]:
    """Each thing of the files with that of Grafana, then what is only in Grafana's folder. Raises UnknownName."""
    there, pairs = _there(server), []
    receivers = _receivers(server, things)
    for thing in things:
        if thing.kind == POLICY:
            pairs.append(_policy_pair(server.policy_tree(), thing, receivers))
            continue
        found = _found(server, there, thing, strict=False)
        file = of_file(thing.kind, thing.content)
        grafana = normal(thing.kind, found, thing.content) if found else None
        if thing.kind == CONTACT_POINT and not found and placeholders.missing(file):
            grafana = file  # push would skip it: whoever does not use it sees no difference
        pairs.append(Pair(thing.kind, thing.uid, file, grafana))
    boards = [(DASHBOARD, uid) for uid in sorted(server.dashboard_uids())]
    rules = sorted(key for key, rule in there.items() if key[0] == RULE and rule["folderUID"] == server.folder)
    known = {thing.key for thing in things}
    for kind, uid in (key for key in (*boards, *rules) if key not in known):
        found = _found(server, there, Thing(kind, uid, {}), strict=False)
        if found:
            pairs.append(Pair(kind, uid, None, normal(kind, found, None)))
    return resources.chosen(pairs, names)


def pull(server: Server, folder: Path, things: list[Thing], names: tuple[str, ...]) -> Iterator[Path]:
    """Write what was edited in Grafana to the files; deletes none, and leaves every ${NAME}. Raises UnknownName."""
    for pair in compare(server, things, names):
        if pair.grafana is None:
            continue
        content = placeholders.kept(pair.grafana, pair.file) if pair.kind == CONTACT_POINT else pair.grafana
        if content != pair.file:
            yield resources.write(folder, Thing(pair.kind, pair.uid, content))


def _push_one(server: Server, thing: Thing, found: Json | None, dry_run: bool, resend: bool) -> Outcome:
    content, why = thing.content, ""
    if thing.kind == CONTACT_POINT:
        try:
            content = placeholders.filled(content)
        except placeholders.NotSet as error:
            return Outcome("skipped", thing.name, str(error))
        server.secrets |= {os.environ[name] for name in placeholders.names(thing.content)}
    if thing.kind == RULE:
        content = placeholders.filled({**content, "folderUID": server.folder})
    is_same = found is not None and normal(thing.kind, found, thing.content) == of_file(thing.kind, thing.content)
    if is_same and thing.kind == CONTACT_POINT and placeholders.has_hidden(found):
        is_same, why = not resend, "sent again" if resend else "Grafana hides its address: --resend sends it again"
    if is_same:
        return Outcome("unchanged", thing.name, why)
    if not dry_run:
        try:
            server.put(thing.kind, of_file(thing.kind, content), found)
        except FootfallError as error:
            raise FootfallError(f"{thing.name}: {error}") from None
    return Outcome("changed" if found else "made", thing.name, why)


def _push_policy(server: Server, thing: Thing, receivers: set[str], dry_run: bool) -> Outcome:
    """Make or change Footfall's branch of the tree; all else of it is sent as Grafana has just answered it."""
    tree = server.policy_tree()
    pair = _policy_pair(tree, thing, receivers)
    branch = policies.fitted(of_file(POLICY, thing.content), receivers)
    if not branch["routes"]:
        return Outcome("skipped", thing.name, "none of its contact points is in Grafana")
    left_out = sorted(
        {route["receiver"] for route in thing.content.get("routes") or [] if route not in branch["routes"]}
    )
    why = f"without {', '.join(left_out)}, which Grafana does not have" if left_out else ""
    if pair.is_same:
        return Outcome("unchanged", thing.name, why)
    if who := policies.managed_by(tree):
        return Outcome(
            "skipped", thing.name, f"{who} manage the tree: add the route of policies/{thing.uid}.json there"
        )
    if not dry_run:
        try:
            server.put_policy_tree(policies.placed(tree, thing.uid, branch))
        except FootfallError as error:
            raise FootfallError(f"{thing.name}: {error}") from None
    return Outcome("made" if pair.grafana is None else "changed", thing.name, why)


def _policy_pair(tree: Json, thing: Thing, receivers: set[str]) -> Pair:
    file, found = of_file(POLICY, thing.content), policies.find(tree, thing.uid)
    grafana = policies.restored(normal(POLICY, found, file), file, receivers) if found else None
    if not found and not policies.fitted(file, receivers)["routes"]:
        grafana = file  # push would skip it, as it does contact points without an address
    return Pair(POLICY, thing.uid, file, grafana)


def _receivers(server: Server, things: list[Thing]) -> set[str]:
    """Names of the contact points that Grafana has, its own without a uid too, or gets from these files."""
    points = [thing.content for thing in things if thing.kind == CONTACT_POINT]
    pushed = {point["name"] for point in points if not placeholders.missing(point)}
    return pushed | {point["name"] for point in server.contact_points()}


def _there(server: Server) -> dict[tuple[str, str], Json]:
    """All alert rules, contact points and mute timings: Grafana returns them only together."""
    rules = {(RULE, rule["uid"]): rule for rule in server.rules()}
    timings = {(MUTE_TIMING, timing["name"]): timing for timing in server.mute_timings()}
    points = {(CONTACT_POINT, point["uid"]): point for point in server.contact_points() if point.get("uid")}
    return rules | timings | points


def _found(server: Server, there: dict[tuple[str, str], Json], thing: Thing, strict: bool = True) -> Json | None:
    """What Grafana has of a thing; None where it has none, or, not strict, has it in another folder.

    Strict: raises FootfallError there, for somebody else's must not be overwritten.
    """
    if thing.kind in (CONTACT_POINT, MUTE_TIMING):
        return there.get(thing.key)
    if thing.kind == DASHBOARD:
        answer = server.dashboard(thing.uid)
        found, folder = (answer["dashboard"], answer["meta"].get("folderUid")) if answer else (None, None)
    else:
        found = there.get(thing.key)
        folder = found["folderUID"] if found else None
        found = {**found, "folderUID": thing.content.get("folderUID", folder)} if found else None
    if found is None or folder == server.folder:
        return found
    if strict:
        raise FootfallError(
            f"{thing.name} is in Grafana's folder {folder or 'General'}, not in {server.folder}: move it, or give the"
            " file another uid"
        )
    return None
