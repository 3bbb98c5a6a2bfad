"""Stand-ins for ntfy and for Telegram's Bot API: they keep what they are sent, and press buttons."""

from __future__ import annotations

import email.parser
import json
import queue
import threading
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.header import decode_header, make_header
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

BOT, CHAT = "123:secret-of-the-bot", "4711"


@dataclass
class StandIn:
    """One server that is both. `published` is what ntfy got, `calls` what Telegram got, each with when."""

    url: str = ""
    published: list[dict[str, Any]] = field(default_factory=list)
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    presses: queue.Queue[dict[str, Any]] = field(default_factory=queue.Queue)
    changed: threading.Condition = field(default_factory=threading.Condition)
    numbers: int = 0
    down: bool = False

    def wait_for(self, ready: Any, seconds: float = 300) -> Any:
        """What `ready` gives once it gives something; fails when it never does."""
        with self.changed:
            found = self.changed.wait_for(ready, seconds)
        assert found, "waited in vain for a message to a phone"
        return found

    def question(self, number: int = 0) -> dict[str, Any]:
        """The question that ntfy got, by its place."""
        return dict(self.wait_for(lambda: len(self.published) > number and self.published[number]))

    def press(self, data: str, message: dict[str, Any], chat: str = CHAT, user: str = "grandma") -> None:
        """Press a button below a message of the bot."""
        self.numbers += 1
        self.presses.put(
            {
                "update_id": self.numbers,
                "callback_query": {
                    "id": f"query-{self.numbers}",
                    "from": {"id": 99, "username": user},
                    "message": {**message, "chat": {"id": int(chat)}},
                    "data": data,
                },
            }
        )

    def of(self, method: str) -> list[dict[str, Any]]:
        """The values of all calls of a method of Telegram."""
        return [values for name, values in self.calls if name == method]


@contextmanager
def stand_in() -> Iterator[StandIn]:
    """A running stand-in: ntfy at `url/topic`, Telegram at `url`."""
    found = StandIn()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if found.down:
                return self.answer({}, 503)
            said = {
                name[2:].lower(): _plain(value) for name, value in self.headers.items() if name[:2] == "X-"
            }
            said["actions"] = json.loads(said["actions"])
            said["at"] = time.monotonic()
            said["token"] = self.headers.get("Authorization")
            said["picture" if "filename" in said else "message"] = (
                body if "filename" in said else body.decode()
            )
            with found.changed:
                found.published.append(said)
                found.changed.notify_all()
            return self.answer({})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            method = self.path.rpartition("/")[2]
            if self.path != f"/bot{BOT}/{method}" or found.down:
                return self.answer({"ok": False}, 401)
            values = _form(self.headers["Content-Type"], body)
            if method == "getUpdates":
                try:
                    return self.answer({"ok": True, "result": [found.presses.get(timeout=0.5)]})
                except queue.Empty:
                    return self.answer({"ok": True, "result": []})
            if "reply_markup" in values:
                values["buttons"] = [
                    b for row in json.loads(values["reply_markup"])["inline_keyboard"] for b in row
                ]
            with found.changed:
                found.numbers += 1
                values["message_id"] = values.get("message_id", found.numbers)
                values["at"] = time.monotonic()
                found.calls.append((method, values))
                found.changed.notify_all()
            return self.answer({"ok": True, "result": {"message_id": values["message_id"]}})

        def answer(self, value: Any, status: int = 200) -> None:
            body = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _plain(value: str) -> str:
    return str(make_header(decode_header(value)))


def _form(kind: str, body: bytes) -> dict[str, Any]:
    if kind.startswith("application/x-www-form-urlencoded"):
        return dict(urllib.parse.parse_qsl(body.decode()))
    parts = email.parser.BytesParser().parsebytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body)
    return {
        str(part.get_param("name", header="content-disposition")): part.get_payload(decode=True)
        if part.get_filename()
        else part.get_payload(decode=True).decode()  # type: ignore[union-attr]
        for part in parts.get_payload()  # type: ignore[union-attr]
    }
