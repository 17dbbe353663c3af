"""What letters about subscriptions say, and a subscription in words. Pure.

A letter that somebody may have asked for with an address that is not theirs repeats nothing that
they wrote: else a house could be made to send anybody's words to anybody.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Final, Literal, NamedTuple

from broadsheet.delivery.links import Links
from broadsheet.delivery.subscription import Kind, Subscription, Wishes

CONFIRMABLE: Final = timedelta(days=7)
"""So long the link of a letter confirms."""
LETTER_LIFE: Final = timedelta(days=3)
"""So long a letter is tried to be sent."""

LetterKind = Literal["confirm", "known", "full"]
"""`confirm` asks whether the subscription is wanted; `known` tells that it is there already.

`full` tells that an address has as many as it can have.
"""
_UNASKED: Final = "If you did not ask for this, do nothing: nothing will be sent to you."
_KINDS: Final[Mapping[Kind, str]] = {
    "trending": "trending papers",
    "edition": "the edition",
    "search": "what a search finds",
    "recommended": "recommendations",
}


_WEEKDAYS: Final = (
    "Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays",
)  # fmt: skip


class Words(NamedTuple):
    """A letter: what stands before its one link, what the link is called, what stands after it."""

    subject: str
    before: tuple[str, ...]
    button: str
    link: str
    after: tuple[str, ...]


def letter(kind: LetterKind, subscription: Subscription, links: Links, house: str) -> Words:
    """Return what a letter about a subscription says."""
    match kind:
        case "confirm":
            return _confirm(subscription, links, house)
        case "known":
            return _known(subscription, links, house)
        case "full":
            return _full(subscription, links, house)


def as_text(words: Words) -> str:
    """Return a letter as plain text."""
    link = f"{words.button}:\n{words.link}"
    return "\n\n".join([*words.before, link, *words.after]) + "\n"


def _confirm(subscription: Subscription, links: Links, house: str) -> Words:
    return Words(
        f"Please confirm: digests from {house}",
        (
            f"Somebody, you we hope, wishes to get papers from {house} at this address:",
            f"{_capital(in_words(subscription.wishes))}.",
        ),
        "Confirm that you want this",
        links.confirm(subscription.handle),
        (
            f"The link is good for {CONFIRMABLE.days} days. Until you confirm, nothing is sent.",
            _UNASKED,
        ),
    )


def _known(subscription: Subscription, links: Links, house: str) -> Words:
    return Words(
        f"Your digests from {house}",
        (
            f"Somebody, you we hope, wishes to get papers from {house} at this address.",
            "You have this subscription already:",
            f"{_capital(in_words(subscription.wishes))}.",
        ),
        "See it, change it, pause it or end it",
        links.manage(subscription.handle),
        ("If you did not ask for this, you need not do anything.",),
    )


def _full(subscription: Subscription, links: Links, house: str) -> Words:
    return Words(
        f"Your digests from {house}",
        (
            f"Somebody, you we hope, wishes to get one more digest from {house} at this address.",
            "It has as many subscriptions as an address can have: end one first.",
        ),
        "See one of them",
        links.manage(subscription.handle),
        ("If you did not ask for this, you need not do anything.",),
    )


# ---------------------------------------------------------------------------- in words


def in_words(wishes: Wishes) -> str:
    """Return what is wished for and when, without the query, as `trending papers, every day …`."""
    return f"{_KINDS[wishes.kind]}, {schedule_in_words(wishes)}"


def schedule_in_words(wishes: Wishes) -> str:
    """Return when issues are due: `on Mondays at 07:00 (Europe/Berlin)`."""
    return f"{_days_in_words(wishes)} at {wishes.at} ({wishes.zone})"


def _days_in_words(wishes: Wishes) -> str:
    match wishes.cadence:
        case "day":
            return "every day"
        case "weekdays":
            return "Mondays to Fridays"
        case "week":
            return f"on {_WEEKDAYS[wishes.on_day]}"
        case "month":
            return f"on day {wishes.on_day} of each month"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
