from http import HTTPStatus
from typing import Any, cast
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.library import Library
from ...models.library_update import LibraryUpdate
from ...types import UNSET, Response


def _get_kwargs(
    id: str,
    *,
    body: LibraryUpdate,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}

    _kwargs: dict[str, Any] = {
        "method": "put",
        "url": "/libraries/{id}".format(
            id=quote(str(id), safe=""),
        ),
    }

    _kwargs["json"] = body.to_dict()

    headers["Content-Type"] = "application/json"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Library | None:
    if response.status_code == 200:
        response_200 = Library.from_dict(response.json())

        return response_200

    if client.raise_on_unexpected_status:
        raise errors.UnexpectedStatus(response.status_code, response.content)
    else:
        return None


def _build_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Response[Library]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    id: str,
    *,
    client: AuthenticatedClient | Client,
    body: LibraryUpdate,
) -> Response[Library]:
    """Can Immich read a path

     Used as a question only. Immich looks at the paths in their order and refuses the whole request for
    the
    first it cannot use (400, "Invalid import path: ..."); smartsort always sends one behind the path it
    asks about that no Immich can use, so nothing is ever changed. `POST /libraries/{id}/validate` would
    be
    the plain way, but answers only keys with all permissions.

    Args:
        id (str):
        body (LibraryUpdate):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Library]
    """

    kwargs = _get_kwargs(
        id=id,
        body=body,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    id: str,
    *,
    client: AuthenticatedClient | Client,
    body: LibraryUpdate,
) -> Library | None:
    """Can Immich read a path

     Used as a question only. Immich looks at the paths in their order and refuses the whole request for
    the
    first it cannot use (400, "Invalid import path: ..."); smartsort always sends one behind the path it
    asks about that no Immich can use, so nothing is ever changed. `POST /libraries/{id}/validate` would
    be
    the plain way, but answers only keys with all permissions.

    Args:
        id (str):
        body (LibraryUpdate):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Library
    """

    return sync_detailed(
        id=id,
        client=client,
        body=body,
    ).parsed


async def asyncio_detailed(
    id: str,
    *,
    client: AuthenticatedClient | Client,
    body: LibraryUpdate,
) -> Response[Library]:
    """Can Immich read a path

     Used as a question only. Immich looks at the paths in their order and refuses the whole request for
    the
    first it cannot use (400, "Invalid import path: ..."); smartsort always sends one behind the path it
    asks about that no Immich can use, so nothing is ever changed. `POST /libraries/{id}/validate` would
    be
    the plain way, but answers only keys with all permissions.

    Args:
        id (str):
        body (LibraryUpdate):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Library]
    """

    kwargs = _get_kwargs(
        id=id,
        body=body,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    id: str,
    *,
    client: AuthenticatedClient | Client,
    body: LibraryUpdate,
) -> Library | None:
    """Can Immich read a path

     Used as a question only. Immich looks at the paths in their order and refuses the whole request for
    the
    first it cannot use (400, "Invalid import path: ..."); smartsort always sends one behind the path it
    asks about that no Immich can use, so nothing is ever changed. `POST /libraries/{id}/validate` would
    be
    the plain way, but answers only keys with all permissions.

    Args:
        id (str):
        body (LibraryUpdate):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Library
    """

    return (
        await asyncio_detailed(
            id=id,
            client=client,
            body=body,
        )
    ).parsed
