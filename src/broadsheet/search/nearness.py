"""Which words bring two texts near each other in meaning: pure.

A vector of the model in the package is a sum over words, so the cosine of two texts is a sum over
pairs of a word of one and a word of the other, and can be taken apart again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import simsimd
from numpy.typing import NDArray

LEAST = 0.02
"""What adds less to a cosine is not worth telling."""
ASKED = 32
"""So many words of a long text, those that weigh most in it, are told affinities of."""
_CONSIDERED = 128
"""So many of the strongest affinities are looked through for some that differ."""

Floats = NDArray[np.float32]


class Summands(NamedTuple):
    """What the vectors of some texts are sums of.

    A cell is a word that a text has, those of one text together: `cells` are (texts, words,
    weights), each as long as there are cells. The vector of a text is the sum over its cells of
    weight times row, each stretch of it (`halves`) by its own one of `scales[text]`. `rows` are
    (words, dim), `scales` (texts, halves), and `name` tells a word by its number.
    """

    name: Callable[[int], str]
    rows: Floats
    cells: tuple[NDArray[np.intp], NDArray[np.intp], Floats]
    scales: Floats
    halves: Sequence[slice]


class Affinity(NamedTuple):
    """A word or word pair of one text and one of another, and what they add to the cosine."""

    asked: str
    said: str
    share: float


def summands(
    name: Callable[[int], str],
    rows: Floats,
    cells: tuple[NDArray[np.intp], NDArray[np.intp], Floats],
    halves: Sequence[slice],
    joined: Callable[[Floats], Floats],
    texts: int,
) -> Summands:
    """Return the summands of so many texts; `joined` makes vectors of sums, half by half."""
    owners, words, weights = cells
    edges = np.searchsorted(owners, np.arange(texts + 1)).tolist()
    sums = np.zeros((texts, rows.shape[1]), np.float32)
    # Products of matrices this small take longest where several cores share them, so none do.
    for total, (start, end) in zip(sums, pairwise(edges), strict=True):
        np.einsum("w,wd->d", weights[start:end], rows[words[start:end]], out=total)
    vectors = joined(sums.copy())
    scales = np.zeros((texts, len(halves)), np.float32)
    for number, half in enumerate(halves):
        lengths = np.linalg.norm(sums[:, half], axis=1)
        scaled = np.linalg.norm(vectors[:, half], axis=1)
        np.divide(scaled, lengths, out=scales[:, number], where=lengths > 0)
    return Summands(name, rows, cells, scales, halves)


def middle(texts: Summands) -> Floats:
    """Return what each word adds to the mean of the vectors of all texts, at length one."""
    rows = np.empty_like(texts.rows)
    owners, words, weights = texts.cells
    for number, half in enumerate(texts.halves):
        added = np.bincount(words, texts.scales[owners, number] * weights, len(rows))
        rows[:, half] = texts.rows[:, half] * added.astype(np.float32)[:, None]
    length = float(np.linalg.norm(rows.sum(axis=0)))
    return rows / np.float32(length or 1.0)


def _products(rows: Floats, others: Floats) -> Floats:
    if not len(rows) or not len(others):
        return np.zeros((len(rows), len(others)), np.float32)
    return np.asarray(simsimd.cdist(rows, others, metric="dot", out_dtype="float32"), np.float32)


class Comparison:
    """One text, or the mean of several, compared with others."""

    def __init__(self, asked: Summands, said: Summands, most: int | None = None) -> None:
        """Take apart; with `most`, only so many words of `asked`, which weigh most, are told."""
        rows = middle(asked)
        told = np.arange(len(rows))
        if most is not None and len(rows) > most:
            weights = np.einsum("wd,d->w", rows, rows.sum(axis=0))
            told = np.sort(np.argsort(-weights, kind="stable")[:most])
        owners, words, weights = said.cells
        self._asked = [asked.name(word) for word in told.tolist()]
        self._name, self._words = said.name, words
        self._edges = np.searchsorted(owners, np.arange(len(said.scales) + 1))
        self._added = np.zeros((len(words), len(told)), np.float32)
        for number, half in enumerate(said.halves):
            near = _products(said.rows[:, half], rows[told, half])[words]
            self._added += near * (said.scales[owners, number] * weights)[:, None]

    def shares(self, text: int) -> tuple[NDArray[np.intp], Floats]:
        """Return which words a text has, and what each adds with each asked one: (words, asked).

        With all words of what is asked it adds up to the cosine.
        """
        here = slice(*self._edges[text : text + 2])
        return self._words[here], self._added[here]

    def affinities(
        self, text: int, stems: Callable[[str], Sequence[str]], most: int = 3
    ) -> tuple[Affinity, ...]:
        """Return the pairs of different words that add most to a text's cosine, most first.

        What has a stem in common is the same word, and what has no stem says nothing. No stem of
        the text is told twice.
        """
        words, added = self.shares(text)
        # Two words that stand in both texts add the same both ways, but for the last digits.
        flat = added.ravel().round(6)
        kept = np.flatnonzero(flat >= LEAST)
        found: list[Affinity] = []
        told: set[str] = set()
        for place in kept[np.argsort(-flat[kept], kind="stable")][:_CONSIDERED].tolist():
            said, asked = divmod(place, len(self._asked))
            one, other = self._asked[asked], self._name(int(words[said]))
            own, its = stems(one), stems(other)
            if own and its and told.isdisjoint(its) and not set(own).intersection(its):
                told.update(its)
                found.append(Affinity(one, other, float(flat[place])))
                if len(found) == most:
                    break
        return tuple(found)
