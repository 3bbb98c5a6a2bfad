"""The two themes of the house. All themes of Textual can be chosen as well."""

from __future__ import annotations

from textual.theme import Theme

DARK = Theme(
    name="smartsort-dark",
    primary="#2f6f8f",
    secondary="#4b5d67",
    accent="#ffb454",
    foreground="#e6e9ec",
    background="#11161a",
    surface="#182026",
    panel="#1f2a32",
    success="#7fd17f",
    warning="#ffcf5c",
    error="#ff7b72",
    dark=True,
)
LIGHT = Theme(
    name="smartsort-light",
    primary="#1f6a8c",
    secondary="#8fa3ad",
    accent="#9a4a00",
    foreground="#1b2329",
    background="#fbfaf7",
    surface="#f1efe9",
    panel="#e4e1d8",
    success="#1c6b2a",
    warning="#7a5200",
    error="#b3261e",
    dark=False,
)
