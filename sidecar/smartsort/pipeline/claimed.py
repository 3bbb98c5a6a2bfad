"""The names of claimed files in `temp_downloads/`: the photo's id first, so that each explains itself."""

from __future__ import annotations

from smartsort.files.names import NameRules
from smartsort.ledger.records import Member, Name


def temp_name(photo_id: int, member: Member, original_name: str, rules: NameRules) -> str:
    """The claimed file's name in `temp_downloads/`, which takes names of these rules.

    It fits before it is tried: the journal has it before the file is there.
    """
    return rules.fitted(f"{photo_id}-{member.value}_{original_name}")


def photo_id_of(name: str) -> int | None:
    """The photo a claimed file belongs to, None for a name that is not ours."""
    head, _, rest = name.partition("-")
    return int(head) if rest and head.isascii() and head.isdigit() else None


def own_name(name: Name) -> str:
    """The name a file in `temp_downloads/` had before it was claimed."""
    return name.path.removeprefix(f"{name.photo_id}-{name.member.value}_")
