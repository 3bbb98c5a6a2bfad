"""The file extensions Immich takes for pictures and videos."""

from collections.abc import Iterable

from smartsort.files import media


def _dotted(extensions: Iterable[str]) -> tuple[str, ...]:
    return tuple(f".{extension}" for extension in sorted(extensions))


# These came with major version 3.
NEW_IN_3 = frozenset({".mpo", ".ts"})
IMAGE_EXTENSIONS = (*_dotted(media.IMAGE_EXTENSIONS | media.RAW_EXTENSIONS | {"cin"}), ".mpo")
VIDEO_EXTENSIONS = (*_dotted(media.VIDEO_EXTENSIONS), ".ts")
SIDECAR_EXTENSIONS = (".xmp",)
