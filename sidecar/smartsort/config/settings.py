"""All settings as one immutable value."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import PrivateAttr, model_validator

from smartsort.config.immich import Immich
from smartsort.config.service import Api, Backup, Log, Notify, Trash
from smartsort.config.sorting import (
    PRESETS,
    Backfill,
    Deduplication,
    Directories,
    Filing,
    HiddenPeople,
    Inbox,
    MultipleFaces,
    Preset,
    ReviewCategories,
    Rule,
    Thresholds,
    WhenUnknown,
)
from smartsort.config.values import Names, Section, UserPath, redacted, section, setting

_NAMES = "a list of names"


class Settings(Section):
    """All settings. `smartsort.config.load_settings` makes them. Paths in `directories` are absolute."""

    enabled: bool = setting(True, "Off: files are accepted and kept waiting, nothing is sorted.")
    root: UserPath = setting(
        ...,
        "The folder that holds everything. All folders below must be on one file system for links to work.",
    )
    directories: Directories = section(Directories, "Folders, relative to `root` unless absolute.")
    whitelist: Names = setting((), "People to file. Empty: everyone with a name.", allowed=_NAMES)
    blacklist: Names = setting((), "People whose photos go to `unwanted_person`.", allowed=_NAMES)
    preset: Preset | None = setting(
        None, "Sets several thresholds at once. Keys that you set take precedence."
    )
    thresholds: Thresholds = section(Thresholds, "The numbers a photo has to reach.")
    when_confidence_unknown: WhenUnknown = setting(
        "accept", "What to do with a match whose confidence is unknown."
    )
    multiple_faces: MultipleFaces = setting(
        "review",
        "What to do with more faces than allowed. `review` asks you. `each_person` files under each person "
        "if all of them are wanted. `main_face` decides by the largest face.",
    )
    hidden_people: HiddenPeople = setting(
        "ignore",
        "What people mean who are hidden in Immich. `ignore` leaves their faces out, as those of an ignored "
        "stranger, unless they are on the whitelist. `count` treats them as everyone else.",
    )
    spot_check_rate: float = setting(
        0.05,
        "Fraction of automatic filings to offer as spot checks, to estimate the error rate. 0 offers none.",
        ge=0,
        le=1,
    )
    filing: Filing = section(Filing, "Where below `faces/` a filed photo goes.")
    rules: tuple[Rule, ...] = setting(
        (),
        "Your own rules about where photos go.",
        allowed="a list of tables, each written `[[rules]]` (in the environment as JSON)",
    )
    immich: Immich = section(Immich, "Where Immich is and how it is asked.")
    deduplication: Deduplication = section(Deduplication, "Photos that are known already.")
    review_categories: ReviewCategories = section(ReviewCategories, "Which review folders are used.")
    follow_renames: bool = setting(True, "Rename a person's folder when the person is renamed in Immich.")
    backfill: Backfill = section(Backfill, "Photos that are in Immich already.")
    inbox: Inbox = section(Inbox, "How files from the inbox are picked up.")
    trash: Trash = section(Trash, "How long rejected photos are kept.")
    api: Api = section(Api, "The HTTP API.")
    notify: Notify = section(Notify, "Messages about what happened.")
    log: Log = section(Log, "The log.")
    backup: Backup = section(Backup, "Copies of the ledger.")

    _warnings: tuple[str, ...] = PrivateAttr(())
    _origins: dict[str, str] = PrivateAttr(default_factory=dict)
    _config_file: Path | None = PrivateAttr(None)

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        data = dict(data)
        preset = data.get("preset")
        for key, value in PRESETS.get(preset.strip().lower() if isinstance(preset, str) else "", {}).items():
            group, _, name = key.rpartition(".")
            if not group:
                data.setdefault(name, value)
            elif isinstance(data.setdefault(group, {}), dict):
                data[group] = {name: value, **data[group]}
        if data.get("root") is None and (root := _common_parent(data.get("directories"))):
            data["root"] = root
        return data

    @model_validator(mode="after")
    def _make_absolute(self) -> Settings:
        root = Path(os.path.abspath(self.root))
        object.__setattr__(self, "root", root)
        where = {
            name: Path(os.path.normpath(root / getattr(self.directories, name)))
            for name in Directories.model_fields
        }
        object.__setattr__(self, "directories", self.directories.model_copy(update=where))
        return self

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was noticed while loading and is no reason to stop."""
        return self._warnings

    @property
    def config_file(self) -> Path | None:
        """The file that was read, None without one."""
        return self._config_file

    def origin(self, key: str) -> str:
        """Return where a value comes from: `default`, `preset ...`, a file, a variable or `command line`."""
        if key not in self._origins and key in PRESETS.get(self.preset or "", {}):
            return f"preset {self.preset}"
        return self._origins.get(key, "default")

    @property
    def library_path_in_immich(self) -> PurePosixPath:
        """Where Immich sees the library folder."""
        return self.immich.library_path or PurePosixPath(self.directories.library_dir)

    def redacted(self) -> dict[str, Any]:
        """Return all settings as plain JSON values, every secret replaced by a mask."""
        found = redacted(self)
        assert isinstance(found, dict)  # noqa: S101  (a model becomes a dict)
        return found

    def missing_for_immich(self) -> tuple[str, ...]:
        """Keys that `serve` needs to reach Immich and that are not set."""
        return tuple(f"immich.{name}" for name in ("url", "api_key") if getattr(self.immich, name) is None)


def _common_parent(directories: Any) -> str | None:
    """Return the folder that holds all three configured folders, or None if they have no common root."""
    if not isinstance(directories, dict):
        return None
    given = [directories.get(name) for name in ("temp_dir", "final_base", "review_base")]
    parents = {
        os.path.dirname(os.path.normpath(os.path.expanduser(path)))
        for path in given
        if isinstance(path, str | os.PathLike) and os.fspath(path)
    }
    if None in given or len(parents) != 1:
        return None
    parent = str(parents.pop())
    return parent if os.path.isabs(parent) and parent != "/" else None
