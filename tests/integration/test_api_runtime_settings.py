"""What was changed at run time survives a restart, and can be forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from smartsort.config import Settings, load_settings
from smartsort.core.model import Category, Person
from smartsort.core.person_ref import PersonRef
from smartsort.core.policy import OnDuplicate, WhenUnknown
from smartsort.ledger import events
from smartsort.ledger.database import Ledger
from smartsort.runtime_settings import RuntimeSettings

ANNA, BEN, OTHER_ANNA = Person("a", "Anna"), Person("b", "Ben Bo"), Person("c", "anna")


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(str(tmp_path / "smartsort.db")) as opened:
        yield opened


def configured(tmp_path: Path, **values: Any) -> Settings:
    plain = {"root": str(tmp_path), "whitelist": ["anna", "ben_bo"], "blacklist": [], **values}
    return load_settings(None, env={}, overrides=plain)


def kinds(ledger: Ledger) -> list[tuple[str, str]]:
    return [(e.kind, e.actor) for e in ledger.read(lambda db: events.after(db, 0, 100))]


def test_a_policy_survives_a_restart(ledger: Ledger, tmp_path: Path) -> None:
    settings = configured(tmp_path)
    runtime_settings = RuntimeSettings(settings, ledger)
    before = runtime_settings.policy().version
    runtime_settings.set_policy(
        {
            "min_confidence": 0.75,
            "when_confidence_unknown": "review",
            "review_categories": {"duplicates": False},
        },
        "anna",
    )
    runtime_settings.set_policy(
        {"action_on_duplicate": "skip", "review_categories": {"low_confidence": False}}
    )
    for seen in (runtime_settings, RuntimeSettings(settings, ledger)):
        policy = seen.policy()
        assert policy.thresholds.min_confidence == 0.75
        assert policy.when_confidence_unknown is WhenUnknown.REVIEW
        assert policy.on_duplicate is OnDuplicate.SKIP
        assert policy.categories == frozenset(Category) - {Category.DUPLICATES, Category.LOW_CONFIDENCE}
        assert policy.version != before
        assert seen.changed == (
            "deduplication.action_on_duplicate",
            "review_categories",
            "thresholds.min_confidence",
            "when_confidence_unknown",
        )
    assert kinds(ledger) == [("settings_changed", "anna"), ("settings_changed", "smartsort")]
    runtime_settings.forget("anna")
    for seen in (runtime_settings, RuntimeSettings(settings, ledger)):
        assert seen.policy().version == before
        assert seen.changed == ()


def test_what_would_be_is_not(ledger: Ledger, tmp_path: Path) -> None:
    runtime_settings = RuntimeSettings(configured(tmp_path), ledger)
    before = runtime_settings.policy()
    assert runtime_settings.policy_with({"max_faces_per_image": 5}).max_faces == 5
    assert runtime_settings.policy() == before
    with pytest.raises(ValueError, match="root cannot be changed"):
        runtime_settings.policy_with({"root": "/"})


def test_a_name_is_bound_to_its_person(ledger: Ledger, tmp_path: Path) -> None:
    """Somebody who is renamed in Immich stays on the list, after a restart too."""
    settings = configured(tmp_path)
    runtime_settings = RuntimeSettings(settings, ledger)
    assert runtime_settings.bind([ANNA, BEN])
    assert runtime_settings.whitelist == (PersonRef("anna", "a"), PersonRef("ben_bo", "b"))
    renamed = Person("a", "Anna Maria")
    for seen in (runtime_settings, RuntimeSettings(settings, ledger)):
        seen.bind([renamed, BEN])
        assert seen.policy().wanted(renamed)
        assert seen.whitelist[0] == PersonRef("Anna Maria", "a")
    assert runtime_settings.changed == (), "the list goes on following the configuration"
    assert [
        e.name for e in RuntimeSettings(configured(tmp_path, whitelist=["ben_bo"]), ledger).whitelist
    ] == ["ben_bo"]


def test_binding_twice_changes_nothing(ledger: Ledger, tmp_path: Path) -> None:
    runtime_settings = RuntimeSettings(configured(tmp_path), ledger)
    runtime_settings.bind([ANNA, BEN])
    runtime_settings.bind([ANNA, BEN])
    assert not runtime_settings.bind([ANNA, BEN])


def test_a_name_two_people_have_is_bound_to_nobody(ledger: Ledger, tmp_path: Path) -> None:
    runtime_settings = RuntimeSettings(configured(tmp_path), ledger)
    runtime_settings.bind([ANNA, OTHER_ANNA])
    assert runtime_settings.whitelist[0] == PersonRef("anna")


def test_recognition_started_anew_gives_new_ids(ledger: Ledger, tmp_path: Path) -> None:
    """Ids are gone; a list bound to them would match nobody."""
    runtime_settings = RuntimeSettings(configured(tmp_path), ledger)
    runtime_settings.set_list("whitelist", [PersonRef("Anna", "a")])
    runtime_settings.bind([ANNA])
    runtime_settings.bind([Person("new", "Anna")])
    assert runtime_settings.whitelist == (PersonRef("Anna", "new"),)
    runtime_settings.bind([])
    assert runtime_settings.whitelist == (PersonRef("Anna", "new"),), "an empty answer proves nothing"


def test_lists_and_switch_survive_a_restart(ledger: Ledger, tmp_path: Path) -> None:
    settings = configured(tmp_path)
    runtime_settings = RuntimeSettings(settings, ledger)
    runtime_settings.set_enabled(False, "anna")
    runtime_settings.set_list("blacklist", [PersonRef("Victor")], "anna")
    again = RuntimeSettings(settings, ledger)
    assert not again.enabled
    assert again.blacklist == (PersonRef("Victor"),)
    assert again.changed == ("blacklist", "enabled")
    assert kinds(ledger) == [("disabled", "anna"), ("list_changed", "anna")]
