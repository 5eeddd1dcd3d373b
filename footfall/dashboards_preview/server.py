"""`footfall preview-dashboards`: the application in one process, which keeps what alerts are pending."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from granian import Granian
from granian.constants import Interfaces
from granian.http import HTTP1Settings

from footfall.database import connections
from footfall.errors import FootfallError
from footfall.settings import Settings, load_settings

OPTIONS = "FOOTFALL_PREVIEW_OPTIONS"
HEAD_BYTES = 32 * 1024


class Options(msgspec.Struct, frozen=True):
    """What the preview is started with. hosts: further names that it may be called by."""

    folder: str
    host: str
    port: int
    hosts: tuple[str, ...] = ()


def serve(settings: Settings, options: Options, started: Callable[[], None]) -> None:
    """Serve until SIGTERM or Ctrl-C; `started` is called once it listens. Raises FootfallError."""
    if not Path(options.folder).is_dir():
        raise FootfallError(f"there is no folder {options.folder}: give the one with the dashboard files, --dashboards")
    connections.reader(settings)  # says that the password is missing before anything is started
    _require_free(options.host, options.port)
    os.environ |= {**settings.environment(), OPTIONS: msgspec.json.encode(options).decode()}
    server = Granian(
        "footfall.dashboards_preview.server:application",
        factory=True,
        address=options.host,
        port=options.port,
        interface=Interfaces.ASGI,
        workers=1,
        respawn_failed_workers=True,
        workers_kill_timeout=5,
        websockets=False,
        http1_settings=HTTP1Settings(header_read_timeout=10_000, max_buffer_size=HEAD_BYTES),
        log_access=False,
    )
    server.on_startup(started)
    server.serve()


def _require_free(host: str, port: int) -> None:
    try:
        with socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET):
            pass
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
        raise FootfallError(f"can't listen on {host}:{port}: {reason}. Choose another with --host and --port") from None


def application() -> Callable[..., Any]:
    """The ASGI application of the worker."""
    from footfall.dashboards_preview import app
    from footfall.grafana.query.postgres import Postgres
    from footfall.grafana.query.prometheus import Prometheus

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    options = msgspec.json.decode(os.environ[OPTIONS], type=Options)
    postgres = Postgres(connections.reader(load_settings()))
    where = app.Options(Path(options.folder), (options.host, *options.hosts))
    return app.create(where, postgres, Prometheus.of_environment())
