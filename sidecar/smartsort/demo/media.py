"""What Immich takes a file for. It goes by the extension."""

import os
from typing import Literal

from smartsort.files import media

_VIDEOS = media.VIDEO_EXTENSIONS | {"ts"}
_PICTURES = media.IMAGE_EXTENSIONS | media.RAW_EXTENSIONS | {"cin", "mpo"}


def kind_of(path: str) -> Literal["IMAGE", "VIDEO"] | None:
    """Return `VIDEO`, `IMAGE`, or None for a file that Immich leaves alone."""
    extension = os.path.splitext(path)[1].casefold().removeprefix(".")
    return "VIDEO" if extension in _VIDEOS else "IMAGE" if extension in _PICTURES else None
