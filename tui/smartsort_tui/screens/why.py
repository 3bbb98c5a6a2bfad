"""Why a photo went where it is: what was seen, what each rule said, and what would have changed it."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content

from smartsort.api.schemas.evaluation import Explained
from smartsort_tui import wording
from smartsort_tui.screens.area import Reading

# Signs and styles of what a rule said. The sign alone tells it.
VERDICTS = {"decided": ("✗", "bold $error"), "matched": ("!", "$warning"), "passed": ("✓", "$success")}


class WhyScreen(Reading[None]):
    """The explanation of one decision."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "close", id="dialog.cancel"),
    ]

    def __init__(self, explained: Explained) -> None:
        super().__init__(f"Why {wording.cut(explained.filename, 70)} is where it is", why_text(explained))


def why_text(explained: Explained) -> Content:
    """Return the whole explanation."""
    parts = [Content(wording.shown(explained.summary))]
    if explained.by_human:
        parts.append(Content.styled(wording.shown(explained.by_human), "bold"))
    if explained.seen:
        parts += [Content(""), Content.styled("What was seen", "bold $accent")]
        parts += [Content(f"• {wording.shown(text)}") for text in explained.seen]
    if explained.rules:
        parts += [
            Content(""),
            Content.styled("The rules", "bold $accent"),
            Content.styled("✗ decided   ! also matched   ✓ passed", "$foreground-muted"),
        ]
        for rule in explained.rules:
            sign, style = VERDICTS[rule.verdict]
            parts.append(Content.assemble((f"{sign} ", style), wording.shown(rule.text)))
    if explained.changes:
        parts += [Content(""), Content.styled("What would change it", "bold $accent")]
        parts += [Content(f"• {wording.shown(change.text)}") for change in explained.changes]
    if not explained.stored_settings_used:
        note = "The settings of that time are not known. Today's were taken."
        parts += [Content(""), Content.styled(note, "$foreground-muted")]
    return Content("\n").join(parts)
