"""Tokens, scopes, secrets, and what a sidecar says when Immich is gone."""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.live_sidecar import BASE, INTAKE_TOKEN, REVIEW_TOKEN, TOKEN, LiveSidecar, live_sidecar

from smartsort.api.problems import Refused
from smartsort.api.security import TOKEN_FILE, Caller, Tokens, kept_token
from smartsort.config import load_settings
from smartsort.errors import ConfigurationError

OPEN = {"/healthz"}


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveSidecar]:
    with live_sidecar(tmp_path_factory.mktemp("security") / "root", 8) as running:
        yield running


def operations(live: LiveSidecar) -> list[tuple[str, str]]:
    spec = live.client(token=None).get("/openapi.json").json()
    filled = {"{id}": "1", "{photo_id}": "1", "{size}": "thumbnail", "{category}": "duplicates"}
    found = []
    for path, methods in spec["paths"].items():
        address = path
        for name, value in filled.items():
            address = address.replace(name, value)
        found += [(method.upper(), address) for method in methods]
    return found


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer wrong",
        f"Basic {TOKEN}",
        TOKEN,
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        f"Bearer {TOKEN.upper()}",
    ],
)
def test_nothing_without_a_token(live: LiveSidecar, authorization: str | None) -> None:
    client = live.client(token=None)
    headers = {} if authorization is None else {"Authorization": authorization}
    for method, path in operations(live):
        if path in OPEN:
            continue
        response = client.request(method, path, headers=headers)
        assert response.status_code == 401, (method, path)
        assert response.headers["www-authenticate"] == "Bearer"
        assert response.json()["code"] == "unauthorised"
        assert TOKEN not in response.text


def test_a_token_without_a_body_is_refused_before_the_body_is_read(live: LiveSidecar) -> None:
    response = live.client(token=None).post(f"{BASE}/undo", content=b"{" * (2 * 1024 * 1024))
    assert response.status_code == 401


ADMIN_ONLY = {
    ("POST", f"{BASE}/enable"),
    ("POST", f"{BASE}/disable"),
    ("PATCH", f"{BASE}/config"),
    ("DELETE", f"{BASE}/config"),
    *(
        (method, f"{BASE}/config/{name}")
        for method in ("PUT", "PATCH")
        for name in ("whitelist", "blacklist")
    ),
}
FOR_INTAKE = ("/readyz", "/metrics", f"{BASE}/status", f"{BASE}/submissions", f"{BASE}/known")


def test_scopes(live: LiveSidecar) -> None:
    """A refused request changes nothing, so every operation can be tried with too small a token."""
    reviewer, downloader = live.client(REVIEW_TOKEN), live.client(INTAKE_TOKEN)
    for method, path in operations(live):
        if path in OPEN or path == BASE:
            continue
        body = {"names": ["x"]} if method == "PUT" else {"add": ["x"], "min_margin": 0.5, "last": True}
        if (method, path) in ADMIN_ONLY:
            response = reviewer.request(method, path, json=body)
            assert response.status_code == 403, (method, path)
            assert "admin" in response.json()["detail"]
            assert response.json()["code"] == "forbidden"
        if not path.startswith(FOR_INTAKE):
            body = {"ids": [1], **body}
            response = downloader.request(method, path, json=body)
            assert response.status_code == 403, (method, path, response.text)
            assert "downloader has intake" in response.json()["detail"]
    assert reviewer.get(f"{BASE}/review/queue").status_code == 200
    assert reviewer.get(f"{BASE}/status").status_code == 200
    assert downloader.get(f"{BASE}/status").status_code == 200
    assert downloader.get("/metrics").status_code == 200


def test_events_name_the_token(live: LiveSidecar) -> None:
    reviewer = live.client(REVIEW_TOKEN)
    item = reviewer.get(f"{BASE}/review/queue").json()["items"][0]
    decided = reviewer.post(f"{BASE}/review/{item['id']}/reject").json()
    events = reviewer.get(f"{BASE}/photos/{item['id']}/history").json()["events"]
    assert next(e for e in events if e["id"] == decided["event"])["actor"] == "reviewer"
    assert reviewer.post(f"{BASE}/undo", json={"last": True}).status_code == 200


def test_no_web_page_gets_anything(live: LiveSidecar) -> None:
    """No cookies, no CORS: a page in a browser can send a request and is refused, and reads no answer."""
    client = live.client(token=None)
    response = client.get("/healthz", headers={"Origin": "https://evil.example"})
    assert not [name for name in response.headers if name.startswith("access-control")]
    preflight = client.options(f"{BASE}/undo", headers={"Origin": "https://evil.example"})
    assert preflight.status_code == 401
    assert "set-cookie" not in live.client().get(f"{BASE}/status").headers


def test_immich_gone(live: LiveSidecar) -> None:
    """Pictures and people say so as a Problem; what smartsort knows itself goes on being answered."""
    client = live.client()
    person = client.get(f"{BASE}/people").json()[0]["id"]
    live.wait_for(lambda: live.run(live.rests()), "the end of what asks for people")
    live.demo.faults.down = True
    try:
        live.sidecar.people._read_at = None
        for path in (f"{BASE}/people/{person}/thumbnail", f"{BASE}/people"):
            response = client.get(path)
            assert response.status_code == 503, path
            assert response.json()["code"] == "immich"
            assert int(response.headers["retry-after"]) > 0
        assert client.get(f"{BASE}/review/queue").status_code == 200
        assert client.get(f"{BASE}/status").status_code == 200
        listed = client.put(f"{BASE}/config/blacklist", json={"names": ["Victor Grey"]})
        assert listed.status_code == 200
        listed = client.get(f"{BASE}/config/whitelist").json()
        assert listed["names"]
        assert any("Immich cannot be asked" in warning for warning in listed["warnings"])
    finally:
        live.demo.faults.clear()
        live.demo.faults.down = False


# --- tokens ----------------------------------------------------------------------------------


def test_scopes_include_the_lower_ones() -> None:
    assert Caller("a", frozenset({"admin"})).may("intake")
    assert Caller("a", frozenset({"review"})).may("intake")
    assert not Caller("a", frozenset({"review"})).may("admin")
    assert not Caller("a", frozenset({"intake"})).may("review")


def test_a_token_is_made_once_for_this_user_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    token = kept_token(str(tmp_path))
    file = tmp_path / TOKEN_FILE
    assert len(token) >= 32
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert kept_token(str(tmp_path)) == token
    assert str(file) in caplog.text
    assert token not in caplog.text
    file.write_text("")
    assert len(kept_token(str(tmp_path))) >= 32, "a crash before the first byte leaves an empty file"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_token_that_cannot_be_kept_is_said(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(ConfigurationError, match="SMARTSORT_API__TOKEN"):
        kept_token(str(tmp_path))


def test_a_token_file_that_is_none_is_said(tmp_path: Path) -> None:
    (tmp_path / TOKEN_FILE).mkdir()
    with pytest.raises(ConfigurationError, match="SMARTSORT_API__TOKEN"):
        kept_token(str(tmp_path))


def test_tokens_of_settings(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from-a-file\n")
    values = {
        "root": str(tmp_path),
        "api.token_file": str(tmp_path / "secret"),
        "api.tokens": [{"name": "down", "token": "other", "scopes": ["intake"]}],
    }
    tokens = Tokens.of(load_settings(None, env={}, overrides=values))
    assert tokens.caller("Bearer from-a-file") == Caller("admin", frozenset({"admin"}))
    assert tokens.caller("bearer  other") == Caller("down", frozenset({"intake"}))
    assert tokens.caller("Bearer ") is None
    assert tokens.caller("Bearer \udcff") is None
    assert not (tmp_path / TOKEN_FILE).exists()
    assert "from-a-file" not in repr(vars(tokens))


def test_a_made_token_opens_the_api(tmp_path: Path) -> None:
    with live_sidecar(tmp_path / "root", settings={"api.token": None}) as running:
        token = (running.root / TOKEN_FILE).read_text().strip()
        assert running.client(token).get(f"{BASE}/config").status_code == 200
        assert running.client(TOKEN).get(f"{BASE}/config").status_code == 401


def test_refused_carries_its_problem() -> None:
    refused = Refused(404, "not_found", "nothing")
    assert refused.problem.detail == str(refused) == "nothing"


def test_secrets_stay_out_of_every_answer(live: LiveSidecar) -> None:
    client: httpx.Client = live.client()
    for path in ("/openapi.json", f"{BASE}/config", f"{BASE}/status", "/metrics", f"{BASE}/events"):
        text = client.get(path).text
        assert TOKEN not in text
        assert REVIEW_TOKEN not in text
        assert live.demo.key not in text
