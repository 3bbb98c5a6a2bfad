"""What actions are asked with and what they answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from smartsort.errors import SmartsortError
from smartsort.ledger.records import Event


@dataclass(frozen=True, slots=True)
class Choice:
    """Whom to file under: a person's id of Immich, or a name; `create` makes a person nobody knows yet."""

    name: str | None = None
    id: str | None = None
    create: bool = False


@dataclass(frozen=True, slots=True)
class Acted:
    """What became of one photo.

    `action` is approved, refiled, rejected, skipped, undone or purged, in a dry run `would_approve` and the
    like, or failed: then `problem` is a sentence and `code` is conflict (with `happened`), not_found,
    no_suggestion, nothing_to_do, changed_by_hand, not_undoable, already_undone, storage or file.
    `path` and `names` are as shown to people.
    """

    photo_id: int
    action: str
    person: str | None = None
    names: tuple[str, ...] = ()
    path: str | None = None
    event: int | None = None
    problem: str | None = None
    code: str = ""
    happened: Event | None = None
    companions: tuple[str, ...] = ()
    """Names of the files that travel with the photo."""

    @property
    def ok(self) -> bool:
        """False when nothing was done to the photo."""
        return self.action != "failed"


@dataclass(frozen=True, slots=True)
class Batch:
    """What one call did, in the order of the photos asked for; `event` takes all of it back at once."""

    acted: tuple[Acted, ...] = field(default=())
    event: int | None = None

    def __iter__(self) -> Iterator[Acted]:
        return iter(self.acted)

    def __len__(self) -> int:
        return len(self.acted)

    @property
    def done(self) -> int:
        """Photos that were (or, in a dry run, would be) acted on."""
        return sum(one.ok for one in self.acted)

    @property
    def failed(self) -> int:
        """Photos that stay as they were."""
        return len(self.acted) - self.done


class ActionRefused(SmartsortError):
    """A call that cannot be carried out for any photo; nothing was changed."""

    code = "invalid"


class UnknownPerson(ActionRefused):
    """Nobody has this name or id, and nobody was to be created."""

    code = "unknown_person"


class AmbiguousName(ActionRefused):
    """Several people have this name; `ids` are their names by id."""

    code = "ambiguous_name"

    def __init__(self, message: str, ids: Mapping[str, str]) -> None:
        super().__init__(message)
        self.ids = dict(ids)


class NoSuchEvent(ActionRefused):
    """There is no event of this id."""

    code = "not_found"


class NotUndoable(ActionRefused):
    """The event cannot be taken back, or is taken back already."""

    code = "not_undoable"
