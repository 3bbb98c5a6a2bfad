"""What is wrong with settings, in words that never hold a secret."""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from smartsort.config.describe import allowed, leaves, sections
from smartsort.config.settings import Settings
from smartsort.config.values import MASK, Section, masked_url
from smartsort.errors import ConfigurationError

WRAPPER = "smart_download"
_LONGEST_SHOWN = 120


@dataclass(frozen=True, slots=True)
class Given:
    """A value as it was written, and by whom."""

    value: Any
    origin: str


Layer = dict[str, Given]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: the key, where it was set, the value as it may be shown, what is allowed."""

    key: str
    origin: str
    value: str
    message: str

    def __str__(self) -> str:
        value = f" = {self.value}" if self.value else ""
        origin = f" ({self.origin})" if self.origin else ""
        return f"{self.key}{value}{origin}: {self.message}"


class InvalidSettings(ConfigurationError):
    """Settings are wrong. `problems` lists all of them."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = tuple(problems)
        count = "A setting is" if len(problems) == 1 else f"{len(problems)} settings are"
        super().__init__("\n  ".join([f"{count} wrong:", *map(str, problems)]))


def origin_of(merged: Layer, key: str) -> str:
    """Return where a value was given, "" for a default."""
    return merged[key].origin if key in merged else ""


def explain(error: Any, merged: Layer) -> tuple[Problem, str]:
    """Return the problem pydantic found, and the key of the setting that is spoilt by it.

    The two differ where a part of a list or table is wrong, or a secret that came from a file.
    """
    context = error.get("ctx", {})
    kind = error["type"]
    ours = kind == "setting"
    parts = [str(part) for part in error["loc"]]
    if ours:
        parts.append(str(context.get("key", "")))
    key = ".".join(parts)
    prefixes = (".".join(parts[:end]) for end in range(len(parts), 0, -1))
    owner = next((prefix for prefix in prefixes if prefix in merged), key)
    if owner == key and key not in merged and f"{key}_file" in merged:
        owner = f"{key}_file"
    leaf = leaves().get(owner)
    value = str(context.get("value", ""))
    if ours:
        message = error["msg"]
    elif kind == "missing":
        message = _MISSING.get(key, "must be set")
    elif kind == "extra_forbidden":
        message = "is no setting"
    else:
        if kind == "value_error":
            message = str(context.get("error", error["msg"]))
        elif leaf is not None and leaf.key == key:
            message = f"must be {allowed(leaf.field)}"
        else:
            message = error["msg"].replace("Input should", "must").replace("must be a valid", "must be a")
        value = "" if leaf is None or leaf.secret else _text(error.get("input"))
    return Problem(key, origin_of(merged, owner), value, message), owner


_MISSING = {
    "root": "is not set. Give the folder that holds everything, for example SMARTSORT_ROOT=/data",
}


def shown(key: str, merged: Layer, settings: Settings) -> str:
    """Return the value of a setting as a problem may show it: as it was written, nothing for a secret."""
    leaf = leaves().get(key)
    if leaf is None or leaf.secret:
        return ""
    if key in merged:
        return _text(merged[key].value)
    value: Any = settings
    for name in key.split("."):
        value = getattr(value, name)
    return _text(value)


def _text(value: Any) -> str:
    if isinstance(value, Section | SecretStr):
        return ""
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    try:
        text = json.dumps(value, ensure_ascii=False, default=repr)
    except (TypeError, ValueError):
        text = repr(value)
    text = masked_url(text.encode("utf-8", "backslashreplace").decode())
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…"


def without_secrets(problems: list[Problem], merged: Layer) -> list[Problem]:
    """Return the problems, with every known secret masked that got into another setting by mistake."""
    secrets = {
        text
        for key, given in merged.items()
        if leaves()[key].secret
        for text in _texts(given.value)
        if len(text) >= len(MASK)
    }
    ordered = sorted(secrets, key=len, reverse=True)

    def clean(text: str) -> str:
        for secret in ordered:
            text = text.replace(secret, MASK)
        return text

    return [
        Problem(problem.key, problem.origin, clean(problem.value), clean(problem.message))
        for problem in problems
    ]


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name, part in value.items():
            if name == "token":
                yield from _texts(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _texts(part)


def in_order(problems: list[Problem]) -> list[Problem]:
    """Return each problem once, in the order of the documentation."""
    rank = {key: number for number, key in enumerate(leaves())}
    unique = list(dict.fromkeys(problems))
    return sorted(unique, key=lambda problem: rank.get(problem.key, len(rank)))


def did_you_mean(key: str, prefix: str) -> str:
    """Return the end of a sentence that says which key may be meant. `prefix` is the section with its dot."""
    names = sorted({*leaves(), *sections()} - {""})
    siblings = [name for name in names if name.startswith(prefix) and "." not in name[len(prefix) :]]
    last = key.removeprefix(prefix).lower().replace("-", "_").replace(" ", "_")
    if not prefix and difflib.get_close_matches(last, [WRAPPER]):
        return f". Did you mean {WRAPPER}?"
    if close := difflib.get_close_matches(prefix + last, siblings, n=1, cutoff=0.7):
        return f". Did you mean {close[0]}?"
    # The right name in the wrong place.
    by_last: dict[str, list[str]] = {}
    for name in names:
        by_last.setdefault(name.rpartition(".")[2], []).append(name)
    if close := difflib.get_close_matches(last, by_last, n=1, cutoff=0.8):
        return f". Did you mean {' or '.join(by_last[close[0]])}?"
    return f". There are {', '.join(name[len(prefix) :] for name in siblings)}"
