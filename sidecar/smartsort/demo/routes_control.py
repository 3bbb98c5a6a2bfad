"""Routes under `/demo`, which no Immich has: measuring the demo from outside."""

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
        Route("/demo/status", status),
    ]
