"""Footfall's branch of Grafana's one tree of notification policies. Every other route is left as it is.

The branch is the route whose only matcher is `service = NAME`, wherever it is in the tree; a new one becomes the first
below the root, so that no route that takes everything comes before it. Nobody else's alerts carry that label.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from footfall.errors import FootfallError
from footfall.grafana.resources import OWN_LABEL, Json

MANAGED = {"file": "provisioning files", "api": "Terraform or another program"}


def find(tree: Json, name: str) -> Json | None:
    """The branch of this name; None where there is none. Raises FootfallError where there are several."""
    found = [route for route in _below(tree) if _is_branch(route, name)]
    if len(found) > 1:
        raise FootfallError(
            f"Grafana has {len(found)} notification policies for {OWN_LABEL}={name}: remove all but one in its pages"
        )
    return found[0] if found else None


def placed(tree: Json, name: str, branch: Json) -> Json:
    """The tree with the branch in its place: where it was, else first below the root."""
    if find(tree, name) is None:
        return {**tree, "routes": [branch, *(tree.get("routes") or [])]}
    return _replaced(tree, name, branch)


def managed_by(tree: Json) -> str | None:
    """Who manages the whole tree, and would not know of the branch; None where it is edited in Grafana's pages."""
    return MANAGED.get(str(tree.get("provenance") or ""))


def fitted(branch: Json, receivers: set[str]) -> Json:
    """The branch without routes to contact points that Grafana does not have: it would refuse them."""
    return {**branch, "routes": [route for route in branch.get("routes") or [] if _is_there(route, receivers)]}


def restored(found: Json, file: Json, receivers: set[str]) -> Json:
    """What Grafana has, with the routes of the file that `fitted` left out, in their places."""
    routes = list(found.get("routes") or [])
    for place, route in enumerate(file.get("routes") or []):
        if not _is_there(route, receivers):
            routes.insert(place, route)
    return {**found, "routes": routes} if routes or "routes" in found else found


def _is_there(route: Json, receivers: set[str]) -> bool:
    return route.get("receiver", "") in {*receivers, ""}


def _is_branch(route: Json, name: str) -> bool:
    matchers: Any = route.get("object_matchers")
    return bool(matchers == [[OWN_LABEL, "=", name]])


def _below(tree: Json) -> Iterator[Json]:
    for route in tree.get("routes") or []:
        yield route
        yield from _below(route)


def _replaced(tree: Json, name: str, branch: Json) -> Json:
    routes = [
        branch if _is_branch(route, name) else _replaced(route, name, branch) for route in tree.get("routes") or []
    ]
    return {**tree, "routes": routes} if routes else tree
