"""The data source of the dashboards: Postgres, as the reader."""

from __future__ import annotations

from footfall.database import connections
from footfall.errors import FootfallError
from footfall.grafana.api import Server, is_loopback
from footfall.grafana.resources import Json
from footfall.settings import Settings

UID = "footfall"
PASSWORD = "POSTGRES_READER_PASSWORD"  # noqa: S105  (its name)


def push(server: Server, settings: Settings, dry_run: bool, resend: bool) -> tuple[str, str]:
    """Make or change it; (state, why). Grafana hides its password, so what differs there is sent by resend."""
    if not settings.values.get(PASSWORD):
        raise FootfallError(f"set {PASSWORD} in the environment: the data source needs it")
    server.secrets.add(settings.values[PASSWORD])
    there, wanted = server.source(UID), wanted_source(settings)
    if there is None:
        state, why = "made", ""
    elif there.get("readOnly"):
        return "unchanged", "Grafana has it from a provisioning file, and takes no other"
    elif not _is_same(there, wanted):
        state, why = "changed", ""
    elif resend:
        state, why = "changed", "sent again"
    else:
        return "unchanged", "Grafana hides its password: --resend sends it again"
    if not dry_run:
        before = there or {}
        # What somebody set in Grafana's page, such as a limit of connections, stays.
        content = {**before, **wanted, "jsonData": {**(before.get("jsonData") or {}), **wanted["jsonData"]}}
        secret = {"secureJsonData": {"password": settings.values[PASSWORD]}}
        server.put_source({**content, **secret}, is_new=there is None)
    return state, why


def wanted_source(settings: Settings) -> Json:
    """The reader on these settings' Postgres; TLS by POSTGRES_SSLMODE or PGSSLMODE, else on all but loopback."""
    values = settings.values
    mode = connections.sslmode(settings)
    if mode in (None, "prefer", "allow"):  # which Grafana does not know
        mode = "disable" if is_loopback(values["POSTGRES_HOST"]) else "require"
    return {
        "uid": UID, "name": "Footfall", "type": "grafana-postgresql-datasource", "access": "proxy",
        "url": f"{values['POSTGRES_HOST']}:{values['POSTGRES_PORT']}", "user": connections.READER,
        "jsonData": {
            "database": values["POSTGRES_DATABASE"], "postgresVersion": 1500, "sslmode": mode,
        },
    }  # fmt: skip


def _is_same(there: Json, wanted: Json) -> bool:
    """Whether Grafana has all that is wanted; what else is set there is somebody's choice."""
    settings = there.get("jsonData") or {}
    return all(
        all(settings.get(name) == one for name, one in value.items()) if key == "jsonData" else there.get(key) == value
        for key, value in wanted.items()
    )
