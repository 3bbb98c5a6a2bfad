"""The rule about how many people are on a photo."""

from __future__ import annotations

from collections.abc import Iterator

from smartsort.core.model import BulkKind, Category, Reason
from smartsort.core.policy import MultipleFaces
from smartsort.core.reasons import ReasonKind, said
from smartsort.core.rules.base import Case, Change, ChangeKind, Try, configured, names_of, rule
from smartsort.core.words import above, quantity

MULTIPLE_FACES = ReasonKind(
    "multiple_faces",
    lambda r: said(
        "{faces} on the picture, {numbers[max_faces_per_image]:.0f} allowed"
        + (", among them {names}." if r.names else "."),
        r,
    ),
    " ({numbers[faces]:.0f} people)",
)
MAX_FACES = ChangeKind("max_faces", "`thresholds.max_faces_per_image` were {value} (now {now})")
MIN_FACE_AREA = ChangeKind(
    "min_face_area",
    lambda c: (
        f"`thresholds.min_face_area` were {float(c.value):g} (now {float(c.now):g})"
        + (", so that smaller faces did not count" if float(c.value) > float(c.now) else "")
    ),
)
WAY_WITH_SEVERAL = ChangeKind("multiple_faces", "`multiple_faces` were {value} (now {now})")


def _not_too_many(case: Case, _: object) -> str:
    count, allowed = len(case.large), case.policy.max_faces
    counting = f"{quantity(count, 'face')} {'counts' if count == 1 else 'count'}, {allowed} allowed"
    if count <= allowed:
        return f"{counting}."
    return f"{counting}, but `multiple_faces = {case.policy.multiple_faces.value}` lets them pass."


@rule(Category.MULTIPLE_FACES, "multi_", MULTIPLE_FACES, passed=_not_too_many, bulk=BulkKind.GROUPS)
def multiple_faces(case: Case) -> Reason | None:
    """More faces count than `thresholds.max_faces_per_image`, strangers included."""
    counted = case.counted
    if len(counted) <= case.policy.max_faces:
        return None
    everybody_wanted = all(f.person is not None and case.policy.wanted(f.person) for f in counted)
    if case.policy.multiple_faces is MultipleFaces.EACH_PERSON and everybody_wanted:
        return None
    numbers = {"faces": len(counted), "max_faces_per_image": case.policy.max_faces}
    return MULTIPLE_FACES.reason(names_of(f.person for f in counted), numbers)


def tries(case: Case) -> Iterator[Try]:
    """Another number of people allowed, or another size from which on they count."""
    policy = case.policy
    big = sorted(f.area_fraction for f in case.large)
    if len(big) > policy.max_faces:
        yield configured(case, Change(MAX_FACES, len(big), policy.max_faces), max_faces=len(big))
        # Just so many that the allowed number is left, if they differ in size at all.
        share = above(big[-policy.max_faces - 1], 4)
        if share <= big[-policy.max_faces]:
            yield _with_least_share(case, share)
        for way in MultipleFaces:
            if way is not policy.multiple_faces:
                change = Change(WAY_WITH_SEVERAL, way.value, policy.multiple_faces.value)
                yield configured(case, change, multiple_faces=way)
    elif len(big) > 1:
        yield configured(case, Change(MAX_FACES, len(big) - 1, policy.max_faces), max_faces=len(big) - 1)
    if len(big) < len(case.evidence.judged):
        yield _with_least_share(case, 0.0)


def _with_least_share(case: Case, share: float) -> Try:
    change = Change(MIN_FACE_AREA, share, case.policy.min_face_area)
    return configured(case, change, min_face_area=share)
