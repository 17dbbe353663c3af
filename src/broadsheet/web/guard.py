"""Who may change something: a page of ours, under a name of ours, with the token it was given."""

import hashlib
import hmac
import ipaddress
import re
import secrets
import time
from collections.abc import Callable, Collection, Mapping
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import Request

COOKIE = "broadsheet_form"
"""The cookie that a form's token belongs to; other sites can neither read nor set it."""
FIELD = "token"
BODY = 16_384
"""Bytes that a request may carry."""

_COOKIE = re.compile(r"[\w-]{22,64}", re.ASCII)
_STALE = (
    "This form is older than the server, or the browser keeps no cookies for it. "
    "Go back, load the page again, and send the form once more. Nothing was changed."
)
_ELSEWHERE = "This request was sent by another site, so nothing was changed."


class Guard:
    """Lets pass what pages of this server sent; `names` are the host names it is known under.

    Tokens are made with a secret of this object: after a restart a form must be loaded again.
    """

    def __init__(
        self, names: Collection[str] = (), seconds: Callable[[], float] = time.time
    ) -> None:
        self._names = frozenset(map(str.lower, names))
        self._seconds = seconds
        self._secret = secrets.token_bytes(32)

    def cookie(self, sent: str | None) -> str:
        """Return the cookie that a browser sent, a new one if it has none that can be used."""
        return sent if sent and _COOKIE.fullmatch(sent) else secrets.token_urlsafe(24)

    def token(self, cookie: str, session: str = "") -> str:
        """Return the token that forms carry for a browser with this cookie, in this session."""
        return self._mark(b"form", f"{cookie} {session}".encode("utf-8", "replace"))

    def check_token(self, cookie: str | None, token: str, session: str = "") -> None:
        """Refuse a form whose token was not made for this cookie and this session."""
        if not cookie or not _COOKIE.fullmatch(cookie):
            raise HTTPException(403, _STALE)
        made = self.token(cookie, session)
        if not hmac.compare_digest(made.encode(), token.encode("utf-8", "replace")):
            raise HTTPException(403, _STALE)

    def seal(self, kept: Mapping[str, str]) -> str:
        """Return words that a browser may keep, and read, for us, but not change."""
        body = urlencode({**kept, "sealed": str(int(self._seconds()))})
        return f"{self._mark(b'seal', body.encode())}.{quote(body)}"

    def unseal(self, sealed: str, minutes: int) -> dict[str, str] | None:
        """Return what was sealed not longer ago than so many minutes, None for anything else."""
        mark, _, text = sealed.partition(".")
        body = unquote(text)
        made = self._mark(b"seal", body.encode("utf-8", "replace"))
        if not hmac.compare_digest(made.encode(), mark.encode("utf-8", "replace")):
            return None
        kept = dict(parse_qsl(body, keep_blank_values=True))
        age = self._seconds() - int(kept.pop("sealed"))
        return kept if 0 <= age <= 60 * minutes else None

    def _mark(self, purpose: bytes, text: bytes) -> str:
        return hmac.new(self._secret, purpose + b" " + text, hashlib.sha256).hexdigest()

    def check_sender(self, headers: Mapping[str, str]) -> None:
        """Refuse what another site sent, or what came here under a name that is not ours."""
        self.check_host(headers)
        self.check_origin(headers)

    def check_host(self, headers: Mapping[str, str]) -> None:
        """Refuse what came here under a name that is not ours."""
        host = headers.get("host", "")
        if not self.is_ours(host):
            raise HTTPException(
                403,
                f"This server is not known as “{host[:100]}”, so nothing was changed. If that is "
                "a name of it, say so in the setting `names`.",
            )

    def check_origin(self, headers: Mapping[str, str], address: str = "") -> None:
        """Refuse what another site sent; `address` is one more that pages of ours have.

        Under which name it came is not asked: that is enough where a form carries a secret that
        no other site knows.
        """
        if headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
            raise HTTPException(403, _ELSEWHERE)
        origin, parts = headers.get("origin"), urlsplit(address)
        if origin in {None, f"{parts.scheme}://{parts.netloc}"}:
            return
        if not self._is_same(origin, headers.get("host", "")):
            raise HTTPException(403, _ELSEWHERE)

    def is_ours(self, host: str) -> bool:
        """Return whether a Host header names this server.

        A number does: only names can be made to lead here by somebody else's name server.
        """
        name = _name(host)
        return name is not None and (
            name in self._names or name == "localhost" or name.endswith(".localhost")
            or _is_number(name)
        )  # fmt: skip

    def _is_same(self, origin: str, host: str) -> bool:
        """Return whether an Origin is the address that was asked, or one of our own names."""
        scheme, _, netloc = origin.partition("://")
        if scheme not in {"http", "https"}:
            return False
        # A server in front may pass requests on under another Host.
        return netloc.lower() == host.lower() or _name(netloc) in self._names


def own_path(text: str) -> str:
    """Return the address on this server that `text` is, and `/` for whatever leads elsewhere."""
    # Browsers read a backslash as a slash, and leave out what cannot be seen.
    is_ours = text.startswith("/") and not text.startswith("//")
    return text if is_ours and text.isprintable() and "\\" not in text else "/"


def _name(host: str) -> str | None:
    """Return the name in a Host header, without its port; None if it is no name."""
    try:
        name = urlsplit(f"//{host}").hostname
    except ValueError:
        return None
    return name.rstrip(".") or None if name else None


def _is_number(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


async def read_body(request: Request, most: int = BODY) -> bytes:
    """Return what a request carries; refuse more than `most` bytes, by default a form's."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > most:
            raise HTTPException(413, "That is more than a form holds.")
    return bytes(body)
