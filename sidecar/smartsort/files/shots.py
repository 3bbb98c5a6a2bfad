"""What proves that two files are halves of one shot: what they say themselves, never their names."""

from __future__ import annotations

from datetime import timedelta

from smartsort.files.metadata import Metadata

CLIP_SECONDS = 4.5
"""The longest clip of a Live Photo or motion photo: Apple's take three seconds, Google's up to four."""

_TOGETHER = timedelta(seconds=5)
"""Between the picture of a shot and its clip, which begins earlier and is written later."""

_SAME_INSTANT = timedelta(milliseconds=10)
_ZONE_STEP = timedelta(minutes=15)
_ZONES = (timedelta(hours=-12), timedelta(hours=14))


def same_time(picture: Metadata, clip: Metadata) -> bool | None:
    """Return whether two capture times are within seconds of each other, None when one is missing.

    Two zones make them comparable, and so do two times as on the wall of one place. QuickTime's own time and
    a camera's without a zone differ by a zone that nothing tells. Zones are whole quarters of an hour, so a
    difference of such is taken: by chance one of ninety pairs agrees, and their names and the clip's length
    have to fit as well.
    """
    if picture.taken is None or clip.taken is None:
        return None
    apart = picture.taken.replace(tzinfo=None) - clip.taken.replace(tzinfo=None)
    vague = picture.vague or clip.vague
    if picture.zoned and clip.zoned:
        return abs(picture.taken - clip.taken) <= _TOGETHER or (vague and abs(apart) <= _TOGETHER)
    if not vague:
        return abs(apart) <= _TOGETHER
    zone = apart if clip.vague else -apart
    rest = abs(zone - round(zone / _ZONE_STEP) * _ZONE_STEP)
    return rest <= _TOGETHER and _ZONES[0] - _TOGETHER <= zone <= _ZONES[1] + _TOGETHER


def why_live(picture: Metadata, clip: Metadata, *, named: bool = False) -> str | None:
    """Return what proves that a clip is the moving half of a picture, None for two photos.

    `named`: the clip has a name that a program gives to such halves alone (icloudpd's `_HEVC.MOV`, Google's
    `.MP`). That counts where the files do not say otherwise.
    """
    if picture.content_id and clip.content_id:
        return "content identifier" if picture.content_id == clip.content_id else None
    if clip.duration_seconds is None or clip.duration_seconds > CLIP_SECONDS:
        return None
    together = same_time(picture, clip)
    if together is False:
        return None
    if picture.motion_photo:
        return "motion photo"
    if together:
        return "capture time"
    return "name" if named else None


def why_same_shot(picture: Metadata, raw: Metadata) -> str | None:
    """Return what proves that a raw photo and a picture are one shot: the camera and the instant."""
    if picture.taken is None or raw.taken is None or picture.camera is None or raw.camera is None:
        return None
    if picture.camera.casefold() != raw.camera.casefold():
        return None
    if picture.serial and raw.serial and picture.serial != raw.serial:
        return None
    first, second = (each.taken.replace(tzinfo=None) for each in (picture, raw) if each.taken)
    if first.microsecond and second.microsecond:
        same = abs(first - second) <= _SAME_INSTANT
    else:
        same = first.replace(microsecond=0) == second.replace(microsecond=0)
    return "camera and capture time" if same else None
