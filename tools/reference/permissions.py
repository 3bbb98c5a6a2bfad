"""The permissions that smartsort's keys need in Immich."""

from __future__ import annotations

from tools.reference import markdown

from smartsort.doctor.permissions import EXTRAS, NEEDS


def needed() -> str:
    """Return the permissions, with the setting that needs each."""
    return markdown.table(
        ("permission", "whose key", "for", "without it", "needed"),
        (
            (
                f"`{need.permission}`",
                str(need.key),
                need.purpose,
                need.without,
                ", ".join(f"`{key}`" for key in need.settings) or "always",
            )
            for need in NEEDS
        ),
    )


def extras() -> str:
    """Return the permissions that smartsort uses if a key has them."""
    return markdown.table(
        ("permission", "what it does"), ((f"`{name}`", what) for name, what in EXTRAS.items())
    )
