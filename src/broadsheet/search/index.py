"""The port between search and an index: it finds candidates; `ranking` decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from broadsheet.papers.types import Paper
from broadsheet.search.embedding import Pace
from broadsheet.search.query import Query
from broadsheet.search.scoring import Scoring
from broadsheet.search.understanding import Vocabulary, Weighed

Scored = list[tuple[int, float]]
"""Paper ids with scores, best first."""
Facets = dict[str, list[tuple[str, int]]]
"""For each countable property, its values with how many matches have them, most first."""

Tier = Literal["main", "deep"]
"""Whose vectors: those that every paper has, or those of a better model, which come by and by."""


class Meaning(NamedTuple):
    """How far a collection can be searched by meaning: `embedded` of `papers` have a vector.

    It `is_usable` once all papers had one of length `dim` by the `model` that is chosen; what was
    filed since may still lack one.
    """

    model: str
    pace: Pace
    embedded: int
    papers: int
    dim: int
    is_usable: bool

    @property
    def notice(self) -> str:
        """What whoever searches should know, nothing if all is as it should be."""
        lacking = self.papers - self.embedded
        if self.is_usable and lacking > 0:
            return f"{lacking:,} of {self.papers:,} papers are found by words only{self._how}"
        if self.is_usable or not self.papers:
            return ""
        done = f"{min(self.embedded, self.papers):,} of {self.papers:,}"
        return f"by words only: {done} papers are embedded with {self.model}{self._how}"

    @property
    def _how(self) -> str:
        """How the rest comes to be embedded."""
        return {
            "fast": "",
            "slow": "; `broadsheet rebuild --vectors` embeds the rest, and so does `serve`",
            "paid": "; `broadsheet rebuild --vectors` embeds the rest",
        }[self.pace]


class Index(Protocol):
    """Text and vectors of a collection, fed from its change log.

    In all look-ups `words` rank by their weights (any of them makes a match in words), while
    everything else in `query` is a condition that every result fulfils; `query`'s own bare words
    are not looked at. `count`, `matching` and `newest` are asked for what is meant alone.
    """

    @property
    def sequence(self) -> int:
        """Up to where in the change log everything is held that is fed with the words."""

    @property
    def meaning(self) -> Meaning:
        """How far it can be searched by meaning; where it cannot, no vectors are found."""

    @property
    def vocabulary(self) -> Vocabulary:
        """What is known of the words and names in the papers."""

    @property
    def deep(self) -> Meaning | None:
        """How many papers have a vector of the deep tier; None where it is off."""

    def apply(self, puts: Sequence[Paper], drops: Sequence[int], sequence: int) -> None:
        """Take `puts` in and `drops` out; `sequence` is then held. Repeating changes nothing."""

    def text(self, words: Sequence[Weighed], query: Query, k: int) -> Scored:
        """Return the `k` papers that match best in words."""

    def scoring(self, words: Sequence[Weighed], papers: Sequence[int]) -> Scoring:
        """Return how well `papers` match in words, wherever these came from."""

    def vector(
        self, vector: NDArray[np.float32], query: Query, k: int, tier: Tier = "main"
    ) -> Scored:
        """Return the `k` papers nearest in meaning, with their cosines."""

    def cosines(
        self, vector: NDArray[np.float32], papers: Sequence[int], tier: Tier = "main"
    ) -> Mapping[int, float]:
        """Return how near those of `papers` that have a vector are in meaning (-1 to 1)."""

    def paper_vector(self, paper: int, tier: Tier = "main") -> NDArray[np.float32] | None:
        """Return the vector of a paper, or None if it has none."""

    def paper_vectors(self, papers: Sequence[int]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return those of `papers` that have a vector, ascending, and their vectors at length 1."""

    def distinctive(self, words: Sequence[str], k: int) -> list[str]:
        """Return the `k` of `words` that say most of a text, each as often as it stands there."""

    def newest(self, words: Sequence[Weighed], query: Query, k: int) -> list[int]:
        """Return the `k` matches with the newest days."""

    def matching(
        self, words: Sequence[Weighed], query: Query, among: Sequence[int] | None = None
    ) -> NDArray[np.int64]:
        """Return all papers, or those of `among`, that match and fulfil the conditions, ascending.

        With `words` any of them makes a match.
        """

    def count(
        self, words: Sequence[Weighed], query: Query, *, with_facets: bool = True
    ) -> tuple[int, Facets]:
        """Return how many papers match in words and, `with_facets`, the values among them."""
