"""Spot checks: automatic filings drawn at random, to be confirmed or called wrong."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from smartsort.api.schemas.decisions import ActionResultView
from smartsort.api.schemas.evaluation import SpotCheck, WrongFiling
from smartsort.api.schemas.history import Undo
from smartsort.api.schemas.people import PersonChoice
from smartsort.api.schemas.statistics import SpotCheckResult
from smartsort_tui import wording
from smartsort_tui.api import ApiProblem, DecidedMeanwhile, NotThere
from smartsort_tui.background import work
from smartsort_tui.charts import result_text
from smartsort_tui.clock import Clock
from smartsort_tui.details import bullet, section
from smartsort_tui.pictures import boxes_of
from smartsort_tui.screens.area import AreaScreen, link_words
from smartsort_tui.widgets.lines import TextPane
from smartsort_tui.widgets.picture import PicturePane, Request
from smartsort_tui.widgets.row_list import Cells, ItemList, RowList

# Rows before the end of what is loaded from which the next page is asked for.
AHEAD = 20


class CheckRows(ItemList[SpotCheck]):
    """The filing's person, the name of its photo and its age."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(id="checks")
        self._clock = clock

    def cells(self, position: int, width: int) -> Cells:
        check = self.items[position]
        age = wording.age(check.filed_at, self._clock())
        name = max(8, (width - 7) // 2)
        return [
            (" " + wording.fit_name(check.filename, name - 1), "row--plain"),
            (" → " + wording.fit(", ".join(check.people), width - name - 9), "row--muted"),
            (f"{age:>6}", "row--muted"),
        ]


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer given here: which filing, where it stood, what it says, and the event that undoes it."""

    check: SpotCheck
    position: int
    text: str
    event: int | None = None


class SpotCheckScreen(AreaScreen):
    """Is it really them? The answers tell how many of all filings are wrong."""

    AREA = "checks"
    AUTO_FOCUS = "#checks"
    HELP_TITLE = "Spot checks"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "confirm", "it is them", id="checks.confirm", tooltip="The filing is right (Enter)"),
        Binding("x", "wrong", "it is not", id="checks.wrong", tooltip="Wrong: the photo goes to review"),
        Binding("P", "person", "it is …", id="checks.person", tooltip="Wrong: pick who it really is"),
        Binding("u", "undo", "undo", id="checks.undo", tooltip="Take back the last answer"),
        Binding("escape", "back", "back", id="checks.back", tooltip="Back to the review"),
        Binding("n,j", "move(1)", "Next", show=False, id="checks.next"),
        Binding("p,k", "move(-1)", "Previous", show=False, id="checks.previous"),
    ]
    DEFAULT_CSS = """
    SpotCheckScreen {
        & #check-panes { layout: horizontal; height: 1fr; }
        & CheckRows { width: 45%; height: 100%; }
        & #check { width: 1fr; height: 100%; border-left: solid $panel; }
        & #check-result { height: auto; }
        & #check-picture { height: 1fr; }
        & #check-words { height: 8; padding: 0 1; }
        &.-narrow #check-panes { layout: vertical; }
        &.-narrow CheckRows { width: 100%; height: 1fr; }
        &.-narrow #check { width: 100%; height: 8; border-left: none; border-top: solid $panel; }
        &.-narrow #check-picture, &.-low #check-picture { display: none; }
    }
    """

    def content(self) -> Iterable[Widget]:
        self._cursor: str | None = None
        self._result: SpotCheckResult | None = None
        self._answers: list[Answer] = []
        self.rows = CheckRows(self.smartsort.clock)
        self.picture = PicturePane(self.smartsort, id="check-picture", sight=self.sight)
        self.words = TextPane(id="check-words")
        yield Static("Spot checks", classes="pane-title", id="check-result")
        yield Container(self.rows, Container(self.picture, self.words, id="check"), id="check-panes")

    def on_mount(self) -> None:
        self.picture.display = self.smartsort.terminal.images != "none"
        self.words.can_focus = False
        self.words.update("… loading")
        self.rows.focus()

    def connected(self) -> None:
        work(self, "checks", self._load, None, latest_only=True)

    def disconnected(self, problem: ApiProblem) -> None:
        super().disconnected(problem)
        if self._result is None:
            self.words.update(link_words(self.smartsort))

    async def _load(self, cursor: str | None) -> None:
        try:
            page = await self.smartsort.client.spot_checks(cursor)
        except NotThere:
            self.words.update("This sidecar is older than spot checks.")
            return
        except ApiProblem as problem:
            self.is_stale()
            self.say_problem(problem)
            if self._result is None:
                self.words.update(link_words(self.smartsort) or Content(f"{problem.title}. {problem.remedy}"))
            return
        self.is_fresh()
        self._cursor, self._result = page.next_cursor, page.result
        self.rows.show([*self.rows.items, *page.items] if cursor else page.items)
        self._draw()

    def on_row_list_in_sight(self, message: RowList.InSight) -> None:
        if self._cursor is not None and message.last >= self.rows.count - AHEAD:
            work(self, "checks", self._load, self._cursor, latest_only=True)

    def on_row_list_moved(self) -> None:
        self._draw()

    def _draw(self) -> None:
        check = self.rows.current
        self.sight.shows(check.photo_id if check is not None else None)
        self.query_one("#check-result", Static).update(Content(result_text(self._result)))
        position = f"{self.rows.cursor + 1:,} of {self.rows.count:,}" if check else ""
        self.say_place(position if self._cursor is None else f"{position}+" if position else "")
        if check is None:
            if self._result is not None:
                self.words.update("✓ Nothing waits for a check.")
            self.picture.show(None)
            return
        self.words.update(partial(check_text, check))
        self.picture.show(Request((check.preview or check.thumbnail,), boxes_of(check.faces)))

    # --- answering --------------------------------------------------------------------------

    def on_row_list_chosen(self) -> None:
        self.action_confirm()

    def _check_seen(self) -> SpotCheck | None:
        """The filing a key answers for, None, and words, when another one stood there as it was pressed."""
        check = self.rows.current
        return check if check is not None and self.has_seen(wording.cut(check.filename, 40)) else None

    def action_confirm(self) -> None:
        if (check := self._check_seen()) is not None:
            self._answer(check, f"{check.filename} is {', '.join(check.people)}", None)

    def action_wrong(self) -> None:
        if (check := self._check_seen()) is not None:
            people = ", ".join(check.people)
            self._answer(check, f"{check.filename} is not {people}: to review", WrongFiling())

    def action_person(self) -> None:
        if (check := self.rows.current) is not None:
            work(self, "dialog", self._asked_person, check)

    async def _asked_person(self, check: SpotCheck) -> None:
        from smartsort_tui.screens.dialogs import PersonPicker  # noqa: PLC0415  (after the first picture)

        picker = PersonPicker(None, likeness={}, title="Who is it really?")
        work(self, "people", picker.load, self, latest_only=True)
        choices: list[PersonChoice] | None = await self.app.push_screen_wait(picker)
        if choices:
            who = ", ".join(choice.name or "?" for choice in choices)
            really = WrongFiling.model_validate({"people": [choice.model_dump() for choice in choices]})
            self._answer(check, f"{check.filename} → {who}", really)

    def _answer(self, check: SpotCheck, text: str, really: WrongFiling | None) -> None:
        """Take the filing out at once, `really` None confirms it. What is refused comes back."""
        if self.smartsort.link.state in ("lost", "refused"):
            self.say("not connected: nothing can be answered now", "bad")
            return
        checks = list(self.rows.items)
        if check not in checks:
            return
        answer = Answer(check, checks.index(check), text)
        checks.remove(check)
        self.rows.show(checks)
        self.say(f"{text} …")
        self._draw()
        work(self, "decisions", self._send, answer, really)

    async def _send(self, answer: Answer, really: WrongFiling | None) -> None:
        photo = answer.check.photo_id
        try:
            client = self.smartsort.client
            done: ActionResultView = await (
                client.confirm(photo) if really is None else client.call_wrong(photo, really)
            )
        except DecidedMeanwhile as problem:
            self.say(f"answered meanwhile: {problem.detail}", "warn")
            return
        except ApiProblem as problem:
            self._put_back(answer)
            self.say(f"undone: {answer.check.filename}: {problem.title}: {problem.detail}", "bad")
            return
        self._answers.append(Answer(answer.check, answer.position, answer.text, done.event))
        self.say(f"{answer.text} · {self.key('checks.undo')} takes it back", "good")
        if not self.rows.count:
            self.connected()

    def _put_back(self, answer: Answer) -> None:
        checks = list(self.rows.items)
        if all(answer.check.photo_id != other.photo_id for other in checks):
            checks.insert(min(answer.position, len(checks)), answer.check)
        self.rows.show(checks)
        self.rows.cursor = next(
            place for place, other in enumerate(checks) if other.photo_id == answer.check.photo_id
        )
        self._draw()

    async def undo_last(self) -> None:
        if not self._answers:
            self.say("no answer here to undo", "warn")
            return
        answer = self._answers.pop()
        if answer.event is None:
            self.say(f"{answer.text}: the sidecar gave nothing to take it back by", "warn")
            return
        undo = Undo(event=answer.event)
        if await self.answer(lambda client: client.undo(undo)) is not None:
            self._put_back(answer)
            self.say(f"undone: {answer.text}", "good")


def check_text(check: SpotCheck, width: int) -> Content:
    """Return one filing in words."""
    lines = [
        Content.styled(wording.fit_name(check.filename, width).rstrip(), "bold"),
        *section(f"Is this {', '.join(check.people)}?")[1:],
        *bullet(check.text, width),
        Content.styled(f"filed {wording.date(check.filed_at)}", "$foreground-muted"),
    ]
    return Content("\n").join(lines)
