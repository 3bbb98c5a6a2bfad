"""`smartsort add`: hand in files and folders from the command line."""

from __future__ import annotations

import itertools
import os
import secrets
import shutil
import sys
from collections.abc import Iterator

import click

from smartsort.cli.common import load, settings_options
from smartsort.cli.output import counting, examples
from smartsort.cli.sidecar import Sidecar


@click.command(
    "add",
    epilog=examples(
        "smartsort add ~/Pictures/holiday --source camera", "smartsort add IMG_1234.jpg --move --wait"
    ),
)
@settings_options
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True))
@click.option("--source", default="cli", show_default=True, help="The source that is noted with the photos.")
@click.option("--move", is_flag=True, help="Remove the originals once they are copied and verified.")
@click.option("--wait", is_flag=True, help="Wait until each photo is filed or in review, and print where.")
@click.option(
    "--url", metavar="URL", envvar="SMARTSORT_URL", help="With --wait: the sidecar's address (SMARTSORT_URL)."
)
@click.option(
    "--token",
    metavar="TOKEN",
    envvar="SMARTSORT_TOKEN",
    help="With --wait: the sidecar's token (SMARTSORT_TOKEN).",
)
@click.option("--json", "as_json", is_flag=True, help="With --wait: print JSON, for programs.")
def command(
    config_path: str | None,
    root: str | None,
    paths: tuple[str, ...],
    source: str,
    *,
    move: bool,
    wait: bool,
    url: str | None,
    token: str | None,
    as_json: bool,
) -> None:
    """Put FILES and FOLDERS into the inbox, where the running sidecar takes them.

    Originals stay where they are unless you give --move. smartsort copies each file under a temporary
    name, flushes it and then renames it. So the inbox never holds half a file.

    --wait asks the running sidecar. It needs the address and the token, as `smartsort status` does.
    """
    from smartsort.bootstrap import layout_of
    from smartsort.cli.arrivals import Arrivals
    from smartsort.errors import ConfigurationError, SmartsortError
    from smartsort.files.inbox import scan_inbox
    from smartsort.files.shown import shown

    if not source or "/" in source or source.startswith("."):
        raise ConfigurationError(f"--source {source!r} is no folder name. Use letters, digits, - and _")
    layout = layout_of(load(config_path, root))
    if not os.path.isdir(layout.inbox):
        raise ConfigurationError(
            f"{shown(layout.inbox)} does not exist. Start the sidecar once (smartsort serve), or check --root"
        )
    arrivals = Arrivals(Sidecar(config_path, root, url, token), layout.inbox) if wait else None
    target = os.path.join(layout.inbox, source)
    os.makedirs(target, exist_ok=True)
    files: list[tuple[str, str]] = []
    left: list[tuple[str, str]] = []
    for path in paths:
        if os.path.isdir(path):
            scan = scan_inbox(os.path.abspath(path))
            files += [(entry.path, os.path.relpath(entry.path, path)) for entry in scan.entries]
            left += [(entry.path, entry.why) for entry in scan.left]
        elif os.path.isfile(path) and not os.path.islink(path):
            files.append((path, os.path.basename(path)))
        else:
            left.append((path, "it is not a regular file"))
    files, alone = _without_lone_side_files(files)
    left += alone
    added: list[str] = []
    with counting(f"of {len(files):,} files copied") as count:
        for path, relative in files:
            try:
                added.append(_copy_in(path, os.path.join(target, relative), verify=move))
                count(len(added))
                if move:
                    os.unlink(path)
            except (OSError, SmartsortError) as problem:
                left.append((path, str(problem)))
    click.echo(f"{len(added)} files handed in to {shown(target)}", err=as_json)
    if arrivals is not None:
        left += arrivals.wait_for(added, as_json=as_json)
    for path, why in left:
        click.echo(f"left: {shown(path)}: {why}", err=True)
    sys.exit(1 if left else 0)


def _without_lone_side_files(
    files: list[tuple[str, str]],
) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Split the files into those to add and the side files without their photo, with the reason."""
    from smartsort.files.grouping import by_name, owner_of, sorted_out
    from smartsort.files.inbox import Entry
    from smartsort.files.sides import titled
    from smartsort.files.stamps import FileStamp
    from smartsort.files.takeout import title_of

    unseen = FileStamp(0, 0, 0, 0)
    paths = {Entry(relative, "", unseen, number): path for number, (path, relative) in enumerate(files)}
    media, sides = sorted_out(paths)
    names = by_name(media)
    alone = set()
    for entry, side in sides:
        title = title_of(paths[entry])
        readings = [side, titled(side, title)] if title else [side]
        if not any(owner_of(reading, entry.folder, names) for reading in readings):
            alone.add(paths[entry])
    why = "it belongs to a photo that is not among these files"
    return [pair for pair in files if pair[0] not in alone], [(path, why) for path in sorted(alone)]


def _names(name: str) -> Iterator[str]:
    """Yield the name, then the name with numbers: two files may have the same name."""
    yield name
    stem, extension = os.path.splitext(name)
    for number in itertools.count(2):
        yield f"{stem}_{number}{extension}"


def _copy_in(source: str, target: str, *, verify: bool) -> str:
    """Copy and claim the name for good.

    Return the path. `verify`: read the copy back, the original will go.
    """
    from smartsort.errors import SmartsortError
    from smartsort.files.hashing import sha256_of
    from smartsort.files.placement import Placer, PlaceRequest
    from smartsort.files.stamps import stamp

    folder, name = os.path.split(target)
    os.makedirs(folder, exist_ok=True)
    # The ignore table leaves this name alone, so no half file is ever taken.
    temporary = os.path.join(folder, f".smartsort-{secrets.token_hex(8)}.part")
    before = stamp(source)
    try:
        shutil.copy2(source, temporary)
        if stamp(source) != before or os.path.getsize(temporary) != before.size:
            raise OSError("it changed while it was copied")
        if verify and sha256_of(temporary) != sha256_of(source):
            raise OSError("the copy does not hold the same bytes. Check the disk.")
        [placed] = Placer().place([PlaceRequest(temporary, folder, _names(name))])
        if isinstance(placed, SmartsortError):
            raise placed
        return placed.path
    finally:
        if os.path.exists(temporary):
            os.unlink(temporary)
