"""What was said of faces for good: a list over the strangers, to look at and to revoke."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Static

from smartsort.api.schemas.strangers import FaceMarkKind, Verdict
from smartsort_tui import wording
from smartsort_tui.api import ApiProblem
from smartsort_tui.background import work
from smartsort_tui.keyboard import Sight
from smartsort_tui.screens.area import Dialog, TooSmall
from smartsort_tui.widgets.bars import KeyBar
from smartsort_tui.widgets.row_list import Cells, ItemList

MARKED: dict[FaceMarkKind, str] = {
    "ignored": "do not matter",
    "not_a_face": "are no faces",
    "locked": "certain",
    "same": "are one person",
    "apart": "are two people",
}


class VerdictRows(ItemList[Verdict]):
    """When it was said, of how many photos, and what."""

    def __init__(self) -> None:
        super().__init__(id="verdicts")

    def cells(self, position: int, width: int) -> Cells:
        one = self.items[position]
        what = f"certainly {one.person}" if one.person else MARKED[one.kind]
        return [
            (f" {one.at[:10]}  {wording.count(len(one.photos), 'photo'):>10}  ", "row--muted"),
            (wording.fit(what, max(8, width - 25)), "row--plain"),
        ]


class Verdicts(Dialog[None]):
    """The verdicts, the newest first."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("d", "revoke", "revoke", id="verdicts.revoke", tooltip="Take this verdict back"),
        Binding("n,j", "move(1)", "Next", show=False, id="verdicts.next"),
        Binding("p,k", "move(-1)", "Previous", show=False, id="verdicts.previous"),
    ]
    DEFAULT_CSS = """
    Verdicts VerdictRows { height: 10; }
    """

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static("Said of faces for good", classes="dialog-title")
            yield VerdictRows()
            yield Static("… loading", id="verdicts-note", markup=False)
            yield KeyBar()
        yield TooSmall()

    def on_mount(self) -> None:
        self.sight = Sight(self.smartsort.keyboard)
        self.rows = self.query_one(VerdictRows)
        self.rows.focus()
        work(self, "verdicts", self._load, latest_only=True)

    async def _load(self) -> None:
        try:
            found = await self.smartsort.client.verdicts()
        except ApiProblem as problem:
            self._note(f"{problem.title}: {problem.detail}")
            return
        self.rows.show(found)
        self._note("" if found else "Nothing was said of faces for good.")
        self._seen()

    def _note(self, text: str) -> None:
        self.query_one("#verdicts-note", Static).update(text)

    def on_row_list_moved(self) -> None:
        self._seen()

    def _seen(self) -> None:
        self.sight.shows(one.key if (one := self.rows.current) is not None else None)

    def action_revoke(self) -> None:
        if (one := self.rows.current) is not None and self.sight.is_seen:
            work(self, "decisions", self._revoke, one)

    async def _revoke(self, one: Verdict) -> None:
        try:
            done = await self.smartsort.client.revoke_verdict(one.key)
        except ApiProblem as problem:
            self._note(f"{problem.title}: {problem.detail}")
            return
        await self._load()
        self._note(f"revoked: {wording.count(done.done, 'photo')}")
