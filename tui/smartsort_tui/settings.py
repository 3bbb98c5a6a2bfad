"""Where the sidecar is and how the screen looks: options, environment, file, defaults, in this order."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast, get_args

from smartsort_tui.terminal import ColourMode, ImageMode

DEFAULT_URL = "http://127.0.0.1:8484"
DEFAULT_THEME = "smartsort-dark"
SETTINGS_FILE_NAME = "tui.toml"
TOKEN_FILE_NAME = "api-token"  # noqa: S105  (a file's name)
KNOWN_SETTINGS = (
    "url",
    "token",
    "token_file",
    "theme",
    "images",
    "colors",
    "keys",
    "export_folder",
    "immich_url",
)


class SettingsProblem(Exception):
    """A setting is wrong. The message says which one, where, and what is allowed."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything the terminal UI is told from outside."""

    url: str = DEFAULT_URL
    token: str | None = field(default=None, repr=False)
    token_from: str = "nowhere"  # noqa: S105  (says where it was looked for)
    theme: str = DEFAULT_THEME
    images: ImageMode = "auto"
    colours: ColourMode = "auto"
    keys: dict[str, str] = field(default_factory=dict)
    export_folder: str | None = None
    immich_url: str | None = None
    """Immich's address for a browser, where it is not the one the sidecar uses."""


def config_path(env: Mapping[str, str]) -> Path:
    """Where the settings file is: SMARTSORT_TUI_CONFIG, else the user's configuration folder, else the root.

    In the container the user's folder goes with the container. What lies below SMARTSORT_ROOT stays.
    """
    if named := env.get("SMARTSORT_TUI_CONFIG", "").strip():
        return Path(named)
    home = env.get("XDG_CONFIG_HOME", "").strip() or os.path.join(env.get("HOME", "~"), ".config")
    own = Path(home).expanduser() / "smartsort" / SETTINGS_FILE_NAME
    root = env.get("SMARTSORT_ROOT", "").strip()
    return Path(root) / SETTINGS_FILE_NAME if root and not own.is_file() else own


def export_places(folder: str | None, env: Mapping[str, str]) -> list[Path]:
    """Return where an export may go, best first: the folder that is set, or the first that can be written.

    The container starts in `/`, which goes with it. What lies below SMARTSORT_ROOT stays.
    """
    if folder:
        return [Path(folder).expanduser()]
    here, root = Path.cwd(), env.get("SMARTSORT_ROOT", "").strip()
    places = [] if here == Path(here.anchor) else [here]
    if root:
        places.append(Path(root) / "exports")
    return [*places, Path(env.get("HOME", "~")).expanduser()]


def load(
    env: Mapping[str, str],
    *,
    url: str | None = None,
    token: str | None = None,
    token_file: str | None = None,
    images: str | None = None,
    colors: str | None = None,
    theme: str | None = None,
    config: str | None = None,
) -> Settings:
    """Return the settings in force. Raises SettingsProblem."""
    path = Path(config) if config else config_path(env)
    file = _read(path, must_exist=bool(config or env.get("SMARTSORT_TUI_CONFIG", "").strip()))
    mode = images or env.get("SMARTSORT_IMAGES") or _text(file, "images", path) or "auto"
    if mode not in get_args(ImageMode):
        raise SettingsProblem(f"images = {mode!r}: must be one of {', '.join(get_args(ImageMode))}")
    depth = colors or env.get("SMARTSORT_COLORS") or _text(file, "colors", path) or "auto"
    if depth not in get_args(ColourMode):
        raise SettingsProblem(f"colors = {depth!r}: must be one of {', '.join(get_args(ColourMode))}")
    found, origin = _token(env, file, path, token, token_file)
    return Settings(
        url=url or env.get("SMARTSORT_URL", "").strip() or _text(file, "url", path) or _loopback(env),
        token=found,
        token_from=origin,
        theme=theme or env.get("SMARTSORT_THEME") or _text(file, "theme", path) or DEFAULT_THEME,
        images=cast("ImageMode", mode),
        colours=cast("ColourMode", depth),
        keys=_keys(file, path),
        export_folder=_text(file, "export_folder", path),
        immich_url=env.get("SMARTSORT_IMMICH_PAGE", "").strip() or _text(file, "immich_url", path),
    )


def _loopback(env: Mapping[str, str]) -> str:
    # In the container the sidecar may listen on another port. The same variable tells both.
    port = env.get("SMARTSORT_API__PORT", "").strip()
    return f"http://127.0.0.1:{port}" if port.isdigit() else DEFAULT_URL


def _token(
    env: Mapping[str, str], file: dict[str, Any], path: Path, token: str | None, token_file: str | None
) -> tuple[str | None, str]:
    if token:
        return token.strip(), "--token"
    if token_file:
        return _secret(Path(token_file), "--token-file"), "--token-file"
    for name in ("SMARTSORT_TOKEN", "SMARTSORT_API__TOKEN"):
        if value := env.get(name, "").strip():
            return value, name
    for name in ("SMARTSORT_TOKEN_FILE", "SMARTSORT_API__TOKEN_FILE"):
        if value := env.get(name, "").strip():
            return _secret(Path(value), name), name
    if in_file := _text(file, "token", path):
        return in_file.strip(), str(path)
    if beside_file := _text(file, "token_file", path):
        return _secret(Path(beside_file).expanduser(), f"{path}: token_file"), str(path)
    if root := env.get("SMARTSORT_ROOT", "").strip():
        beside = Path(root) / TOKEN_FILE_NAME
        if beside.is_file():
            return _secret(beside, "SMARTSORT_ROOT"), str(beside)
    return None, "nowhere"


def _secret(path: Path, origin: str) -> str:
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not text"
        raise SettingsProblem(f"{origin}: cannot read the token from {path}: {reason}") from error
    if not text:
        raise SettingsProblem(f"{origin}: {path} is empty. It should hold the token")
    return text


def _read(path: Path, *, must_exist: bool) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            content = tomllib.load(file)
    except FileNotFoundError:
        if must_exist:
            raise SettingsProblem(f"there is no settings file {path}") from None
        return {}
    except OSError as error:
        raise SettingsProblem(f"cannot read {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsProblem(f"{path} is not TOML: {error}") from error
    for key in content:
        if key not in KNOWN_SETTINGS:
            raise SettingsProblem(f"{path}: unknown setting {key!r}. Known are {', '.join(KNOWN_SETTINGS)}")
    return content


def _text(file: dict[str, Any], key: str, path: Path) -> str | None:
    value = file.get(key)
    if value is not None and not isinstance(value, str):
        raise SettingsProblem(f"{path}: {key} must be text")
    return value or None


def _keys(file: dict[str, Any], path: Path) -> dict[str, str]:
    keys = file.get("keys", {})
    if not isinstance(keys, dict) or not all(isinstance(value, str) and value for value in keys.values()):
        raise SettingsProblem(f'{path}: [keys] holds lines such as approve = "a,enter"')
    return keys
