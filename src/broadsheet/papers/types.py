"""What a paper is: the records that sources give, and the one paper made of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple, NewType

PaperId = NewType("PaperId", int)
"""Our stable number of a paper; people see it as `p123` (`identity.format_paper_id`)."""


class ExternalId(NamedTuple):
    """A canonical identifier given by somebody else, such as `arxiv` `2503.11677`."""

    namespace: str
    value: str

    def __str__(self) -> str:
        return f"{self.namespace}:{self.value}"


class Signal(NamedTuple):
    """How much attention a source counted: as `upvotes`, `stars` or `citations`.

    `seen` is when, as `2026-03-17T06:30:00Z`; empty for a source that is asked now.
    """

    kind: str
    value: float
    seen: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record stood on a saved page: `position` counts from 1."""

    page: str
    position: int


@dataclass(frozen=True, slots=True)
class Record:
    """One item as one source gave it, cleaned but not merged.

    `source` and `key` name the item within its source for ever. Dates are ISO days
    (`2026-03-17`), months where a source gives no day (`2026-03`), or None; a source that gives
    only a year gives `year`. `categories` has the
    primary one first. `summary` is somebody's short account of the paper, never its abstract.
    `again` has the later days on which the source showed the item again, each with the kind:
    `listed`, `version` or `cross`. `presumed` is the day of announcement as it follows from other
    dates, where the source does not say it. `signals` are what it counted when it was asked; they
    are observations beside the record, not a part of what it says. `extra` keeps every field that
    has no place here, so that nothing of the item is lost.
    """

    source: str
    key: str
    title: str
    abstract: str = ""
    summary: str = ""
    authors: tuple[str, ...] = ()
    external_ids: tuple[ExternalId, ...] = ()
    year: int | None = None
    submitted: str | None = None
    announced: str | None = None
    updated: str | None = None
    published: str | None = None
    categories: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    venue: str = ""
    comment: str = ""
    withdrawn: bool = False
    links: tuple[tuple[str, str], ...] = ()
    place: Place | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    again: tuple[tuple[str, str], ...] = ()
    presumed: str | None = None
    signals: tuple[Signal, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class SavedPage:
    """A page of a "Daily Papers" site as it was saved.

    `key` is a hash of what the page says, so the same page saved twice is one page. `day_seen`
    is the date as printed ("Aug 29"); `day` is the ISO day where a year was given, else None.
    """

    key: str
    name: str
    header: tuple[str, ...]
    day_seen: str
    day: str | None
    entries: int


@dataclass(frozen=True, slots=True)
class Paper:
    """One work, all versions and copies merged: what `identity.compose` makes of its records.

    `edition` is the ISO day whose edition it belongs to, and `basis` says which day that is:
    `announced`, that of a saved `page`, or `filed` (see `appearances`). `upvotes` is the most that
    any source counted, None if none counts them.
    """

    id: PaperId
    title: str
    abstract: str = ""
    summary: str = ""
    authors: tuple[str, ...] = ()
    external_ids: tuple[ExternalId, ...] = ()
    year: int | None = None
    submitted: str | None = None
    announced: str | None = None
    updated: str | None = None
    published: str | None = None
    categories: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    venue: str = ""
    comment: str = ""
    withdrawn: bool = False
    links: tuple[tuple[str, str], ...] = ()
    sources: tuple[str, ...] = ()
    first_seen: str = ""
    edition: str = ""
    basis: str = ""
    upvotes: int | None = None

    @property
    def day(self) -> str | None:
        """The ISO day to sort by, or the month or year if no more is known.

        Announced, else submitted, else published, else the year.
        """
        known = self.announced or self.submitted or self.published
        return known or (str(self.year) if self.year else None)

    @property
    def text(self) -> str:
        """What is embedded and read: title and abstract, or title and summary without one."""
        return f"{self.title}. {self.abstract or self.summary}"
