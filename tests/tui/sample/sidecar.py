"""The made-up sidecar: answers to the requests the terminal UI makes.

`answer` works without a socket (`SampleTransport`) and behind any server; what it does is a small, honest
part of what smartsort does: decided items leave the queue, a second decision is a conflict, undo brings back.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from tests.tui.sample import data, evaluation, pictures
from tests.tui.sample.answers import Answer, Refusal, json_answer
from tests.tui.sample.deciding import SampleDesk
from tests.tui.sample.waiting import NOON

from smartsort.api.schemas.base import ResponseModel, State
from smartsort.api.schemas.control import ConfigPatch, ConfigView, ListChange, ListView, WrongLimit
from smartsort.api.schemas.decisions import Approve, BulkApprove, Selection
from smartsort.api.schemas.evaluation import RuleOut, WhatIfReport
from smartsort.api.schemas.history import EventPage, Undo
from smartsort.api.schemas.near_misses import NearMisses
from smartsort.api.schemas.problems import Problem
from smartsort.api.schemas.review import Offer
from smartsort.api.schemas.state import (
    Check,
    DoctorReport,
    HealthIssueView,
    PhotoInProgress,
    Status,
)
from smartsort.api.views import wrong_limit
from smartsort.core.wrong_limit import LimitInForce, Observed, outlook, threshold
from smartsort_tui import wording

__all__ = ["BASE", "NOON", "Answer", "SampleSidecar"]

BASE = data.BASE


class SampleSidecar(SampleDesk):
    """A whole sidecar as far as the terminal UI asks it."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.settings: dict[str, Any] = {
            "max_wrong_per_1000": 5.0,
            "min_confidence": 0.5,
            "min_margin": 0.05,
            "max_faces_per_image": 1,
            "min_face_area": 0.15,
            "when_confidence_unknown": "accept",
            "multiple_faces": "review",
            "action_on_duplicate": "move_to_review",
            "review_categories": dict.fromkeys(wording.CATEGORIES, True),
        }
        self.set_by_hand = False
        self.offers: list[Offer] = []
        if self.busy:
            self.some_history()

    # --- answering --------------------------------------------------------------------------

    def answer(
        self, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str], body: bytes
    ) -> Answer:
        """The answer to one request; the event stream is not among them (see `status`, `events`)."""
        self.requests[f"{method} {path.rsplit('/', 1)[-1]}"] += 1
        if not self.is_known(headers):
            return json_answer(Problem(detail="the token is missing or wrong", code="unauthorised"), 401)
        if not path.startswith(BASE):
            return Answer(404, "text/html", b"<html>nothing here</html>")
        parts = [unquote(part) for part in path.removeprefix(BASE).strip("/").split("/")]
        try:
            with self.lock:
                return self._route(method, parts, query, body)
        except Refusal as refusal:
            return refusal.answer

    def is_known(self, headers: Mapping[str, str]) -> bool:
        """Whether the token is right, with the header's names in lower case."""
        return not self.token or headers.get("authorization") == f"Bearer {self.token}"

    def _route(self, method: str, parts: list[str], query: Mapping[str, str], body: bytes) -> Answer:
        match [method, *parts]:
            case ["GET", "review", "queue", *rest]:
                return json_answer(self.page(rest[0] if rest else query.get("category"), query))
            case ["GET", "review", "near-misses"]:
                return _list(self.near())
            case ["GET", "review", "offers"]:
                return _list(self.offers)
            case ["GET", "review", "near-misses", _, "sheet"]:
                return Answer(200, "image/jpeg", pictures.sheet(6))
            case ["GET", "review", "items", item, ("thumbnail" | "preview")]:
                return self._picture(int(item))
            case ["GET", "review", "items", item]:
                whole = data.whole(self.waiting(int(item)), self.clock(), self.count)
                return json_answer(evaluation.without(whole, self.ruled_out.get(int(item), set())))
            case ["GET", "photos", photo, "explain"] if 0 < int(photo) <= self.count:
                return json_answer(evaluation.explained(int(photo), self.clock(), self.count))
            case [_, "spot-checks", *rest]:
                return json_answer(self.spot_checks(rest, body))
            case [_, "deletions"]:
                return json_answer(self.deletions(body))
            case ["POST", "review", item, "rule-out"]:
                return json_answer(self.rule_out(int(item), RuleOut.model_validate_json(body)))
            case ["GET", "photos", photo, ("thumbnail" | "preview")]:
                return Answer(200, "image/jpeg", pictures.photo(int(photo), 1, (320, 240)))
            case ["GET", "photos", photo, "history"]:
                return json_answer(EventPage(events=self.history(int(photo))))
            case ["GET", "review", "export"]:
                return Answer(200, "text/csv", self.export(query.get("category")))
            case ["POST", "review", "bulk", "approve"]:
                bulk = BulkApprove.model_validate_json(body)
                return json_answer(self.bulk(bulk, "approved", bulk.approve))
            case ["POST", "review", "bulk", "reject"]:
                return json_answer(self.bulk(Selection.model_validate_json(body), "rejected"))
            case ["POST", "review", "bulk", "skip"]:
                return json_answer(self.bulk(Selection.model_validate_json(body), "deferred"))
            case ["POST", "review", item, "approve"]:
                return json_answer(self.approve(int(item), Approve.model_validate_json(body)))
            case ["POST", "review", item, "reject"]:
                return json_answer(self.decide(int(item), "rejected", None))
            case ["POST", "review", item, "skip"]:
                return json_answer(self.defer(int(item)))
            case ["POST", "undo"]:
                return json_answer(self.undo(Undo.model_validate_json(body)))
            case ["GET", "events"]:
                return json_answer(
                    EventPage(events=list(reversed(self.events[-int(query.get("limit", "100")) :])))
                )
            case ["GET", "people"]:
                return _list(self.people())
            case ["GET", "people", who, "mixed"] if who in self.mixed:
                return Answer(200, "image/jpeg", pictures.sheet(6, 4))
            case ["POST", "people", who, "one-person"] if who in self.mixed:
                return json_answer(self.one_person(who))
            case ["GET", "people", who, "thumbnail"]:
                seed = int(who.rsplit("-", 1)[-1]) if who[-1].isdigit() else 3
                return Answer(200, "image/jpeg", pictures.photo(seed, 1))
            case ["POST", "what-if"]:
                return json_answer(self._what_if(ConfigPatch.model_validate_json(body)))
            case [_, "config", *rest]:
                return self._config(method, rest, body)
            case ["GET", "stats", "summary"]:
                days = int(query.get("days", "30"))
                summary = data.summary(days, self.clock(), len(self.pending), dict(self.counts))
                result = evaluation.page(self.unchecked, self.checked, self.clock()).result
                return json_answer(summary.model_copy(update={"spot_checks": result}))
            case ["POST", ("enable" | "disable") as act]:
                self.enabled = act == "enable"
                return json_answer(self.status())
            case ["GET", "status"]:
                return json_answer(self.status())
            case ["GET", "doctor"]:
                return json_answer(_doctor())
        raise Refusal(404, "not_found", f"there is no {'/'.join(parts)}")

    # --- the rest ---------------------------------------------------------------------------

    def near(self) -> list[NearMisses]:
        """Whom photos that wait are close to."""
        return evaluation.near_misses(self.pending)

    def status(self) -> Status:
        now = self.clock().isoformat()
        flying = [
            PhotoInProgress(
                photo_id=1, filename="IMG_9001.jpg", source="phone", state=State.HASHED, since=now
            ),
            PhotoInProgress(
                photo_id=2, filename="IMG_9002.jpg", source="phone", state=State.PLACED, since=now
            ),
            PhotoInProgress(
                photo_id=3, filename="家族.jpg", source="instagram", state=State.KNOWN, since=now
            ),
            PhotoInProgress(
                photo_id=4,
                filename="broken.jpg",
                source="whatsapp",
                state=State.KNOWN,
                since=now,
                problem="Immich has not finished its thumbnail; asked again",
            ),
        ]
        deleted = (
            [HealthIssueView(kind="deletions", message=f"{len(self.deleted)} photos were deleted", since=now)]
            if self.deleted
            else []
        )
        return Status(
            enabled=self.enabled,
            ready=True,
            version="0.1.0",
            immich="connected",
            immich_version="3.1.0",
            immich_url="http://immich-server:2283",
            root="/data",
            inbox="/data/inbox",
            in_review=len(self.pending),
            in_progress_by_state={"placed": 1, "known": 2} if self.busy else {},
            health_issues=deleted,
            queues={"thumbnailGeneration": 1210, "faceDetection": 1204} if self.busy else {},
            estimated_wait_seconds=312.0 if self.busy else 4.0,
            in_progress=flying if self.busy else [],
            started_at=now,
        )

    def _picture(self, item: int) -> Answer:
        if item in self.broken_pictures:
            return Answer(200, "image/jpeg", b"\xff\xd8\xff not a picture at all")
        size = (300, 225) if data.category(item) == "duplicates" else pictures.SIZE
        seed = item - 1000 if item > self.count else item
        return Answer(200, "image/jpeg", pictures.photo(seed % 48, data.face_count(item), size))

    # --- settings ---------------------------------------------------------------------------

    def _config(self, method: str, rest: list[str], body: bytes) -> Answer:
        match rest:
            case [("whitelist" | "blacklist") as which]:
                if method != "GET":
                    change = ListChange.model_validate_json(body)
                    self.listed[which] |= set(change.add)
                    self.listed[which] -= set(change.remove)
                return json_answer(ListView(names=sorted(self.listed[which])))
            case _:
                if method == "PATCH":
                    asked = ConfigPatch.model_validate_json(body)
                    limit = self._limit(asked)
                    patch = asked.model_dump(exclude_none=True)
                    self.set_by_hand = limit.by_hand
                    self.settings["min_confidence"] = limit.min_confidence
                    self.settings["review_categories"].update(patch.pop("review_categories", {}))
                    self.settings.update(patch)
                return json_answer(
                    ConfigView(
                        config={"smart_download": self.settings},
                        whitelist=sorted(self.listed["whitelist"]),
                        blacklist=sorted(self.listed["blacklist"]),
                        limit=self._limit(ConfigPatch()),
                    )
                )

    def _limit(self, patch: ConfigPatch) -> WrongLimit:
        """What a household says with one wrong filing among 212."""
        seen = Observed(((60, 20, 1), (65, 40, 0), (80, 152, 0)))
        limit = patch.max_wrong_per_1000 or self.settings["max_wrong_per_1000"]
        by_hand = self.set_by_hand and patch.max_wrong_per_1000 is None
        least = self.settings["min_confidence"]
        if patch.min_confidence is not None:
            by_hand, least = True, patch.min_confidence
        elif patch.max_wrong_per_1000 is not None:
            least = threshold(limit, seen.curve)
        return wrong_limit(LimitInForce(limit, by_hand, seen, outlook(least, limit, seen.curve)))

    def _what_if(self, patch: ConfigPatch) -> WhatIfReport:
        before = {"faces": 410, "low_confidence": 42, "unidentified": 31, "multiple_faces": 17}
        least = self._limit(patch).min_confidence
        moved = round((self.settings["min_confidence"] - least) * 100)
        moved = max(-410, min(42, moved))
        after = {**before, "faces": before["faces"] + moved, "low_confidence": 42 - moved}
        way = "low_confidence -> faces" if moved > 0 else "faces -> low_confidence"
        moves = {way: abs(moved)} if moved else {}
        return WhatIfReport(
            days=90,
            evaluated=500,
            decided_by_human=0,
            before=before,
            after=after,
            moves=moves,
            photos=[],
            limit=self._limit(patch),
        )


def near_miss_offers(sidecar: SampleSidecar) -> list[Offer]:
    """The offer to say yes to whom most photos are close to."""
    near = sidecar.near()[0]
    text = f"One yes files {len(near.faces)} photos that might be {near.person.name}"
    return [Offer(kind="near_misses", id=near.person.id, photos=len(near.faces), text=text)]


def _list(found: Sequence[ResponseModel]) -> Answer:
    return Answer(200, "application/json", json.dumps([one.model_dump() for one in found]).encode())


def _doctor() -> DoctorReport:
    return DoctorReport(
        status="degraded",
        checks=[
            Check(name="Immich", verdict="ok", detail="3.1.0 answers in 12 ms"),
            Check(name="permissions", verdict="ok", detail="all that are needed are there"),
            Check(name="hard links", verdict="ok", detail="library, faces and review are one file system"),
            Check(
                name="confidence",
                verdict="warning",
                detail="no machine learning service is configured",
                remedy="set immich.ml_url to have confidences",
            ),
        ],
    )
