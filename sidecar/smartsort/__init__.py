"""smartsort: files photos under the people on them, beside Immich."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from smartsort.client import SmartDownloader

__version__ = "0.1.0"
__all__ = ["SmartDownloader", "__version__"]


def __getattr__(name: str) -> Any:
    """Return the client, imported when it is asked for: every command would pay for httpx otherwise."""
    if name == "SmartDownloader":
        from smartsort.client import SmartDownloader  # noqa: PLC0415

        return SmartDownloader
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
