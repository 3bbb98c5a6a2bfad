"""What may change while smartsort runs: by people, and by their answers to spot checks."""

from smartsort.runtime_settings.settings import LISTS, POLICY_KEYS, RuntimeSettings, limit_in_force

__all__ = ["LISTS", "POLICY_KEYS", "RuntimeSettings", "limit_in_force"]
