"""Which words bring two texts near each other in meaning: pure.

A vector of the model in the package is a sum over words, so the cosine of two texts is a sum over
pairs of a word of one and a word of the other, and can be taken apart again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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

    The vector of a text is `counts[text] @ rows`, each stretch of it (`halves`) by its own one of
    `scales[text]`: (texts, words), (words, dim) and (texts, halves).
    """

    words: Sequence[str]
    rows: Floats
    counts: Floats
    scales: Floats
    halves: Sequence[slice]


class Affinity(NamedTuple):
    """A word or word pair of one text and one of another, and what they add to the cosine."""

    asked: str
    said: str
    share: float


def summands(
    words: Sequence[str],
    rows: Floats,
    counts: Floats,
    halves: Sequence[slice],
    joined: Callable[[Floats], Floats],
) -> Summands:
    """Return the summands of texts; `joined` makes vectors of sums, half by half."""
    # Products of matrices this small take longest where several cores share them, so none do.
    places = [np.flatnonzero(count) for count in counts]
    sums = np.zeros((len(counts), rows.shape[1]), np.float32)
    for total, at, count in zip(sums, places, counts, strict=True):
        np.einsum("w,wd->d", count[at], rows[at], out=total)
    vectors = joined(sums.copy())
    scales = np.zeros((len(counts), len(halves)), np.float32)
    for number, half in enumerate(halves):
        lengths = np.linalg.norm(sums[:, half], axis=1)
        scaled = np.linalg.norm(vectors[:, half], axis=1)
        np.divide(scaled, lengths, out=scales[:, number], where=lengths > 0)
    return Summands(words, rows, counts, scales, halves)


def middle(texts: Summands) -> tuple[Sequence[str], Floats]:
    """Return what each word adds to the mean of the vectors of all texts, at length one."""
    rows = np.empty_like(texts.rows)
    for number, half in enumerate(texts.halves):
        weights = np.einsum("t,tw->w", texts.scales[:, number], texts.counts)
        rows[:, half] = texts.rows[:, half] * weights[:, None]
    length = float(np.linalg.norm(rows.sum(axis=0)))
    return texts.words, rows / np.float32(length or 1.0)


def _products(rows: Floats, others: Floats) -> Floats:
    if not len(rows) or not len(others):
        return np.zeros((len(rows), len(others)), np.float32)
    return np.asarray(simsimd.cdist(rows, others, metric="dot", out_dtype="float32"), np.float32)


class Comparison:
    """One text, or the mean of several, compared with others."""

    def __init__(self, asked: Summands, said: Summands, most: int | None = None) -> None:
        """Take apart; with `most`, only so many words of `asked`, which weigh most, are told."""
        words, rows = middle(asked)
        if most is not None and len(words) > most:
            weights = np.einsum("wd,d->w", rows, rows.sum(axis=0))
            weighty = np.sort(np.argsort(-weights, kind="stable")[:most])
            words, rows = [words[i] for i in weighty], rows[weighty]
        self._asked = words
        self._said = said
        self._near = [_products(said.rows[:, half], rows[:, half]) for half in said.halves]

    def shares(self, text: int) -> tuple[NDArray[np.intp], Floats]:
        """Return which words a text has, and what each adds with each asked one: (words, asked).

        With all words of what is asked it adds up to the cosine.
        """
        places = np.flatnonzero(self._said.counts[text])
        scales = self._said.scales[text]
        added = np.zeros((len(places), len(self._asked)), np.float32)
        for scale, near in zip(scales, self._near, strict=True):
            added += scale * near[places]
        return places, added * self._said.counts[text, places, None]

    def affinities(
        self, text: int, stems: Callable[[str], Sequence[str]], most: int = 3
    ) -> tuple[Affinity, ...]:
        """Return the pairs of different words that add most to a text's cosine, most first.

        What has a stem in common is the same word, and what has no stem says nothing. No stem of
        the text is told twice.
        """
        places, added = self.shares(text)
        flat = added.ravel()
        kept = np.flatnonzero(flat >= LEAST)
        found: list[Affinity] = []
        told: set[str] = set()
        for place in kept[np.argsort(-flat[kept], kind="stable")][:_CONSIDERED].tolist():
            if len(found) == most:
                break
            said, asked = divmod(place, len(self._asked))
            one, other = self._asked[asked], self._said.words[places[said]]
            own, its = set(stems(one)), set(stems(other))
            if own and its and not its & (own | told):
                told |= its
                found.append(Affinity(one, other, float(flat[place])))
        return tuple(found)
