"""What all tests share: how hypothesis looks for examples, and a sidecar beside a demo Immich."""

import gc
import os
import sys
from pathlib import Path

if sys.dont_write_bytecode:
    # A third of the time would go into compiling the same modules again, in each of the many processes that
    # tests start. Whoever wants no bytecode beside the sources gets it beside pytest's own cache.
    sys.pycache_prefix = str(Path(__file__).parents[1] / ".pytest_cache" / "bytecode")
    sys.dont_write_bytecode = False
    os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# What is imported from here on is compiled once, and by no collection of garbage held up.
gc.disable()

import pytest  # noqa: E402
from hypothesis import settings  # noqa: E402
from hypothesis.internal.conjecture import providers  # noqa: E402
from hypothesis.internal.constants_ast import Constants  # noqa: E402
from tests.branches import measured  # noqa: E402

MEASURED = measured()  # before anything of smartsort is imported

from tests.checkout import pytest_sessionfinish, pytest_sessionstart  # noqa: E402, F401  (hooks)
from tests.memory import write_to_memory  # noqa: E402
from tests.once import once_for_all_tests  # noqa: E402

once_for_all_tests()
write_to_memory()

# The same examples in every run and no stop-watch: a test passes or fails for what it says, not for where
# it runs. `pytest --hypothesis-profile=search` looks for new ones.
settings.register_profile("smartsort", derandomize=True, deadline=None, database=None)
settings.register_profile("search", deadline=None, max_examples=2000)
settings.register_profile("mutants", derandomize=True, deadline=None, database=None, max_examples=20)
settings.load_profile("smartsort")


@pytest.hookimpl(trylast=True)
def pytest_configure(config):
    """Hypothesis draws constants of the modules that are imported so far: other ones in each process."""
    if settings.default.derandomize:
        none = Constants()
        providers._get_local_constants = lambda: none
    if MEASURED:
        config.pluginmanager.register(MEASURED)


@pytest.hookimpl(wrapper=True)
def pytest_xdist_auto_num_workers(config):
    """Three processes a core: two thirds of a test's time is waiting for what goes on beside it.

    Sixteen take 4 GB of memory: only for as many cores there are more.
    """
    number = yield
    return number if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ else max(number, min(3 * number, 16))


FIRST = ("e2e/test_api_schema.py", "faults/test_kill.py", "simulation/test_simulation.py")
"""Short files whose few tests take longest."""


def pytest_collection_modifyitems(items):
    """Large files are handed out first, so that all processes end at about the same time.

    That mixes the folders, too: tests that wait run beside tests that calculate.
    """
    here = Path(__file__).parent
    first = {here / name for name in FIRST}
    sizes = {path: path.stat().st_size for path in {item.path for item in items}}
    items.sort(key=lambda item: (item.path not in first, -sizes[item.path], item.path))
    if settings.get_current_profile_name() == "mutants":
        # A property that asks for more examples than the profile gets those of the profile.
        for item in items:
            own = getattr(item.obj, "_hypothesis_internal_use_settings", None)
            if own is not None and own.max_examples > settings.default.max_examples:
                item.obj._hypothesis_internal_use_settings = settings(
                    own, max_examples=settings.default.max_examples
                )


@pytest.hookimpl(trylast=True)
def pytest_collection_finish():
    """What was collected stays until the end: no collection of garbage looks at it again.

    Garbage is looked for a hundred times less often: it took a third of the terminal UI's tests.
    """
    gc.freeze()
    gc.set_threshold(70_000, 10, 10)
    gc.enable()


@pytest.fixture(autouse=True)
def _away_from_the_checkout(tmp_path, monkeypatch):
    """What a test writes to a relative path lands in its temporary folder (`tests/checkout.py`)."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def unhurried_doctor(monkeypatch):
    """The doctor and `setup` wait for an Immich that is only slow, beside other tests."""
    from smartsort.doctor import examination

    monkeypatch.setattr(examination, "CONNECT_SECONDS", 60.0)
    monkeypatch.setattr(examination, "ANSWER_SECONDS", 60.0)


@pytest.fixture
def live(tmp_path):
    """A running sidecar with fast settings on `tmp_path/root`, beside a demo Immich that is done at once."""
    from tests.live_sidecar import live_sidecar

    with live_sidecar(tmp_path / "root") as running:
        yield running


@pytest.fixture
async def demo_immich(tmp_path):
    """A demo Immich on a real socket that sees `tmp_path/library` as `/mnt/library`; `.demo`, `.url`."""
    from tests.faulty_demo import DemoImmich, serve

    from smartsort.demo.samples import PEOPLE
    from smartsort.demo.settings import DemoSettings

    library = tmp_path / "library"
    library.mkdir(exist_ok=True)
    settings = DemoSettings(profile="instant", mounts={"/mnt/library": library}, people=PEOPLE)
    async with serve(DemoImmich(settings)) as server:
        yield server
