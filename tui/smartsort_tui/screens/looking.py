"""A closer look at a waiting photo: over the whole screen, its face beside a portrait, its page in Immich."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar
from urllib.parse import quote

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.style import Style
from textual.widget import Widget
from textual.widgets import Static

from smartsort.api.schemas.people import FaceView, SuggestionView
from smartsort.api.schemas.review import ReviewItem
from smartsort_tui import wording
from smartsort_tui.api import Client
from smartsort_tui.details import name_of
from smartsort_tui.pictures import boxes_of
from smartsort_tui.screens.area import Dialog, TooSmall
from smartsort_tui.screens.item_view import picture_of
from smartsort_tui.widgets.bars import KeyBar
from smartsort_tui.widgets.picture import PicturePane, Request


class LookScreen(Dialog[None]):
    """The photo as large as the terminal, or a face of it beside the portrait of a person."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "cancel", "close", id="dialog.cancel"),
        Binding("z", "turn", "photo/faces", id="look.turn", tooltip="The photo, or a face beside a portrait"),
        Binding(
            "f", "frames", "frames", id="look.frames", tooltip="The frames of a video, or its poster frame"
        ),
        Binding("o", "face", "next face", id="look.face", tooltip="Another face of the photo"),
        Binding("n,right", "person(1)", "next person", id="look.person", tooltip="The next suggested person"),
        Binding("p,left", "person(-1)", "Previous person", show=False, id="look.person_back"),
    ]
    DEFAULT_CSS = """
    LookScreen {
        background: $background;
        & PicturePane { height: 1fr; width: 100%; }
        & #look-words { height: 1; text-align: center; }
    }
    """

    def __init__(self, item: ReviewItem, client: Client, face: FaceView | None, *, is_close: bool) -> None:
        super().__init__()
        self._item = item
        self._client = client
        self._face = face
        self._place = 0
        self._is_close = is_close and face is not None
        self._has_frames = item.frames is not None and not self._is_close

    def compose(self) -> ComposeResult:
        yield PicturePane(self.smartsort, id="look")
        yield Static("", id="look-words", markup=False)
        yield KeyBar()
        yield TooSmall()

    def on_mount(self) -> None:
        self._draw()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """There is another face and another person to see only where there are some."""
        if action == "turn":
            return self._face is not None
        if action == "frames":
            return self._item.frames is not None
        if action == "face":
            return self._is_close and len(self._item.faces) > 1
        return action != "person" or (self._is_close and len(self._suggestions) > 1)

    @property
    def _suggestions(self) -> list[SuggestionView]:
        own = self._face.suggestions if self._face is not None else []
        return own or self._item.suggestions

    def _draw(self) -> None:
        self.query_one(PicturePane).show(self._request())
        words = wording.cut(self._item.filename, self.size.width)
        if self._has_frames:
            words = wording.cut(f"{self._item.filename}: its frames", self.size.width)
        elif self._is_close and self._face is not None:
            words = self._words(self._face)
        self.query_one("#look-words", Static).update(words)
        self.refresh_bindings()

    def _request(self) -> Request:
        if self._has_frames and self._item.frames is not None:
            return Request((self._item.frames,))
        if not self._is_close or self._face is None:
            return picture_of(self._item)
        crop = next(iter(boxes_of([self._face])), None)
        photo = self._item.preview or self._item.thumbnail
        guess = self._suggestions[self._place % len(self._suggestions)] if self._suggestions else None
        if guess is None or guess.person.to_come:
            return Request((photo,), crop=crop)
        return Request((photo, self._client.person_thumbnail(guess.person.id)), crop=crop)

    def _words(self, face: FaceView) -> str:
        left = f"face {face.number} of {len(self._item.faces)}"
        if not self._suggestions:
            return f"{left}: no suggestion"
        place = self._place % len(self._suggestions)
        one = self._suggestions[place]
        return f"{left}  |  [{place + 1}] {name_of(one.person)}, {wording.likeness(one.similarity)}"

    def action_frames(self) -> None:
        self._has_frames, self._is_close = not self._has_frames, False
        self._draw()

    def action_turn(self) -> None:
        self._is_close, self._has_frames = not self._is_close, False
        self._draw()

    def action_face(self) -> None:
        faces = self._item.faces
        if self._face is not None:
            self._face = faces[(faces.index(self._face) + 1) % len(faces)]
            self._place = 0
            self._draw()

    def action_person(self, step: int) -> None:
        self._place += step
        self._draw()


def face_in_question(item: ReviewItem, chosen_face: int | None) -> FaceView | None:
    """Return the face that was chosen, else one that nobody is sure about, else the largest."""

    def size(face: FaceView) -> int:
        return (face.box[2] - face.box[0]) * (face.box[3] - face.box[1])

    for some in (
        [face for face in item.faces if face.number == chosen_face],
        [face for face in item.faces if face.person is None and face.suggestions],
        item.faces,
    ):
        if some:
            return max(some, key=size)
    return None


def immich_page(base: str, asset: str) -> str:
    """Return where Immich shows a photo."""
    return f"{base.rstrip('/')}/photos/{quote(asset, safe='')}"


class PageScreen(Dialog[None]):
    """The address of the photo's page in Immich, to click or to copy."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,O", "cancel", "close", id="dialog.cancel")]

    def __init__(self, url: str, *, is_of_sidecar: bool) -> None:
        super().__init__()
        self._url = url
        self._is_of_sidecar = is_of_sidecar

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog dialog--wide"):
            yield Static(Content("The photo's page in Immich"), classes="dialog-title")
            yield from self._words()
            yield KeyBar()
        yield TooSmall()

    def _words(self) -> Iterable[Widget]:
        yield Static(Content(self._url).stylize(Style(link=self._url, underline=True)), id="page-url")
        if self._is_of_sidecar:
            note = "This is the sidecar's own address of Immich. For another one set immich_url in tui.toml."
            yield Static(Content.styled(f"\n{note}", "$foreground-muted"))
