"""The HTTP client that the generated client is given."""

from __future__ import annotations

import json as jsonlib
import re
from typing import Any

import httpx

from smartsort.files.shown import well_formed
from smartsort.immich.address import KEY_HEADER, ApiKeys
from smartsort.immich.answers import check
from smartsort.immich.transport import current_call

_HALF_CHARACTER = re.compile(rb"\\u[dD][89a-fA-F]|\xed[\xa0-\xbf]")


def _whole_characters(response: httpx.Response) -> httpx.Response:
    """JSON may hold half characters, which neither the ledger nor a client of ours would take."""
    if "json" not in response.headers.get("content-type", "") or not _HALF_CHARACTER.search(response.content):
        return response
    try:
        content = jsonlib.dumps(well_formed(jsonlib.loads(response.content))).encode()
    except ValueError:
        return response
    headers = {"content-type": response.headers["content-type"]}
    return httpx.Response(response.status_code, headers=headers, content=content, request=response.request)


class ImmichHttpClient(httpx.AsyncClient):
    """An `httpx.AsyncClient` whose requests go straight to its transport, and whose answers are checked.

    What httpx does in between costs as much again as the transport: it keeps cookies, follows redirects and
    merges addresses, none of which Immich may see (a client that keeps a session cookie acts as that session
    and not as the key. A redirect would carry the key elsewhere). So the key is the only thing a request gets
    here. Raises `httpx.HTTPError`, and `smartsort.errors.ImmichError` for a bad answer.
    """

    def __init__(
        self, address: str, keys: ApiKeys, transport: httpx.AsyncBaseTransport, timeout: httpx.Timeout
    ) -> None:
        super().__init__(transport=transport, timeout=timeout, follow_redirects=False, trust_env=False)
        self._address, self._keys, self._wire = address, keys, transport
        self._extensions = {"timeout": timeout.as_dict()}

    async def request(  # type: ignore[override]  # the arguments that the generated client passes
        self,
        method: str,
        url: str,
        *,
        params: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        json: Any = None,
        **_: Any,
    ) -> httpx.Response:
        """Return the answer, read to its end and checked against its call. `url`: below the address."""
        current = current_call.get()
        query = f"?{httpx.QueryParams(params)}" if params else ""
        request = httpx.Request(
            method,
            f"{self._address}{url}{query}",
            headers={
                "accept": "*/*",
                "accept-encoding": "gzip, deflate",
                **(headers or {}),
                KEY_HEADER: self._keys.of(as_admin=current.as_admin),
            },
            json=json,
            extensions=self._extensions,
        )
        response = await self._wire.handle_async_request(request)
        response.request = request
        await response.aread()
        response = _whole_characters(response)
        check(response, current.operation)
        return response
