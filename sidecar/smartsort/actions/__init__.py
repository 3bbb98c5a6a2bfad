"""What a human does to photos: approve, reject, skip, re-file, undo.

Every action is an event that carries its own inverse.
"""

from smartsort.actions.acting import Agreed
from smartsort.actions.actions import Actions
from smartsort.actions.reevaluate import Wanted
from smartsort.actions.undo import undoable
from smartsort.actions.values import (
    ANY_VERSION,
    ActionRefused,
    ActionResult,
    AmbiguousName,
    Batch,
    NoSuchEvent,
    NotUndoable,
    PersonSelector,
    UnknownPerson,
)

__all__ = [
    "ANY_VERSION",
    "ActionRefused",
    "ActionResult",
    "Actions",
    "Agreed",
    "AmbiguousName",
    "Batch",
    "NoSuchEvent",
    "NotUndoable",
    "PersonSelector",
    "UnknownPerson",
    "Wanted",
    "undoable",
]
