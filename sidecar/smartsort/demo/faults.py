"""What can be made to go wrong, while the server runs."""

import fnmatch
import random
from dataclasses import dataclass, field, fields
from typing import Any, Literal

Kind = Literal["status", "slow", "truncate", "html", "drop"]
KINDS = ("status", "slow", "truncate", "html", "drop")


@dataclass(slots=True)
class FaultRule:
    """One fault on the requests whose path matches `path` (`*` for any text) and whose method is `method`.

    `status` answers with that status instead. `slow` waits `seconds` first. `truncate` sends half the answer.
    `html` sends a web page with status 200. `drop` closes the connection in the middle of the answer. A rule
    applies with `probability`, and at most `times` times if that is given.
    """

    path: str
    kind: Kind = "status"
    method: str = "*"
    status: int = 500
    seconds: float = 0.0
    probability: float = 1.0
    times: int | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"no kind of fault: {self.kind!r} (one of {', '.join(KINDS)})")

    def matches(self, method: str, path: str) -> bool:
        return self.method in ("*", method) and fnmatch.fnmatchcase(path, self.path)


@dataclass(slots=True)
class Faults:
    """All faults of one server. Everything is off at first.

    `down` closes every connection without a word (but those to `/demo/...`, which switch it off again).
    `ml_failing` makes face detection fail after its usual time. `ml_refused` is a machine learning service
    that cannot be reached: face detection and smart search fail within milliseconds. `ml_faces_refused` is
    the same for the faces alone, as when only their model cannot be loaded. `face_recognition_off` is the
    switch of Immich's own settings. `listing_error_rate` is how often a queue listing answers 500;
    `library_gone` hides every library; `extra_fields` adds unknown fields to every object of every answer;
    `version` is what the server says it is, "" for the truth.
    """

    seed: int = 0
    down: bool = False
    ml_failing: bool = False
    ml_refused: bool = False
    ml_faces_refused: bool = False
    face_recognition_off: bool = False
    library_gone: bool = False
    extra_fields: bool = False
    version: str = ""
    listing_error_rate: float = 0.0
    rules: list[FaultRule] = field(default_factory=list)
    _rng: random.Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._rng = random.Random(f"faults:{self.seed}")

    def add(self, path: str, kind: Kind = "status", **details: Any) -> FaultRule:
        """Add a rule and return it, so that it can be removed again."""
        rule = FaultRule(path, kind, **details)
        self.rules.append(rule)
        return rule

    def clear(self) -> None:
        """Switch every fault off."""
        for one in fields(self):
            if one.name != "_rng":
                setattr(self, one.name, getattr(Faults(self.seed), one.name))

    def refuses(self, job_name: str) -> bool:
        """Return True for a job that machine learning does not even begin."""
        if job_name == "AssetDetectFaces":
            return self.ml_refused or self.ml_faces_refused
        return job_name == "SmartSearch" and self.ml_refused

    def listing_fails(self) -> bool:
        return self.listing_error_rate > 0 and self._rng.random() < self.listing_error_rate

    def pick(self, method: str, path: str) -> FaultRule | None:
        """Return the first rule that strikes this request. Counts it as used."""
        for rule in self.rules:
            if not rule.matches(method, path) or rule.times == 0:
                continue
            if rule.probability < 1.0 and self._rng.random() >= rule.probability:
                continue
            if rule.times is not None:
                rule.times -= 1
            return rule
        return None
