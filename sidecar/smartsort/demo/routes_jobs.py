"""Routes about queues and their jobs."""

from typing import Any

from starlette.responses import Response

from smartsort.demo.errors import ApiError, invalid
from smartsort.demo.jobs import Queue
from smartsort.demo.operations import Call, JsonResponse, Operations

operations = Operations()
route = operations.add
STATUSES = ("active", "completed", "failed", "delayed", "waiting", "paused")
# What starting a queue puts into it.
STARTED_BY = {"faceDetection": "AssetDetectFacesQueueAll", "facialRecognition": "FacialRecognitionQueueAll"}


@route("GET", "/queues", "queue.read", admin=True)
async def list_queues(call: Call) -> Response:
    return JsonResponse([_queue(queue) for queue in call.demo.engine.queues.values()])


@route("GET", "/queues/{name}/jobs", "queueJob.read", admin=True)
async def list_jobs(call: Call) -> Response:
    queue = _named(call)
    asked = call.request.query_params.getlist("status")
    if len(asked) == 1 and call.state.version.is_third:
        raise invalid(call.state.version, "status", "expected array, received string", code="invalid_type")
    if any(status not in STATUSES for status in asked):
        raise invalid(call.state.version, "status", f"one of the following values: {', '.join(STATUSES)}")
    if call.demo.faults.listing_fails():
        raise ApiError(500, "Failed to get queue jobs")
    return JsonResponse(call.demo.engine.listing(queue.name, asked or None))


@route("PUT", "/jobs/{name}", "job.create", admin=True)
async def command(call: Call) -> Response:
    queue = _named(call)
    body = await call.body()
    if call.field(body, "command", str, required=True) != "start":
        raise ApiError(400, "The demo only starts queues")
    _start(call, queue, force=call.field(body, "force", bool))
    return JsonResponse(
        {
            "queueStatus": {"isPaused": queue.paused, "isActive": bool(queue.active)},
            "jobCounts": queue.counts(),
        }
    )


def _start(call: Call, queue: Queue, *, force: bool | None) -> None:
    if queue.active:
        raise ApiError(400, "Job is already running")
    if queue.name == "facialRecognition":
        call.demo.recognition.queue_all(force=bool(force))
    elif queue.name == "faceDetection":
        call.demo.engine.add(queue.name, STARTED_BY[queue.name], {} if force is None else {"force": force})
    elif queue.name == "library":
        for library in call.state.libraries.values():
            call.demo.scanner.scan(library)
    else:
        raise ApiError(400, f"The demo does not start {queue.name}")


def _named(call: Call) -> Queue:
    name = call.request.path_params["name"]
    queue = call.demo.engine.queues.get(name)
    if queue is None:
        names = ", ".join(call.demo.engine.queues)
        raise invalid(call.state.version, "name", f"one of the following values: {names}")
    return queue


def _queue(queue: Queue) -> dict[str, Any]:
    return {"name": queue.name, "isPaused": queue.paused, "statistics": queue.counts()}
