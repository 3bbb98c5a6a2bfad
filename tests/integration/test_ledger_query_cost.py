"""What a question costs does not grow with the ledger: counted in steps of SQLite, never in time."""

import pytest
from tests.bench.ledgers import count, fill
from tests.bench.scale import operations

from smartsort.ledger import photos
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


def steps(ledger, operation):
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

    ledger.read(counted)
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
