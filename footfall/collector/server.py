"""`footfall collect`: the application in several worker processes, with or without TLS, behind proxies or not."""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import signal
import socket
import ssl
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
from granian import Granian
from granian.constants import HTTPModes, Interfaces, Loops, SSLProtocols
from granian.http import HTTP1Settings
from granian.utils.proxies import wrap_asgi_with_proxy_headers

from footfall.database import connections
from footfall.errors import FootfallError
from footfall.settings import Settings, load_settings

PR_SET_PDEATHSIG = 1  # linux/prctl.h
OPTIONS = "FOOTFALL_COLLECTOR_OPTIONS"
HEADER_MILLISECONDS = 10_000  # for the head of a request, and for an idle connection to ask for more
HEAD_BYTES = 64 * 1024


class Options(msgspec.Struct, frozen=True):
    """What `footfall collect` is started with.

    trusted_proxies: addresses or networks whose X-Forwarded-For is believed. per_address: requests a second of one
    address, 0 for any number. certificate and key are files of PEM, both or none.
    """

    address: str
    port: int
    workers: int = 1
    trusted_proxies: tuple[str, ...] = ()
    per_address: int = 100
    certificate: str | None = None
    key: str | None = None


def serve(settings: Settings, options: Options) -> None:
    """Serve until SIGTERM or Ctrl-C; what is under way is finished first. Raises FootfallError."""
    connections.collector(settings)  # says which password is missing before any worker is started
    _require_pair(options.certificate, options.key)
    _require_free(options.address, options.port)
    os.environ |= {**settings.environment(), OPTIONS: msgspec.json.encode(options).decode()}
    with _shared_metrics() if options.workers > 1 else contextlib.nullcontext():
        server = Granian(
            "footfall.collector.server:application",
            factory=True,
            address=options.address,
            port=options.port,
            interface=Interfaces.ASGI,
            workers=options.workers,
            respawn_failed_workers=True,
            workers_kill_timeout=20,
            http=HTTPModes.auto,
            websockets=False,
            loop=Loops.uvloop,
            http1_settings=HTTP1Settings(header_read_timeout=HEADER_MILLISECONDS, max_buffer_size=HEAD_BYTES),
            log_access=False,
            ssl_cert=Path(options.certificate) if options.certificate else None,
            ssl_key=Path(options.key) if options.key else None,
            ssl_protocol_min=SSLProtocols.tls12,
        )
        server.serve()


@contextlib.contextmanager
def _shared_metrics() -> Iterator[None]:
    """A folder for the metrics of several workers. One alone counts in its memory, in a third of the time."""
    with tempfile.TemporaryDirectory(prefix="footfall-collector-") as folder:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        yield


def _require_pair(certificate: str | None, key: str | None) -> None:
    """Raise FootfallError where these can't be served with: the server itself would only say so with a stack."""
    if certificate is None or key is None:
        return
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(certificate, key, password="")
        is_pkcs8 = b"BEGIN PRIVATE KEY" in Path(key).read_bytes()
    except (OSError, ValueError) as error:
        raise FootfallError(f"can't use {certificate} with {key}: {error}") from None
    if not is_pkcs8:
        raise FootfallError(f"{key} is no PKCS#8: `openssl pkcs8 -topk8 -nodes -in {key}` writes it as one")


def _require_free(address: str, port: int) -> None:
    try:
        with socket.create_server((address, port), family=socket.AF_INET6 if ":" in address else socket.AF_INET):
            pass
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
        raise FootfallError(
            f"can't listen on {address}:{port}: {reason}. Choose another with --address and --port, or COLLECTOR_PORT=…"
        ) from None


def _end_with_parent() -> None:
    """A worker whose parent was killed would serve on, unseen, and keep the port (Linux alone reports it)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def application() -> Callable[..., Any]:
    """The ASGI application of one worker."""
    from footfall.collector.app import Parts, create
    from footfall.collector.producer import Broker
    from footfall.collector.rate_limits import Rates
    from footfall.collector.salts import Salts
    from footfall.collector.site_settings import SiteCache

    _end_with_parent()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    settings = load_settings()
    options = msgspec.json.decode(os.environ[OPTIONS], type=Options)
    address = connections.collector(settings)
    parts = Parts(
        sites=SiteCache(address),
        salts=Salts(address),
        broker=Broker(settings),
        rates=Rates(options.workers),
        per_address=options.per_address,
    )
    app: Callable[..., Any] = create(parts)
    if options.trusted_proxies:
        app = wrap_asgi_with_proxy_headers(app, list(options.trusted_proxies))
    return app
