"""How candidates become an order, and what their scores are made of: pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import fsum, sqrt
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
    near it is (-1 to 1, None: not known), made of its cosines by both tiers, `static` and `deep`,
    on the scale of the first.
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
    found = [
        _ranked(p, text.get(p), near.get(p), top, share, meaning.get(p), deep.get(p))
        for p in text.keys() | near
    ]
    return sorted(found, key=lambda r: (-r.score, r.paper))


def by_meaning(meaning: Mapping[int, float], deep: Mapping[int, float]) -> list[Ranked]:
    """Return all candidates by their meaning alone, the nearest first, ties in order of id."""
    near = blend(meaning, deep)
    found = [Ranked(p, n, None, n, meaning.get(p), deep.get(p)) for p, n in near.items()]
    return sorted(found, key=lambda r: (-r.score, r.paper))


def _ranked(
    paper: int,
    text: float | None,
    near: float | None,
    top: float,
    share: float,
    static: float | None,
    deep: float | None,
) -> Ranked:
    words = None if text is None else text / top
    score = share * (words or 0.0) + (1 - share) * max(near or 0.0, 0.0)
    return Ranked(paper, score, words, near, static, deep)


def parts_of(ranked: Ranked, share: float) -> Parts:
    """Return what the score of a candidate is made of; `share` is that of the words.

    The deep part is what a deep cosine adds once it is on the scale of the other. Where meaning
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
    static = (1 - share) * (1 - SHARE_DEEP) * ranked.static
    return Parts(words, static, near - static)


def blend(meaning: Mapping[int, float], deep: Mapping[int, float]) -> dict[int, float]:
    """Return how near each paper is by the cosines of both tiers, on the scale of the first.

    A deep cosine is moved and stretched so that, over the papers that have both, the two kinds
    have one mean and one standard deviation, and then has `SHARE_DEEP`. A paper without one is
    taken to have just the deep cosine that its other one makes expect, which leaves that as it is:
    having no deep vector yet is neither for a paper nor against it.
    """
    if not deep:
        return dict(meaning)
    main, other = _spreads([(meaning[p], deep[p]) for p in meaning.keys() & deep])
    stretch = main.deviation / other.deviation
    moved = {p: main.mean + stretch * (cosine - other.mean) for p, cosine in deep.items()}
    return {p: _blended(meaning.get(p), moved.get(p)) for p in meaning.keys() | moved}


def _blended(cosine: float | None, moved: float | None) -> float:
    if moved is None or cosine is None:
        near = cosine if moved is None else moved
    else:
        near = (1 - SHARE_DEEP) * cosine + SHARE_DEEP * moved
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
