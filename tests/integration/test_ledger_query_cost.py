"""What a question costs does not grow with the ledger: counted in steps of SQLite, never in time."""

import pytest
from tests.bench.ledgers import count, fill
from tests.bench.scale import operations

from smartsort.core.backfill import Fate
from smartsort.ledger import deletions, observed, photos
from smartsort.ledger.database import Ledger
from smartsort.pipeline.recovery import reconcile

SMALL, LARGE = 2_500, 10_000


@pytest.fixture(scope="module")
def ledgers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("flat")
    opened = {}
    for size in (SMALL, LARGE):
        opened[size] = Ledger(f"{folder}/{size}.db")
        fill(opened[size], size)
        count(opened[size])
    yield opened
    for ledger in opened.values():
        ledger.close()


def steps(ledger, operation, *, writes=False):
    """Instructions of SQLite's machine that an operation takes."""
    taken = 0

    def one():
        nonlocal taken
        taken += 1

    def counted(db):
        db.conn.set_progress_handler(one, 1)
        try:
            operation(db)
        finally:
            db.conn.set_progress_handler(None, 0)

    (ledger.write if writes else ledger.read)(counted)
    return taken


IN_THE_BACKGROUND = {
    "comparing with Immich": lambda db: reconcile.in_library(db, 500),
    "intents left open": photos.open_intents,
}


@pytest.mark.parametrize("name", [*operations(SMALL), *IN_THE_BACKGROUND])
def test_four_times_the_photos_are_not_more_work(ledgers, name):
    small, large = (
        steps(ledger, (operations(size) | IN_THE_BACKGROUND)[name]) for size, ledger in ledgers.items()
    )
    assert 0 < large <= 1.25 * small


@pytest.fixture(scope="module")
def earlier(tmp_path_factory):
    """Ledgers with photos that were in Immich before."""
    folder = tmp_path_factory.mktemp("earlier")
    opened = {size: Ledger(f"{folder}/{size}.db") for size in (1_000, 4_000)}
    for size, ledger in opened.items():
        for first in range(0, size, 500):
            ledger.write(lambda db, first=first: observed.observe(db, listed(first), "2026-01-01"))
        rows = [(i + 1, Fate.LINK, {"anna": "Anna"}) for i in range(size)]
        ledger.write(lambda db, rows=rows: observed.judged(db, rows))
        ledger.write(lambda db: deletions.note(db, [(1, "a-0", "x")], "new", "2026-01-01"))
    yield opened
    for ledger in opened.values():
        ledger.close()


def listed(first):
    numbers = range(first, first + 500)
    return [
        observed.Seen(
            f"a-{n}", f"/up/{n % 7}/{n}.jpg", {f"p{n // 100}": "Anna"}, f"{n}.jpg", "image", None, 1, 1
        )
        for n in numbers
    ]


OF_EARLIER_PHOTOS = {
    "a page that is listed again": lambda db: observed.observe(db, listed(0), "2026-01-02"),
    "a person with another name": lambda db: observed.changed_people(db, {"p1": "Annette"}),
    "the next links": lambda db: observed.waiting(db, Fate.LINK, 500, 100, undone_since=0),
    "what was judged since": lambda db: observed.fresh(db, 100),
    "what a user has deleted": lambda db: deletions.new_originals(db, ["a-1", "a-2"]),
    "deletions of originals": deletions.of_originals,
}


@pytest.mark.parametrize("name", OF_EARLIER_PHOTOS)
def test_a_library_of_four_times_the_photos_is_not_more_work(earlier, name):
    small, large = (steps(one, OF_EARLIER_PHOTOS[name], writes=True) for one in earlier.values())
    assert 0 < large <= 1.25 * small
