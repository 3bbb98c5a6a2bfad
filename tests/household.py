"""People and a policy that the tests of decisions share."""

import dataclasses

from smartsort.core.model import (
    Box,
    Confidence,
    CopyPlace,
    Evidence,
    Face,
    OtherCopy,
    Person,
)
from smartsort.core.person_ref import PersonRef
from smartsort.core.policy import (
    Policy,
)

JOHN, SARAH, VICTOR, LUKAS = (
    Person("p-john", "John Doe"),
    Person("p-sarah", "Sarah Smith"),
    Person("p-victor", "Victor Grey"),
    Person("p-lukas", "Lukas"),
)
UNNAMED = Person("p-unnamed", "")


def face(person=None, share=0.2, name="f"):
    """A face that covers so much of a picture of 1000 x 1000."""
    return Face(
        f"{name}-{person.id if person else 'nobody'}",
        Box(0, 0, round(share * 1000), 1000),
        1000,
        1000,
        person,
    )


def photo(*people, **more):
    faces = tuple(p if isinstance(p, Face) else face(p, name=f"f{i}") for i, p in enumerate(people))
    return Evidence(faces=faces, **more)


def refs(*names):
    return tuple(PersonRef(name) for name in names)


HOUSEHOLD = Policy(whitelist=refs("john_doe", "Sarah Smith"), blacklist=refs("Victor Grey"))
ELSEWHERE = OtherCopy(CopyPlace.LEDGER, "faces/john_doe/a.jpg", 7)


def sure(evidence, similarity=0.9, margin=0.3, runner_up=None):
    measured = {f.id: Confidence(similarity, margin, runner_up) for f in evidence.faces}
    return dataclasses.replace(evidence, confidence=measured)
