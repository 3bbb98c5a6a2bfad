"""Put the layers of configuration together and say everything that is wrong with them at once."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from smartsort.config.checks import cross_checks, remarks
from smartsort.config.describe import leaves
from smartsort.config.layers import find_file, from_environment, from_file, from_flags
from smartsort.config.problems import (
    Given,
    InvalidSettings,
    Layer,
    Problem,
    explain,
    in_order,
    origin_of,
    shown,
    without_secrets,
)
from smartsort.config.settings import Settings


def load_settings(
    config_path: str | os.PathLike[str] | None = None,
    env: Mapping[str, str] | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Settings:
    """Return the settings from flags (`overrides`), environment, file and defaults, in this order of rank.

    `overrides` has dotted keys or nested tables. None stands for a flag that was not given. `env` is the
    process environment unless given. Raises InvalidSettings, a ConfigurationError, with all problems.
    """
    env = os.environ if env is None else env
    problems: list[Problem] = []
    flags = from_flags(overrides or {}, problems)
    variables, warnings = from_environment(env)
    variables = {key: given for key, given in variables.items() if not _stands_for_none(key, given)}
    path = find_file(config_path, env, flags, variables)
    written = from_file(path, problems) if path is not None else {}
    merged = _merge([written, variables, flags], warnings)
    settings = _build(merged, problems)
    if settings is None or problems:
        raise InvalidSettings(in_order(without_secrets(problems, merged)))
    settings._warnings = (*warnings, *remarks(settings, root_given="root" in merged))  # noqa: SLF001
    settings._origins = {key: given.origin for key, given in merged.items()}  # noqa: SLF001
    settings._config_file = path  # noqa: SLF001
    return settings


def _stands_for_none(key: str, given: Given) -> bool:
    """Return True for a secret's file that is a device: Compose mounts /dev/null where no file is given."""
    try:
        return key.endswith("_file") and stat.S_ISCHR(os.stat(given.value).st_mode)
    except (OSError, ValueError):
        return False


def _merge(layers: list[Layer], warnings: list[str]) -> Layer:
    """Later layers win. A secret given as text or as file replaces the other form from below."""
    merged: Layer = {}
    for layer in layers:
        for key, given in layer.items():
            other = key.removesuffix("_file") if key.endswith("_file") else f"{key}_file"
            if other in merged and other not in layer and leaves()[key].secret | leaves()[other].secret:
                dropped = merged.pop(other)
                warnings.append(f"{other} ({dropped.origin}) is replaced by {key} ({given.origin})")
            merged[key] = given
    return merged


def _build(merged: Layer, problems: list[Problem]) -> Settings | None:
    """Return the settings without what is wrong, so that the checks between settings see the rest."""
    good = {key: given.value for key, given in merged.items()}
    wrong: set[str] = {problem.key for problem in problems}
    while True:
        errors = None
        try:
            settings = Settings.model_validate(_nest(good))
            break
        except ValidationError as error:
            errors = error.errors(include_url=False)
        # Outside the except block: the validation error must not hang on as context, it knows the values.
        places = [error["loc"] for error in errors]
        found = [
            explain(error, merged)
            for error in errors
            # A list whose only part is wrong counts as empty too. That is said once.
            if error["type"] != "too_short" or not any(_is_below(place, error["loc"]) for place in places)
        ]
        problems.extend(problem for problem, _ in found)
        spoilt = {key for _, key in found}
        wrong |= spoilt
        if not spoilt & {*good, "root"}:
            return None
        good = {key: value for key, value in good.items() if key not in spoilt}
        if "root" in spoilt:
            good["root"] = "/root-is-not-known"
    problems.extend(
        Problem(key, origin_of(merged, key), shown(key, merged, settings), message)
        for keys, message in cross_checks(settings)
        if not wrong.intersection(keys) and not ("root" in wrong and keys[0].startswith("directories."))
        for key in keys[:1]
    )
    return settings


def _is_below(place: tuple[int | str, ...], other: tuple[int | str, ...]) -> bool:
    return len(place) > len(other) and place[: len(other)] == other


def _nest(flat: Mapping[str, Any]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for key, value in flat.items():
        *groups, name = key.split(".")
        table = nested
        for group in groups:
            table = table.setdefault(group, {})
        table[name] = value
    return nested
