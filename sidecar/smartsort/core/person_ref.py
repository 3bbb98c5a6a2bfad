"""People as settings name them."""

from __future__ import annotations

from dataclasses import dataclass

from smartsort.core.model import Person
from smartsort.core.naming import same_name


@dataclass(frozen=True, slots=True)
class PersonRef:
    """A person in a setting: by Immich id once it is known, by name before."""

    name: str
    id: str | None = None

    def means(self, person: Person) -> bool:
        """Return True when this entry is that person. A known id decides alone, whatever the names say."""
        if self.id is not None:
            return self.id == person.id
        return same_name(self.name, person.name)
