"""Commands that ask the running sidecar: its address, its token, and one request."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, cast

import click

from smartsort.errors import ConfigurationError, SmartsortError
from smartsort.files.shown import each_text, one_line, well_formed

BASE = "/api/smart-download"
_TOKEN_FILE = "api-token"  # noqa: S105 - a file's name, below the root
_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}  # noqa: S104 - to be replaced


def sidecar_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--url`, `--token`, `--config` and `--root`, for commands that ask the running sidecar."""
    for option in (
        click.option("--root", metavar="DIR", help="The root folder (SMARTSORT_ROOT)."),
        click.option("--config", "config_path", metavar="FILE", help="TOML or JSON (SMARTSORT_CONFIG)."),
        click.option("--token", metavar="TOKEN", envvar="SMARTSORT_TOKEN", help="SMARTSORT_TOKEN."),
        click.option(
            "--url", metavar="URL", envvar="SMARTSORT_URL", help="SMARTSORT_URL; from the settings."
        ),
    ):
        command = option(command)
    return command


@dataclass(frozen=True, slots=True)
class Sidecar:
    """A running sidecar, as seen from outside. `transport` is for tests."""

    url: str
    token: str
    transport: Any = None

    def ask(
        self, method: str, route: str, body: dict[str, Any] | None = None, **query: Any
    ) -> dict[str, Any]:
        """The answer's JSON. Raises SmartsortError with what the sidecar said, or that none answers."""
        import httpx

        parameters = {key: value for key, value in query.items() if value is not None}
        with httpx.Client(
            base_url=self.url,
            headers={"Authorization": f"Bearer {self.token}"},
            # Bulk actions touch many files before they answer.
            timeout=httpx.Timeout(10.0, read=600.0),
            trust_env=False,
            transport=self.transport,
        ) as client:
            try:
                answer = client.request(
                    method, f"{BASE}{route}", json=well_formed(body), params=well_formed(parameters)
                )
            except httpx.HTTPError as problem:
                raise SmartsortError(
                    f"no sidecar answers at {self.url} ({type(problem).__name__}); start it with "
                    "`smartsort serve`, or say where it is with --url"
                ) from problem
        if answer.is_success:
            # People and files may be called anything; printed, it must not steer the terminal.
            return cast("dict[str, Any]", each_text(answer.json(), one_line))
        raise SmartsortError(_refusal(answer))


def _refusal(answer: Any) -> str:
    try:
        detail = answer.json()["detail"]
    except (ValueError, KeyError, TypeError):
        detail = "no reason given"
    hint = " (give --token or SMARTSORT_TOKEN)" if answer.status_code == 401 else ""
    return f"the sidecar refused it: {detail}{hint}"


def sidecar_of(config_path: str | None, root: str | None, url: str | None, token: str | None) -> Sidecar:
    """The sidecar the options and settings mean. Raises ConfigurationError when they do not tell."""
    if url and token:
        return Sidecar(url.rstrip("/"), token)
    from smartsort.cli.common import load

    settings = load(config_path, root)
    if not url:
        host = settings.api.host
        host = _ANY_ADDRESS.get(host, f"[{host}]" if ":" in host else host)
        if settings.api.port == 0:
            raise ConfigurationError("api.port is 0, so the sidecar took a free port; say which with --url")
        url = f"http://{host}:{settings.api.port}"
    if not token and settings.api.token is not None:
        token = settings.api.token.get_secret_value()
    return Sidecar(url.rstrip("/"), token or _kept_token(os.fspath(settings.root)))


def _kept_token(root: str) -> str:
    """The token a sidecar without one in its settings made for itself."""
    path = os.path.join(root, _TOKEN_FILE)
    try:
        with open(path, encoding="utf-8") as file:
            return file.read().strip()
    except OSError as problem:
        raise ConfigurationError(
            f"no API token is set and {path} cannot be read ({problem.strerror}); "
            "give --token, set api.token, or start the sidecar once"
        ) from problem


def add_row(table: Any, *cells: object) -> None:
    """A row of plain text: a file's name may look like markup, and is none."""
    from rich.text import Text

    table.add_row(*(Text(str(cell)) for cell in cells))


def with_companions(text: str, one: dict[str, Any]) -> str:
    """The text with the files that go the same way."""
    company = one.get("companions")
    return f"{text} (with {', '.join(company)})" if company else text


def tell_decided(answer: dict[str, Any]) -> int:
    """Print what became, or in a dry run would become, of each photo; 1 when something failed."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    table = Table("photo", "what", "where or why not", "event")
    for one in answer["decided"]:
        where = with_companions(one.get("problem") or one.get("destination") or "", one)
        event = one.get("event")
        add_row(table, one["id"], one["action"], where, event or "")
    for one in answer.get("changed", ()):
        add_row(table, one["id"], "left alone", one["reason"], "")
    if table.rows:
        console.print(table)
    for line in _totals(answer):
        console.print(line, soft_wrap=True)
    return 1 if answer["failed"] else 0


def _totals(answer: dict[str, Any]) -> Iterator[str]:
    done, failed, group = answer["done"], answer["failed"], answer.get("event")
    if answer.get("preview"):
        yield f"would be done: {done}, not possible: {failed}; nothing is changed yet"
    else:
        tell = f"; `smartsort undo --event {group}` takes all of it back" if group else ""
        yield f"{done} done, {failed} failed{tell}"
    if answer.get("excluded"):
        kinds = ", ".join(f"{number} {kind}" for kind, number in answer["counts"].items())
        yield f"{answer['excluded']} left out ({kinds}); add them with --include"
    if answer.get("changed"):
        yield f"{len(answer['changed'])} left alone: changed or new since the preview"


def preview_and_do(
    sidecar: Sidecar, route: str, asked: dict[str, Any], question: str, *, dry_run: bool, yes: bool
) -> int:
    """Show what an action would do, ask on a terminal, and do exactly what was shown.

    Returns the exit status. Raises click.UsageError when there is no terminal to ask on.
    """
    plan = sidecar.ask("POST", route, asked | {"dry_run": True})
    status = 0 if yes else tell_decided(plan)
    if dry_run or not (plan["done"] or yes):
        return tell_decided(plan) if yes else status
    confirm(question.format(plan["done"]), yes=yes)
    return tell_decided(sidecar.ask("POST", route, {"preview": plan["preview"]}))


def on_a_terminal() -> bool:
    """True when somebody can answer a question."""
    return sys.stdin.isatty()


def confirm(question: str, *, yes: bool) -> None:
    """Ask on a terminal. Raises click.Abort for no, click.UsageError where nobody can answer."""
    if yes:
        return
    if not on_a_terminal():
        raise click.UsageError("There is no terminal to ask on. Add --yes to do it, --dry-run to look only.")
    click.confirm(question, abort=True)
