"""Who may change something: a page of ours, under a name of ours, with the token it was given."""

import hashlib
import hmac
import ipaddress
import re
import secrets
from collections.abc import Collection, Mapping
from urllib.parse import urlsplit

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

    def __init__(self, names: Collection[str] = ()) -> None:
        self._names = frozenset(map(str.lower, names))
        self._secret = secrets.token_bytes(32)

    def cookie(self, sent: str | None) -> str:
        """Return the cookie that a browser sent, a new one if it has none that can be used."""
        return sent if sent and _COOKIE.fullmatch(sent) else secrets.token_urlsafe(24)

    def token(self, cookie: str) -> str:
        """Return the token that forms carry for a browser with this cookie."""
        return hmac.new(self._secret, cookie.encode(), hashlib.sha256).hexdigest()

    def check_token(self, cookie: str | None, token: str) -> None:
        """Refuse a form whose token was not made for this cookie."""
        if not cookie or not _COOKIE.fullmatch(cookie):
            raise HTTPException(403, _STALE)
        if not hmac.compare_digest(self.token(cookie).encode(), token.encode("utf-8", "replace")):
            raise HTTPException(403, _STALE)

    def check_sender(self, headers: Mapping[str, str]) -> None:
        """Refuse what another site sent, or what came here under a name that is not ours."""
        host = headers.get("host", "")
        if not self.is_ours(host):
            raise HTTPException(
                403,
                f"This server is not known as “{host[:100]}”, so nothing was changed. If that is "
                "a name of it, say so in the setting `names`.",
            )
        if headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
            raise HTTPException(403, _ELSEWHERE)
        origin = headers.get("origin")
        if origin is not None and not self._is_same(origin, host):
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
        parts = urlsplit(origin) if origin.startswith(("http://", "https://")) else None
        if parts is None:
            return False
        # A server in front may pass requests on under another Host.
        return parts.netloc.lower() == host.lower() or _name(parts.netloc) in self._names


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
