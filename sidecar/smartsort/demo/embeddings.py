"""Made-up face embeddings: one direction for each identity, and a little noise for each photo."""

import functools
import math
import random

LENGTH = 512
# Faces of one identity end up at a cosine similarity of about 0.8, as with Immich's default model; two
# identities at about 0.
NOISE = 0.5


@functools.lru_cache(maxsize=4096)
def of_identity(identity: str) -> tuple[float, ...]:
    """The unit vector of an identity."""
    return _unit(random.Random(f"identity:{identity}"))


@functools.lru_cache(maxsize=8192)
def of_face(identity: str, noise_seed: str) -> tuple[float, ...]:
    """The unit vector of one face of an identity; `noise_seed` stands for the photo and the place on it."""
    noise = _unit(random.Random(f"noise:{noise_seed}"))
    return _normalised([a + NOISE * b for a, b in zip(of_identity(identity), noise, strict=True)])


def distance(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    """The cosine distance: 0 for the same direction, 1 for nothing in common."""
    return 1.0 - sum(a * b for a, b in zip(one, other, strict=True))


def _unit(rng: random.Random) -> tuple[float, ...]:
    return _normalised([rng.gauss(0.0, 1.0) for _ in range(LENGTH)])


def _normalised(values: list[float]) -> tuple[float, ...]:
    length = math.sqrt(sum(value * value for value in values))
    return tuple(value / length for value in values)
