"""What all tests share: how hypothesis looks for examples, and a sidecar beside a demo Immich."""

import pytest
from hypothesis import settings

# The same examples in every run and no stop-watch: a test passes or fails for what it says, not for where
# it runs. `pytest --hypothesis-profile=search` looks for new ones.
settings.register_profile("smartsort", derandomize=True, deadline=None, database=None)
settings.register_profile("search", deadline=None, max_examples=2000)
settings.load_profile("smartsort")


@pytest.fixture
def live(tmp_path):
    """A running sidecar with fast settings on `tmp_path/root`, beside a demo Immich that is done at once."""
    from tests.live_sidecar import live_sidecar

    with live_sidecar(tmp_path / "root") as running:
        yield running


@pytest.fixture
async def demo_immich(tmp_path):
    """A demo Immich on a real socket that sees `tmp_path/library` as `/mnt/library`; `.demo`, `.url`."""
    from smartsort.demo.immich import DemoImmich
    from smartsort.demo.samples import PEOPLE
    from smartsort.demo.settings import DemoSettings

    library = tmp_path / "library"
    library.mkdir(exist_ok=True)
    settings = DemoSettings(profile="instant", mounts={"/mnt/library": library}, people=PEOPLE)
    async with DemoImmich(settings).serve() as server:
        yield server
