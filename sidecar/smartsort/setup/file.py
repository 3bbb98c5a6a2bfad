"""The configuration file: what is in it stays, what is new is added, and nothing is lost on the way."""

from __future__ import annotations

import json
import os
import secrets
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from smartsort.config.problems import WRAPPER
from smartsort.errors import ConfigurationError
from smartsort.files.problems import storage_error

NAME = "smartsort.toml"


def read_table(path: str) -> dict[str, Any]:
    """Return the file as a table, empty when there is none.

    Raises ConfigurationError for one that is no TOML.
    """
    try:
        with open(path, "rb") as file:
            return tomllib.load(file)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"{path} cannot be read as it is ({error}). Repair it, or move it away and run setup again."
        ) from None


def with_values(table: Mapping[str, Any], values: Mapping[str, object]) -> dict[str, Any]:
    """Return the table with these dotted keys set, or taken away for None. Everything else is as it was."""
    changed: dict[str, Any] = json.loads(json.dumps(table, default=str))
    inner = changed[WRAPPER] if isinstance(changed.get(WRAPPER), dict) else changed
    for key, value in values.items():
        *groups, name = key.split(".")
        place = inner
        for group in groups:
            place = place.setdefault(group, {})
        if value is None:
            place.pop(name, None)
        else:
            place[name] = value
    return changed


def as_toml(table: Mapping[str, Any]) -> str:
    """Return the table as TOML: values first, then a section for each table in it."""
    lines: list[str] = []
    _section(table, "", lines)
    return "\n".join(lines).strip() + "\n"


def _section(table: Mapping[str, Any], prefix: str, lines: list[str]) -> None:
    lines += [
        f"{_key(name)} = {_value(value)}" for name, value in table.items() if not isinstance(value, dict)
    ]
    for name, value in table.items():
        if isinstance(value, dict):
            path = f"{prefix}{_key(name)}"
            lines += ["", f"[{path}]"]
            _section(value, f"{path}.", lines)


def _key(name: str) -> str:
    return name if name.replace("_", "").replace("-", "").isalnum() and name.isascii() else _value(name)


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(name)} = {_value(part)}" for name, part in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    # TOML's basic strings, numbers and truth values are JSON's, but for this one letter.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def write(path: str, text: str, now: datetime) -> str | None:
    """Write the file for its owner only, and return where a copy of the former one is, None without one.

    It belongs to whom its folder belongs to. Raises StorageError. Then the former file is untouched.
    """
    kept = None
    temporary = f"{path}.{secrets.token_hex(4)}.part"
    try:
        if os.path.exists(path):
            kept = _free(f"{path}.{now:%Y%m%d-%H%M%S}")
            with open(path, "rb") as former:
                _create(kept, former.read())
        _create(temporary, text.encode("utf-8"))
        os.replace(temporary, path)
    except (OSError, UnicodeEncodeError) as error:
        with suppress(OSError):
            os.unlink(temporary)
        if isinstance(error, UnicodeEncodeError):
            raise ConfigurationError(f"{path}: a path that is not UTF-8 cannot be written into it.") from None
        raise storage_error(error, "write", path) from error
    return kept


def _free(path: str) -> str:
    count, wanted = 1, path
    while os.path.lexists(path):
        count += 1
        path = f"{wanted}_{count}"
    return path


def _create(path: str, content: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        os.fchmod(handle, 0o600)
        give(handle, os.path.dirname(path))
        while content:
            content = content[os.write(handle, content) :]
        os.fsync(handle)
    finally:
        os.close(handle)


def give(path: str | int, folder: str) -> None:
    """Give what root made to the owner of the folder it lies in. The sidecar does not run as root."""
    if os.geteuid() == 0:
        status = os.stat(folder)
        with suppress(OSError):
            os.chown(path, status.st_uid, status.st_gid)


def make_folders(folder: str) -> None:
    """Make a folder and those above it. Raises StorageError."""
    missing = []
    while not os.path.isdir(folder):
        missing.append(folder)
        folder = os.path.dirname(folder)
    for each in reversed(missing):
        try:
            os.mkdir(each)
        except FileExistsError:
            if not os.path.isdir(each):
                raise storage_error(NotADirectoryError(20, "not a folder"), "create", each) from None
        except OSError as error:
            raise storage_error(error, "create", each) from error
        else:
            give(each, os.path.dirname(each))
