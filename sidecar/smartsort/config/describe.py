"""The settings as a list: keys, variables, what is allowed, defaults."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from smartsort.config.settings import Settings
from smartsort.config.values import Section, bare_type, holds_secret, is_section

PREFIX = "SMARTSORT_"


@dataclass(frozen=True, slots=True)
class SettingDoc:
    """One setting. `type` says in words what is allowed, `default` is as written in a file."""

    key: str
    env: str
    type: str
    default: str
    description: str
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Leaf:
    """One setting as the loader needs it."""

    key: str
    env: str
    field: FieldInfo
    secret: bool


def describe() -> list[SettingDoc]:
    """Return every setting there is, in the order of the model."""
    return [
        SettingDoc(
            key=leaf.key,
            env=leaf.env,
            type=allowed(leaf.field),
            default=_default(leaf.field),
            description=leaf.field.description or "",
            secret=leaf.secret,
        )
        for leaf in leaves().values()
    ]


@cache
def leaves() -> dict[str, Leaf]:
    """Every setting by its dotted key."""
    return {leaf.key: leaf for leaf in _walk(Settings, "")}


@cache
def sections() -> dict[str, str]:
    """Description of every group of settings by its dotted key. The top one is ""."""
    found = {"": "General"}

    def walk(model: type[Section], prefix: str) -> None:
        for name, field in model.model_fields.items():
            if is_section(field.annotation):
                found[prefix + name] = field.description or ""
                walk(field.annotation, f"{prefix}{name}.")  # type: ignore[arg-type]

    walk(Settings, "")
    return found


def _walk(model: type[Section], prefix: str) -> Iterator[Leaf]:
    for name, field in model.model_fields.items():
        key = prefix + name
        if is_section(field.annotation):
            yield from _walk(field.annotation, f"{key}.")  # type: ignore[arg-type]
        else:
            env = PREFIX + key.replace(".", "__").upper()
            yield Leaf(key, env, field, holds_secret(field.annotation))


def allowed(field: FieldInfo) -> str:
    """Return what a field takes, in words."""
    extra = field.json_schema_extra
    if isinstance(extra, dict) and isinstance(words := extra.get("allowed"), str):
        return words
    return _kind_in_words(bare_type(field.annotation), field.metadata)


def _kind_in_words(kind: Any, metadata: list[Any]) -> str:
    if kind is bool:
        return "true or false"
    if get_origin(kind) is Literal:
        return _either([str(choice) for choice in get_args(kind)])
    if kind in (int, float):
        return ("a whole number" if kind is int else "a number") + _range_in_words(metadata)
    if kind is SecretStr:
        return "a secret text"
    if isinstance(kind, type) and issubclass(kind, Path):
        return "a path"
    if get_origin(kind) is tuple:
        part = get_args(kind)[0]
        choices = f" out of {', '.join(get_args(part))}" if get_origin(part) is Literal else ""
        return f"a list{choices}"
    return "a text"


def _either(choices: list[str]) -> str:
    return choices[0] if len(choices) == 1 else f"{', '.join(choices[:-1])} or {choices[-1]}"


def _range_in_words(metadata: list[Any]) -> str:
    least = next((f"{rule.ge}" for rule in metadata if isinstance(rule, Ge)), None)
    above = next((f"{rule.gt}" for rule in metadata if isinstance(rule, Gt)), None)
    most = next((f"{rule.le}" for rule in metadata if isinstance(rule, Le)), None)
    below = next((f"{rule.lt}" for rule in metadata if isinstance(rule, Lt)), None)
    if least and most:
        return f" from {least} to {most}"
    words = [
        f"at least {least}" if least else "",
        f"above {above}" if above else "",
        f"at most {most}" if most else "",
        f"below {below}" if below else "",
    ]
    found = " and ".join(word for word in words if word)
    return f", {found}" if found else ""


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "must be set"
    value = field.get_default(call_default_factory=True)
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, tuple):
        return ", ".join(str(part) for part in value) or "empty"
    return "empty" if value == {} else str(value)
