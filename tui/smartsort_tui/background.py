"""Work beside the user interface: in named groups, and an error never ends the program."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from functools import partial
from typing import Any

from textual.dom import DOMNode
from textual.worker import Worker


def work(
    node: DOMNode,
    group: str,
    function: Callable[..., Coroutine[Any, Any, Any]],
    *arguments: Any,
    latest_only: bool = False,
    **named: Any,
) -> Worker[Any]:
    """Run a coroutine function beside the user interface. `latest_only` cancels what the group still does.

    A function, not a coroutine, so that one cancelled before it began leaves nothing behind.
    """
    run: Any = partial(function, *arguments, **named)
    worker: Worker[Any] = node.run_worker(run, group=group, exclusive=latest_only, exit_on_error=False)
    return worker


async def stopped(workers: Iterable[Worker[Any]]) -> None:
    """Cancel work and wait until it is gone, whatever comes of it."""
    workers = [worker for worker in workers if not worker.is_finished]
    for worker in workers:
        worker.cancel()
    await asyncio.gather(*(worker.wait() for worker in workers), return_exceptions=True)


async def ended(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel tasks and wait until they are gone, so that nothing opens a connection after the end."""
    tasks = list(tasks)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def ask(
    node: DOMNode, question: Callable[..., Coroutine[Any, Any, None]], *arguments: Any
) -> Worker[Any] | None:
    """Run a coroutine function that opens a dialog, one at a time: a key pressed twice must not open two."""
    if any(worker.group == "question" and not worker.is_finished for worker in node.app.workers):
        return None
    return work(node, "question", question, *arguments)
