from http import HTTPStatus
from typing import Any, cast
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.queue_command import QueueCommand
from ...models.queue_state import QueueState
from ...types import UNSET, Response


def _get_kwargs(
    name: str,
    *,
    body: QueueCommand,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}

    _kwargs: dict[str, Any] = {
        "method": "put",
        "url": "/jobs/{name}".format(
            name=quote(str(name), safe=""),
        ),
    }

    _kwargs["json"] = body.to_dict()

    headers["Content-Type"] = "application/json"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> QueueState | None:
    if response.status_code == 200:
        response_200 = QueueState.from_dict(response.json())

        return response_200

    if client.raise_on_unexpected_status:
        raise errors.UnexpectedStatus(response.status_code, response.content)
    else:
        return None


def _build_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Response[QueueState]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    name: str,
    *,
    client: AuthenticatedClient | Client,
    body: QueueCommand,
) -> Response[QueueState]:
    """Queue what is missing

     smartsort sends `start` with `force` false and nothing else. Left out, `force` makes the server do
    everything again, and true throws people away; so both fields are always sent. Answers 400 while the
    queue is at work. Marked as deprecated by 3.x, but without a replacement.

    Args:
        name (str):
        body (QueueCommand):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[QueueState]
    """

    kwargs = _get_kwargs(
        name=name,
        body=body,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    name: str,
    *,
    client: AuthenticatedClient | Client,
    body: QueueCommand,
) -> QueueState | None:
    """Queue what is missing

     smartsort sends `start` with `force` false and nothing else. Left out, `force` makes the server do
    everything again, and true throws people away; so both fields are always sent. Answers 400 while the
    queue is at work. Marked as deprecated by 3.x, but without a replacement.

    Args:
        name (str):
        body (QueueCommand):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        QueueState
    """

    return sync_detailed(
        name=name,
        client=client,
        body=body,
    ).parsed


async def asyncio_detailed(
    name: str,
    *,
    client: AuthenticatedClient | Client,
    body: QueueCommand,
) -> Response[QueueState]:
    """Queue what is missing

     smartsort sends `start` with `force` false and nothing else. Left out, `force` makes the server do
    everything again, and true throws people away; so both fields are always sent. Answers 400 while the
    queue is at work. Marked as deprecated by 3.x, but without a replacement.

    Args:
        name (str):
        body (QueueCommand):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[QueueState]
    """

    kwargs = _get_kwargs(
        name=name,
        body=body,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    name: str,
    *,
    client: AuthenticatedClient | Client,
    body: QueueCommand,
) -> QueueState | None:
    """Queue what is missing

     smartsort sends `start` with `force` false and nothing else. Left out, `force` makes the server do
    everything again, and true throws people away; so both fields are always sent. Answers 400 while the
    queue is at work. Marked as deprecated by 3.x, but without a replacement.

    Args:
        name (str):
        body (QueueCommand):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        QueueState
    """

    return (
        await asyncio_detailed(
            name=name,
            client=client,
            body=body,
        )
    ).parsed
