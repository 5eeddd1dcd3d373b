"""The collector as a service of its own: collect."""

from __future__ import annotations

import click

from footfall.settings import load_settings


@click.command()
@click.option("--address", help="Where to listen; COLLECTOR_ADDRESS by default, which is loopback.")
@click.option("--port", type=click.IntRange(1, 65535), help="COLLECTOR_PORT by default.")
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Processes.")
@click.option(
    "--trusted-proxy", "trusted_proxies", multiple=True, metavar="ADDRESS|NETWORK",
    help="A load balancer whose X-Forwarded-For is believed; may be given several times.",
)  # fmt: skip
@click.option(
    "--rate-per-address", "per_address", type=click.IntRange(0), default=100, show_default=True,
    help="Requests a second of one address; 0 for any number.",
)  # fmt: skip
@click.option("--certificate", type=click.Path(), help="Serve TLS with this chain of certificates (PEM).")
@click.option("--key", type=click.Path(), help="The certificate's key (PEM, PKCS#8).")
def collect(
    address: str | None, port: int | None, workers: int, trusted_proxies: tuple[str, ...], per_address: int,
    certificate: str | None, key: str | None,
) -> None:  # fmt: skip
    """Take events over HTTP, as Segment's SDKs and footfall.js send them, and write them to the topic."""
    from footfall.collector.server import Options, serve

    if bool(certificate) != bool(key):
        raise click.UsageError("--certificate and --key go together")
    settings = load_settings()
    serve(
        settings,
        Options(
            address=address or settings.values["COLLECTOR_ADDRESS"],
            port=port or settings.port("COLLECTOR_PORT"),
            workers=workers,
            trusted_proxies=trusted_proxies,
            per_address=per_address,
            certificate=certificate,
            key=key,
        ),
    )
