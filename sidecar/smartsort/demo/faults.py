"""What can be wrong with machine learning and with libraries, while the server runs."""

import random
from dataclasses import dataclass, field


@dataclass(slots=True)
class Faults:
    """All faults of one server. Everything is off at first.

    `ml_failing` makes face detection fail after its usual time. `ml_refused` is a machine learning service
    that cannot be reached: face detection and smart search fail within milliseconds. `ml_faces_refused` is
    the same for the faces alone, as when only their model cannot be loaded. `face_recognition_off` is the
    switch of Immich's own settings. `listing_error_rate` is how often a queue listing answers 500.
    `library_gone` hides every library. `version` is what the server says it is, "" for the truth.
    """

    seed: int = 0
    ml_failing: bool = False
    ml_refused: bool = False
    ml_faces_refused: bool = False
    face_recognition_off: bool = False
    library_gone: bool = False
    version: str = ""
    listing_error_rate: float = 0.0
    _rng: random.Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._rng = random.Random(f"faults:{self.seed}")

    def refuses(self, job_name: str) -> bool:
        """Return True for a job that machine learning does not even begin."""
        if job_name == "AssetDetectFaces":
            return self.ml_refused or self.ml_faces_refused
        return job_name == "SmartSearch" and self.ml_refused

    def listing_fails(self) -> bool:
        return self.listing_error_rate > 0 and self._rng.random() < self.listing_error_rate
