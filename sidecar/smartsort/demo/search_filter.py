"""The `filter` of a search, as version 3.2 takes it: conditions by field, and branches of which one holds.

Nothing is left out besides: neither what lies in the trash nor what is archived. This follows the published
description and was not measured.
"""

import operator
import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from smartsort.demo.errors import invalid
from smartsort.demo.models import Asset
from smartsort.demo.operations import Call
from smartsort.demo.routes_assets import digest

Getter = Callable[[Call, Asset], Any]
Operators = Mapping[str, Callable[[Any, Any], Any]]

_LISTS: Operators = {"in": lambda value, some: value in some, "notIn": lambda value, some: value not in some}
_EQUAL: Operators = {"eq": operator.eq, "ne": operator.ne}
_TEXT: Operators = {
    **_EQUAL,
    **_LISTS,
    "like": lambda value, part: like(part).search(plain(value)),
    "notLike": lambda value, part: not like(part).search(plain(value)),
    "startsWith": lambda value, part: like(part).match(plain(value)),
    "endsWith": lambda value, part: re.search(f"(?:{like(part).pattern})$", plain(value), re.DOTALL),
}
_DATES: Operators = {
    **_EQUAL,
    "gt": lambda value, bound: value is not None and value > bound,
    "gte": lambda value, bound: value is not None and value >= bound,
    "lt": lambda value, bound: value is not None and value < bound,
    "lte": lambda value, bound: value is not None and value <= bound,
}
_IDS: Operators = {
    "any": lambda ids, some: bool(ids & set(some)),
    "all": lambda ids, some: set(some) <= ids,
    "none": lambda ids, some: not ids & set(some),
}


def _people(call: Call, asset: Asset) -> set[str | None]:
    return {call.state.faces[face_id].person_id for face_id in asset.face_ids} - {None}


_FIELDS: Mapping[str, tuple[Getter, Operators]] = {
    "id": (lambda _, asset: asset.id, _EQUAL),
    "libraryId": (lambda _, asset: asset.library_id, _EQUAL),
    "checksum": (lambda _, asset: asset.checksum, {**_EQUAL, **_LISTS}),
    "type": (lambda _, asset: asset.kind, {**_EQUAL, **_LISTS}),
    "visibility": (lambda _, asset: asset.visibility, {**_EQUAL, **_LISTS}),
    "isOffline": (lambda _, asset: asset.is_offline, {"eq": operator.eq}),
    "isFavorite": (lambda _, asset: asset.is_favorite, {"eq": operator.eq}),
    "originalPath": (lambda _, asset: asset.path, _TEXT),
    "originalFileName": (lambda _, asset: asset.original_name, _TEXT),
    "createdAt": (lambda _, asset: asset.created_at, _DATES),
    "updatedAt": (lambda _, asset: asset.updated_at, _DATES),
    "takenAt": (lambda _, asset: asset.taken_at, _DATES),
    "trashedAt": (lambda _, asset: asset.deleted_at, _DATES),
    "personIds": (_people, _IDS),
    "hasPeople": (lambda call, asset: bool(_people(call, asset)), {"eq": operator.eq}),
}
Condition = tuple[Getter, Callable[[Any, Any], Any], Any]


def plain(text: str) -> str:
    """Without case and accents, as PostgreSQL's f_unaccent and ILIKE compare."""
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(char for char in decomposed if not unicodedata.combining(char)).casefold()


def like(text: str) -> re.Pattern[str]:
    """SQL's LIKE for a substring: `%` is any text and `_` any character, in the text asked for too."""
    parts = (".*" if c == "%" else "." if c == "_" else re.escape(c) for c in plain(text))
    return re.compile("".join(parts), re.DOTALL)


def matcher(call: Call, filter_: dict[str, Any]) -> Callable[[Asset], bool]:
    """Return the test of a filter. Raises ApiError for a field or an operator that there is not."""
    top = _conditions(call, {name: value for name, value in filter_.items() if name != "or"})
    branches = [_conditions(call, each) for each in call.field(filter_, "or", list) or []]

    def matches(asset: Asset) -> bool:
        if asset.owner_id != call.user.id or (asset.visibility == "locked" and "visibility" not in filter_):
            return False
        return _hold(call, asset, top) and (not branches or any(_hold(call, asset, b) for b in branches))

    return matches


def _hold(call: Call, asset: Asset, conditions: list[Condition]) -> bool:
    return all(test(value(call, asset), wanted) for value, test, wanted in conditions)


def _conditions(call: Call, branch: dict[str, Any]) -> list[Condition]:
    found: list[Condition] = []
    for name, wanted in branch.items():
        value, operators = _FIELDS.get(name, (None, {}))
        if (
            value is None
            or not isinstance(wanted, dict)
            or not wanted
            or not wanted.keys() <= operators.keys()
        ):
            raise invalid(call.state.version, f"filter.{name}", "a condition")
        found += [(value, operators[each], _operand(call, name, operand)) for each, operand in wanted.items()]
    return found


def _operand(call: Call, name: str, operand: Any) -> Any:
    if isinstance(operand, list):
        return [_operand(call, name, each) for each in operand]
    if name == "checksum":
        return digest(operand)
    if name.endswith("At") and operand is not None:
        try:
            return datetime.fromisoformat(operand).timestamp()
        except (TypeError, ValueError) as error:
            raise invalid(call.state.version, f"filter.{name}", "a date") from error
    return operand
