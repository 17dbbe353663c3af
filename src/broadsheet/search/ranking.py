"""How candidates become an order, and what their scores are made of: pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import fsum, sqrt
from operator import itemgetter
from typing import NamedTuple

SHORT_QUERY = 3
"""Up to so many words a query names a thing, and its words count for more."""
SHARE_SHORT = 0.65
SHARE_LONG = 0.5
SHARE_SIMILAR = 0.55
"""Shares of the words in the fused score, measured on the judged development sets."""
BESIDE_DEEP = 0.7
"""Words keep so much of their share where the deep tier, which knows meaning better, is asked."""
SHARE_DEEP = 0.8
"""The share of the deep tier in the meaning of a paper that has a vector of it."""
FEWEST_PAIRS = 20
"""From so many candidates on that have both cosines, these say how one kind lies to the other."""


class Spread(NamedTuple):
    """Where the cosines of a model lie: their mean and standard deviation."""

    mean: float
    deviation: float


MAIN_SPREAD, DEEP_SPREAD = Spread(0.35, 0.12), Spread(0.45, 0.12)
"""The cosines of candidates as they usually lie, where too few have both."""
_LEAST_DEVIATION = 1e-6


class Ranked(NamedTuple):
    """One candidate with its fused score (0 to 1) and what it is made of.

    `words` is its text score over the best text score (None: no word matches); `meaning` is how
    near it is (-1 to 1, None: not known), made of its cosines by both tiers, `static` and `deep`.
    """

    paper: int
    score: float
    words: float | None
    meaning: float | None
    static: float | None = None
    deep: float | None = None


class Parts(NamedTuple):
    """What words and the meaning by either tier add to a score; together they are the score."""

    words: float
    static: float
    deep: float


class Reason(NamedTuple):
    """Why a paper stands where it stands: `kind` for programs, `text` for people."""

    kind: str
    text: str
    value: float | None = None


def words_share(words: int) -> float:
    """Return the share that the text score has in the fused score of a query of so many words."""
    return SHARE_SHORT if words <= SHORT_QUERY else SHARE_LONG


def fuse(
    text: Mapping[int, float],
    meaning: Mapping[int, float],
    deep: Mapping[int, float],
    share: float,
) -> list[Ranked]:
    """Return all candidates by `share * text / best text + (1 - share) * meaning`, best first.

    The weighted sum of scores, not of ranks, as it was measured far better with a static model
    beside BM25. Equal scores stand in order of id, so the order never depends on the input's.
    `meaning` and `deep` are cosines, which `blend` makes one.
    """
    top = max(text.values(), default=0.0) or 1.0
    near = blend(meaning, deep)
    found = []
    for paper in sorted(text.keys() | near.keys()):
        scored, cosine = text.get(paper), near.get(paper)
        words = None if scored is None else scored / top
        score = share * (words or 0.0) + (1 - share) * max(cosine or 0.0, 0.0)
        both = meaning.get(paper), deep.get(paper)
        found.append(Ranked(paper, score, words, cosine, *both))
    return _best_first(found)


def by_meaning(meaning: Mapping[int, float], deep: Mapping[int, float]) -> list[Ranked]:
    """Return all candidates by their meaning alone, the nearest first, ties in order of id."""
    near = blend(meaning, deep)
    found = [Ranked(p, near[p], None, near[p], meaning.get(p), deep.get(p)) for p in sorted(near)]
    return _best_first(found)


def _best_first(ranked: list[Ranked]) -> list[Ranked]:
    """Return by score what stands in order of id, in which ties stay."""
    return sorted(ranked, key=itemgetter(1), reverse=True)


def parts_of(ranked: Ranked, share: float) -> Parts:
    """Return what the score of a candidate is made of; `share` is that of the words.

    The static part is what its cosine adds once it is on the scale of the deep one. Where meaning
    speaks against a paper and is not counted, both parts of it are 0.
    """
    if ranked.meaning is None:
        return Parts(ranked.score, 0.0, 0.0)
    words = share * (ranked.words or 0.0)
    near = ranked.score - words
    if ranked.deep is None or near == 0:
        return Parts(words, near, 0.0)
    if ranked.static is None:
        return Parts(words, 0.0, near)
    deep = (1 - share) * SHARE_DEEP * ranked.deep
    return Parts(words, near - deep, deep)


def blend(meaning: Mapping[int, float], deep: Mapping[int, float]) -> dict[int, float]:
    """Return how near each paper is by the cosines of both tiers, on the scale of the deep ones.

    A cosine of the first tier is moved and stretched so that, over the papers that have both, the
    two kinds have one mean and one standard deviation: it is then the deep cosine that it makes
    expect. That stands for a paper that has no deep one, since having no deep vector yet is neither
    for a paper nor against it; where there is one, that has `SHARE_DEEP`. The scale is that of the
    deep tier because it says how far to trust it: a model that knows little spreads its cosines
    little. Without any deep cosine nothing is moved.
    """
    if not deep:
        return dict(meaning)
    main, other = _spreads([(meaning[p], deep[p]) for p in meaning.keys() & deep])
    stretch = other.deviation / main.deviation
    moved = {p: other.mean + stretch * (cosine - main.mean) for p, cosine in meaning.items()}
    return {p: _blended(moved.get(p), deep.get(p)) for p in moved.keys() | deep}


def _blended(expected: float | None, deep: float | None) -> float:
    if expected is None or deep is None:
        near = expected if deep is None else deep
    else:
        near = (1 - SHARE_DEEP) * expected + SHARE_DEEP * deep
    return min(max(near or 0.0, -1.0), 1.0)


def _spreads(pairs: Sequence[tuple[float, float]]) -> tuple[Spread, Spread]:
    """Return how the cosines of the two tiers lie, each pair being those of one paper."""
    if len(pairs) < FEWEST_PAIRS:
        return MAIN_SPREAD, DEEP_SPREAD
    main, deep = (_spread([pair[tier] for pair in pairs]) for tier in (0, 1))
    if min(main.deviation, deep.deviation) < _LEAST_DEVIATION:
        return MAIN_SPREAD, DEEP_SPREAD
    return main, deep


def _spread(cosines: Sequence[float]) -> Spread:
    # Sums that are exact do not depend on the order.
    mean = fsum(cosines) / len(cosines)
    return Spread(mean, sqrt(fsum((c - mean) ** 2 for c in cosines) / len(cosines)))


_DEGREES = ((0.6, "very near"), (0.35, "near"), (0.2, "distantly near"))


def nearness(cosine: float) -> str:
    """Return in words how near a cosine is, with its figure."""
    degree = next((words for least, words in _DEGREES if cosine >= least), "hardly near")
    return f"{degree} ({cosine:.2f})"
