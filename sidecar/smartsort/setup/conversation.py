"""What setting up is told beforehand, and how it asks for the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class SetupOptions:
    """What the command line says, "" for what it does not. Keys are given as text or as a file."""

    root: str = ""
    url: str = ""
    key: str = ""
    key_file: str = ""
    admin_key: str = ""
    admin_key_file: str = ""
    library_path: str = ""
    ml_url: str = ""
    whitelist: str = ""


class Conversation(Protocol):
    """Whoever sits before the screen. `interactive` is False when nobody does: then nothing is asked."""

    @property
    def interactive(self) -> bool:
        """True when questions are answered."""
        ...

    def say(self, text: str = "") -> None:
        """Show a line."""
        ...

    def ask(self, question: str, default: str = "") -> str:
        """Return an answer, or the default for an empty one."""
        ...

    def ask_secret(self, question: str) -> str:
        """Return an answer that is not shown while it is typed, "" for none."""
        ...

    def confirm(self, question: str, *, default: bool) -> bool:
        """Yes or no."""
        ...
