"""What people are told to do by hand: which permissions to give, and what to paste where."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from smartsort.config import Settings
from smartsort.doctor.permissions import Key, Need, needed

KEYS = "Account Settings, API Keys, New API Key"


def permissions(settings: Settings) -> Iterator[str]:
    """Yield the exact least set, as lines."""
    owner, admin = needed(settings, Key.OWNER), needed(settings, Key.ADMIN)
    yield f"Make a key in Immich ({KEYS})"
    yield "as the owner of the photos, with these permissions and no others:"
    yield ""
    yield from _listed(owner)
    yield ""
    yield "and, if the owner is an administrator, these as well:"
    yield ""
    yield from _listed(admin)
    yield ""
    yield "If the owner is no administrator, an administrator makes a second key with"
    yield "user.read and the second list."


def _listed(needs: Iterable[Need]) -> Iterator[str]:
    for need in needs:
        yield f"  {need.permission:<18}{need.purpose}"


def without_admin() -> Iterator[str]:
    """Yield what does not work without an administrator's key, and what does."""
    yield "Without an administrator's key smartsort cannot make and scan its library, nor see"
    yield "when Immich is done with a photo. New photos are taken in and checked for"
    yield "duplicates, and then wait. Review, approving, rejecting and undo work."


def to_paste(settings: Settings, key_file: str) -> Iterator[str]:
    """Yield what goes into which file, as lines, never a key."""
    root = os.fspath(settings.root)
    library = os.fspath(settings.directories.library_dir)
    inside = str(settings.library_path_in_immich)
    yield "Without containers, if Immich sees the same paths, this is all:"
    yield ""
    yield f"  smartsort serve --root {root}"
    yield ""
    yield "With Docker Compose, put compose.override.yml of this project beside Immich's"
    yield "docker-compose.yml and paste into its .env (the folder as the host sees it):"
    yield ""
    yield f"  SMARTSORT_DATA={root}"
    if key_file:
        yield f"  SMARTSORT_API_KEY_FILE={key_file}"
    yield ""
    yield "If you write the compose file yourself, this is what Immich needs of it:"
    yield ""
    yield "  services:"
    yield "    immich-server:"
    yield "      volumes:"
    yield f"        - {library}:{inside}:ro"
