"""Whether a comment should wait for a curator: by its links, its writer and their pace. Pure.

reason_to_wait(text, links, writer) -> why, in words for its writer; "" if it need not

No service is asked and nothing is learned: a few rules that anybody can read, and that a person
decides about. Each is far from what readers of papers do and close to what spam does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Final

DAYS_NEW: Final = 3.0
"""An account is new for so long, or until `SHOWN_NEW` of its comments were shown."""
SHOWN_NEW: Final = 3
LINKS: Final = 8
"""A comment with more links is a list of them."""
LINKS_NEW: Final = 2
SHARE: Final = 0.5
"""Of a new account's comment, links may be so much."""
PACE_NEW: Final = 3
"""Comments of a new account within `PACE_MINUTES`."""
PACE: Final = 15
PACE_MINUTES: Final = 10
ALIKE: Final = 0.9
"""Texts are the same that share so much, in their order."""
_LEAST: Final = 20
"""Characters: “Thanks!” may be said twice."""
COMPARED: Final = 20
"""Texts, the newest ones, with which a new one is compared in full."""
_BEGINNING: Final = 500
"""Characters of each text that are compared: what is sent again begins alike."""


@dataclass(frozen=True, slots=True)
class Writer:
    """What is known of who writes: `days` since the account was made, comments that were `shown`.

    `recent` are the texts of the last day, `pace` how many of them in the last `PACE_MINUTES`.
    """

    days: float
    shown: int
    recent: Sequence[str] = ()
    pace: int = 0

    @property
    def is_new(self) -> bool:
        """Whether nobody can know them yet."""
        return self.days < DAYS_NEW and self.shown < SHOWN_NEW


def reason_to_wait(text: str, links: Sequence[str], writer: Writer) -> str:
    """Return why a curator should see a comment first, empty if it can be shown at once."""
    if len(links) > LINKS:
        return f"It has more than {LINKS} links."
    if writer.pace >= PACE:
        return f"It is one of more than {PACE} comments in {PACE_MINUTES} minutes."
    if _is_repeated(text, writer.recent):
        return "Its writer wrote the same before."
    return _reason_of_new(text, links, writer) if writer.is_new else ""


def _reason_of_new(text: str, links: Sequence[str], writer: Writer) -> str:
    if len(links) > LINKS_NEW:
        return f"It has more than {LINKS_NEW} links, and the account is new."
    if links and sum(map(len, links)) > SHARE * len(text):
        return "It is a link and little else, and the account is new."
    if writer.pace >= PACE_NEW:
        return (
            f"It is one of more than {PACE_NEW} comments in {PACE_MINUTES} minutes, and the "
            "account is new."
        )
    return ""


def _is_repeated(text: str, recent: Sequence[str]) -> bool:
    mine, others = _folded(text), [_folded(other) for other in recent]
    if len(mine) < _LEAST:
        return False
    return mine in others or any(_is_alike(mine, other) for other in others[-COMPARED:])


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())[:_BEGINNING]


def _is_alike(one: str, other: str) -> bool:
    matcher = SequenceMatcher(None, one, other, autojunk=False)
    # The cheap bounds first: only what may be alike is compared in full.
    return (
        matcher.real_quick_ratio() >= ALIKE
        and matcher.quick_ratio() >= ALIKE
        and matcher.ratio() >= ALIKE
    )
