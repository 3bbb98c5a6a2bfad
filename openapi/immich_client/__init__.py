"""A client library for accessing The part of Immich that smartsort uses"""

from .client import AuthenticatedClient, Client

__all__ = (
    "AuthenticatedClient",
    "Client",
)
