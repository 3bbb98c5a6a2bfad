"""The errors smartsort raises across its layers, as one tree.

    SmartsortError
    ├── ConfigurationError        a setting is wrong; says key, value and what is allowed
    ├── ImmichError               something about Immich
    │   ├── ImmichUnreachable     no answer, or not Immich's answer; photos wait
    │   ├── ImmichRefused         401 or 403; says which permission is missing
    │   └── ImmichRejected        another 4xx: the request does not fit this server
    ├── StorageError              a folder cannot take or give photos; intake pauses
    │   ├── StorageFull           no space, quota or inodes left
    │   └── RootUnavailable       the root is missing, empty or another one
    ├── ClockJumped               the clock moved by far more or less than the time that passed
    └── LedgerError               the ledger cannot be opened, written or migrated

Every message says what failed, on what, and what to do.
"""

from __future__ import annotations


class SmartsortError(Exception):
    """Base of all errors smartsort raises on purpose."""


class ConfigurationError(SmartsortError):
    """A setting is wrong."""


class ImmichError(SmartsortError):
    """Something about Immich. `retryable` tells whether waiting can help."""

    retryable = False


class ImmichUnreachable(ImmichError):
    """No answer, a 5xx, or an answer that is not Immich's (a proxy's page)."""

    retryable = True


class ImmichRefused(ImmichError):
    """401 or 403. `permission` names what the key lacks, "" for an invalid key."""

    def __init__(self, message: str, permission: str = "") -> None:
        super().__init__(message)
        self.permission = permission


class ImmichRejected(ImmichError):
    """A 4xx that is not about permissions. `status` is the HTTP status."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class StorageError(SmartsortError):
    """A folder cannot take or give photos."""


class StorageFull(StorageError):
    """No space, quota or inodes left on a file system."""


class RootUnavailable(StorageError):
    """The root is missing, empty or not the one that was prepared."""


class ClockJumped(SmartsortError):
    """The clock of this machine moved by far more or less than the time that passed."""


class LedgerError(SmartsortError):
    """The ledger cannot be opened, written or migrated."""
