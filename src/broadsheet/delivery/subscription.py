"""Subscriptions: who wishes for what, when, and how. Pure.

What is in an issue is a `Choice`; what became of it stands in the ledger (`deliveries`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal, NamedTuple

Kind = Literal["trending", "edition", "search", "recommended"]
Cadence = Literal["day", "weekdays", "week", "month"]
Channel = Literal["mail", "hook"]
WhenEmpty = Literal["skip", "tell"]
State = Literal["pending", "active", "paused", "ended"]
MailForm = Literal["html", "text"]
HookForm = Literal["json", "slack", "discord", "mattermost", "telegram", "ntfy"]
Mark = Literal["", "updated", "late", "earlier"]
"""Why a paper is in an issue though it was announced before it, or the recipient had it already.

`updated` if there is a new version since they had it, `late` if it came here after its day's issue,
`earlier` if it was announced before and rises only now.
"""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What somebody wishes to get, and when.

    `on_day` is a weekday (0 is Monday) of a weekly subscription, or a day of the month (1 to 31,
    the last day of a shorter month) of a monthly one; else 0. `at` is a local time, `07:30`, in
    the IANA `zone`. `longest` papers at most, of which each stands at least at `threshold` (the
    standing of docs/trending.md; None is no threshold). `form` is a MailForm or a HookForm.
    `language` is that of dates, as BCP 47 has it: `en`, `pt-BR`.
    """

    kind: Kind = "trending"
    query: str = ""
    cadence: Cadence = "day"
    on_day: int = 0
    at: str = "07:00"
    zone: str = "UTC"
    longest: int = 20
    threshold: float | None = None
    when_empty: WhenEmpty = "skip"
    form: str = "html"
    language: str = "en"


@dataclass(frozen=True, slots=True)
class Subscription:
    """A standing wish of a recipient; `handle` is what links name it by.

    `reader` is the account it belongs to, if it belongs to one. `secret` is what a hook's posts are
    signed with. Moments are ISO in UTC (`…Z`), `paused_until` a day.
    """

    id: int
    handle: str
    recipient: int
    channel: Channel
    address: str
    secret: str
    reader: int | None
    wishes: Wishes
    state: State
    paused_until: str | None
    next_due: str | None
    made: str


class Item(NamedTuple):
    """A paper in an issue and why it is there; `reasons` are sentences for people."""

    paper: int
    reasons: tuple[str, ...]
    mark: Mark = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """What was decided to be in an issue.

    `title` names the list in words ("Trending in cs.CL"). It covers the papers announced from
    `first` to `until`; `more` others matched too, and `more_path` is where on the site they are.
    `notices` are sentences about sources that were in trouble.
    """

    title: str
    first: date
    until: date
    items: tuple[Item, ...]
    more: int = 0
    more_path: str = ""
    notices: tuple[str, ...] = ()
