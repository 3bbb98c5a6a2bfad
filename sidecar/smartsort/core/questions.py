"""Questions about one photo that a button answers: the token of a button, and whether it is genuine. Pure.

A token is at most 64 characters long, which is what Telegram allows. It is signed over the photo, its
version, the person that was asked about, the answer, and the time it ends.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from enum import StrEnum


class Answer(StrEnum):
    """What a button says."""

    YES = "y"
    NO = "n"
    UNDO = "u"


@dataclass(frozen=True, slots=True)
class Question:
    """Is this that person? `until` in seconds since 1970. `subject` is the photo's id."""

    subject: int
    version: str
    person_id: str
    until: int

    def token(self, answer: Answer, key: bytes) -> str:
        """Return what the button for this answer carries."""
        return f"{answer.value}.{self.subject}.{self.until}.{self._mac(answer, key)}"

    def is_token(self, given: str, answer: Answer, key: bytes) -> bool:
        """Return True for the token that `token` gives, compared in constant time."""
        return hmac.compare_digest(self.token(answer, key).encode(), given.encode("utf-8", "replace"))

    def _mac(self, answer: Answer, key: bytes) -> str:
        said = "\x00".join((answer.value, str(self.subject), self.version, self.person_id, str(self.until)))
        return hmac.new(key, f"question\x00{said}".encode(), hashlib.sha256).hexdigest()[:32]


def read(token: str) -> tuple[Answer, int, int] | None:
    """Return the answer, the subject and the end that a token names, None for what is no token.

    Nothing in it is to be believed before `Question.is_token` has said so.
    """
    kind, *numbers, _ = (token.split(".") + [""] * 4)[:4]
    if kind not in set(Answer) or not all(n.isascii() and n.isdigit() and len(n) < 16 for n in numbers):
        return None
    return Answer(kind), int(numbers[0]), int(numbers[1])
