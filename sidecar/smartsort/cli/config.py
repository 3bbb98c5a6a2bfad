"""`smartsort config`: the settings in force."""

from __future__ import annotations

import json

import click

from smartsort.cli.common import load, settings_options


@click.command("config")
@settings_options
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def command(config_path: str | None, root: str | None, as_json: bool) -> None:
    """Show every setting, its value and where it comes from. Secrets are masked."""
    from rich.console import Console
    from rich.table import Table

    settings = load(config_path, root)
    values = settings.redacted()
    if as_json:
        click.echo(json.dumps(values, indent=2, ensure_ascii=False))
        return
    table = Table("setting", "value", "from", title=str(settings.config_file or "no configuration file"))
    for key, value in _flat(values):
        table.add_row(key, json.dumps(value, ensure_ascii=False), settings.origin(key))
    Console().print(table)


def _flat(values: dict[str, object], before: str = "") -> list[tuple[str, object]]:
    rows: list[tuple[str, object]] = []
    for key, value in values.items():
        if isinstance(value, dict) and value:
            rows += _flat(value, f"{before}{key}.")
        else:
            rows.append((before + key, value))
    return rows
