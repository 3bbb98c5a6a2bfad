"""Questions on a phone: what is asked, what a button does, and what a button never does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from tests.live_sidecar import BASE, NOTHING_BY_ITSELF, LiveSidecar, live_sidecar
from tests.phones import BOT, CHAT, StandIn, stand_in

ANSWERS = f"{BASE}/answers"
ADDRESS = "https://photos.example.org/smartsort"


@pytest.fixture(scope="module")
def phones() -> Iterator[StandIn]:
    with stand_in() as found:
        yield found


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory, phones: StandIn) -> Iterator[LiveSidecar]:
    settings = {
        **NOTHING_BY_ITSELF,
        "notify.address": ADDRESS,
        "notify.digest_seconds": 0,
        "notify.ntfy.url": f"{phones.url}/topic",
        "notify.ntfy.token": "tk_secret",
        "notify.telegram.token": BOT,
        "notify.telegram.chat": CHAT,
        "notify.telegram.server": phones.url,
        "notify.telegram.pictures": True,
    }
    root = tmp_path_factory.mktemp("phones") / "root"
    with live_sidecar(root, 150, settings=settings, machine_learning=True) as running:
        yield running


class Questions:
    """The open questions as ntfy shows them, newest first; each test takes its own."""

    def __init__(self, live: LiveSidecar, phones: StandIn) -> None:
        self._live, self._phones, self._taken = live, phones, set[int]()

    def next(self) -> tuple[int, dict[str, Any]]:
        """The id of a photo that still waits and the tokens of its buttons, as ntfy has them.

        Those taken before make way: only so many are asked about at a time.
        """
        for photo_id in self._taken:
            if state(self._live, photo_id) == "pending":
                self._live.client().post(f"{BASE}/review/{photo_id}/reject")
        found = self._phones.wait_for(self._open)
        self._taken.add(found[0])
        return found

    def _open(self) -> tuple[int, dict[str, Any]] | None:
        for said in self._phones.published:
            photo_id = int(said["sequence-id"].removeprefix("smartsort-"))
            labels = {action["label"]: action for action in said["actions"]}
            if "Yes" in labels and photo_id not in self._taken:
                return photo_id, {**said, **labels}
        return None


@pytest.fixture(scope="module")
def questions(live: LiveSidecar, phones: StandIn) -> Questions:
    return Questions(live, phones)


def token(button: dict[str, Any]) -> str:
    return str(json.loads(button["body"])["token"])


def press(live: LiveSidecar, given: str) -> dict[str, Any]:
    answer = live.client(token=None).post(ANSWERS, json={"token": given})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def state(live: LiveSidecar, photo_id: int) -> str:
    return str(live.client().get(f"{BASE}/review/items/{photo_id}").json()["action"])


def events(live: LiveSidecar, photo_id: int) -> list[tuple[str, str]]:
    page = live.client().get(f"{BASE}/photos/{photo_id}/history").json()
    return [(one["kind"], one["actor"]) for one in page["events"]]


def test_a_question_says_whom_and_has_three_buttons(live: LiveSidecar, questions: Questions) -> None:
    photo_id, said = questions.next()
    item = live.client().get(f"{BASE}/review/items/{photo_id}").json()
    assert said["title"] == f"Is this {item['suggestion']['person']}?"
    assert said["message"] == item["filename"]
    assert said["token"] == "Bearer tk_secret"
    assert [one["label"] for one in said["actions"]] == ["Yes", "No", "Someone else"]
    assert said["Yes"]["url"] == f"{ADDRESS}/api/smart-download/answers"
    assert said["Yes"]["method"] == "POST"
    assert said["Someone else"]["url"] == f"{ADDRESS}/#review/{photo_id}"
    assert "picture" not in said


def test_at_most_three_wait_for_an_answer(live: LiveSidecar, phones: StandIn, questions: Questions) -> None:
    questions.next()
    asked = {said["sequence-id"] for said in phones.published}
    waiting = [one for one in asked if state(live, int(one.removeprefix("smartsort-"))) == "pending"]
    assert len(waiting) <= 3


def test_yes_files_it_and_undo_takes_it_back(
    live: LiveSidecar, phones: StandIn, questions: Questions
) -> None:
    photo_id, said = questions.next()
    done = press(live, token(said["Yes"]))
    assert done["done"]
    assert "is filed under" in done["text"]
    assert state(live, photo_id) == "approved"
    assert ("approved", "phone:ntfy") in events(live, photo_id)
    result = phones.wait_for(
        lambda: next((p for p in phones.published if p["actions"] and p["actions"][0]["label"] == "Undo"
                      and p["sequence-id"] == said["sequence-id"]), None)
    )  # fmt: skip
    assert result["message"] == done["text"]
    taken_back = press(live, token(result["actions"][0]))
    assert taken_back["done"]
    assert state(live, photo_id) == "pending"
    # What was answered stays answered, though the photo is as it was when it was asked about.
    again = press(live, token(said["Yes"]))
    assert not again["done"]
    assert "answered already" in again["text"]
    assert state(live, photo_id) == "pending"


def test_no_rules_the_person_out(live: LiveSidecar, questions: Questions) -> None:
    photo_id, said = questions.next()
    assert press(live, token(said["No"]))["done"]
    assert ("ruled_out", "phone:ntfy") in events(live, photo_id)
    assert not press(live, token(said["Yes"]))["done"]
    assert state(live, photo_id) == "pending"


def test_two_at_once_do_it_once(live: LiveSidecar, questions: Questions) -> None:
    photo_id, said = questions.next()
    with ThreadPoolExecutor(6) as pool:
        answers = list(
            pool.map(lambda given: press(live, given), [token(said["Yes"]), token(said["No"])] * 3)
        )
    assert sum(one["done"] for one in answers) == 1
    kinds = [kind for kind, _ in events(live, photo_id)]
    assert kinds.count("approved") + kinds.count("ruled_out") == 1


def test_a_photo_decided_in_the_terminal_is_left_alone(live: LiveSidecar, questions: Questions) -> None:
    photo_id, said = questions.next()
    live.client().post(f"{BASE}/review/{photo_id}/reject")
    answer = press(live, token(said["Yes"]))
    assert not answer["done"]
    assert "decided meanwhile" in answer["text"]
    assert state(live, photo_id) == "rejected"


def test_a_photo_that_has_changed_is_left_alone(live: LiveSidecar, questions: Questions) -> None:
    photo_id, said = questions.next()
    person = live.client().get(f"{BASE}/review/items/{photo_id}").json()["suggested_person"]
    live.client().post(f"{BASE}/review/{photo_id}/rule-out", json={"person": person})
    answer = press(live, token(said["Yes"]))
    assert not answer["done"]
    assert "has changed" in answer["text"]
    assert state(live, photo_id) == "pending"


def test_25_hostile_tokens_do_nothing(live: LiveSidecar, questions: Questions) -> None:
    photo_id, said = questions.next()
    yes, no = token(said["Yes"]), token(said["No"])
    kind, subject, until, mac = yes.split(".")
    other = live.client().get(f"{BASE}/review/queue", params={"limit": 500}).json()["items"][-1]["id"]
    last = live.client().get(f"{BASE}/events").json()["events"][0]["id"]
    hostile = [
        f"{kind}.{other}.{until}.{mac}",  # another photo
        f"{kind}.{subject}.{int(until) + 9999}.{mac}",  # for longer
        f"n.{subject}.{until}.{mac}",  # another answer with this signature
        f"y.{subject}.{until}.{no.split('.')[3]}",
        f"u.{last}.{until}.{mac}",  # undo anything
        f"u.{subject}.{until}.{mac}",
        f"{kind}.{subject}.{until}.",
        f"{kind}.{subject}.{until}.{'0' * 32}",
        f"{kind}.{subject}.{until}.{mac[:-1]}",
        f"{kind}.{subject}.{until}.{mac}0",
        f"{kind}.{subject}.{until}.{mac.upper()}",
        f"{kind}.{subject}.{until}.{mac}.{mac}",
        f"{kind}.0{subject}.{until}.{mac}",
        f"{kind}. {subject}.{until}.{mac}",
        f"{kind}.-{subject}.{until}.{mac}",
        f"{kind}.{subject}.1.{mac}",
        f"{kind.upper()}.{subject}.{until}.{mac}",
        f"{kind}.{subject}",
        yes[::-1],
        yes.replace(".", ","),
        " ",
        "null",
        "' OR 1=1 --",
        "y.٧.9.x",
        "\x00" * 20,
    ]
    assert len(hostile) == 25
    before = live.client().get(f"{BASE}/events").json()["events"][0]["id"]
    for given in hostile:
        answer = press(live, given)
        assert not answer["done"], given
    assert state(live, photo_id) == "pending"
    newest = live.client().get(f"{BASE}/events").json()["events"][0]["id"]
    assert newest == before


def test_looking_at_a_button_does_nothing(live: LiveSidecar, questions: Questions) -> None:
    """A messenger or a browser that fetches addresses before anyone presses."""
    photo_id, said = questions.next()
    client = live.client(token=None)
    for method in ("GET", "HEAD", "OPTIONS", "PUT"):
        answer = client.request(method, ANSWERS, params={"token": token(said["Yes"])})
        assert answer.status_code in {401, 405}
    assert client.post(ANSWERS, params={"token": token(said["Yes"])}).status_code == 422
    assert client.post(ANSWERS, json={"token": token(said["Yes"]), "person": "x"}).status_code == 422
    assert state(live, photo_id) == "pending"


def test_a_token_of_a_button_opens_nothing_else(live: LiveSidecar, questions: Questions) -> None:
    _, said = questions.next()
    given = token(said["Yes"])
    with httpx.Client(base_url=live.url, timeout=60) as thief:
        assert thief.get(f"{BASE}/status", headers={"Authorization": f"Bearer {given}"}).status_code == 401
        assert thief.post(f"{BASE}/session", json={"token": given}).status_code == 401
        assert thief.post(f"{BASE}/session", json={"link": given}).status_code == 401


def test_telegram_asks_with_a_picture_and_shows_the_result(
    live: LiveSidecar, phones: StandIn, questions: Questions
) -> None:
    photo_id, said = questions.next()
    asked = phones.wait_for(
        lambda: next(
            (v for v in phones.of("sendPhoto") if v["buttons"][0]["callback_data"] == token(said["Yes"])),
            None,
        )
    )
    assert asked["chat_id"] == CHAT
    assert asked["photo"][:2] == b"\xff\xd8"
    assert asked["buttons"][2]["url"] == f"{ADDRESS}/#review/{photo_id}"
    message = {"message_id": asked["message_id"], "photo": [{}]}
    # Another chat that has found the bot.
    phones.press(asked["buttons"][0]["callback_data"], message, chat="666")
    phones.press(asked["buttons"][0]["callback_data"], message)
    edited = phones.wait_for(
        lambda: next(
            (v for v in phones.of("editMessageCaption") if int(v["message_id"]) == asked["message_id"]), None
        )
    )
    assert "is filed under" in edited["caption"]
    assert edited["buttons"][0]["text"] == "Undo"
    assert state(live, photo_id) == "approved"
    assert [actor for kind, actor in events(live, photo_id) if kind == "approved"] == ["phone:grandma"]
    phones.press(edited["buttons"][0]["callback_data"], message)
    phones.wait_for(
        lambda: any(
            "Taken back" in v["caption"] and int(v["message_id"]) == asked["message_id"]
            for v in phones.of("editMessageCaption")
        )
    )
    assert state(live, photo_id) == "pending"


def test_no_secret_is_said_aloud(live: LiveSidecar, phones: StandIn) -> None:
    text = json.dumps(live.client().get(f"{BASE}/config").json())
    for secret in (BOT, "tk_secret", f"{phones.url}/topic"):
        assert secret not in text
