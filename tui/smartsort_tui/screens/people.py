"""People: everybody Immich knows by name, with their face, and whether they are wanted."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Static

from smartsort.api.schemas.control import ListChange
from smartsort.api.schemas.people import PersonView
from smartsort_tui import fuzzy, wording
from smartsort_tui.api import ApiProblem, ListName
from smartsort_tui.background import work
from smartsort_tui.screens.area import AreaScreen, link_words
from smartsort_tui.widgets.picture import PicturePane, Request
from smartsort_tui.widgets.row_list import Cells, ItemList

# Holding a key down passes many people. Only the face of the one stayed on is fetched.
FACE_PAUSE_SECONDS = 0.12


class PeopleList(ItemList[PersonView]):
    """Name, list and number of photos."""

    def cells(self, position: int, width: int) -> Cells:
        person = self.items[position]
        sign, style = {
            "whitelist": ("✓", "row--good"),
            "blacklist": ("✗", "row--bad"),
            None: (" ", "row--plain"),
        }[person.listed]
        photos = wording.count(person.photos, "photo") if person.photos else ""
        listed: str = "to come" if person.to_come else person.listed or ""
        if person.mixed:
            sign, style, listed = "!", "row--bad", "two people"
        return [
            (f"{sign} ", style),
            (wording.fit(person.name or "without a name", width - 29), "row--plain"),
            (f" {listed:<11}{photos:>14} ", "row--muted"),
        ]


class PeopleScreen(AreaScreen):
    """Who is wanted and who is not."""

    AREA = "people"
    AUTO_FOCUS = "#people-list"
    HELP_TITLE = "People"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "w", "list('whitelist')", "whitelist", id="people.whitelist", tooltip="On or off the whitelist"
        ),
        Binding(
            "b", "list('blacklist')", "blacklist", id="people.blacklist", tooltip="On or off the blacklist"
        ),
        Binding(
            "o",
            "one_person",
            "one person",
            id="people.one",
            tooltip="All faces are one person's, although they look like two people's",
        ),
        Binding("u", "undo", "undo", id="people.undo", tooltip="Take that back"),
        Binding("slash", "search", "search", id="people.search", tooltip="Find a person"),
        Binding("escape", "clear", "Clear search", show=False, id="people.clear"),
        Binding("n,j", "move(1)", "Next", show=False, id="people.next"),
        Binding("p,k", "move(-1)", "Previous", show=False, id="people.previous"),
    ]
    DEFAULT_CSS = """
    PeopleScreen {
        & #people-panes { layout: horizontal; height: 1fr; }
        & PeopleList { width: 60%; height: 100%; }
        & #person { width: 1fr; height: 100%; border-left: solid $panel; }
        & #face { height: 1fr; }
        & #person-words { height: auto; padding: 0 1; }
        & #person-search { height: 1; border: none; padding: 0 1; background: $surface; display: none; }
        &.-narrow PeopleList { width: 100%; }
        &.-narrow #person { display: none; }
    }
    """

    def content(self) -> Iterable[Widget]:
        self._people: list[PersonView] = []
        self._pause: asyncio.TimerHandle | None = None
        self.rows = PeopleList(id="people-list")
        self.face = PicturePane(self.smartsort, id="face")
        yield Input(placeholder="a few letters of the name", id="person-search")
        yield Container(
            self.rows,
            Container(self.face, Static("… loading", id="person-words"), id="person"),
            id="people-panes",
        )

    def on_mount(self) -> None:
        self.face.display = self.smartsort.terminal.images != "none"
        self.rows.focus()

    def connected(self) -> None:
        work(self, "people", self._load, latest_only=True)

    def disconnected(self, problem: ApiProblem) -> None:
        super().disconnected(problem)
        self._draw_person()

    async def _load(self, *, said: bool = False) -> None:
        """Ask for everybody. `said`: the line of messages already tells something that matters more."""
        if said:
            self.workers.cancel_group(self, "people")  # asked for before that was done
        try:
            self._people = await self.smartsort.client.people()
        except ApiProblem as problem:
            self.is_stale()
            if not said:
                self.say_problem(problem)
            self._draw_person()
            return
        self.is_fresh()
        self._find(keep=True)

    @on(Input.Changed, "#person-search")
    def _typed(self) -> None:
        self._find()

    @on(Input.Submitted, "#person-search")
    def _submitted(self) -> None:
        self.rows.focus()

    def _find(self, *, keep: bool = False) -> None:
        query = self.query_one("#person-search", Input).value
        self.rows.show(fuzzy.ranked(query, self._people, limit=10_000))
        if not keep:
            self.rows.cursor = 0
        self._draw_person()

    def on_row_list_moved(self) -> None:
        self._draw_person()

    def _draw_person(self) -> None:
        person = self.rows.current
        words = self.query_one("#person-words", Static)
        if person is None:
            words.update(self._why_nobody())
            self.face.show(None)
            self.sight.shows(None)
            return
        self.sight.shows((person.id, person.listed, tuple(person.mixed)))
        self.refresh_bindings()
        words.update(person_text(person))
        if self._pause is not None:
            self._pause.cancel()
        self._pause = asyncio.get_running_loop().call_later(FACE_PAUSE_SECONDS, self._show_face, person)

    def _why_nobody(self) -> Content:
        if self._people:
            return Content("No person of that name.")
        if self._as_of is None:
            return link_words(self.smartsort) or Content("… loading")
        return Content("Immich has no named person yet.")

    def _show_face(self, person: PersonView) -> None:
        if not self.is_mounted:
            return
        client = self.smartsort.client
        request = None if person.to_come else Request((client.person_thumbnail(person.id),))
        if person.mixed:
            request = Request((client.mixed_picture(person.id),), caption="one, and in frames the other")
        self.face.show(request)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Whether it is one person is asked of those who look like two."""
        if action == "one_person":
            return self.rows.current is not None and bool(self.rows.current.mixed)
        if action == "undo":
            return bool(self.decided)
        return super().check_action(action, parameters)

    def action_one_person(self) -> None:
        if (person := self.rows.current) is not None and self.sight.is_seen:
            work(self, "one person", self._one_person, person)

    async def _one_person(self, person: PersonView) -> None:
        done = await self.answer(lambda client: client.one_person(person.id))
        if done is None:
            return
        self.decided.append((done.event, "smartsort asks about it again"))
        said = f"{person.name} is one person. Photos that waited are judged again"
        self.say(f"{said} · {self.key('people.undo')} undoes it", "good")
        await self._load(said=True)

    def action_search(self) -> None:
        field = self.query_one("#person-search", Input)
        field.display = True
        field.focus()

    def action_clear(self) -> None:
        field = self.query_one("#person-search", Input)
        field.value = ""
        field.display = False
        self.rows.focus()

    def action_list(self, name: Any) -> None:
        if (person := self.rows.current) is not None and self.sight.is_seen:
            work(self, "lists", self._change, person, name)

    async def _change(self, person: PersonView, name: ListName) -> None:
        """Put a person on a list, or take them off it. Nobody is on both."""
        other: ListName = "blacklist" if name == "whitelist" else "whitelist"
        leaves = person.listed == name
        try:
            client = self.smartsort.client
            if person.listed == other:
                await client.change_list(other, ListChange(remove=[person.name]))
                self._is_listed(person, None)
            change = ListChange(remove=[person.name]) if leaves else ListChange(add=[person.name])
            view = await client.change_list(name, change)
        except ApiProblem as problem:
            self.say_problem(problem)
            return
        is_on = any(fuzzy.same_name(listed, [person]) for listed in view.names)
        self._is_listed(person, name if is_on else None)
        warnings = "".join(f". {warning}" for warning in view.warnings)
        self.say(
            f"{person.name} is {'on' if is_on else 'off'} the {name}{warnings}",
            "warn" if warnings or is_on == leaves else "good",
        )
        await self._load(said=True)

    def _is_listed(self, person: PersonView, listed: ListName | None) -> None:
        """Show what the sidecar has answered, whether or not everybody can be asked for again."""
        changed = person.model_copy(update={"listed": listed})
        self._people = [changed if one.id == person.id else one for one in self._people]
        self._find(keep=True)


def person_text(person: PersonView) -> Content:
    """Return a person in words."""
    listed = {
        "whitelist": "on the whitelist: photos are filed",
        "blacklist": "on the blacklist: photos go to review",
        None: "on neither list",
    }[person.listed]
    lines = [Content.styled(wording.shown(person.name), "bold"), Content(listed)]
    if person.to_come:
        lines.append(Content("Immich does not know this person yet."))
    if person.mixed:
        one, other = person.mixed
        text = f"The faces under this name look like two people's: {one} like one, {other} like the other."
        lines.append(Content.styled(text, "bold $warning"))
        lines.append(Content("Nothing is filed here. Split them in Immich, or say that it is one person."))
    if person.photos is not None:
        lines.append(Content(f"{wording.count(person.photos, 'photo')} filed"))
    if person.folder:
        lines.append(Content.styled(f"faces/{wording.shown(person.folder)}", "$foreground-muted"))
    return Content("\n").join(lines)
