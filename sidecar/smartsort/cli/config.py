"""`smartsort config`: the settings in force, and those of a running smartsort."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import click

from smartsort.cli.common import load, settings_options
from smartsort.cli.output import examples, json_option, nearest, print_json, print_table
from smartsort.cli.sidecar import Sidecar, with_sidecar


@click.group(
    "config",
    invoke_without_command=True,
    epilog=examples(
        "smartsort config --root /data",
        "smartsort config get thresholds.min_confidence",
        "smartsort config set thresholds.min_confidence 0.7",
    ),
)
@settings_options
@json_option
@click.pass_context
def command(context: click.Context, config_path: str | None, root: str | None, *, as_json: bool) -> None:
    """Show every setting, its value and where it comes from. Secrets are masked.

    `config` reads the configuration. `config get` and `config set` ask the running sidecar.
    """
    if context.invoked_subcommand is not None:
        return
    settings = load(config_path, root)
    values = settings.redacted()
    if as_json:
        print_json(values)
        return
    click.echo(str(settings.config_file or "no configuration file"), err=True)
    print_table(
        ("setting", "value", "from"),
        ((key, json.dumps(value, ensure_ascii=False), settings.origin(key)) for key, value in _flat(values)),
    )


def _flat(values: Mapping[str, object], before: str = "") -> Iterator[tuple[str, object]]:
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{before}{key}.")
        else:
            yield before + key, value


@command.command(
    "get", epilog=examples("smartsort config get", "smartsort config get thresholds.min_confidence")
)
@with_sidecar
@click.argument("key", required=False)
@json_option
def get(sidecar: Sidecar, *, key: str | None, as_json: bool) -> None:
    """Show the settings of the running smartsort, or the value of KEY alone."""
    answer = sidecar.ask("GET", "/config")
    values = dict(_flat(answer["config"]))
    if key is not None:
        below = {name: value for name, value in values.items() if name == key or name.startswith(f"{key}.")}
        if not below:
            raise click.UsageError(f"There is no setting {key!r}.{nearest(key, values)}")
        values = below
    if as_json:
        print_json(values.get(key or "", values))
    elif key in values:
        value = values[key]
        click.echo(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
    else:
        changed = set(answer["changed"])
        print_table(
            ("setting", "value", "changed"),
            (
                (name, json.dumps(value, ensure_ascii=False), "at run time" if name in changed else "")
                for name, value in values.items()
            ),
        )


@command.command(
    "set",
    epilog=examples(
        "smartsort config set thresholds.min_confidence 0.7",
        "smartsort config set deduplication.action_on_duplicate skip",
        "smartsort config set review_categories.unwanted_person false",
    ),
)
@with_sidecar
@click.argument("key")
@click.argument("value")
def change(sidecar: Sidecar, *, key: str, value: str) -> None:
    """Set KEY to VALUE in the running smartsort.

    The value survives a restart and overrides the configuration. Photos that are filed stay where they are.
    `smartsort what-if` shows what another value would do to them. Change all other settings in the
    configuration file.
    """
    from smartsort.runtime_settings import POLICY_KEYS

    names = {setting: name for name, setting in POLICY_KEYS.items()}
    known = dict(_flat(sidecar.ask("GET", "/config")["config"]))
    group, _, last = key.rpartition(".")
    if key in names:
        body: dict[str, Any] = {names[key]: _value(value)}
    elif group in names and key in known:
        body = {names[group]: {last: _value(value)}}
    elif key in known:
        raise click.UsageError(f"{key} cannot change at run time. {_INSTEAD.get(key, _IN_THE_FILE)}")
    else:
        raise click.UsageError(f"There is no setting {key!r}.{nearest(key, known)}")
    now = dict(_flat(sidecar.ask("PATCH", "/config", body)["config"]))
    click.echo(f"{key} is {json.dumps(now[key], ensure_ascii=False)}")


_IN_THE_FILE = "Set it in the configuration file and restart smartsort."
_INSTEAD = {
    "enabled": "Use `smartsort enable` or `smartsort disable`.",
    "whitelist": "Use `smartsort people whitelist add` or `remove`.",
    "blacklist": "Use `smartsort people blacklist add` or `remove`.",
}


def _value(text: str) -> object:
    """Return a number, true or false as such, and everything else as text."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, bool | int | float) else text
