"""Verdicts about faces outlive what Immich forgets: a merge, a reset of all faces, and another model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.e2e.test_strangers import answer, faces_of, groups, photo_of
from tests.live_sidecar import BASE, LiveSidecar, live_sidecar

from smartsort.core.marks import marked
from smartsort.core.model import Evidence, MarkKind, State
from smartsort.demo.samples import STRANGERS, iter_strangers
from smartsort.ledger import face_marks, photos

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def live(tmp_path: Path) -> Iterator[LiveSidecar]:
    root = tmp_path / "root"
    samples = list(iter_strangers(root / "inbox"))
    settings = {"immich.recheck_interval_seconds": 0.3}
    with live_sidecar(root, settings=settings, machine_learning=True) as running:
        running.wait_for(lambda: running.all_sorted(len(samples)), "the strangers")
        assert running.sidecar.measure is not None
        running.run(running.sidecar.measure.measure_review())
        yield running


def immich(live: LiveSidecar) -> httpx.Client:
    assert live.demo is not None
    url = str(live.sidecar.settings.immich.url).rstrip("/")
    return httpx.Client(base_url=f"{url}/api", headers={"x-api-key": live.demo.key}, timeout=60)


def say(live: LiveSidecar, group: dict[str, Any], kind: str, **more: Any) -> None:
    asked = {"faces": faces_of(group), "kind": kind, **more}
    done = answer(live.client().post(f"{BASE}/strangers/mark", json=asked))
    assert done["failed"] == 0


def evidence_of(live: LiveSidecar, photo_id: int) -> Evidence:
    last = live.sidecar.context.ledger.read(lambda db: photos.last_decision(db, photo_id))
    assert last is not None
    return last[4]


def faces_on(live: LiveSidecar, photo_id: int) -> list[str]:
    return [face.id for face in evidence_of(live, photo_id).faces]


def waits_still(live: LiveSidecar, said: list[dict[str, Any]], kind: str) -> int:
    """A photo that a verdict has left in review."""
    ids = next(one["photos"] for one in said if one["kind"] == kind)
    found = live.sidecar.context.ledger.read(lambda db: photos.by_ids(db, ids))
    return next(photo.id for photo in found if photo.state is State.REVIEW)


def test_ignored_no_face_and_locked_outlive_a_merge_a_reset_and_another_model(live: LiveSidecar) -> None:
    client, demo = live.client(), live.demo
    assert demo is not None
    first, second, third, *_ = groups(client)
    say(live, first, "ignored")
    say(live, second, "not_a_face")
    say(live, third, "locked", person="John Doe")
    said = answer(client.get(f"{BASE}/strangers/verdicts"))
    waiting = {kind: waits_still(live, said, kind) for kind in ("ignored", "not_a_face", "locked")}

    with immich(live) as server:
        # Someone merges: the id of the locked person is gone, and the name is another's.
        john = next(p for p in demo.state.people.values() if p.name == "John Doe")
        other = answer(server.post("/people", json={"name": ""}), 201)
        answer(server.post(f"/people/{other['id']}/merge", json={"ids": [john.id]}))
        live.run(live.sidecar.people.refresh())
        # An admin chooses another model, and has all faces detected again.
        before = set(demo.state.faces)
        demo.state.face_model = "antelopev2"
        answer(server.put("/jobs/faceDetection", json={"command": "start", "force": True}))
        live.run(demo.wait_idle())
    assert before.isdisjoint(demo.state.faces)
    measure = live.sidecar.measure
    assert measure is not None
    measure._faces._asked_at = None  # an hour later

    def measured() -> bool:
        live.run(measure.step())
        model = live.run(measure._faces.model()).name
        return model == "antelopev2" and live.sidecar.context.ledger.read(
            lambda db: face_marks.unmeasured(db, model) is None
        )

    live.wait_for(measured, "the marked faces in the numbers of the other model", 120)
    assert answer(client.get(f"{BASE}/strangers/verdicts")) == said

    # The photos themselves: their faces have other ids, and what was said of them counts.
    def read_again(photo_id: int) -> bool:
        # Between the old faces and the new ones a photo may have none.
        faces = faces_on(live, photo_id)
        return bool(faces) and before.isdisjoint(faces)

    for kind, photo_id in waiting.items():
        live.wait_for(lambda i=photo_id: read_again(i), kind)  # type: ignore[misc]
        evidence = evidence_of(live, photo_id)
        assert kind in {mark.kind.value for mark in evidence.marks.values()}
        assert set(evidence.marks) <= {face.id for face in evidence.faces}
    # Immich lists nobody without a face, so John has no id that counts until somebody is John again.
    assert john.id not in demo.state.people
    names = {face.person.name for face in marked(evidence).faces if face.person is not None}
    assert "John Doe" in names

    # Another photo of the ignored stranger, who is known by the look alone.
    photo_of(live, "ignored.jpg", ["passer-by 0 0"])
    photo_of(live, "other.jpg", ["somebody else"])
    live.wait_for(lambda: live.all_sorted(sum(STRANGERS) + 2), "two more photos")
    more = live.sidecar.context.ledger.read(lambda db: photos.in_state(db, State.REVIEW, 100))
    marks = {photo.original_name: evidence_of(live, photo.id).marks for photo in more}
    [mark] = marks["ignored.jpg"].values()
    assert mark.kind is MarkKind.IGNORED
    assert mark.similarity is not None
    assert not marks["other.jpg"]
