"""The Python client: what it asks, what it gives, and what it says when something is wrong."""

import json

import httpx
import pytest

import smartsort
from smartsort.client import BASE, SidecarError, SmartDownloader

SORTED = {
    "status": "success",
    "action": "sorted",
    "destination": "/d/faces/ann/a.jpg",
    "reason": "face_match_verified",
    "person": "Ann",
    "hash": "ab",
    "category": None,
}


class Server:
    """Answers in turn; the last answer for ever."""

    def __init__(self, *answers):
        self.answers, self.requests = list(answers), []

    def __call__(self, request):
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        status, body = answer
        return httpx.Response(status, json=body)


def client(*answers, **options):
    server = Server(*answers)
    made = SmartDownloader("http://sidecar", "t0ken", transport=httpx.MockTransport(server), **options)
    return made, server


def row(number, path, **more):
    return {
        "id": number,
        "path": path,
        "category": "unidentified",
        "filename": path,
        "size": 1,
        "modified": "x",
        **more,
    }


def test_the_package_offers_it_without_importing_it_early():
    assert smartsort.SmartDownloader is SmartDownloader
    with pytest.raises(AttributeError):
        _ = smartsort.Nothing


def test_a_download_waits_for_its_result():
    downloader, server = client(
        (202, {"id": "i", "link": f"{BASE}/submissions/i", "state": "downloading", "result": None}),
        (200, {"id": "i", "state": "known", "result": None}),
        (200, {"id": "i", "state": "filed", "result": SORTED}),
    )
    result = downloader.smart_download("https://a/b.jpg", "instagram")
    assert result == {key: value for key, value in SORTED.items() if key != "category"}
    first, second, _ = server.requests
    assert json.loads(first.content) == {"url": "https://a/b.jpg", "source": "instagram"}
    assert first.headers["authorization"] == "Bearer t0ken"
    assert first.headers["idempotency-key"]
    assert second.url.path == f"{BASE}/submissions/i"


def test_a_broken_connection_does_not_download_twice():
    downloader, server = client(httpx.ConnectError("reset"), (200, SORTED))
    assert downloader.smart_download("https://a/b.jpg")["action"] == "sorted"
    one, two = server.requests
    assert one.headers["idempotency-key"] == two.headers["idempotency-key"]


def test_a_download_that_takes_too_long_is_no_exception():
    waiting = {"id": "i7", "state": "known", "result": None}
    downloader, _ = client((202, waiting), timeout_seconds=0)
    result = downloader.smart_download("https://a/b.jpg")
    assert (result["status"], result["action"]) == ("error", None)
    assert "i7" in result["reason"]


def test_the_queue_is_read_to_its_end():
    downloader, server = client(
        (200, {"items": [row(2, "/b")], "next_cursor": "c"}),
        (200, {"items": [row(1, "/a")], "next_cursor": None}),
    )
    found = downloader.get_review_queue(category="unidentified")
    assert [item["path"] for item in found] == ["/b", "/a"]
    assert {"category", "filename", "path", "size", "modified"} <= set(found[0])
    assert server.requests[0].url.path == f"{BASE}/review/queue/unidentified"
    assert server.requests[1].url.params["cursor"] == "c"


def test_approving_and_rejecting_go_by_path():
    queue = (200, {"items": [row(1, "/a"), row(2, "/b")], "next_cursor": None})
    decided = {"id": 2, "action": "approved", "path": "/faces/ann/b", "person": "Ann"}
    downloader, server = client(queue, (200, decided), queue, (200, {**decided, "action": "rejected"}))
    approved = downloader.approve_review_item("/b", "Ann")
    assert approved == {
        "status": "success",
        "action": "sorted",
        "destination": "/faces/ann/b",
        "reason": "approved",
        "person": "Ann",
    }
    assert server.requests[1].url.path == f"{BASE}/review/2/approve"
    assert json.loads(server.requests[1].content) == {"person": {"name": "Ann", "create": True}}
    assert downloader.reject_review_item("/b") == {"status": "success", "action": "deleted", "path": "/b"}
    assert server.requests[3].url.path == f"{BASE}/review/2/reject"


def test_a_bulk_action_is_previewed_and_carried_out_by_its_token():
    shown = {"decided": [], "done": 2, "failed": 0, "counts": {"groups": 1}, "preview": "token"}
    downloader, server = client((200, shown), (200, {**shown, "changed": [{"id": 3, "reason": "came"}]}))
    plan = downloader.preview_review("approve", category="unidentified", people=["Ann"])
    assert plan["counts"] == {"groups": 1}
    done = downloader.carry_out(plan)
    assert done["changed"] == [{"id": 3, "reason": "came"}]
    first, second = (json.loads(request.content) for request in server.requests)
    assert (first["category"], first["dry_run"]) == ("unidentified", True)
    assert first["approve"] == {"people": ["Ann"]}
    assert second == {"preview": "token"}
    assert [r.url.path for r in server.requests] == [f"{BASE}/review/bulk/approve"] * 2


def test_a_path_that_does_not_wait_is_said_so():
    downloader, _ = client((200, {"items": [], "next_cursor": None}))
    with pytest.raises(SidecarError, match="nothing waits") as error:
        downloader.reject_review_item("/gone")
    assert error.value.status == 404


def test_the_statistics_have_the_source_documents_keys():
    summary = {
        "auto_sorted": 1, "in_review": 2, "by_person": {"ann": 1}, "by_category": {},
        "success_rate": 33.3, "days": 7,
    }  # fmt: skip
    downloader, server = client((200, summary))
    assert downloader.get_smart_download_stats(days=7) == {k: summary[k] for k in list(summary)[:5]}
    assert server.requests[0].url.params["days"] == "7"


def test_refusals_carry_status_and_reason_and_no_token():
    downloader, _ = client((401, {"detail": "this needs a token", "code": "unauthorised"}))
    with pytest.raises(SidecarError, match=r"401: this needs a token. Set SMARTSORT_TOKEN") as error:
        downloader.get_smart_download_stats(1)
    assert (error.value.status, error.value.code) == (401, "unauthorised")
    assert "t0ken" not in str(error.value) + repr(downloader)
    downloader, _ = client((502, ["not", "ours"]))
    with pytest.raises(SidecarError, match="502"):
        downloader.get_smart_download_stats(1)


def test_nobody_there_says_what_to_do():
    downloader, server = client(httpx.ConnectError("refused"))
    with pytest.raises(SidecarError, match=r"smartsort serve"):
        downloader.get_smart_download_stats(1)
    assert len(server.requests) == 3


def test_address_and_token_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("SMARTSORT_URL", "http://elsewhere:1/")
    monkeypatch.setenv("SMARTSORT_TOKEN", "fromenv")
    server = Server((200, {"items": [], "next_cursor": None}))
    with SmartDownloader(transport=httpx.MockTransport(server)) as downloader:
        downloader.get_review_queue()
    assert str(server.requests[0].url).startswith("http://elsewhere:1/api")
    assert server.requests[0].headers["authorization"] == "Bearer fromenv"
