"""The places settings come from: flags, environment and file, each as a flat table."""

from __future__ import annotations

import difflib
import json
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from smartsort.config.describe import PREFIX, leaves, sections
from smartsort.config.problems import WRAPPER, Given, Layer, Problem, did_you_mean
from smartsort.errors import ConfigurationError

CONFIG_VARIABLE = "SMARTSORT_CONFIG"
DEFAULT_FILE = "smartsort.toml"
COMMAND_LINE = "command line"

# Variables of this name space that are not settings of the sidecar.
_OTHER_VARIABLES = (CONFIG_VARIABLE, "SMARTSORT_DATA", "SMARTSORT_URL", "SMARTSORT_TOKEN")
_OTHER_PREFIXES = ("SMARTSORT_LIVE_", "SMARTSORT_TEST_", "SMARTSORT_TUI_")


def from_flags(overrides: Mapping[str, Any], problems: list[Problem]) -> Layer:
    """Return what the command line sets. A flag that was not given is None."""
    layer: Layer = {}
    nested: dict[str, Any] = {}
    for key, value in overrides.items():
        if key in leaves():
            layer[key] = Given(value, COMMAND_LINE)
        else:
            nested[key] = value
    layer.update(_flatten(nested, COMMAND_LINE, problems))
    return {key: given for key, given in layer.items() if given.value is not None}


def from_environment(env: Mapping[str, str]) -> tuple[Layer, list[str]]:
    """Return what variables set, and a warning for each that looks like a setting and is none."""
    by_variable = {leaf.env: leaf for leaf in leaves().values()}
    layer: Layer = {}
    warnings = []
    for name, text in env.items():
        if name in by_variable:
            # Compose passes ${NAME:-} as an empty text. An empty list is written [].
            if text.strip():
                layer[by_variable[name].key] = Given(text, name)
        elif (
            name.upper().startswith(PREFIX)
            and name not in _OTHER_VARIABLES
            and not name.startswith(_OTHER_PREFIXES)
        ):
            close = difflib.get_close_matches(name.upper(), by_variable, n=1, cutoff=0.75)
            hint = f". Did you mean {close[0]}?" if close else ""
            warnings.append(f"{name} is no setting of smartsort and does nothing{hint}")
    return layer, warnings


def find_file(
    config_path: str | os.PathLike[str] | None, env: Mapping[str, str], *layers: Layer
) -> Path | None:
    """Return the file to read: the one that was named, or `smartsort.toml` below the root if it is there."""
    if config_path is not None:
        return Path(config_path).expanduser()
    if text := env.get(CONFIG_VARIABLE, "").strip():
        return Path(text).expanduser()
    for layer in layers:
        if "root" in layer and isinstance(root := layer["root"].value, str | os.PathLike):
            path = Path(root).expanduser() / DEFAULT_FILE
            try:
                return path if path.exists() else None
            except OSError as error:
                raise ConfigurationError(
                    f"{path}: cannot be looked for ({error.strerror}). Give smartsort's user access to it"
                ) from None
    return None


def from_file(path: Path, problems: list[Problem]) -> Layer:
    """Return what a JSON or TOML file sets. Raises ConfigurationError when it cannot be read at all."""
    layer = _flatten(table_in(path), str(path), problems)
    folder = Path(os.path.abspath(path)).parent
    return {key: Given(_beside(folder, key, given.value), given.origin) for key, given in layer.items()}


def table_in(path: Path) -> dict[str, Any]:
    """Return the table of settings in a JSON or TOML file. Raises ConfigurationError without one."""
    content = _read_file(path)
    if isinstance(content, dict) and isinstance(content.get(WRAPPER), dict):
        # Beside the wrapper stand sections of other programs.
        content = content[WRAPPER]
    if not isinstance(content, dict):
        raise ConfigurationError(f"{path}: must hold a table of settings, or one named {WRAPPER!r}")
    return content


def _read_file(path: Path) -> Any:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ConfigurationError(
            f"{path}: cannot be read ({reason}). {CONFIG_VARIABLE} has to name a JSON or TOML file"
        ) from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path}: the configuration must be a text file in UTF-8") from None
    is_json = path.suffix.lower() == ".json" or (
        path.suffix.lower() != ".toml" and text.lstrip().startswith("{")
    )
    try:
        if is_json:
            return json.loads(text, object_pairs_hook=_table_without_repeats)
        return tomllib.loads(text)
    except json.JSONDecodeError as error:
        reason = f"{error.msg} at line {error.lineno}, column {error.colno}"
    except RecursionError:
        reason = "too many levels"
    except ValueError as error:
        reason = str(error)
    raise ConfigurationError(
        f"{path}: the configuration is not valid {'JSON' if is_json else 'TOML'}: {reason}"
    )


def _table_without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        names = [name for name, _ in pairs]
        repeated = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{repeated!r} stands twice in one table")
    return table


def _beside(folder: Path, key: str, value: Any) -> Any:
    """Return paths in a file are relative to the file, except the folders, which are relative to `root`."""
    if isinstance(value, list):
        return [_beside(folder, key, part) for part in value]
    if isinstance(value, dict):
        return {name: _beside(folder, f"{key}.{name}", part) for name, part in value.items()}
    is_path = key == "root" or (key.endswith("_file") and not key.startswith("directories."))
    if is_path and isinstance(value, str) and value.strip():
        return str(folder / Path(value).expanduser())
    return value


def _flatten(table: Mapping[str, Any], origin: str, problems: list[Problem], prefix: str = "") -> Layer:
    layer: Layer = {}
    for name, value in table.items():
        key = f"{prefix}{name}"
        if key in leaves():
            if value is not None:
                layer[key] = Given(value, origin)
        elif key in sections():
            if isinstance(value, Mapping):
                layer.update(_flatten(value, origin, problems, f"{key}."))
            elif value is not None:
                problems.append(Problem(key, origin, "", "must be a table of settings"))
        else:
            # The value of a mistyped key may be a secret, so it is not shown.
            problems.append(Problem(key, origin, "", f"is no setting{did_you_mean(key, prefix)}"))
    return layer
