"""A Grafana server, by its HTTP API (grafana-client): https://grafana.com/docs/grafana/latest/developers/http_api/."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

import niquests
from grafana_client.api import GrafanaApi
from grafana_client.client import GrafanaClientError, GrafanaException

from footfall.errors import FootfallError
from footfall.grafana.files import FOLDER_TITLE, FOLDER_UID, SOURCE_UID, Json, Thing, normal
from footfall.settings import Settings

SECONDS = 20


class Server:
    """What is in Grafana's folder Footfall. Every failure is a FootfallError of one line."""

    def __init__(self) -> None:
        self.url = os.environ.get("GRAFANA_URL", "")
        token, user = os.environ.get("GRAFANA_TOKEN"), os.environ.get("GRAFANA_USER")
        password = os.environ.get("GRAFANA_PASSWORD")
        if not self.url or not (token or (user and password)):
            raise FootfallError(
                "set GRAFANA_URL, and GRAFANA_TOKEN (of a service account with the role Admin) or GRAFANA_USER and"
                " GRAFANA_PASSWORD, in the environment"
            )
        credential = token or (str(user), str(password))
        self._api = GrafanaApi.from_url(self.url, credential=credential, timeout=SECONDS)

    def things(self) -> list[Thing]:
        """Every dashboard and alert rule of the folder, and the contact points that Footfall made."""
        with self._calls():
            boards = self._api.search.search_dashboards(type_="dash-db", folder_uids=[FOLDER_UID], limit=1000)
            found = [self._board(board["uid"]) for board in boards]
            rules = self._api.alertingprovisioning.get_alertrules_all()
            points = self._api.alertingprovisioning.get_contactpoints()
        found += [_thing("alert rule", rule) for rule in rules if rule.get("folderUID") == FOLDER_UID]
        return found + [_thing("contact point", one) for one in points if one.get("uid", "").startswith("footfall-")]

    def _board(self, uid: str) -> Thing:
        return _thing("dashboard", self._api.dashboard.get_dashboard(uid)["dashboard"])

    def put(self, thing: Thing, is_new: bool) -> None:
        """Make a thing, or change it to this. Rules and contact points can still be changed in Grafana's pages."""
        content, rules = thing.content, self._api.alertingprovisioning
        with self._calls():
            if thing.kind == "dashboard":
                body = {"dashboard": {**content, "version": None}, "folderUid": FOLDER_UID, "overwrite": True}
                self._api.dashboard.update_dashboard(body)
            elif thing.kind == "alert rule" and is_new:
                rules.create_alertrule(content, disable_provenance=True)
            elif thing.kind == "alert rule":
                rules.update_alertrule(thing.uid, content, disable_provenance=True)
            elif is_new:
                rules.create_contactpoint(content, disable_provenance=True)
            else:
                rules.update_contactpoint(thing.uid, content, disable_provenance=True)

    def put_folder(self, dry_run: bool) -> bool:
        """Make the folder; False where it is there already."""
        if self._found(lambda: self._api.folder.get_folder(FOLDER_UID)):
            return False
        if not dry_run:
            with self._calls():
                self._api.folder.create_folder(FOLDER_TITLE, FOLDER_UID)
        return True

    def put_source(self, settings: Settings, dry_run: bool) -> str:
        """Make the Postgres data source of the reader, or change it; says which. The password is only ever sent."""
        wanted = source(settings)
        there = self._found(lambda: self._api.datasource.get_datasource_by_uid(SOURCE_UID))
        same = there is not None and all(there.get(key) == value for key, value in wanted.items() if key != "jsonData")
        if same and there and all(there.get("jsonData", {}).get(k) == v for k, v in wanted["jsonData"].items()):
            return "unchanged"
        if not dry_run:
            secret = {"secureJsonData": {"password": settings.values["POSTGRES_READER_PASSWORD"]}}
            with self._calls():
                if there is None:
                    self._api.datasource.create_datasource({**wanted, **secret})
                else:
                    self._api.datasource.update_datasource_by_uid(SOURCE_UID, {**wanted, **secret})
        return "made" if there is None else "changed"

    def make_token(self, name: str, role: str) -> str:
        """A token of a service account of this name, which is made where it is not there yet."""
        with self._calls():
            accounts = self._api.serviceaccount.search_all(name)
            account = next((one for one in accounts if one["name"] == name), None)
            if account is None:
                account = self._api.serviceaccount.create({"name": name, "role": role})
            taken = {token["name"] for token in self._api.serviceaccount.get_tokens(account["id"])}
            free = next(f"{name}-{n}" for n in range(1, 10_000) if f"{name}-{n}" not in taken)
            return str(self._api.serviceaccount.create_token(account["id"], {"name": free})["key"])

    def _found(self, get: Any) -> Json | None:
        """What there is, or None where Grafana answers 404."""
        try:
            with self._calls():
                return dict(get())
        except _NotThere:
            return None

    @contextlib.contextmanager
    def _calls(self) -> Iterator[None]:
        try:
            yield
        except GrafanaClientError as error:
            if error.status_code == 404:
                raise _NotThere(f"Grafana at {self.url} has no such thing: {error.message}") from None
            if error.status_code in (401, 403):
                raise FootfallError(f"Grafana at {self.url} refuses: the token or user may not do this") from None
            raise FootfallError(f"Grafana at {self.url}: {error.message}") from None
        except GrafanaException as error:
            raise FootfallError(f"Grafana at {self.url}: {error.message}") from None
        except (niquests.exceptions.RequestException, OSError):
            raise FootfallError(f"Grafana at {self.url} can't be reached: is GRAFANA_URL right?") from None


class _NotThere(FootfallError):
    """Grafana has no such thing."""


def source(settings: Settings) -> Json:
    """The data source of the dashboards: the reader role on these settings' Postgres."""
    values = settings.values
    return {
        "uid": SOURCE_UID, "name": "Footfall", "type": "grafana-postgresql-datasource", "access": "proxy",
        "url": f"{values['POSTGRES_HOST']}:{values['POSTGRES_PORT']}", "user": "footfall_reader", "isDefault": False,
        "jsonData": {
            "database": values["POSTGRES_DATABASE"], "postgresVersion": 1500,
            "sslmode": "disable" if values["POSTGRES_HOST"] in ("127.0.0.1", "localhost", "::1") else "require",
        },
    }  # fmt: skip


def _thing(kind: str, content: Json) -> Thing:
    return Thing(kind, content["uid"], normal(kind, content))
