"""When Immich's people are read again, who is whom, and who hears of it."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest

from smartsort.core.model import Box, Face, Person
from smartsort.ledger.database import Ledger
from smartsort.pipeline.routing.people import FRESH_SECONDS, People

ANNA, BEN, NOBODY = Person("1", "Anna"), Person("2", "Ben"), Person("3", "")


class Immich:
    """Its people, how often they were asked for, and a clock."""

    def __init__(self, ledger):
        self.there, self.asked, self.now = [ANNA, BEN, NOBODY], 0, 0.0
        self.tuning = SimpleNamespace(different_people=())
        context = SimpleNamespace(
            ledger=ledger,
            server=self,
            tuning=self.tuning,
            clock=SimpleNamespace(monotonic=lambda: self.now),
            person_folder=lambda person: person.name,
        )
        self.people = People(context)
        self.context = context

    async def people_(self):
        self.asked += 1
        return tuple(self.there)


@pytest.fixture
def immich(tmp_path):
    with Ledger(os.fspath(tmp_path / "smartsort.db")) as opened:
        made = Immich(opened)
        made.context.server = SimpleNamespace(people=made.people_)
        yield made


async def test_they_are_read_again_when_they_are_too_old_or_one_was_made(immich):
    people = immich.people
    assert (people.known, people.age) == ((), float("inf"))
    assert await people.refresh() == (ANNA, BEN, NOBODY)
    immich.now = FRESH_SECONDS - 1
    await people.refresh()
    assert (immich.asked, people.age) == (1, FRESH_SECONDS - 1)
    immich.now = FRESH_SECONDS
    await people.refresh()
    assert (immich.asked, people.age) == (2, 0.0)
    await people.refresh(max_age=0)
    assert immich.asked == 3
    people.expire()
    await people.refresh()
    assert immich.asked == 4


async def test_an_answer_that_was_on_its_way_as_one_was_made_does_not_count_for_long(immich):
    people = immich.people

    async def answer():
        listed = await immich.people_()
        immich.now += 1
        people.expire()
        immich.now += 1
        return listed

    immich.context.server.people = answer
    await people.refresh()
    immich.context.server.people = immich.people_
    immich.there.append(Person("4", "Dora"))
    assert Person("4", "Dora") in await people.refresh()


async def test_only_a_named_person_who_is_new_or_has_another_name_is_news(immich):
    people, heard = immich.people, []
    people.noticed.append(heard.append)
    await people.refresh(max_age=0)
    before = people.version
    immich.there.append(Person("4", ""))
    await people.refresh(max_age=0)
    assert (len(heard), people.version) == (1, before)
    immich.there[1] = Person("2", "Benno")
    await people.refresh(max_age=0)
    assert len(heard) == 2
    assert heard[1][1].name == "Benno"
    assert people.version != before
    assert people.known == tuple(immich.there)


async def test_whoever_is_seen_and_not_listed_has_them_read_once(immich):
    people = immich.people
    await people.refresh()
    await people.keep_up([ANNA, BEN, NOBODY, Person("9", "")])
    assert immich.asked == 1
    immich.there.append(Person("4", "Cleo"))
    await people.keep_up([Person("4", "Cleo")])
    assert (immich.asked, people.known[-1].name) == (2, "Cleo")
    await people.keep_up([Person("5", "Archived")])
    assert immich.asked == 3
    await people.keep_up([Person("5", "Archived"), ANNA])
    assert immich.asked == 3
    await people.keep_up([Person("5", "Other")])
    assert immich.asked == 4


async def test_a_person_whom_another_user_shares_is_the_own_one_of_that_name(immich):
    people = immich.people
    theirs, foreign = Person("7", "anna", shared_by="bert"), Person("8", "Cleo", shared_by="bert")
    assert people.hint == ""
    immich.there += [theirs, foreign]
    await people.refresh()
    assert people.known == (ANNA, BEN, NOBODY, foreign)
    assert (people.own(theirs), people.own(BEN)) == (ANNA, BEN)
    box = Box(0, 0, 1, 1)
    faces = (Face("a", box, 9, 9, theirs), Face("b", box, 9, 9, None), Face("c", box, 9, 9, BEN))
    assert [face.person for face in people.on(faces)] == [ANNA, None, BEN]
    assert people.hint == (
        "Other users share people with you who have the names of your own: anna (bert). smartsort takes "
        "them for the same. Merge them in Immich. If they are different people, list the names in "
        "immich.different_people."
    )
    assert people.ambiguous == frozenset()
    immich.asked = 0
    await people.keep_up([theirs])
    assert immich.asked == 0
    immich.tuning.different_people = ("Anna",)
    await people.refresh(max_age=0)
    assert (people.hint, people.own(theirs)) == ("", theirs)
    assert people.ambiguous == {"1", "7"}


async def test_two_whose_names_lead_to_one_folder_are_kept_apart_and_the_log_says_so(immich, caplog):
    immich.there = [Person("1", "Ann-a"), Person("2", "Ann a")]
    with caplog.at_level("INFO"):
        await immich.people.refresh()
        immich.there.append(BEN)
        await immich.people.refresh(max_age=0)
    assert immich.context.apart == {"2"}
    assert [record.message for record in caplog.records if "folder form" in record.message] == [
        "photos of Ann a go to the folder Ann a: another person's name has the same folder form, ann_a"
    ]
