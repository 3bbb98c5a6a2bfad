"""Assigns faces to people in Immich, and takes that back. Delivered from the outbox, in order for each photo.

Immich has no call that leaves a face without a person and deletes nothing, so a face that belonged to nobody
before is taken back by giving it to a new person without a name: for Immich, and for smartsort, that is a
stranger again. The history has what was changed (`face_assigned`, `face_unassigned`), for an exact undo.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlite_utils import Database

from smartsort.core.event_kinds import EventKind
from smartsort.core.model import Face, Film, State
from smartsort.core.naming import folder_names, spelled
from smartsort.core.policy import called
from smartsort.errors import ImmichRejected
from smartsort.ledger import events, key_value, outbox, photos
from smartsort.ledger.outbox import Message
from smartsort.ledger.person_folders import HOLDS
from smartsort.ledger.photos import Change
from smartsort.ledger.records import Area, Member, NewEvent, Photo
from smartsort.pipeline.engine.context import Context
from smartsort.pipeline.routing.people import People

KINDS = ("assign_face", "reassign_face", "revive")


class NotYetError(Exception):
    """Immich is not so far. The message is tried again later."""


class FaceAssigner:
    """Delivers the messages that are about one photo's faces."""

    def __init__(self, context: Context, people: People) -> None:
        self._context, self._people = context, people

    async def deliver(self, message: Message) -> None:
        """Carry one message out and write down what it changed. Raises NotYetError, ImmichError."""
        photo = await self._context.ledger.aread(lambda db: photos.get(db, message.photo_id or 0))
        # One that was given back to its folder is purged, and its faces are given back as well.
        if photo is None or (photo.state is State.PURGED and message.kind != "reassign_face"):
            await self._done(message, ())
            return
        if message.kind == "revive":
            await self._revive(message, photo)
            return
        if photo.asset_id is None:
            await self._done(message, ())
            return
        if message.kind == "assign_face":
            await self._assign(message, photo)
            return
        await self._reassign(message, photo)

    # --- a face gets a person ----------------------------------------------------------------

    async def _assign(self, message: Message, photo: Photo) -> None:
        data = dict(message.data)
        if "chosen" not in data:
            faces = await self._faces(photo)
            if not faces and data.get("wait"):
                raise NotYetError("Immich has not found the faces yet")
            data["person"] = data["person"] or await self._known(data)
            film = await self._film(photo)
            if film is not None:
                data["face"] = on_poster(film, data)
                if data["face"] is None:
                    await self._failed(message, f"the poster frame does not show {data['name']}")
                    return
            face = face_to_assign(faces, data)
            if face is None:
                # Immich may have found it out by itself. The photo is that person's all the same.
                person_id: Any = data["person"]
                shown = any(_is(each, person_id) for each in faces)
                await self._done(message, (), person=(person_id, data["name"]) if shown else None)
                return
            if data["person"] is None:
                data["person"] = await self._made(data)
            if data["person"] is None:
                await self._failed(message, f"Immich has no person called {data['name']}, or several")
                return
            # Written down before the call: after a kill the face no longer tells whose it was.
            data["chosen"] = {
                "face": face.id,
                "was": face.person.id if face.person else None,
                "was_name": face.person.name if face.person else None,
            }
            await self._context.ledger.awrite(lambda db: outbox.revise(db, message.id, data))
            self._context.checkpoint("assign_face:chosen")
        chosen = data["chosen"]
        try:
            await self._context.server.assign_face(chosen["face"], data["person"])
        except ImmichRejected:
            if await self._forgotten(message, data):
                raise NotYetError(f"{data['name']} is no longer in Immich and is made again") from None
            raise
        self._context.checkpoint("assign_face:assigned")
        if all(person.id != data["person"] for person in self._people.known):
            self._people.expire()  # Immich lists nobody without a face, so it lists them from now on
        assigned = {k: data[k] for k in ("act", "person", "name")} | chosen
        await self._done(
            message,
            [NewEvent(EventKind.FACE_ASSIGNED, photo.id, assigned)],
            person=(data["person"], data["name"]),
        )

    async def _film(self, photo: Photo) -> Film | None:
        """Return who is in the frames of a video, if that was found out."""
        last = await self._context.ledger.aread(lambda db: photos.last_decision(db, photo.id))
        film = last[4].film if last is not None else None
        return film if film is not None and film.is_judged else None

    async def _known(self, data: Mapping[str, Any]) -> str | None:
        """Return the one person of this name, or the one made for it, None when there is none or a choice."""
        name = str(data["name"])
        found = [p.id for p in called(name, await self._people.refresh())]
        if data.get("create"):  # a new person may have the folder form of another's name
            found = [p.id for p in self._people.known if spelled(p.name) == spelled(name)]
        if len(found) == 1:
            return found[0]
        if found:
            return None
        # Immich lists nobody without a face, so a person just made is known by our own memory only.
        made: str | None = await self._context.ledger.aread(lambda db: key_value.get(db, _memory(name)))
        return made

    async def _forgotten(self, message: Message, data: Mapping[str, Any]) -> bool:
        """True when the person was one we made and Immich has tidied away since, having no face left."""
        key = _memory(str(data["name"]))

        def write(db: Database) -> bool:
            if key_value.get(db, key) != data["person"]:
                return False
            key_value.forget(db, key)
            rest = {k: v for k, v in data.items() if k != "chosen"}
            outbox.revise(db, message.id, {**rest, "person": None})
            return True

        return await self._context.ledger.awrite(write)

    async def _made(self, data: Mapping[str, Any]) -> str | None:
        name = str(data["name"])
        there = {spelled(person.name) for person in await self._people.refresh()}
        if not data.get("create") or spelled(name) in there:
            return None
        person = await self._context.server.create_person(name)
        await self._context.ledger.awrite(lambda db: key_value.put(db, _memory(name), person.id))
        return person.id

    # --- and loses it ------------------------------------------------------------------------

    async def _reassign(self, message: Message, photo: Photo) -> None:
        act = message.data["act"]
        assigned = await self._context.ledger.aread(lambda db: _assigned(db, photo.id, act))
        if not assigned:
            await self._done(message, ())
            return
        now = {face.id: face for face in await self._faces(photo)}
        happened: list[NewEvent] = []
        server = self._context.server
        for was in reversed(assigned):
            face = now.get(was["face"])
            if face is None or face.person is None or face.person.id != was["person"]:
                continue  # somebody has changed it in Immich since: theirs is the last word
            back = was["was"]
            if back is None:
                back = (await server.create_person("")).id
            await server.assign_face(face.id, back)
            told = {"act": act, "face": face.id, "from": was["person"], "to": was["was"], "stranger": back}
            told |= {"name": was.get("name"), "was_name": was.get("was_name")}
            if was["was"] is not None:
                told.pop("stranger")
            happened.append(NewEvent(EventKind.FACE_UNASSIGNED, photo.id, told))
        await self._done(message, happened)

    # --- an asset that came back -------------------------------------------------------------

    async def _revive(self, message: Message, photo: Photo) -> None:
        """A photo is back in the library: the same asset, or a new one that knows nothing of its past."""
        if await self._path(photo) is None:  # it was thrown away, or its approval was taken back
            await self._done(message, ())
            return
        reference = await self._resolve(photo)
        if reference is None:
            raise NotYetError("Immich has not found the file again yet")
        if reference == photo.asset_id:
            await self._done(message, ())
            return
        await self._renew(photo, reference, message)

    async def _renew(self, photo: Photo, asset_id: str, message: Message | None) -> None:
        """Take over a new asset id, and say again what the old asset had been told.

        What was read before Immich was asked may have changed: an undo of that time counts.
        """
        context = self._context
        at = context.clock.text()
        told = {"asset": asset_id, "was": photo.asset_id, "act": f"revive-{asset_id}"}

        def write(db: Database) -> None:
            now = photos.get(db, photo.id)
            if now is None or now.asset_id != photo.asset_id:
                return  # taken over by another stage: the message is looked at again
            people = _filed_under(db, now)
            messages: list[tuple[str, Mapping[str, Any]]] = []
            for kind, value in db.conn.execute(
                "SELECT kind, value FROM told WHERE photo_id = ? ORDER BY kind, value", (photo.id,)
            ):
                key = "album_add" if kind == "album" else kind
                messages.append((key, {"asset_id": asset_id, kind: value}))
            messages += [
                (
                    "assign_face",
                    {
                        "act": told["act"],
                        "face": None,
                        "person": person_id,
                        "name": name,
                        "create": False,
                        "instead": [],
                        "people": [i for i, _ in people],
                        "wait": True,
                    },
                )
                for person_id, name in people
            ]
            event = NewEvent(EventKind.ASSET_RELINKED, photo.id, {k: told[k] for k in ("asset", "was")})
            change = Change(
                photo.id, values={"asset_id": asset_id}, events=(event,), messages=tuple(messages)
            )
            photos.apply(db, [change], at)
            if message is not None:
                outbox.delivered(db, [message.id])

        await context.ledger.awrite(write)

    # --- what they share ---------------------------------------------------------------------

    async def _faces(self, photo: Photo) -> Sequence[Face]:
        """Return the photo's faces. An asset id can change under us: then the path is asked once more."""
        try:
            return await self._context.server.faces(photo.asset_id or "")
        except ImmichRejected:
            found = await self._resolve(photo)
            if found is None or found == photo.asset_id:
                raise
            await self._renew(photo, found, None)
            raise NotYetError("the photo has a new asset in Immich") from None

    async def _resolve(self, photo: Photo) -> str | None:
        """Return the id of the asset at the photo's path, None while Immich misses its file.

        One in Immich's trash counts, too, when Immich has its file: what becomes of it then is a user's word.
        """
        path = await self._path(photo)
        if path is None:
            return None
        server = self._context.server
        found = (await server.resolve([path])).get(path)
        if found is not None and found.trashed:
            details = await server.asset(found.id)
            return None if details is None or details.offline else found.id
        return None if found is None else found.id

    async def _path(self, photo: Photo) -> str | None:
        """Return where Immich sees the photo, None for one that is not in the library."""
        names = (await self._context.ledger.aread(lambda db: photos.names_of(db, [photo.id])))[photo.id]
        own = {n.area: n.path for n in names if n.member is Member.PHOTO}
        if Area.ORIGINAL in own:
            return f"/{own[Area.ORIGINAL]}"
        return self._context.in_immich(own[Area.LIBRARY]) if Area.LIBRARY in own else None

    async def _done(
        self, message: Message, happened: Collection[NewEvent], person: tuple[str, str] | None = None
    ) -> None:
        at = self._context.clock.text()

        def write(db: Database) -> None:
            outbox.delivered(db, [message.id])
            events.append(db, happened, at)
            if person is not None and message.photo_id is not None:
                _note_person(db, message.photo_id, *person)

        await self._context.ledger.awrite(write)

    async def _failed(self, message: Message, why: str) -> None:
        data = {"act": message.data["act"], "name": message.data.get("name"), "why": why}
        await self._done(message, [NewEvent(EventKind.IMMICH_UPDATE_FAILED, message.photo_id, data)])


def on_poster(film: Film, message: Mapping[str, Any]) -> str | None:
    """The id of Immich's face that is the one a human most probably meant, None where Immich shows it not.

    The given face, one of a frame too, else the one of that person, or of the person it was filed under
    wrongly, else the only one that lasts and that nobody has a name for.
    """
    given, wanted = message.get("face"), {message["person"], *message.get("instead", ())}
    lasting = film.lasting
    meant = [f for f in film.faces if given is not None and given in (f.face.id, f.poster)]
    if given is None:
        meant = [f for f in film.faces if f.face.person is not None and f.face.person.id in wanted]
        strangers = [f for f in film.faces if f.face.id in lasting and not _has_name(f.face)]
        meant = meant or (strangers if len(strangers) == 1 and len(message["people"]) == 1 else [])
    elif not meant:
        return str(given)  # a face of Immich that no frame shows
    return next((f.poster for f in meant if f.poster is not None), None)


def _has_name(face: Face) -> bool:
    return face.person is not None and bool(face.person.name)


def face_to_assign(faces: Sequence[Face], message: Mapping[str, Any]) -> Face | None:
    """Return the face a human most probably meant, None when there is none or nothing is to be assigned.

    The given one, else the one of the person the photo was filed under wrongly, else the only one nobody
    has a name for, else the only one at all, else the largest without a name. Of several people filed under
    at once only what is certain is assigned.
    """
    person_id, given = message["person"], message.get("face")
    if given is not None:
        face = next((f for f in faces if f.id == given), None)
        return None if face is None or _is(face, person_id) else face
    if any(_is(face, person_id) for face in faces):
        return None
    wrong = [f for f in faces if f.person is not None and f.person.id in message.get("instead", ())]
    strangers = [f for f in faces if f.person is None or not f.person.name]
    if len(message["people"]) > 1:
        missing = [p for p in message["people"] if not any(_is(face, p) for face in faces)]
        return strangers[0] if len(strangers) == len(missing) == 1 else None
    if len(wrong) == 1:
        return wrong[0]
    if len(strangers) == 1:
        return strangers[0]
    if len(faces) == 1:
        return faces[0]
    return max(strangers, key=lambda f: f.area_fraction) if strangers else None


def _is(face: Face, person_id: str | None) -> bool:
    return person_id is not None and face.person is not None and face.person.id == person_id


def _memory(name: str) -> str:
    return f"person_made:{spelled(name)}"


def _assigned(db: Database, photo_id: int, act: str) -> list[Mapping[str, Any]]:
    return [
        e.data
        for e in events.of_photo(db, photo_id)
        if e.kind == EventKind.FACE_ASSIGNED and e.data.get("act") == act
    ]


def _filed_under(db: Database, photo: Photo) -> list[tuple[str, str]]:
    """Return the people a photo is filed under, as far as Immich knows them."""
    if photo.state is not State.FILED:
        return []
    names = photos.names_of(db, [photo.id])[photo.id]
    ids = [n.person_id for n in names if n.area is Area.FACES and n.member is Member.PHOTO and n.person_id]
    return [(i, photo.person_name or "") for i in dict.fromkeys(ids)]


def _note_person(db: Database, photo_id: int, person_id: str, name: str) -> None:
    """A person Immich had not known when the photo was filed has an id now."""
    db.conn.execute(
        "UPDATE photos SET person_id = ? WHERE id = ? AND person_id IS NULL AND person_name = ?",
        (person_id, photo_id, name),
    )
    for folder in folder_names(name):
        db.conn.execute(
            "UPDATE names SET person_id = ? WHERE photo_id = ? AND area = 'faces'"  # noqa: S608
            f" AND person_id IS NULL AND {HOLDS}",
            (person_id, photo_id, folder),
        )
