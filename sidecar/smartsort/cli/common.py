"""Options and habits that commands share."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from smartsort.cli.logged import LimitedHandler
from smartsort.files.shown import one_line

if TYPE_CHECKING:
    from smartsort.config import Settings


def settings_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--config` and `--root`, for every command that works on a root."""
    for option in (
        click.option("--root", metavar="DIR", help="The root folder (SMARTSORT_ROOT)."),
        click.option(
            "--config",
            "config_path",
            metavar="FILE",
            help="The configuration file, TOML or JSON (SMARTSORT_CONFIG).",
        ),
    ):
        command = option(command)
    return command


def load(config_path: str | None, root: str | None, overrides: Mapping[str, Any] | None = None) -> Settings:
    """Return the settings in force. Warnings go to the log."""
    from smartsort.config import load_settings

    settings = load_settings(config_path, overrides={**(overrides or {}), "root": root})
    for warning in settings.warnings:
        logging.getLogger("smartsort").warning("%s", warning)
    return settings


@contextmanager
def _missing(name: str) -> Iterator[None]:
    """Meanwhile there is no such module for whoever could do with it, unless it is loaded already."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[name]


def _plain(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """No name, address or answer of somebody else's starts a line or steers the terminal."""
    event["event"] = one_line(str(event.get("event", "")))
    if "exception" in event:
        lines = event["exception"].split("\n")
        event["exception"] = "\n".join(f"  {one_line(line)}" for line in lines)
    return event


def configure_logging(level: str, form: str) -> None:
    """Log to standard error, as text for people or as one JSON object a line, until the command has ended."""
    with _missing("rich"):
        # structlog would load rich for tracebacks with all local variables, and one of them may be a token.
        import structlog

    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        _plain,
    ]
    renderer: Any = structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
    )
    if form == "json":
        renderer = structlog.processors.JSONRenderer()
    handler = LimitedHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
            foreign_pre_chain=shared,
        )
    )
    root = logging.getLogger()
    if (command := click.get_current_context(silent=True)) is not None:
        # Its stream may be closed then. The last of these comes first.
        command.call_on_close(handler.close)
        command.call_on_close(partial(root.setLevel, root.level))
        command.call_on_close(partial(root.handlers.__setitem__, slice(None), root.handlers[:]))
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # One line a request would bury everything else.
    for noisy in ("httpx", "httpcore", "uvicorn", "watchfiles"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
