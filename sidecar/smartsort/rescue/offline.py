"""A context without stages, for commands that work on a root outside the sidecar."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

from smartsort.bootstrap import layout_of, tuning_of
from smartsort.config import Settings
from smartsort.files.placement import Placer
from smartsort.ledger import key_value
from smartsort.ledger.database import Ledger
from smartsort.pipeline.engine.context import Clock, Context
from smartsort.ports import PhotoServer
from smartsort.runtime_settings import RuntimeSettings

__all__ = ["backup_folder", "layout_of", "offline_context"]


def backup_folder(settings: Settings) -> str:
    """Return where copies of the ledger are kept: in the root, also when the ledger lies elsewhere."""
    return os.path.join(os.path.abspath(settings.root), "backup")


@contextmanager
def offline_context(settings: Settings, server: PhotoServer | None = None) -> Iterator[Context]:
    """The tools of the stages over an existing ledger, beside a running sidecar or without one.

    Without a `server` nothing may be asked of Immich. Raises LedgerError, RootUnavailable.
    """
    layout = layout_of(settings)
    with Ledger(layout.ledger) as ledger:
        root_id = ledger.read(lambda db: key_value.get(db, "root_id"))
        if root_id is not None:
            layout.check(root_id)
        runtime_settings = RuntimeSettings(settings, ledger)
        context = Context(
            ledger=ledger,
            server=cast("PhotoServer", server),
            layout=layout,
            placer=Placer(guard=lambda: None if root_id is None else layout.check(root_id)),
            policy=runtime_settings.policy,
            enabled=lambda: False,
            tuning=tuning_of(settings),
            clock=Clock(),
        )
        try:
            yield context
        finally:
            context.decoders.release()
