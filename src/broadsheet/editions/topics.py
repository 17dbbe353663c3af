"""Topics of papers that no source gave a category: words that many of their titles share. Pure.

First come the words, then the papers: a topic is begun by titles that share a word or a few words
in a row, and whose papers are nearer to each other in meaning than to the others. Papers near to
these join them, but never so many that the label stops being true.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

LEAST = 12
"""Fewer papers than this are not divided."""
MOST = 20
"""So many topics at most, and at most the root of the number of papers."""
SHARED = 0.25
"""The words of a label stand in at least this share of the titles of its topic, side by side."""
NEAR = 0.25
"""A paper with a lower cosine to the papers that began a topic joins it only by its own title."""
TELLING = 0.05
"""Papers that share a word are so much nearer to each other than to all, or it says nothing."""
OVERLAP = 0.6
"""Of two words whose papers are the same to this share, one becomes a topic."""
_LONGEST = 3
_LONGEST_WORD = 40

Vectors = NDArray[np.float32]
Term = tuple[str, ...]
"""One to three words in a row, folded: lower case, without a plural s."""

_RUN = re.compile(r"[\w\s'\u2019-]+")
_WORD = re.compile(r"[^\W_](?:[\w'\u2019-]*[^\W_])?")
# No topic begins or ends with one of these.
_STOP = frozenset(
    _WORD.findall(
        "a across all an and are as at be between beyond but by can do does for from how in into "
        "is it its more not of on one or our over than that the their this through to toward "
        "towards under up using via vs we what when where which while who why with within without "
        "you your au aux avec dans de des du en et la le les par pour sur un une "
        "das der die ein eine für im mit und von zu"
    )
)
# No topic is made of these alone.
_COMMON = _STOP | frozenset(
    _WORD.findall(
        "algorithm analysis application approach architecture automated automatic based benchmark "
        "better case data dataset deep effective efficient enhanced evaluating evaluation fast few "
        "framework function general high improve improved improving large learn learning low "
        "method model modeling multi network neural new novel paper problem real review simple "
        "single study survey system task technique training two understanding use world"
    )
)


def clusters(titles: Mapping[int, str], ids: Sequence[int], vectors: Vectors) -> dict[int, str]:
    """Return the label of its topic for each of `ids` that has one.

    `vectors` are the papers' meanings at length 1, one row for each id. A label is a word, or two
    or three side by side, in the spelling that most titles have. Papers that share no telling word
    and are near to none who do are left out. The order of `ids` does not matter.
    """
    if len(ids) < LEAST:
        return {}
    order = np.argsort(np.asarray(ids, np.int64))
    own, meanings = [int(ids[i]) for i in order], np.asarray(vectors, np.float32)[order]
    topics = _chosen(_candidates([titles[i] for i in own], meanings), len(own))
    found: dict[int, str] = {}
    for topic, rows in _members(topics, meanings):
        label = _label(topic.term, (titles[own[row]] for row in sorted(topic.rows)))
        found |= dict.fromkeys((own[row] for row in rows), label)
    return found


class _Topic(NamedTuple):
    """A term, the rows of the papers whose titles have it, and their centre.

    `worth` says how much one of these papers speaks for making it a topic.
    """

    term: Term
    rows: frozenset[int]
    worth: float
    centre: Vectors


def _fewest(papers: int) -> int:
    """Return how many titles must share a term of so many papers for it to begin a topic."""
    return max(3, round(math.sqrt(papers) / 4))


# ---------------------------------------------------------------------------- words


@lru_cache(maxsize=1 << 16)
def _folded(word: str) -> str:
    word = word.lower()
    is_plural = len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is"))  # noqa: PLR2004
    return word[:-1] if is_plural else word


def _runs(title: str) -> list[list[str]]:
    """Return the words of a title, as it spells them, between its punctuation."""
    return [
        [w for w in _WORD.findall(run) if len(w) <= _LONGEST_WORD] for run in _RUN.findall(title)
    ]


def _terms(run: Sequence[str], frequent: set[str]) -> Iterator[Term]:
    """Yield one to three words in a row that are all frequent."""
    for start in range(len(run)):
        for end in range(start + 1, min(start + _LONGEST, len(run)) + 1):
            if run[end - 1] not in frequent:
                break
            yield tuple(run[start:end])


def _may_tell(term: Term) -> bool:
    if term[0] in _STOP or term[-1] in _STOP:
        return False
    return any(w not in _COMMON and len(w) > 1 and not w.isnumeric() for w in term)


def _candidates(titles: Sequence[str], meanings: Vectors) -> list[_Topic]:
    """Return the terms that enough titles share, and whose papers are near to each other."""
    runs = [[[_folded(w) for w in run] for run in _runs(title)] for title in titles]
    count = Counter(word for own in runs for word in set(chain.from_iterable(own)))
    fewest = _fewest(len(titles))
    frequent = {word for word, n in count.items() if n >= fewest}
    rows: defaultdict[Term, set[int]] = defaultdict(set)
    for row, own in enumerate(runs):
        for run in own:
            for term in _terms(run, frequent):
                rows[term].add(row)
    mean = meanings.mean(axis=0)
    shared = ((t, of) for t, of in rows.items() if len(of) >= fewest and _may_tell(t))
    return [topic for t, of in shared if (topic := _topic(t, of, meanings, mean))]


def _topic(term: Term, rows: set[int], meanings: Vectors, mean: Vectors) -> _Topic | None:
    """Return a term as a topic, None if its papers are no nearer to each other than to all."""
    own = meanings[sorted(rows)]
    total, size = own.sum(axis=0), len(own)
    among = float(total @ total - np.square(own).sum()) / (size * (size - 1))
    telling = among - float(mean @ total) / size
    if telling < TELLING:
        return None
    centre = total / max(float(np.linalg.norm(total)), 1e-9)
    # Three words say more than one of them: "graph neural networks" before "graph".
    worth = telling * sum(word not in _STOP for word in term)
    return _Topic(term, frozenset(rows), worth, centre)


def _label(term: Term, titles: Iterable[str]) -> str:
    """Return a term in the spelling that most of the titles have, in capitals at its start."""
    spelt = Counter(
        " ".join(run[start : start + len(term)])
        for run in chain.from_iterable(map(_runs, titles))
        for start in range(len(run) - len(term) + 1)
        if tuple(_folded(w) for w in run[start : start + len(term)]) == term
    )
    label = min(spelt, key=lambda spelling: (-spelt[spelling], spelling))
    return label[0].upper() + label[1:]


# ---------------------------------------------------------------------------- topics


def _chosen(candidates: Sequence[_Topic], papers: int) -> list[_Topic]:
    """Return terms that together say most of the papers, no two of them the same."""
    found: list[_Topic] = []
    covered: set[int] = set()
    left = list(candidates)
    while left and len(found) < min(MOST, round(math.sqrt(papers))):
        best = max(left, key=lambda t: (t.worth * len(t.rows - covered), t.term))
        found.append(best)
        covered |= best.rows
        left = [
            t for t in left
            if not _says_the_same(t, best) and len(t.rows - covered) >= _fewest(papers)
        ]  # fmt: skip
    return found


def _says_the_same(one: _Topic, other: _Topic) -> bool:
    shared = len(one.rows & other.rows)
    return shared > OVERLAP * min(len(one.rows), len(other.rows))


def _members(
    topics: Sequence[_Topic], meanings: Vectors
) -> Iterator[tuple[_Topic, NDArray[np.int64]]]:
    """Yield each topic with its rows: those that have its term, and others that are near."""
    if not topics:
        return
    scores = meanings @ np.stack([t.centre for t in topics]).T
    for k, topic in enumerate(topics):
        # Its own words come before all nearness: a cosine is never above 1.
        scores[sorted(topic.rows), k] += 3
    nearest, best = scores.argmax(axis=1), scores.max(axis=1)
    for k, topic in enumerate(topics):
        rows = np.flatnonzero((nearest == k) & (best >= NEAR))
        named = int((best[rows] > 1.5).sum())  # noqa: PLR2004 (neither a cosine nor 3 less one)
        yield topic, rows[np.argsort(-best[rows], kind="stable")][: int(named / SHARED)]
