"""Topics of papers that no source gave a category: clusters of meaning with honest labels. Pure."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

LEAST = 12
"""Fewer papers than this are not divided."""
MOST = 12
"""So many topics at most."""
ROUNDS = 12
NEAR = 0.25
"""A paper with a lower cosine to the centre of its cluster belongs to none."""
SHARED = 0.25
"""A label's first word stands in at least this share of the titles of its cluster."""

Vectors = NDArray[np.float32]

_WORD = re.compile(r"[^\W\d_][\w-]*[^\W_]")
_STOP = frozenset(
    _WORD.findall(
        "an and are as at be by can do does for from how in into is it its not of on one or our "
        "over the through to toward towards under using via we what when where with without based"
    )
)
_COMMON = _STOP | frozenset(
    _WORD.findall(
        "case deep few improved improving large learning method methods model models network "
        "networks neural new study two approach analysis framework system systems paper data task "
        "tasks efficient effective fast better simple novel"
    )
)


def clusters(titles: Mapping[int, str], ids: Sequence[int], vectors: Vectors) -> dict[int, str]:
    """Return the label of its cluster for each of `ids` that has one.

    `vectors` are the papers' meanings at length 1, one row for each id. A label is made of words
    that many titles of the cluster share and few of the others have; a cluster without such words
    has no label, and its papers are left out. The same papers always give the same topics.
    """
    if len(ids) < LEAST:
        return {}
    wanted = min(MOST, max(2, round(math.sqrt(len(ids) / 3))))
    centres = _centres(vectors, wanted)
    scores = vectors @ centres.T
    nearest = scores.argmax(axis=1)
    is_near = scores.max(axis=1) >= NEAR
    members = {
        k: [ids[int(i)] for i in np.flatnonzero((nearest == k) & is_near)] for k in range(wanted)
    }
    labels = _labels({k: [titles[i] for i in own] for k, own in members.items() if own})
    return {i: labels[k] for k, own in members.items() if k in labels for i in own}


def _centres(vectors: Vectors, wanted: int) -> Vectors:
    """Return centres by spherical k-means, begun with papers that are far from each other."""
    mean = vectors.mean(axis=0)
    chosen = [int((vectors @ mean).argmax())]
    while len(chosen) < wanted:
        chosen.append(int((vectors @ vectors[chosen].T).max(axis=1).argmin()))
    centres = vectors[chosen]
    for _ in range(ROUNDS):
        nearest = (vectors @ centres.T).argmax(axis=1)
        sums = np.stack([vectors[nearest == k].sum(axis=0) for k in range(wanted)])
        centres = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-9)
    return centres.astype(np.float32)


def _labels(titles: Mapping[int, Sequence[str]]) -> dict[int, str]:
    """Return a label for each cluster that has words of its own, no label twice."""
    counts = {
        k: Counter(t for title in own for t in set(_terms(title))) for k, own in titles.items()
    }
    everywhere = sum(counts.values(), Counter[str]())
    total = sum(map(len, titles.values()))
    found: dict[int, str] = {}
    for k in sorted(titles, key=lambda k: (-len(titles[k]), k)):
        words = _telling(counts[k], everywhere, len(titles[k]), total)
        label = _joined(words)
        if label and label not in found.values():
            found[k] = label
    return found


def _telling(own: Counter[str], everywhere: Counter[str], size: int, total: int) -> list[str]:
    """Return the words of a cluster by how many of its titles have them and how few others."""

    def weight(term: str) -> float:
        inside = own[term] / size
        outside = (everywhere[term] - own[term] + 0.5) / (total - size + 1)
        # Two words side by side say more than each of them.
        return inside * math.log(inside / outside) * (1.5 if " " in term else 1.0)

    least = max(2, SHARED * size)
    first = [t for t in own if own[t] >= least and weight(t) > 0]
    more = [t for t in own if least > own[t] >= max(2, least / 2) and weight(t) > 0]
    ranked = sorted(first, key=lambda t: (-weight(t), t))
    return [*ranked, *sorted(more, key=lambda t: (-weight(t), t))] if ranked else []


def _joined(words: Sequence[str]) -> str:
    """Return up to three words that do not say the same, as a label."""
    chosen: list[str] = []
    for word in words:
        parts = {_stem(p) for p in word.split()}
        if not any(parts & {_stem(p) for p in c.split()} for c in chosen):
            chosen.append(word)
        if len(chosen) == 3:  # noqa: PLR2004 (a fourth word helps nobody)
            break
    return ", ".join(chosen).capitalize() if chosen else ""


def _stem(word: str) -> str:
    return word.lower()[:6].rstrip("s")


def _terms(title: str) -> Iterator[str]:
    """Yield the telling words of a title, and its pairs of neighbours."""
    words = [w.lower() for w in _WORD.findall(title)]
    yield from (w for w in words if w not in _COMMON and len(w) > 2)  # noqa: PLR2004
    for one, other in pairwise(words):
        if one not in _STOP and other not in _STOP and not {one, other} <= _COMMON:
            yield f"{one} {other}"
