from http import HTTPStatus
from typing import Any, cast
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.people_page import PeoplePage
from ...types import UNSET, Response, Unset


def _get_kwargs(
    *,
    with_hidden: bool | Unset = UNSET,
    closest_asset_id: str | Unset = UNSET,
    page: int | Unset = UNSET,
    size: int | Unset = UNSET,
) -> dict[str, Any]:

    params: dict[str, Any] = {}

    params["withHidden"] = with_hidden

    params["closestAssetId"] = closest_asset_id

    params["page"] = page

    params["size"] = size

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/people",
        "params": params,
    }

    return _kwargs


def _parse_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> PeoplePage | None:
    if response.status_code == 200:
        response_200 = PeoplePage.from_dict(response.json())

        return response_200

    if client.raise_on_unexpected_status:
        raise errors.UnexpectedStatus(response.status_code, response.content)
    else:
        return None


def _build_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Response[PeoplePage]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient | Client,
    with_hidden: bool | Unset = UNSET,
    closest_asset_id: str | Unset = UNSET,
    page: int | Unset = UNSET,
    size: int | Unset = UNSET,
) -> Response[PeoplePage]:
    """People, one page

    Args:
        with_hidden (bool | Unset):
        closest_asset_id (str | Unset):
        page (int | Unset):
        size (int | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[PeoplePage]
    """

    kwargs = _get_kwargs(
        with_hidden=with_hidden,
        closest_asset_id=closest_asset_id,
        page=page,
        size=size,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    *,
    client: AuthenticatedClient | Client,
    with_hidden: bool | Unset = UNSET,
    closest_asset_id: str | Unset = UNSET,
    page: int | Unset = UNSET,
    size: int | Unset = UNSET,
) -> PeoplePage | None:
    """People, one page

    Args:
        with_hidden (bool | Unset):
        closest_asset_id (str | Unset):
        page (int | Unset):
        size (int | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        PeoplePage
    """

    return sync_detailed(
        client=client,
        with_hidden=with_hidden,
        closest_asset_id=closest_asset_id,
        page=page,
        size=size,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient | Client,
    with_hidden: bool | Unset = UNSET,
    closest_asset_id: str | Unset = UNSET,
    page: int | Unset = UNSET,
    size: int | Unset = UNSET,
) -> Response[PeoplePage]:
    """People, one page

    Args:
        with_hidden (bool | Unset):
        closest_asset_id (str | Unset):
        page (int | Unset):
        size (int | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[PeoplePage]
    """

    kwargs = _get_kwargs(
        with_hidden=with_hidden,
        closest_asset_id=closest_asset_id,
        page=page,
        size=size,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient | Client,
    with_hidden: bool | Unset = UNSET,
    closest_asset_id: str | Unset = UNSET,
    page: int | Unset = UNSET,
    size: int | Unset = UNSET,
) -> PeoplePage | None:
    """People, one page

    Args:
        with_hidden (bool | Unset):
        closest_asset_id (str | Unset):
        page (int | Unset):
        size (int | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        PeoplePage
    """

    return (
        await asyncio_detailed(
            client=client,
            with_hidden=with_hidden,
            closest_asset_id=closest_asset_id,
            page=page,
            size=size,
        )
    ).parsed
