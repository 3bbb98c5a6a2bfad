"""Routes about the server, its users, keys and settings."""

import secrets

from starlette.responses import Response

from smartsort.demo import shapes
from smartsort.demo.errors import ApiError
from smartsort.demo.models import ApiKey
from smartsort.demo.operations import Call, JsonResponse, Operations
from smartsort.demo.settings import DemoKey

operations = Operations()
route = operations.add


@route("GET", "/server/ping", public=True)
async def ping(_call: Call) -> Response:
    return JsonResponse({"res": "pong"})


@route("GET", "/server/version", public=True)
async def version(call: Call) -> Response:
    speaks = call.state.version
    number = call.demo.faults.version or speaks.number
    major, minor, patch = (int(part) for part in number.split("."))
    told: dict[str, int | None] = {"major": major, "minor": minor, "patch": patch}
    if speaks.is_third:
        told["prerelease"] = None
    return JsonResponse(told)


@route("GET", "/server/features", public=True)
async def features(call: Call) -> Response:
    told = {
        "smartSearch": True,
        "facialRecognition": not call.demo.faults.face_recognition_off,
        "duplicateDetection": call.state.settings.finds_duplicates,
        "map": True,
        "reverseGeocoding": True,
        "importFaces": call.state.settings.people_from_regions,
        "sidecar": True,
        "search": True,
        "trash": True,
        "oauth": False,
        "oauthAutoLaunch": False,
        "ocr": True,
        "passwordLogin": True,
        "configFile": False,
        "email": False,
    }
    if call.state.version.is_third:
        told["realtimeTranscoding"] = False
    return JsonResponse(told)


@route("GET", "/server/config", public=True)
async def config(call: Call) -> Response:
    told = {
        "loginPageMessage": "",
        "trashDays": 30,
        "userDeleteDelay": 7,
        "oauthButtonText": "Login with OAuth",
        "isInitialized": True,
        "isOnboarded": True,
        "externalDomain": "",
        "publicUsers": True,
        "mapDarkStyleUrl": "https://tiles.immich.cloud/v1/style/dark.json",
        "mapLightStyleUrl": "https://tiles.immich.cloud/v1/style/light.json",
        "maintenanceMode": False,
    }
    if call.state.version.is_third:
        told["minFaces"] = call.state.settings.min_faces
    return JsonResponse(told)


@route("GET", "/server/about", "server.about")
async def about(call: Call) -> Response:
    number = f"v{call.state.version.number}"
    return JsonResponse(
        {
            "version": number,
            "versionUrl": f"https://github.com/immich-app/immich/releases/tag/{number}",
            "licensed": False,
            "nodejs": "",
            "exiftool": "",
            "ffmpeg": "",
            "libvips": "",
            "imagemagick": "",
        }
    )


@route("GET", "/users/me", "user.read")
async def me(call: Call) -> Response:
    return JsonResponse(shapes.user_full(call.user))


@route("GET", "/api-keys/me")
async def my_key(call: Call) -> Response:
    if call.key is None:
        raise ApiError(401, "Authentication required")
    return JsonResponse(_key(call.key))


@route("POST", "/api-keys", "apiKey.create")
async def create_key(call: Call) -> Response:
    body = await call.body()
    permissions = tuple(call.field(body, "permissions", list, required=True))
    if call.key is not None and not all(call.key.grants(permission) for permission in permissions):
        raise ApiError(400, "Cannot grant permissions you do not have")
    role = "admin" if call.user.is_admin else "owner"
    name = call.field(body, "name", str) or "API Key"
    made = call.state.add_key(DemoKey(secrets.token_urlsafe(32), permissions, role, name))
    return JsonResponse({"secret": made.secret, "apiKey": _key(made)}, 201)


@route("GET", "/system-config", "systemConfig.read", admin=True)
async def system_config(call: Call) -> Response:
    settings = call.state.settings
    return JsonResponse(
        {
            "machineLearning": {
                "enabled": True,
                "urls": ["http://immich-machine-learning:3003"],
                "duplicateDetection": {"enabled": settings.finds_duplicates, "maxDistance": 0.01},
                "facialRecognition": {
                    "enabled": not call.demo.faults.face_recognition_off,
                    "modelName": call.state.face_model,
                    "minScore": 0.7,
                    "maxDistance": 0.5,
                    "minFaces": settings.min_faces,
                },
            },
            "metadata": {"faces": {"import": settings.people_from_regions}},
            "library": {
                "scan": {"enabled": True, "cronExpression": "0 0 * * *"},
                "watch": {"enabled": settings.watch_libraries},
            },
            "trash": {"enabled": True, "days": 30},
        }
    )


def _key(key: ApiKey) -> dict[str, object]:
    created = shapes.z_time(key.created_at)
    return {
        "id": key.id,
        "name": key.name,
        "createdAt": created,
        "updatedAt": created,
        "permissions": list(key.permissions),
    }
