"""Configuration: what may change at run time, with the effect it would have had before it is saved."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, get_args

from pydantic import ValidationError
from textual import events, on
from textual.binding import Binding, BindingType
from textual.containers import Container, Horizontal, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Checkbox, Input, Label, Select, Static

from smartsort.api.schemas.control import ConfigPatch, ConfigView
from smartsort.api.schemas.state import DoctorReport, Status
from smartsort_tui import wording
from smartsort_tui.api import ApiProblem, NotThere
from smartsort_tui.background import work
from smartsort_tui.screens.area import AreaScreen, link_words
from smartsort_tui.widgets.lines import Fitted

if TYPE_CHECKING:
    from smartsort.api.schemas.evaluation import WhatIfReport

# Cells for the name of a folder or category.
NAME_WIDTH = 18
# Name in ConfigPatch, and how it reads.
NUMBERS = (
    ("max_wrong_per_1000", "Wrong per 1,000 at most"),
    ("min_confidence", "Confidence at least (0 to 1)"),
    ("min_margin", "Ahead of the next person by"),
    ("max_faces_per_image", "Faces on a picture at most"),
    ("min_face_area", "Share of picture a face needs"),
)
CHOICES = (
    ("when_confidence_unknown", "Confidence unknown"),
    ("multiple_faces", "Several wanted people"),
    ("action_on_duplicate", "A duplicate"),
)
# What needs somebody first.
SIGNS = {
    "broken": ("✗", "$error"),
    "warning": ("!", "$warning"),
    "skipped": ("–", "$foreground-muted"),
    "ok": ("✓", "$success"),
}


class Switch(Checkbox):
    """A box with a tick or nothing in it: Textual's own has a cross in both states and tells by colour."""

    def render(self) -> Content:
        box = f"[{'✓' if self.value else ' '}]"
        return Content(f"{box} {self.label}").stylize_before(self.get_visual_style("toggle--label"))


class NumberField(Input):
    """A field for a number: other characters stay keys, so that `?` shows the help."""

    def check_consume_key(self, key: str, character: str | None) -> bool:
        return super().check_consume_key(key, character) and _is_of_number(character)

    def on_key(self, event: events.Key) -> None:
        if event.is_printable and not _is_of_number(event.character):
            event.prevent_default()


def _is_of_number(character: str | None) -> bool:
    return character is not None and character in "0123456789.,"


class ConfigurationScreen(AreaScreen):
    """Thresholds, categories, the switch, and how the sidecar is."""

    AREA = "configuration"
    AUTO_FOCUS = f"#{NUMBERS[0][0]}"
    HELP_TITLE = "Configuration"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f6", "what_if", "what if", id="configuration.what_if", tooltip="What it would do"),
        Binding("f7,ctrl+s", "save", "save", id="configuration.save", tooltip="Save what was changed"),
        Binding("f8", "switch", "on/off", id="configuration.switch", tooltip="Switch sorting on or off"),
        Binding("f10", "discard", "discard", id="configuration.discard", tooltip="Forget what was changed"),
        Binding("escape", "leave", "Leave the field", show=False, id="configuration.leave"),
    ]
    DEFAULT_CSS = """
    ConfigurationScreen {
        & #configuration { layout: horizontal; height: 1fr; }
        & #form { width: 52; height: 100%; padding: 0 1; scrollbar-size-vertical: 1; }
        & #effect-scroll {
            width: 1fr; height: 100%; padding: 0 1; border-left: solid $panel;
            scrollbar-size-vertical: 1; scrollbar-gutter: stable;
        }
        & .field { height: 1; width: 100%; }
        & .field Label { width: 31; height: 1; }
        & .field Input { width: 1fr; height: 1; border: none; padding: 0 1; background: $surface; }
        & .field Input:focus { background: $primary; color: $block-cursor-foreground; }
        & .field Select { width: 1fr; }
        & Checkbox { height: 1; border: none; padding: 0; background: $background; }
        & .form-title { text-style: bold; color: $accent; margin-top: 1; }
        & .form-title:first-child { margin-top: 0; }
        & SelectCurrent { padding: 0 1; }
        & Static { height: auto; }
        &.-narrow #configuration { layout: vertical; }
        &.-narrow #form { width: 100%; height: 60%; }
        &.-narrow #effect-scroll { width: 100%; height: 40%; border-left: none; border-top: solid $panel; }
        &.-normal #form { width: 50; }
        & .hint { color: $text-muted; }
    }
    """

    def content(self) -> Iterable[Widget]:
        self._config: ConfigView | None = None
        self._doctor: DoctorReport | None = None
        self._effect: WhatIfReport | None = None
        self._examining = False
        yield Container(
            VerticalScroll(
                Static("Thresholds", classes="form-title"),
                *(
                    Horizontal(Label(title), NumberField(id=name, compact=True), classes="field")
                    for name, title in NUMBERS
                ),
                Static("", id="limit", classes="hint", markup=False),
                *(
                    Horizontal(
                        Label(title),
                        Select[str](
                            [(value.replace("_", " "), value) for value in _choices(name)],
                            id=name,
                            compact=True,
                        ),
                        classes="field",
                    )
                    for name, title in CHOICES
                ),
                Static("Review categories", classes="form-title"),
                *(
                    Switch(wording.TITLES[name], id=f"category-{name}", compact=True)
                    for name in wording.CATEGORIES
                ),
                Static("What is off goes to Unidentified instead.", classes="hint"),
                id="form",
            ),
            VerticalScroll(
                Fitted("", id="effect"), Static("", id="health"), id="effect-scroll", can_focus=False
            ),
            id="configuration",
        )

    def on_mount(self) -> None:
        self.query_one("#form").can_focus = False
        self.query_one(f"#{NUMBERS[0][0]}").focus()

    def connected(self) -> None:
        work(self, "config", self._load, latest_only=True)

    def disconnected(self, problem: ApiProblem) -> None:
        super().disconnected(problem)
        self._draw_health()

    def status_is(self, status: Status) -> None:  # noqa: ARG002  (drawn with all the rest)
        self._draw_health()

    async def _load(self) -> None:
        config = await self.answer(lambda client: client.config())
        if config is None:
            self.is_stale()
            return
        self.is_fresh()
        if not self._is_edited():
            self._config = config
            self._fill()
        self._examining = self._doctor is None
        self._draw_health()
        try:
            self._doctor = await self.smartsort.client.doctor()
        except NotThere:
            self._doctor = None
        except ApiProblem as problem:
            self.say_problem(problem)
        self._examining = False
        self._draw_health()

    # --- the form ---------------------------------------------------------------------------

    def _in_force(self) -> dict[str, Any]:
        """Return the settings in force by their last name. Sections do not matter here.

        A limit that changes nothing, because the confidence is set itself, is left empty.
        """
        if self._config is None:
            return {}
        limit = self._config.limit
        unused = {"max_wrong_per_1000": None} if limit is None or limit.by_hand else {}
        return _flat(self._config.config) | unused

    def _fill(self) -> None:
        values = self._in_force()
        limit = self._config.limit if self._config is not None else None
        self.query_one("#limit", Static).update(limit.text if limit is not None else "")
        with self.prevent(Input.Changed, Select.Changed, Checkbox.Changed):
            for name, _ in NUMBERS:
                self.query_one(f"#{name}", Input).value = _number(values.get(name))
            for name, _ in CHOICES:
                if values.get(name) in _choices(name):
                    self.query_one(f"#{name}", Select).value = values[name]
            for name in wording.CATEGORIES:
                on = _categories(values).get(name, True)
                self.query_one(f"#category-{name}", Checkbox).value = bool(on)
        self._draw_effect()

    def _changed(self) -> dict[str, Any]:
        """Return what the form says otherwise than the settings in force. Raises ValueError for no number."""
        values = self._in_force()
        if not values:
            return {}
        changed: dict[str, Any] = {}
        for name, title in NUMBERS:
            text = self.query_one(f"#{name}", Input).value.strip().replace(",", ".")
            if not text or text == _number(values.get(name)):
                continue
            try:
                changed[name] = float(text) if "." in text or name != "max_faces_per_image" else int(text)
            except ValueError:
                raise ValueError(f"{title}: {text!r} is no number") from None
        for name, _ in CHOICES:
            value = self.query_one(f"#{name}", Select).value
            if isinstance(value, str) and value != values.get(name):
                changed[name] = value
        switched = {
            name: self.query_one(f"#category-{name}", Checkbox).value
            for name in wording.CATEGORIES
            if self.query_one(f"#category-{name}", Checkbox).value
            != bool(_categories(values).get(name, True))
        }
        if switched:
            changed["review_categories"] = switched
        return changed

    def _is_edited(self) -> bool:
        """Return whether the form holds something of the person's that must not be overwritten."""
        try:
            return bool(self._changed())
        except ValueError:
            return True

    def _patch(self) -> ConfigPatch | None:
        """Return the change as the API takes it, None and a message when there is none or it cannot be."""
        try:
            changed = self._changed()
            patch = ConfigPatch.model_validate(changed)
        except ValidationError as error:
            first = error.errors()[0]
            self.say(f"{'.'.join(map(str, first['loc']))}: {first['msg']}", "bad")
            return None
        except ValueError as error:
            self.say(str(error), "bad")
            return None
        if not changed:
            self.say("nothing is changed", "warn")
            return None
        return patch

    @on(Input.Submitted)
    def _submitted(self) -> None:
        self.action_what_if()

    @on(Input.Changed)
    @on(Select.Changed)
    @on(Checkbox.Changed)
    def _edited(self) -> None:
        self._effect = None
        self._draw_effect()

    # --- acting -----------------------------------------------------------------------------

    def action_what_if(self) -> None:
        if (patch := self._patch()) is not None:
            work(self, "what-if", self._what_if, patch, latest_only=True)

    async def _what_if(self, patch: ConfigPatch) -> bool:
        self.say("looking at the past photos …")
        effect = await self.answer(lambda client: client.what_if(patch))
        if effect is None:
            return False
        self._effect = effect
        self._draw_effect()
        self.say(f"this is what it would do. {self.key('configuration.save')} saves it", "good")
        return True

    def action_save(self) -> None:
        if (patch := self._patch()) is not None:
            work(self, "save", self._save, patch, latest_only=True)

    async def _save(self, patch: ConfigPatch) -> None:
        """The first time show the effect, the second time save: nothing is saved unseen."""
        if self._effect is None or not self.sight.is_seen:
            if await self._what_if(patch):
                self.say(f"look at the effect first. {self.key('configuration.save')} again saves it", "warn")
            return
        config = await self.answer(lambda client: client.save_config(patch))
        if config is None:
            return
        self._config = config
        self._effect = None
        self._fill()
        self.say("saved", "good")

    def action_discard(self) -> None:
        self._effect = None
        self._fill()
        self.say("the settings in force")

    def action_leave(self) -> None:
        self.set_focus(None)

    def action_switch(self) -> None:
        work(self, "switch", self._switch, latest_only=True)

    async def _switch(self) -> None:
        status = self.smartsort.status
        if status is None:
            self.say("not connected", "bad")
            return
        now = await self.answer(lambda client: client.switch(on=not status.enabled))
        if now is None:
            return
        self.smartsort.status = now
        self.smartsort.status_changed.publish(now)
        self.say("sorting is on" if now.enabled else "sorting is off: files are kept waiting", "good")

    # --- drawing ----------------------------------------------------------------------------

    def _draw_effect(self) -> None:
        self.query_one("#effect", Fitted).fit(partial(effect_text, self._effect))
        self.sight.shows(self._effect)

    def _draw_health(self) -> None:
        if self.is_mounted:
            text = health_text(
                self.smartsort.status,
                self._doctor,
                self._config,
                is_examining=self._examining,
                lost=link_words(self.smartsort),
            )
            self.query_one("#health", Static).update(text)


def effect_text(effect: WhatIfReport | None, width: int) -> Content:
    """Return what the changed settings would do."""
    title = Content.styled("What it would do", "bold $accent")
    if effect is None:
        hint = "Change something, then F6 shows what it would do to past photos."
        return Content("\n").join([title, Content.styled(hint, "$foreground-muted"), Content("")])
    lines = [title]
    if effect.limit is not None:
        lines += [Content(effect.limit.text), Content("")]
    lines.append(Content(f"to {wording.count(effect.evaluated, 'photo')} of the last {effect.days} days:"))
    for category in sorted({*effect.before, *effect.after}, key=lambda name: (name != "faces", name)):
        before, after = effect.before.get(category, 0), effect.after.get(category, 0)
        change = f"{after - before:+,}" if after != before else "="
        folder = wording.TITLES.get(category, "Filed" if category == "faces" else category)
        numbers = f" {before:>6,} → {after:>6,} {change:>6}"
        # Where there is no room for both, the name has a line of its own.
        room = width - len(numbers)
        name = f"{folder}\n" if room < NAME_WIDTH else wording.fit(folder, NAME_WIDTH)
        text = f"{name}{numbers}"
        lines.append(Content.styled(text, "bold") if after != before else Content(text))
    for way, number in sorted(effect.moves.items(), key=lambda entry: -entry[1]):
        text = f"{number:>6,}  {way.replace('->', '→')}"
        lines.append(Content.styled(text, "$foreground-muted"))
    return Content("\n").join([*lines, Content("")])


def health_text(
    status: Status | None,
    doctor: DoctorReport | None,
    config: ConfigView | None,
    *,
    is_examining: bool,
    lost: Content | None = None,
) -> Content:
    """Return how the sidecar and its connection are, and the doctor's findings.

    `lost` says why there is none.
    """
    lines = [Content.styled("The sidecar", "bold $accent")]
    if lost:
        return Content("\n").join([*lines, lost])
    if status is None:
        return Content("\n").join([*lines, Content("… connecting")])
    lines += [
        Content.assemble(
            ("● sorting is on", "$success") if status.enabled else ("‖ sorting is off", "bold $warning")
        ),
        Content(
            wording.shown(f"Immich {status.immich_version or ''}: {status.immich} {status.immich_url or ''}")
        ),
        Content(wording.shown(f"root {status.root}, smartsort {status.version}")),
    ]
    if config is not None:
        lists = f"whitelist {len(config.whitelist)}, blacklist {len(config.blacklist)} (F4)"
        lines.append(Content(lists))
        if config.changed:
            lines.append(Content(f"changed here: {', '.join(config.changed)}"))
    lines += [
        Content.styled(wording.shown(f"! {issue.message}"), "bold $warning") for issue in status.health_issues
    ]
    if is_examining:
        lines += [Content(""), Content.styled("… the doctor is looking", "$foreground-muted")]
    if doctor is not None:
        lines += [Content(""), Content.styled(f"The doctor says: {doctor.status}", "bold $accent")]
        for check in sorted(doctor.checks, key=lambda check: list(SIGNS).index(check.verdict)):
            if check.verdict == "ok":
                continue
            sign, style = SIGNS[check.verdict]
            lines.append(
                Content.assemble(
                    (f"{sign} ", f"bold {style}"), f"{check.name}: {wording.shown(check.detail)}"
                )
            )
            if check.remedy:
                lines.append(Content.styled(f"  {wording.shown(check.remedy)}", "$foreground-muted"))
        fine = [wording.shown(check.name) for check in doctor.checks if check.verdict == "ok"]
        if fine:
            lines.append(Content.assemble(("✓ ", "bold $success"), f"fine: {', '.join(fine)}"))
    return Content("\n").join(lines)


def _choices(name: str) -> tuple[str, ...]:
    """Return what a setting may be, from the shape that takes it."""
    literal, *_ = get_args(ConfigPatch.model_fields[name].annotation)
    return get_args(literal)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def _flat(config: dict[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, dict) and key != "review_categories":
            flat.update(_flat(value))
        else:
            flat.setdefault(key, value)
    return flat


def _categories(values: dict[str, Any]) -> dict[str, Any]:
    """Return the category switches. Each is a table with `enabled`."""
    found = values.get("review_categories")
    if not isinstance(found, dict):
        return {}
    return {
        name: value.get("enabled", True) if isinstance(value, dict) else value
        for name, value in found.items()
    }
