"""Mail: what takes it from us, over connections that are kept, and letters that wait.

mailer_of(place, sender, password) -> Smtp, Sendmail or Folder, as the setting `mail` says
mailer.open() -> a Line, which delivers one Outgoing after the other and says what came of each
message(letter, sender, now) -> the bytes of a letter (pure)
Outbox(mailer).send(letter) returns at once; a thread sends
"""

from __future__ import annotations

import os
import re
import secrets
import subprocess
import time
from abc import ABC, abstractmethod
from base64 import b64encode
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import parseaddr
from pathlib import Path
from shutil import which
from threading import Condition, Thread
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, Protocol
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from broadsheet.config import is_loopback
from broadsheet.errors import MailError
from broadsheet.readers.letters import Letter

if TYPE_CHECKING:
    import smtplib
    import socket
    import ssl

    from broadsheet.delivery.message import Outgoing

TIMEOUT = 30.0
"""Seconds that a server has for each answer."""
LAST_TIMEOUT = 300.0
"""Seconds that it has for the one that counts: who hangs up sooner never knows what became of it
(RFC 5321, section 4.5.3.2.6, says ten minutes)."""
WAITS = (10, 60, 300)
"""Seconds after which a letter that could not be sent is tried again; many servers greylist."""
MOST = 1000
"""So many letters wait at most."""
_PATIENCE = 20
"""Seconds that letters have to be sent before the program ends."""
_ADDRESS = re.compile(r"[\w!#$%&'*+/=?^`{|}~-][\w.!#$%&'*+/=?^`{|}~-]*@[\w.-]+", re.ASCII)
_SUBMISSION, _SUBMISSION_TLS = 587, 465
_GOOD, _LATER, _NEVER = range(200, 300), range(400, 500), range(500, 600)
"""What the numbers of answers mean (RFC 5321, section 4.2.1)."""
_GO_ON = (354,)
_LONGEST = 2000
"""Bytes that are read of what a server says."""
_LOG_IN, _TOO_BIG = 530, 552
_CLOSING = 421
"""The answer of a server that hangs up, whatever it was asked (section 3.8)."""
# As long as a line may be, so that links stay whole in the plain text, too.
_POLICY = SMTP.clone(max_line_length=990)


Outcome = Literal["sent", "later", "refused", "unknown"]
"""`later` and `refused` are surely not delivered, of which trying again may help the former;
`unknown` was handed over, and no answer came."""


class Answer(NamedTuple):
    """What came of handing something over.

    `code` is the number of a server's answer, and `words` are its words. If it says so, trying
    again before `retry_after` seconds are over is in vain.
    """

    outcome: Outcome
    code: int | None = None
    words: str = ""
    retry_after: float | None = None


class Line(Protocol):
    """A connection to what takes mail; used by one thread at a time."""

    is_open: bool
    """Whether more can be handed over; when not, another has to be opened."""

    def deliver(self, outgoing: Outgoing) -> Answer:
        """Hand a message over, and return what came of it."""

    def close(self) -> None:
        """Say goodbye."""


class Mailer(ABC):
    """Takes mail to where it is delivered from."""

    def __init__(self, name: str, sender: str) -> None:
        """Letters are from `sender`; what else is handed over says whom it is from."""
        self.name = name
        self._sender = sender

    @abstractmethod
    def open(self) -> Line:
        """Return a connection; raises MailError, `temporary` if trying again may help."""

    def send(self, letter: Letter) -> None:
        """Hand a letter over; raises MailError, `temporary` if trying again may help."""
        # What digests are made with is slow to load, and whoever opens a collection has a mailer.
        from broadsheet.delivery.message import Outgoing  # noqa: PLC0415

        data = message(letter, self._sender, datetime.now(UTC))
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{secrets.token_hex(4)}"
        line = self.open()
        try:
            answer = line.deliver(Outgoing(parseaddr(self._sender)[1], letter.to, data, name))
        finally:
            line.close()
        if answer.outcome != "sent":
            words = answer.words if answer.code is None else f"{answer.code} {answer.words}"
            raise MailError(
                f"{self.name} refused a letter: {words}",
                temporary=answer.outcome != "refused",
                code=answer.code,
            )


def message(letter: Letter, sender: str, now: datetime) -> bytes:
    """Return a letter as it is sent, with an id of its own.

    Raises MailError for what is no address: nothing in a letter becomes another header.
    """
    name, address = parseaddr(sender)
    told = EmailMessage(_POLICY)
    told["From"] = Address(_line(name), addr_spec=_address(address))
    told["To"] = Address(addr_spec=_address(letter.to))
    told["Subject"] = _line(letter.subject)
    told["Date"] = now.astimezone(UTC)
    told["Message-ID"] = f"<{secrets.token_hex(16)}@{address.rpartition('@')[2]}>"
    # No machine that is away for two weeks answers to this (RFC 3834).
    told["Auto-Submitted"] = "auto-generated"
    told.set_content(letter.text.encode("utf-8", "replace").decode())
    return told.as_bytes()


def _line(text: str) -> str:
    plain = text.encode("utf-8", "replace").decode()
    return " ".join("".join(c if c.isprintable() else " " for c in plain).split())


def _address(text: str) -> str:
    if not _ADDRESS.fullmatch(text):
        raise MailError("A letter has an address that no letter can be sent to.")
    return text


# ---------------------------------------------------------------------------- who takes them


def mailer_of(place: str, sender: str, password: str = "") -> Mailer:
    """Return what takes mail to the place that the setting `mail` names."""
    kind, _, rest = place.partition(":")
    if kind == "folder":
        return Folder(Path(rest).expanduser().absolute(), sender)
    if kind == "sendmail":
        return Sendmail(str(Path(rest).expanduser()), sender)
    return Smtp(Server.of(urlsplit(place)), sender, password)


class Folder(Mailer):
    """A folder in which each message becomes a file, for others to send or for tests to read.

    The file is named by the id of the message: handed over twice, it is there once.
    """

    is_open = True

    def __init__(self, folder: Path, sender: str) -> None:
        super().__init__(str(folder), sender)
        self._folder = folder

    def open(self) -> Line:
        """Make the folder; raises MailError."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise MailError(f"{self._folder} cannot be written: {error.strerror}") from error
        return self

    def deliver(self, outgoing: Outgoing) -> Answer:
        """Write a file, whole or not at all, and onto the disk."""
        name = re.sub(r"[^\w.-]", "_", outgoing.message_id.strip("<>"), flags=re.ASCII)
        fresh = self._folder / f"{name}.{secrets.token_hex(4)}.new"
        try:
            _write(fresh, outgoing.data)
            fresh.rename(self._folder / f"{name}.eml")
            _flush(self._folder)
        except OSError as error:
            fresh.unlink(missing_ok=True)
            return Answer("later", None, f"{self._folder} cannot be written: {error.strerror}")
        return Answer("sent", None, f"{name}.eml")

    def close(self) -> None:
        """Do nothing: every file is closed."""


def _write(file: Path, text: bytes) -> None:
    # Whoever reads a letter can use the link in it.
    with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:  # noqa: PTH123 (of a descriptor)
        opened.write(text)
        opened.flush()
        os.fsync(opened.fileno())


def _flush(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


_REFUSING: Final = {64: "EX_USAGE", 65: "EX_DATAERR", 67: "EX_NOUSER", 68: "EX_NOHOST"}
"""Codes of sysexits.h that are about the message; all others are about the machine, and pass."""


class Sendmail(Mailer):
    """A program that takes a message as `sendmail` does, and queues it."""

    is_open = True

    def __init__(self, program: str, sender: str, timeout: float = LAST_TIMEOUT) -> None:
        super().__init__(program, sender)
        self._program = program
        self._timeout = timeout

    def open(self) -> Line:
        """See that the program is there; raises MailError."""
        if which(self._program) is None:
            raise MailError(f"{self._program} is no program that can be run; see `mail`.")
        return self

    def deliver(self, outgoing: Outgoing) -> Answer:
        """Run the program, and read what its exit code says (sysexits.h)."""
        # Dots at the beginning of a line mean nothing (-i), and an address is never an option (--).
        words = [self._program, "-i", "-f", outgoing.sender, "--", outgoing.to]
        text = outgoing.data.replace(b"\r\n", b"\n")
        try:
            done = subprocess.run(  # noqa: S603 (the program is a setting; no shell reads a word)
                words, input=text, capture_output=True, timeout=self._timeout, check=False
            )
        except subprocess.TimeoutExpired:
            return Answer("unknown", None, f"{self._program} did not end in {self._timeout:g} s")
        except OSError as error:
            return Answer("later", None, f"{self._program} cannot be run: {error.strerror}")
        return _of_exit(self._program, done.returncode, done.stderr)

    def close(self) -> None:
        """Do nothing: the program has ended."""


def _of_exit(program: str, code: int, said: bytes) -> Answer:
    if code == 0:
        return Answer("sent", code)
    if code < 0:
        return Answer("unknown", code, f"{program} was killed by signal {-code}")
    words = f"{_REFUSING.get(code, '')} {said.decode('utf-8', 'replace')}"
    return Answer("refused" if code in _REFUSING else "later", code, _line(words))


class Server(NamedTuple):
    """A server that takes letters; `tls` is `always`, `starttls` or `none`."""

    host: str
    port: int
    user: str
    tls: str

    @classmethod
    def of(cls, place: SplitResult) -> Server:
        """Return the server at an address of the setting `mail`."""
        host = place.hostname or ""
        if place.scheme == "smtps":
            tls = "always"
        else:
            tls = "none" if is_loopback(host) else "starttls"
            tls = parse_qs(place.query).get("tls", [tls])[-1]
        port = place.port or (_SUBMISSION_TLS if tls == "always" else _SUBMISSION)
        return cls(host, port, unquote(place.username or ""), tls)


class Smtp(Mailer):
    """A server that takes messages over SMTP."""

    def __init__(
        self,
        server: Server,
        sender: str,
        password: str = "",
        trust: ssl.SSLContext | None = None,
        *,
        timeout: float = TIMEOUT,
        last_timeout: float = LAST_TIMEOUT,
    ) -> None:
        super().__init__(server.host, sender)
        self._server = server
        self._password = password
        self._trust = trust
        self._timeout = timeout
        self._last_timeout = last_timeout

    def open(self) -> Line:
        """Return a connection, with the protection that was asked for; else MailError is raised.

        Without it neither a message nor the password is sent.
        """
        import smtplib  # noqa: PLC0415 (whoever sends nothing needs none of it)

        host = self._server.host
        try:
            return _SmtpLine(host, self._connected(), self._timeout, self._last_timeout)
        except smtplib.SMTPResponseException as error:
            said = self._without_password(_said(error.smtp_error))
            words = f"{host} refused: {error.smtp_code} {said}"
            is_later = error.smtp_code not in _NEVER
            raise MailError(words, temporary=is_later, code=error.smtp_code) from error
        except smtplib.SMTPNotSupportedError as error:
            raise MailError(f"{host} lacks what is needed: {error}") from error
        except (OSError, smtplib.SMTPException) as error:
            is_distrusted = type(error).__name__ == "SSLCertVerificationError"
            raise MailError(
                f"{host} takes no letters: {error}", temporary=not is_distrusted
            ) from error

    def _without_password(self, said: str) -> str:
        """Return what a server said without the password, as it is and as it is sent."""
        if not self._password:
            return said
        forms = (f"\0{self._server.user}\0{self._password}".encode(), self._password.encode())
        for word in (*(b64encode(form).decode() for form in forms), self._password):
            said = said.replace(word, "…")
        return said

    def _connected(self) -> smtplib.SMTP:
        import smtplib  # noqa: PLC0415
        import socket  # noqa: PLC0415

        host, port, user, tls = self._server
        if tls == "always":
            connection: smtplib.SMTP = smtplib.SMTP_SSL(
                host, port, timeout=self._timeout, context=self._context()
            )
        else:
            connection = smtplib.SMTP(host, port, timeout=self._timeout)
        try:
            # The final dot is sent by itself, and must not wait until the rest was acknowledged.
            _socket_of(connection).setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if tls == "starttls":
                connection.starttls(context=self._context())
            connection.ehlo_or_helo_if_needed()
            if user:
                connection.login(user, self._password)
        except BaseException:
            connection.close()
            raise
        return connection

    def _context(self) -> ssl.SSLContext:
        import ssl  # noqa: PLC0415

        return self._trust or ssl.create_default_context()


def _dotted(data: bytes) -> bytes:
    """Return a message as it is sent, but for the final dot (RFC 5321, section 4.5.2)."""
    # A line that ends otherwise than all others could look like the end of the message.
    ends = data.count(b"\r\n")
    is_odd = data.count(b"\r") != ends or data.count(b"\n") != ends
    text = re.sub(rb"\r\n|\r|\n", b"\r\n", data) if is_odd else data
    lines = b"\r\n" + text.removesuffix(b"\r\n")
    return lines.replace(b"\r\n.", b"\r\n..")[2:] + b"\r\n"


def _socket_of(connection: smtplib.SMTP) -> socket.socket:
    if connection.sock is None:
        raise OSError("the connection is closed")
    return connection.sock


def _said(answer: bytes | str) -> str:
    said = answer[:_LONGEST]
    return _line(said.decode("utf-8", "replace") if isinstance(said, bytes) else said)


class _SmtpLine:
    """A connection to a server; where the conversation stands decides what a silence means."""

    def __init__(
        self, host: str, connection: smtplib.SMTP, timeout: float, last_timeout: float
    ) -> None:
        self.is_open = True
        self._host = host
        self._connection = connection
        self._timeout = timeout
        self._last_timeout = last_timeout

    def deliver(self, outgoing: Outgoing) -> Answer:
        """Hand a message over: before the final dot nothing is delivered, after it anything is."""
        if not (_ADDRESS.fullmatch(outgoing.sender) and _ADDRESS.fullmatch(outgoing.to)):
            return Answer("refused", None, "This is no address that a letter can be sent to.")
        import smtplib  # noqa: PLC0415

        try:
            refused = self._offer(outgoing)
        except (OSError, smtplib.SMTPException) as error:
            self._hang_up()
            return Answer("later", None, f"{self._host} hung up before it had all: {error}")
        return refused or self._end()

    def _offer(self, outgoing: Outgoing) -> Answer | None:
        """Send all but the final dot; return why not, if the server does not want it."""
        connection = self._connection
        _socket_of(connection).settimeout(self._timeout)
        size = [f"size={len(outgoing.data)}"] if connection.has_extn("size") else []
        steps: tuple[tuple[Callable[[], tuple[int, bytes]], Sequence[int]], ...] = (
            (lambda: connection.mail(outgoing.sender, size), _GOOD),
            (lambda: connection.rcpt(outgoing.to), _GOOD),
            (lambda: connection.docmd("data"), _GO_ON),
        )
        for step, (ask, wanted) in enumerate(steps):
            code, said = ask()
            if code == _LOG_IN or (step == 0 and code in _NEVER and code != _TOO_BIG):
                # It means whoever sends, which is the same for all, and may be mended.
                self._hang_up()
                return Answer("later", code, _said(said))
            if code not in wanted:
                return self._not_taken(code, said)
        connection.send(_dotted(outgoing.data))
        return self._not_taken(*connection.getreply(), again=False) if self._speaks() else None

    def _speaks(self) -> bool:
        """Say whether the server said something in the middle: then the dot is never sent."""
        import select  # noqa: PLC0415

        poll = select.poll()
        poll.register(_socket_of(self._connection), select.POLLIN)
        return bool(poll.poll(0))

    def _end(self) -> Answer:
        """Send the final dot; from here on only an answer says what became of the message."""
        import smtplib  # noqa: PLC0415

        try:
            _socket_of(self._connection).settimeout(self._last_timeout)
            self._connection.send(b".\r\n")
            code, said = self._connection.getreply()
        except (OSError, smtplib.SMTPException) as error:
            return self._unknown(f"gave no answer: {error}")
        if code in _GOOD:
            return Answer("sent", code, _said(said))
        if code in _LATER or code in _NEVER:
            return self._not_taken(code, said)
        return self._unknown(f"gave no answer that means anything: {code}")

    def _unknown(self, why: str) -> Answer:
        self._hang_up()
        return Answer("unknown", None, f"{self._host} had all of it and {why}")

    def _not_taken(self, code: int, said: bytes, *, again: bool = True) -> Answer:
        """Return what an answer means, and see that the connection is at its beginning again."""
        import smtplib  # noqa: PLC0415

        if not again or code == _CLOSING or code not in (*_LATER, *_NEVER):
            self._hang_up()
        else:
            try:
                self._connection.rset()
            except (OSError, smtplib.SMTPException):
                self._hang_up()
        return Answer("refused" if code in _NEVER else "later", code, _said(said))

    def _hang_up(self) -> None:
        self.is_open = False
        self._connection.close()

    def close(self) -> None:
        """Say goodbye: what is taken is taken, however the server answers."""
        import smtplib  # noqa: PLC0415

        if self.is_open:
            with suppress(smtplib.SMTPException, OSError):
                self._connection.quit()
            self._hang_up()


# ---------------------------------------------------------------------------- those that wait


class _Waiting(NamedTuple):
    due: float
    tried: int
    letter: Letter


class Outbox:
    """Letters that wait, and the thread that sends them; safe to share between threads.

    Whoever puts one in never waits, so that nobody sees from outside what was sent. Of what
    cannot be sent `tell` gets a sentence, without the address.
    """

    def __init__(
        self,
        mailer: Mailer,
        tell: Callable[[str], None] = lambda _: None,
        waits: Sequence[float] = WAITS,
    ) -> None:
        self._mailer = mailer
        self._tell = tell
        self._waits = waits
        self._waiting: list[_Waiting] = []
        self._is_sending = self._is_closed = False
        self._changed = Condition()
        self._thread: Thread | None = None

    def send(self, letter: Letter) -> None:
        """Put a letter in; raises MailError if very many wait already."""
        with self._changed:
            if len(self._waiting) >= MOST:
                raise MailError("Too many letters wait to be sent; try again.", temporary=True)
            self._waiting.append(_Waiting(time.monotonic(), 0, letter))
            if self._thread is None:
                self._thread = Thread(target=self._work, name="outbox", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def settle(self, patience: float = _PATIENCE) -> bool:
        """Wait until all letters were tried once; return whether they were in time."""
        with self._changed:
            return self._changed.wait_for(lambda: not (self._is_sending or self._fresh()), patience)

    def close(self) -> None:
        """Send what was not tried yet, and tell what was not sent."""
        self.settle()
        with self._changed:
            self._is_closed = True
            left = len(self._waiting) + self._is_sending
            self._changed.notify_all()
        if left:
            self._tell(f"letters that were not sent, and will not be: {left}")

    def _fresh(self) -> bool:
        return any(not waiting.tried for waiting in self._waiting)

    def _work(self) -> None:
        while (waiting := self._next()) is not None:
            again = self._try(waiting)
            with self._changed:
                self._is_sending = False
                if again is not None:
                    self._waiting.append(again)
                self._changed.notify_all()

    def _next(self) -> _Waiting | None:
        """Return the letter that is due, when it is, and None in the end."""
        with self._changed:
            while not self._is_closed:
                first = min(self._waiting, default=None)
                wait = None if first is None else first.due - time.monotonic()
                if first is not None and wait is not None and wait <= 0:
                    self._waiting.remove(first)
                    self._is_sending = True
                    return first
                self._changed.wait(wait)
        return None

    def _try(self, waiting: _Waiting) -> _Waiting | None:
        """Send a letter; return it as it waits if it is to be tried again."""
        try:
            self._mailer.send(waiting.letter)
        except MailError as error:
            domain = _line(waiting.letter.to.rpartition("@")[2])
            # Servers like to repeat the address.
            why = re.sub(
                re.escape(waiting.letter.to), "the address", str(error), flags=re.IGNORECASE
            )
            if error.temporary and waiting.tried < len(self._waits):
                wait = self._waits[waiting.tried]
                self._tell(f"a letter to {domain} is tried again in {wait:g} seconds: {why}")
                return _Waiting(time.monotonic() + wait, waiting.tried + 1, waiting.letter)
            self._tell(f"a letter to {domain} was not sent: {why}")
        except Exception as error:  # noqa: BLE001 (the thread must live on for the other letters)
            self._tell(f"a letter was not sent, for a fault in Broadsheet: {error!r}")
        return None
