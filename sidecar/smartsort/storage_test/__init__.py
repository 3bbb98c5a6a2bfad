"""What a storage really does: tried in a scratch folder on it, kills included."""

from smartsort.storage_test.checks import StorageCheck, Verdict, try_storage

__all__ = ["StorageCheck", "Verdict", "try_storage"]
