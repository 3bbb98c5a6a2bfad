"""`smartsort serve`: the sidecar."""

from __future__ import annotations

import asyncio

import click

from smartsort.cli.common import configure_logging, load, settings_options
from smartsort.cli.output import examples


@click.command(
    "serve",
    epilog=examples("smartsort serve --root /data", "smartsort serve --config smartsort.toml --port 8484"),
)
@settings_options
@click.option("--host", help="Address to listen on (SMARTSORT_API__HOST, default 127.0.0.1).")
@click.option("--port", type=int, help="Port to listen on (SMARTSORT_API__PORT, default 8484).")
def command(config_path: str | None, root: str | None, host: str | None, port: int | None) -> None:
    """Watch the inbox and sort what arrives, until SIGTERM or Ctrl-C."""
    settings = load(config_path, root, {"api.host": host, "api.port": port})
    configure_logging(settings.log.level, settings.log.format)

    from smartsort.service import serve

    asyncio.run(serve(settings))
