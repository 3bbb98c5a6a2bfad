"""An adopted photo is let go of only where its own bytes lie in the user's folder again."""

from __future__ import annotations

import hashlib
import os
from types import SimpleNamespace

import pytest

from smartsort.actions.give_back import giving_back
from smartsort.actions.plan import Plan
from smartsort.core.event_kinds import EventKind
from smartsort.core.model import State
from smartsort.files.placement import Placer
from smartsort.ledger.arrangement import Arrangement
from smartsort.ledger.records import Area, Member, Name, Photo

PICTURE, RAW = b"a picture", b"a raw picture"


class Adopted:
    """A photo and its RAW file in the library, and the folder that they came from."""

    def __init__(self, folder, *, moved=True, digest=None):
        self.folder, self.library = folder / "old", folder / "library"
        self.folder.mkdir()
        self.library.mkdir()
        (self.library / "a.jpg").write_bytes(PICTURE)
        (self.library / "a.dng").write_bytes(RAW)
        photo = Photo(1, State.FILED, "inbox", "folder", "a.jpg", len(PICTURE), 0, "", sha256=digest)
        names = (
            Name(1, Area.LIBRARY, "a.jpg"),
            Name(1, Area.LIBRARY, "a.dng", member=Member.RAW, sha256=hashlib.sha256(RAW).hexdigest()),
        )
        before = Arrangement({"state": "filed"}, names, None, None, None, (), {})
        self.plan = Plan(photo, before, EventKind.UNDONE, "undone", moved=moved)
        self.plan.origins = {
            Member.PHOTO: str(self.folder / "a.jpg"),
            Member.RAW: str(self.folder / "raw" / "a.dng"),
        }

    def give_back(self):
        context = SimpleNamespace(absolute=lambda name: str(self.library / name.path), placer=Placer())
        return giving_back(context, self.plan)

    def there(self):
        return {
            os.path.relpath(path, self.folder): path.read_bytes()
            for path in self.folder.rglob("*")
            if path.is_file()
        }


def test_what_was_moved_goes_back_to_its_place(tmp_path):
    adopted = Adopted(tmp_path)
    assert adopted.give_back() is None
    assert adopted.there() == {"a.jpg": PICTURE, "raw/a.dng": RAW}
    assert adopted.give_back() is None


def test_what_was_not_moved_is_not_made_again(tmp_path):
    adopted = Adopted(tmp_path, moved=False)
    assert str(adopted.give_back()) == (
        f"{adopted.folder}/a.jpg is gone, so smartsort keeps its own. Put it there again, or reject the photo"
    )
    assert adopted.there() == {}


@pytest.mark.parametrize("digest", [None, hashlib.sha256(PICTURE).hexdigest()])
def test_a_copy_will_do_and_another_file_of_that_name_stays_and_keeps_the_photo(tmp_path, digest):
    adopted = Adopted(tmp_path, digest=digest)
    (adopted.folder / "a.jpg").write_bytes(PICTURE)
    assert adopted.give_back() is None
    (adopted.folder / "a.jpg").write_bytes(b"another")
    problem = adopted.give_back()
    assert str(problem) == f"{adopted.folder}/a.jpg has other bytes by now, so smartsort keeps its own"
    assert problem.path == f"{adopted.folder}/a.jpg"
    assert adopted.there()["a.jpg"] == b"another"


def test_a_place_that_takes_nothing_keeps_the_photo(tmp_path):
    adopted = Adopted(tmp_path)
    (adopted.folder / "raw").write_bytes(b"a file where the folder was")
    assert "raw" in str(adopted.give_back())
    assert (adopted.library / "a.dng").read_bytes() == RAW


def test_a_half_that_joined_it_later_keeps_it(tmp_path):
    adopted = Adopted(tmp_path)
    del adopted.plan.origins[Member.RAW]
    assert str(adopted.give_back()) == (
        f"{adopted.library}/a.dng joined the photo after it was adopted. Undo that first"
    )
