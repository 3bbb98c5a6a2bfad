"""The review: the queue, the picture, the reasons, and the keys that decide."""

# ruff: noqa: PLC0415  (dialogs and Pillow come after the first picture of the queue)
from __future__ import annotations

import asyncio
from typing import Any, ClassVar

from textual import on
from textual.binding import Binding, BindingType

from smartsort.api.schemas.decisions import Approve
from smartsort.api.schemas.people import PersonChoice, PersonView
from smartsort.api.schemas.review import QueueItem, ReviewItem
from smartsort_tui import wording
from smartsort_tui.api import ApiProblem, DecidedMeanwhile, NotThere
from smartsort_tui.background import work
from smartsort_tui.decisions import (
    Decision,
    accepted,
    approve_as,
    face_for,
    suggested,
)
from smartsort_tui.screens.marking import MarkingView
from smartsort_tui.screens.queue_view import PAINT_SECONDS
from smartsort_tui.widgets.row_list import RowList


class ReviewScreen(MarkingView):
    """The screen where a person spends time."""

    AREA = "review"
    HELP_TITLE = "Review"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "approve", "approve", id="review.approve", tooltip="File under the first suggestion"),
        Binding("r", "reject", "reject", id="review.reject", tooltip="Reject: to the trash, can be undone"),
        Binding("s", "skip", "skip", id="review.skip", tooltip="Skip: to the end of the queue"),
        Binding("u", "undo", "undo", id="review.undo", tooltip="Take back the last decision"),
        Binding("P", "person", "person", id="review.person", tooltip="Pick one or more people"),
        Binding("N", "new_person", "new", id="review.new_person", tooltip="File under a new person"),
        Binding("x", "rule_out", "rule out", id="review.rule_out", tooltip="Not this person"),
        Binding("slash", "search", "search", id="review.search", tooltip="Search names and people"),
        Binding("f", "filter(1)", "filter", id="review.filter", tooltip="Next category"),
        Binding("F", "filter(-1)", "Previous category", show=False, id="review.filter_back"),
        Binding("m", "mark", "mark", id="review.mark", tooltip="Mark this one for a bulk action"),
        Binding("M", "mark_all", "all", id="review.mark_all", tooltip="Mark or unmark all that match"),
        Binding("w", "why", "why", id="review.why", tooltip="Every rule, and what would change it"),
        Binding("z", "look(False)", "photo", id="review.look", tooltip="The photo over the whole screen"),
        Binding("Z", "look(True)", "face", id="review.close_up", tooltip="The face beside a portrait"),
        Binding("O", "page", "Immich", show=False, id="review.page", tooltip="The photo's page in Immich"),
        Binding("c", "checks", "checks", id="review.checks", tooltip="Spot checks of what was filed"),
        Binding("t", "strangers", "strangers", id="review.strangers", tooltip="Unknown faces, in groups"),
        Binding("l", "near", "Near misses", show=False, id="review.near_misses", tooltip="Known people?"),
        Binding("e", "export", "export", id="review.export", tooltip="Save the list as CSV"),
        Binding("n,j", "move(1)", "Next", show=False, id="review.next"),
        Binding("p,k", "move(-1)", "Previous", show=False, id="review.previous"),
        *(
            Binding(
                str(number),
                f"suggestion({number})",
                f"File under suggestion {number}",
                show=False,
                id=f"review.suggestion_{number}",
                tooltip="File under that suggestion",
            )
            for number in range(1, 10)
        ),
        Binding("o", "face", "Next face", show=False, id="review.face", tooltip="Say which face is meant"),
        Binding("escape", "clear", "Clear search and marks", show=False, id="review.clear"),
        Binding(
            "ctrl+d", "scroll_details(1)", "Scroll the reasons down", show=False, id="review.details_down"
        ),
        Binding("ctrl+u", "scroll_details(-1)", "Scroll the reasons up", show=False, id="review.details_up"),
    ]

    # --- deciding ---------------------------------------------------------------------------

    @on(RowList.Chosen, "#queue")
    def _chosen(self) -> None:
        self.action_approve()

    def action_approve(self) -> None:
        if marks := self._marks():
            self._bulk(marks, Decision("approve", Approve()))
            return
        row = self._row_seen()
        if row is None:
            return
        item = self.desk.item(row.id)
        if (decision := accepted(item or row, self._chosen_face)) is not None:
            self._decide(row, decision)
        else:
            hint = ""
            if item and item.suggestions:
                guess, first = item.suggestions[0], self.key("review.suggestion_1")
                likeness = wording.likeness(guess.similarity)
                hint = f". {first} files under {wording.cut(guess.person.name, 24)} ({likeness})"
            self.say(f"no suggestion is accepted: choose a person{hint}", "warn")
            self.action_person()

    def action_suggestion(self, number: int) -> None:
        marks = self._marks()
        row = self._row() if marks else self._row_seen()
        item = self.desk.item(row.id) if row is not None else None
        if row is None or item is None:
            return
        decision = suggested(item, number, self._chosen_face)
        if decision is None:
            self.say(f"there is no suggestion {number}", "warn")
        elif marks:
            self._bulk(marks, decision)
        else:
            self._decide(row, decision)

    def action_reject(self) -> None:
        self._decide_all(Decision("reject"))

    def action_skip(self) -> None:
        self._decide_all(Decision("skip"))

    def _decide_all(self, decision: Decision) -> None:
        if marks := self._marks():
            self._bulk(marks, decision)
        elif (row := self._row_seen()) is not None:
            self._decide(row, decision)

    def _row_seen(self) -> QueueItem | None:
        """The row a key decides about, None, and words, when another one stood there as it was pressed."""
        row = self._row()
        return row if row is not None and self.has_seen(wording.cut(row.filename, 40)) else None

    def _decide(self, row: QueueItem, decision: Decision) -> None:
        """Take the item out at once and send the decision. If it is refused, the item comes back marked."""
        if self.smartsort.link.state in ("lost", "refused"):
            self.say("not connected: nothing can be decided now", "bad")
            return
        sent = self.desk.take(row, decision)
        if sent is None:
            return
        self.rows.refused.pop(row.id, None)
        self.rows.marked.discard(row.id)
        self._chosen_face = None
        self.say(f"{sent.text} …")
        self._draw_queue()
        self._load()
        work(self, "decisions", self._send, row, decision, sent)

    async def _send(self, row: QueueItem, decision: Decision, sent: Any) -> None:
        # The next item is painted before this one is sent.
        await asyncio.sleep(PAINT_SECONDS)
        try:
            await self.desk.send(row.id, decision, sent)
        except DecidedMeanwhile as problem:
            self._decided_by_somebody(row.id, problem)
        except ApiProblem as problem:
            self._refused(row, f"{problem.title}: {problem.detail}")
        else:
            self.say(f"{sent.text} · {self.key('review.undo')} takes it back", "good")
            if decision.kind == "skip":
                self._draw_queue()
            self._draw_notice()

    def _refused(self, row: QueueItem, why: str) -> None:
        """The item is back in the list: show where, and why."""
        self.rows.refused[row.id] = why
        position = self.desk.queue.position_of(row.id)
        self.rows.reload()
        if position is not None:
            self.rows.cursor = position
        self._draw_queue()
        self._draw_item(again=True)
        self.say(f"undone: {wording.cut(row.filename, 40)}: {why}", "bad")

    # --- evaluation --------------------------------------------------------------------------

    def action_strangers(self) -> None:
        self.smartsort.action_area("strangers")

    def action_checks(self) -> None:
        self.smartsort.action_area("checks")

    def action_near(self) -> None:
        self.smartsort.action_area("near")

    def action_rule_out(self) -> None:
        """Rule out the first suggestion. The photo goes on waiting without it."""
        row = self._row_seen()
        item = self.desk.item(row.id) if row is not None else None
        if row is None or item is None:
            return
        if self._marks():
            self.say(f"one photo at a time: {self.key('review.clear')} unmarks", "warn")
        elif not item.suggestions:
            self.say("there is no suggestion to rule out", "warn")
        else:
            person = item.suggestions[0].person
            face = face_for(item, person.id, self._chosen_face)
            work(self, "decisions", self._rule_out, row, person, face)

    async def _rule_out(self, row: QueueItem, person: PersonView, face: str | None) -> None:
        from smartsort.api.schemas.evaluation import RuleOut

        text = f"{row.filename} is not {person.name or 'that person'}"
        self.say(f"{text} …")
        ruled_out = RuleOut(person=PersonChoice(id=person.id, name=person.name or None), face=face)
        try:
            await self.desk.rule_out(row, ruled_out, text)
        except DecidedMeanwhile as problem:
            self._decided_by_somebody(row.id, problem)
        except ApiProblem as problem:
            self.say_problem(problem)
        else:
            self._told_of = row.id
            self._draw_queue()
            self._load()
            self.say(f"{text} · {self.key('review.undo')} takes it back", "good")

    def action_why(self) -> None:
        if (row := self._row()) is not None:
            self.say("looking why …")
            work(self, "why", self._why, row, latest_only=True)

    async def _why(self, row: QueueItem) -> None:
        from smartsort_tui.screens.why import WhyScreen

        try:
            explained = await self.desk.load_explained(row.id)
        except NotThere:
            self.say("this sidecar is older than its explanations", "warn")
        except ApiProblem as problem:
            self.say_problem(problem)
        else:
            self.say("")
            self.app.push_screen(WhyScreen(explained))

    # --- a closer look ----------------------------------------------------------------------

    def action_look(self, is_close: bool) -> None:
        from smartsort_tui.screens.looking import LookScreen, face_in_question

        item = self._shown
        if not isinstance(item, ReviewItem):
            return
        if self.smartsort.terminal.images == "none":
            self.say("this terminal shows no pictures. See --images", "warn")
            return
        face = face_in_question(item, self._chosen_face)
        if is_close and face is None:
            self.say("there is no face on this photo", "warn")
            return
        self.app.push_screen(LookScreen(item, self.smartsort.client, face, is_close=is_close))

    def action_page(self) -> None:
        from smartsort_tui.screens.looking import PageScreen, immich_page

        item, status = self._shown, self.smartsort.status
        own = self.smartsort.settings.immich_url
        base = own or (status.immich_url if status is not None else None)
        if not isinstance(item, ReviewItem) or not item.asset_id or not base:
            self.say("Immich has no page of this photo", "warn")
            return
        url = immich_page(base, item.asset_id)
        if self.app.is_web:
            self.app.open_url(url)
        self.app.push_screen(PageScreen(url, is_of_sidecar=not own))

    # --- people -----------------------------------------------------------------------------

    def action_person(self) -> None:
        self._ask_person(only_new=False)

    def action_new_person(self) -> None:
        self._ask_person(only_new=True)

    def _ask_person(self, *, only_new: bool) -> None:
        row = self._row()
        if row is not None:
            work(self, "dialog", self._asked_person, row, only_new=only_new)

    async def _asked_person(self, row: QueueItem, *, only_new: bool) -> None:
        from smartsort_tui.screens.dialogs import PersonPicker

        marks = self._marks()
        item = self.desk.item(row.id)
        likeness = {s.person.id: s.similarity for s in item.suggestions} if item else {}
        number = self._mark_count() if marks else 1
        title = "Who is this?" if not marks else f"Who is on these {wording.count(number, 'photo')}?"
        picker = PersonPicker(self.desk.people or None, likeness=likeness, title=title, only_new=only_new)
        work(self, "people", self._load_people, picker, latest_only=True)
        choices = await self.app.push_screen_wait(picker)
        if not choices:
            return
        decision = approve_as(choices, None)
        if marks:
            self._bulk(marks, decision)
            return
        face = face_for(item, choices[0].id, self._chosen_face) if item and len(choices) == 1 else None
        self._decide(row, approve_as(choices, face))

    async def _load_people(self, picker: Any) -> None:
        while (people := await picker.load(self)) is not None:
            self.desk.people = people
            if not await self.desk.answers():
                return  # else whom they named is listed now

    def action_face(self) -> None:
        item = self._shown
        if not isinstance(item, ReviewItem) or len(item.faces) < 2:
            self.say("there is only one face to mean", "warn")
            return
        numbers = [None, *(face.number for face in item.faces)]
        self._chosen_face = numbers[(numbers.index(self._chosen_face) + 1) % len(numbers)]
        which = f"face {self._chosen_face} is meant" if self._chosen_face else "smartsort finds the face"
        self.say(which)
        self._draw_item(again=True)

    def action_export(self) -> None:
        self.smartsort.export(self._category, self._search, self.say)
