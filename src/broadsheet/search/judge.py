"""Measures of a ranking against judgements: pure.

`ranking` is a list of document ids, best first; `judged` maps documents to their gain, where
more than 0 is relevant. Gains enter nDCG linearly and discounts are log2(rank + 1), as in
trec_eval (Järvelin and Kekäläinen 2002).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log2
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

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


RESAMPLES = 2000


class Interval(NamedTuple):
    """A mean difference, and between what 95 of 100 resamples of the queries put it."""

    difference: float
    low: float
    high: float


def interval(sets: Sequence[NDArray[np.float64]], seed: int = 5) -> Interval:
    """Return the mean over `sets` of the mean of each, with its interval of 95 %.

    Each set has one number for each of its queries: by how much one ranking of it is better than
    another, so that the comparison is paired. The interval is that of the percentile bootstrap
    over queries, each set resampled by itself (Efron and Tibshirani 1993), and the same for the
    same `seed`. Of sets without any query everything is 0.
    """
    kept = [s for s in sets if len(s)]
    if not kept:
        return Interval(0.0, 0.0, 0.0)
    draws = np.random.default_rng(seed)
    means = np.mean([_resampled(differences, draws) for differences in kept], axis=0)
    low, high = np.percentile(means, [2.5, 97.5])
    return Interval(float(np.mean([s.mean() for s in kept])), float(low), float(high))


def _resampled(values: NDArray[np.float64], draws: np.random.Generator) -> NDArray[np.float64]:
    """Return the mean of each of `RESAMPLES` samples, with replacement, of the same size."""
    drawn = draws.integers(0, len(values), (RESAMPLES, len(values)), dtype=np.int32)
    made: NDArray[np.float64] = values[drawn].mean(axis=1)
    return made
