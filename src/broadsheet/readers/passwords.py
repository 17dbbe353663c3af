"""Passwords: which may be chosen, and how they are kept (argon2id)."""

from __future__ import annotations

import unicodedata
from functools import cache
from threading import BoundedSemaphore
from typing import TYPE_CHECKING, NamedTuple

from broadsheet.errors import RefusedError

if TYPE_CHECKING:
    from argon2 import PasswordHasher

SHORTEST, LONGEST = 10, 200
"""Characters of a password."""
# What OWASP's Password Storage Cheat Sheet asks for: 19 MiB, two passes, one lane.
PASSES, KIBIBYTES, LANES = 2, 19_456, 1
_AT_ONCE = BoundedSemaphore(4)
"""Each takes 19 MiB and a core: many that sign in at once take turns."""
_FEWEST = 4
"""Different characters in a password."""
# The ten characters and more that are tried first everywhere; shorter ones are refused anyway.
_COMMON = frozenset(
    [
        "1234567890",
        "0123456789",
        "0987654321",
        "1234567891",
        "12345678910",
        "123456789a",
        "1q2w3e4r5t",
        "1qaz2wsx3edc",
        "abcdefghij",
        "abcd123456",
        "password12",
        "password123",
        "password1234",
        "passw0rd123",
        "p@ssw0rd123",
        "passwordpassword",
        "qwertyuiop",
        "qwerty12345",
        "qwerty123456",
        "qwertyuiop123",
        "asdfghjkl1",
        "asdfghjkl;",
        "zxcvbnm123",
        "iloveyou123",
        "iloveyou12",
        "letmein123",
        "letmein1234",
        "welcome123",
        "welcome1234",
        "admin12345",
        "admin123456",
        "administrator",
        "changeme123",
        "baseball123",
        "football123",
        "superman123",
        "sunshine123",
        "princess123",
        "trustno1234",
        "correcthorsebatterystaple",
    ]
)


class Verdict(NamedTuple):
    """Whether a password is right, and the hash that should be kept from now on, if another."""

    is_right: bool
    fresh: str | None = None


def check(password: str, *own: str | None) -> None:
    """Raise RefusedError for a password that may not be chosen, by somebody with `own` names."""
    plain = _plain(password)
    if not SHORTEST <= len(plain) <= LONGEST:
        raise RefusedError(f"A password has {SHORTEST} to {LONGEST} characters.")
    folded = plain.casefold()
    mine = {part for name in own if name for part in (name, name.partition("@")[0])}
    bare = folded.strip("0123456789!?.-_ ")
    if folded in _COMMON or len(set(folded)) < _FEWEST or {folded, bare} & mine:
        raise RefusedError("That password would be guessed at once; choose another one.")


def hashed(password: str) -> str:
    """Return what is kept of a password."""
    with _AT_ONCE:
        return _hasher().hash(_plain(password))


def verify(kept: str | None, password: str) -> Verdict:
    """Return whether a password is the one of which `kept` was kept.

    It takes as long where nothing was kept: nobody learns whether there is an account.
    """
    from argon2.exceptions import InvalidHashError, VerificationError  # noqa: PLC0415

    password = _plain(password)[: LONGEST + 1]
    with _AT_ONCE:
        try:
            _hasher().verify(kept or _nobodys(), password)
        except (VerificationError, InvalidHashError):
            return Verdict(is_right=False)
    is_old = kept is not None and _hasher().check_needs_rehash(kept)
    return Verdict(kept is not None, hashed(password) if is_old else None)


def _plain(password: str) -> str:
    # Keyboards write the same letter in more than one way.
    return unicodedata.normalize("NFKC", password).encode("utf-8", "replace").decode()


@cache
def _hasher() -> PasswordHasher:
    # Reading, searching and importing need none of it.
    from argon2 import PasswordHasher, Type  # noqa: PLC0415

    return PasswordHasher(PASSES, KIBIBYTES, LANES, type=Type.ID)


@cache
def _nobodys() -> str:
    """Return the hash of a password that nobody has."""
    import secrets  # noqa: PLC0415

    return _hasher().hash(secrets.token_urlsafe())
