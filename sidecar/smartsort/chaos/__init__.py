"""What a storage really does: tried in a scratch folder on it, kills included."""

from smartsort.chaos.trials import Trial, Verdict, try_storage

__all__ = ["Trial", "Verdict", "try_storage"]
