"""The order of work: what settles most photos with one decision, in sight, and one key that goes there."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType

from smartsort_tui.api import ApiProblem
from smartsort_tui.background import work
from smartsort_tui.screens.area import AreaScreen
from smartsort_tui.widgets.bars import Bar, Part
from smartsort_tui.widgets.row_list import RowList

if TYPE_CHECKING:
    from smartsort.api.schemas.review import Offer

# Photos come and go, and faces are measured, of which no event tells.
LOOK_SECONDS = 3.0
AREA_OF = {"strangers": "strangers", "near_misses": "near"}


class OfferBar(Bar):
    """One line. It is away in the review while no decision settles several photos."""

    DEFAULT_CSS = "OfferBar { display: none; }"

    async def on_bar_pressed(self, message: Bar.Pressed) -> None:
        message.stop()
        await self.screen.run_action(message.key)


class OfferingArea(AreaScreen):
    """An area of the review, with an `OfferBar` and a list."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("b", "best", "best next", show=False, id="review.best", tooltip="What settles most photos"),
    ]
    _offers: tuple[Offer, ...] | None = None
    """None until it is known."""

    def on_mount(self) -> None:
        self.smartsort.link_changed.subscribe(self, lambda _: self.look_for_offers())
        self.set_interval(LOOK_SECONDS, self._look_again)

    def on_screen_resume(self) -> None:
        self.look_for_offers()

    def offered_ids(self) -> list[str]:
        """Return the group or person of each row."""
        return []

    def offered_row(self, otherwise: int) -> int:
        """Return the row that the key has asked for, the first where that has changed meanwhile."""
        offered, self.smartsort.offered = self.smartsort.offered, ""
        ids = self.offered_ids()
        return ids.index(offered) if offered in ids else 0 if offered else otherwise

    def look_for_offers(self) -> None:
        """Ask what comes first now."""
        if self.is_active and self.smartsort.link.state == "connected":
            work(self, "offers", self._look, latest_only=True)

    def _look_again(self) -> None:
        """The same after a while. An answer that takes longer than that is waited for."""
        if all(worker.is_finished for worker in self.workers if worker.group == "offers"):
            self.look_for_offers()

    async def _look(self) -> None:
        try:
            self._offers = tuple(await self.smartsort.client.offers())
        except ApiProblem:
            return  # an older sidecar, or none now: the area says what is wrong
        self.draw_offer()

    def draw_offer(self) -> None:
        """Show the best offer that is not under the cursor."""
        if self._offers is not None:
            bar, offer, key = self.query_one(OfferBar), self._next_offer(), self.key("review.best")
            bar.display = offer is not None or self.AREA != "review"
            is_best = bool(self._offers) and self._offers[0] is not offer
            when = "then" if is_best else "best next"
            text = f"{when}: {offer.text}" if offer is not None else "Single photos come next"
            here = [Part(" This settles most.")] if is_best else []
            bar.set_parts([*here, Part(f" {key}", "best", "bar--key"), Part(f" {text} ", "best")])

    def _next_offer(self) -> Offer | None:
        ids, at = self.offered_ids(), self.query_one(RowList).cursor
        here = ids[at] if at < len(ids) else ""
        return next((one for one in self._offers or () if one.id != here), None)

    def action_best(self) -> None:
        """Go there. What comes in sight by that has to be seen before a key can be meant for it."""
        offer = self._next_offer()
        self.smartsort.offered = offer.id if offer is not None else ""
        area = AREA_OF[offer.kind] if offer is not None else "review"
        if area != self.AREA:
            self.smartsort.action_area(area)
        elif offer is not None:
            self.connected()
        else:
            self.say("no decision settles several photos now", "warn")
