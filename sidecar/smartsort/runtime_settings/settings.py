"""What people may change while smartsort runs: lists, policy and the main switch. Kept in the ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlite_utils import Database

from smartsort.core import wrong_limit
from smartsort.core.event_kinds import EventKind
from smartsort.core.filing_rules import FilingRule
from smartsort.core.model import Category, Person
from smartsort.core.naming import same_name
from smartsort.core.person_ref import PersonRef
from smartsort.core.policy import (
    HiddenPeople,
    MultipleFaces,
    OnDuplicate,
    Policy,
    Thresholds,
    WhenUnknown,
    called,
)
from smartsort.core.wrong_limit import LimitInForce, Observed
from smartsort.ledger import decisions, events, key_value, spot_checks
from smartsort.ledger.database import Ledger
from smartsort.ledger.records import NewEvent

if TYPE_CHECKING:
    from smartsort.config import Settings
    from smartsort.config.sorting import Rule

LISTS = ("whitelist", "blacklist")

POLICY_KEYS: dict[str, str] = {
    "max_wrong_per_1000": "thresholds.max_wrong_per_1000",
    "min_confidence": "thresholds.min_confidence",
    "min_margin": "thresholds.min_margin",
    "max_faces_per_image": "thresholds.max_faces_per_image",
    "min_face_area": "thresholds.min_face_area",
    "when_confidence_unknown": "when_confidence_unknown",
    "multiple_faces": "multiple_faces",
    "action_on_duplicate": "deduplication.action_on_duplicate",
    "review_categories": "review_categories",
    "filing_template": "filing.template",
}
"""What of the policy may change at run time, and which setting each value stands over."""

FITTED = "fitted"
"""Beside the values of the policy: the least confidence (`min_confidence`) that a `limit` has led to."""


class RuntimeSettings:
    """The settings of the configuration, overlaid by what was changed at run time.

    A value changed here survives a restart. `forget` makes the configuration count again. Every change is an
    event with its actor.
    """

    def __init__(self, settings: Settings, ledger: Ledger) -> None:
        self._settings, self._ledger = settings, ledger
        self._lists: dict[str, tuple[PersonRef, ...]] = {}
        self._load()

    def _load(self) -> None:
        settings = self._settings

        def stored(db: Database) -> dict[str, Any]:
            names = ("enabled", "policy", "bound", *LISTS)
            return {name: key_value.get(db, name) for name in names} | {"observed": spot_checks.observed(db)}

        found = self._ledger.read(stored)
        self.observed: Observed = found["observed"]
        self._enabled: bool = settings.enabled if found["enabled"] is None else found["enabled"]
        self._overrides: dict[str, Any] = found["policy"] or {}
        self._changed = {name for name in ("enabled", *LISTS) if found[name] is not None}
        for name, configured in (("whitelist", settings.whitelist), ("blacklist", settings.blacklist)):
            entries = found[name]
            ids: Mapping[str, str] = (found["bound"] or {}).get(name, {})
            self._lists[name] = (
                tuple(PersonRef(n, ids.get(n)) for n in configured)
                if entries is None
                else tuple(PersonRef(str(entry["name"]), entry.get("id")) for entry in entries)
            )
        self._rule_ids: Mapping[str, str] = (found["bound"] or {}).get(_RULES, {})
        self._take(self._build(self._overrides))

    @property
    def enabled(self) -> bool:
        """False: files are accepted and kept waiting."""
        return self._enabled

    @property
    def whitelist(self) -> tuple[PersonRef, ...]:
        """People who get a folder, empty: every named person."""
        return self._lists["whitelist"]

    @property
    def blacklist(self) -> tuple[PersonRef, ...]:
        """People whose photos never go into a folder."""
        return self._lists["blacklist"]

    @property
    def changed(self) -> tuple[str, ...]:
        """Keys of settings that something changed at run time stands over."""
        values = (POLICY_KEYS[name] for name, value in self._overrides.items() if name in POLICY_KEYS)
        return tuple(sorted({*self._changed, *values}))

    def policy(self) -> Policy:
        """Return the policy of this moment."""
        return self._policy

    def policy_with(
        self,
        values: Mapping[str, Any],
        lists: Mapping[str, Sequence[PersonRef]] | None = None,
        rules: Sequence[Rule] | None = None,
    ) -> Policy:
        """Return the policy as it would be with other values (keys of `POLICY_KEYS`), lists or rules.

        Nothing is changed.
        """
        policy, lists = self._build(self._merged(values)), lists or {}
        return replace(
            policy,
            rules=policy.rules if rules is None else tuple(map(self._rule, rules)),
            whitelist=tuple(lists.get("whitelist", policy.whitelist)),
            blacklist=tuple(lists.get("blacklist", policy.blacklist)),
        )

    def snapshot(self) -> dict[str, Any]:
        """Return what was changed at run time, as plain values that `restore` takes."""
        names = [name for name in LISTS if name in self._changed]
        return {"policy": dict(self._overrides), **{name: _plain(self._lists[name]) for name in names}}

    def matches(self, snapshot: Mapping[str, Any], *, exactly: bool = False) -> bool:
        """Return True when nobody has changed anything since the snapshot. Ids that were bound are no change.

        What smartsort has adjusted is none either, unless it is to be so `exactly`.
        """

        def said(found: Mapping[str, Any]) -> dict[str, Any]:
            return {
                name: {key: one for key, one in value.items() if exactly or key != FITTED}
                if name == "policy"
                else [entry["name"] for entry in value]
                for name, value in found.items()
            }

        return said(self.snapshot()) == said(snapshot)

    def restore(self, snapshot: Mapping[str, Any], actor: str = "smartsort") -> None:
        """Make policy and lists what they were when the snapshot was taken. The main switch stays."""
        before = self.changed

        def write(db: Database) -> None:
            for name in ("policy", *LISTS):
                if snapshot.get(name) is None:
                    key_value.forget(db, name)
                else:
                    key_value.put(db, name, snapshot[name])
            values = (POLICY_KEYS[name] for name in snapshot["policy"] if name in POLICY_KEYS)
            keys = sorted({*before, *values} - {"enabled"})
            events.append(
                db, [NewEvent(EventKind.SETTINGS_CHANGED, data={"values": keys}, actor=actor)], _now()
            )

        self._ledger.write(write)
        self._load()

    def _take(self, policy: Policy) -> None:
        """The policy in force from now on. Decisions name its version, so that it has to be kept."""
        self._policy = policy
        if self._ledger.read(lambda db: decisions.policy_of(db, policy.version)) is None:
            self._ledger.write(lambda db: decisions.remember_policy(db, policy, _now()))

    def set_enabled(self, enabled: bool, actor: str = "smartsort") -> None:
        """Switch sorting on or off, for good."""
        self._write(
            {"enabled": enabled}, NewEvent(EventKind.ENABLED if enabled else EventKind.DISABLED, actor=actor)
        )
        self._enabled = enabled
        self._changed.add("enabled")

    def set_list(self, name: str, entries: Sequence[PersonRef], actor: str = "smartsort") -> None:
        """Replace the whitelist or the blacklist, for good."""
        data = {
            "list": name,
            "names": [e.name for e in entries],
            "before": [e.name for e in self._lists[name]],
        }
        self._write({name: _plain(entries)}, NewEvent(EventKind.LIST_CHANGED, data=data, actor=actor))
        self._lists[name] = tuple(entries)
        self._changed.add(name)
        self._take(self._build(self._overrides))

    def change(
        self, values: Mapping[str, Any], lists: Mapping[str, Sequence[PersonRef]], actor: str = "smartsort"
    ) -> None:
        """Change values of the policy and whole lists, for good."""
        for name, entries in lists.items():
            self.set_list(name, entries, actor)
        if values:
            self._set(self._merged(values), {"values": dict(values)}, actor)

    def set_policy(self, values: Mapping[str, Any], actor: str = "smartsort") -> None:
        """Change some values of the policy (keys of `POLICY_KEYS`), for good. The event can be undone."""
        self._set(self._merged(values), {"values": dict(values)}, actor, undoable=True)

    def adjust(self, min_confidence: float, why: str) -> None:
        """Change the least confidence that follows from the limit. The event can be undone."""
        fitted = {"limit": self.limit().max_wrong_per_1000, "min_confidence": min_confidence}
        data = {"values": {"min_confidence": min_confidence}, "adjusted": why}
        self._set({**self._overrides, FITTED: fitted}, data, "smartsort", undoable=True)

    def limit(self, values: Mapping[str, Any] | None = None) -> LimitInForce:
        """Return the limit of wrong filings, with what it leads to, or would lead to with other values."""
        return limit_in_force(self._settings, self._merged(values or {}), self.observed)

    def _set(
        self, overrides: dict[str, Any], data: Mapping[str, Any], actor: str, *, undoable: bool = False
    ) -> None:
        policy, before = self._build(overrides), self.snapshot()
        told = {**data, "policy": policy.version}
        if undoable:
            told["settings"] = {"before": before, "after": {**before, "policy": overrides}}
        self._write({"policy": overrides}, NewEvent(EventKind.SETTINGS_CHANGED, data=told, actor=actor))
        self._overrides = overrides
        self._take(policy)

    def forget(self, actor: str = "smartsort") -> None:
        """Make the configuration count again for everything that was changed at run time."""

        def clear(db: Database) -> None:
            for name in ("enabled", "policy", *LISTS):
                key_value.forget(db, name)
            data = {"forgotten": list(self.changed)}
            events.append(db, [NewEvent(EventKind.SETTINGS_CHANGED, data=data, actor=actor)], _now())

        self._ledger.write(clear)
        self._load()

    def bind(self, people: Sequence[Person]) -> bool:
        """Remember the Immich ids of listed names, so that a person who is renamed stays listed.

        A name that two people have is bound to neither. An id Immich no longer lists is given up only for
        the one other person with that name: recognition was started again and people got new ids. True when
        something was bound.
        """
        bound = {name: tuple(_bound(entry, people) for entry in self._lists[name]) for name in LISTS}
        news = {name: entries for name, entries in bound.items() if entries != self._lists[name]}
        named = {n for rule in self._policy.rules for e in rule.people for n in (e.name,)}
        entries = {n: _bound(PersonRef(n, self._rule_ids.get(n)), people) for n in sorted(named)}
        rule_ids = {n: entry.id for n, entry in entries.items() if entry.id is not None}
        if not news and rule_ids == self._rule_ids:
            return False

        def remember(db: Database) -> None:
            ids = key_value.get(db, "bound", {})
            for name, entries in news.items():
                if name in self._changed:
                    key_value.put(db, name, _plain(entries))
                else:
                    # It goes on following the configuration, so only the ids are kept, by configured name.
                    configured = getattr(self._settings, name)
                    ids[name] = {n: e.id for n, e in zip(configured, entries, strict=True) if e.id}
            key_value.put(db, "bound", {**ids, _RULES: rule_ids})

        self._ledger.write(remember)
        self._lists.update(news)
        self._rule_ids = rule_ids
        self._take(self._build(self._overrides))
        return True

    def _write(self, values: Mapping[str, Any], event: NewEvent) -> None:
        def write(db: Database) -> None:
            for name, value in values.items():
                key_value.put(db, name, value)
            events.append(db, [event], _now())

        self._ledger.write(write)

    def in_force(self) -> Settings:
        """Return the settings with what was changed of the policy at run time, and the least confidence."""
        limit = self.limit()
        settings = _overlaid(self._settings, self._overrides)
        least = {"min_confidence": limit.outlook.min_confidence}
        return settings.model_copy(update={"thresholds": settings.thresholds.model_copy(update=least)})

    def _merged(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values changed so far and these.

        Of limit and least confidence the one set last counts.
        """
        merged = _merged(self._overrides, values)
        if "max_wrong_per_1000" in values and "min_confidence" not in values:
            limit = values["max_wrong_per_1000"]
            least = wrong_limit.threshold(limit, self.observed.curve)
            merged |= {"min_confidence": None, FITTED: {"limit": limit, "min_confidence": least}}
        return merged

    def _rule(self, rule: Rule) -> FilingRule:
        people = {
            part: tuple(PersonRef(name, self._rule_ids.get(name)) for name in getattr(rule, part))
            for part in ("all", "any", "none", "only")
        }
        return FilingRule(
            name=rule.name,
            priority=rule.priority,
            **people,
            strangers=rule.strangers or (0, None),
            min_people=rule.min_people,
            younger_than=rule.younger_than,
            source=rule.source,
            date_from=rule.date_from,
            date_to=rule.date_to,
            kind=rule.type,
            folder=rule.folder or "",
            also=rule.also or "",
            album=rule.album or "",
            review=rule.review,
        )

    def _build(self, overrides: Mapping[str, Any]) -> Policy:
        settings = _overlaid(self._settings, overrides)
        thresholds = settings.thresholds
        common = Thresholds(_least_confidence(settings, overrides), thresholds.min_margin)
        return Policy(
            whitelist=self._lists["whitelist"],
            blacklist=self._lists["blacklist"],
            thresholds=common,
            person_thresholds={
                name: Thresholds(
                    common.min_confidence if own.min_confidence is None else own.min_confidence,
                    common.min_margin if own.min_margin is None else own.min_margin,
                )
                for name, own in thresholds.per_person.items()
            },
            max_faces=thresholds.max_faces_per_image,
            min_face_area=thresholds.min_face_area,
            when_confidence_unknown=WhenUnknown(settings.when_confidence_unknown),
            multiple_faces=MultipleFaces(settings.multiple_faces),
            hidden_people=HiddenPeople(settings.hidden_people),
            on_duplicate=OnDuplicate(settings.deduplication.action_on_duplicate),
            categories=frozenset(c for c in Category if getattr(settings.review_categories, c.value)),
            template=settings.filing.template,
            rules=tuple(map(self._rule, settings.rules)),
        )


_RULES = "rules"
"""Ids of the people whom filing rules name, beside those of the lists."""


def limit_in_force(settings: Settings, overrides: Mapping[str, Any], observed: Observed) -> LimitInForce:
    """Return the limit of wrong filings with values changed at run time, and what it leads to."""
    settings = _overlaid(settings, overrides)
    limit, by_hand = settings.thresholds.max_wrong_per_1000, settings.thresholds.min_confidence is not None
    found = wrong_limit.outlook(_least_confidence(settings, overrides), limit, observed.curve)
    return LimitInForce(limit, by_hand, observed, found)


def _least_confidence(settings: Settings, overrides: Mapping[str, Any]) -> float:
    """Return what is set, else what the limit has led to, else what it leads to without any answer."""
    limit, fitted = settings.thresholds.max_wrong_per_1000, overrides.get(FITTED)
    if settings.thresholds.min_confidence is not None:
        return settings.thresholds.min_confidence
    if fitted is not None and fitted["limit"] == limit:
        return float(fitted["min_confidence"])
    return wrong_limit.threshold(limit, Observed().curve)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _overlaid(settings: Settings, overrides: Mapping[str, Any]) -> Settings:
    """Return the settings with other values (keys of `POLICY_KEYS`)."""
    for name, value in overrides.items():
        if name not in POLICY_KEYS:
            continue
        key, _, inner = POLICY_KEYS[name].partition(".")
        part = {inner: value} if inner else value
        # A section that changes in part, or a value of its own.
        changed = getattr(settings, key).model_copy(update=part) if isinstance(part, dict) else part
        settings = settings.model_copy(update={key: changed})
    return settings


def _plain(entries: Sequence[PersonRef]) -> list[dict[str, str | None]]:
    return [{"name": entry.name, "id": entry.id} for entry in entries]


def _merged(overrides: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    unknown = sorted(values.keys() - POLICY_KEYS.keys())
    if unknown:
        raise ValueError(f"{', '.join(unknown)} cannot be changed at run time")
    merged = {**overrides, **values}
    if "review_categories" in values:
        merged["review_categories"] = {
            **overrides.get("review_categories", {}),
            **values["review_categories"],
        }
    return merged


def _bound(entry: PersonRef, people: Sequence[Person]) -> PersonRef:
    if entry.id is not None:
        own = next((person for person in people if person.id == entry.id), None)
        if own is not None:
            renamed = own.name and not same_name(entry.name, own.name)
            return replace(entry, name=own.name) if renamed else entry
    named = called(entry.name, people)
    return replace(entry, id=named[0].id) if len(named) == 1 else entry
