"""The settings: where they come from, what they may be, and what they mean.

Flags go before environment variables, these before the file, and the file before the defaults. The file
is JSON or TOML, its keys are those of `Settings`, with or without the `smart_download` table around them.
"""

from __future__ import annotations

from smartsort.config.describe import SettingDoc, describe
from smartsort.config.load import load_settings
from smartsort.config.problems import InvalidSettings, Problem
from smartsort.config.settings import Settings

__all__ = ["InvalidSettings", "Problem", "SettingDoc", "Settings", "describe", "load_settings"]
