"""What setting up is told beforehand, and how it asks for the rest."""

from __future__ import annotations

from dataclasses import dataclass

import click


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


@dataclass(frozen=True, slots=True)
class Conversation:
    """Questions and answers on the terminal. Without `interactive` nothing is asked."""

    interactive: bool

    def say(self, text: str = "") -> None:
        """Show a line."""
        click.echo(text)

    def ask(self, question: str, default: str = "") -> str:
        """Return an answer, or the default for an empty one."""
        answer: str = click.prompt(question, default=default, show_default=bool(default))
        return answer

    def ask_secret(self, question: str) -> str:
        """Return an answer that is not shown while it is typed, "" for none."""
        answer: str = click.prompt(question, default="", hide_input=True, show_default=False)
        return answer

    def confirm(self, question: str, *, default: bool) -> bool:
        """Yes or no."""
        return click.confirm(question, default=default)
