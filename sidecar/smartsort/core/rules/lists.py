"""Rules about the whitelist and the blacklist."""

from __future__ import annotations

from collections.abc import Iterator

from smartsort.core.model import BulkKind, Category, Reason
from smartsort.core.person_ref import PersonRef
from smartsort.core.reasons import ReasonKind
from smartsort.core.rules.base import Case, Change, ChangeKind, Try, configured, names_of, rule
from smartsort.core.words import listed

BLACKLISTED_PERSON = ReasonKind("blacklisted_person", "{names} is on the blacklist.", ": {names}")
NOT_IN_WHITELIST = ReasonKind("not_in_whitelist", "{names} is not on the whitelist.", ": {names}")
BLACKLIST_REMOVE = ChangeKind(
    "blacklist_remove", lambda c: f"{listed(c.names) or 'that person'} were not on the blacklist"
)
BLACKLIST_ADD = ChangeKind("blacklist_add", "{names} were on the blacklist", remote=True)
WHITELIST_ADD = ChangeKind("whitelist_add", "{names} were on the whitelist")
WHITELIST_REMOVE = ChangeKind("whitelist_remove", "{names} were not on the whitelist")


@rule(
    Category.UNWANTED_PERSON,
    "unwanted_",
    BLACKLISTED_PERSON,
    passed="No person on it is on the blacklist.",
    bulk=BulkKind.BLACKLISTED,
)
def blacklisted_person(case: Case) -> Reason | None:
    """A person on the blacklist is on it, ignored or not."""
    # Background faces count here: an unwanted person is unwanted at any size.
    # So does somebody whose name was taken away in Immich since: the entry knows their id.
    said = case.evidence.sorted_before
    found = dict.fromkeys(
        person.name or entry.name
        for person in (
            *(f.person for f in (*case.evidence.judged, *case.evidence.faces)),
            *(said.people if said is not None else ()),
        )
        for entry in case.policy.blacklist
        if person and entry.means(person)
    )
    return BLACKLISTED_PERSON.reason(tuple(found)) if found else None


def _all_wanted(case: Case, _: object) -> str:
    if not case.policy.whitelist:
        return "The whitelist is empty, so every named person gets a folder."
    return "Every person on it is on the whitelist."


@rule(
    Category.UNIDENTIFIED,
    "notwhitelisted_",
    NOT_IN_WHITELIST,
    passed=_all_wanted,
    bulk=BulkKind.NOT_WHITELISTED,
)
def not_in_whitelist(case: Case) -> Reason | None:
    """The whitelist is not empty and does not name a person on it."""
    if not case.policy.whitelist:
        return None
    found = names_of(
        f.person
        for f in case.counted
        if f.person and f.person.name and not case.policy.wanted(f.person)
        if not case.policy.blacklisted(f.person)
    )
    return NOT_IN_WHITELIST.reason(found) if found else None


def tries(case: Case) -> Iterator[Try]:
    """Other lists."""
    policy = case.policy
    unwanted = {
        f.person.id: f.person
        for f in (*case.evidence.judged, *case.evidence.faces)
        if f.person is not None and policy.blacklisted(f.person)
    }
    if unwanted:
        kept = tuple(e for e in policy.blacklist if not any(e.means(p) for p in unwanted.values()))
        change = Change(BLACKLIST_REMOVE, names=tuple(p.name for p in unwanted.values() if p.name))
        yield configured(case, change, blacklist=kept)
    people = {f.person.id: f.person for f in case.counted if f.person is not None and f.person.name}
    missing = [p for p in people.values() if not policy.wanted(p) and not policy.blacklisted(p)]
    if missing:
        entries = (*policy.whitelist, *(PersonRef(p.name, p.id) for p in missing))
        change = Change(WHITELIST_ADD, names=tuple(p.name for p in missing))
        yield configured(case, change, whitelist=entries)
    wanted = [p for p in people.values() if policy.wanted(p)]
    named = tuple(p.name for p in wanted)
    kept = tuple(e for e in policy.whitelist if not any(e.means(p) for p in wanted))
    if wanted and kept and kept != policy.whitelist:
        yield configured(case, Change(WHITELIST_REMOVE, names=named), whitelist=kept)
    if wanted:
        entries = (*policy.blacklist, *(PersonRef(p.name, p.id) for p in wanted))
        yield configured(case, Change(BLACKLIST_ADD, names=named), blacklist=entries)
