"""What a letter that came back says: of which digest it speaks, and what became of that. Pure.

Delivery status notifications (RFC 3464), complaints (RFC 5965), the plain text that qmail, Exim and
Exchange send, automatic answers (RFC 3834), and letters that unsubscribe. Whoever writes to us may
write anything, so a letter is read with a walker of our own, which sees a bounded number of parts
of a bounded size: `email` takes minutes for some that are nested deeply.
"""

from __future__ import annotations

import binascii
import quopri
import re
from collections.abc import Iterable, Iterator
from email.message import Message
from email.parser import HeaderParser
from typing import Final, Literal, NamedTuple

from broadsheet.delivery.links import Links, Named, Purpose

Kind = Literal["hard", "soft", "complaint", "unsubscribe", "auto", "unknown"]
"""`auto` needs nothing done, and `unknown` is none of all these."""

LONGEST: Final = 1_000_000
"""Bytes of a letter that are read; what is behind them is ignored."""
WORDS: Final = 300
"""Characters that are kept of what a server said."""
_HEADERS = 65_536
_HEADER = 4_000
_DEEPEST, _PARTS, _RECIPIENTS = 4, 24, 100
_SHORTEST_NAME = 3
_BLANK = re.compile(rb"\r?\n[ \t]*\r?\n")
_TOKEN = re.compile(
    r"(?<![a-z0-9])[ub][a-z2-7]{16}[0-9a-z]{0,12}-[a-z2-7]{26}(?![a-z0-9])", re.IGNORECASE
)
_STATUS = re.compile(r"(?<![\d.])([45])\.(\d{1,3})\.(\d{1,3})(?!\.?\d)")
_CODE = re.compile(r"(?<![\d.])([45])[0-5]\d(?![\d.])")
_ADDRESS = re.compile(r"[^\s<>\"'();,:]+@[^\s<>\"'();,]+")
# Where a letter was addressed, as those write it who deliver it; the envelope itself is gone.
_ARRIVED = ("x-original-to", "delivered-to", "envelope-to", "x-envelope-to", "to", "cc")
# Where else our own addresses are repeated.
_SENT_BACK = {
    "message/rfc822", "message/global", "message/global-headers", "text/rfc822-headers",
    "message/feedback-report", "text/plain",
}  # fmt: skip
_DAEMONS = re.compile(
    r"(?<![\w.+-])(mailer[-_]?daemon|postmaster|microsoftexchange\w{0,40})@", re.IGNORECASE
)
_ANSWERS = ("x-autoreply", "x-autorespond", "x-autoresponse")
_COMPLAINTS = {"abuse", "fraud", "other"}
_OPT_OUTS = {"opt-out", "opt-out-list"}
# Servers that know no RFC 3463 say so in words; only these are certain enough to act upon.
_NOBODY = re.compile(
    r"user unknown|unknown (user|recipient)|no such (user|mailbox|recipient)|no mailbox here by "
    r"that name|recipient not found|(user|mailbox|account|address) does ?n[o']t exist",
    re.IGNORECASE,
)


class Returned(NamedTuple):
    """What a letter says. `named` is the subscription, and perhaps the digest, that it speaks of.

    Without `named` nothing may be done: it carries no token of ours. `status` is as RFC 3463 has
    it (`5.1.1`), "" where nothing was said; `words` are what the other side said, in one line,
    without addresses.
    """

    kind: Kind
    named: Named | None = None
    status: str = ""
    words: str = ""


class _Part(NamedTuple):
    kind: str
    headers: Message
    body: bytes

    @property
    def text(self) -> str:
        return _decoded(self).decode("utf-8", "replace")


def read(data: bytes, links: Links) -> Returned:
    """Return what a letter says; it never raises, whatever the letter is."""
    letter = _part(data[:LONGEST])
    parts = list(_walk(letter))
    kinds = {part.kind: part for part in reversed(parts)}
    arrived = " ".join(_said(letter, name) for name in _ARRIVED)
    sent_back = " ".join(part.text[:_HEADERS] for part in parts if part.kind in _SENT_BACK)
    named = _named(links, "bounce", arrived) or _named(links, "bounce", sent_back)
    if report := kinds.get("message/feedback-report"):
        return _complaint(report, named, _named(links, "unsubscribe", sent_back))
    if status := kinds.get("message/delivery-status"):
        return _notification(status, parts, named)
    leaving = _named(links, "unsubscribe", arrived)
    if leaving and not _is_answer(letter):
        return Returned("unsubscribe", leaving)
    if _is_from_daemon(letter):
        return _plain(parts, named)
    return Returned("auto" if _is_answer(letter) else "unknown", named or leaving)


def refused(code: int, words: str) -> Returned:
    """Return what a server meant that refused a digest while it was handed over (RFC 5321)."""
    kind = str(code // 100)
    status = _said_in_words(words, kind) or f"{kind}.0.0"
    return Returned(_hardness(status), None, status, in_short(words))


def in_short(words: str) -> str:
    """Return what a server said in one short line, without addresses."""
    told = _ADDRESS.sub("the address", " ".join(words[:1000].split()))
    return "".join(c if c.isprintable() else " " for c in told)[:WORDS]


def without_name(address: str, words: str) -> str:
    """Return words in which a server repeated the name before the @ of an address, without it."""
    name = address.rpartition("@")[0]
    if len(name) < _SHORTEST_NAME:
        return words
    return re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", "…", words, flags=re.IGNORECASE)


# ---------------------------------------------------------------------------- kinds of letters


def _complaint(report: _Part, named: Named | None, leaving: Named | None) -> Returned:
    """RFC 5965: somebody called a digest spam; or took that back, or a machine reports.

    Whoever was forwarded a digest has the link in it that unsubscribes, and can do no more.
    """
    said = str(_fields(report.text).get("feedback-type", "")).strip().lower()
    if said not in _COMPLAINTS | _OPT_OUTS:
        return Returned("auto", named or leaving, "", in_short(said))
    if said in _COMPLAINTS and named:
        return Returned("complaint", named, "", said)
    return Returned("unsubscribe", named or leaving, "", said)


class _Outcome(NamedTuple):
    """What became of a digest for one of those that it was passed on to."""

    kind: Kind
    status: str
    words: str


def _notification(report: _Part, parts: Iterable[_Part], named: Named | None) -> Returned:
    """RFC 3464. Of several recipients, the one who fared best counts: somebody was reached."""
    text = next((part.text for part in parts if part.kind == "text/plain"), "")
    found = [_outcome(fields, text) for fields in _groups(report.text)]
    order: tuple[Kind, ...] = ("auto", "soft", "hard")
    best = min(found, key=lambda one: order.index(one.kind), default=None)
    return Returned("unknown", named) if best is None else Returned(best.kind, named, *best[1:])


def _outcome(fields: Message, text: str) -> _Outcome:
    action = str(fields.get("action", "failed")).strip().lower()
    said = str(fields.get("diagnostic-code", ""))[:_HEADER].partition(";")[2].strip()
    status = _stated(str(fields.get("status", ""))[:100])
    if action != "failed":
        # One that is late is still under way: if it fails, that will be told as well.
        return _Outcome("auto", status, in_short(f"{action} {said}"))
    if not status or status.endswith(".0.0"):
        # Some say no more than that it failed, and the rest in the words beside it.
        kind = status[:1]
        status = _said_in_words(said, kind) or _said_in_words(text, kind) or status
    return _Outcome(_hardness(status), status, in_short(said or _telling_line(text)))


def _plain(parts: Iterable[_Part], named: Named | None) -> Returned:
    """Return what a mail server says in plain text alone."""
    text = next((part.text for part in parts if part.kind in {"text/plain", "text/html"}), "")
    status = _said_in_words(text)
    if not status:
        return Returned("auto", named, "", in_short(_telling_line(text)))
    return Returned(_hardness(status), named, status, in_short(_telling_line(text)))


def _hardness(status: str) -> Kind:
    # A full mailbox (5.2.2) may be emptied, though servers call it final (RFC 3463).
    return "soft" if status.startswith("4") or status == "5.2.2" else "hard"


def _stated(text: str, kind: str = "") -> str:
    """Return the first status in a text that is a failure of this kind (`4`, `5`), or of any."""
    found = (status.groups() for status in _STATUS.finditer(text) if status[1] in (kind or "45"))
    return next((".".join(str(int(number)) for number in numbers) for numbers in found), "")


def _said_in_words(text: str, kind: str = "") -> str:
    """Return the status that a server tells in words or as an SMTP code, "" if it tells none."""
    own = _copy_left_out(text)
    if status := _stated(own, kind):
        return status
    if kind != "4" and _NOBODY.search(own):
        return "5.1.1"
    found = (code[1] for code in _CODE.finditer(own) if code[1] in (kind or "45"))
    return next((f"{first}.0.0" for first in found), "")


def _copy_left_out(text: str) -> str:
    """Return what a server says in its own words, before the letter that it sends back."""
    return re.split(r"\n-{3,}.{0,40}(?:copy|original|returned)", text[:20_000], maxsplit=1)[0]


def _telling_line(text: str) -> str:
    lines = [line.strip() for line in _copy_left_out(text).splitlines() if line.strip()]
    telling = (n for n in lines if _STATUS.search(n) or _NOBODY.search(n) or _CODE.search(n))
    return next(telling, lines[0] if lines else "")


def _is_from_daemon(letter: _Part) -> bool:
    return bool(_DAEMONS.search(_said(letter, "from"))) or "x-failed-recipients" in letter.headers


def _is_answer(letter: _Part) -> bool:
    """Return whether a machine answered: whoever asks to be let go is no such answer."""
    said = _said(letter, "auto-submitted").strip().lower()
    is_bounced = _said(letter, "return-path").strip() == "<>"
    known = any(name in letter.headers for name in _ANSWERS)
    return said.startswith("auto-replied") or is_bounced or known


# ---------------------------------------------------------------------------- whose it is


def _said(letter: _Part, header: str) -> str:
    return " ".join(str(value) for value in letter.headers.get_all(header, ()))[:_HEADER]


def _named(links: Links, purpose: Purpose, text: str) -> Named | None:
    found = (links.read(purpose, token) for token in _TOKEN.findall(text))
    return next((named for named in found if named), None)


# ---------------------------------------------------------------------------- parts


def _walk(letter: _Part) -> Iterator[_Part]:
    """Yield a letter and its parts, in their order: not what is nested too deeply, or too many."""
    waiting = [(letter, 0)]
    for _ in range(_PARTS):
        if not waiting:
            return
        part, depth = waiting.pop()
        yield part
        if part.kind.startswith("multipart/") and depth < _DEEPEST:
            waiting += [(child, depth + 1) for child in reversed(_children(part))]


def _part(data: bytes) -> _Part:
    head, body = _split(data)
    headers = HeaderParser().parsestr(head[:_HEADERS].decode("utf-8", "replace"))
    kind = str(headers.get("content-type", "text/plain"))[:_HEADER]
    return _Part(kind.partition(";")[0].strip().lower(), headers, body)


def _split(data: bytes) -> tuple[bytes, bytes]:
    if data[:1] in b"\r\n":
        return b"", data.lstrip(b"\r\n")
    found = _BLANK.search(data)
    return (data[: found.start()] + b"\n", data[found.end() :]) if found else (data, b"")


def _children(part: _Part) -> list[_Part]:
    stated = str(part.headers.get("content-type", ""))[:_HEADER]
    found = re.search(r'boundary\s*=\s*(?:"([^"]{1,200})"|([^\s;"]{1,200}))', stated, re.IGNORECASE)
    if found is None:
        return []
    mark = re.escape((found[1] or found[2]).encode("utf-8", "replace"))
    pieces = re.split(rb"(?m)^--" + mark + rb"(?:--)?[ \t]*\r?$\n?", part.body, maxsplit=_PARTS)
    return [_part(piece) for piece in pieces[1:_PARTS] if piece.strip()]


def _decoded(part: _Part) -> bytes:
    how = str(part.headers.get("content-transfer-encoding", ""))[:100].strip().lower()
    try:
        if how == "base64":
            return binascii.a2b_base64(part.body)
        return quopri.decodestring(part.body) if how == "quoted-printable" else part.body
    except (binascii.Error, ValueError):
        return part.body


def _groups(text: str) -> list[Message]:
    """Return the fields of each recipient in a report: those that say what became of it."""
    found = map(_fields, re.split(r"\r?\n[ \t]*\r?\n", text.strip(), maxsplit=_RECIPIENTS))
    return [fields for fields in found if {"action", "status"} & {k.lower() for k in fields}]


def _fields(text: str) -> Message:
    return HeaderParser().parsestr(text.strip()[:_HEADERS])
