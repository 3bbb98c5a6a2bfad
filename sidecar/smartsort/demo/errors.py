"""The errors Immich answers with, worded and shaped as each version does."""

import http
import random
import string
from typing import Any

from smartsort.demo.versions import ImmichVersion


class ApiError(Exception):
    """An answer that is not a success: its status, its message, and version 3's list of details."""

    def __init__(
        self, status: int, message: str | list[str], *, details: list[dict[str, Any]] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.details = details

    def body(self, version: ImmichVersion) -> dict[str, Any]:
        shown: dict[str, Any] = {"message": self.message}
        if not version.is_third:
            shown["error"] = http.HTTPStatus(self.status).phrase
            shown["statusCode"] = self.status
            shown["correlationId"] = "".join(random.choices(string.ascii_lowercase + string.digits, k=8))
        elif self.details is not None:
            shown["errors"] = self.details
        return shown


def no_access(permission: str) -> ApiError:
    """For an id that is unknown or somebody else's: Immich tells neither from the other."""
    return ApiError(400, f"Not found or no {permission} access")


def invalid(version: ImmichVersion, field: str, requirement: str, **details: Any) -> ApiError:
    """Return a value that breaks a rule: version 2 words it, version 3 lists it."""
    if version.is_third:
        entry = {
            "path": [field],
            "message": details.pop("message", f"Invalid input: {requirement}"),
            **details,
        }
        return ApiError(400, "Validation failed", details=[entry])
    return ApiError(400, [f"{field} must be {requirement}"])


def invalid_uuid(version: ImmichVersion, field: str) -> ApiError:
    return invalid(
        version,
        field,
        "a UUID",
        message="Invalid UUID",
        origin="string",
        code="invalid_format",
        format="uuid",
        pattern=f"/{UUID_PATTERN}/",
    )


UUID_PATTERN = "^([0-9a-fA-F]{8}-[0-9a-fA-F]{4}-4[0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12})$"
