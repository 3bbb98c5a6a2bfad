"""A household: another user shares people who are in one's own list, too (Immich 3.2 and later)."""

from __future__ import annotations

from collections import Counter

import pytest
from tests.live_sidecar import BASE, live_sidecar

from smartsort.core.model import State
from smartsort.demo.run import WHITELIST
from smartsort.ledger import photos

SHARED = ("John Doe", "Sarah Smith")


@pytest.mark.parametrize("different", [(), SHARED])
def test_a_household_with_a_shared_person(tmp_path, different):
    demo = {"version": "3.2", "shared_people": SHARED}
    settings = {"immich.different_people": list(different), "immich.recheck_interval_seconds": 0.5}
    with live_sidecar(tmp_path / "root", 60, demo_options=demo, settings=settings) as live:
        taken = Counter(
            live.demo.state.people[face.person_id].owner_id
            for face in live.demo.state.faces.values()
            if face.person_id and live.demo.state.people[face.person_id].name in SHARED
        )
        assert len(taken) == 2, "Immich takes some faces for the own person and some for the shared one"
        ledger = live.sidecar.context.ledger
        found = ledger.read(lambda db: db.conn.execute("SELECT reasons FROM decisions").fetchall())
        ambiguous = sum("ambiguous_name" in reasons for (reasons,) in found)
        if different:
            assert ambiguous > 0
            return
        assert ambiguous == 0
        filed = {p.person_name for p in ledger.read(lambda db: photos.in_state(db, State.FILED, 100))}
        assert set(SHARED) <= filed
        ids = {
            row[0]
            for row in ledger.read(
                lambda db: db.conn.execute(
                    "SELECT DISTINCT person_id FROM names WHERE area = 'faces' AND path LIKE 'john_doe/%'"
                ).fetchall()
            )
        }
        assert len(ids) == 1, "all under the own person"
        client = live.client()
        live.wait_for(lambda: client.get(f"{BASE}/status").json()["health_issues"] != [], "the hint")
        hints = client.get(f"{BASE}/status").json()["health_issues"]
        assert [hint["kind"] for hint in hints] == ["shared_people"]
        assert all(name in hints[0]["message"] for name in SHARED)
        people = [p["name"] for p in client.get(f"{BASE}/people").json()]
        assert max(Counter(people).values()) == 1
        assert set(WHITELIST) & set(people)
