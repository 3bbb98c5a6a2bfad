"""Immich, over its REST API: the only place that knows how it talks.

`ImmichServer` implements `smartsort.ports.PhotoServer`. Everything under `immich_client` is generated from
`openapi/immich-subset.yaml`. Nothing of it leaves this package.
"""

from smartsort.immich.adapter import ImmichServer
from smartsort.immich.capabilities import Capabilities

__all__ = ["Capabilities", "ImmichServer"]
