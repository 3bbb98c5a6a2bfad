"""Commands that ask the running sidecar: its address, its token, and one request."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import click

from smartsort.cli.common import load, settings_options
from smartsort.cli.output import print_json, print_table
from smartsort.errors import ConfigurationError, SmartsortError
from smartsort.files.shown import each_text, one_line, well_formed

BASE = "/api/smart-download"
_TOKEN_FILE = "api-token"  # noqa: S105 - a file's name, below the root
_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}  # noqa: S104 - to be replaced


def sidecar_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--url`, `--token`, `--config` and `--root`, for commands that ask the running sidecar."""
    token = click.option(
        "--token", metavar="TOKEN", envvar="SMARTSORT_TOKEN", help="The sidecar's token (SMARTSORT_TOKEN)."
    )
    url = click.option(
        "--url",
        metavar="URL",
        envvar="SMARTSORT_URL",
        help="The sidecar's address (SMARTSORT_URL, default from the settings).",
    )
    return url(token(settings_options(command)))


def with_sidecar(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give the command a `sidecar`. Its options say which. It is looked up with the first request."""

    @functools.wraps(command)
    def called(
        *,
        config_path: str | None = None,
        root: str | None = None,
        url: str | None = None,
        token: str | None = None,
        **options: Any,
    ) -> Any:
        return command(sidecar=Sidecar(config_path, root, url, token), **options)

    return sidecar_options(called)


@dataclass(slots=True)
class Sidecar:
    """A running sidecar, as seen from outside: where the options and settings say it is."""

    config_path: str | None
    root: str | None
    url: str | None
    token: str | None

    def ask(self, method: str, route: str, body: dict[str, Any] | None = None, **query: Any) -> Any:
        """Return the answer's JSON.

        Raises SmartsortError with what the sidecar said, or that none answers.
        """
        # People and files may be called anything. Printed, it must not steer the terminal.
        return each_text(self._answer(method, f"{BASE}{route}", body, query).json(), one_line)

    def picture(self, path: str) -> bytes:
        """Return a picture by the path that an answer gave. Raises as `ask`."""
        return bytes(self._answer("GET", path, None, {}).content)

    def _answer(self, method: str, path: str, body: dict[str, Any] | None, query: dict[str, Any]) -> Any:
        import httpx

        url, token = self._address()
        parameters = {key: value for key, value in query.items() if value is not None}
        with httpx.Client(
            base_url=url,
            headers={"Authorization": f"Bearer {token}"},
            # Bulk actions touch many files before they answer.
            timeout=httpx.Timeout(10.0, read=600.0),
            trust_env=False,
        ) as client:
            try:
                answer = client.request(method, path, json=well_formed(body), params=well_formed(parameters))
            except httpx.HTTPError as problem:
                raise SmartsortError(
                    f"Cannot connect to smartsort at {url} ({type(problem).__name__}). Start it with "
                    "`smartsort serve`, or set --url."
                ) from problem
        if answer.is_success:
            return answer
        raise SmartsortError(_refusal(answer))

    def pages(self, route: str, **query: Any) -> Iterator[dict[str, Any]]:
        """Yield the pages of a list, each requested when it is needed. Raises as `ask`."""
        cursor = None
        while True:
            page = self.ask("GET", route, cursor=cursor, **query)
            yield page
            cursor = page.get("next_cursor")
            if cursor is None:
                return

    def _address(self) -> tuple[str, str]:
        """Return URL and token. Raises ConfigurationError if options and settings have none."""
        if not (self.url and self.token):
            self.url, self.token = self._from_settings()
        return self.url, self.token

    def _from_settings(self) -> tuple[str, str]:
        try:
            settings = load(self.config_path, self.root)
        except ConfigurationError as problem:
            if self.url and not (self.config_path or self.root):
                raise ConfigurationError(
                    f"There is no token for {self.url}. Give --token or set SMARTSORT_TOKEN."
                ) from problem
            raise
        url = self.url
        if not url:
            host = settings.api.host
            host = _ANY_ADDRESS.get(host, f"[{host}]" if ":" in host else host)
            if settings.api.port == 0:
                raise ConfigurationError(
                    "api.port is 0, so the sidecar took a free port. Give it with --url."
                )
            url = f"http://{host}:{settings.api.port}"
        token = self.token
        if not token and settings.api.token is not None:
            token = settings.api.token.get_secret_value()
        return url.rstrip("/"), token or _kept_token(os.fspath(settings.root))


def _refusal(answer: Any) -> str:
    try:
        detail = answer.json()["detail"]
    except (ValueError, KeyError, TypeError):
        detail = "no reason given"
    hint = " (give --token or SMARTSORT_TOKEN)" if answer.status_code == 401 else ""
    return f"smartsort refused the request: {detail}{hint}"


def _kept_token(root: str) -> str:
    """Return the token that a sidecar without one in its settings made for itself."""
    path = os.path.join(root, _TOKEN_FILE)
    try:
        with open(path, encoding="utf-8") as file:
            return file.read().strip()
    except OSError as problem:
        raise ConfigurationError(
            f"No API token is set, and {path} cannot be read ({problem.strerror}). "
            "Give --token, set api.token, or start the sidecar once."
        ) from problem


def with_companions(text: str, one: dict[str, Any]) -> str:
    """Return the text with the files that go the same way."""
    company = one.get("companions")
    return f"{text} (with {', '.join(company)})" if company else text


def tell_decided(answer: dict[str, Any], *, as_json: bool = False) -> int:
    """Print what happened (or would happen) to each photo. Return 1 if something failed."""
    if as_json:
        print_json(answer)
    elif answer.get("text"):
        click.echo(answer["text"])
    else:
        print_table(("photo", "what", "where or why not", "event"), _decided(answer))
        for line in _totals(answer):
            click.echo(line)
    return 1 if answer["failed"] else 0


def _decided(answer: dict[str, Any]) -> Iterator[tuple[object, ...]]:
    for one in answer["decided"]:
        where = with_companions(one.get("problem") or one.get("destination") or "", one)
        yield one["id"], one["action"], where, one.get("event")
    for one in answer.get("changed", ()):
        yield one["id"], "left alone", one["reason"], None


def _totals(answer: dict[str, Any]) -> Iterator[str]:
    done, failed, group = answer["done"], answer["failed"], answer.get("event")
    if answer.get("preview"):
        yield f"would be done: {done}, not possible: {failed}. Nothing has changed yet."
    else:
        tell = f". Undo: `smartsort undo --event {group}`" if group else ""
        yield f"{done} done, {failed} failed{tell}"
    if answer.get("excluded"):
        kinds = ", ".join(f"{number} {kind}" for kind, number in answer["counts"].items())
        yield f"{answer['excluded']} left out ({kinds}). Add them with --include."
    if answer.get("changed"):
        yield f"{len(answer['changed'])} left alone: changed or new since the preview"


def preview_and_do(
    sidecar: Sidecar,
    route: str,
    asked: dict[str, Any],
    question: str,
    *,
    dry_run: bool,
    yes: bool,
    as_json: bool = False,
) -> int:
    """Show what an action would do, ask on a terminal, and do exactly what was shown.

    Return the exit status. Raises click.UsageError without a terminal to ask on.
    """
    plan = sidecar.ask("POST", route, asked | {"dry_run": True})
    if dry_run or not (plan["done"] or yes):
        return tell_decided(plan, as_json=as_json)
    if not as_json and (plan.get("text") or not yes):
        tell_decided(plan)
    confirm(question.format(plan["done"]), yes=yes)
    return tell_decided(sidecar.ask("POST", route, {"preview": plan["preview"]}), as_json=as_json)


def on_a_terminal() -> bool:
    """Return True if the user can answer a question."""
    return sys.stdin.isatty()


def confirm(question: str, *, yes: bool) -> None:
    """Ask on a terminal. Raises click.Abort for no, click.UsageError without a terminal."""
    if yes:
        return
    if not on_a_terminal():
        raise click.UsageError(
            "There is no terminal to ask on. Add --yes to do it, or --dry-run to see what would happen."
        )
    click.confirm(question, abort=True, err=True)
