"""Ways to rank that are held against each other: the tiers of search, and what they must beat."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from tantivy import Occur
from tantivy import Query as Compiled

from broadsheet.library import Library
from broadsheet.measure.remembered import Remembered
from broadsheet.search import manifest
from broadsheet.search.engine import Engine, Mode
from broadsheet.search.query import Query
from broadsheet.search.text_index import SCHEMA, STOP_WORDS, TextIndex, only, stems

DEPTH = 1000
PAGE = 20
PLAIN, WORDS, STATIC, DEFAULT = "plain BM25", "words", "static", "words+static"
DEEP, WORDS_DEEP = "words+static+deep", "words+deep"
SHARES = (0.35, 0.5)
"""The shares of the words in a fusion with a model that search does not know (as in the study)."""


class Asked(NamedTuple):
    """A query as search takes it, and its text (or that of paper number `paper`).

    `among` has the papers to be ranked, None for all.
    """

    query: Query
    text: str
    paper: int | None = None
    among: Sequence[int] | None = None


class Tier(Protocol):
    """A way to rank papers."""

    name: str

    def rank(self, asked: Asked) -> list[int]:
        """Return papers, best first: `DEPTH` of all, or each of those asked about."""

    def page(self, asked: Asked) -> bool:
        """Make what a person would be shown; False if that would measure nothing."""


class Own:
    """A mode of search as it is."""

    def __init__(self, name: str, engine: Engine, mode: Mode) -> None:
        self.name = name
        self._engine = engine
        self._mode = mode

    def rank(self, asked: Asked) -> list[int]:
        """Return papers in the order of search; those asked about that it leaves out come last."""
        found = self.scores(asked)
        return [*found, *(p for p in asked.among or () if p not in found)]

    def scores(self, asked: Asked) -> dict[int, float]:
        """Return the score of each paper that search ranks, best first."""
        if asked.among is None:
            found = self._engine.rank(asked.query, mode=self._mode, depth=DEPTH)
        else:
            found = self._engine.rank_among(asked.query, asked.among, mode=self._mode)
        return {r.paper: r.score for r in found}

    def page(self, asked: Asked) -> bool:
        """Search for the first page, marked and with reasons."""
        self._engine.search(asked.query, mode=self._mode, limit=PAGE)
        return True


class PlainWords:
    """BM25 of title and abstract taken as one text: our tokens, and nothing else that we know.

    Stop words are left out, a word that stands twice in a query counts twice (as in Lucene).
    """

    name = PLAIN

    def __init__(self, library: Library) -> None:
        """Read the words of the index of `library`, which has taken in what it shall hold."""
        index = library.index.path
        place = manifest.read(index / "current.json") or {}
        self._text = TextIndex(index / str(place["text"]) / "text")

    def rank(self, asked: Asked) -> list[int]:
        """Return papers by score; equal ones, and those without any of the words, by number."""
        found = self._scores(asked, DEPTH)
        papers = found if asked.among is None else asked.among
        return sorted(papers, key=lambda p: (-found.get(p, 0.0), p))

    def page(self, asked: Asked) -> bool:
        """Find the first papers."""
        self._scores(asked, PAGE)
        return True

    def _scores(self, asked: Asked, k: int) -> dict[int, float]:
        compiled = _any_of(stems(asked.text))
        if asked.among is None:
            return dict(self._text.top(compiled, k))
        return dict(self._text.top(only(compiled, asked.among), len(asked.among)))


def _any_of(terms: Iterable[str]) -> Compiled:
    often = Counter(t for t in terms if t not in STOP_WORDS)
    parts = [(Compiled.term_query(SCHEMA, "body", t, "freq"), n) for t, n in often.items()]
    return Compiled.boolean_query([(Occur.Should, Compiled.boost_query(q, n)) for q, n in parts])


class Meanings:
    """What another model says of the papers of a library: their cosines with a query."""

    def __init__(self, model: Remembered, papers: Mapping[int, str]) -> None:
        """Embed the texts of all `papers`; raises EmbeddingError."""
        self._model = model
        self._papers = np.array(list(papers), np.int64)
        self._rows = model.embed(list(papers.values()))
        self._at = {paper: row for row, paper in enumerate(papers)}

    def cosines(self, asked: Asked) -> dict[int, float]:
        """Return the cosine of each paper that was asked about."""
        if asked.paper is None:
            vector = self._model.queries([asked.text])[0]
        else:
            vector = self._rows[self._at[asked.paper]]
        if asked.among is None:
            return dict(zip(self._papers.tolist(), (self._rows @ vector).tolist(), strict=True))
        rows: NDArray[np.float32] = self._rows[[self._at[p] for p in asked.among]]
        return dict(zip(asked.among, (rows @ vector).tolist(), strict=True))


class Against:
    """Another model alone or, with a share for them, fused with the scores of our words."""

    def __init__(self, name: str, meanings: Meanings, words: Own, share: float = 0.0) -> None:
        self.name = f"{share:g} words+{name}" if share else name
        self._meanings = meanings
        self._words = words
        self._share = share

    def rank(self, asked: Asked) -> list[int]:
        """Return papers by `share * text / best text + (1 - share) * cosine`."""
        cosines = self._meanings.cosines(asked)
        words = self._words.scores(asked) if self._share else {}
        top = max(words.values(), default=0.0) or 1.0
        scores = {
            paper: self._share * words.get(paper, 0.0) / top + (1 - self._share) * cosine
            for paper, cosine in cosines.items()
        }
        return sorted(scores, key=lambda p: (-scores[p], p))[:DEPTH]

    def page(self, asked: Asked) -> bool:  # noqa: ARG002 (its vectors are remembered)
        """Make nothing."""
        return False


Make = Callable[[Library], list[Tier]]


def own(library: Library) -> list[Tier]:
    """Return what is always compared: plain BM25, words alone, vectors alone, and the default."""
    engine = library.engine
    return [
        PlainWords(library),
        Own(WORDS, engine, "text"),
        Own(STATIC, engine, "vector"),
        Own(DEFAULT, engine, "hybrid"),
    ]


def against(name: str, model: Remembered, library: Library, texts: Mapping[int, str]) -> list[Tier]:
    """Return a model alone, and fused with our words by each of `SHARES`."""
    meanings = Meanings(model, texts)
    words = Own(WORDS, library.engine, "text")
    return [Against(name, meanings, words, share) for share in (0.0, *SHARES)]
