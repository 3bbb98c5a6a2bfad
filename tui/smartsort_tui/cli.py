"""`smartsort-tui`: the command. What is slow is imported late, while the terminal answers."""

# ruff: noqa: PLC0415  (imported while the terminal answers, and --help stays fast)
from __future__ import annotations

import gc
import os
import sys
from typing import TYPE_CHECKING, Any

import click

from smartsort_tui import settings as settings_module
from smartsort_tui.terminal import Probe, Terminal, quiet_import, tell

if TYPE_CHECKING:
    from smartsort_tui.settings import Settings

FRAMES_A_SECOND = "120"


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--url", metavar="URL", help="The sidecar's address (SMARTSORT_URL, default http://127.0.0.1:8484)."
)
@click.option(
    "--token",
    metavar="TOKEN",
    help="The sidecar's token. Other users of this machine can see it, so --token-file is safer.",
)
@click.option("--token-file", metavar="FILE", help="A file that holds the token (SMARTSORT_TOKEN_FILE).")
@click.option(
    "--images",
    type=click.Choice(["auto", "kitty", "sixel", "halfblocks", "none"]),
    help="How pictures are drawn. `auto` asks the terminal.",
)
@click.option(
    "--colors",
    type=click.Choice(["auto", "truecolor", "256", "16"]),
    help="How many colours are drawn. `auto` asks the terminal.",
)
@click.option("--theme", metavar="NAME", help="smartsort-dark, smartsort-light, or any theme of Textual.")
@click.option("--config", metavar="FILE", help="The settings file (default ~/.config/smartsort/tui.toml).")
@click.option("--version", is_flag=True, help="Show the version and stop.")
def command(**options: Any) -> None:
    """Review the photos that smartsort could not sort by itself.

    In the sidecar's container no option is needed. From elsewhere, give --url and a token.
    """
    if options["version"]:
        from smartsort import __version__

        click.echo(f"smartsort-tui {__version__}")
        return
    try:
        settings = settings_module.load(
            os.environ,
            **{
                key: options[key]
                for key in ("url", "token", "token_file", "images", "colors", "theme", "config")
            },
        )
        _run(settings)
    except settings_module.SettingsProblem as problem:
        click.echo(f"smartsort-tui: {problem}", err=True)
        sys.exit(2)


def _run(settings: Settings) -> None:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise settings_module.SettingsProblem(
            "this needs a terminal. With Docker use docker exec -it, or open the sidecar's page in a browser."
        )
    _leave_out_unneeded()
    if settings.colours != "auto":
        os.environ.pop("TEXTUAL_COLOR_SYSTEM", None)
    # Read by Textual when it is imported. A key waits for the next frame: shorter frames answer it sooner.
    os.environ.setdefault("TEXTUAL_FPS", FRAMES_A_SECOND)
    # What is imported stays: a search for garbage meanwhile finds nothing and takes a tenth of the time.
    gc.disable()
    probe = Probe(settings.images, settings.colours)
    try:
        from smartsort_tui.app import SmartsortApp
        from smartsort_tui.keys import check_keys, check_theme
        from smartsort_tui.screens.review import ReviewScreen  # noqa: F401  (needed at once)
    finally:
        terminal = probe.answer()
    tell(terminal.colours, os.environ)
    check_theme(settings.theme)
    check_keys(settings.keys)
    _prepare_graphics(terminal)
    # Everything imported stays. Looking through it for garbage again and again costs keys their speed.
    gc.freeze()
    gc.enable()
    SmartsortApp(settings, terminal).run()


def _leave_out_unneeded() -> None:
    """What libraries load unasked: httpx its command line, pydantic a list of all that is installed."""
    sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")


def _prepare_graphics(terminal: Terminal) -> None:
    if terminal.images in ("kitty", "sixel"):
        with quiet_import(terminal.cell):
            import textual_image.widget  # noqa: F401  (its import asks the terminal otherwise)


def main() -> None:
    """The entry point."""
    command(prog_name="smartsort-tui")
