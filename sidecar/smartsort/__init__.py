"""smartsort: files photos under the people on them, beside Immich."""

__version__ = "0.1.0"
