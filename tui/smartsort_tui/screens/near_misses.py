"""Near misses: faces that might be a known person's, settled with one yes for all but the excluded ones."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import ClassVar, NamedTuple

from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from smartsort.api.schemas.decisions import Approve, BulkApprove
from smartsort.api.schemas.near_misses import NearMisses, NearMissFace
from smartsort.api.schemas.people import PersonChoice
from smartsort_tui import wording
from smartsort_tui.api import ApiProblem, NotThere
from smartsort_tui.background import work
from smartsort_tui.decisions import left_text
from smartsort_tui.details import bullet, section
from smartsort_tui.pictures import boxes_of
from smartsort_tui.screens.area import link_words
from smartsort_tui.screens.offers import OfferBar, OfferingArea
from smartsort_tui.widgets.lines import TextPane
from smartsort_tui.widgets.picture import PicturePane, Request
from smartsort_tui.widgets.row_list import Cells, ItemList


class Row(NamedTuple):
    """A person, or below them one of the faces that might be theirs."""

    person: NearMisses
    face: NearMissFace | None = None


class NearRows(ItemList[Row]):
    """People with their faces. An excluded face is crossed out."""

    def __init__(self) -> None:
        super().__init__(id="near")
        self.excluded: set[str] = set()

    def cells(self, position: int, width: int) -> Cells:
        person, face = self.items[position]
        if face is None:
            return [(" " + wording.fit(person.text, width - 1), "row--mark")]
        out = face.face in self.excluded
        style = "row--muted" if out else "row--plain"
        return [
            (f"  {'✗' if out else ' '}{face.number:>3} ", "row--bad" if out else "row--muted"),
            (wording.fit_name(face.filename, max(8, width - 25)), style),
            (f"  {face.similarity:.2f}", style),
            (f"  {(face.taken_at or '')[:10]:>10}", "row--muted"),
        ]


class NearMissScreen(OfferingArea):
    """Who is close to a known person? One key files all of a person's."""

    AREA = "near"
    AUTO_FOCUS = "#near"
    HELP_TITLE = "Near misses"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "yes", "all are", id="near.yes", tooltip="File all that are not crossed out (Enter)"),
        Binding("x", "exclude", "not this one", id="near.exclude", tooltip="Cross a face out, or in again"),
        Binding("u", "undo", "undo", id="near.undo", tooltip="Take back the last yes"),
        Binding("escape", "back", "back", id="near.back", tooltip="Back to the review"),
        Binding("n,j", "move(1)", "Next", show=False, id="near.next"),
        Binding("p,k", "move(-1)", "Previous", show=False, id="near.previous"),
    ]
    DEFAULT_CSS = """
    NearMissScreen {
        & #near-panes { layout: horizontal; height: 1fr; }
        & NearRows { width: 45%; height: 100%; }
        & #near-face { width: 1fr; height: 100%; border-left: solid $panel; }
        & #near-picture { height: 1fr; }
        & #near-words { height: 6; padding: 0 1; }
        &.-narrow #near-panes { layout: vertical; }
        &.-narrow NearRows { width: 100%; height: 1fr; }
        &.-narrow #near-face { width: 100%; height: 8; border-left: none; border-top: solid $panel; }
        &.-narrow #near-picture { display: none; }
    }
    """

    def content(self) -> Iterable[Widget]:
        self._loaded = False
        self.rows = NearRows()
        self.picture = PicturePane(self.smartsort, id="near-picture", sight=self.sight)
        self.words = TextPane(id="near-words")
        yield Static("Near misses", classes="pane-title")
        yield OfferBar(id="offers")
        yield Container(self.rows, Container(self.picture, self.words, id="near-face"), id="near-panes")

    def on_mount(self) -> None:
        self.picture.display = self.smartsort.terminal.images != "none"
        self.words.can_focus = False
        self.words.update("… loading")
        self.rows.focus()

    def offered_ids(self) -> list[str]:
        return [row.person.person.id for row in self.rows.items]

    def connected(self) -> None:
        if self.smartsort.offered:
            self.rows.show([])
            self.sight.shows(None)
            self.words.update("… loading")
        work(self, "near", self._load, latest_only=True)

    def disconnected(self, problem: ApiProblem) -> None:
        super().disconnected(problem)
        if not self._loaded:
            self.words.update(link_words(self.smartsort))

    async def _load(self) -> None:
        try:
            found = await self.smartsort.client.near_misses()
        except NotThere:
            self.words.update("This sidecar is older than near misses.")
            return
        except ApiProblem as problem:
            self.is_stale()
            self.say_problem(problem)
            return
        self.is_fresh()
        self._loaded = True
        rows = [row for one in found for row in (Row(one), *(Row(one, face) for face in one.faces))]
        self.rows.excluded &= {row.face.face for row in rows if row.face is not None}
        at = self.rows.cursor
        self.rows.show(rows)
        self.rows.cursor = self.offered_row(at)
        self._draw()
        self.look_for_offers()

    def on_row_list_moved(self) -> None:
        self._draw()

    def _draw(self) -> None:
        self.draw_offer()
        row = self.rows.current
        self.sight.shows((row.person.person.id, row.face) if row is not None else None)
        self.say_place(f"{self.rows.cursor + 1:,} of {self.rows.count:,}" if row else "")
        if row is None:
            self.words.update("✓ No face in review is close to a known person.")
            self.picture.show(None)
            return
        self.words.update(partial(self._text, row))
        if row.face is None:
            self.picture.show(Request((row.person.sheet,)))
            return
        portrait = self.smartsort.client.person_thumbnail(row.person.person.id)
        crop = next(iter(boxes_of([row.face])), None)
        self.picture.show(Request((row.face.preview, portrait), crop=crop))

    def _text(self, row: Row, width: int) -> Content:
        chosen = self._chosen(row.person)
        out = len(row.person.faces) - len(chosen)
        but = f", {out} crossed out" if out else ""
        yes = self.key("near.yes")
        lines = [
            *section(f"Are these {row.person.person.name}?")[1:],
            *bullet(f"{row.person.text}{but}: {yes} files {wording.count(len(chosen), 'photo')}", width),
        ]
        if row.face is not None:
            source = f"from {row.face.source}, taken {wording.date(row.face.taken_at) or 'unknown'}"
            lines.append(Content.styled(wording.cut(source, width), "$foreground-muted"))
        return Content("\n").join(lines)

    def _chosen(self, person: NearMisses) -> list[NearMissFace]:
        return [face for face in person.faces if face.face not in self.rows.excluded]

    # --- answering --------------------------------------------------------------------------

    def on_row_list_chosen(self) -> None:
        self.action_yes()

    def action_exclude(self) -> None:
        row = self.rows.current
        if row is None or row.face is None:
            self.say("go to a face to cross it out", "warn")
            return
        self.rows.excluded ^= {row.face.face}
        self.rows.refresh()
        self._draw()
        self.rows.cursor += 1

    def action_yes(self) -> None:
        row = self.rows.current
        if row is None or not self.has_seen():
            return
        chosen = self._chosen(row.person)
        if self.smartsort.link.state in ("lost", "refused"):
            self.say("not connected: nothing can be decided now", "bad")
        elif not chosen:
            self.say("all are crossed out", "warn")
        else:
            work(self, "decisions", self._send, row.person, chosen)

    async def _send(self, person: NearMisses, chosen: list[NearMissFace]) -> None:
        text = f"{wording.count(len(chosen), 'photo')} → {person.person.name}"
        self.say(f"{text} …")
        choice = PersonChoice(id=person.person.id, name=person.person.name)
        wanted = BulkApprove(
            ids=[face.photo_id for face in chosen],
            faces={face.photo_id: face.face for face in chosen},
            approve=Approve(person=choice),
        )
        done = await self.answer(lambda client: client.bulk("approve", wanted))
        if done is None:
            return
        if done.event is not None:
            self.decided.append((done.event, text))
        undo = self.key("near.undo")
        failed = f", {done.failed} failed" if done.failed else ""
        self.say(f"{text}{failed}{left_text(done)} · {undo} takes it back", "warn" if failed else "good")
        self.connected()
