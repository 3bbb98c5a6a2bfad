"""A waiting photo in words: why it waits, who is on it, what can be done. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.style import Style

from smartsort.api.schemas.people import FaceView, PersonView, SuggestionView
from smartsort.api.schemas.review import CopyView, QueueItem, ReviewItem
from smartsort_tui import wording
from smartsort_tui.differences import differences

MAX_SUGGESTIONS = 9
MAX_CHANGES = 3


def row_details(row: QueueItem, width: int, refused: str | None = None, *, compact: bool = False) -> Content:
    """Return what is known from the queue's row alone, shown until the rest has come."""
    lines = [*_head(row, width, refused), *section("Why"), *bullet(row.text, width)]
    if row.suggested_person_id:
        # The key that approves means this person before the rest has come.
        lines += [*section("This is"), Content(wording.cut(f"[1] {row.suggested_person}", width))]
    return _joined([line for line in lines if line or not compact])


def details(
    item: ReviewItem,
    width: int,
    refused: str | None = None,
    chosen_face: int | None = None,
    *,
    compact: bool = False,
    nobody: str = "",
    changes: Sequence[str] = (),
) -> Content:
    """Everything about a waiting photo, `width` cells wide, without empty lines when `compact`.

    `chosen_face` is a face's number. `nobody` is said where no person is suggested.
    `changes` are what would have led elsewhere.
    """
    lines = _head(item, width, refused)
    lines += section("Why")
    for text in [reason.text for reason in item.reasons] or [item.text]:
        lines += bullet(text, width)
    lines += section("This is")
    if item.suggestions:
        lines += _suggestions(item, width)
    else:
        lines += [
            Content.styled(line, "$foreground-muted") for line in _wrapped(nobody or "No suggestion.", width)
        ]
    if item.other_copy is not None:
        lines += section("The other copy")
        lines += _comparison(item, item.other_copy, width)
    if len(item.faces) > 1 or any(face.person for face in item.faces):
        lines += section("Faces")
        for face in item.faces:
            lines += _face(face, width, chosen=face.number == chosen_face)
    if changes:
        lines += section("What would change it")
        for text in changes[:MAX_CHANGES]:
            lines += bullet(text, width)
    lines += section("Photo")
    lines += _facts(item, width)
    return _joined([line for line in lines if line or not compact])


def name_of(person: PersonView | None) -> str:
    """Return a person's name. Immich has people nobody has named."""
    if person is None:
        return "unknown person"
    return wording.shown(person.name) or "unknown person"


def _head(row: QueueItem, width: int, refused: str | None) -> list[Content]:
    lines = [
        Content.styled(wording.fit_name(row.filename, width).rstrip(), "bold"),
        Content.styled(
            wording.cut(f"{wording.TITLES.get(row.category, row.category)} · from {row.source}", width),
            "$foreground-muted",
        ),
    ]
    lines += _company(row.companions, width)
    if refused:
        lines += [Content.styled(line, "bold $error") for line in _wrapped(f"! {refused}", width)]
    return lines


def _company(companions: Sequence[str], width: int) -> list[Content]:
    """Return the files that go the same way as the photo."""
    if not companions:
        return []
    return [Content.styled(line, "bold") for line in _wrapped(f"with {', '.join(companions)}", width)]


def section(title: str) -> list[Content]:
    """Return an empty line and a title."""
    return [Content(""), Content.styled(title, "bold $accent")]


def bullet(text: str, width: int) -> list[Content]:
    """Wrapped text behind a dot."""
    first, *rest = _wrapped(text, width - 2) or [""]
    return [Content(f"• {first}"), *(Content(f"  {line}") for line in rest)]


def _suggestions(item: ReviewItem, width: int) -> list[Content]:
    lines = []
    for number, suggestion in enumerate(item.suggestions[:MAX_SUGGESTIONS], start=1):
        click = Style.from_meta({"@click": f"screen.suggestion({number})"})
        close = wording.likeness(suggestion.similarity)
        if suggestion.assigned:
            close = f"Immich says so, {close}"
        if (face := _face_of(item, suggestion)) is not None:
            close = f"{close}  face {face}".strip()
        name = wording.cut(name_of(suggestion.person), width - 6 - len(close))
        lines.append(
            Content.assemble(
                Content.styled(f"[{number}] ", "bold $accent"),
                name,
                Content.styled(f"  {close}", "$foreground-muted"),
            ).stylize(click)
        )
    return lines


def _face_of(item: ReviewItem, suggestion: SuggestionView) -> int | None:
    """Which of several faces a suggestion is about, None when there is one, or when it is not known."""
    if len(item.faces) < 2:
        return None
    for face in item.faces:
        if face.person is not None and face.person.id == suggestion.person.id:
            return face.number
    near = [
        (other.similarity, -face.number)
        for face in item.faces
        for other in face.suggestions
        if other.person.id == suggestion.person.id and other.similarity is not None
    ]
    return -max(near)[1] if near else None


def place_of(item: ReviewItem) -> str:
    """Return where the photo waits, below the sidecar's root where that is known."""
    return next((place for place in item.places if place.startswith("review/")), item.path)


def _comparison(item: ReviewItem, other: CopyView, width: int) -> list[Content]:
    lines = []
    for line in differences(item, other, place_of(item)):
        differs = line.verdict not in ("same", "")
        sign = "≠" if differs or line.what == "place" else "="
        if line.what == "place":
            lines.append(Content(f"{sign} this   {wording.fit_name(line.this, width - 9).rstrip()}"))
            lines.append(Content(f"  other  {wording.fit_name(line.other, width - 9).rstrip()}"))
            if line.verdict:
                lines.append(Content.styled(f"  {line.verdict}", "bold $warning"))
            continue
        said = f"{line.verdict}: " if differs else ""
        values = line.this if line.this == line.other else f"{line.this} | {line.other}"
        text = wording.cut(f"{sign} {line.what:<11}{said}{values}", width)
        lines.append(Content.styled(text, "bold") if differs else Content(text))
    return lines


def _face(face: FaceView, width: int, *, chosen: bool) -> list[Content]:
    text = f"{'▶' if chosen else ' '}{face.number} {name_of(face.person)}"
    if face.confidence is not None:
        text += f" {face.confidence:.2f}"
    lines = [Content.styled(wording.cut(text, width), "bold" if chosen else "")]
    if face.runner_up is not None:
        margin = f"{face.margin:.2f} behind: " if face.margin is not None else "or "
        lines.append(
            Content.styled(wording.cut(f"   {margin}{name_of(face.runner_up)}", width), "$foreground-muted")
        )
    if face.why_unknown:
        lines += [
            Content.styled(f"   {line}", "$foreground-muted")
            for line in _wrapped(face.why_unknown, width - 3)
        ]
    return lines


def _facts(item: ReviewItem, width: int) -> list[Content]:
    resolution = wording.resolution(item.width, item.height)
    facts = [
        " · ".join(part for part in (wording.size(item.size), resolution) if part),
        f"taken   {wording.date(item.taken_at) or 'unknown'}",
        f"arrived {wording.date(item.created_at)}",
    ]
    if item.origin_url:
        facts.append(item.origin_url)
    lines = [wording.cut(fact, width) for fact in facts if fact]
    lines.append(wording.fit_name(place_of(item), width).rstrip())
    return [Content.styled(line, "$foreground-muted") for line in lines]


def _wrapped(text: str, width: int) -> list[str]:
    content = Content(wording.shown(text))
    return [line.plain.rstrip() for line in content.wrap(max(8, width))]


def _joined(lines: list[Content]) -> Content:
    return Content("\n").join(lines)
