"""How candidates become an order, and the words for why: pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import fsum, sqrt
from typing import NamedTuple

SHORT_QUERY = 3
"""Up to so many words a query names a thing, and its words count for more."""
SHARE_SHORT = 0.65
SHARE_LONG = 0.5
SHARE_SIMILAR = 0.4
"""Shares of the words in the fused score, measured on the judged development sets."""


SHARE_DEEP = 0.5
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
    near it is (-1 to 1, None: not known), which is its cosine or, with `deep`, its cosine by the
    deep tier, made of both on the scale of the first.
    """

    paper: int
    score: float
    words: float | None
    meaning: float | None
    deep: float | None = None


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
        _ranked(p, text.get(p), near.get(p), deep.get(p), top, share) for p in text.keys() | near
    ]
    return sorted(found, key=lambda r: (-r.score, r.paper))


def by_meaning(meaning: Mapping[int, float], deep: Mapping[int, float]) -> list[Ranked]:
    """Return all candidates by their meaning alone, the nearest first, ties in order of id."""
    found = [Ranked(p, near, None, near, deep.get(p)) for p, near in blend(meaning, deep).items()]
    return sorted(found, key=lambda r: (-r.score, r.paper))


def _ranked(
    paper: int,
    text: float | None,
    near: float | None,
    deep: float | None,
    top: float,
    share: float,
) -> Ranked:
    words = None if text is None else text / top
    score = share * (words or 0.0) + (1 - share) * max(near or 0.0, 0.0)
    return Ranked(paper, score, words, near, deep)


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


def reasons(
    ranked: Ranked,
    in_title: Sequence[str],
    in_text: Sequence[str],
    share: float,
    text: str = "abstract",
) -> tuple[Reason, ...]:
    """Return why a hit is a hit, the weightier first: which words where, how near in meaning.

    `text` says what stands below the title: the abstract, or a summary.
    """
    found = []
    both = [w for w in in_title if w in in_text]
    for kind, where, words in (
        ("words", f"in title and {text}", both),
        ("title", "in the title", [w for w in in_title if w not in both]),
        (text, f"in the {text}", [w for w in in_text if w not in both]),
    ):
        if words:
            found.append(Reason(kind, f"{_listed(words)} {where}", ranked.words))
    if ranked.meaning is not None and ranked.meaning > 0:
        near = Reason("meaning", f"{nearness(ranked.meaning)} in meaning", ranked.meaning)
        by_meaning = (1 - share) * ranked.meaning > share * (ranked.words or 0.0)
        found.insert(0 if by_meaning else len(found), near)
    return tuple(found)


def _listed(words: Sequence[str], most: int = 6) -> str:
    shown = [f"“{w}”" for w in words[:most]]
    rest = len(words) - len(shown)
    if rest:
        return ", ".join(shown) + f" and {rest} more"
    return " and ".join(filter(None, [", ".join(shown[:-1]), shown[-1]]))


_DEGREES = ((0.6, "very near"), (0.35, "near"), (0.2, "distantly near"))


def nearness(cosine: float) -> str:
    """Return in words how near a cosine is, with its figure."""
    degree = next((words for least, words in _DEGREES if cosine >= least), "hardly near")
    return f"{degree} ({cosine:.2f})"
