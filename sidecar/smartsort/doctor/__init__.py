"""The doctor: what is wrong between smartsort, its folders and Immich, why, and what to do about it.

`examine` looks and changes nothing that stays. `permissions` is the list of what a key of Immich must hold.
"""

from smartsort.doctor.examination import examine

__all__ = ["examine"]
