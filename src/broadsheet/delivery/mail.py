"""Letters by e-mail: what they look like on the way, who takes them, and those that wait.

message(letter, sender, now) -> the bytes that are sent (pure)
mailer_of(place, sender, password) -> Smtp or Folder, as the setting `mail` says
Outbox(mailer).send(letter) returns at once; a thread sends
"""

from __future__ import annotations

import os
import re
import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import parseaddr
from pathlib import Path
from threading import Condition, Thread
from typing import TYPE_CHECKING, NamedTuple, Protocol
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from broadsheet.config import is_loopback
from broadsheet.errors import MailError
from broadsheet.readers.letters import Letter

if TYPE_CHECKING:
    import smtplib
    import ssl

TIMEOUT = 30
"""Seconds that a server has for each answer."""
WAITS = (10, 60, 300)
"""Seconds after which a letter that could not be sent is tried again; many servers greylist."""
MOST = 1000
"""So many letters wait at most."""
_PATIENCE = 20
"""Seconds that letters have to be sent before the program ends."""
_ADDRESS = re.compile(r"[\w!#$%&'*+/=?^`{|}~-][\w.!#$%&'*+/=?^`{|}~-]*@[\w.-]+", re.ASCII)
_SUBMISSION, _SUBMISSION_TLS = 587, 465
_LATER = 500
"""An answer below says that trying again may help (RFC 5321, section 4.2.1)."""
# As long as a line may be, so that links stay whole in the plain text, too.
_POLICY = SMTP.clone(max_line_length=990)


class Mailer(Protocol):
    """Takes a letter to where it is delivered from."""

    def send(self, letter: Letter) -> None:
        """Hand a letter over; raises MailError."""


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
    """Return what sends letters to the place that the setting `mail` names."""
    if place.startswith("folder:"):
        return Folder(Path(place.removeprefix("folder:")).expanduser().absolute(), sender)
    return Smtp(Server.of(urlsplit(place)), sender, password)


class Folder:
    """A folder in which each letter becomes a file, for others to send or for tests to read."""

    def __init__(self, folder: Path, sender: str) -> None:
        self._folder = folder
        self._sender = sender

    def send(self, letter: Letter) -> None:
        """Write a letter, whole or not at all; raises MailError."""
        now = datetime.now(UTC)
        data = message(letter, self._sender, now)
        name = f"{now:%Y%m%dT%H%M%S%f}-{secrets.token_hex(4)}"
        fresh = self._folder / f"{name}.new"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            # Whoever reads a letter can use the link in it.
            with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:  # noqa: PTH123 (of a descriptor)
                file.write(data)
            fresh.rename(self._folder / f"{name}.eml")
        except OSError as error:
            raise MailError(f"{self._folder} cannot be written: {error.strerror}") from error


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


class Smtp:
    """A server that is handed each letter in a connection of its own."""

    def __init__(
        self, server: Server, sender: str, password: str = "", trust: ssl.SSLContext | None = None
    ) -> None:
        self._server = server
        self._sender = sender
        self._password = password
        self._trust = trust

    def send(self, letter: Letter) -> None:
        """Hand a letter over; raises MailError, `temporary` if trying again may help.

        Without the protection that was asked for neither letter nor password is sent.
        """
        import smtplib  # noqa: PLC0415 (whoever sends nothing needs none of it)

        data = message(letter, self._sender, datetime.now(UTC))
        try:
            connection = self._connected()
            try:
                connection.sendmail(parseaddr(self._sender)[1], [letter.to], data)
                # What is taken is taken, however the server says goodbye.
                with suppress(smtplib.SMTPException, OSError):
                    connection.quit()
            finally:
                connection.close()
        except smtplib.SMTPRecipientsRefused as error:
            raise self._refused(*error.recipients[letter.to]) from error
        except smtplib.SMTPResponseException as error:
            raise self._refused(error.smtp_code, error.smtp_error) from error
        except smtplib.SMTPNotSupportedError as error:
            raise MailError(f"{self._server.host} lacks what is needed: {error}") from error
        except (OSError, smtplib.SMTPException) as error:
            is_distrusted = type(error).__name__ == "SSLCertVerificationError"
            raise MailError(
                f"{self._server.host} takes no letters: {error}", temporary=not is_distrusted
            ) from error

    def _connected(self) -> smtplib.SMTP:
        import smtplib  # noqa: PLC0415

        host, port, user, tls = self._server
        if tls == "always":
            connection: smtplib.SMTP = smtplib.SMTP_SSL(
                host, port, timeout=TIMEOUT, context=self._context()
            )
        else:
            connection = smtplib.SMTP(host, port, timeout=TIMEOUT)
        try:
            if tls == "starttls":
                connection.starttls(context=self._context())
            if user:
                connection.login(user, self._password)
        except BaseException:
            connection.close()
            raise
        return connection

    def _context(self) -> ssl.SSLContext:
        import ssl  # noqa: PLC0415

        return self._trust or ssl.create_default_context()

    def _refused(self, code: int, said: bytes | str) -> MailError:
        words = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
        return MailError(
            f"{self._server.host} refused a letter: {code} {_line(words)}", temporary=code < _LATER
        )


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
