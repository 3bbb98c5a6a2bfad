"""What a bulk action or an undo will do, shown before it is done."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content

from smartsort.api.schemas.decisions import ActionResultView, BulkActionResult, Deletions
from smartsort.api.schemas.history import Undo
from smartsort_tui import wording
from smartsort_tui.api import DecidedMeanwhile, Kind
from smartsort_tui.base import BaseApp
from smartsort_tui.screens.area import Reading

NAMES_SHOWN = 8
_VERBS: dict[Kind, str] = {"approve": "File", "reject": "Reject", "skip": "Skip"}
_NOTES: dict[Kind, tuple[str, ...]] = {
    "approve": (),
    "reject": ("Their files go to the trash and are kept there for a while.",),
    "skip": ("They are listed after all others. No file moves.",),
}
# A photo filed under two people has two places, and a name may have a comma of its own.
_BETWEEN_PLACES = re.compile(", (?=(?:faces|review|trash)/)")


INCLUDE = "include"
_KINDS: dict[str, tuple[str, str]] = {
    "strangers": ("of strangers", "no suggestion is accepted"),
    "groups": ("of groups", "more than one person is on them"),
    "blacklisted": ("of blacklisted people", ""),
    "not_whitelisted": ("of people not on the whitelist", ""),
    "not_pictures": ("that are no pictures", ""),
}


class Preview(Reading[bool | str]):
    """A question with what a yes would do. `doable` False: there is nothing to say yes to.

    The answer is a yes, a no, or that what is left out shall be included.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,y", "agree", "Do it", id="preview.agree"),
        Binding("i", "include", "Include them", id="preview.include"),
        Binding("n", "cancel", "Cancel", show=False, id="preview.cancel"),
    ]

    def __init__(self, question: str, text: Content, *, doable: bool = True, excluded: int = 0) -> None:
        super().__init__(question, text, tall=False)
        self._doable = doable
        self._excluded = excluded

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Nothing can be included where nothing is left out."""
        return action != "include" or self._excluded > 0

    def action_include(self) -> None:
        if self.smartsort.keyboard.has_seen():
            self.dismiss(INCLUDE)

    def action_agree(self) -> None:
        # A key typed before the question was on the screen is no answer to it.
        if self.smartsort.keyboard.has_seen():
            self.dismiss(self._doable)


def bulk_preview(kind: Kind, foreseen: BulkActionResult) -> Preview:
    """Return whether all of it shall be done."""
    question = f"{_VERBS[kind]} {wording.count(foreseen.done, 'photo')}?"
    return Preview(question, bulk_text(kind, foreseen), doable=foreseen.done > 0, excluded=foreseen.excluded)


async def undo_agreed(app: BaseApp, event: int, what: str, say: Callable[[str], None]) -> str | None:
    """Show what taking an event back would do, and ask. The token that does exactly this, None for a no.

    `what` is the event in words, `say` shows a line. Raises ApiProblem, also when nothing of it can be taken
    back.
    """
    say("looking what would be undone …")
    foreseen = await app.client.undo(Undo(event=event, dry_run=True))
    say("")
    if foreseen.failed and not foreseen.done:
        raise DecidedMeanwhile(problem_of(foreseen.decided[0]), None)
    question = f"Take back {wording.count(foreseen.done, 'photo')}?"
    agreed = await app.push_screen_wait(Preview(question, undo_text(what, foreseen)))
    if not agreed:
        say("nothing was undone")
    return foreseen.preview if agreed else None


class DeletionsMeant(Reading[bool]):
    """Whether deletions in Immich were meant. Escape leaves them waiting."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "say(True)", "Reject them", id="deletions.confirm"),
        Binding("k", "say(False)", "Keep them", id="deletions.decline"),
    ]

    def action_say(self, meant: bool) -> None:
        if self.smartsort.keyboard.has_seen():
            self.dismiss(meant)


def deletions_question(found: Deletions) -> DeletionsMeant:
    """Whether the deletions that wait were meant."""
    lines = ["They were deleted in Immich, many at once.", ""]
    lines += [wording.cut(f"  {one.filename}", 56) for one in found.photos[:NAMES_SHOWN]]
    if found.waiting > NAMES_SHOWN:
        lines.append(f"  and {found.waiting - NAMES_SHOWN:,} more")
    lines += [
        "",
        "Rejected, their files are kept for a while, and undo takes it back.",
        "Kept, they stay filed.",
    ]
    question = f"Were {wording.count(found.waiting, 'deletion')} in Immich meant?"
    return DeletionsMeant(
        question, Content("\n").join(Content(wording.shown(line)) for line in lines), tall=False
    )


# --- words -----------------------------------------------------------------------------------


def folder_of(destination: str | None) -> str:
    """Return the folder, or folders, of the file names a decision leads to."""
    places = _BETWEEN_PLACES.split(destination or "?/")
    return ", ".join(place.rpartition("/")[0] + "/" for place in places)


def problem_of(one: ActionResultView) -> str:
    """Why a decision will not work, without the number of its photo: the same reasons count together."""
    return (one.problem or "unknown").removeprefix(f"photo {one.id} ")


def bulk_text(kind: Kind, foreseen: BulkActionResult) -> Content:
    """Return where the photos will go, with counts, and what will not work."""
    sign = "in" if kind == "skip" else "→"
    lines = [*_places(foreseen.decided, sign), *_company(foreseen), *_excluded(foreseen)]
    lines += [*_problems(foreseen), Content("")]
    lines += [Content(note) for note in (*_NOTES[kind], "Undo takes all of it back at once.")]
    return Content("\n").join(lines)


def undo_text(what: str, foreseen: BulkActionResult) -> Content:
    """Return what is taken back, where the photos will be then, and what cannot be taken back."""
    lines = [Content(wording.cut(what, 56)), Content(""), *_places(foreseen.decided, "→")]
    lines += _company(foreseen)
    lines += [*_problems(foreseen), Content(""), Content("You can undo an undo, too.")]
    return Content("\n").join(lines)


def _places(decided: Sequence[ActionResultView], sign: str) -> list[Content]:
    places = Counter(
        folder_of(one.destination) for one in decided if one.action not in ("failed", "excluded")
    )
    lines = [
        Content(f"{number:>7,}  {sign} {wording.cut(place, 44)}")
        for place, number in places.most_common(NAMES_SHOWN)
    ]
    if len(places) > NAMES_SHOWN:
        rest = sum(number for _, number in places.most_common()[NAMES_SHOWN:])
        lines.append(Content(f"{rest:>7,}  {sign} {len(places) - NAMES_SHOWN} other folders"))
    return lines


def _company(foreseen: BulkActionResult) -> list[Content]:
    """Return the files that go the same way as their photos."""
    names = [name for one in foreseen.decided if one.action != "failed" for name in one.companions]
    if not names:
        return []
    more = f" and {len(names) - NAMES_SHOWN:,} more" if len(names) > NAMES_SHOWN else ""
    text = f"{wording.count(len(names), 'file')} with them: {', '.join(names[:NAMES_SHOWN])}{more}"
    return [Content(line.plain.rstrip()) for line in Content(wording.shown(text)).wrap(56)]


def _excluded(foreseen: BulkActionResult) -> list[Content]:
    """Return what an approval leaves out, by its kind. A photo can be of several."""
    if not foreseen.excluded:
        return []
    head = f"{wording.count(foreseen.excluded, 'photo')} left out (i includes them):"
    lines = [Content(""), Content.styled(head, "bold $warning")]
    for kind, (words, why) in _KINDS.items():
        if number := foreseen.counts.get(kind):
            lines.append(Content(f"{number:>7,}  {words}{f': {why}' if why else ''}"))
    return lines


def _problems(foreseen: BulkActionResult) -> list[Content]:
    if not foreseen.failed:
        return []
    head = f"{foreseen.failed:,} will stay where they are:"
    problems = Counter(problem_of(one) for one in foreseen.decided if one.action == "failed")
    return [
        Content(""),
        Content.styled(head, "bold $warning"),
        *(
            Content(f"{number:>7,}  {wording.cut(problem, 46)}")
            for problem, number in problems.most_common(NAMES_SHOWN)
        ),
    ]
