"""What can be tried on past photos. The terminal UI tries one setting at a time and needs none of this."""

from __future__ import annotations

from pydantic import Field

from smartsort.api.schemas.base import ListedName
from smartsort.api.schemas.control import ConfigPatch
from smartsort.config.sorting import Rule


class OtherSettings(ConfigPatch):
    """Other settings. A key that is null stays as it is. A list replaces the whole list."""

    whitelist: list[ListedName] | None = Field(default=None, max_length=10_000)
    blacklist: list[ListedName] | None = Field(default=None, max_length=10_000)
    rules: list[Rule] | None = Field(default=None, max_length=1000)
    """As `[[rules]]` in the configuration. They can only be tried: the file is where they are changed."""
