"""What readers may be called, and where letters reach them. Pure.

as_name(text) -> a name in its one form, or RefusedError
as_shown(text) -> a name as people write it, or RefusedError
one_line(text) -> any text in one line, without what is invisible
as_email(text) -> an address in its one form, or RefusedError
"""

from __future__ import annotations

import re
import unicodedata

from broadsheet.errors import RefusedError

SHOWN = 80
"""Characters of a name as people write it."""
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{1,30}")
_LOCAL = re.compile(r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_DOMAIN = re.compile(
    r"(?=.{1,190}\Z)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*"
)
_LONGEST_LOCAL = 64
_LONGEST = 320
_INVISIBLE = {"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"}
# Whoever had one of these could be taken for the house itself, or for everybody.
_RESERVED = frozenset(
    [
        "abuse",
        "account",
        "admin",
        "administrator",
        "admins",
        "all",
        "anonymous",
        "api",
        "author",
        "authors",
        "broadsheet",
        "curator",
        "curators",
        "deleted",
        "editor",
        "editors",
        "everybody",
        "everyone",
        "here",
        "host",
        "hostmaster",
        "me",
        "moderator",
        "moderators",
        "nobody",
        "owner",
        "postmaster",
        "reader",
        "readers",
        "root",
        "security",
        "somebody",
        "staff",
        "support",
        "system",
        "team",
        "webmaster",
        "you",
    ]
)
_GONE = re.compile(r"gone-[0-9]+")


def as_name(text: str) -> str:
    """Return a name in small letters; raises RefusedError for one that nobody may have."""
    name = text.strip().lower()
    if not _NAME.fullmatch(name):
        raise RefusedError(
            "A name has 2 to 31 small letters (a to z), digits and hyphens, no hyphen first."
        )
    if name in _RESERVED or _GONE.fullmatch(name):
        raise RefusedError(f"Nobody may be called “{name}” here; choose another name.")
    return name


def as_shown(text: str) -> str:
    """Return a name as people write it; raises RefusedError for one that is very long."""
    shown = one_line(text)
    if len(shown) > SHOWN:
        raise RefusedError(f"A name that is shown has {SHOWN} characters at most.")
    return shown


def one_line(text: str) -> str:
    """Return a text in one line, without what is invisible or turns it around."""
    plain = unicodedata.normalize("NFC", text.encode("utf-8", "replace").decode())
    seen = "".join(" " if c.isspace() else c for c in plain)
    return " ".join("".join(c for c in seen if not _is_invisible(c)).split())


def _is_invisible(character: str) -> bool:
    return unicodedata.category(character) in _INVISIBLE


def as_email(text: str) -> str:
    """Return an address in small letters, its domain as computers write it."""
    local, at, domain = text.strip().rpartition("@")
    # What is longer is no address (RFC 5321), and to look at it takes up to seconds.
    local, domain = local.lower(), _ascii(domain) if len(text) <= _LONGEST else ""
    is_short = len(local) <= _LONGEST_LOCAL
    if not (at and is_short and _LOCAL.fullmatch(local) and _DOMAIN.fullmatch(domain)):
        raise RefusedError("That is no mail address that a letter can be sent to.")
    return f"{local}@{domain}"


def _ascii(domain: str) -> str:
    """Return a domain in ASCII, "" if that is not possible."""
    try:
        return domain.encode("idna").decode("ascii").lower()
    except UnicodeError:
        return ""
