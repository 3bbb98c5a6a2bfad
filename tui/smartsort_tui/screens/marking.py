"""Many at once: marks, bulk actions that are previewed, and taking back what was decided here."""

# ruff: noqa: PLC0415  (dialogs come after the first picture of the queue)
from __future__ import annotations

from typing import TYPE_CHECKING

from smartsort.api.schemas.base import BulkKind
from smartsort_tui import wording
from smartsort_tui.api import ApiProblem, NotSmartsort, Unreachable
from smartsort_tui.background import ask, work
from smartsort_tui.decisions import Decision, Marks, Sent, bulk_text, left_text, marked_text
from smartsort_tui.screens.finding import FindingView

if TYPE_CHECKING:
    from smartsort.api.schemas.decisions import BulkActionResult


class MarkingView(FindingView):
    """The queue with marks for bulk actions, and the undo."""

    def action_mark(self) -> None:
        item = self.desk.queue.id_at(self.rows.cursor)
        if item is None:
            return
        self.rows.all_marked = False
        self.rows.marked ^= {item}
        self.rows.refresh()
        self.rows.action_move(1)
        self._say_marks()

    def action_mark_all(self) -> None:
        if not len(self.desk.queue):
            return
        self.rows.all_marked = not self.rows.all_marked
        self.rows.marked.clear()
        self.rows.refresh()
        self._say_marks()

    def _say_marks(self) -> None:
        self._show_sight()
        self._draw_place()
        number = self._mark_count()
        self.say(
            marked_text(number, self.key, everything=self.rows.all_marked) if number else "nothing is marked"
        )

    def _marks(self) -> Marks | None:
        if not self._mark_count():
            return None
        return Marks(tuple(self.rows.marked), self.rows.all_marked, self._category, self._search)

    def _bulk(self, marks: Marks, decision: Decision) -> None:
        ask(self, self._bulk_asked, marks, decision)

    async def _bulk_asked(self, marks: Marks, decision: Decision) -> None:
        from smartsort_tui.screens.preview import INCLUDE, bulk_preview

        include: list[BulkKind] = []
        while True:
            self.say("looking what would happen …")
            try:
                foreseen = await self.desk.foresee(marks, decision, include)
            except ApiProblem as problem:
                self.say_problem(problem)
                return
            self.say("")
            if marks.everything:
                self.desk.queue.set_total(len(foreseen.decided))
                self._draw_counts()
            answer = await self.app.push_screen_wait(bulk_preview(decision.kind, foreseen))
            if answer != INCLUDE:
                break
            include = [kind for kind in BulkKind if foreseen.counts.get(kind)]
        if answer:
            self.say(f"{wording.count(foreseen.done, 'photo')} under way …")
            self.desk.begins(decision.kind, foreseen)
            self._draw_place()
            work(self, "decisions", self._bulk_send, decision, foreseen.preview, everything=marks.everything)
        else:
            self.say(f"nothing was done. The marks are still there ({self.key('review.clear')} unmarks)")

    async def _bulk_send(self, decision: Decision, token: str | None, *, everything: bool) -> None:
        try:
            done = await self.desk.redeem(decision.kind, token)
        except (Unreachable, NotSmartsort) as problem:
            self.say(
                f"{problem.title} in the middle: what was done until then is done. "
                "The list shows what is left when it answers again.",
                "bad",
            )
            self._refresh_head()
            return
        except ApiProblem as problem:
            self.say_problem(problem)
            self._refresh_head()
            return
        finally:
            self.desk.ends()
            self._draw_place()
        self._bulk_done(decision, done, everything=everything)

    def _bulk_done(self, decision: Decision, done: BulkActionResult, *, everything: bool) -> None:
        self.rows.marked.clear()
        self.rows.all_marked = False
        for one in done.decided:
            if one.action == "failed":
                self.rows.refused[one.id] = one.problem or "refused"
        if everything or done.changed:
            self._restart()
        else:
            with self.keeping_place():
                self.desk.take_decided(done)
            self._draw_queue()
            self._load()
        failed = f", {done.failed:,} refused (marked !)" if done.failed else ""
        self.say(
            f"{bulk_text(done.done, decision.kind)}{failed}{left_text(done)} · "
            f"{self.key('review.undo')} takes it back",
            "warn" if done.failed or done.changed else "good",
        )

    # --- undo -------------------------------------------------------------------------------

    def action_undo(self) -> None:
        last = self.desk.last
        if last is None:
            self.say(
                f"no decision here to undo. Activity ({self.key('app.activity')}) has the history",
                "warn",
            )
        else:
            work(self, "undo", self._undo)

    async def _undo_asked(self, last: Sent) -> None:
        from smartsort_tui.screens.preview import undo_agreed

        try:
            agreed = (
                await undo_agreed(self.smartsort, last.event, last.text, self.say) if last.event else None
            )
        except ApiProblem as problem:
            self.say_problem(problem)
            return
        if agreed is not None:
            work(self, "undo-many", self._undo, last, agreed)

    async def _undo(self, agreed: Sent | None = None, token: str | None = None) -> None:
        last = self.desk.last
        if last is None or (agreed is not None and agreed is not last):
            return
        if last.many and agreed is None:
            ask(self, self._undo_asked, last)
            return
        self.say("taking back …")
        try:
            text, position = await self.desk.undo(token)
        except ApiProblem as problem:
            self.say_problem(problem)
            return
        self.rows.reload()
        if position is None:
            self._restart()
        else:
            self.rows.cursor = position
            self._draw_queue()
        self.say(f"undone: {text}", "good")
