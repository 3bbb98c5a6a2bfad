"""The data behind the review screen: the queue, items at hand, decisions on their way. No widget in sight."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager, suppress
from typing import TYPE_CHECKING

from textual.cache import LRUCache

from smartsort.api.schemas.base import BulkKind, Category
from smartsort.api.schemas.decisions import BulkActionResult, Selection
from smartsort.api.schemas.history import Undo
from smartsort.api.schemas.people import PersonView
from smartsort.api.schemas.review import QueueItem, ReviewItem, ReviewPage
from smartsort_tui.api import ApiProblem, Client, DecidedMeanwhile, Kind, Unreachable
from smartsort_tui.background import ended
from smartsort_tui.decisions import (
    UNDO_DEPTH,
    BulkUnderWay,
    Decision,
    Marks,
    Sent,
    bulk_text,
    left_text,
)
from smartsort_tui.queue import PAGE_SIZE, Queue

if TYPE_CHECKING:
    from smartsort.api.schemas.evaluation import Explained, RuleOut

# Items with everything about them. Each has a few kilobytes.
ITEMS_KEPT = 64
DECISIONS_AT_ONCE = 4
# What becomes of a photo that a bulk action does not touch.
LEFT_AS_IT_WAS = ("failed", "excluded")


class Desk:
    """What one person has in front of them while reviewing."""

    def __init__(self, client: Callable[[], Client]) -> None:
        """`client` raises ApiProblem while the sidecar cannot be asked."""
        self.queue = Queue()
        self.people: list[PersonView] = []
        self.loading = False
        self.under_way: BulkUnderWay | None = None
        self.own_photos: set[int] = set()
        """Photos decided here, whose events are no news."""
        self._client = client
        self._category: Category | None = None
        self._search = ""
        self._round = 0
        self._items: LRUCache[int, ReviewItem] = LRUCache(ITEMS_KEPT)
        self._explained: LRUCache[int, Explained] = LRUCache(ITEMS_KEPT)
        self._loading_items: dict[int, asyncio.Task[ReviewItem]] = {}
        self._sent: list[Sent] = []
        self._sending = asyncio.Semaphore(DECISIONS_AT_ONCE)

    @property
    def client(self) -> Client:
        """The connection in use now. Raises ApiProblem while there is none."""
        return self._client()

    async def aclose(self) -> None:
        """End what is still being asked."""
        await ended(self._loading_items.values())

    # --- the queue --------------------------------------------------------------------------

    def restart(self, category: Category | None, search: str) -> None:
        """Begin again with another filter. Answers to older questions are dropped."""
        self._category, self._search = category, search
        self._round += 1
        self.queue.restart()

    async def load(
        self, target: Callable[[], tuple[int, int]], changing: Callable[[], AbstractContextManager[None]]
    ) -> AsyncIterator[None]:
        """Fetch pages until the rows from `target` are there, one turn per page. Raises ApiProblem.

        The queue changes within `changing`: a page that comes again may lack what others have decided.
        """
        if self.loading:
            return
        self.loading = True
        try:
            while (wanted := self.queue.wanted(*target())) is not None:
                asked = self._round
                page = await self.client.queue(
                    cursor=wanted.cursor, category=self._category, search=self._search, limit=PAGE_SIZE
                )
                if asked == self._round:
                    with changing():
                        self.queue.accept(wanted, page)
                    yield
        finally:
            self.loading = False

    async def ask_head(self) -> ReviewPage | None:
        """Return the first page as it now is, None when another filter was set meanwhile.

        Raises ApiProblem.
        """
        asked = self._round
        page = await self.client.queue(category=self._category, search=self._search, limit=PAGE_SIZE)
        return page if asked == self._round else None

    def take_head(self, page: ReviewPage | None, position: int) -> None:
        """Put what is new at the front, and doubt the page around a position."""
        if page is not None:
            self.queue.distrust(position)
            self.queue.merge_head(page)

    def is_back(self, photo: int) -> None:
        """A photo decided here was brought back, whoever did it."""
        self.own_photos.discard(photo)
        self.queue.is_back(photo)

    # --- items ------------------------------------------------------------------------------

    def item(self, item: int) -> ReviewItem | None:
        """Return an item at hand."""
        return self._items.get(item)

    def forget_answers(self) -> None:
        """Ask again for everything but the queue, as after a restart of the sidecar."""
        self._items.clear()
        self._explained.clear()
        self.people = []

    async def load_item(self, item: int) -> ReviewItem:
        """Return an item, asked for once. Raises ApiProblem."""
        held = self._items.get(item)
        if held is not None:
            return held
        task = self._loading_items.get(item)
        if task is None:
            # A task of its own: moving on must not cancel what is nearly there.
            task = self._loading_items[item] = asyncio.create_task(self._asked_item(item))
        return await asyncio.shield(task)

    async def _asked_item(self, item: int) -> ReviewItem:
        try:
            answer = await self.client.item(item)
            self._items[item] = answer
            return answer
        finally:
            self._loading_items.pop(item, None)

    def explained(self, photo: int) -> Explained | None:
        """Return an explanation at hand."""
        return self._explained.get(photo)

    async def load_explained(self, photo: int) -> Explained:
        """Return how a photo was judged. Raises ApiProblem. NotThere from a sidecar that does not explain."""
        held = self._explained.get(photo)
        if held is None:
            held = self._explained[photo] = await self.client.explain(photo)
        return held

    # --- decisions --------------------------------------------------------------------------

    def take(self, row: QueueItem, decision: Decision) -> Sent | None:
        """Take an item out of the queue for a decision, None when it is not there any more."""
        taken = self.queue.take(row.id)
        if taken is None:
            return None
        self.own_photos.add(row.id)
        sent = Sent(decision.done_text(row.filename), [taken], keys=self.client.take_keys())
        self._sent.append(sent)
        del self._sent[:-UNDO_DEPTH]
        return sent

    async def send(self, item: int, decision: Decision, sent: Sent) -> None:
        """Send a decision. When it is refused the item is back in the queue. Raises ApiProblem."""
        try:
            async with self._sending:
                done = await self.client.decide(decision.kind, item, decision.approve, sent.keys)
        except DecidedMeanwhile:
            self.queue.confirm(item)
            self._forget(sent)
            raise
        except ApiProblem:
            for taken in sent.taken:
                self.queue.put_back(taken)
            self._not_own(sent)
            self._forget(sent)
            raise
        else:
            sent.event = done.event
            if decision.kind == "skip":
                for taken in sent.taken:
                    self.queue.defer(taken)
            else:
                self.queue.confirm(item)
        finally:
            self._items.discard(item)
            sent.answered.set()

    async def rule_out(self, row: QueueItem, rule_out: RuleOut, text: str) -> None:
        """Say whom an item does not show. It stays, and is asked for again. Raises ApiProblem."""
        done = await self.client.rule_out(row.id, rule_out)
        sent = Sent(text, [], event=done.event, item=row.id)
        sent.answered.set()
        self._sent.append(sent)
        self.queue.replace(row.model_copy(update={"suggested_person": None, "suggested_person_id": None}))
        await self._ask_again(row.id)

    async def _ask_again(self, item: int) -> None:
        """Have an item and its row as they now are. If that fails, it is asked for when it is shown."""
        self._items.discard(item)
        self._explained.discard(item)
        with suppress(ApiProblem):
            self.queue.replace(await self.load_item(item))

    async def answers(self) -> bool:
        """Wait for the answers to the decisions on their way. Return False when there are none."""
        waiting = [sent for sent in self._sent if not sent.answered.is_set()]
        for sent in waiting:
            await sent.answered.wait()
        return bool(waiting)

    def _forget(self, sent: Sent) -> None:
        if sent in self._sent:
            self._sent.remove(sent)

    def _not_own(self, sent: Sent) -> None:
        """What happens to these photos from now on is news again."""
        self.own_photos.difference_update(taken.row.id for taken in sent.taken if taken.row is not None)

    @property
    def last(self) -> Sent | None:
        """The decision that would be taken back next."""
        return self._sent[-1] if self._sent else None

    async def undo(self, token: str | None = None) -> tuple[str, int | None]:
        """Take back the last decision. Return its text, and the position of its item (None: load again).

        `token` takes back exactly what a preview of it showed. Raises ApiProblem.
        """
        sent = self._sent.pop()
        await sent.answered.wait()
        if sent.event is None:
            raise ApiProblem(f"{sent.text}: the sidecar gave nothing to take it back by")
        try:
            done = await self.client.undo(Undo(preview=token) if token else Undo(event=sent.event))
        except Unreachable:
            self._sent.append(sent)
            raise
        self._not_own(sent)
        text = f"{sent.text}{left_text(done)}"
        if sent.item is not None:
            await self._ask_again(sent.item)
            return text, self.queue.position_of(sent.item)
        if not sent.taken or done.failed or done.changed:
            return text, None
        return text, min(self.queue.put_back(taken) for taken in reversed(sent.taken))

    def begins(self, kind: Kind, foreseen: BulkActionResult) -> None:
        """A bulk action is sent: what is heard of its photos from now on is its progress, no news."""
        photos = {one.id for one in foreseen.decided if one.action not in LEFT_AS_IT_WAS}
        self.under_way = BulkUnderWay(kind, photos, len(photos))
        self.own_photos |= photos

    def ends(self) -> None:
        """The bulk action is over. Photos it has not come to are anybody's again."""
        if self.under_way is not None:
            self.own_photos -= self.under_way.left
            self.under_way = None

    async def foresee(
        self, marks: Marks, decision: Decision, include: Sequence[BulkKind] = ()
    ) -> BulkActionResult:
        """Return what deciding about many would do, with the token that does exactly that.

        Raises ApiProblem.
        """
        return await self.client.bulk(decision.kind, marks.selection(decision.approve, include))

    async def redeem(self, kind: Kind, token: str | None) -> BulkActionResult:
        """Do what was foreseen, and nothing that has changed or come since. Raises ApiProblem."""
        done = await self.client.bulk(kind, Selection(preview=token))
        if done.event is not None:
            text = bulk_text(done.done, kind)
            sent = Sent(text, [], event=done.event, many=len(done.decided) > 1)
            sent.answered.set()
            self._sent.append(sent)
            self.own_photos.update(one.id for one in done.decided if one.action not in LEFT_AS_IT_WAS)
        return done

    def take_decided(self, done: BulkActionResult) -> None:
        """Take out what a bulk action has decided. Undoing it puts all back where they stood."""
        sent = self._sent[-1] if self._sent and self._sent[-1].event == done.event else None
        for one in done.decided:
            if one.action in LEFT_AS_IT_WAS or (taken := self.queue.take(one.id)) is None:
                continue
            if one.action == "skipped":
                self.queue.defer(taken)
            else:
                self.queue.confirm(one.id)
            if sent is not None:
                sent.taken.append(taken)
