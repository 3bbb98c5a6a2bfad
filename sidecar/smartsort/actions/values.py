"""What actions are asked with and what they answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from smartsort.core.model import BulkKind
from smartsort.errors import SmartsortError
from smartsort.ledger.records import Event


@dataclass(frozen=True, slots=True)
class PersonSelector:
    """Whom to file under: a person's id of Immich, or a name. `create` makes a person nobody knows yet."""

    name: str | None = None
    id: str | None = None
    create: bool = False


NOT_TO_BE_DONE = ""
"""The version of a photo that a dry run showed as not to be touched."""

ANY_VERSION = "*"
"""The version of a photo that may have changed since it was seen."""

IMMICH = "Immich"
"""The actor of what a user did in Immich."""

SETTINGS = 0
"""Where the versions of a dry run have the events whose settings an undo takes back: no photo's id."""

LEFT = frozenset({"failed", "changed", "excluded"})
"""Actions of photos that stay as they were: not possible, not as previewed, not asked for."""


@dataclass(frozen=True, slots=True)
class ActionResult:
    """What became of one photo.

    `action` is approved, refiled, rejected, skipped, undone or purged, in a dry run `would_approve` and the
    like, or one of `LEFT`: then `problem` is a sentence. `code` of what failed is conflict (with `happened`),
    not_found, no_suggestion, not_a_photo, nothing_to_do, changed_by_hand, not_undoable, already_undone,
    forbidden, storage or file. `path` and `names` are as shown to people. `kinds` are those of an approval.
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
    kinds: frozenset[BulkKind] = frozenset()
    stays: str = ""
    """In a dry run, of a photo that goes on waiting: the code of the reason."""
    version: str = ""
    """In a dry run: what the photo is and what would become of it. Another version means another preview."""

    @property
    def ok(self) -> bool:
        """False when nothing was done to the photo."""
        return self.action not in LEFT


def changed(photo_id: int, problem: str) -> ActionResult:
    """Return the answer for a photo that is left alone because it is not as it was in the preview."""
    return ActionResult(photo_id, "changed", problem=problem, code="conflict")


def unless_storage(one: ActionResult) -> ActionResult:
    """Return what stands in the way of a previewed photo has come since, unless storage is out of order."""
    if one.ok or one.code in ("storage", "file", "forbidden"):
        return one
    return replace(one, action="changed")


@dataclass(frozen=True, slots=True)
class Batch:
    """What one call did, in the order of the photos asked for. `event` takes all of it back at once.

    `undoes` is the event that an undo means, where it means one. `settings` are events whose settings it
    takes back.
    """

    results: tuple[ActionResult, ...] = field(default=())
    event: int | None = None
    undoes: int | None = None
    settings: tuple[int, ...] = ()
    unlisted: int = 0
    """Further photos that were acted on, without a result of their own: there may be a million."""

    def __iter__(self) -> Iterator[ActionResult]:
        return iter(self.results)

    def __len__(self) -> int:
        return len(self.results)

    @property
    def done(self) -> int:
        """Photos that were (or, in a dry run, would be) acted on."""
        return sum(one.ok for one in self.results) + self.unlisted

    @property
    def failed(self) -> int:
        """Photos that an action was not possible for."""
        return sum(one.action == "failed" for one in self.results)

    @property
    def versions(self) -> dict[int, str]:
        """What a dry run showed: versions by photo, to be given to the action as `agreed`."""
        found = {one.photo_id: one.version if one.ok else NOT_TO_BE_DONE for one in self.results}
        return found | ({SETTINGS: " ".join(map(str, self.settings))} if self.settings else {})


class ActionRefused(SmartsortError):
    """A call that cannot be carried out for any photo. Nothing was changed."""

    code = "invalid"


class PreviewGone(ActionRefused):
    """What was previewed is not what would be done by now."""

    code = "preview_gone"


class UnknownPerson(ActionRefused):
    """Nobody has this name or id, and nobody was to be created."""

    code = "unknown_person"


class NotMixed(ActionRefused):
    """Nobody takes this person for two people."""

    code = "not_found"


class NoSuchVerdict(ActionRefused):
    """No face is marked with this key."""

    code = "not_found"


class AmbiguousName(ActionRefused):
    """Several people have this name. `ids` are their names by id."""

    code = "ambiguous_name"

    def __init__(self, message: str, ids: Mapping[str, str]) -> None:
        super().__init__(message)
        self.ids = dict(ids)


class NoSuchEvent(ActionRefused):
    """There is no event of this id."""

    code = "not_found"


class NeedsAdmin(ActionRefused):
    """What is to be undone changed settings, which only an administrator may do."""

    code = "forbidden"


class NotUndoable(ActionRefused):
    """The event cannot be taken back, or is taken back already."""

    code = "not_undoable"
