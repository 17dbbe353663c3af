"""What sources counted of the attention to a paper, in words. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Final, NamedTuple

from broadsheet.collection.signals import Observed
from broadsheet.papers.types import Paper
from broadsheet.web.views import Link, clip, day_in_words, source_name

SERIES = 24
"""Series of counts that the page of a paper shows; the JSON has all."""
SEEN = 8
"""The newest observations of a series that it shows."""
_KINDS: Final = ("upvotes", "stars", "stars_gained", "citations", "influential_citations")
_REPOSITORY = re.compile(r"https?://(?:www\.)?(github\.com/[\w.-]+/[\w.-]+?)(?:\.git)?(?:[/?#].*)?")


class Seen(NamedTuple):
    """A count, and the day on which it was seen."""

    number: str
    day: str


class Series(NamedTuple):
    """What one source counted of one thing, the newest first; `more` are older."""

    kind: str
    where: Link
    seen: list[Seen]
    more: int


def series(found: Iterable[Observed], paper: Paper) -> list[Series]:
    """Return the counts of a paper by kind and source: what readers do first, then the rest.

    `found` has the observations of each series together, the oldest first.
    """
    grouped = [list(of) for _, of in groupby(found, lambda o: (o.kind, o.source, o.key))]
    grouped.sort(key=lambda of: (_rank(of[0].kind), of[0].kind))
    repositories = list(dict.fromkeys(_repositories(paper)))
    return [
        Series(
            kind_in_words(of[0].kind),
            _where(of[0], repositories),
            [Seen(_number(o.value), _day(o.seen[:10])) for o in of[: -SEEN - 1 : -1]],
            max(len(of) - SEEN, 0),
        )
        for of in grouped
    ]


def _rank(kind: str) -> int:
    return _KINDS.index(kind) if kind in _KINDS else len(_KINDS)


def kind_in_words(kind: str) -> str:
    """Return what is counted, in words: "Linked models"."""
    return clip(kind.replace("_", " ").capitalize(), 60)


def _where(observed: Observed, repositories: Sequence[str]) -> Link:
    """Return where something was counted; stars are of a repository, if the paper has but one."""
    if observed.source == "github" and len(repositories) == 1:
        return Link(clip(repositories[0], 90), f"https://{repositories[0]}")
    return Link(clip(source_name(observed.source), 60), None)


def _repositories(paper: Paper) -> Iterator[str]:
    for _, url in paper.links:
        if found := _REPOSITORY.fullmatch(url):
            yield found[1]


def _day(text: str) -> str:
    """Return a day without its weekday; a text that is no day as it is."""
    return day_in_words(text).rpartition("day, ")[2]


def _number(value: float) -> str:
    return f"{value:,.0f}" if value.is_integer() else f"{value:,.2f}"
