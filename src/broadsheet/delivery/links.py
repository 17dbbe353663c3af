"""Links that only the recipient of a digest has, and addresses that only its bounces come to. Pure.

A token is a handle, 80 random bits that name a subscription, and a signature of 128 bits for one
purpose alone: whoever is given the link to the web version of a digest cannot unsubscribe with it,
and whoever sees where bounces go can do nothing else. Tokens are written in small letters and
digits, since mail servers may write an address in any case.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from typing import Final, Literal, NamedTuple

from broadsheet.papers.identity import format_paper_id

Purpose = Literal["manage", "confirm", "unsubscribe", "digest", "bounce"]
_LETTER: Final[dict[Purpose, str]] = {
    "manage": "m", "confirm": "c", "unsubscribe": "u", "digest": "d", "bounce": "b",
}  # fmt: skip
_HANDLE, _SIGNATURE = 16, 26
_TOKEN = re.compile(
    rf"([mcudb])([a-z2-7]{{{_HANDLE}}})([0-9a-z]{{0,12}})-([a-z2-7]{{{_SIGNATURE}}})"
)


class Named(NamedTuple):
    """What a token names: a subscription, and perhaps one digest of it (by number)."""

    handle: str
    digest: int | None = None


def new_key() -> str:
    """Return 256 random bits, in hex, that a house signs its links with."""
    return secrets.token_hex(32)


class Links:
    """Makes links, and reads them. `base` is the address of the house, without a slash at its end.

    `returns` is the address that bounces come to, "" if there is none.
    """

    def __init__(self, base: str, key: str, returns: str = "") -> None:
        self.base = base
        self.returns = returns
        self._key = bytes.fromhex(key)

    # ------------------------------------------------------------------ pages

    def manage(self, handle: str) -> str:
        """Return the address of the page where a subscription is changed."""
        return f"{self.base}/subscription/{self.token('manage', handle)}"

    def feedback(self, handle: str, kind: Literal["save", "less"], paper: int) -> str:
        """Return the address at which a recipient says something of a paper."""
        return f"{self.manage(handle)}/{kind}/{format_paper_id(paper)}"

    def confirm(self, handle: str) -> str:
        """Return the address at which a subscription is confirmed."""
        return f"{self.base}/subscription/{self.token('confirm', handle)}/confirm"

    def unsubscribe(self, handle: str) -> str:
        """Return the address of List-Unsubscribe (RFC 8058)."""
        return f"{self.base}/unsubscribe/{self.token('unsubscribe', handle)}"

    def digest(self, handle: str, digest: int) -> str:
        """Return the address of the web version of a digest."""
        return f"{self.base}/digest/{self.token('digest', handle, digest)}"

    # ------------------------------------------------------------------ addresses

    def bounce(self, handle: str, digest: int) -> str:
        """Return the address that a bounce of a digest comes to (VERP), "" if there is none."""
        return self._returning(self.token("bounce", handle, digest))

    def unsubscribe_mail(self, handle: str) -> str:
        """Return the address to which a letter unsubscribes, "" if there is none."""
        return self._returning(self.token("unsubscribe", handle))

    def _returning(self, token: str) -> str:
        if not self.returns:
            return ""
        local, _, domain = self.returns.rpartition("@")
        return f"{local}+{token}@{domain}"

    def returned(self, address: str) -> str:
        """Return the token in an address of ours, "" if it is none."""
        local, _, domain = address.strip().lower().rpartition("@")
        own, _, home = self.returns.lower().rpartition("@")
        begins = f"{own}+"
        is_ours = bool(self.returns) and domain == home and local.startswith(begins)
        return local.removeprefix(begins) if is_ours else ""

    # ------------------------------------------------------------------ tokens

    def token(self, purpose: Purpose, handle: str, digest: int | None = None) -> str:
        """Return the token for one purpose."""
        said = f"{_LETTER[purpose]}{handle}{'' if digest is None else _base36(digest)}"
        return f"{said}-{self._signature(said)}"

    def read(self, purpose: Purpose, token: str) -> Named | None:
        """Return what a token of this purpose names, None if it is no such token of ours."""
        found = _TOKEN.fullmatch(token.lower())
        if found is None or found[1] != _LETTER[purpose]:
            return None
        said = token.lower().rpartition("-")[0]
        if not hmac.compare_digest(self._signature(said), found[4]):
            return None
        return Named(found[2], int(found[3], 36) if found[3] else None)

    def _signature(self, said: str) -> str:
        made = hmac.new(self._key, said.encode(), hashlib.sha256).digest()[:16]
        return base64.b32encode(made).decode().lower().rstrip("=")


_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"


def _base36(number: int) -> str:
    digits = ""
    while number:
        number, rest = divmod(number, 36)
        digits = _DIGITS[rest] + digits
    return digits or "0"
