"""The steps of setting up, in order. Each is told in plain words and none prints a key."""

from __future__ import annotations

import asyncio
import functools
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from smartsort.api.schemas.state import Check, DoctorReport
from smartsort.config import InvalidSettings, Settings, load_settings
from smartsort.config.values import masked_url
from smartsort.core.naming import shard_folder
from smartsort.doctor.examination import connect_briefly, examine
from smartsort.doctor.key_checks import Rights, keys
from smartsort.doctor.ledger_checks import read_ledger
from smartsort.doctor.library_checks import Asker, Ground, Sleep, library_path
from smartsort.doctor.server_checks import contact, version
from smartsort.errors import ConfigurationError, ImmichError
from smartsort.immich import ImmichServer
from smartsort.ports import Library
from smartsort.setup import file, instructions
from smartsort.setup.conversation import Conversation, SetupOptions

DEFAULT_LIBRARY_PATH = "/mnt/smartsort/library"
"""As in the project's compose.override.yml."""

_NO_KEY = "none"
"""Sent where none is looked at: the version is told to everybody."""


class GaveUp(ConfigurationError):
    """Setting up cannot go on. Nothing was written."""


class Setup:
    """One run. `env` is the process environment. `connect`, `sleep` and `now` are for tests."""

    def __init__(
        self,
        options: SetupOptions,
        talk: Conversation,
        env: Mapping[str, str],
        *,
        connect: Callable[[Settings], ImmichServer] = connect_briefly,
        sleep: Sleep = asyncio.sleep,
        now: Callable[[], datetime] = lambda: datetime.now().astimezone(),
    ) -> None:
        self._options, self._talk, self._env = options, talk, env
        self._connect, self._sleep, self._now = connect, sleep, now
        self._values: dict[str, str | list[str] | None] = {}
        """What goes into the file, by dotted key."""

    async def run(self) -> DoctorReport:
        """Go through all steps and return what the doctor says at the end.

        Raises ConfigurationError when it cannot go on and StorageError for folders. Then no file was written.
        """
        root = self._root()
        path = os.path.join(root, file.NAME)
        former = await asyncio.to_thread(file.read_table, path)
        before = self._settings(root)
        self._values["immich.url"] = await self._address(before)
        self._say(instructions.permissions(before))
        rights = await self._keys(root, before)
        self._library_path(before)
        self._machine_learning(root, before)
        await self._whitelist(root, before)
        settings = self._settings(root)
        await self._library(settings, rights)
        await self._write(path, former)
        final = load_settings(path, self._env, {"root": root})
        self._say(instructions.to_paste(final, self._options.key_file))
        self._outranked(final)
        return await examine(final, connect=self._connect, sleep=self._sleep)

    def _say(self, lines: Any) -> None:
        self._talk.say()
        for line in lines:
            self._talk.say(line)
        self._talk.say()

    def _tell(self, check: Check) -> None:
        words = {"ok": "ok     ", "warning": "WARNING", "broken": "BROKEN ", "skipped": "skipped"}
        self._talk.say(f"  {words[check.verdict]}  {check.name}: {check.detail}")
        if check.remedy:
            self._talk.say(f"           -> {check.remedy}")

    def _wanted(self, given: str, question: str, default: str, flag: str) -> str:
        """Return what the command line says, or the answer, or what is known already."""
        if given:
            return given
        if self._talk.interactive:
            return self._talk.ask(question, default).strip()
        if not default:
            raise GaveUp(f"There is no terminal to ask on. Give {flag}.")
        return default

    # --- root and address --------------------------------------------------------------------

    def _root(self) -> str:
        default = self._env.get("SMARTSORT_ROOT", "").strip()
        question = "Folder that holds everything (inbox, library, faces, review)"
        root = self._wanted(
            self._options.root, question, default or ("smartsort" if self._talk.interactive else ""), "--root"
        )
        root = os.path.abspath(os.path.expanduser(root))
        file.make_folders(root)
        return root

    def _settings(self, root: str) -> Settings:
        """Return the settings as they would be with what is known so far.

        What was decided goes before the file.
        """
        values = {key: value for key, value in self._values.items() if value is not None}
        path = os.path.join(root, file.NAME)
        env = self._env
        if any(key.endswith(("api_key", "api_key_file")) for key in values):
            env = {k: v for k, v in env.items() if "API_KEY" not in k}
        return load_settings(path if os.path.exists(path) else None, env, {"root": root, **values})

    async def _address(self, before: Settings) -> str:
        """Return an address where an Immich answers that smartsort can work with."""
        given = self._options.url
        while True:
            url = self._wanted(given, "Address of Immich", before.immich.url or "", "--url")
            problem = await self._reach(before, url)
            if problem is None:
                return url
            if not self._talk.interactive:
                raise GaveUp(problem)
            self._talk.say(f"  {problem}")
            given = ""

    async def _reach(self, before: Settings, url: str) -> str | None:
        """Return None when it can be used, else one line saying why not."""
        try:
            values = {"immich.url": url, "immich.api_key": _NO_KEY}
            settings = load_settings(
                None, {}, {"root": str(before.root), "immich.verify_tls": before.immich.verify_tls, **values}
            )
            async with self._connect(settings) as server:
                line, capabilities = await contact(server)
        except InvalidSettings as error:
            return f"The address {masked_url(url)!r} {error.problems[0].message}."
        except ConfigurationError as error:
            return str(error)
        if capabilities is None:
            return f"{line.detail}. {line.remedy}"
        self._tell(line)
        about = version(capabilities)
        if about.verdict == "broken":
            return f"{about.detail}. {about.remedy}"
        self._tell(about)
        return None

    # --- keys --------------------------------------------------------------------------------

    async def _keys(self, root: str, before: Settings) -> Rights:
        """Keys that Immich accepts, checked permission by permission."""
        self._take_key("api_key", self._options.key, self._options.key_file)
        self._take_key("admin_api_key", self._options.admin_key, self._options.admin_key_file)
        if not self._has("api_key", before):
            self._ask_for("api_key", "API key (it is not shown)")
        while True:
            rights = await self._check_keys(root)
            if not self._talk.interactive:
                if rights.owner is None:
                    raise GaveUp("Immich does not accept the key. Give another one with --key-file.")
                return rights
            if rights.owner is None:
                self._ask_for("api_key", "Another API key")
            elif any(c.name == "administrator" and c.verdict == "broken" for c in rights.checks):
                self._say(instructions.without_admin())
                key = self._talk.ask_secret("API key of an administrator (Enter: go on without)")
                if not key:
                    return rights
                self._set_key("admin_api_key", key)
            elif any(
                c.name.startswith("permission ") and c.verdict in ("warning", "broken") for c in rights.checks
            ):
                if not self._talk.confirm("Correct the key in Immich. Check again?", default=True):
                    return rights
            else:
                return rights

    async def _check_keys(self, root: str) -> Rights:
        settings = self._settings(root)
        async with self._connect(settings) as server:
            try:
                rights = await keys(server, settings)
            except ImmichError as error:
                raise GaveUp(str(error)) from error
        for check in rights.checks:
            self._tell(check)
        if rights.admin is None and not self._talk.interactive:
            self._say(instructions.without_admin())
        return rights

    def _take_key(self, name: str, text: str, path: str) -> None:
        if text and path:
            flag = f"--{name.removesuffix('api_key').replace('_', '-')}key"
            raise GaveUp(f"{flag} and {flag}-file are both given. Give one of them.")
        if path:
            self._values[f"immich.{name}_file"] = os.path.abspath(os.path.expanduser(path))
            self._values[f"immich.{name}"] = None
        elif text:
            self._set_key(name, text)

    def _set_key(self, name: str, text: str) -> None:
        self._values[f"immich.{name}"] = text.strip()
        self._values[f"immich.{name}_file"] = None

    def _has(self, name: str, before: Settings) -> bool:
        given = any(self._values.get(f"immich.{name}{end}") for end in ("", "_file"))
        return given or getattr(before.immich, name) is not None

    def _ask_for(self, name: str, question: str) -> None:
        if not self._talk.interactive:
            raise GaveUp("There is no terminal to ask on. Give --key-file.")
        while not (key := self._talk.ask_secret(question).strip()):
            self._talk.say("  A key is needed.")
        self._set_key(name, key)

    # --- what may be left out ----------------------------------------------------------------

    def _machine_learning(self, root: str, before: Settings) -> None:
        """The address that similarities are measured with. Without one no match has a confidence."""
        given = self._options.ml_url
        while given or self._talk.interactive:
            question = "Address of Immich's machine learning service (- for none)"
            url = given or self._talk.ask(question, before.immich.ml_url or "").strip()
            if url in ("", "-"):
                return
            try:
                load_settings(None, {}, {"root": root, "immich.ml_url": url})
            except InvalidSettings as error:
                problem = f"The address {masked_url(url)!r} {error.problems[0].message}."
                if not self._talk.interactive:
                    raise GaveUp(problem) from error
                self._talk.say(f"  {problem}")
                given = ""
            else:
                self._values["immich.ml_url"] = url
                return

    async def _whitelist(self, root: str, before: Settings) -> None:
        """Whom to file. Of everybody with a name when nothing is said."""
        known = ", ".join(before.whitelist)
        if not (self._options.whitelist or self._talk.interactive):
            return
        text = self._options.whitelist
        if not text:
            names = await self._names(root)
            if names:
                self._talk.say(f"  Immich knows {', '.join(names[:_NAMES_SHOWN])}{_more(names)}.")
            text = self._talk.ask("People to file, separated by commas (Enter: all with a name)", known)
        if wanted := [name for name in (part.strip() for part in text.split(",")) if name]:
            self._values["whitelist"] = wanted

    async def _names(self, root: str) -> list[str]:
        """Return the names Immich knows. None where the key may not read them."""
        try:
            async with self._connect(self._settings(root)) as server:
                return sorted({person.name for person in await server.people() if person.name})
        except ImmichError:
            return []

    # --- the library -------------------------------------------------------------------------

    def _library_path(self, before: Settings) -> None:
        known = str(before.immich.library_path or DEFAULT_LIBRARY_PATH)
        question = f"Where Immich sees {before.directories.library_dir}"
        self._values["immich.library_path"] = self._wanted(
            self._options.library_path, question, known, "--library-path"
        )

    async def _library(self, settings: Settings, rights: Rights) -> None:
        """Make the folder, find or make the external library, and prove that Immich sees the folder."""
        ledger = await asyncio.to_thread(read_ledger, settings)
        async with self._connect(settings) as server:
            while True:
                ground = Ground(server, settings, rights, ledger.shards, True, self._sleep)
                shard = shard_folder(ground.open_shard)
                await asyncio.to_thread(file.make_folders, os.path.join(ground.here, shard))
                if not (rights.may("library.read") and rights.may("library.update")):
                    return
                try:
                    seen = await self._try_library(ground)
                except ImmichError as error:
                    self._talk.say(f"  WARNING  library: {error}")
                    return
                if seen.verdict != "broken" or not self._talk.interactive:
                    return
                again = self._talk.ask("Another path, or Enter to go on without a library", "").strip()
                if not again:
                    return
                self._values["immich.library_path"] = again
                settings = self._settings(os.fspath(settings.root))

    async def _try_library(self, ground: Ground) -> Check:
        """Return the line about the library's path. When it is fine the library is there afterwards.

        Immich answers only about paths of a library that exists. Where there is none of smartsort's yet it is
        made first, and stays when the path turns out to be wrong: smartsort deletes nothing.
        """
        path = ground.path_of(ground.open_shard)
        own = ground.own(await ground.server.libraries())
        if own is None:
            own = await self._make_library(ground, path)
            made = True
        else:
            made = False
        seen = await library_path(ground, Asker(ground, own.id))
        self._tell(seen)
        if seen.verdict == "broken":
            if made:
                self._talk.say(f"           The new library {own.name!r} has this path. Delete it in Immich.")
            return seen
        if path in (each.rstrip("/") for each in own.import_paths):
            if not made:
                self._talk.say(f"  ok       library: {own.name} is there, {path}")
        else:
            await self._make_library(ground, path)
        return seen

    async def _make_library(self, ground: Ground, path: str) -> Library:
        made = await ground.server.create_library(f"smartsort {ground.open_shard}", path)
        self._talk.say(f"  ok       library: {made.name} made, {path}")
        return made

    # --- the file ----------------------------------------------------------------------------

    async def _write(self, path: str, former: Mapping[str, Any]) -> None:
        table = file.with_values(former, self._values)
        inner = table.get("smart_download", table)
        inner.setdefault("root", ".")
        if former and table == dict(former):
            self._talk.say(f"  ok       {path} says so already")
            return
        if (
            former
            and self._talk.interactive
            and not self._talk.confirm(
                f"{path} exists. Add this to it (a copy of the old one is kept)?", default=False
            )
        ):
            raise GaveUp(f"{path} was left as it is.")
        # Values stand before sections in TOML, and "root" reads best as the first.
        ordered = {"root": inner["root"], **inner} if inner is table else table
        kept = await asyncio.to_thread(file.write, path, file.as_toml(ordered), self._now())
        self._talk.say(f"  ok       {path} written, readable by its owner only")
        if kept:
            self._talk.say(f"           the former one is {kept}")

    def _outranked(self, final: Settings) -> None:
        """Say where the environment says something else than what was just written."""
        for key, value in self._values.items():
            origin = final.origin(key)
            if value is not None and origin.startswith("SMARTSORT_"):
                self._talk.say(f"Note: {origin} is set and goes before {key} in the file.")
                in_force: Any = functools.reduce(getattr, key.split("."), final)
                if key in _IN_DOT_ENV and in_force != value:
                    self._talk.say(f"      With Docker Compose, change {origin} in the file .env.")


_NAMES_SHOWN = 20
_IN_DOT_ENV = ("immich.url", "immich.ml_url", "whitelist")
"""Settings that the project's compose.override.yml takes from `.env`."""


def _more(names: Sequence[str]) -> str:
    rest = len(names) - _NAMES_SHOWN
    return f" and {rest} more" if rest > 0 else ""
