"""What is in an issue: candidates thinned out, and all of it in words. Pure.

unread(candidates, had, updated) -> those that a recipient did not have, or that are new again
liked(candidates, meanings, less, unliked) -> without what is like what they want less of
thinned(candidates, longest, meanings) -> the items: no topic fills an issue
title_of(wishes), path_of(wishes, first, until), matched(query): words and addresses
as_body(choice), of_body(text): a choice as it is kept
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from math import ceil
from typing import Any, Final, NamedTuple, Self

import numpy as np
import orjson
from numpy.typing import NDArray

from broadsheet.delivery.subscription import Choice, Item, Mark, Wishes
from broadsheet.editions import calendar
from broadsheet.search.query import (
    And,
    Category,
    Exact,
    Like,
    Node,
    Not,
    Or,
    Phrase,
    Query,
    Word,
)

OF_TOPIC: Final = 1 / 2
"""The share of the places that papers of one primary category have at most: large ones (cs.LG) have
about half of a day's."""
OF_SUBJECT: Final = 1 / 4
"""The share that papers so near to each other have at most that they are of one narrow subject."""
OF_EARLIER: Final = 1 / 4
"""The share that papers announced before have at most: an issue is of what is new."""
NEAR: Final = 0.4
"""Papers are near whose cosine is so far on the way from that of any two papers to 1.

It is so of about one pair of a day in a hundred, and whatever model made the vectors: some give any
two papers a cosine of 0.7.
"""
VERY_NEAR: Final = 0.6
"""From here on they are about the same thing."""
FEWEST: Final = 20
"""Of fewer vectors nothing is learned of how cosines lie."""
_LOOKED: Final = 20
"""So many times as many candidates as there are places are looked at."""
_CLIPPED: Final = 240

Ids = NDArray[np.int64]
Floats = NDArray[np.float32]


class Candidate(NamedTuple):
    """A paper that may be in an issue: its primary category, its z if known, and why it is here."""

    paper: int
    topic: str
    standing: float | None
    reasons: tuple[str, ...]
    mark: Mark = ""

    def because(self, why: str) -> Self:
        """Return it with a reason before the others, if there is one."""
        return self._replace(reasons=(why, *self.reasons)) if why else self


class Meanings(NamedTuple):
    """The vectors of papers at length 1, ids ascending, and from which cosines on two are near."""

    ids: Ids
    vectors: Floats
    near: float = 2.0
    very_near: float = 2.0

    @classmethod
    def of(cls, ids: Ids, vectors: Floats, sample: Floats) -> Self:
        """Return meanings where `sample` says how the cosines of any two papers lie."""
        if len(sample) < FEWEST:
            return cls(ids, vectors)
        mean = _mean_cosine(sample)
        return cls(ids, vectors, *(mean + share * (1 - mean) for share in (NEAR, VERY_NEAR)))

    def row(self, paper: int) -> Floats | None:
        """Return the vector of a paper, None if it has none."""
        place = int(np.searchsorted(self.ids, paper))
        is_there = place < len(self.ids) and self.ids[place] == paper
        return self.vectors[place] if is_there else None


def _mean_cosine(sample: Floats) -> float:
    """Return the mean cosine of any two vectors: the square of their sum, less each with itself."""
    total, papers = sample.sum(axis=0, dtype=np.float64), len(sample)
    return (float(total @ total) - papers) / (papers * (papers - 1))


# ---------------------------------------------------------------------------- which papers


def unread(
    candidates: Sequence[Candidate], had: Mapping[int, str], updated: Mapping[int, str]
) -> list[Candidate]:
    """Return the candidates that a recipient did not have, or of which there is a new version.

    `had` has for each paper that they had a day after which a version is new to them, `updated` the
    day of its newest one.
    """
    return [
        c._replace(mark="updated") if c.paper in had else c
        for c in candidates
        if c.paper not in had or updated.get(c.paper, "") > had[c.paper]
    ]


def standing_at_least(candidates: Sequence[Candidate], threshold: float | None) -> list[Candidate]:
    """Return the candidates that reach a threshold; where nothing is counted none is reached."""
    if threshold is None:
        return list(candidates)
    return [c for c in candidates if c.standing is not None and c.standing >= threshold]


def liked(
    candidates: Sequence[Candidate], meanings: Meanings, less: Sequence[int], unliked: Floats
) -> list[Candidate]:
    """Return the candidates without what is very near to papers of which they want less.

    What is near comes last. `unliked` are the vectors of the papers `less`.
    """
    kept = [c for c in candidates if c.paper not in less]
    if not len(unliked):
        return kept
    nearest = [_nearest(meanings.row(c.paper), unliked) for c in kept]
    pairs = [pair for pair in zip(nearest, kept, strict=True) if pair[0] < meanings.very_near]
    return [c for _, c in sorted(pairs, key=lambda pair: pair[0] >= meanings.near)]


def _nearest(row: Floats | None, others: Floats) -> float:
    return -1.0 if row is None else float((others @ row).max())


def thinned(
    candidates: Sequence[Candidate],
    longest: int,
    meanings: Meanings,
    *,
    by_topic: bool = True,
) -> list[Candidate]:
    """Return the first `longest` candidates, but not too many of one kind as long as others wait.

    At most OF_TOPIC are of one primary category (if `by_topic`), OF_SUBJECT of one narrow subject;
    what is left out for that fills the places that are left in the end. At most OF_EARLIER are
    marked as earlier. They stay in their order.
    """
    limits = _Limits.of(longest, meanings, by_topic=by_topic)
    places: list[int] = []
    held: list[int] = []
    for place, candidate in enumerate(candidates[: _LOOKED * longest]):
        if len(places) == longest:
            break
        if limits.takes(candidate):
            places.append(place)
        elif candidate.mark != "earlier":
            held.append(place)
    places += held[: longest - len(places)]
    return [candidates[place] for place in sorted(places)]


class _Limits:
    """What was taken of each kind, and how much of it there may be."""

    def __init__(self, most: tuple[int, int, int], meanings: Meanings, size: int) -> None:
        self._of_topic, self._of_subject, self._earlier = most
        self._meanings = meanings
        self._topics: Counter[str] = Counter()
        self._rows = np.zeros((size, meanings.vectors.shape[1]), np.float32)
        self._taken = 0

    @classmethod
    def of(cls, longest: int, meanings: Meanings, *, by_topic: bool) -> Self:
        of_topic = ceil(longest * OF_TOPIC) if by_topic else longest
        most = (of_topic, ceil(longest * OF_SUBJECT), int(longest * OF_EARLIER))
        return cls(most, meanings, longest)

    def takes(self, candidate: Candidate) -> bool:
        """Take a candidate if there is room for its kind; return whether there was."""
        if candidate.mark == "earlier" and not self._earlier:
            return False
        if candidate.topic and self._topics[candidate.topic] >= self._of_topic:
            return False
        row = self._meanings.row(candidate.paper)
        if row is not None:
            alike = self._rows[: self._taken] @ row >= self._meanings.near
            if np.count_nonzero(alike) >= self._of_subject:
                return False
            self._rows[self._taken] = row
            self._taken += 1
        self._topics[candidate.topic] += 1
        self._earlier -= candidate.mark == "earlier"
        return True


def named_categories(query: Query) -> bool:
    """Return whether a query asks for categories: then an issue may be full of one."""
    return any(isinstance(leaf, Category) for leaf in _leaves(query.root))


def _leaves(node: Node | None) -> Iterator[Node]:
    """Yield what is asked for, not what is excluded."""
    if isinstance(node, And | Or):
        for below in node.nodes:
            yield from _leaves(below)
    elif node is not None and not isinstance(node, Not):
        yield node


# ---------------------------------------------------------------------------- in words

_NAMES: Final = {"trending": "Trending", "edition": "Edition", "search": "Search"}


def title_of(wishes: Wishes, query: Query) -> str:
    """Return what a list is called: `Trending in cs.CL`, `Edition: diffusion -survey`."""
    name = _NAMES.get(wishes.kind, wishes.kind.title())
    if query.root is None:
        return name
    if all(isinstance(n, Category) for n in _either(query.root)):
        places = _listed([_told(n) for n in _either(query.root)], "and")
        return f"{name} in {places}" if wishes.kind != "search" else places
    return f"{name}: {query}" if wishes.kind != "search" else str(query)


def _either(node: Node) -> tuple[Node, ...]:
    return node.nodes if isinstance(node, Or) else (node,)


def matched(query: Query) -> str:
    """Return in words what a paper fulfils that a query matches: `matches cs.CL and diffusion`."""
    parts = [_told(n) for n in query.parts if not isinstance(n, Like | Not)]
    return f"matches {_listed(parts, 'and')}" if parts else ""


def _told(node: Node) -> str:
    match node:
        case Word(text, None) | Category(text) | Exact(_, text):
            return text
        case Phrase(text, None):
            return f"“{text}”"
        case Word(text, "author") | Phrase(text, "author"):
            return f"author {text}"
        case Word(text, field) | Phrase(text, field):
            return f"“{text}” in the {field}"
        case And(nodes) | Or(nodes):
            wanted = [_told(n) for n in nodes if not isinstance(n, Not)]
            return _listed(wanted, "or" if isinstance(node, Or) else "and")
    return str(node)


def _listed(parts: Sequence[str], last: str) -> str:
    if len(parts) < 2:  # noqa: PLR2004
        return "".join(parts)
    return f"{', '.join(parts[:-1])} {last} {parts[-1]}"


def late_listing(day: date, lacking: int) -> str:
    """Return the notice that arXiv's listing of a day was not here in time.

    `lacking` of its papers are not here, 0 if nobody knows how many.
    """
    told = f"arXiv's listing of {calendar.day_of(day).title} was late"
    return f"{told}: {_papers(lacking)} will follow." if lacking else f"{told}; it will follow."


def not_indexed(papers: int) -> str:
    """Return the notice that papers are filed but could not be searched in time."""
    return f"{_papers(papers)} that just came will follow."


def failed(source: str, reason: str) -> str:
    """Return the notice that a source could not be read."""
    return f"{source} could not be read{_colon(reason) or '.'}"


def picked(by: str, note: str) -> str:
    """Return in words that a curator picked a paper, and what they say of it."""
    return f"picked by {by}{_colon(note)}"


def _colon(text: str) -> str:
    """Return a text behind a colon, in one line that is not too long."""
    line = " ".join(text.split())
    clipped = line if len(line) <= _CLIPPED else f"{line[: _CLIPPED - 1].rstrip()}…"
    return f": {clipped}" if clipped else ""


def _papers(number: int) -> str:
    return f"{number:,} paper{'' if number == 1 else 's'}"


# ---------------------------------------------------------------------------- as it is kept


def as_body(choice: Choice) -> str:
    """Return a choice as the JSON under which a digest keeps it."""
    return orjson.dumps(choice, default=tuple).decode()


def of_body(text: str) -> Choice:
    """Return the choice that `as_body` wrote."""
    found: dict[str, Any] = orjson.loads(text)
    items = tuple(Item(paper, tuple(why), mark) for paper, why, mark in found.pop("items"))
    first, until = (date.fromisoformat(found.pop(name)) for name in ("first", "until"))
    notices = tuple(found.pop("notices"))
    return Choice(items=items, first=first, until=until, notices=notices, **found)
