"""Routes under `/demo`, which no Immich has: measuring the demo and making it misbehave from outside."""

import json

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from smartsort.demo.immich import DemoImmich
from smartsort.demo.operations import JsonResponse


def routes(demo: DemoImmich) -> list[Route]:
    """They need no key: the demo listens on the loopback address and holds no secrets."""

    async def finished(_request: Request) -> Response:
        return JsonResponse(demo.finished)

    async def requests(request: Request) -> Response:
        if request.method == "DELETE":
            demo.requests.clear()
        return JsonResponse({f"{method} {path}": count for (method, path), count in demo.requests.items()})

    async def faults(request: Request) -> Response:
        if request.method == "PUT":
            try:
                values = json.loads(await request.body())
                revoked = values.pop("revoked_keys", None)
                demo.faults.update(values)
            except (ValueError, TypeError, AttributeError) as error:
                return JsonResponse({"message": str(error)}, 400)
            if revoked is not None:
                for secret, key in demo.state.keys.items():
                    key.revoked = secret in revoked
        elif request.method == "DELETE":
            demo.faults.clear()
            for key in demo.state.keys.values():
                key.revoked = False
        revoked_now = [secret for secret, key in demo.state.keys.items() if key.revoked]
        return JsonResponse({**demo.faults.as_json(), "revoked_keys": revoked_now})

    async def status(_request: Request) -> Response:
        return JsonResponse(
            {
                "idle": demo.engine.is_idle,
                "assets": len(demo.state.assets),
                "faces": len(demo.state.faces),
                "people": len(demo.state.people),
                "failures": [
                    {"name": name, "data": data, "error": error} for name, data, error in demo.engine.failures
                ],
            }
        )

    return [
        Route("/demo/finished", finished),
        Route("/demo/requests", requests, methods=["GET", "DELETE"]),
        Route("/demo/faults", faults, methods=["GET", "PUT", "DELETE"]),
        Route("/demo/status", status),
    ]
