"""Requests to place and remove files, and their results."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from smartsort.files.stamps import FileStamp


class Method(StrEnum):
    """How the bytes come under another name."""

    HARDLINK = "hardlink"
    REFLINK = "reflink"
    COPY = "copy"
    SYMLINK = "symlink"
    """A name that points at another one, and holds no bytes."""


class Linking(StrEnum):
    """Which ways are taken, the first that the file systems offer."""

    BYTES = "bytes"
    """A hard link, a reflink, a copy: the bytes live on under the new name."""
    NO_COPY = "no_copy"
    """A hard link, a reflink, a symbolic link: nothing is copied."""
    APART = "apart"
    """A reflink, a copy: what is written to one name never shows under the other."""


class PlaceRequest(NamedTuple):
    """`source` shall also be found in `folder`, under the first of `names` that is free.

    `names` are single names, tried in order and lazily. `expected` is the stamp the caller looked at,
    `sha256` the digest it knows: the source is held to the first, a copy to both.
    `adopt`: a candidate that already holds exactly these bytes (`sha256` is needed) is taken for ours, left
    by a crash between the act and the ledger. Leave out names which the ledger gives to other photos. `how`
    says which ways will do.
    """

    source: str
    folder: str
    names: Iterable[str]
    expected: FileStamp | None = None
    sha256: str | None = None
    adopt: bool = False
    how: Linking = Linking.BYTES


class Placed(NamedTuple):
    """The name exists, and its bytes and the name itself are on the disk.

    `stamp` is the new name's (of a symbolic link that of its target), `source_stamp` the source's when it was
    placed. `already`: the name was there before and was ours.
    """

    source: str
    path: str
    method: Method
    stamp: FileStamp
    source_stamp: FileStamp
    already: bool = False


class RemoveRequest(NamedTuple):
    """The name `path` shall go, because the bytes live on at `surviving_path`.

    Names of one inode need nothing more. For a copy, `sha256` is needed: `surviving_path` is read again and
    compared, unless it still has the stamp `kept` of a copy verified before. `path` has to match `expected`
    if given, else it is read and compared as well.
    """

    path: str
    surviving_path: str
    sha256: str | None = None
    kept: FileStamp | None = None
    expected: FileStamp | None = None


class Removed(NamedTuple):
    """The name is gone, on the disk too. `already`: it was gone before."""

    path: str
    already: bool = False
