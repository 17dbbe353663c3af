"""Measures of a ranking against judgements: pure.

`ranking` is a list of document ids, best first; `judged` maps documents to their gain, where
more than 0 is relevant. Gains enter nDCG linearly and discounts are log2(rank + 1), as in
trec_eval (Järvelin and Kekäläinen 2002).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log2

Judged = Mapping[str, float]


def ndcg(ranking: Sequence[str], judged: Judged, depth: int = 10) -> float:
    """Return the discounted gain of the first `depth` over the best possible one (0 to 1)."""
    best = sorted((g for g in judged.values() if g > 0), reverse=True)[:depth]
    ideal = _discounted(best)
    return _discounted([max(judged.get(d, 0), 0) for d in ranking[:depth]]) / ideal if ideal else 0


def _discounted(gains: Sequence[float]) -> float:
    return sum(gain / log2(rank + 1) for rank, gain in enumerate(gains, start=1))


def recall(ranking: Sequence[str], judged: Judged, depth: int = 100) -> float:
    """Return the share of the relevant documents that stand among the first `depth`."""
    relevant = {d for d, gain in judged.items() if gain > 0}
    return len(relevant.intersection(ranking[:depth])) / len(relevant) if relevant else 0


def average_precision(ranking: Sequence[str], judged: Judged) -> float:
    """Return the mean, over all relevant documents, of the precision where each one stands."""
    relevant = {d for d, gain in judged.items() if gain > 0}
    found, total = 0, 0.0
    for rank, document in enumerate(ranking, start=1):
        if document in relevant:
            found += 1
            total += found / rank
    return total / len(relevant) if relevant else 0


def reciprocal_rank(ranking: Sequence[str], judged: Judged, depth: int = 10) -> float:
    """Return 1 / the rank of the first relevant document, 0 if none is among the first `depth`."""
    ranks = (r for r, d in enumerate(ranking[:depth], start=1) if judged.get(d, 0) > 0)
    return 1 / next(ranks, float("inf"))
