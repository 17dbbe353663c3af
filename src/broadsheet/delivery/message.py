"""Digests as they are sent: MIME, headers, Message-ID, and a signature (DKIM).

message(head, text, html) -> the bytes, always the same of the same
message_id(handle, issue, sender) -> the id of an issue for ever
signer_of(rules) -> what signs messages, or none

Written by hand, since the e-mail package of Python takes ten times as long: bodies are
quoted-printable and headers ASCII, so that no server has anything to change, which would break a
signature.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from binascii import b2a_qp
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parseaddr
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple

from broadsheet.delivery.digest import Issue
from broadsheet.errors import ConfigError, MailError

SIGNED: Final = (
    "From", "To", "Subject", "Date", "Message-ID", "Reply-To", "MIME-Version", "Content-Type",
    "List-Id", "List-Unsubscribe", "List-Unsubscribe-Post", "Feedback-ID",
)  # fmt: skip
"""Headers that the signature covers; RFC 8058 wants those of the list in it."""

_ADDRESS: Final = re.compile(
    r"[\w!#$%&'*+/=?^`{|}~-][\w.!#$%&'*+/=?^`{|}~-]*@[\w-]+(\.[\w-]+)*", re.ASCII
)
_WORD: Final = 39
"""Bytes in an encoded word: with `Subject: ` before it 76 characters, as RFC 2047 has it."""
_LINE: Final = 78
_SELECTOR: Final = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
_QP: Final = 76
"""Bytes of a line in quoted-printable (RFC 2045)."""
_ATOMS: Final = re.compile(r"[\w !#$%&'*+/=?^`{|}~-]*", re.ASCII)


class MailRules(NamedTuple):
    """What the settings say of letters: whom they are from, and what they are signed with.

    `dkim_key` is the file of a private key, "" if nothing is signed.
    """

    sender: str = ""
    dkim_key: str = ""
    dkim_selector: str = ""


class Outgoing(NamedTuple):
    """A message for a server that takes it; `sender` is where bounces go, not whom it is from."""

    sender: str
    to: str
    data: bytes
    message_id: str


Header = tuple[str, str]
Signer = Callable[[bytes, datetime], bytes]
"""Returns a message with its signature before it, as of a moment."""


# ---------------------------------------------------------------------------- headers


@lru_cache(maxsize=16)
def _parsed(sender: str) -> tuple[str, str]:
    name, address = parseaddr(sender)
    return name, _address(address)


def address_of(sender: str) -> str:
    """Return the address in `ADDRESS` or `NAME <ADDRESS>`; raises MailError if it is none."""
    return _parsed(sender)[1]


def domain_of(sender: str) -> str:
    """Return the domain of the address in `ADDRESS` or `NAME <ADDRESS>`."""
    return address_of(sender).rpartition("@")[2]


def message_id(handle: str, issue: str, sender: str) -> str:
    """Return the id of an issue of a subscription: sent again, it is the same message."""
    made = hashlib.sha256(f"{handle} {issue}".encode()).hexdigest()[:32]
    return f"<{made}@{domain_of(sender)}>"


@dataclass(frozen=True)
class Head:
    """What every message has in its headers; `made` is when it was first made, aware.

    It is from the `house` if `sender` is an address without a name.
    """

    sender: str
    house: str
    to: str
    subject: str
    made: datetime
    message_id: str


def list_headers(issue: Issue, sender: str) -> list[Header]:
    """Return the headers of a list: which it is, and how to leave it (RFC 2369, 2919, 8058).

    One click, which the recipient's provider makes, needs https. Where links have none, the one
    given leads to a page with a button, and a letter is what unsubscribes at once.
    """
    subscription, links = issue.subscription, issue.links
    wishes, domain = subscription.wishes, domain_of(sender)
    web = links.unsubscribe(subscription.handle)
    letter = links.unsubscribe_mail(subscription.handle)
    is_one_click = web.startswith("https://")
    ways = [f"<{web}>", *([f"<mailto:{letter}?subject=unsubscribe>"] if letter else [])]
    return [
        ("List-Id", _named(f"{issue.house}: {wishes.kind}", f"{wishes.kind}.digests.{domain}")),
        ("List-Unsubscribe", ",\r\n ".join(ways)),
        *([("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")] if is_one_click else []),
        ("Feedback-ID", f"{wishes.kind}:{wishes.cadence}:digest:broadsheet"),
        ("Precedence", "bulk"),
    ]


def _headers(head: Head) -> list[Header]:
    name, address = _parsed(head.sender)
    sender = _named(name or head.house, address)
    return [
        ("From", sender),
        ("To", _address(head.to)),
        ("Subject", _unstructured(head.subject, len("Subject: "))),
        ("Date", format_datetime(head.made.astimezone(UTC))),
        ("Message-ID", head.message_id),
        # Bounces go elsewhere; whoever answers reaches those who send.
        ("Reply-To", address),
        # No machine that is away for two weeks answers to this (RFC 3834).
        ("Auto-Submitted", "auto-generated"),
        ("MIME-Version", "1.0"),
    ]


def _named(name: str, address: str) -> str:
    """Return a name with its address on a line of its own, if it is long, or the address alone."""
    phrase = _phrase(_line(name))
    fold = "\r\n " if len(phrase) > _WORD else " "
    return f"{phrase}{fold}<{address}>" if phrase else f"<{address}>"


def _phrase(line: str) -> str:
    if not line.isascii() or len(line) > _WORD or "=?" in line:
        return _encoded(line)
    if not _ATOMS.fullmatch(line):
        return '"' + re.sub(r'(["\\])', r"\\\1", line) + '"'
    return line


def _unstructured(text: str, before: int) -> str:
    line = _line(text)
    is_plain = line.isascii() and len(line) + before <= _LINE and "=?" not in line
    return line if is_plain else _encoded(line)


def _encoded(line: str) -> str:
    """Return a line as encoded words, none of which ends within a character (RFC 2047)."""
    return "\r\n ".join(f"=?utf-8?B?{b64encode(w.encode()).decode()}?=" for w in _words(line))


def _words(line: str) -> Iterator[str]:
    word, size = "", 0
    for character in line:
        more = len(character.encode())
        if size + more > _WORD:
            yield word
            word, size = "", 0
        word += character
        size += more
    yield word


def _line(text: str) -> str:
    seen = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(seen.split())


def _address(text: str) -> str:
    if not _ADDRESS.fullmatch(text):
        raise MailError("A letter has an address that no letter can be sent to.")
    return text


# ---------------------------------------------------------------------------- the message


def message(head: Head, more: Sequence[Header], text: str, html: str = "") -> bytes:
    """Return a message in plain text and, if there is any, HTML; of the same it is the same.

    Its lines are ASCII and end in CRLF, none longer than 998 bytes. Raises MailError for what is
    no address: nothing that is told becomes another header.
    """
    headers = [*_headers(head), *more]
    # Never in quoted-printable, and always the same (RFC 2046, section 5.1.1).
    mark = "=_" + head.message_id.strip("<>").partition("@")[0]
    parts = [_part("plain", text), *([_part("html", html)] if html else [])]
    if len(parts) == 1:
        return _lines(headers) + parts[0]
    headers.append(("Content-Type", f'multipart/alternative;\r\n boundary="{mark}"'))
    between = f"--{mark}\r\n".encode()
    body = b"".join(between + part + b"\r\n" for part in parts)
    return _lines(headers) + b"\r\n" + body + f"--{mark}--\r\n".encode()


def _lines(headers: Sequence[Header]) -> bytes:
    return "".join(f"{name}: {value}\r\n" for name, value in headers).encode("ascii")


def _part(kind: str, text: str) -> bytes:
    headers = (
        ("Content-Type", f"text/{kind}; charset=utf-8"),
        ("Content-Transfer-Encoding", "quoted-printable"),
    )
    return _lines(headers) + b"\r\n" + _printable(text)


def _printable(text: str) -> bytes:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").encode("utf-8", "replace")
    # A line that begins so would get another sign before it in a mailbox file.
    made = b2a_qp(lines).replace(b"\nFrom ", b"\n=46rom ").split(b"\n")
    if max(map(len, made)) > _QP:
        made = [line if len(line) <= _QP else _broken(line) for line in made]
    return b"\r\n".join(made)


def _broken(line: bytes) -> bytes:
    """Return a line in two; `b2a_qp` makes some a little longer than they may be."""
    at = line.rfind(b"=", _QP - 3, _QP - 1)
    at = at if at > 0 else _QP - 1
    return line[:at] + b"=\r\n" + line[at:]


# ---------------------------------------------------------------------------- the signature


def signer_of(rules: MailRules) -> Signer | None:
    """Return what signs messages, None if nothing is to be signed.

    Raises ConfigError if the key cannot be read or used, or the extra `dkim` is not installed.
    """
    if not rules.dkim_key:
        return None
    for name, value in (("mail_from", rules.sender), ("dkim_selector", rules.dkim_selector)):
        if not value:
            raise ConfigError(f"dkim_key is set: the setting {name} is needed with it")
    if not _SELECTOR.fullmatch(rules.dkim_selector):
        raise ConfigError(f"dkim_selector = {rules.dkim_selector!r}: must be as names in DNS are")
    signer = _Dkim(rules.dkim_selector, domain_of(rules.sender), _key(rules.dkim_key))
    _try(signer, rules)
    return signer


def _key(place: str) -> bytes:
    try:
        return Path(place).expanduser().read_bytes()
    except OSError as error:
        raise ConfigError(f"dkim_key = {place!r} cannot be read: {error.strerror}") from error


def _try(signer: Signer, rules: MailRules) -> None:
    """Sign something: a key that cannot be used shall be found before anything is due."""
    try:
        import dkim  # noqa: PLC0415 (an extra)
    except ImportError as error:
        raise ConfigError(
            "dkim_key is set, but what signs is not installed: pip install 'broadsheet[dkim]'"
        ) from error
    try:
        signer(b"From: a@example.org\r\n\r\n\r\n", datetime.now(UTC))
    except (dkim.DKIMException, ValueError) as error:
        raise ConfigError(
            f"dkim_key = {rules.dkim_key!r} is no private RSA key in PEM without a password"
        ) from error


@dataclass(frozen=True)
class _Dkim:
    """Signs messages (RFC 6376), so that the same message at the same moment has the same bytes."""

    selector: str
    domain: str
    key: bytes

    def __call__(self, data: bytes, made: datetime) -> bytes:
        """Return a message with its signature before it."""
        import dkim  # noqa: PLC0415 (an extra, and never needed where nothing is signed)

        stamp = str(int(made.timestamp())).encode()

        class AsOf(dkim.DKIM):  # type: ignore[misc]
            """The one of dkimpy always signs as of now, so a retry would be another message."""

            def gen_header(self, fields: list[tuple[bytes, bytes]], *rest: Any, **more: Any) -> Any:
                fields[:] = [(k, stamp if k == b"t" else v) for k, v in fields]
                return super().gen_header(fields, *rest, **more)

        present = {
            line.partition(b":")[0].lower() for line in data.split(b"\r\n\r\n")[0].split(b"\r\n")
        }
        covered = [name.encode() for name in SIGNED if name.lower().encode() in present]
        # Signed once more than it is there, so that nobody can add another one.
        covered.append(b"From")
        signed = AsOf(data).sign(
            self.selector.encode(), self.domain.encode(), self.key,
            canonicalize=(b"relaxed", b"relaxed"), include_headers=covered,
        )  # fmt: skip
        return bytes(signed) + data
