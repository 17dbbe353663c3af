"""A server for mail that does as it is told, also what no server should.

server = Misbehaving(plan); a plan is asked at every step of every conversation what to do instead:
words are answered (and after 421 the connection is closed), HANG_UP and RESET end it, a number of
seconds is waited, and None lets the step go as it should. What the server has taken, and so would
deliver, stands in `taken`, in order.
"""

from __future__ import annotations

import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes
from typing import NamedTuple

HANG_UP, RESET = "hang up", "reset"
STEPS = (
    "greeting", "EHLO", "STARTTLS", "MAIL", "RCPT", "DATA",
    "payload",  # some of the message is here
    "dot",  # all of it is here
    "taken",  # it was taken, and that was not said yet
    "said",  # it was said
    "RSET", "QUIT",
)  # fmt: skip
GOOD = {
    "greeting": "220 here ESMTP", "STARTTLS": "220 go on", "MAIL": "250 2.1.0 Ok",
    "RCPT": "250 2.1.5 Ok", "DATA": "354 go on", "taken": "250-2.0.0 Ok,\r\n250 queued as 12",
    "RSET": "250 2.0.0 Ok", "QUIT": "221 2.0.0 Bye",
}  # fmt: skip


class Moment(NamedTuple):
    """A step: which one, of which connection (from 1), and for the how manieth time in all."""

    step: str
    connection: int
    count: int
    recipient: str = ""


Plan = Callable[[Moment], str | float | None]


class Taken(NamedTuple):
    """A message that was taken, from whom and for whom, over which connection."""

    connection: int
    sender: str
    recipient: str
    data: bytes
    is_protected: bool

    @property
    def message_id(self) -> str:
        """Return its Message-ID."""
        return str(message_from_bytes(self.data)["Message-ID"])


def orderly(_moment: Moment) -> None:
    """Let everything go as it should."""


class Instead:
    """Do something else at some steps, once for each that is named, and then all as it should."""

    def __init__(self, **steps: str | float | list[str | float | None]) -> None:
        self._left = {s: w if isinstance(w, list) else [w] for s, w in steps.items()}

    def __call__(self, moment: Moment) -> str | float | None:
        """Return what to do instead now."""
        left = self._left.get(moment.step)
        return left.pop(0) if left else None


class Over(Exception):  # noqa: N818 (no error)
    """A conversation is over."""


@dataclass
class _Conversation:
    number: int
    connection: socket.socket
    sender: str = ""
    recipient: str = ""
    buffer: bytes = b""

    def say(self, words: str) -> None:
        self.connection.sendall(words.encode() + b"\r\n")

    def line(self) -> str:
        return self.until(b"\r\n").decode("utf-8", "replace").strip()

    def until(self, end: bytes, first: Callable[[], None] = lambda: None) -> bytes:
        while end not in self.buffer:
            more = self.connection.recv(1 << 20)
            if not more:
                raise Over
            self.buffer += more
            first()
            first = lambda: None  # noqa: E731
        found, _, self.buffer = self.buffer.partition(end)
        return found + end


@dataclass
class Misbehaving:
    """The server; `tls` is what it protects connections with, at once if `is_inside`."""

    plan: Plan = orderly
    tls: ssl.SSLContext | None = None
    is_inside: bool = False
    taken: list[Taken] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    port: int = 0

    def __post_init__(self) -> None:
        self._lock = threading.RLock()
        self._quiet = threading.Condition(self._lock)
        self._threads: list[threading.Thread] = []
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._start(self._listen)

    def _start(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        thread.start()
        self._threads.append(thread)

    def close(self) -> None:
        """End everything that is said."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(60)

    def settle(self) -> None:
        """Wait until nobody is connected: what was sent by whoever is gone was read."""
        with self._quiet:
            assert self._quiet.wait_for(lambda: not self._open, 60)

    def of(self, step: str) -> int:
        """Return how often a step was reached."""
        with self._lock:
            return self.counts.get(step, 0)

    # ------------------------------------------------------------------ conversations

    def _listen(self) -> None:
        number = 0
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            number += 1
            self._start(self._converse, number, connection)

    def _converse(self, number: int, connection: socket.socket) -> None:
        with self._lock:
            self._open.add(connection)
        talk = _Conversation(number, connection)
        try:
            if self.is_inside:
                self._protect(talk)
            self._step(talk, "greeting", "")
            while True:
                self._answer(talk, talk.line())
        except (Over, OSError):
            pass
        finally:
            with self._lock:
                self._open.discard(connection)
                self._quiet.notify_all()
            talk.connection.close()

    def _protect(self, talk: _Conversation) -> None:
        assert self.tls is not None
        talk.connection = self.tls.wrap_socket(talk.connection, server_side=True)
        talk.buffer = b""

    def _answer(self, talk: _Conversation, line: str) -> None:
        verb = line[:4].upper() if line[:8].upper() != "STARTTLS" else "STARTTLS"
        if verb == "DATA":
            return self._data(talk)
        if self._step(talk, verb, line) and verb == "STARTTLS":
            self._protect(talk)
        if verb == "QUIT":
            raise Over
        return None

    def _data(self, talk: _Conversation) -> None:
        if not self._step(talk, "DATA", ""):
            return
        talk.buffer = b"\r\n" + talk.buffer
        data = talk.until(b"\r\n.\r\n", lambda: self._only(talk, "payload"))
        whole = data[2:-3].replace(b"\r\n..", b"\r\n.")
        if not self._only(talk, "dot"):
            return
        with self._lock:
            is_protected = isinstance(talk.connection, ssl.SSLSocket)
            self.taken.append(Taken(talk.number, talk.sender, talk.recipient, whole, is_protected))
        self._step(talk, "taken", "")
        self._only(talk, "said")

    def _only(self, talk: _Conversation, step: str) -> bool:
        """Ask the plan at a step at which nothing is said if all is well."""
        return self._step(talk, step, "", is_silent=True)

    def _step(self, talk: _Conversation, step: str, line: str, *, is_silent: bool = False) -> bool:
        """Do a step as it should be, and return True, or do instead what the plan says."""
        told = line.partition("<")[2].partition(">")[0]
        if step == "RCPT":
            talk.recipient = told
        with self._lock:
            self.counts[step] = self.counts.get(step, 0) + 1
            moment = Moment(step, talk.number, self.counts[step], talk.recipient)
        instead = self.plan(moment)
        match instead:
            case "hang up":
                raise Over
            case "reset":
                talk.connection.setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
                )
                raise Over
            case str(words):
                talk.say(words)
                if words.startswith("421"):
                    raise Over
                return False
            case float() | int():
                time.sleep(instead)
        if step == "MAIL":
            talk.sender = told
        if not is_silent:
            talk.say(GOOD.get(step) or self._offers(talk))
        return True

    def _offers(self, talk: _Conversation) -> str:
        is_protected = isinstance(talk.connection, ssl.SSLSocket)
        more = "" if self.tls is None or is_protected else "250-STARTTLS\r\n"
        return f"250-here\r\n{more}250-SIZE 10000000\r\n250 8BITMIME"


@contextmanager
def misbehaving(
    plan: Plan = orderly, tls: ssl.SSLContext | None = None, *, is_inside: bool = False
) -> Iterator[Misbehaving]:
    """Give a server that does as it is told."""
    server = Misbehaving(plan, tls, is_inside)
    try:
        yield server
    finally:
        server.close()
