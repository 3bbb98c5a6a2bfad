"""What all tests share: how hypothesis looks for examples."""

from hypothesis import settings

# The same examples in every run and no stop-watch: a test passes or fails for what it says, not for where
# it runs. `pytest --hypothesis-profile=search` looks for new ones.
settings.register_profile("smartsort", derandomize=True, deadline=None, database=None)
settings.register_profile("search", deadline=None, max_examples=2000)
settings.load_profile("smartsort")
