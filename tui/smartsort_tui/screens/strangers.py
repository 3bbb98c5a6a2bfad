"""Strangers: faces that nobody has named, in groups, one decision for each group."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Static

from smartsort.api.schemas.decisions import BulkActionResult
from smartsort.api.schemas.people import PersonChoice
from smartsort.api.schemas.strangers import MarkFaces, NameFaces, StrangerGroup, Strangers
from smartsort_tui import wording
from smartsort_tui.api import ApiProblem
from smartsort_tui.background import work
from smartsort_tui.decisions import left_text
from smartsort_tui.screens.area import Dialog, TooSmall, link_words
from smartsort_tui.screens.dialogs import PersonPicker
from smartsort_tui.screens.offers import OfferBar, OfferingArea
from smartsort_tui.screens.preview import Preview
from smartsort_tui.screens.verdicts import MARKED, Verdicts
from smartsort_tui.widgets.bars import KeyBar
from smartsort_tui.widgets.picture import PicturePane, Request
from smartsort_tui.widgets.row_list import Cells, ItemList, RowList

_NUMBERS = re.compile(r"\s*(\d+)(?:\s*-\s*(\d+))?\s*")


class GroupRows(ItemList[StrangerGroup]):
    """How many photos, when they were taken, and where they came from."""

    def __init__(self) -> None:
        super().__init__(id="groups")
        self.marked: set[str] = set()

    def cells(self, position: int, width: int) -> Cells:
        group = self.items[position]
        sources = ", ".join(sorted(group.sources))
        return [
            ("● " if group.id in self.marked else "  ", "row--mark"),
            (f"{wording.count(len(group.faces), 'photo'):>10}  ", "row--plain"),
            (wording.fit(f"{_days(group)}  {sources}", width - 14), "row--muted"),
        ]


class LeaveOut(Dialog[str]):
    """Which faces of the sheet are somebody else's."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "take", "leave them out", priority=True, id="leave_out.take"),
    ]

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static("Leave out faces by their numbers", classes="dialog-title")
            yield Input(placeholder="such as 3 7-9 (empty: none)")
            yield KeyBar()
        yield TooSmall()

    def on_mount(self) -> None:
        self.query_one(Input).focus()

    def action_take(self) -> None:
        self.dismiss(self.query_one(Input).value)


class StrangersScreen(OfferingArea):
    """Who is this? Asked once for all photos of a person."""

    AREA = "strangers"
    AUTO_FOCUS = "#groups"
    HELP_TITLE = "Strangers"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("P", "name", "name", id="strangers.name", tooltip="Name the faces, or pick a person (Enter)"),
        Binding(
            "i", "mark('ignored')", "ignore", id="strangers.ignore", tooltip="Never ask about them again"
        ),
        Binding(
            "f",
            "mark('not_a_face')",
            "no face",
            id="strangers.no_face",
            tooltip="A statue, a poster, a print",
        ),
        Binding("x", "leave_out", "leave out", id="strangers.leave_out", tooltip="Leave out faces by number"),
        Binding("m", "join", "join", id="strangers.join", tooltip="Mark groups that are one person"),
        Binding("u", "undo", "undo", id="strangers.undo", tooltip="Take back the last decision"),
        Binding("escape", "back", "back", id="strangers.back", tooltip="Back to the review"),
        Binding("J", "group", "one", id="strangers.one", tooltip="Marked groups are one person from now on"),
        Binding(
            "S", "split", "split", id="strangers.split", tooltip="The faces left out are others from now on"
        ),
        Binding("L", "name(True)", "certain", id="strangers.lock", tooltip="Certain, whatever Immich says"),
        Binding("v", "verdicts", "verdicts", id="strangers.verdicts", tooltip="What was said for good"),
        Binding("n,j", "move(1)", "Next", show=False, id="strangers.next"),
        Binding("p,k", "move(-1)", "Previous", show=False, id="strangers.previous"),
    ]
    DEFAULT_CSS = """
    StrangersScreen {
        & #group-panes { layout: horizontal; height: 1fr; }
        & GroupRows { width: 45%; height: 100%; }
        & #group { width: 1fr; height: 100%; border-left: solid $panel; }
        & #group-sheet { height: 1fr; }
        & #group-words { height: auto; padding: 0 1; }
        &.-narrow #group-panes { layout: vertical; }
        &.-narrow GroupRows { width: 100%; height: 6; }
        &.-narrow #group { width: 100%; height: 1fr; border-left: none; border-top: solid $panel; }
    }
    """

    def content(self) -> Iterable[Widget]:
        self._found: Strangers | None = None
        self._left_out: dict[str, frozenset[int]] = {}
        self.rows = GroupRows()
        self.sheet = PicturePane(self.smartsort, id="group-sheet", sight=self.sight)
        yield Static("Strangers", classes="pane-title")
        yield OfferBar(id="offers")
        yield Container(
            self.rows,
            Container(self.sheet, Static("… loading", id="group-words"), id="group"),
            id="group-panes",
        )

    def on_mount(self) -> None:
        self.sheet.display = self.smartsort.terminal.images != "none"
        self.rows.focus()

    def offered_ids(self) -> list[str]:
        return [group.id for group in self.rows.items]

    def connected(self) -> None:
        if self.smartsort.offered:
            self._found = None
            self.rows.show([])
            self._draw()
        work(self, "strangers", self._load, latest_only=True)

    async def _load(self) -> None:
        found = await self.answer(lambda client: client.strangers())
        if found is None:
            self.is_stale()
            return
        self.is_fresh()
        self._found = found
        at = self.rows.cursor
        self.rows.show(found.groups)
        self.rows.cursor = self.offered_row(at)
        self.rows.marked &= {group.id for group in found.groups}
        self.say_place(f"{found.measured} of {found.waiting} photos measured")
        self._draw()
        self.look_for_offers()

    async def _load_anew(self) -> None:
        """Show what is so after a decision: a list asked for before it must not come after it."""
        self.workers.cancel_group(self, "strangers")
        await self._load()

    def on_row_list_moved(self) -> None:
        self._draw()

    def _draw(self) -> None:
        self.draw_offer()
        words, group = self.query_one("#group-words", Static), self.rows.current
        if group is None:
            loaded = self._found is not None
            nobody = Content("No face waits for a name." if loaded else "… loading")
            words.update(link_words(self.smartsort) or nobody)
            self.sheet.show(None)
            self.sight.shows(None)
            return
        left_out = self._left_out.get(group.id, frozenset())
        chosen = self._chosen(group)
        text = f"{wording.count(len(_faces(chosen, self._left_out)), 'photo')} of probably one person"
        if len(chosen) > 1:
            text += f", in {len(chosen)} groups"
        if left_out:
            text += f". Left out: {', '.join(map(str, sorted(left_out)))}"
        words.update(Content(f"{text}\n{_days(group)}"))
        self.sight.shows((tuple(one.id for one in chosen), left_out))
        self.sheet.show(Request((group.sheet,)))

    def _chosen(self, group: StrangerGroup) -> list[StrangerGroup]:
        """Return the group the cursor is on, with those that are marked as the same person's."""
        return [one for one in self.rows.items if one is group or one.id in self.rows.marked]

    # --- deciding ---------------------------------------------------------------------------

    @on(RowList.Chosen, "#groups")
    def _enter(self) -> None:
        self.action_name()

    def action_name(self, is_certain: bool = False) -> None:
        if (group := self.rows.current) is not None and self.has_seen():
            work(self, "dialog", self._name_faces, self._chosen(group), is_certain=is_certain)

    async def _name_faces(self, chosen: list[StrangerGroup], *, is_certain: bool) -> None:
        faces = _faces(chosen, self._left_out)

        def named(person: PersonChoice) -> NameFaces:
            return NameFaces(faces=faces, person=person, dry_run=True)

        async def foresee(person: PersonChoice) -> BulkActionResult | None:
            with suppress(ApiProblem):  # said when it is asked for
                return await self.smartsort.client.decide_faces("name", named(person))
            return None

        title = f"Who is on these {wording.count(len(faces), 'photo')}?"
        picker = PersonPicker(None, likeness={}, title=title, foresee=None if is_certain else foresee)
        work(self, "picker", picker.load, self)
        choices: list[PersonChoice] | None = await self.app.push_screen_wait(picker)
        if choices and is_certain:
            locked = MarkFaces(faces=faces, kind="locked", person=choices[0], dry_run=True)
            await self._decide("mark", locked, f"Certainly {choices[0].name}, for good?")
        elif choices:
            question = f"Name them {choices[0].name}?"
            await self._decide("name", named(choices[0]), question, picker.agreed)

    def action_mark(self, kind: Any) -> None:
        if (group := self.rows.current) is not None and self.has_seen():
            faces = _faces(self._chosen(group), self._left_out)
            asked = MarkFaces(faces=faces, kind=kind, dry_run=True)
            work(self, "question", self._decide, "mark", asked, f"Say for good that they {MARKED[kind]}?")

    def action_group(self) -> None:
        # Those that are marked, and not the next one, where the cursor stands by now.
        chosen = [group for group in self.rows.items if group.id in self.rows.marked]
        if len(chosen) < 2:
            self.say(f"{self.key('strangers.join')} marks the groups that are one person", "warn")
        else:
            self._regroup(MarkFaces(faces=_faces(chosen, self._left_out), kind="same"), "one person")

    def action_split(self) -> None:
        group = self.rows.current
        if group is None or not (left_out := self._left_out.get(group.id)):
            self.say(f"{self.key('strangers.leave_out')} says first which faces are others", "warn")
            return
        kept = frozenset(range(1, len(group.faces) + 1)) - left_out
        rest = _faces([group], self._left_out)
        asked = MarkFaces(faces=_faces([group], {group.id: kept}), others=rest, kind="apart")
        self._regroup(asked, f"{wording.count(len(left_out), 'face')} split off")

    def _regroup(self, asked: MarkFaces, text: str) -> None:
        """Nothing moves, so it is done at once."""
        if self.has_seen():
            work(self, "decisions", self._send, asked, text)

    def action_verdicts(self) -> None:
        self.app.push_screen(Verdicts())

    async def _decide(
        self, what: str, asked: NameFaces, question: str, agreed: BulkActionResult | None = None
    ) -> None:
        """Show what it would do, ask, and do exactly that. `agreed` was shown and asked already."""
        foreseen = agreed or await self.answer(lambda client: client.decide_faces(what, asked))
        if foreseen is None:
            return
        if agreed is None or not agreed.done:
            text = Content(foreseen.text or "Nothing can be done with them now.")
            if not await self.app.push_screen_wait(Preview(question, text, doable=foreseen.done > 0)):
                return
        # Apart from the question, which may be given up while nothing has been changed.
        work(self, "decisions", self._send, NameFaces(preview=foreseen.preview), foreseen.text, what)

    async def _send(self, asked: NameFaces, text: str | None, what: str = "mark") -> None:
        result = await self.answer(lambda client: client.decide_faces(what, asked))
        if result is not None:
            if result.event is not None:
                self.decided.append((result.event, text or ""))
            self.rows.marked.clear()
            failed = f", {result.failed} failed" if result.failed else ""
            undo = f"{self.key('strangers.undo')} undoes it"
            tone = "warn" if failed or result.changed else "good"
            self.say(f"{text}{failed}{left_text(result)} · {undo}", tone)
        await self._load_anew()

    def action_leave_out(self) -> None:
        if (group := self.rows.current) is not None:
            work(self, "dialog", self._leave_out, group)

    async def _leave_out(self, group: StrangerGroup) -> None:
        typed: str | None = await self.app.push_screen_wait(LeaveOut())
        if typed is not None:
            self._left_out[group.id] = numbers_of(typed) & frozenset(range(1, len(group.faces) + 1))
            self._draw()

    def action_join(self) -> None:
        if (group := self.rows.current) is not None and self.has_seen():
            self.rows.marked ^= {group.id}
            self.rows.refresh()
            self.rows.action_move(1)


def numbers_of(text: str) -> frozenset[int]:
    """Return the numbers in a text such as `3 7-9`. What is no number is passed over."""
    found: set[int] = set()
    for first, last in _NUMBERS.findall(text):
        found |= set(range(int(first), min(int(last or first), 10_000) + 1))
    return frozenset(found)


def _faces(groups: Iterable[StrangerGroup], left_out: dict[str, frozenset[int]]) -> dict[int, list[str]]:
    """Return the faces of groups by photo, one on each."""
    faces: dict[int, list[str]] = {}
    for group in groups:
        for number, face in enumerate(group.faces, 1):
            if number not in left_out.get(group.id, ()):
                faces.setdefault(face.photo_id, [face.id])
    return faces


def _days(group: StrangerGroup) -> str:
    first, last = (group.first or "")[:10], (group.last or "")[:10]
    if first == last:
        return first or "no date"
    return f"{first} to {last[5:] if first[:4] == last[:4] else last}"
