"""The kinds of value a setting can have, and how each is read as people write it."""

from __future__ import annotations

import ipaddress
import json
import os
import re
import types
from collections.abc import Mapping
from datetime import date
from pathlib import Path, PurePath, PurePosixPath
from typing import Annotated, Any, Literal, Union, get_args, get_origin
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError

MASK = "********"
_MOST_SECRET_BYTES = 65536
_HOST_NAME = re.compile(r"(?=.{1,253}$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.?)+", re.IGNORECASE)
_NEXT_URL = re.compile(r"\s*,\s*(?=[a-zA-Z][a-zA-Z0-9+.-]*://)|\s*[\r\n]+\s*")


def setting(default: Any, description: str, *, allowed: str = "", **constraints: Any) -> Any:
    """Return a pydantic field with a description, `allowed` replaces the wording made from its type."""
    extra: JsonDict | None = {"allowed": allowed} if allowed else None
    return Field(default, description=description, json_schema_extra=extra, **constraints)


def section(kind: type[Section], description: str) -> Any:
    """Return a group of settings, all at their defaults."""
    return Field(default_factory=kind, description=description)


def is_section(annotation: Any) -> bool:
    """Return True for a group of settings, false for a value."""
    return isinstance(annotation, type) and issubclass(annotation, Section)


def bare_type(annotation: Any) -> Any:
    """Return the annotation without `Annotated[...]` and `| None`."""
    while True:
        if get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        elif get_origin(annotation) in (Union, types.UnionType):
            (annotation,) = (kind for kind in get_args(annotation) if kind is not type(None))
        else:
            return annotation


def holds_secret(annotation: Any) -> bool:
    """Return True when a value of this type is a secret or contains one, so that it is never shown."""
    kind = bare_type(annotation)
    if kind is SecretStr:
        return True
    if is_section(kind):
        return any(holds_secret(field.annotation) for field in kind.model_fields.values())
    return any(holds_secret(part) for part in get_args(kind) if not isinstance(part, str))


class Section(BaseModel):
    """A group of settings: closed, immutable, and silent about its input when it complains.

    A field `x` of type `SecretStr` beside a field `x_file` is read from that file.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        allow_inf_nan=False,
        str_strip_whitespace=True,
        # pydantic's own engine makes 7 MB of "up to 64 letters of any alphabet".
        regex_engine="python-re",
    )

    @field_validator("*", mode="before")
    @classmethod
    def _read_as_written(cls, value: Any, info: ValidationInfo) -> Any:
        field = cls.model_fields[info.field_name or ""]
        return _read(bare_type(field.annotation), value)

    @model_validator(mode="after")
    def _read_secret_files(self) -> Section:
        for name, field in type(self).model_fields.items():
            path = getattr(self, f"{name}_file", None)
            if path is None or not holds_secret(field.annotation):
                continue
            secret = _secret_from(path, f"{name}_file")
            given = getattr(self, name)
            if bare_type(field.annotation) is SecretStr:
                if given is not None and given.get_secret_value() != secret:
                    raise _contradiction(name)
                found: Any = SecretStr(secret)
            else:
                found = tuple(SecretStr(line) for line in _NEXT_URL.split(secret) if line)
                if given and given != found:
                    raise _contradiction(name)
            object.__setattr__(self, name, found)
        self._check_secrets()
        return self

    def _check_secrets(self) -> None:
        """Look at secrets once it is known where they come from. Overridden where there are rules."""


def _contradiction(name: str) -> PydanticCustomError:
    return PydanticCustomError(
        "setting", "and {other} are both set and differ. Remove one", {"key": name, "other": f"{name}_file"}
    )


def _secret_from(path: Path, key: str) -> str:
    def wrong(what: str) -> PydanticCustomError:
        return PydanticCustomError("setting", "{what}", {"key": key, "value": str(path), "what": what})

    try:
        with path.open("rb") as stream:
            raw = stream.read(_MOST_SECRET_BYTES + 1)
    except IsADirectoryError:
        # What Docker makes of a bind mount whose source does not exist.
        raise wrong("must be a file that holds the secret, but is a folder") from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise wrong(f"cannot be read ({reason}). It must be a file that holds the secret") from None
    if len(raw) > _MOST_SECRET_BYTES:
        raise wrong("is too large to be a secret")
    try:
        secret = raw.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        raise wrong("must be a text file (UTF-8) that holds the secret") from None
    if not secret:
        raise wrong("is empty. It must hold the secret")
    return secret


def require_header_text(secret: SecretStr | None, key: str) -> None:
    """Refuse a key that cannot stand in an HTTP header, usually one pasted with a line break."""
    if secret is None:
        return
    text = secret.get_secret_value()
    if not text or not all("!" <= letter <= "~" for letter in text):
        raise PydanticCustomError(
            "setting", "must be letters, digits and signs without spaces or line breaks", {"key": key}
        )


def _read(kind: Any, value: Any) -> Any:
    if isinstance(value, bool) and kind in (int, float):
        raise ValueError("must be a number, not true or false")
    if isinstance(value, str) and isinstance(kind, type) and issubclass(kind, PurePath):
        # Path("") is ".", which nobody means, and pydantic refuses names that are not UTF-8.
        if not value.strip():
            raise ValueError("must not be empty")
        return kind(value)
    if get_origin(kind) is Literal:
        if isinstance(value, bool):
            return {True: "on", False: "off"}[value]
        return value.strip().lower() if isinstance(value, str) else value
    if isinstance(value, str) and (get_origin(kind) in (tuple, dict) or is_section(kind)):
        return _read_compound(kind, value)
    if isinstance(value, list | tuple) and get_origin(kind) is tuple:
        return tuple(value)
    return value


def _read_compound(kind: Any, text: str) -> Any:
    text = text.strip()
    if text[:1] in ("[", "{"):
        try:
            return json.loads(text)
        except ValueError:
            # The decoder's own message quotes the text, which may hold a secret.
            raise ValueError("is not valid JSON") from None
    if get_origin(kind) is tuple and not is_section(get_args(kind)[0]):
        parts = _NEXT_URL.split(text) if holds_secret(kind) else text.split(",")
        return tuple(part.strip() for part in parts if part.strip())
    raise ValueError("must be written as JSON")


def _names(names: tuple[str, ...]) -> tuple[str, ...]:
    if any(not name or "\0" in name for name in names):
        raise ValueError("must not contain an empty name")
    return tuple(dict.fromkeys(names))


def _user_path(path: Path) -> Path:
    text = os.fspath(path)
    if "\0" in text:
        raise ValueError("must not contain a NUL character")
    try:
        return path.expanduser()
    except RuntimeError:
        raise ValueError("starts with ~, but there is no home folder. Write the whole path") from None


def _path_in_immich(path: PurePosixPath) -> PurePosixPath:
    if not path.is_absolute() or ".." in path.parts or path == PurePosixPath("/"):
        raise ValueError('must be an absolute path such as "/mnt/smartsort/library", without ".."')
    return path


def http_url(text: str) -> str:
    """Return the URL as written, without slashes at its end. Raises ValueError when it is none."""
    example = "Write it like http://immich-server:2283"
    if not text or any(letter <= " " for letter in text):
        raise ValueError(f"must be a URL without spaces. {example}")
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise ValueError(f"is not a URL. {example}") from None
    if parts.scheme.lower() not in ("http", "https"):
        raise ValueError(f"must start with http:// or https://. {example}")
    if not parts.hostname:
        raise ValueError(f"has no host. {example}")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not hold a user name or password")
    if parts.query or parts.fragment:
        raise ValueError("must end with the path: no ? and no #")
    return text.rstrip("/")


def _address(text: str) -> str:
    try:
        return (
            str(ipaddress.ip_network(text, strict=False)) if "/" in text else str(ipaddress.ip_address(text))
        )
    except ValueError:
        looks_numeric = re.fullmatch(r"[\d./:]+", text)
        if looks_numeric or not _HOST_NAME.fullmatch(text):
            raise ValueError(
                "must hold host names, addresses or networks such as nas.lan, 192.168.1.5 or 10.0.0.0/8"
            ) from None
        return text.lower().rstrip(".")


def _addresses(texts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_address(text) for text in texts))


def masked_url(text: str) -> str:
    """Return the text without what stands between `//` and `@`, and without a query."""
    return re.sub(r"(://[^\s?]*)\?[^\s\"]+", rf"\1?{MASK}", re.sub(r"://\S*@", f"://{MASK}@", text))


def redacted(value: Any) -> Any:
    """Return the value as JSON can hold it, with every secret replaced by a mask."""
    if isinstance(value, SecretStr):
        return MASK
    if isinstance(value, BaseModel):
        return {name: redacted(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, Mapping):
        return {str(key): redacted(part) for key, part in value.items()}
    if isinstance(value, tuple | list):
        return [redacted(part) for part in value]
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, os.PathLike):
        return os.fsencode(value).decode("utf-8", "backslashreplace")
    return value


Names = Annotated[tuple[str, ...], AfterValidator(_names)]
Addresses = Annotated[tuple[str, ...], AfterValidator(_addresses)]
UserPath = Annotated[Path, AfterValidator(_user_path)]
PathInImmich = Annotated[PurePosixPath, AfterValidator(_path_in_immich)]
HttpUrl = Annotated[str, AfterValidator(http_url)]
