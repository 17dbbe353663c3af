"""The port between search and an index: it finds candidates; `ranking` decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from broadsheet.papers.types import Paper
from broadsheet.search.query import Query

Scored = list[tuple[int, float]]
"""Paper ids with scores, best first."""
Facets = dict[str, list[tuple[str, int]]]
"""For each countable property, its values with how many matches have them, most first."""


class Index(Protocol):
    """Text and vectors of a collection, fed from its change log.

    In all look-ups `words` rank (any of them makes a match in words), while everything else in
    `query` is a condition that every result fulfils; `query`'s own bare words are not looked at.
    """

    @property
    def sequence(self) -> int:
        """Up to where in the change log everything is held."""

    def apply(self, puts: Sequence[Paper], drops: Sequence[int], sequence: int) -> None:
        """Take `puts` in and `drops` out; `sequence` is then held. Repeating changes nothing."""

    def text(self, words: Sequence[str], query: Query, k: int) -> Scored:
        """Return the `k` papers that match best in words."""

    def text_scores(
        self, words: Sequence[str], query: Query, papers: Sequence[int]
    ) -> Mapping[int, float]:
        """Return the scores in words of those of `papers` that match."""

    def vector(self, vector: NDArray[np.float32], query: Query, k: int) -> Scored:
        """Return the `k` papers nearest in meaning, with their cosines."""

    def cosines(self, vector: NDArray[np.float32], papers: Sequence[int]) -> Sequence[float]:
        """Return how near each of `papers` is in meaning (-1 to 1)."""

    def paper_vector(self, paper: int) -> NDArray[np.float32] | None:
        """Return the vector of a paper, or None if it has none."""

    def paper_vectors(self, papers: Sequence[int]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return those of `papers` that have a vector, ascending, and their vectors at length 1."""

    def distinctive(self, words: Sequence[str], k: int) -> list[str]:
        """Return the `k` of `words` that say most of a text, each as often as it stands there."""

    def newest(self, words: Sequence[str], query: Query, k: int) -> list[int]:
        """Return the `k` matches with the newest days."""

    def matching(self, words: Sequence[str], query: Query) -> NDArray[np.int64]:
        """Return all papers that match in words and fulfil the conditions, ascending."""

    def count(self, words: Sequence[str], query: Query) -> tuple[int, Facets]:
        """Return how many papers match in words, and the counts of the values among them."""
