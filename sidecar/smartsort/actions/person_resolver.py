"""Whom a human means: choices turned into people, never by a guess."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from smartsort.actions.values import AmbiguousName, PersonSelector, UnknownPerson
from smartsort.core.model import Person, name_to_come
from smartsort.core.naming import folder_key, folder_name, spelled
from smartsort.core.policy import called
from smartsort.errors import ImmichError
from smartsort.ledger.database import Ledger
from smartsort.ledger.person_folders import has_folder
from smartsort.pipeline.engine.context import Context
from smartsort.pipeline.routing.people import People

LONGEST_NAME = 300


@dataclass(frozen=True, slots=True)
class TargetPerson:
    """A person to file under. `id` is None for one Immich does not know (yet). `create`: make one there."""

    name: str
    id: str | None = None
    create: bool = False
    apart: bool = False
    """Another person's name has the same folder form."""

    @property
    def folder(self) -> str:
        """The person's own folder. Where below `faces/` it stands, the template says."""
        return folder_name(self.name, apart=self.apart)


async def known_people(people: People) -> Sequence[Person] | None:
    """Return everybody Immich lists: the last list if it does not answer, None if it never did."""
    try:
        return await people.refresh()
    except ImmichError:
        try:
            return await people.refresh(max_age=float("inf"))
        except ImmichError:
            return None


def resolve(
    choices: Sequence[PersonSelector], known: Sequence[Person] | None, context: Context
) -> tuple[TargetPerson, ...]:
    """Return the people that are meant, each once.

    `known` None: Immich cannot be asked. A name is then taken as typed. Raises UnknownPerson, AmbiguousName.
    """
    found = [_one(choice, known, context.ledger) for choice in choices]
    found = [replace(target, apart=_is_apart(target, known or (), context)) for target in found]
    return tuple({target.folder: target for target in found}.values())


def _one(choice: PersonSelector, known: Sequence[Person] | None, ledger: Ledger) -> TargetPerson:
    if choice.id and (to_come := name_to_come(choice.id)):
        # Suggested before Immich heard of the person. By now it may know them.
        choice = PersonSelector(to_come, create=True)
    name = " ".join((choice.name or "").split())
    if choice.id:
        return _by_id(choice.id, name, known)
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise UnknownPerson(
            f"{choice.name!r} is no name. Give 1 to {LONGEST_NAME} printable characters, or a person's id"
        )
    same = _meant(name, known or (), create=choice.create)
    if len(same) > 1:
        exactly = spelled(same[0].name) == spelled(name)
        ids = {person.id: person.name for person in same}
        listed = ", ".join(f"{person.name} ({person.id})" for person in same)
        what = f"are called {name}" if exactly else f"have the folder name {folder_name(name)}"
        raise AmbiguousName(f"{len(same)} people {what}: {listed}. Say which one by its id", ids)
    if same:
        return TargetPerson(same[0].name, same[0].id)
    if choice.create:
        return TargetPerson(name, create=True)
    if known is None or ledger.read(lambda db: has_folder(db, folder_name(name))):
        # Without a face to show, only smartsort knows the person.
        return TargetPerson(name)
    raise UnknownPerson(f"Immich has no person called {name}. Check the spelling, or ask for a new person")


def _meant(name: str, known: Sequence[Person], *, create: bool) -> list[Person]:
    """Return those whom a name means. A new one (`create`) may have the folder form of another's name."""
    same = called(name, known)
    is_new = create and name != folder_name(name)
    return [p for p in same if spelled(p.name) == spelled(name)] if is_new else same


def people_to_come(names: Iterable[str], known: Sequence[Person]) -> list[Person]:
    """Return somebody for each name that means none of the people whom Immich lists."""
    new = {spelled(name): name for name in names if not _meant(name, known, create=True)}
    return [Person.to_come(name) for name in new.values()]


def _by_id(person_id: str, name: str, known: Sequence[Person] | None) -> TargetPerson:
    person = next((p for p in known or () if p.id == person_id), None)
    if person is not None and person.name:
        return TargetPerson(person.name, person.id)
    if name and (known is None or person is not None):
        return TargetPerson(name, person_id)
    if person is not None:
        raise UnknownPerson(
            f"the person {person_id} has no name in Immich yet. Name them there, or give a name"
        )
    raise UnknownPerson(
        f"Immich lists no person with the id {person_id}. Take one of /api/smart-download/people"
    )


def _is_apart(target: TargetPerson, known: Sequence[Person], context: Context) -> bool:
    """Return whether the folder's name carries a digest. People who are in Immich already come first."""
    if target.id is not None:
        return target.id in context.apart
    key, name = folder_key(target.name), spelled(target.name)
    return any(p.name and folder_key(p.name) == key and spelled(p.name) != name for p in known)
