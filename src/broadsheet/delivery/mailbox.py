"""The mailbox that bounces come to, read over IMAP (RFC 9051, and RFC 3501 before it).

read_mailbox(place, password, take) -> Read

What is ours is marked as read and moved to the folder `Broadsheet`; what is not stays as it was,
unread, with a keyword by which the next reading passes over it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

from broadsheet.config import is_loopback
from broadsheet.delivery.bounces import LONGEST
from broadsheet.delivery.returns import Taken
from broadsheet.errors import BroadsheetError, MailboxError

if TYPE_CHECKING:
    import imaplib
    import ssl

_log = logging.getLogger(__name__)
FOLDER: Final = "Broadsheet"
"""Where what was taken is moved to."""
MOST: Final = 1000
"""Letters of one reading; the next one goes on behind them."""
TIMEOUT: Final = 30
"""Seconds that a server has for each answer."""
_IMAP, _IMAPS = 143, 993
_NOT_OURS = "BroadsheetNotOurs"


class Read(NamedTuple):
    """What was in a mailbox: letters `taken`, `left` where they were (none of ours), `failed`."""

    taken: int = 0
    left: int = 0
    failed: int = 0


def _silent(_done: int, _total: int) -> None:
    pass


def read_mailbox(
    place: str,
    password: str,
    take: Callable[[bytes], Taken],
    progress: Callable[[int, int], None] = _silent,
    trust: ssl.SSLContext | None = None,
) -> Read:
    """Give each letter that is new in a mailbox to `take`; return how many there were.

    `place` is as the setting `mailbox` has it. What `take` fails at stays new, and is logged.
    Raises MailboxError if the mailbox cannot be read, `temporary` if trying again may help.
    """
    parts = urlsplit(place)
    counts = {"taken": 0, "left": 0, "failed": 0}
    with _opened(parts, password, trust) as connection:
        box = _Box(connection, unquote(parts.path.strip("/")) or "INBOX")
        letters = box.fresh()[:MOST]
        for done, uid in enumerate(letters, 1):
            counts[_taken(box, uid, take)] += 1
            progress(done, len(letters))
    return Read(**counts)


def _taken(box: _Box, uid: str, take: Callable[[bytes], Taken]) -> str:
    try:
        is_ours = take(box.fetch(uid)).is_ours
    except BroadsheetError as error:
        if isinstance(error, MailboxError):
            raise
        _log.warning("letter_not_taken uid=%s: %s", uid, error)
        return "failed"
    if not is_ours:
        box.pass_over(uid)
        return "left"
    box.put_away(uid)
    return "taken"


class _Box:
    """A folder of a mailbox that is open."""

    def __init__(self, connection: imaplib.IMAP4, folder: str) -> None:
        self._connection = connection
        # What it can do it says in full only to those whom it knows.
        _, told = connection.capability()
        self._can_move = b"MOVE" in b" ".join(told).upper().split()
        if not folder.isascii() or not folder.isprintable():
            raise MailboxError("mailbox: the name of the folder must be in plain ASCII.")
        quoted = folder.replace("\\", "\\\\").replace('"', '\\"')
        kind, _ = connection.select(f'"{quoted}"')
        if kind != "OK":
            raise MailboxError(f"The mailbox has no folder {folder!r}.")
        if self._can_move:
            # Where there is one already, that is refused, and all is well.
            connection.create(FOLDER)

    def fresh(self) -> list[str]:
        """Return the numbers (UID) of what is unread and was not looked at before."""
        _, found = self._asked("SEARCH", "UNSEEN", "UNKEYWORD", _NOT_OURS)
        return [n for line in found if isinstance(line, bytes) for n in line.decode().split()]

    def fetch(self, uid: str) -> bytes:
        """Return a letter, as far as it is read at all."""
        _, found = self._asked("FETCH", uid, f"(BODY.PEEK[]<0.{LONGEST}>)")
        return next((part[1] for part in found if isinstance(part, tuple)), b"")

    def pass_over(self, uid: str) -> None:
        """Mark a letter that is none of ours, where the server keeps such marks."""
        self._connection.uid("STORE", uid, "+FLAGS.SILENT", f"({_NOT_OURS})")

    def put_away(self, uid: str) -> None:
        """Mark a letter as read and, where the server can (RFC 6851), move it."""
        self._asked("STORE", uid, "+FLAGS.SILENT", "(\\Seen)")
        if self._can_move:
            self._connection.uid("MOVE", uid, FOLDER)

    def _asked(self, *words: str) -> tuple[str, list[bytes | tuple[bytes, bytes]]]:
        kind, found = self._connection.uid(*words)
        if kind != "OK":
            raise MailboxError(f"The mailbox refused {words[0]}: {found!r}")
        return kind, found


@contextmanager
def _opened(
    place: SplitResult, password: str, trust: ssl.SSLContext | None
) -> Iterator[imaplib.IMAP4]:
    import imaplib  # noqa: PLC0415 (whoever reads no mailbox needs none of it)

    host = place.hostname or ""
    try:
        connection = _connected(place, trust)
        try:
            _log_in(connection, unquote(place.username or ""), password)
            yield connection
        finally:
            connection.shutdown()
    except imaplib.IMAP4.abort as error:
        raise MailboxError(f"{host} broke off: {error}", temporary=True) from error
    except imaplib.IMAP4.error as error:
        raise MailboxError(f"{host} refuses to show the mailbox: {error}") from error
    except OSError as error:
        is_distrusted = type(error).__name__ == "SSLCertVerificationError"
        raise MailboxError(
            f"The mailbox at {host} cannot be reached: {error}", temporary=not is_distrusted
        ) from error
    except (ValueError, LookupError) as error:
        # What it said is no answer of IMAP: `imaplib` leaves that to us.
        raise MailboxError(f"What {host} answers cannot be read: {error}") from error


def _connected(place: SplitResult, trust: ssl.SSLContext | None) -> imaplib.IMAP4:
    import imaplib  # noqa: PLC0415
    import ssl  # noqa: PLC0415

    host = place.hostname or ""
    if place.scheme == "imaps":
        context = trust or ssl.create_default_context()
        port = place.port or _IMAPS
        return imaplib.IMAP4_SSL(host, port, ssl_context=context, timeout=TIMEOUT)
    if not is_loopback(host):
        raise MailboxError("No password is sent unprotected to another machine: use imaps://")
    return imaplib.IMAP4(host, place.port or _IMAP, timeout=TIMEOUT)


def _log_in(connection: imaplib.IMAP4, user: str, password: str) -> None:
    # LOGIN can say nothing that is not ASCII.
    if "AUTH=PLAIN" in connection.capabilities:
        connection.authenticate("PLAIN", lambda _: f"\0{user}\0{password}".encode())
    else:
        connection.login(user, password)
