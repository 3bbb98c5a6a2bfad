"""Checks between settings: each alone is fine, together they are not."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

from smartsort.config.settings import Settings
from smartsort.config.sorting import Directories
from smartsort.core.naming import same_name

_SHORT_TOKEN = 16


def cross_checks(settings: Settings) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield what contradicts: the keys involved, the one to complain about first, and the message."""
    yield from _names_on_both_lists(settings)
    yield from _overlapping_folders(settings)
    names = [rule.name for rule in settings.rules]
    if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        yield ("rules",), f"have the name {twice[0]!r} twice. Each rule needs a name of its own"
    if settings.trash.retention_days == 0 and not settings.trash.allow_zero:
        yield (
            ("trash.retention_days", "trash.allow_zero"),
            "would delete rejected photos at once. If that is meant, set trash.allow_zero = true as well",
        )
    if settings.immich.ml_url is not None and settings.immich.ml_url == settings.immich.url:
        yield (
            ("immich.ml_url", "immich.url"),
            "is Immich's own address. The machine learning service has one of its own, usually port 3003",
        )


def _names_on_both_lists(settings: Settings) -> Iterator[tuple[tuple[str, ...], str]]:
    for name in settings.blacklist:
        same = next((wanted for wanted in settings.whitelist if same_name(wanted, name)), None)
        if same is not None:
            yield (
                ("blacklist", "whitelist"),
                f"{name!r} is on the whitelist too (as {same!r}). A person can be on one list only",
            )


def _overlapping_folders(settings: Settings) -> Iterator[tuple[tuple[str, ...], str]]:
    names = [name for name in Directories.model_fields if name != "ledger_file"]
    where = {name: _real(getattr(settings.directories, name)) for name in names}
    above = {name: {*path.parents} for name, path in where.items()}
    root = _real(settings.root)
    root_or_above = {root, *root.parents}
    for name in names:
        # A library as wide as the root is found again below, but this says it more plainly.
        if where[name] in root_or_above:
            yield (
                (f"directories.{name}", "root"),
                "must not be the root itself or hold it. Give it a folder below",
            )
    for one, other in itertools.combinations(names, 2):
        inner, outer = (one, other) if where[other] in {where[one]} | above[one] else (other, one)
        if where[outer] in root_or_above:
            continue
        if where[inner] == where[outer]:
            message = f"is the same folder as directories.{outer}. Each needs its own"
        elif where[outer] in above[inner]:
            why = ". Immich would import everything in it" if outer == "library_dir" else ""
            message = f"lies inside directories.{outer} ({where[outer]}){why}. Give it a folder beside it"
        else:
            continue
        yield (f"directories.{inner}", f"directories.{outer}"), message
    ledger = _real(settings.directories.ledger_file)
    for name in names:
        if where[name] == ledger or where[name] in ledger.parents:
            yield (
                ("directories.ledger_file", f"directories.{name}"),
                f"lies inside directories.{name}. Keep it outside the folders of photos",
            )


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))


def remarks(settings: Settings, *, root_given: bool) -> Iterator[str]:
    """Yield what is allowed and yet worth a line in the log."""
    if not root_given:
        yield f"root is not set. Taken from the directories: {settings.root}"
    outside = [
        name
        for name in Directories.model_fields
        if name != "ledger_file" and settings.root not in getattr(settings.directories, name).parents
    ]
    if outside:
        keys = ", ".join(f"directories.{name}" for name in outside)
        yield f"{keys}: outside of root ({settings.root}). Without a common file system photos are copied"
    token = settings.api.token
    if token is not None and len(token.get_secret_value()) < _SHORT_TOKEN:
        yield f"api.token is shorter than {_SHORT_TOKEN} characters and may be guessed"
    if not settings.immich.verify_tls:
        yield "immich.verify_tls is off: the certificate of Immich is not checked"
