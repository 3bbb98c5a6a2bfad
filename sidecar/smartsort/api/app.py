"""The HTTP application."""

from __future__ import annotations

from fastapi import FastAPI, Response

from smartsort import __version__
from smartsort.bootstrap import Sidecar, unfinished


def create_app(sidecar: Sidecar) -> FastAPI:
    """The application for one sidecar."""
    app = FastAPI(title="smartsort", version=__version__)

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        """The process is alive."""
        return {"status": "ok", "version": __version__}

    @app.get("/readyz")
    async def readyz(response: Response) -> dict[str, object]:
        """Ready to sort: Immich is connected and nothing is in the way; 503 with the troubles else."""
        troubles = sidecar.runner.troubles.open
        ready = sidecar.connected and not troubles
        if not ready:
            response.status_code = 503
        waiting = await unfinished(sidecar)
        return {
            "status": "ready" if ready else "waiting",
            "enabled": sidecar.choices.enabled,
            "immich": "connected" if sidecar.connected else "not connected yet",
            "troubles": [{"kind": t.kind, "message": t.message, "since": t.since} for t in troubles],
            "unfinished": {state.value: count for state, count in waiting.items()},
        }

    return app
