from http import HTTPStatus
from typing import Any, cast
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.checksum_verdicts import ChecksumVerdicts
from ...models.checksums_to_check import ChecksumsToCheck
from ...types import UNSET, Response


def _get_kwargs(
    *,
    body: ChecksumsToCheck,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}

    _kwargs: dict[str, Any] = {
        "method": "post",
        "url": "/assets/bulk-upload-check",
    }

    _kwargs["json"] = body.to_dict()

    headers["Content-Type"] = "application/json"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> ChecksumVerdicts | None:
    if response.status_code == 200:
        response_200 = ChecksumVerdicts.from_dict(response.json())

        return response_200

    if client.raise_on_unexpected_status:
        raise errors.UnexpectedStatus(response.status_code, response.content)
    else:
        return None


def _build_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Response[ChecksumVerdicts]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient | Client,
    body: ChecksumsToCheck,
) -> Response[ChecksumVerdicts]:
    """Which of these checksums are known

     One indexed look-up for thousands. The checksum of an upload is the SHA-1 of its bytes, that of a
    photo in an external library the SHA-1 of `path:` and its path. Base64 and hexadecimal are both
    understood. An empty list is answered with 500. Only the key owner's photos are looked at.

    Args:
        body (ChecksumsToCheck):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ChecksumVerdicts]
    """

    kwargs = _get_kwargs(
        body=body,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    *,
    client: AuthenticatedClient | Client,
    body: ChecksumsToCheck,
) -> ChecksumVerdicts | None:
    """Which of these checksums are known

     One indexed look-up for thousands. The checksum of an upload is the SHA-1 of its bytes, that of a
    photo in an external library the SHA-1 of `path:` and its path. Base64 and hexadecimal are both
    understood. An empty list is answered with 500. Only the key owner's photos are looked at.

    Args:
        body (ChecksumsToCheck):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ChecksumVerdicts
    """

    return sync_detailed(
        client=client,
        body=body,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient | Client,
    body: ChecksumsToCheck,
) -> Response[ChecksumVerdicts]:
    """Which of these checksums are known

     One indexed look-up for thousands. The checksum of an upload is the SHA-1 of its bytes, that of a
    photo in an external library the SHA-1 of `path:` and its path. Base64 and hexadecimal are both
    understood. An empty list is answered with 500. Only the key owner's photos are looked at.

    Args:
        body (ChecksumsToCheck):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ChecksumVerdicts]
    """

    kwargs = _get_kwargs(
        body=body,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient | Client,
    body: ChecksumsToCheck,
) -> ChecksumVerdicts | None:
    """Which of these checksums are known

     One indexed look-up for thousands. The checksum of an upload is the SHA-1 of its bytes, that of a
    photo in an external library the SHA-1 of `path:` and its path. Base64 and hexadecimal are both
    understood. An empty list is answered with 500. Only the key owner's photos are looked at.

    Args:
        body (ChecksumsToCheck):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ChecksumVerdicts
    """

    return (
        await asyncio_detailed(
            client=client,
            body=body,
        )
    ).parsed
