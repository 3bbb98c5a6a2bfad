"""The library: seen by Immich where smartsort says it is, and nothing of smartsort seen anywhere else.

Both are proved by folders with a random name: made here, looked for by Immich, and removed again. They are
empty and lie outside the import paths of smartsort's own libraries, so that no scan takes notice.
"""

from __future__ import annotations

import asyncio
import os
import re
import secrets
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from smartsort.api.schemas.state import Check
from smartsort.config import Settings
from smartsort.core.naming import shard_folder
from smartsort.doctor.findings import broken, passed, skipped, told, warned
from smartsort.doctor.key_checks import Rights
from smartsort.errors import ImmichError
from smartsort.files.shown import shown
from smartsort.immich import ImmichServer
from smartsort.ledger.shards import Shard
from smartsort.ports import Library

Sleep = Callable[[float], Awaitable[None]]

ADMIN_NEEDED = "needs an administrator's key"

_TRIES = 3
_PAUSE_SECONDS = 0.5
"""A network share may show a new folder to the other side a moment later."""

_OWN = re.compile(r"shard-\d{4,}")
_OWN_NAME = re.compile(r"smartsort \d+")


@dataclass(frozen=True, slots=True)
class Ground:
    """What the checks stand on. `writable`: probe folders can be made."""

    server: ImmichServer
    settings: Settings
    rights: Rights
    shards: Sequence[Shard]
    writable: bool
    sleep: Sleep

    @property
    def inside(self) -> str:
        """The library folder as Immich sees it."""
        return str(self.settings.library_path_in_immich).rstrip("/")

    @property
    def here(self) -> str:
        """The library folder."""
        return os.fspath(self.settings.directories.library_dir)

    @property
    def open_shard(self) -> int:
        """The shard that takes photos now, or will take the first."""
        return self.shards[-1].number if self.shards else 1

    def own(self, libraries: Sequence[Library]) -> Library | None:
        """Return a library of smartsort's, best the one of the open shard, whatever path it has."""
        remembered = {shard.library_id for shard in self.shards}
        path = self.path_of(self.open_shard)
        return next(
            (
                library
                for fits in (
                    lambda x: path in (p.rstrip("/") for p in x.import_paths),
                    lambda x: x.id in remembered,
                    lambda x: _OWN_NAME.fullmatch(x.name) and x.owner_id == self.rights.user_id,
                )
                for library in libraries
                if fits(library)
            ),
            None,
        )

    def path_of(self, shard: int) -> str:
        """Return the import path of a shard, as Immich sees it."""
        return f"{self.inside}/{shard_folder(shard)}"


@dataclass(frozen=True, slots=True)
class Asker:
    """Asks Immich whether it sees a path, by way of one of smartsort's own libraries."""

    ground: Ground
    library_id: str

    async def sees(self, path: str, *, wanted: bool = True) -> str | None:
        """Return None when Immich sees the path, else why not.

        Asked again until it is as wanted, a few times.
        """
        why: str | None = None
        for attempt in range(_TRIES):
            if attempt:
                await self.ground.sleep(_PAUSE_SECONDS)
            why = await self.ground.server.validate_import_path(self.library_id, path)
            if (why is None) is wanted or (wanted and why is not None and "ENOENT" not in why):
                break
        return why

    async def all(self, paths: Sequence[str]) -> dict[str, str | None]:
        """As `sees`, each path once."""
        ask = self.ground.server.validate_import_path
        return dict(zip(paths, await asyncio.gather(*(ask(self.library_id, p) for p in paths)), strict=True))


async def library_checks(ground: Ground) -> list[Check]:
    """Return the lines about libraries, in the order people read them."""
    lines = ("library path", "library", "import path", "other libraries")
    if not ground.rights.may("library.read"):
        why = ADMIN_NEEDED if not ground.rights.may("") else "needs the permission library.read"
        return [skipped(name, why) for name in lines]
    try:
        libraries = await ground.server.libraries()
    except ImmichError as error:
        return [broken("library", *told(error))]
    own = ground.own(libraries)
    asker = Asker(ground, own.id) if own and ground.rights.may("library.update") else None
    path = await library_path(ground, asker)
    if path.verdict == "broken":
        rest = [skipped(name, "the library path is not right") for name in lines[1:3]]
    else:
        rest = [*_library(ground, libraries), await _import_path(ground, libraries, asker)]
    return [path, *rest, await _others(ground, libraries, asker)]


# --- the same folder on both sides -----------------------------------------------------------


async def library_path(ground: Ground, asker: Asker | None) -> Check:
    """Return whether the library folder here is the one Immich sees under its path for it."""
    name = "library path"
    if asker is None:
        return _cannot_ask(ground, name)
    if not ground.writable or not await asyncio.to_thread(os.path.isdir, ground.here):
        return skipped(name, "needs a library folder that can be written")
    try:
        with probe_folder(ground.here) as probe:
            why = await asker.sees(f"{ground.inside}/{probe}")
        if why is not None:
            return broken(name, *await _unseen(ground, asker, why))
        gone = await asker.sees(f"{ground.inside}/{probe}", wanted=False)
    except ImmichError as error:
        return broken(name, *told(error))
    except OSError as error:
        return skipped(name, f"no probe folder could be made in {shown(ground.here)}: {error.strerror}")
    if gone is None:
        return warned(
            name,
            f"Immich still sees a folder in {ground.inside} that was removed: a cache of the network share",
            "Have the share mounted with short caching (actimeo=1). Until then Immich sees photos late.",
        )
    return passed(name, f"{shown(ground.here)} is {ground.inside} in Immich")


def _cannot_ask(ground: Ground, name: str) -> Check:
    if not ground.rights.may("library.update"):
        return skipped(name, "needs the permission library.update")
    return skipped(name, "can be checked once smartsort has a library in Immich")


async def _unseen(ground: Ground, asker: Asker, why: str) -> tuple[str, str]:
    """Return what is wrong and what to do when Immich does not see the probe folder."""
    inside, here = ground.inside, shown(ground.here)
    mount = f"{here} has to be mounted into immich-server at {inside}"
    if "ENOENT" not in why:
        remedy = "Give Immich's user the right to enter and read the folder (chmod o+rx)."
        if "media upload folder" in why:
            remedy = f"Choose a place outside Immich's own folders: {mount}. Set immich.library_path to it."
        return f"Immich cannot use {inside}: {why}", remedy
    parent = await asker.sees(inside)
    if parent is None:
        return (
            f"Immich sees another folder at {inside} than {here}",
            f"Correct the volume of immich-server ({mount}) or immich.library_path.",
        )
    return (
        f"Immich does not see {inside}: {parent}",
        f"Correct immich.library_path, or the volumes of immich-server: {mount}. Then restart Immich.",
    )


@contextmanager
def probe_folder(folder: str) -> Iterator[str]:
    """The name of a new, empty folder in `folder` that nobody can have by chance. Removed at the end."""
    name = f".smartsort-{secrets.token_hex(8)}.probe"
    path = os.path.join(folder, name)
    os.mkdir(path)
    try:
        yield name
    finally:
        with suppress(OSError):
            os.rmdir(path)


# --- smartsort's own libraries ---------------------------------------------------------------


def _library(ground: Ground, libraries: Sequence[Library]) -> list[Check]:
    checks = [_open_library(ground, _with_path(libraries, ground.path_of(ground.open_shard)))]
    lost = [s.number for s in ground.shards[:-1] if not _with_path(libraries, ground.path_of(s.number))]
    if lost:
        paths = ", ".join(ground.path_of(number) for number in lost)
        checks.append(
            broken(
                "older libraries",
                f"Immich has no library any more for {paths}: those photos are gone from Immich",
                "Make an external library of the photos' owner with this import path in Immich and scan it.",
            )
        )
    return checks


def _open_library(ground: Ground, found: Sequence[Library]) -> Check:
    path = ground.path_of(ground.open_shard)
    owner = ground.rights.user_id
    if not found:
        if ground.rights.may("library.create"):
            return warned(
                "library",
                f"Immich has no library for {path} yet",
                "Nothing to do: smartsort makes it at its next start, and `smartsort setup` does as well.",
            )
        return broken(
            "library",
            f"Immich has no library for {path}, and the key may not make one",
            "Add library.create to the key, or make the library in Immich: Administration, External "
            f"Libraries, owner as for the key, import path {path}.",
        )
    if len(found) > 1:
        return broken(
            "library",
            f"{len(found)} libraries of Immich have the import path {path}: every photo is there twice",
            f"Delete all but one of them in Immich: {', '.join(each.name for each in found)}.",
        )
    if owner is not None and found[0].owner_id != owner:
        return broken(
            "library",
            f"the library {found[0].name} belongs to another user than the key: its photos are not found",
            "Use a key of its owner, or delete the library in Immich and have smartsort make it again.",
        )
    return passed("library", f"{found[0].name}, {path}")


def _with_path(libraries: Sequence[Library], path: str) -> list[Library]:
    return [each for each in libraries if path in (p.rstrip("/") for p in each.import_paths)]


async def _import_path(ground: Ground, libraries: Sequence[Library], asker: Asker | None) -> Check:
    name, path = "import path", ground.path_of(ground.open_shard)
    if not _with_path(libraries, path):
        return skipped(name, "there is no library yet")
    if asker is None:
        return _cannot_ask(ground, name)
    folder = os.path.join(ground.here, shard_folder(ground.open_shard))
    if not await asyncio.to_thread(os.path.isdir, folder):
        return skipped(name, "smartsort makes the folder at its next start")
    try:
        why = await asker.sees(path)
    except ImmichError as error:
        return broken(name, *told(error))
    if why is not None:
        return broken(
            name,
            f"Immich cannot read {path}: {why}",
            "Give Immich's user the right to enter and read it (chmod o+rx), and check the volume.",
        )
    return passed(name, f"Immich can read {path}")


# --- nobody else's library over smartsort's folders ------------------------------------------


async def _others(ground: Ground, libraries: Sequence[Library], asker: Asker | None) -> Check:
    name = "other libraries"
    foreign = [
        (library.name, path.rstrip("/"))
        for library in libraries
        for path in library.import_paths
        if not _is_own(ground, path.rstrip("/"))
    ]
    inside = [f"{who} ({path})" for who, path in foreign if path.startswith(f"{ground.inside}/")]
    covers: Mapping[str, list[str]] = {"library": inside} if inside else {}
    if foreign and not inside:
        if asker is None:
            return _cannot_ask(ground, name)
        if not ground.writable:
            return skipped(name, "needs folders that can be written")
        try:
            covers = await _covering(ground, asker, foreign)
        except ImmichError as error:
            return broken(name, *told(error))
    if covers:
        said = "; ".join(f"{folder}/ by {', '.join(which)}" for folder, which in covers.items())
        return broken(
            name,
            f"other libraries of Immich cover smartsort's folders, so photos appear twice: {said}",
            "Take that import path out of the library in Immich, or give it an exclusion pattern for "
            "smartsort's folder, or move smartsort's root elsewhere.",
        )
    return passed(name, "none covers smartsort's folders")


def _is_own(ground: Ground, path: str) -> bool:
    parent, _, last = path.rpartition("/")
    return parent == ground.inside and _OWN.fullmatch(last) is not None


async def _covering(ground: Ground, asker: Asker, foreign: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    """Which of smartsort's folders can be reached below which foreign import paths, whatever the mounts."""
    places = ground.settings.directories
    folders = {
        "library": places.library_dir,
        "faces": places.final_base,
        "review": places.review_base,
        "inbox": places.inbox_dir,
        "temp_downloads": places.temp_dir,
        "trash": places.trash_dir,
    }
    covers: dict[str, list[str]] = {}
    for label, folder in folders.items():
        here = await asyncio.to_thread(os.path.realpath, folder)
        if not await asyncio.to_thread(os.path.isdir, here):
            continue
        try:
            with probe_folder(here) as probe:
                asked = {
                    f"{path}{tail}/{probe}": f"{who} ({path})"
                    for who, path in foreign
                    for tail in _tails(here)
                }
                said = await asker.all(list(asked))
        except OSError:
            continue  # a folder that cannot be written has a line of its own
        found = [asked[path] for path, why in said.items() if why is None]
        if found:
            covers[label] = list(dict.fromkeys(found))
    return covers


def _tails(path: str) -> list[str]:
    """Return all ends of a path: "", "/faces", "/smartsort/faces", and so on."""
    parts = path.strip("/").split("/")
    return ["".join(f"/{part}" for part in parts[start:]) for start in range(len(parts), -1, -1)]
