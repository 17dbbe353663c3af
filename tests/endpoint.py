"""A real server on this machine that answers in OpenAI's form of embeddings, and misbehaves."""

from __future__ import annotations

import random
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson

LONGEST = 400
"""Characters beyond which this server finds a text too long, if it was told to."""


def vector_of(text: str, dim: int = 16) -> list[float]:
    """Return the vector of a text: texts that share words are near each other."""
    made = [0.0] * dim
    for word in text.lower().split():
        dice = random.Random(word)
        made = [m + dice.uniform(-1, 1) for m in made]
    return made


class Answering(ThreadingHTTPServer):
    """The server: what was `asked`, with which `keys`, and in which ways to fail next (`plan`)."""

    daemon_threads = True
    request_queue_size = 32

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[list[str]] = []
        self.keys: list[str | None] = []
        self.wanted: list[dict[str, Any]] = []
        self.plan: deque[str] = deque()
        self.dim = 16
        self.is_strict = False
        self.hold_at: int | None = None
        """From this request on, answers wait for `go_on`."""
        self.go_on = threading.Event()
        self.arrived = threading.Condition()

    @property
    def url(self) -> str:
        """Return the address to set as `embedder_url`."""
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    @property
    def texts(self) -> list[str]:
        """Return all texts that were asked for, in order."""
        return [text for batch in self.asked for text in batch]

    def wait_for(self, requests: int) -> None:
        """Return when so many requests have come."""
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.asked) >= requests, timeout=60)

    def handle_error(self, *_: object) -> None:
        """Say nothing of clients that went away."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Answering

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Answer a redirect that was followed, which must not happen."""
        self.server.keys.append(self.headers.get("Authorization"))
        self._send(200, b"followed")

    def do_POST(self) -> None:
        """Answer a request for embeddings as planned, or well."""
        wanted = orjson.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server = self.server
        with server.arrived:
            server.asked.append(wanted["input"])
            server.wanted.append(wanted)
            server.keys.append(self.headers.get("Authorization"))
            number = len(server.asked)
            way = server.plan.popleft() if server.plan else "well"
            server.arrived.notify_all()
        if server.hold_at is not None and number >= server.hold_at:
            server.go_on.wait(60)
        getattr(self, f"_{way.replace(' ', '_')}")(wanted["input"])

    # ------------------------------------------------------------------ ways to answer

    def _data(self, texts: list[str]) -> list[dict[str, Any]]:
        return [
            {"object": "embedding", "index": i, "embedding": vector_of(t, self.server.dim)}
            for i, t in enumerate(texts)
        ]

    def _well(self, texts: list[str]) -> None:
        if self.server.is_strict and max(map(len, texts)) > LONGEST:
            self._send(400, b'{"error": {"message": "maximum context length exceeded"}}')
            return
        self._told(self._data(texts))

    def _turned_round(self, texts: list[str]) -> None:
        self._told(self._data(texts)[::-1])

    def _too_few(self, texts: list[str]) -> None:
        self._told(self._data(texts)[1:])

    def _too_many(self, texts: list[str]) -> None:
        self._told([*self._data(texts), *self._data(texts)])

    def _no_number(self, texts: list[str]) -> None:
        data = self._data(texts)
        data[-1]["embedding"][3] = None
        self._told(data)

    def _nan(self, texts: list[str]) -> None:
        body = orjson.dumps({"data": self._data(texts)})
        value = orjson.dumps(self._data(texts)[0]["embedding"][0])
        self._send(200, body.replace(value, b"NaN", 1))

    def _zeros(self, texts: list[str]) -> None:
        self._told([d | {"embedding": [0.0] * self.server.dim} for d in self._data(texts)])

    def _longer(self, texts: list[str]) -> None:
        data = self._data(texts)
        data[-1]["embedding"].append(1.0)
        self._told(data)

    def _not_json(self, _: list[str]) -> None:
        self._send(200, b"<html>We will be back soon.</html>")

    def _429(self, _: list[str]) -> None:
        self._send(429, b"slow down", {"Retry-After": "7"})

    def _429_for_hours(self, _: list[str]) -> None:
        self._send(429, b"slow down", {"Retry-After": "7200"})

    def _used_up(self, _: list[str]) -> None:
        self._send(429, b'{"error": {"code": "insufficient_quota"}}')

    def _500(self, _: list[str]) -> None:
        self._send(500, b"oops")

    def _401(self, _: list[str]) -> None:
        self._send(401, b"no such key: " + str(self.headers["Authorization"]).encode())

    def _404(self, _: list[str]) -> None:
        said = str(self.headers["Authorization"]).encode()
        self._send(404, b"no such model for " + said)

    def _elsewhere(self, _: list[str]) -> None:
        self._send(302, b"", {"Location": f"{self.server.url}/other"})

    def _slow(self, texts: list[str]) -> None:
        self.server.go_on.wait(60)
        self._well(texts)

    def _cut_off(self, texts: list[str]) -> None:
        body = orjson.dumps({"data": self._data(texts)})
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2])
        self.close_connection = True

    def _hung_up(self, _: list[str]) -> None:
        self.close_connection = True

    def _told(self, data: list[dict[str, Any]]) -> None:
        self._send(200, orjson.dumps({"object": "list", "data": data, "model": "tiny"}))

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def answering() -> Iterator[Answering]:
    """Run the server around a block."""
    server = Answering()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server
    finally:
        server.go_on.set()
        server.shutdown()
        thread.join()
        server.server_close()
