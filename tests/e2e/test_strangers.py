"""Strangers over HTTP and by command: groups, one picture of each, names and lasting verdicts."""

from __future__ import annotations

import asyncio
import io
import os
import random
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner
from PIL import Image
from tests.live_sidecar import BASE, NOTHING_BY_ITSELF, TOKEN, LiveSidecar, live_sidecar

from smartsort.cli.main import cli
from smartsort.confidence.strangers import Strangers
from smartsort.demo.samples import STRANGERS, iter_strangers


@pytest.fixture
def live(tmp_path: Path) -> Iterator[LiveSidecar]:
    root = tmp_path / "root"
    samples = list(iter_strangers(root / "inbox"))
    with live_sidecar(root, machine_learning=True, settings=NOTHING_BY_ITSELF) as running:
        running.wait_for(lambda: running.all_sorted(len(samples)), "the strangers")
        measure = running.sidecar.measure
        assert measure is not None
        running.run(measure.measure_review())
        yield running


def answer(response: httpx.Response, status: int = 200) -> Any:
    assert response.status_code == status, response.text
    return response.json()


def command(live: LiveSidecar, *arguments: str) -> str:
    where = ["--url", live.url, "--token", TOKEN]
    done = CliRunner().invoke(cli, ["strangers", *arguments, *where], env={"COLUMNS": "160"})
    assert done.exit_code == 0, done.output
    return done.output


def groups(client: httpx.Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = answer(client.get(f"{BASE}/strangers"))["groups"]
    return found


def faces_of(*chosen: dict[str, Any]) -> dict[str, list[str]]:
    return {str(face["photo_id"]): [face["id"]] for group in chosen for face in group["faces"]}


def files(root: Path, *areas: str) -> set[str]:
    return {
        os.path.relpath(os.path.join(folder, name), root)
        for area in areas
        for folder, _, names in os.walk(root / area)
        for name in names
    }


def test_a_complete_review_of_strangers(live: LiveSidecar) -> None:
    client = live.client()
    found = groups(client)
    # The last photo of each shows somebody of the family, too, who is small and measured as well.
    assert [len(group["faces"]) for group in found if len(group["faces"]) > 1] == sorted(
        STRANGERS, reverse=True
    )
    largest = found[0]
    picture = client.get(largest["sheet"])
    assert picture.status_code == 200
    assert Image.open(io.BytesIO(picture.content)).width > 900

    before = files(live.root, "faces", "review")
    asked = {"faces": faces_of(largest), "person": {"name": "Mia", "create": True}}
    plan = answer(client.post(f"{BASE}/strangers/name", json={**asked, "dry_run": True}))
    assert plan["text"] == "6 photos → faces/mia, 1 stays: more faces than allowed"
    assert files(live.root, "faces", "review") == before
    done = answer(client.post(f"{BASE}/strangers/name", json={"preview": plan["preview"]}))
    assert (done["done"], done["failed"]) == (7, 0)
    assert len(files(live.root, "faces/mia")) == 6
    assert len(groups(client)) == len(found) - 1

    answer(client.post(f"{BASE}/undo", json={"event": done["event"]}))
    assert files(live.root, "faces", "review") == before
    assert len(groups(client)) == len(found)


def offers(client: httpx.Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = answer(client.get(f"{BASE}/review/offers"))
    return found


def test_what_several_ask_for_at_once_is_looked_for_once(
    live: LiveSidecar, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_for: list[str] = []
    actions = live.sidecar.actions
    ask = actions.settled_by_name

    async def slow(faces: Mapping[int, list[str]]) -> int:
        looked_for.append(str(faces))
        await asyncio.sleep(0.05)
        return await ask(faces)

    monkeypatch.setattr(actions, "settled_by_name", slow)
    with ThreadPoolExecutor(3) as pool:
        one, *others = pool.map(lambda _: offers(live.client()), range(3))
    assert others == [one, one]
    assert sorted(looked_for) == sorted(set(looked_for))


def test_what_settles_most_photos_is_offered_first_and_follows_what_waits(live: LiveSidecar) -> None:
    client = live.client()
    first, *_ = found = offers(client)
    assert first["text"] == "One name files 6 of 7 photos of a stranger"
    assert [one["photos"] for one in found] == [6, 5, 5]
    by_id = {group["id"]: group for group in groups(client)}
    for one in found:
        # What is offered is what naming them does.
        asked = {"faces": faces_of(by_id[one["id"]]), "person": {"name": "Mia", "create": True}}
        plan = answer(client.post(f"{BASE}/strangers/name", json={**asked, "dry_run": True}))
        assert plan["text"].startswith(f"{one['photos']} photos → faces/mia")

    ignored = {"faces": faces_of(by_id[first["id"]]), "kind": "ignored"}
    done = answer(client.post(f"{BASE}/strangers/mark", json=ignored))
    assert first["id"] not in {one["id"] for one in offers(client)}
    answer(client.post(f"{BASE}/undo", json={"event": done["event"]}))
    assert offers(client)[0] == first

    measure = live.sidecar.measure
    assert measure is not None
    photo_of(live, "again.jpg", ["passer-by 0 0"])
    live.wait_for(lambda: live.all_sorted(sum(STRANGERS) + 1), "one more photo")
    live.run(measure.measure_review())
    assert offers(client)[0]["text"] == "One name files 7 of 8 photos of a stranger"


def test_what_is_ignored_is_listed_and_revoked(live: LiveSidecar) -> None:
    client = live.client()
    chosen = groups(client)[0]
    listed = command(live, "list")
    assert chosen["id"] in listed
    assert "7" in listed
    told = command(live, "mark", "ignored", chosen["id"][:8], "--yes")
    assert "7 done" in told
    # Beside somebody of the family the stranger stood in the way of filing.
    assert "1 photo → faces/" in told
    assert chosen["id"] not in command(live, "list")
    [verdict] = answer(client.get(f"{BASE}/strangers/verdicts"))
    assert (verdict["kind"], len(verdict["photos"])) == ("ignored", 7)
    command(live, "revoke", verdict["key"])
    assert answer(client.get(f"{BASE}/strangers/verdicts")) == []
    again = client.post(f"{BASE}/strangers/verdicts/{verdict['key']}/revoke")
    assert (again.status_code, again.json()["code"]) == (404, "not_found")


def test_statistics_show_how_many_photos_a_decision_settles(live: LiveSidecar) -> None:
    client = live.client()

    def settled() -> tuple[int, float | None]:
        summary = answer(client.get(f"{BASE}/stats/summary", params={"days": 2}))
        return summary["decisions"], summary["photos_per_decision"]

    assert settled() == (0, None)
    first, second, third, *_ = groups(client)
    named = {"faces": faces_of(first), "person": {"name": "Mia", "create": True}}
    done = answer(client.post(f"{BASE}/strangers/name", json=named))
    # Of the 7 photos one waits on: it shows somebody else, too.
    assert settled() == (1, 6.0)
    answer(client.post(f"{BASE}/strangers/mark", json={"faces": faces_of(second, third), "kind": "same"}))
    assert settled() == (2, 3.0)
    answer(client.post(f"{BASE}/undo", json={"event": done["event"]}))
    assert settled() == (1, 0.0)


def test_statistics_show_how_many_photos_a_key_press_settles(live: LiveSidecar) -> None:
    client = live.client()

    def settled() -> tuple[int, float | None]:
        summary = answer(client.get(f"{BASE}/stats/summary", params={"days": 2}))
        return summary["key_presses"], summary["photos_per_key_press"]

    def pressed(keys: int, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        given = client.post(f"{BASE}/{path}", json=body, headers={"Key-Presses": str(keys)})
        return answer(given)

    first, second, third, *_ = groups(client)
    answer(client.post(f"{BASE}/strangers/mark", json={"faces": faces_of(third), "kind": "not_a_face"}))
    assert settled() == (0, None), "a script presses no key"
    named = {"faces": faces_of(first), "person": {"name": "Mia", "create": True}, "dry_run": True}
    would = pressed(5, "strangers/name", named)
    assert settled() == (0, None), "a preview decides nothing"
    for _ in range(2):  # a lost answer is asked for again
        done = pressed(4, "strangers/name", {"preview": would["preview"]})
    assert settled() == (4, 1.5)
    waiting = [face["photo_id"] for face in second["faces"]]
    pressed(1, f"review/{waiting[0]}/skip")
    pressed(1, f"review/{waiting[0]}/reject")
    assert settled() == (6, 1.17)
    pressed(2, "review/bulk/reject", {"ids": waiting[1:5]})
    assert settled() == (8, 1.38)
    # What is taken back settles nothing, and its keys were pressed all the same.
    pressed(1, "undo", {"event": done["event"]})
    assert settled() == (8, 0.62)
    for keys in ("-1", "10001", "null"):
        wrong = client.post(f"{BASE}/review/{waiting[5]}/reject", headers={"Key-Presses": keys})
        assert (wrong.status_code, wrong.json()["code"]) == (422, "invalid")


def test_a_photo_that_is_judged_again_with_the_same_outcome_is_what_the_preview_showed(
    live: LiveSidecar,
) -> None:
    """Each name that is given has the others' photos judged again, while the next group is looked at."""
    client = live.client()
    first, *_ = groups(client)
    named = {"faces": faces_of(first), "person": {"name": "Mia", "create": True}, "dry_run": True}
    would = answer(client.post(f"{BASE}/strangers/name", json=named))
    columns = "photo_id, at, outcome, category, policy_version, reasons, evidence"
    ids = ", ".join(faces_of(first))
    again = f"INSERT INTO decisions ({columns}) SELECT {columns} FROM decisions WHERE photo_id IN ({ids})"
    live.sidecar.context.ledger.write(lambda db: db.conn.execute(again))
    done = answer(client.post(f"{BASE}/strangers/name", json={"preview": would["preview"]}))
    assert (done["done"], done["changed"]) == (len(first["faces"]), [])


def sizes(client: httpx.Client) -> list[int]:
    return [len(group["faces"]) for group in groups(client)]


def test_groups_that_a_human_joins_and_splits_stay_so_until_that_is_revoked_or_undone(
    live: LiveSidecar,
) -> None:
    client = live.client()
    first, second, *_ = found = groups(client)
    before = files(live.root, "faces", "review")
    assert "done" in command(live, "join", first["id"], second["id"])
    both = len(first["faces"]) + len(second["faces"])
    assert sizes(client)[0] == both
    [joined] = answer(client.get(f"{BASE}/strangers/verdicts"))
    assert (joined["kind"], len(joined["photos"])) == ("same", both)

    measure = live.sidecar.measure
    assert measure is not None
    restarted = live.run(Strangers(live.sidecar.context).groups(measure.galleries.level))
    assert [len(group) for group in restarted] == sizes(client)

    largest = groups(client)[0]
    command(live, "split", largest["id"], "1", "2")
    assert sizes(client)[0] == both - 2
    out = {face["id"] for face in largest["faces"][:2]}
    assert not any({face["id"] for face in group["faces"]} > out for group in groups(client))
    command(live, "split", groups(client)[0]["id"], "3")
    split = sorted(sizes(client), reverse=True)
    assert split[0] == both - 3

    # Those who were split off first stay away, although the second split says nothing of them.
    kept = {face["id"] for face in groups(client)[0]["faces"]}
    assert kept.isdisjoint(out)
    for verdict in answer(client.get(f"{BASE}/strangers/verdicts")):
        command(live, "revoke", verdict["key"])
    assert sizes(client) == [len(group["faces"]) for group in found]
    assert files(live.root, "faces", "review") == before

    done = answer(
        client.post(f"{BASE}/strangers/mark", json={"faces": faces_of(first, second), "kind": "same"})
    )
    assert sizes(client)[0] == both
    answer(client.post(f"{BASE}/undo", json={"event": done["event"]}))
    assert sizes(client) == [len(group["faces"]) for group in found]
    for wrong in (
        {"kind": "apart"},
        {"kind": "same", "others": faces_of(second)},
        {"others": faces_of(second)},
    ):
        refused = client.post(f"{BASE}/strangers/mark", json={"faces": faces_of(first), **wrong})
        assert refused.status_code == 422


def test_without_a_face_or_a_person_nothing_is_done(live: LiveSidecar) -> None:
    client = live.client()
    assert client.post(f"{BASE}/strangers/name", json={"faces": {}}).status_code == 422
    assert client.post(f"{BASE}/strangers/mark", json={"faces": {}, "kind": "ignored"}).status_code == 422
    assert client.get(f"{BASE}/strangers/{'0' * 16}/sheet").status_code == 404


def test_commands_come_without_numpy_until_somebody_looks_at_strangers() -> None:
    code = (
        "import sys; from smartsort.cli import main; main._leave_out_unused();"
        "import smartsort.bootstrap, smartsort.confidence.strangers; assert sys.modules.get('numpy') is None;"
        "from smartsort.confidence.neighbours import rows; assert sys.modules['numpy'] is not None"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def photo_of(live: LiveSidecar, name: str, people: list[str]) -> None:
    """Hand in one more photo of these people."""
    from smartsort.demo import jpeg
    from smartsort.demo.regions import Region, region_xmp
    from smartsort.demo.scenes import HEAD, draw_people

    size = (400, 300)
    drawing = draw_people(people, size, random.Random(name), HEAD)
    regions = [Region(who, *box) for who, box in zip(people, drawing.boxes, strict=True)]
    (live.root / "inbox" / name).write_bytes(jpeg.with_xmp(drawing.content, region_xmp(regions, *size)))


def test_the_next_photo_beside_an_ignored_stranger_is_filed_and_beside_somebody_unwanted_it_is_not(
    live: LiveSidecar,
) -> None:
    client = live.client()
    largest = groups(client)[0]
    answer(client.post(f"{BASE}/strangers/mark", json={"faces": faces_of(largest), "kind": "ignored"}))
    stranger = "passer-by 0 0"
    photo_of(live, "wanted.jpg", ["Sarah Smith", stranger])
    photo_of(live, "unwanted.jpg", ["Victor Grey", stranger])
    photo_of(live, "other.jpg", ["Sarah Smith", "somebody else"])
    live.wait_for(lambda: live.all_sorted(sum(STRANGERS) + 3), "three more photos")
    where = {os.path.basename(path): path for path in files(live.root, "faces", "review")}
    assert where["wanted.jpg"] == "faces/sarah_smith/wanted.jpg"
    assert where["unwanted_unwanted.jpg"].startswith("review/unwanted_person/")
    assert where["multi_other.jpg"].startswith("review/multiple_faces/")
    [filed] = answer(client.get(f"{BASE}/events", params={"kind": "sorted", "limit": 1}))["events"]
    explained = answer(client.get(f"{BASE}/photos/{filed['photo_id']}/explain"))
    assert "1 ignored" in str(explained)
