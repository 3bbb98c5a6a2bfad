"""What the demo's faces look like, as numbers: the one source for its recognition and its machine learning.

The figures follow real faces and an ArcFace model: people who are not related have a cosine of 0 +- 0.09, and
a face is less like its person the less of the picture it fills.
"""

import functools
import math
import random

LENGTH = 512
MODEL = "buffalo_l"
"""Immich's default, in whose numbers the demo thinks."""

# Models use few of their directions for who somebody is: so strangers are not all alike far apart.
_WHO = 128
MAX_DISTANCE = 0.5
"""Immich's default: faces further apart are not the same person's."""

TWINS = ("Lina Berg", "Mira Berg")
_TWINS_ALIKE = 0.965

# How much a face is like its person, by its height as a share of the picture: a close portrait, an ordinary
# one, and one so far away that Immich knows it only where it has a close portrait to compare with.
_CLOSE, _CLOSE_HEIGHT = 0.97, 0.7
_ORDINARY, _ORDINARY_HEIGHT = (0.76, 0.93), 0.18
_FAR, _FAR_HEIGHT = 0.55, 0.09

Vector = tuple[float, ...]


def identity_of_name(name: str) -> str:
    return "name:" + " ".join(name.casefold().split())


_TWIN_IDENTITIES = tuple(identity_of_name(name) for name in TWINS)


def relatives(identity: str) -> tuple[str, ...]:
    """The identities that faces of this one may be taken for, itself included: nobody else comes near."""
    return _TWIN_IDENTITIES if identity in _TWIN_IDENTITIES else (identity,)


@functools.lru_cache(maxsize=4096)
def of_identity(identity: str) -> Vector:
    """The unit vector of an identity."""
    own = _unit(f"identity:{identity}", _WHO)
    if identity == _TWIN_IDENTITIES[1]:
        first = of_identity(_TWIN_IDENTITIES[0])
        share = sum(a * b for a, b in zip(first, own, strict=False))
        own = _normalised([b - share * a for a, b in zip(first, own, strict=False)])
        rest = math.sqrt(1 - _TWINS_ALIKE**2)
        own = [_TWINS_ALIKE * a + rest * b for a, b in zip(first, own, strict=False)]
    return (*own, *([0.0] * (LENGTH - _WHO)))


@functools.lru_cache(maxsize=2048)
def of_face(identity: str, pose: str, height: float) -> Vector:
    """The unit vector of one face: `pose` says how it was photographed, `height` its share of the picture."""
    alike = random.Random(f"clarity:{identity} {pose}").uniform(*_ORDINARY)
    if height >= _CLOSE_HEIGHT:
        alike = _CLOSE
    elif height < _ORDINARY_HEIGHT:
        share = max(0.0, height - _FAR_HEIGHT) / (_ORDINARY_HEIGHT - _FAR_HEIGHT)
        alike = _FAR + share * (alike - _FAR)
    rest = math.sqrt(1 - alike**2)
    noise = _unit(f"noise:{identity} {pose}", LENGTH - _WHO)
    return (*(alike * a for a in of_identity(identity)[:_WHO]), *(rest * n for n in noise))


def as_seen_by(model: str, vector: Vector) -> Vector:
    """Return a face in the numbers of a model: two are as alike, and nothing is like another model's."""
    if model == MODEL:
        return vector
    places = list(range(LENGTH))
    random.Random(model).shuffle(places)
    return tuple(vector[place] for place in places)


def distance(one: Vector, other: Vector) -> float:
    """Return the cosine distance: 0 for the same direction, 1 for nothing in common."""
    return math.dist(one, other) ** 2 / 2


def _unit(seed: str, length: int) -> list[float]:
    # Even numbers do: in so many directions nothing tells them from normal ones, and they take a tenth.
    return _normalised([byte - 127.5 for byte in random.Random(seed).randbytes(length)])


def _normalised(values: list[float]) -> list[float]:
    length = math.hypot(*values)
    return [value / length for value in values]
