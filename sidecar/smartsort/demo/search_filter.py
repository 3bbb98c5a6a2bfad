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

Getter = Callable[[Asset], Any]
Condition = tuple[Getter, Callable[[Any, Any], Any], Any]
_FIELDS: Mapping[str, tuple[Getter, Mapping[str, Callable[[Any, Any], Any]]]] = {
    "checksum": (lambda asset: asset.checksum, {"in": lambda value, some: value in some}),
    "isOffline": (lambda asset: asset.is_offline, {"eq": operator.eq}),
    "originalPath": (
        lambda asset: asset.path,
        {"startsWith": lambda value, part: like(part).match(plain(value))},
    ),
    "trashedAt": (
        lambda asset: asset.deleted_at,
        {"gt": lambda value, bound: value is not None and value > bound},
    ),
}
"""What smartsort asks for. The description has more."""


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
        if asset.owner_id != call.user.id or asset.visibility == "locked":
            return False
        return _hold(asset, top) and (not branches or any(_hold(asset, branch) for branch in branches))

    return matches


def _hold(asset: Asset, conditions: list[Condition]) -> bool:
    return all(test(value(asset), wanted) for value, test, wanted in conditions)


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
