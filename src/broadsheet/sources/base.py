"""What a source is: one class that fetches and parses, and is told where to go on.

A class offers what it can: `Harvested` (new papers by and by), `LookedUp` (papers by id),
`Searched` (papers by title), `Enriching` (counts and ids for papers that are held already). Each
takes the polite client as an argument, so that parsing stays pure and no test needs a network.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, ClassVar, Literal, NamedTuple, Protocol, runtime_checkable

from broadsheet.errors import RecordError
from broadsheet.papers.types import ExternalId, PaperId, Record
from broadsheet.sources.polite import Client, Manner

Item = Record | RecordError
Cursor = dict[str, Any]
"""JSON that says where a part of a source goes on; empty before the first time."""
Calendar = Literal["arxiv", "weekdays", "days"]
"""When a source brings papers: by arXiv's announcements, from Monday to Friday, or on any day."""


class Option(NamedTuple):
    """One setting of a source in `[sources.NAME]`; a value must have the type of `default`."""

    name: str
    default: str | int | float | bool | tuple[str, ...]
    help: str


class Rhythm(NamedTuple):
    """When a source is due: `every_h` hours apart, or `delay_h` after each of arXiv's listings."""

    calendar: Calendar = "days"
    every_h: float = 24
    delay_h: float = 0


@dataclass(frozen=True, slots=True)
class Ask:
    """What a harvest wants: `since` and `until` are days of announcement, both counted.

    Without `since` a part goes on at its cursor. `categories` are those of arXiv's taxonomy that
    are wanted, all if none is named. `is_backfill` says that old papers are wanted, which were
    announced long before they are seen.
    """

    now: datetime
    since: date | None = None
    until: date | None = None
    categories: tuple[str, ...] = ()
    is_backfill: bool = False


class Listing(NamedTuple):
    """What a source's own page of a day lists: ids by section (`new`, `cross`, `replace`).

    `counts` is what its headings say, which may be more than the ids that it shows.
    """

    category: str
    day: str
    ids: Mapping[str, tuple[ExternalId, ...]]
    counts: Mapping[str, int]


class Batch(NamedTuple):
    """Some items of a part, and the cursor that holds once they are filed, in one transaction.

    `day` is the ISO day that the source says its answer is of, if it does; `total` is how many
    items the part has in all, if that is known; `listings` are its own counts. Items that
    are only a second choice (`is_second`) are filed where nothing is held under their keys.
    """

    items: Sequence[Item]
    cursor: Cursor
    day: str | None = None
    total: int | None = None
    listings: Sequence[Listing] = ()
    is_second: bool = False


class Wanted(NamedTuple):
    """A held paper about which a source is asked, and what that source kept of it last time."""

    paper: PaperId
    external_ids: tuple[ExternalId, ...]
    title: str
    links: tuple[tuple[str, str], ...]
    kept: dict[str, Any]


class Observation(NamedTuple):
    """What a source counted about a held paper: `key` names what it looked at (a repository)."""

    paper: PaperId
    key: str
    kind: str
    value: float
    seen: str | None = None
    """ISO time of what is counted, where it is not now: a past day of a history."""


class Found(NamedTuple):
    """The answer about some held papers: `kept` has an entry for each that was asked about.

    What is in `kept` is kept for the next time; papers that the source does not know have one, too.
    """

    kept: Mapping[PaperId, dict[str, Any]]
    items: Sequence[Item] = ()
    observations: Sequence[Observation] = ()


class Want(NamedTuple):
    """What a field of an answer should be; one that is not `needed` may be absent or null."""

    types: type | tuple[type, ...]
    needed: bool = True


class Finding(NamedTuple):
    """Whether one field of a live answer has the form that an adapter expects."""

    field: str
    is_well: bool
    says: str


class Source(Protocol):
    """What all sources share. `name` is that of their records and of `[sources.NAME]`."""

    name: ClassVar[str]
    title: ClassVar[str]
    options: ClassVar[tuple[Option, ...]]
    key_variable: ClassVar[str]
    """The environment variable with the key; "" if the source needs none."""
    manner: Manner

    def check(self, client: Client) -> Iterator[Finding]:
        """Make one request; yield whether each field of the answer is as it is expected."""


@runtime_checkable
class Harvested(Source, Protocol):
    """A source that brings new papers."""

    rhythm: Rhythm

    def parts(self, ask: Ask) -> Sequence[str]:
        """Return what is harvested one after the other, each with a cursor of its own."""

    def harvest(self, client: Client, part: str, cursor: Cursor, ask: Ask) -> Iterator[Batch]:
        """Yield what is new in a part since `cursor`; raise SourceError where it breaks off."""


@runtime_checkable
class LookedUp(Source, Protocol):
    """A source that knows papers by id."""

    namespaces: ClassVar[tuple[str, ...]]

    def look_up(self, client: Client, ids: Sequence[ExternalId]) -> Iterator[Item]:
        """Yield the records of those ids that the source knows."""


@runtime_checkable
class Searched(Source, Protocol):
    """A source that finds papers by their title."""

    def find_title(self, client: Client, title: str) -> Iterator[Item]:
        """Yield the records whose titles are most like `title`, at most ten, best first."""


@runtime_checkable
class Enriching(Source, Protocol):
    """A source that says more of papers that are held already, and counts attention to them."""

    rhythm: Rhythm
    at_once: ClassVar[int]
    """So many papers are asked about in one call of `enrich`."""

    def wants(self, wanted: Wanted) -> bool:
        """Return whether the source can say anything of a paper, by its ids and links."""

    def enrich(self, client: Client, wanted: Sequence[Wanted], now: datetime) -> Found:
        """Return what the source says of these papers; raises SourceError."""


def examine(answers: Iterable[Mapping[str, Any]], wants: Mapping[str, Want]) -> Iterator[Finding]:
    """Yield for each wanted field whether the items of an answer have it in the expected type.

    A field is a path with dots (`paper.upvotes`); one that may be absent is judged where it is.
    """
    items = list(answers)
    for field, want in wants.items():
        yield _examined(field, want, [_at(item, field.split(".")) for item in items])


def _at(value: Any, path: Sequence[str]) -> Any:
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _examined(field: str, want: Want, values: Sequence[Any]) -> Finding:
    there = [v for v in values if v is not None]
    wrong = [v for v in there if not isinstance(v, want.types)]
    count = f"in {len(there)} of {len(values)}"
    if wrong:
        found = type(wrong[0]).__name__
        return Finding(field, is_well=False, says=f"{count}, but {found} was not expected")
    return Finding(field, not want.needed or (bool(values) and len(there) == len(values)), count)
