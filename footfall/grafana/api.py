"""A Grafana server, by its HTTP API (grafana-client): https://grafana.com/docs/grafana/latest/developers/http_api/."""

from __future__ import annotations

import contextlib
import ipaddress
import os
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import niquests
from grafana_client.api import GrafanaApi
from grafana_client.client import GrafanaException, GrafanaTimeoutError

from footfall.errors import FootfallError
from footfall.grafana.resources import CONTACT_POINT, DASHBOARD, MUTE_TIMING, RULE, Json

SECONDS = 20
SEARCH_LIMIT = 5000  # the most that Grafana answers
EDITABLE = {"X-Disable-Provenance": "true"}  # what is sent with it can still be edited in Grafana's pages


class Server:
    """The Grafana of the environment, and its folder for Footfall.

    Every failure is a FootfallError of one line, in which no secret is.
    """

    def __init__(self) -> None:
        self.url, credential = _from_environment()
        self.folder = os.environ.get("GRAFANA_FOLDER") or "footfall"
        self.secrets = {credential} if isinstance(credential, str) else {credential[1]}
        address = urlsplit(self.url)
        host = address.hostname or ""
        self.is_local = is_loopback(host)
        self.is_clear = address.scheme == "http" and not self.is_local
        self._api: Any = GrafanaApi(  # its functions have no types
            credential,
            protocol=address.scheme,
            host=f"[{host}]" if ":" in host else host,
            port=address.port,
            url_path_prefix=f"{address.path.strip('/')}/".removeprefix("/"),
            timeout=SECONDS,
        )

    def check(self) -> None:
        """Raises FootfallError where no Grafana answers."""
        # Not /health, for which nobody has to say who they are, and which Amazon's Grafana does not have.
        settings = self._call(lambda: self._api.client.GET("/frontend/settings"))
        if not isinstance(settings, dict) or "buildInfo" not in settings:
            raise FootfallError(f"{self.url} does not answer as Grafana does: correct GRAFANA_URL")

    def dashboard_uids(self) -> list[str]:
        """The dashboards of the folder."""
        found = self._call(
            lambda: self._api.search.search_dashboards(type_="dash-db", folder_uids=[self.folder], limit=SEARCH_LIMIT)
        )
        return [board["uid"] for board in found]

    def dashboard(self, uid: str) -> Json | None:
        """`{"dashboard": …, "meta": …}`, wherever it is; None where there is none."""
        return self._find(lambda: self._api.dashboard.get_dashboard(uid))

    def rules(self) -> list[Json]:
        """All alert rules, of all folders."""
        found: list[Json] = self._call(self._api.alertingprovisioning.get_alertrules_all) or []
        return found

    def contact_points(self) -> list[Json]:
        """All contact points; what Grafana keeps encrypted is `[REDACTED]`."""
        found: list[Json] = self._call(self._api.alertingprovisioning.get_contactpoints) or []
        return found

    def mute_timings(self) -> list[Json]:
        found: list[Json] = self._call(self._api.alertingprovisioning.get_mute_timings) or []
        return found

    def policy_tree(self) -> Json:
        """The one tree of notification policies, everybody's."""
        return dict(self._call(self._api.alertingprovisioning.get_notification_policy_tree))

    def put_policy_tree(self, tree: Json) -> None:
        """Take the place of the whole tree: what is not in it is gone."""
        content = {key: value for key, value in tree.items() if key != "provenance"}
        self._call(
            lambda: self._api.alertingprovisioning.set_notification_policy_tree(content, disable_provenance=True)
        )

    def get(self, path: str) -> Any:
        """What Grafana answers below /api, for paths that grafana-client has no function for."""
        return self._call(lambda: self._api.client.GET(path))

    def put(self, kind: str, content: Json, before: Json | None) -> None:
        """Make a thing, or change it from what it was before. It can still be edited in Grafana's pages.

        before of a dashboard has its id and version: Grafana refuses where somebody saved it since.
        """
        uid, rules = content.get("uid", ""), self._api.alertingprovisioning
        if kind == MUTE_TIMING:
            path, name = "/v1/provisioning/mute-timings", content["name"]
            if before is None:
                self._call(lambda: rules.create_mute_timing(content, disable_provenance=True))
            else:  # grafana-client's own would take it from Grafana's pages
                self._call(lambda: self._api.client.PUT(f"{path}/{name}", json=content, headers=EDITABLE))
        elif kind == DASHBOARD:
            saved = {key: before[key] for key in ("id", "version") if before and key in before}
            kept = {key: value for key, value in content.items() if key not in ("id", "version")}
            body = {
                "dashboard": {"id": None} | kept | saved,
                "folderUid": self.folder, "overwrite": False, "message": "footfall dashboards push",
            }  # fmt: skip
            self._call(lambda: self._api.dashboard.update_dashboard(body))
        elif kind == RULE and before is None:
            self._call(lambda: rules.create_alertrule(content, disable_provenance=True))
        elif kind == RULE:
            self._call(lambda: rules.update_alertrule(uid, content, disable_provenance=True))
        elif kind == CONTACT_POINT and before is None:
            self._call(lambda: rules.create_contactpoint(content, disable_provenance=True))
        else:
            self._call(lambda: rules.update_contactpoint(uid, content, disable_provenance=True))

    def has_folder(self) -> bool:
        return self._find(lambda: self._api.folder.get_folder(self.folder)) is not None

    def make_folder(self) -> None:
        self._call(lambda: self._api.folder.create_folder(self.folder.capitalize(), self.folder))

    def source(self, uid: str) -> Json | None:
        """A data source, without its password; None where there is none."""
        return self._find(lambda: self._api.datasource.get_datasource_by_uid(uid))

    def put_source(self, content: Json, is_new: bool) -> None:
        """Make or change a data source; secureJsonData is what it keeps encrypted."""
        api = self._api.datasource
        self._call(
            lambda: api.create_datasource(content) if is_new else api.update_datasource_by_uid(content["uid"], content)
        )

    def make_token(self, name: str, role: str) -> str:
        """A new token of the service account of this name, which is made where there is none."""
        api = self._api.serviceaccount
        account = next((one for one in self._call(api.search_all) if one["name"] == name), None)
        if account is None:
            account = self._call(lambda: api.create({"name": name, "role": role}))
        elif account["role"] != role:
            raise FootfallError(
                f"the service account {name} has the role {account['role']}: give --role {account['role']}, or"
                " another name"
            )
        taken = {token["name"] for token in self._call(lambda: api.get_tokens(account["id"]))}
        free = next(f"{name}-{n}" for n in range(1, len(taken) + 2) if f"{name}-{n}" not in taken)
        return str(self._call(lambda: api.create_token(account["id"], {"name": free}))["key"])

    def _find(self, get: Callable[[], Any]) -> Json | None:
        try:
            return dict(self._call(get))
        except _NotThere:
            return None

    def _call(self, call: Callable[[], Any]) -> Any:
        with self._errors():
            answer = call()
        if isinstance(answer, str):  # a page of something else, or of a proxy that wants a login
            raise FootfallError(f"{self.url} does not answer as Grafana does: correct GRAFANA_URL")
        return answer

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        grafana = f"Grafana at {self.url}"
        try:
            yield
        except GrafanaTimeoutError:
            raise FootfallError(f"{grafana} did not answer within {SECONDS} s: try again") from None
        except GrafanaException as error:
            said = self._said(error)
            if error.status_code == 404:
                raise _NotThere(f"{grafana} has no such thing: {said}") from None
            if error.status_code == 401:
                raise FootfallError(
                    f"{grafana} does not know who asks: correct GRAFANA_TOKEN, or GRAFANA_USER and GRAFANA_PASSWORD"
                ) from None
            if error.status_code == 403:
                raise FootfallError(f"{grafana} refuses: the token or user must have the role Admin: {said}") from None
            if error.status_code == 412:
                raise FootfallError(f"{grafana} refuses: {said}: see `footfall dashboards diff`") from None
            raise FootfallError(f"{grafana} says: {said} ({error.status_code})") from None
        except niquests.exceptions.JSONDecodeError:
            raise FootfallError(f"{self.url} does not answer as Grafana does: correct GRAFANA_URL") from None
        except niquests.exceptions.SSLError:
            raise FootfallError(f"{grafana} has a certificate that is not trusted here") from None
        except (niquests.exceptions.RequestException, OSError):
            raise FootfallError(f"{grafana} can't be reached: start it, or correct GRAFANA_URL") from None

    def _said(self, error: GrafanaException) -> str:
        """Grafana's own words, on one line, with nothing in them that was sent as a secret."""
        answer = error.response
        said = (
            str(answer.get("message") or answer.get("msg") or "no reason") if isinstance(answer, dict) else "no reason"
        )
        for secret in sorted(self.secrets, key=len, reverse=True):
            said = said.replace(secret, "***")
        return " ".join(said.split())[:300]


class _NotThere(FootfallError):
    """Grafana has no such thing."""


def is_loopback(host: str) -> bool:
    """Whether the host is this machine."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _from_environment() -> tuple[str, str | tuple[str, str]]:
    """The address, and a token or user and password."""
    url = os.environ.get("GRAFANA_URL", "").rstrip("/")
    token, user = os.environ.get("GRAFANA_TOKEN"), os.environ.get("GRAFANA_USER")
    password = os.environ.get("GRAFANA_PASSWORD")
    if not url or not (token or (user and password)):
        raise FootfallError(
            "set GRAFANA_URL, and GRAFANA_TOKEN (of a service account with the role Admin) or GRAFANA_USER and"
            " GRAFANA_PASSWORD, in the environment"
        )
    try:
        address = urlsplit(url)
        is_fit = address.scheme in ("http", "https") and address.hostname and not address.query and address.port != 0
    except ValueError:
        raise FootfallError(
            "GRAFANA_URL is no address: write https://grafana.example, or http://127.0.0.1:3000"
        ) from None
    if address.username or address.password:
        raise FootfallError("GRAFANA_URL has a user in it: set GRAFANA_USER and GRAFANA_PASSWORD instead")
    if not is_fit:
        raise FootfallError("GRAFANA_URL is no address: write https://grafana.example, or http://127.0.0.1:3000")
    return url, token or (str(user), str(password))
