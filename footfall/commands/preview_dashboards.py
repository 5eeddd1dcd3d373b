"""Dashboards without Grafana: preview-dashboards."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import click

from footfall.commands.common import err, out
from footfall.settings import ROOT, load_settings


@click.command("preview-dashboards")
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen. There is no login.")
@click.option("--port", type=click.IntRange(1, 65535), help="PREVIEW_PORT by default.")
@click.option(
    "--dashboards", "folder", type=click.Path(path_type=Path), default=ROOT / "dashboards", show_default="dashboards",
    help="Folder with Grafana's dashboard files; alert rules are in alerts/ below.",
)  # fmt: skip
@click.option(
    "--allow-host", "hosts", multiple=True, metavar="NAME",
    help="A name that the page may be called by, besides localhost and addresses; may be given several times.",
)  # fmt: skip
def preview_dashboards(host: str, port: int | None, folder: Path, hosts: tuple[str, ...]) -> None:
    """Draw the Grafana dashboards and alerts straight from Postgres, where there is no Grafana.

    Who is notified of alerts, if anybody: ALERT_WEBHOOK_URL, and ALERT_EMAIL by the mail server ALERT_SMTP_HOST.
    """
    from footfall.dashboards_preview.server import Options, serve

    settings = load_settings()
    port = port or settings.port("PREVIEW_PORT")
    if not _is_loopback(host):
        err.print(f"footfall: whoever reaches {host}:{port} sees every dashboard: there is no login", markup=False)
    shown = f"[{host}]" if ":" in host else host
    serve(
        settings,
        Options(folder=str(folder.resolve()), host=host, port=port, hosts=hosts),
        lambda: out.print(f"dashboards: http://{shown}:{port} (Ctrl-C ends)", markup=False),
    )


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
