"""Start a command in the container as the user given by PUID and PGID.

Started as root, it gives empty folders that Docker has made to that user, gives up root for good and runs
the command. Started as another user (`user:` in Compose) it only sets the umask. It replaces itself by the
command, so that signals reach smartsort. Standard library only; it runs before anything else is imported.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

# Mount points below the root that Docker makes as root when they are missing.
MOUNT_POINTS = (".", "inbox", "library")
HIGHEST_ID = 2**32 - 2


class Refused(Exception):
    """A variable is wrong; the message says which and what is allowed."""


def number(env: Mapping[str, str], name: str, default: str, base: int, most: int) -> int:
    """A variable as a number from 0 to `most`; unset and empty are `default`."""
    text = env.get(name, "").strip() or default
    try:
        value = int(text, base)
    except ValueError:
        value = -1
    if not 0 <= value <= most:
        kind = "an octal number such as 022" if base == 8 else "a number such as 1000"
        raise Refused(f"{name} = {text!r}: must be {kind}")
    return value


def command_of(arguments: Sequence[str]) -> list[str]:
    """What to run: `doctor` and `--version` mean smartsort's, `smartsort-tui` and `sh` themselves."""
    if not arguments:
        return ["smartsort", "serve"]
    first = arguments[0]
    if first in ("smartsort", "smartsort-tui") or (not first.startswith("-") and shutil.which(first)):
        return list(arguments)
    return ["smartsort", *arguments]


def hand_over(root: Path, user: int, group: int) -> None:
    """Give the root and its mount points to the user where they are new: empty and root's."""
    for name in MOUNT_POINTS:
        folder = root / name
        # Refused on network shares and without the capability; then the warning below speaks.
        with contextlib.suppress(OSError):
            if name == ".":
                folder.mkdir(parents=True, exist_ok=True)
            if folder.is_symlink() or not folder.is_dir() or folder.stat().st_uid != 0:
                continue
            if set(os.listdir(folder)) <= (set(MOUNT_POINTS) if name == "." else set()):
                os.chown(folder, user, group)


def become(user: int, group: int) -> None:
    """Give up root: groups first, because afterwards it is not allowed any more."""
    os.setgroups([])
    os.setgid(group)
    os.setuid(user)


def main(arguments: Sequence[str], env: Mapping[str, str]) -> int:
    """Never returns when the command could be started."""
    root = Path(env.get("SMARTSORT_ROOT", "").strip() or "/data")
    try:
        user = number(env, "PUID", "1000", 10, HIGHEST_ID)
        group = number(env, "PGID", "1000", 10, HIGHEST_ID)
        os.umask(number(env, "UMASK", "022", 8, 0o777))
    except Refused as error:
        sys.stderr.write(f"smartsort: {error}\n")
        return 2
    if os.geteuid() == 0:
        hand_over(root, user, group)
        if (user, group) != (0, 0):
            become(user, group)
    elif env.get("PUID", "").strip() and user != os.geteuid():
        sys.stderr.write(f"smartsort: runs as user {os.geteuid()}; PUID = {user} needs a start as root\n")
    command = command_of(arguments)
    writes = command[0] == "smartsort" and command[1:2] in (["serve"], ["setup"])
    if writes and not os.access(root, os.W_OK | os.X_OK):
        sys.stderr.write(
            f"smartsort: {root} cannot be written by user {os.geteuid()}; on the host, "
            f"chown {os.geteuid()}:{os.getegid()} its folder or set PUID and PGID to its owner\n"
        )
    try:
        os.execvp(command[0], command)  # noqa: S606  (no shell is wanted)
    except OSError as error:
        sys.stderr.write(f"smartsort: cannot run {command[0]}: {error.strerror}\n")
        return 127


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:], os.environ))
