"""A real HTTP server on this machine that plays any host: well, badly, or worse.

    with Loopback() as server:
        server.route("/papers", Reply(b"<rss/>", content_type="text/xml"))
        server.route("/busy", [busy(30), json_reply({"ok": True})])   # in order, last one repeated
        server.route("/page", lambda request: json_reply({"n": request.query["n"]}))
        server.route("/repos/*", not_found())                          # all paths below
        ...  # ask server.url + "/papers"
        assert server.most_at_once == 1
        assert min(server.gaps) >= 3

With a fake time, no test waits for politeness, and the gaps are measured in the same time:

    time = FakeTime()
    with Loopback(time=time) as server:
        trusted = [server.url]
        client = PoliteClient(manner, version="1", locks=tmp_path, time=time, trusted=trusted)
        ...

Everything that came is in `server.log`. An exception in a callable route is an answer with 500, and
is raised again at the end of the `with`, so that a failed assertion in a route fails its test.
"""

from __future__ import annotations

import gzip
import socket
import threading
import time as clocks
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain, pairwise
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

import orjson

from broadsheet.sources.polite import Time

MB = 1_000_000
HTML_REFUSAL = (
    b"<html><head><title>Not Acceptable</title></head><body>No, <b>thanks</b>.</body></html>"
)


class FakeTime(Time):
    """A time in which sleeping takes none: `sleep` moves both clocks on; threads may share it.

    `slept` lists what was slept. `jump` moves only the wall clock, as people and NTP do.
    """

    boot = "fake boot"

    def __init__(self, now: datetime = datetime(2026, 3, 17, 6, 30, tzinfo=UTC)) -> None:
        self._now = now
        self._elapsed = 5000.0
        self._lock = threading.Lock()
        self.slept: list[float] = []

    def now(self) -> datetime:
        """Return the fake wall clock's time (UTC)."""
        with self._lock:
            return self._now

    def monotonic(self) -> float:
        """Return the fake seconds since the fake start of the machine."""
        with self._lock:
            return self._elapsed

    def sleep(self, seconds: float) -> None:
        """Move both clocks on by so many seconds, at once."""
        with self._lock:
            self.slept.append(seconds)
            self._now += timedelta(seconds=seconds)
            self._elapsed += seconds

    def jump(self, seconds: float) -> None:
        """Set the wall clock forwards, or with a negative number backwards."""
        with self._lock:
            self._now += timedelta(seconds=seconds)


@dataclass
class Request:
    """What a client asked, with names of `headers` in small letters; times are of the clock."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    at: float
    ended: float | None = None
    """When the answer was out; None while it is not."""
    status: int = 0
    target: str = ""
    """Path and query as they were sent."""

    def json(self) -> Any:
        """Return the body read as JSON."""
        return orjson.loads(self.body)


@dataclass(frozen=True)
class Reply:
    """One answer, and in which ways it misbehaves.

    delay_s      real seconds before anything is answered
    drip_s       real seconds after each `drip_bytes` of the body; with drip_headers, of the headers
    cut_after    the connection is closed after so many bytes of the body, though more was promised
    gzip         the body is compressed, and the header says so
    bomb_mb      the body is that many megabytes of zeros, compressed, made while it is sent
    hang_up      the connection is closed without any answer
    length       what Content-Length says, if it is to be wrong; is_chunked sends none
    """

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "text/plain; charset=utf-8"
    delay_s: float = 0
    drip_s: float = 0
    drip_bytes: int = 1
    drip_headers: bool = False
    cut_after: int | None = None
    gzip: bool = False
    bomb_mb: int = 0
    hang_up: bool = False
    length: int | None = None
    is_chunked: bool = False


Route = Reply | Sequence["Reply | Answering"] | Callable[[Request], Reply]
Answering = Callable[[Request], Reply]


# ---------------------------------------------------------------------------- ready replies


def xml(body: bytes | str, **more: Any) -> Reply:
    """Return XML."""
    return Reply(_bytes(body), content_type="text/xml; charset=utf-8", **more)


def html(body: bytes | str, status: int = 200, **more: Any) -> Reply:
    """Return a page."""
    return Reply(_bytes(body), status, content_type="text/html; charset=utf-8", **more)


def json_reply(value: Any, status: int = 200, **more: Any) -> Reply:
    """Return a value as JSON."""
    return Reply(orjson.dumps(value), status, content_type="application/json", **more)


def redirect(to: str, status: int = 302, **headers: str) -> Reply:
    """Send the client to another address."""
    return Reply(status=status, headers={"Location": to, **headers})


def too_many(retry_after: float | str | None = None, **headers: str) -> Reply:
    """Answer 429, with seconds or an HTTP date in Retry-After if they are given."""
    return Reply(b"Too many requests", 429, _waiting(retry_after) | headers)


def busy(retry_after: float | str | None = None, **headers: str) -> Reply:
    """Answer 503, with seconds or an HTTP date in Retry-After if they are given."""
    return Reply(b"Service unavailable", 503, _waiting(retry_after) | headers)


def not_acceptable() -> Reply:
    """Answer 406 with an HTML page, as some hosts do to what they take for robots."""
    return html(HTML_REFUSAL, 406)


def forbidden(**headers: str) -> Reply:
    """Answer 403."""
    return Reply(b"Forbidden", 403, headers)


def not_found() -> Reply:
    """Answer 404."""
    return Reply(b"Not found", 404)


def bomb(megabytes: int = 100) -> Reply:
    """Answer with a little that becomes very much when it is decompressed."""
    return Reply(bomb_mb=megabytes, content_type="text/xml")


def conditional(reply: Reply, *, etag: str = "", modified: str = "") -> Answering:
    """Return a route that sends `etag` and `modified`, and 304 to whom sends them back."""
    given = {"ETag": etag, "Last-Modified": modified}
    headers = {name: value for name, value in given.items() if value}

    def answer(request: Request) -> Reply:
        asked = request.headers
        # RFC 9110: If-Modified-Since is ignored where there is an If-None-Match.
        known = (
            asked["if-none-match"] == etag
            if "if-none-match" in asked
            else (bool(modified) and asked.get("if-modified-since") == modified)
        )
        if known:
            return Reply(status=304, headers=headers)
        return Reply(**(vars(reply) | {"headers": {**reply.headers, **headers}}))

    return answer


def http_date(moment: datetime) -> str:
    """Return a time as HTTP writes it."""
    return format_datetime(moment.astimezone(UTC), usegmt=True)


def _waiting(retry_after: float | str | None) -> dict[str, str]:
    return {} if retry_after is None else {"Retry-After": str(retry_after)}


def _bytes(body: bytes | str) -> bytes:
    return body.encode() if isinstance(body, str) else body


# ---------------------------------------------------------------------------- the server


@contextmanager
def nobody() -> Iterator[str]:
    """Give an address where nothing listens, nor can anybody else begin to meanwhile."""
    with socket.socket() as kept:
        kept.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{kept.getsockname()[1]}"


class Loopback:
    """The server, running while its `with` block does.

    `clock` gives the seconds of `log` and `gaps` (time.monotonic if none is given); `time` gives
    both these and the Date of the answers. Delays and drips are always in real seconds.
    """

    def __init__(
        self, *, clock: Callable[[], float] | None = None, time: Time | None = None
    ) -> None:
        self.clock = clock or (time.monotonic if time else clocks.monotonic)
        self.now = time.now if time else lambda: datetime.now(UTC)
        self.log: list[Request] = []
        self.most_at_once = 0
        self.errors: list[Exception] = []
        self.closing = threading.Event()
        self._routes: dict[str, Route] = {}
        self._played: dict[str, int] = {}
        self._in_flight = 0
        self._lock = threading.Lock()
        self._arrived = threading.Condition(self._lock)
        self._server = _Server(self)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )

    @property
    def url(self) -> str:
        """Return the address of the server, without a slash at its end."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def port(self) -> int:
        """Return the port it listens on."""
        return int(self._server.server_address[1])

    @property
    def gaps(self) -> list[float]:
        """Return the seconds from the end of each answer to the next request, in order.

        One is negative where a request came while another was in flight.
        """
        with self._lock:
            told = sorted(self.log, key=lambda request: request.at)
            ends = [request.ended for request in told]
        # The clocks are floats: 3 seconds may be 2.9999999999 there.
        return [
            round(b.at - (end if end is not None else b.at + 1), 6)
            for (_, b), end in zip(pairwise(told), ends, strict=False)
        ]

    @property
    def targets(self) -> list[str]:
        """Return path and query of all that was asked, in order."""
        with self._lock:
            return [request.target for request in self.log]

    def route(self, path: str, answer: Route) -> None:
        """Answer `path` (or with `*` at its end, all that begin so) from now on in this way."""
        with self._lock:
            self._routes[path] = answer
            self._played.pop(path, None)

    def wait_for(self, requests: int) -> None:
        """Return when so many requests have come."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self.log) >= requests, timeout=60)

    def settle(self) -> None:
        """Return when no answer is under way, or after half a minute."""
        with self._arrived:
            self._arrived.wait_for(lambda: not self._in_flight, timeout=30)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        if self.errors and kind is None:
            raise self.errors[0]

    # ------------------------------------------------------------------ what the handler calls

    def begin(self, request: Request) -> None:
        """Note that a request has come."""
        with self._arrived:
            self.log.append(request)
            self._in_flight += 1
            self.most_at_once = max(self.most_at_once, self._in_flight)
            self._arrived.notify_all()

    def end(self, request: Request) -> None:
        """Note that an answer is out; a second call says nothing."""
        with self._lock:
            if request.ended is None:
                request.ended = self.clock()
                self._in_flight -= 1
                self._arrived.notify_all()

    def reply(self, request: Request) -> Reply:
        """Return what the routes say."""
        try:
            found = self._next(request.path)
            return found if isinstance(found, Reply) else found(request)
        except Exception as error:  # noqa: BLE001 (raised again where the test can see it)
            self.errors.append(error)
            return Reply(repr(error).encode(), 500)

    def _next(self, path: str) -> Reply | Answering:
        with self._lock:
            name = self._name(path)
            if name is None:
                return not_found()
            answer = self._routes[name]
            if isinstance(answer, Reply) or callable(answer):
                return answer
            played = self._played.get(name, 0)
            self._played[name] = played + 1
            return answer[min(played, len(answer) - 1)]

    def _name(self, path: str) -> str | None:
        if path in self._routes:
            return path
        begins = [n for n in self._routes if n.endswith("*") and path.startswith(n[:-1])]
        return max(begins, key=len, default=None)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, play: Loopback) -> None:
        self.play = play
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, *_: object) -> None:
        """Say nothing of clients that went away."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Answer anything."""
        play, request = self.server.play, self._request()
        play.begin(request)
        try:
            reply = play.reply(request)
            request.status = reply.status
            play.closing.wait(reply.delay_s)
            with suppress(OSError):
                self._send(reply, request)
        finally:
            play.end(request)

    do_POST = do_HEAD = do_GET  # noqa: N815 (as the library wants them)

    def _request(self) -> Request:
        target = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        return Request(
            method=self.command,
            path=target.path,
            query=dict(parse_qsl(target.query, keep_blank_values=True)),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=body,
            at=self.server.play.clock(),
            target=self.path,
        )

    def _send(self, reply: Reply, request: Request) -> None:
        if reply.hang_up or reply.cut_after is not None:
            self.close_connection = True
        if reply.hang_up:
            return
        body = gzip.compress(reply.body, mtime=0) if reply.gzip else reply.body
        pieces = _bombed(reply.bomb_mb) if reply.bomb_mb else self._pieces(reply, body)
        self._write(self._head(reply, len(body)), pieces, request)

    def _head(self, reply: Reply, length: int) -> Iterator[bytes]:
        headers = {
            "Date": http_date(self.server.play.now()),
            "Content-Type": reply.content_type,
            "Content-Length": str(reply.length if reply.length is not None else length),
        }
        if reply.gzip or reply.bomb_mb:
            headers["Content-Encoding"] = "gzip"
        if reply.is_chunked or reply.bomb_mb:
            del headers["Content-Length"]
            headers["Transfer-Encoding"] = "chunked"
        lines = [f"{name}: {value}" for name, value in (headers | dict(reply.headers)).items()]
        said = "\r\n".join([f"HTTP/1.1 {reply.status} As Told", *lines, "", ""]).encode("latin-1")
        yield from self._dripped(reply, said) if reply.drip_headers else [said]

    def _pieces(self, reply: Reply, body: bytes) -> Iterator[bytes]:
        if self.command == "HEAD" or reply.status == 304:
            return
        pieces = self._dripped(reply, body[: reply.cut_after])
        yield from _chunked(pieces, reply.cut_after is None) if reply.is_chunked else pieces

    def _dripped(self, reply: Reply, body: bytes) -> Iterator[bytes]:
        if not reply.drip_s:
            yield body
            return
        for start in range(0, len(body), reply.drip_bytes):
            yield body[start : start + reply.drip_bytes]
            if self.server.play.closing.wait(reply.drip_s):
                return

    def _write(self, head: Iterator[bytes], body: Iterator[bytes], request: Request) -> None:
        # The end is noted before the last bytes go out: a client may ask again upon them, before
        # this thread runs on.
        held = b""
        for piece in chain(head, body):
            if piece:
                self.wfile.write(held)
                held = piece
        self.server.play.end(request)
        self.wfile.write(held)


def _chunked(pieces: Iterator[bytes], is_ended: bool = True) -> Iterator[bytes]:
    for piece in pieces:
        if piece:
            yield b"%x\r\n%s\r\n" % (len(piece), piece)
    if is_ended:
        yield b"0\r\n\r\n"


def _bombed(megabytes: int) -> Iterator[bytes]:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    zeros = bytes(MB)
    packed = (packer.compress(zeros) for _ in range(megabytes))
    yield from _chunked(iter([*packed, packer.flush()]))
