"""The page for a browser: what it is served with, and what a hostile page or a thief can do with it."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from tests.live_sidecar import BASE, REVIEW_TOKEN, TOKEN, LiveSidecar, live_sidecar

from smartsort.api.page import FOLDER
from smartsort.api.sessions import COOKIE, HEADER

SESSION = f"{BASE}/session"


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveSidecar]:
    given = {"api.hosts": ["photos.example.org"], "api.base_path": "/sorted"}
    with live_sidecar(tmp_path_factory.mktemp("page") / "root", 8, settings=given) as running:
        yield running


@pytest.fixture
def browser(live: LiveSidecar) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=live.url, timeout=60) as client:
        yield client


def sign_in(client: httpx.Client, token: str = TOKEN, **headers: str) -> dict[str, str]:
    """The headers that a signed-in page sends."""
    answer = client.post(SESSION, json={"token": token}, headers=headers)
    assert answer.status_code == 200, answer.text
    # The cookie belongs to the path of the page, which is below the proxy's.
    client.headers["Cookie"] = answer.headers["set-cookie"].partition(";")[0]
    return {HEADER: answer.json()["word"]}


def waiting(client: httpx.Client) -> int:
    return int(client.get(f"{BASE}/review/queue").json()["items"][0]["id"])


@pytest.mark.parametrize("path", ["/", "/sorted/", *(f"/page/{one.name}" for one in FOLDER.iterdir())])
def test_every_file_of_the_page_is_hardened(browser: httpx.Client, path: str) -> None:
    answer = browser.get(path)
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "set-cookie" not in answer.headers
    assert TOKEN not in answer.text


@pytest.mark.parametrize(
    "path", ["/page/../guard.py", "/page/%2e%2e/api/guard.py", "/page//etc/passwd", "/page/", "/page/none.js"]
)
def test_nothing_else_is_served_beside_it(browser: httpx.Client, path: str) -> None:
    assert browser.get(path).status_code in {401, 404}


def test_the_page_names_no_other_host() -> None:
    for one in FOLDER.iterdir():
        text = one.read_text()
        outside = [line for line in text.splitlines() if "://" in line and "www.w3.org/2000/svg" not in line]
        assert outside == []


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(browser: httpx.Client) -> None:
    answer = browser.post(SESSION, json={"token": TOKEN})
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "samesite=strict" in cookie.lower()
    assert "Path=/sorted/" in cookie
    assert TOKEN not in cookie
    assert "Secure" not in cookie


def test_behind_https_the_cookie_is_secure_if_the_proxy_is_trusted(browser: httpx.Client) -> None:
    answer = browser.post(SESSION, json={"token": TOKEN}, headers={"X-Forwarded-Proto": "https"})
    assert "Secure" in answer.headers["set-cookie"]


def test_a_signed_in_page_may_look_and_act(browser: httpx.Client) -> None:
    word = sign_in(browser)
    photo_id = waiting(browser)
    done = browser.post(f"{BASE}/review/{photo_id}/skip", headers=word)
    assert done.json()["action"] == "skipped"
    event = browser.get(f"{BASE}/events").json()["events"][0]
    assert (event["kind"], event["actor"]) == ("deferred", "admin")


@pytest.mark.parametrize("word", [None, "", "0" * 64, "é"])
def test_another_page_can_change_nothing(browser: httpx.Client, word: str | None) -> None:
    sign_in(browser)
    photo_id = waiting(browser)
    headers = {} if word is None else {HEADER: word.encode()}
    for method, path in (
        ("POST", f"{BASE}/review/{photo_id}/reject"),
        ("POST", f"{BASE}/undo"),
        ("PATCH", f"{BASE}/config"),
        ("DELETE", f"{BASE}/config"),
        ("DELETE", SESSION),
        ("POST", f"{SESSION}/link"),
        ("POST", BASE),
    ):
        answer = browser.request(method, path, headers=headers, json={})
        assert answer.status_code == 403, (method, path)
    assert browser.get(f"{BASE}/review/items/{photo_id}").json()["action"] == "pending"


def test_the_word_of_one_session_does_not_fit_another(live: LiveSidecar, browser: httpx.Client) -> None:
    with httpx.Client(base_url=live.url, timeout=60) as other:
        theirs = sign_in(other)
    sign_in(browser)
    assert browser.post(f"{BASE}/review/{waiting(browser)}/skip", headers=theirs).status_code == 403


def test_no_one_can_prepare_a_session_for_someone_else(live: LiveSidecar, browser: httpx.Client) -> None:
    sign_in(browser, REVIEW_TOKEN)
    prepared = browser.headers["Cookie"]
    answer = browser.post(SESSION, json={"token": TOKEN})
    assert answer.headers["set-cookie"].partition(";")[0] != prepared
    assert answer.json()["name"] == "admin"
    with httpx.Client(base_url=live.url, headers={"Cookie": prepared}, timeout=60) as thief:
        assert thief.get(SESSION).json()["name"] == "reviewer"


def test_a_session_has_the_scopes_of_its_token(browser: httpx.Client) -> None:
    word = sign_in(browser, REVIEW_TOKEN)
    assert browser.get(f"{BASE}/review/queue").status_code == 200
    assert browser.post(f"{BASE}/disable", headers=word).status_code == 403


def test_after_signing_out_the_cookie_opens_nothing(browser: httpx.Client) -> None:
    word = sign_in(browser)
    answer = browser.delete(SESSION, headers=word)
    assert answer.status_code == 204
    assert f'{COOKIE}=""' in answer.headers["set-cookie"]
    assert browser.get(f"{BASE}/review/queue").status_code == 401


def test_a_token_counts_even_beside_a_cookie(browser: httpx.Client) -> None:
    sign_in(browser, REVIEW_TOKEN)
    answer = browser.get(f"{BASE}/status", headers={"Authorization": "Bearer wrong"})
    assert answer.status_code == 401
    answer = browser.delete(f"{BASE}/config", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "evil.example:8484"])
def test_a_name_that_others_can_point_here_gets_no_page_and_no_session(
    browser: httpx.Client, host: str
) -> None:
    for method, path in (("GET", "/"), ("POST", SESSION)):
        answer = browser.request(method, path, headers={"Host": host}, json={"token": TOKEN})
        assert answer.status_code == 421
        assert "api.hosts" in answer.json()["detail"]
    sign_in(browser)
    assert browser.get(f"{BASE}/status", headers={"Host": host}).status_code == 421


def test_an_allowed_name_below_a_path(browser: httpx.Client) -> None:
    word = sign_in(browser, Host="photos.example.org")
    home = {"Host": "photos.example.org"}
    assert browser.get("/sorted/", headers=home).status_code == 200
    assert browser.get("/sorted/page/app.js", headers=home).status_code == 200
    assert browser.get(f"/sorted{BASE}/review/queue", headers=home).status_code == 200
    assert browser.post(f"/sorted{BASE}/undo", headers={**home, **word}, json={}).status_code == 422
    moved = browser.get("/sorted", headers=home)
    assert (moved.status_code, moved.headers["location"]) == (308, "/sorted/")


def test_what_was_seen_stays_in_no_cache(browser: httpx.Client) -> None:
    sign_in(browser)
    assert browser.get(f"{BASE}/review/queue").headers["cache-control"] == "no-store"
    assert browser.get(SESSION).headers["cache-control"] == "no-store"
    picture = browser.get(f"{BASE}/review/items/{waiting(browser)}/thumbnail")
    assert "private" in picture.headers["cache-control"]


def test_a_link_signs_in_once(live: LiveSidecar, browser: httpx.Client) -> None:
    answer = live.client(REVIEW_TOKEN).post(f"{SESSION}/link").json()
    path, _, link = answer["path"].partition("#link=")
    assert path == "/sorted/"
    # What a messenger does that looks at a link before its reader does.
    assert browser.get(path).status_code == 200
    opened = browser.post(SESSION, json={"link": link})
    assert opened.json()["name"] == "reviewer"
    again = browser.post(SESSION, json={"link": link})
    assert again.status_code == 401
    assert "used already" in again.json()["detail"]


def test_guessing_tokens_has_to_wait(tmp_path) -> None:
    with live_sidecar(tmp_path / "root") as own, httpx.Client(base_url=own.url, timeout=60) as thief:
        answers = [thief.post(SESSION, json={"token": f"guess {number}"}) for number in range(12)]
        assert [one.status_code for one in answers] == [401] * 10 + [429] * 2
        assert int(answers[-1].headers["retry-after"]) > 0
        # The one who has a token is not kept out of the API by it.
        assert own.client().get(f"{BASE}/status").status_code == 200


def test_the_page_asks_for_all_its_modules_at_once() -> None:
    """Modules that others import would be asked for one after the other."""
    text = (FOLDER / "index.html").read_text()
    modules = sorted(one.name for one in FOLDER.glob("*.js"))
    assert [name for name in modules if text.count(f'"page/{name}"') != 1] == []
