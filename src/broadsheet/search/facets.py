"""Papers that are alike in one facet: the same problem, the same method, the same result.

Nothing is stored for it: the papers most alike as a whole are read sentence by sentence, and what
they say of the facet is embedded while the reader waits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from broadsheet.papers.types import Paper
from broadsheet.search.embedding import Embedder, StaticEmbedder
from broadsheet.search.ranking import Ranked, Reason, nearness
from broadsheet.search.roles import Facet, facet_sentences, facet_text

FACET_SHARE = 0.6
"""The share of the facet in the score of a paper; the rest is how alike they are as a whole."""
CANDIDATES = 200
"""So many of the papers most alike as a whole are compared by a facet."""
SHOWN = 240
"""Characters of a sentence that a reason shows."""


@dataclass(frozen=True, slots=True)
class Compared:
    """Papers in the order of a facet, and what makes each stand there.

    `cosines` are those of the papers that say something of the facet, `told` their sentences and
    `own` those of the paper that they are compared with; `ranked` is what they are as a whole.
    """

    facet: Facet
    order: list[Ranked]
    cosines: Mapping[int, float]
    told: Mapping[int, Sequence[str]]
    own: Sequence[str]
    embedder: Embedder
    ranked: Mapping[int, Ranked]

    def whole(self, most: int) -> list[Ranked]:
        """Return the first papers of the order, as they are ranked as a whole."""
        return [self.ranked[r.paper] for r in self.order[:most]]

    def added(self, paper: int) -> float:
        """Return what the facet adds to the score of a paper."""
        return FACET_SHARE * max(self.cosines.get(paper, 0.0), 0.0)

    def reason(self, paper: int) -> tuple[Reason, ...]:
        """Return how near a paper is in the facet, with its sentence nearest to one of ours.

        Nothing where it says nothing of the facet.
        """
        cosine = self.cosines.get(paper)
        if cosine is None:
            return ()
        near = self.embedder.embed(self.told[paper]) @ self.embedder.embed(self.own).T
        sentence = self.told[paper][int(near.max(axis=1).argmax())]
        shown = sentence if len(sentence) <= SHOWN else sentence[: SHOWN - 1].rstrip() + "…"
        return (Reason(self.facet, f"{self.facet} {nearness(cosine)}: “{shown}”", cosine),)


def compare(
    paper: Paper, ranked: Sequence[Ranked], papers: Sequence[Paper], facet: Facet, by: Embedder
) -> Compared | None:
    """Return `papers` in the order of a facet of `paper`, None if it or all they say nothing of it.

    `ranked` says how alike each is as a whole: a score is FACET_SHARE x cosine of what the two say
    of the facet + (1 - FACET_SHARE) x that score. A paper that says nothing of the facet has no
    cosine, which counts as 0. `by` is a quick embedder.
    """
    own, *others = facet_sentences([_abstract(p) for p in (paper, *papers)], facet)
    told: dict[int, Sequence[str]] = {
        p.id: said for p, said in zip(papers, others, strict=True) if said
    }
    if not (own and told):
        return None
    titles: dict[int, str] = {p.id: p.title for p in (paper, *papers)}
    speaking: list[tuple[int, Sequence[str]]] = [(paper.id, own), *told.items()]
    vectors = by.embed([facet_text(titles[p], said, facet) for p, said in speaking])
    near = np.clip(vectors[1:] @ vectors[0], -1.0, 1.0)
    cosines: dict[int, float] = dict(zip(told, near.tolist(), strict=True))
    order = [_blended(r, cosines.get(r.paper)) for r in ranked if r.paper in titles]
    order.sort(key=lambda r: (-r.score, r.paper))
    return Compared(facet, order, cosines, told, own, by, {r.paper: r for r in ranked})


def quick(embedder: Embedder) -> Embedder:
    """Return an embedder that can embed some hundred texts while a reader waits."""
    return embedder if embedder.pace == "fast" else StaticEmbedder.load()


def _abstract(paper: Paper) -> str:
    return paper.abstract or paper.summary


def _blended(ranked: Ranked, cosine: float | None) -> Ranked:
    near = max(cosine or 0.0, 0.0)
    return ranked._replace(score=FACET_SHARE * near + (1 - FACET_SHARE) * ranked.score)
