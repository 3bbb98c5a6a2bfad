"""What people may change while smartsort runs: the lists and the main switch. Kept in the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from smartsort.core.model import Category
from smartsort.core.policy import MultipleFaces, OnDuplicate, PersonRef, Policy, Thresholds, WhenUnknown
from smartsort.ledger import facts
from smartsort.ledger.database import Ledger

if TYPE_CHECKING:
    from smartsort.config import Settings


class Choices:
    """The settings of the configuration, overlaid by what was changed at run time.

    A value changed here survives a restart; `forget` makes the configuration count again.
    """

    def __init__(self, settings: Settings, ledger: Ledger) -> None:
        self._settings, self._ledger = settings, ledger
        self._enabled: bool = ledger.read(lambda db: facts.get(db, "enabled", settings.enabled))
        self._lists: dict[str, tuple[PersonRef, ...]] = {}
        for name, configured in (("whitelist", settings.whitelist), ("blacklist", settings.blacklist)):
            stored = ledger.read(lambda db, n=name: facts.get(db, n))  # type: ignore[misc]
            self._lists[name] = (
                tuple(PersonRef(n) for n in configured)
                if stored is None
                else tuple(PersonRef(str(entry["name"]), entry.get("id")) for entry in stored)
            )
        self._policy = self._build()

    @property
    def enabled(self) -> bool:
        """False: files are accepted and kept waiting."""
        return self._enabled

    @property
    def whitelist(self) -> tuple[PersonRef, ...]:
        """People who get a folder; empty: every named person."""
        return self._lists["whitelist"]

    @property
    def blacklist(self) -> tuple[PersonRef, ...]:
        """People whose photos never go into a folder."""
        return self._lists["blacklist"]

    def policy(self) -> Policy:
        """The policy of this moment."""
        return self._policy

    def set_enabled(self, enabled: bool) -> None:
        """Switch sorting on or off, for good."""
        self._ledger.write(lambda db: facts.put(db, "enabled", enabled))
        self._enabled = enabled

    def set_list(self, name: str, entries: Sequence[PersonRef]) -> None:
        """Replace the whitelist or the blacklist, for good."""
        stored = [{"name": entry.name, "id": entry.id} for entry in entries]
        self._ledger.write(lambda db: facts.put(db, name, stored))
        self._lists[name] = tuple(entries)
        self._policy = self._build()

    def _build(self) -> Policy:
        settings = self._settings
        common = Thresholds(settings.thresholds.min_confidence, settings.thresholds.min_margin)
        return Policy(
            whitelist=self._lists["whitelist"],
            blacklist=self._lists["blacklist"],
            thresholds=common,
            person_thresholds={
                name: Thresholds(
                    common.min_confidence if own.min_confidence is None else own.min_confidence,
                    common.min_margin if own.min_margin is None else own.min_margin,
                )
                for name, own in settings.thresholds.per_person.items()
            },
            max_faces=settings.thresholds.max_faces_per_image,
            min_face_share=settings.thresholds.min_face_share,
            when_confidence_unknown=WhenUnknown(settings.when_confidence_unknown),
            multiple_faces=MultipleFaces(settings.multiple_faces),
            on_duplicate=OnDuplicate(settings.deduplication.action_on_duplicate),
            categories=frozenset(c for c in Category if getattr(settings.review_categories, c.value)),
        )
