"""Questions over the review: whom to file under, and help."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Input, Static

from smartsort.api.schemas.decisions import BulkActionResult
from smartsort.api.schemas.people import PersonChoice, PersonView
from smartsort_tui import fuzzy, wording
from smartsort_tui.background import work
from smartsort_tui.keyboard import Sight
from smartsort_tui.screens.area import AGAIN_SECONDS, AreaScreen, Dialog, Reading, TooSmall
from smartsort_tui.widgets.bars import KeyBar
from smartsort_tui.widgets.row_list import Cells, RowList

_NUMBERED = re.compile(r"(.+)_\d")
# From this width on a row has room for what is known of a person.
ROOMY = 48
# From the last letter until the sidecar is asked what that name would come to.
AHEAD_SECONDS = 0.15
Foresee = Callable[[PersonChoice], Awaitable[BulkActionResult | None]]


class PeopleRows(RowList):
    """People found, and at the end the offer to create one by the name typed."""

    def __init__(self) -> None:
        super().__init__(id="people-found")
        self.found: list[PersonView] = []
        self.marked: dict[str, PersonView] = {}
        self.new_name = ""
        self.likeness: dict[str, float | None] = {}

    @property
    def chosen(self) -> str | None:
        """The id of the person the cursor is on, or the new name."""
        return self.found[self.cursor].id if self.cursor < len(self.found) else self.new_name or None

    def show(self, found: list[PersonView], new_name: str, chosen: str | None = None) -> None:
        """Show these, with the cursor on whoever was `chosen` before, else on the first."""
        self.found, self.new_name = found, new_name
        self.set_count(len(found) + bool(new_name))
        whom = [*(person.id for person in found), new_name]
        self.cursor = whom.index(chosen) if chosen in whom else 0
        self.refresh()

    def cells(self, position: int, width: int) -> Cells:
        if position >= len(self.found):
            return [
                ("+ ", "row--good"),
                (wording.fit(f"new person “{self.new_name}”", width - 2), "row--good"),
            ]
        person = self.found[position]
        like = wording.likeness(self.likeness[person.id]) if person.id in self.likeness else ""
        like_width = 1 + max((len(wording.likeness(value)) for value in self.likeness.values()), default=4)
        known: Cells = []
        if width >= ROOMY:
            photos = wording.count(person.photos, "photo") if person.photos else ""
            known = [(f"{photos:>14} {person.listed or '':<10} ", "row--muted")]
        name_width = width - 2 - like_width - sum(len(text) for text, _ in known)
        return [
            ("● " if person.id in self.marked else "  ", "row--mark"),
            (wording.fit(person.name or "without a name", name_width), "row--plain"),
            (f"{like:>{like_width}}", "row--muted"),
            *known,
        ]


class PersonPicker(Dialog[list[PersonChoice]]):
    """Whom the photo is filed under: type a few letters, Tab marks several, Enter takes them."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "take", "file", priority=True, id="picker.take"),
        Binding("tab", "mark", "mark", priority=True, id="picker.mark"),
        Binding("down,ctrl+n", "move(1)", "Next", show=False, priority=True, id="picker.down"),
        Binding("up,ctrl+p", "move(-1)", "Previous", show=False, priority=True, id="picker.up"),
    ]

    def __init__(
        self,
        people: Sequence[PersonView] | None,
        *,
        likeness: dict[str, float | None],
        title: str,
        only_new: bool = False,
        foresee: Foresee | None = None,
    ) -> None:
        """`people` None: they are on their way, see `people_known`. `foresee` says what a choice does."""
        super().__init__()
        self._foresee = foresee
        self._foreseen: BulkActionResult | None = None
        self.agreed: BulkActionResult | None = None
        """What was foreseen of the choice, if it stood there long enough to be meant."""
        self._people = people
        self._likeness = likeness
        self._title = title
        self._only_new = only_new

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(Content(self._title), classes="dialog-title")
            yield Input(
                placeholder="name of the new person" if self._only_new else "a few letters of the name"
            )
            yield PeopleRows()
            yield Static("", id="picker-note", markup=False)
            if self._foresee is not None:
                yield Static("", id="picker-foreseen", markup=False)
            yield KeyBar()
        yield TooSmall()

    def on_mount(self) -> None:
        self.sight, self._ahead = Sight(self.smartsort.keyboard), Sight(self.smartsort.keyboard)
        rows = self.query_one(PeopleRows)
        rows.can_focus = False
        rows.likeness = self._likeness
        self._find("")
        self.query_one(Input).focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        self._find(event.value)

    async def load(self, screen: AreaScreen) -> list[PersonView] | None:
        """Ask for everybody Immich knows by name, as often as it takes. None if this is closed before."""
        while (people := await screen.answer(lambda client: client.people())) is None:
            await asyncio.sleep(AGAIN_SECONDS)
            if not self.is_running:
                return None
        named = [person for person in people if person.name]
        self.people_known(named)
        return named

    def people_known(self, people: Sequence[PersonView]) -> None:
        """The people have arrived while the dialog was open."""
        self._people = people
        if self.is_mounted:
            rows = self.query_one(PeopleRows)
            # Who only stands first was chosen by no one yet.
            self._find(self.query_one(Input).value, rows.chosen if rows.cursor else None)

    def _find(self, query: str, chosen: str | None = None) -> None:
        query = query.strip()
        people = self._people or ()
        same = fuzzy.same_name(query, people)
        found = same if self._only_new else fuzzy.ranked(query, people, list(self._likeness))
        rows = self.query_one(PeopleRows)
        # Who is there already has to be known before somebody new is.
        rows.show(found, query if query and not same and self._people is not None else "", chosen)
        self._seen()
        note = wording.count(len(found), "person", "people") if not self._only_new else ""
        if self._people is None:
            note = "… loading the people"
        if self._only_new and same:
            note = "This name is taken: Enter files under the one there is."
        if rows.marked:
            note = "marked: " + ", ".join(person.name for person in rows.marked.values())
        self.query_one("#picker-note", Static).update(wording.cut(note, 60))

    def _seen(self) -> None:
        rows = self.query_one(PeopleRows)
        self.sight.shows(rows.chosen)
        if self._foresee is not None:
            self._foresees(None)
            # Who only stands first was chosen by no one yet.
            chosen = rows.cursor > 0 or rows.marked or self.query_one(Input).value.strip()
            work(self, "foreseen", self._look_ahead, self._foresee if chosen else None, latest_only=True)

    async def _look_ahead(self, foresee: Foresee | None) -> None:
        await asyncio.sleep(AHEAD_SECONDS)
        if foresee is not None and (choices := self._choices()):
            self._foresees(await foresee(choices[0]))

    def _foresees(self, foreseen: BulkActionResult | None) -> None:
        self._foreseen = foreseen
        # Not None: what comes by itself has to be seen first.
        self._ahead.shows(foreseen.preview if foreseen is not None else "")
        self.query_one("#picker-foreseen", Static).update(foreseen.text if foreseen is not None else "")

    def action_move(self, rows: int) -> None:
        self.query_one(PeopleRows).action_move(rows)
        self._seen()

    def action_mark(self) -> None:
        rows = self.query_one(PeopleRows)
        if rows.cursor < len(rows.found):
            person = rows.found[rows.cursor]
            if rows.marked.pop(person.id, None) is None:
                rows.marked[person.id] = person
            rows.refresh()
            rows.action_move(1)
            self._seen()
            names = ", ".join(person.name for person in rows.marked.values())
            self.query_one("#picker-note", Static).update(wording.cut(f"marked: {names}", 60))

    def action_take(self) -> None:
        if not self.sight.is_seen:
            self.query_one("#picker-note", Static).update("typed faster than shown: look, then Enter again")
        elif choices := self._choices():
            self.agreed = self._foreseen if self._ahead.is_seen else None
            self.dismiss(choices)

    def _choices(self) -> list[PersonChoice]:
        """Return whom Enter would take."""
        rows = self.query_one(PeopleRows)
        if rows.marked:
            return [_choice(person) for person in rows.marked.values()]
        if rows.cursor < len(rows.found):
            return [_choice(rows.found[rows.cursor])]
        return [PersonChoice(name=rows.new_name[:300], create=True)] if rows.new_name else []

    def on_row_list_clicked(self) -> None:
        self.action_take()


def _choice(person: PersonView) -> PersonChoice:
    return PersonChoice(id=person.id, name=person.name)


class HelpScreen(Reading[None]):
    """The keys that work for what has the focus, and then everywhere."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Close", id="dialog.cancel"),
        Binding("q,question_mark", "cancel", "Close", show=False, id="help.close"),
    ]

    def __init__(self, title: str, below: Screen[object]) -> None:
        super().__init__(title, help_text(below))


@dataclass(slots=True)
class HelpLine:
    """One action: its keys, what it does, and the names of its bindings."""

    keys: list[str]
    text: str
    names: list[str]


def help_text(screen: Screen[object]) -> Content:
    """All keys of a screen, those of the focused widget apart, each with its name for the settings file."""
    groups: dict[str, dict[str, HelpLine]] = {}
    own = {binding.id for binding in type(screen).BINDINGS if isinstance(binding, Binding)}
    for active in screen.active_bindings.values():
        binding = active.binding
        if not binding.description or not active.enabled or not binding.id:
            continue
        title = "Here" if binding.id in own else "Everywhere"
        if active.node is screen.focused:
            title = "What has the focus"
        # The keys 1 to 9 do the same with another number: one line for all of them.
        numbered = _NUMBERED.fullmatch(binding.id)
        line = groups.setdefault(title, {}).setdefault(
            numbered[1] if numbered else binding.action,
            HelpLine([], binding.tooltip or binding.description, []),
        )
        line.keys.append(screen.app.get_key_display(binding))
        if binding.id not in line.names:
            line.names.append(binding.id)
    parts: list[Content] = []
    for title in ("Here", "What has the focus", "Everywhere"):
        if title not in groups:
            continue
        parts.append(Content.styled(title, "bold $accent"))
        parts += [_help_line(line) for line in groups[title].values()]
        parts.append(Content(""))
    parts.append(Content.styled("The names at the right are for [keys] in tui.toml.", "$foreground-muted"))
    return Content("\n").join(parts)


def _help_line(line: HelpLine) -> Content:
    several = len(line.names) > 1
    keys = f"{line.keys[0]} … {line.keys[-1]}" if several else ", ".join(line.keys)
    name = f"{line.names[0]} … {line.names[-1].rpartition('_')[2]}" if several else line.names[0]
    return Content.assemble(
        (wording.fit(f"  {keys}", 13), "bold"),
        (wording.fit(f" {line.text}", 36), ""),
        (f" {name}", "$foreground-muted"),
    )
