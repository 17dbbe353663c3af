"""A query's walk: index candidates and vector candidates, fused, read once, with reasons."""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from hashlib import blake2b
from typing import Literal, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from broadsheet.errors import EmbeddingError, QueryError, SearchIndexError
from broadsheet.papers.types import Paper
from broadsheet.search.embedding import Embedder
from broadsheet.search.facets import CANDIDATES, Compared, compare, quick
from broadsheet.search.highlight import Marked, Marker
from broadsheet.search.index import Facets, Index, Meaning, Tier
from broadsheet.search.query import And, Like, Node, Not, Or, Phrase, Query, Word
from broadsheet.search.ranking import (
    SHARE_SIMILAR,
    Ranked,
    Reason,
    by_meaning,
    fuse,
    reasons,
    words_share,
)
from broadsheet.search.roles import Facet
from broadsheet.search.text_index import STOP_WORDS, bare_words, stems, without_words
from broadsheet.search.understanding import Note, Weighed, typed, understand

Mode = Literal["hybrid", "text", "vector"]
MODES: tuple[Mode, ...] = ("hybrid", "text", "vector")

FUSED = 400
"""So many papers found by words are fused with the nearest; further ones follow by words alone."""
NEAREST = 200
"""So many papers near in meaning join those found by words."""
MAX_LIMIT = 1000
MAX_OFFSET = 100_000
SIMILAR_WORDS = 40
"""So many of the words that say most of a paper look for papers like it."""


@dataclass(frozen=True, slots=True)
class Hit:
    """One paper of a page of results: why it is there, and what to mark in it."""

    paper: Paper
    score: float
    reasons: tuple[Reason, ...]
    title: Marked
    abstract: Marked


@dataclass(frozen=True, slots=True)
class Page:
    """A slice of the hits: `total` of all, `next` is the opaque cursor of the next slice.

    `notice` says in words what keeps the search from being all that was asked for, and
    `understood` what was searched for beyond what was typed.
    """

    query: str
    mode: Mode
    total: int
    took_ms: float
    hits: tuple[Hit, ...] = ()
    facets: Facets = field(default_factory=dict)
    next: str | None = None
    notice: str = ""
    understood: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True)
class Similar:
    """The papers most like one, best first: in one facet or, where `facet` is None, as a whole.

    `notice` says in words what keeps them from being all that was asked for.
    """

    hits: tuple[Hit, ...]
    facet: Facet | None = None
    notice: str = ""


class _Meant(NamedTuple):
    """A point in meaning by either tier, and what keeps it from being all that was asked for."""

    vector: NDArray[np.float32] | None = None
    notice: str = ""
    deep: NDArray[np.float32] | None = None


@dataclass(frozen=True, slots=True)
class _Wish:
    """What a query comes down to: words that rank, a point in meaning, the rest conditions."""

    query: Query
    words: tuple[Weighed, ...]
    near: _Meant
    share: float
    without: frozenset[int] = frozenset()
    notes: tuple[Note, ...] = ()
    said: tuple[Weighed, ...] = ()

    @property
    def scored(self) -> tuple[Weighed, ...]:
        """The words that candidates are scored by: all there are, phrases and fields too."""
        if self.said:
            return self.said
        return (*typed(_read_words(self.query)), *(w for w in self.words if w.why != "typed"))

    @property
    def wanted(self) -> tuple[Weighed, ...]:
        """The words of which any makes a match."""
        return tuple(w for w in self.words if w.is_meant)


_Made = Callable[[Embedder, Tier], NDArray[np.float32]]


class Engine:
    """Searches an index; `fetch` reads papers from the record by id, in order."""

    def __init__(
        self,
        index: Index,
        embedder: Embedder,
        fetch: Callable[[Sequence[int]], list[Paper]],
        resolve: Callable[[str], int],
        deep: Embedder | None = None,
    ) -> None:
        self._index = index
        self._embedder = embedder
        self._deep = deep
        self._fetch = fetch
        self._resolve = resolve
        self._counted = lru_cache(maxsize=256)(self._count_at)
        self._beside = ThreadPoolExecutor(4, "broadsheet-count")

    def search(
        self,
        query: Query,
        *,
        mode: Mode = "hybrid",
        limit: int = 20,
        cursor: str | None = None,
    ) -> Page:
        """Return a page of hits for `query`.

        Where there are no vectors to search by, the words do, and the page says so; in the mode
        `vector` that raises SearchIndexError or EmbeddingError. Raises QueryError for a cursor of
        another query and PaperNotFound for an unknown `like:`.
        """
        began = time.perf_counter()
        offset = _read_cursor(cursor, query, mode) if cursor else 0
        return self._page(self._wish(query, mode), mode, limit, offset, began)

    def like(
        self, papers: Sequence[Paper], query: Query, *, mode: Mode = "hybrid", limit: int = 20
    ) -> Page:
        """Return the papers most like all of `papers` taken together, these left out.

        Those with the id 0 need not be in the collection. `query` narrows, and has no `like:`.
        There is no next page.
        """
        began = time.perf_counter()
        page = self._page(self._like(query, papers, mode), mode, limit, 0, began)
        return replace(page, next=None)

    def _page(self, wish: _Wish, mode: Mode, limit: int, offset: int, began: float) -> Page:
        limit, query = max(1, min(limit, MAX_LIMIT)), wish.query
        # Counting all matches takes as long as finding the best, on another core beside it.
        counting = self._beside.submit(self._count, wish, mode)
        ranked, extra = self._rank(wish, mode, offset + limit + 1)
        total, facets = counting.result()
        total = max(total + extra, min(len(ranked), offset + limit + 1))
        here = ranked[offset : offset + limit]
        has_more = len(ranked) > offset + limit <= MAX_OFFSET
        return Page(
            query=str(query),
            mode=mode,
            total=total,
            hits=self._hits(wish, here),
            facets=facets,
            next=_write_cursor(offset + limit, query, mode) if has_more else None,
            notice=wish.near.notice,
            understood=wish.notes,
            took_ms=round((time.perf_counter() - began) * 1000, 2),
        )

    def matching(self, query: Query) -> NDArray[np.int64]:
        """Return all papers that have any of the words and fulfil the conditions of `query`.

        In order of id or, with `sort:date`, the newest first. Raises QueryError for a `like:`,
        which ranks papers and chooses none.
        """
        if _hides_like(query.root):
            raise QueryError(
                "like: puts papers in an order and leaves none out",
                query=query.text,
                position=max(query.text.lower().find("like:"), 0),
                hint="choose papers by words and other fields",
            )
        understood = understand(query, self._index.vocabulary)
        words = tuple(w for w in understood.words if w.is_meant)
        found = self._index.matching(words, query)
        if query.sort == "date":
            return np.array(self._index.newest(words, query, len(found)), np.int64)
        return found

    def rank(self, query: Query, *, mode: Mode = "hybrid", depth: int = 1000) -> list[Ranked]:
        """Return the first `depth` candidates of `search`, in its order, without reading papers."""
        return self._rank(self._wish(query, mode), mode, depth)[0][:depth]

    def rank_among(
        self, query: Query, papers: Sequence[int], *, mode: Mode = "hybrid"
    ) -> list[Ranked]:
        """Return `papers` in the order that `search` would give them, all of them ranked."""
        wish = self._wish(query, mode)
        text = {} if mode == "vector" else self._in_words(wish, papers, {})
        ranked = fuse(text, *self._meanings(wish, papers), _share(wish, mode))
        known = {r.paper for r in ranked}
        return ranked + [Ranked(p, 0.0, None, None) for p in sorted({*papers} - known)]

    def similar(
        self, paper: Paper, *, limit: int = 10, mode: Mode = "hybrid", facet: Facet | None = None
    ) -> Similar:
        """Return the papers most like `paper`, itself left out, as a whole or in one facet."""
        wish = self._like(Query(None), [paper], mode)
        if facet is None:
            ranked, _ = self._rank(wish, mode, limit)
            return Similar(self._hits(wish, ranked[:limit]), None, wish.near.notice)
        ranked, _ = self._rank(wish, mode, max(limit, CANDIDATES))
        found = self._compared(paper, ranked[: max(limit, CANDIDATES)], facet)
        if found is None:
            notice = f"no {facet} to compare by: these are like it as a whole"
            notice = "; ".join(filter(None, (wish.near.notice, notice)))
            return Similar(self._hits(wish, ranked[:limit]), None, notice)
        hits = self._hits(wish, found.order[:limit])
        told = (replace(h, reasons=found.reason(h.paper.id) + h.reasons) for h in hits)
        return Similar(tuple(told), facet, wish.near.notice)

    def _compared(self, paper: Paper, ranked: Sequence[Ranked], facet: Facet) -> Compared | None:
        others = self._fetch([r.paper for r in ranked])
        return compare(paper, ranked, others, facet, self._quick)

    @cached_property
    def _quick(self) -> Embedder:
        """What embeds while a reader waits, whatever embeds the collection."""
        return quick(self._embedder)

    # ------------------------------------------------------------------ the wish

    def _wish(self, query: Query, mode: Mode) -> _Wish:
        if likes := _likes(query):
            papers = self._fetch(list(dict.fromkeys(map(self._resolve, likes))))
            return self._like(query, papers, mode)
        understood = understand(query, self._index.vocabulary)
        words, meant = understood.words, understood.meant
        near = self._meant(mode, lambda e, _: e.query(meant)) if meant else _Meant()
        return _Wish(query, words, near, words_share(len(query.words)), notes=understood.notes)

    def _like(self, query: Query, papers: Sequence[Paper], mode: Mode) -> _Wish:
        near = self._meant(mode, lambda e, tier: self._middle(papers, e, tier))
        said = [word for paper in papers for word in paper.text.split()]
        own = self._index.distinctive(said, SIMILAR_WORDS)
        # Without a word in common its own words find nothing, which leaves the meaning to rank by.
        words = (*bare_words(query), *typed(own or said))
        without = frozenset(p.id for p in papers if p.id)
        scored = tuple(typed([*_read_words(query), *said]))
        return _Wish(query, words, near, SHARE_SIMILAR, without, said=scored)

    def _middle(
        self, papers: Sequence[Paper], embedder: Embedder, tier: Tier
    ) -> NDArray[np.float32]:
        """Return the mean of the vectors of papers, at length 1."""
        if len(papers) == 1:
            return self._vector_of(papers[0], embedder, tier)
        mean = np.mean([_unit(self._vector_of(p, embedder, tier)) for p in papers], axis=0)
        return _unit(mean.astype(np.float32))

    def _vector_of(self, paper: Paper, embedder: Embedder, tier: Tier) -> NDArray[np.float32]:
        held = self._index.paper_vector(paper.id, tier)
        return embedder.embed([paper.text])[0] if held is None else held

    def _meant(self, mode: Mode, make: _Made) -> _Meant:
        """Return the vectors to search by, or why there are none."""
        found = self._index.meaning
        if mode == "text" or not found.papers:
            return _Meant()
        try:
            vector = _fitting(lambda: make(self._embedder, "main"), found)
        except (EmbeddingError, SearchIndexError) as error:
            if mode == "vector":
                raise
            return _Meant(None, found.notice or f"by words only: {error}")
        deep, trouble = self._meant_deep(make)
        return _Meant(vector, "; ".join(filter(None, (found.notice, trouble))), deep)

    def _meant_deep(self, make: _Made) -> tuple[NDArray[np.float32] | None, str]:
        """Return the vector of the deep tier, if any paper has one, or what keeps it away."""
        try:
            found = self._index.deep
            model = self._deep
            if model is None or found is None or not found.is_usable:
                return None, ""
            return _fitting(lambda: make(model, "deep"), found), ""
        except (EmbeddingError, SearchIndexError) as error:
            return None, f"without the deep tier: {error}"

    # ------------------------------------------------------------------ the order

    def _rank(self, wish: _Wish, mode: Mode, depth: int) -> tuple[list[Ranked], int]:
        """Return the candidates in order, and how many of them do not match in words."""
        depth += len(wish.without)
        if wish.query.sort == "date" or not (wish.words or wish.query.words):
            papers = self._index.newest(wish.wanted, wish.query, depth)
            return [Ranked(p, 0.0, None, None) for p in papers if p not in wish.without], 0
        if mode == "vector":
            return self._rank_by_meaning(wish, depth), 0
        found = self._index.text(wish.words, wish.query, max(depth, FUSED))
        first, rest = dict(found[:FUSED]), found[FUSED:]
        papers = sorted(first.keys() | self._nearest(wish))
        scored = self._in_words(wish, papers, first)
        ranked = fuse(scored, *self._meanings(wish, papers), _share(wish, mode))
        top = max(first.values(), default=0.0) or 1.0
        ranked += [Ranked(p, 0.0, s / top, None) for p, s in rest if p not in scored]
        kept = [r for r in ranked if r.paper not in wish.without]
        return kept, sum(r.words is None for r in kept)

    def _in_words(
        self, wish: _Wish, papers: Sequence[int], found: Mapping[int, float]
    ) -> dict[int, float]:
        """Return the scores in words of those of `papers` that match, or that were `found`."""
        scoring = self._index.scoring(wish.scored, papers)
        if not scoring.terms.forms and not scoring.beside:
            # Stop words alone say little, but they are what was asked for.
            top = max(found.values(), default=0.0) or 1.0
            return {paper: score / top for paper, score in found.items()}
        scored = zip(papers, scoring.scores.tolist(), scoring.is_match.tolist(), strict=True)
        return {p: score for p, score, is_match in scored if is_match or p in found}

    def _rank_by_meaning(self, wish: _Wish, depth: int) -> list[Ranked]:
        ranked = by_meaning(*self._meanings(wish, list(self._nearest(wish))))
        known = {r.paper for r in ranked}
        # Those beyond follow by one tier alone, so that the next page goes on where this one ends.
        rest = self._near(wish.near.vector, wish, depth + len(known))
        ranked += [Ranked(p, c, None, c) for p, c in rest.items() if p not in known]
        return [r for r in ranked if r.paper not in wish.without]

    def _nearest(self, wish: _Wish) -> dict[int, float]:
        """Return the papers that are nearest by either tier."""
        near = self._near(wish.near.vector, wish, NEAREST)
        return near | self._near(wish.near.deep, wish, NEAREST, "deep")

    def _near(
        self, vector: NDArray[np.float32] | None, wish: _Wish, k: int, tier: Tier = "main"
    ) -> dict[int, float]:
        return {} if vector is None else dict(self._index.vector(vector, wish.query, k, tier))

    def _meanings(
        self, wish: _Wish, papers: Sequence[int]
    ) -> tuple[Mapping[int, float], Mapping[int, float]]:
        """Return the cosines of papers by both tiers, each of those that have a vector of it."""
        vector, _, deep = wish.near
        return (
            {} if vector is None else self._index.cosines(vector, papers),
            {} if deep is None else self._index.cosines(deep, papers, "deep"),
        )

    # ------------------------------------------------------------------ counts

    def _count(self, wish: _Wish, mode: Mode) -> tuple[int, Facets]:
        words = () if mode == "vector" and wish.query.sort != "date" else wish.wanted
        total, facets = self._counted(words, without_words(wish.query), self._index.sequence)
        left_out = self._index.matching(words, wish.query, sorted(wish.without))
        return total - len(left_out), facets

    def _count_at(
        self, words: tuple[Weighed, ...], query: Query, _sequence: int
    ) -> tuple[int, Facets]:
        return self._index.count(words, query)

    # ------------------------------------------------------------------ hits

    def _hits(self, wish: _Wish, ranked: Sequence[Ranked]) -> tuple[Hit, ...]:
        marker = Marker(_wanted_stems(wish), stems)
        by_id: dict[int, Paper] = {p.id: p for p in self._fetch([r.paper for r in ranked])}
        return tuple(_hit(by_id[r.paper], r, marker, wish) for r in ranked if r.paper in by_id)


def _fitting(make: Callable[[], NDArray[np.float32]], found: Meaning) -> NDArray[np.float32]:
    """Return the vector that is made, if the index has such; raises EmbeddingError if not."""
    if not found.is_usable:
        raise SearchIndexError(found.notice)
    vector = make()
    if len(vector) != found.dim:
        raise EmbeddingError(
            f"{found.model} gives {len(vector)} numbers where the index holds {found.dim}"
        )
    return vector


def _unit(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    return vector / max(float(np.linalg.norm(vector)), 1e-12)


def _share(wish: _Wish, mode: Mode) -> float:
    if mode == "vector":
        return 0.0
    return 1.0 if mode == "text" or wish.near.vector is None else wish.share


def _wanted_stems(wish: _Wish) -> dict[str, str]:
    """Return the stems to mark, each with the word of the query that it comes from."""
    words = (
        [w.text for w in wish.words]
        if _likes(wish.query) or not wish.query.words
        else [*_read_words(wish.query), *(t for w in wish.words for t in _added(w))]
    )
    found: dict[str, str] = {}
    for word in words:
        for stem in stems(word):
            if stem not in STOP_WORDS and (len(stem) > 1 or len(words) == 1):
                found.setdefault(stem, word.strip('.,;:()[]"'))
    return found


def _added(word: Weighed) -> list[str]:
    """Return the words of an addition that stands in titles and abstracts, if it is one."""
    return word.text.split() if word.of else []


def _read_words(query: Query) -> list[str]:
    """Return all words of a query that stand in titles and abstracts, one by one."""
    found: list[str] = []
    nodes: list[Node | None] = [query.root]
    while nodes:
        match nodes.pop(0):
            case And(below) | Or(below):
                nodes = [*below, *nodes]
            case Word(text, field) | Phrase(text, field) if field in {None, "title", "abstract"}:
                found += text.split()
    return found


def _hit(paper: Paper, ranked: Ranked, marker: Marker, wish: _Wish) -> Hit:
    title = marker.mark(paper.title)
    abstract = marker.mark(paper.abstract or paper.summary)
    below = "abstract" if paper.abstract else "summary"
    why = reasons(ranked, title.words, abstract.words, wish.share, below)
    return Hit(paper, round(ranked.score, 4), why, title, abstract)


def _likes(query: Query) -> list[str]:
    """Return the papers that hits should be like; raises QueryError where `like:` cannot stand."""
    likes = [n for n in query.parts if isinstance(n, Like)]
    if len(likes) > 1 or any(_hides_like(n) for n in query.parts if not isinstance(n, Like)):
        raise QueryError(
            "like: stands once, outside of OR, - and parentheses",
            query=query.text,
            position=max(query.text.lower().rfind("like:"), 0),
            hint="search with one like:, papers with commas between them, and other fields",
        )
    return [ident for like in likes for ident in like.ids]


def _hides_like(node: Node | None) -> bool:
    match node:
        case And(nodes) | Or(nodes):
            return any(map(_hides_like, nodes))
        case Not(inner):
            return _hides_like(inner)
    return isinstance(node, Like)


def _signature(query: Query, mode: Mode) -> str:
    return blake2b(f"{mode}\n{query}".encode("utf-8", "replace"), digest_size=6).hexdigest()


def _write_cursor(offset: int, query: Query, mode: Mode) -> str:
    facts = orjson.dumps([offset, _signature(query, mode)])
    return base64.urlsafe_b64encode(facts).decode().rstrip("=")


def _read_cursor(cursor: str, query: Query, mode: Mode) -> int:
    """Return the offset in a cursor that `_write_cursor` made for this query and mode."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        offset, signature = orjson.loads(base64.urlsafe_b64decode(padded))
        if signature == _signature(query, mode) and type(offset) is int:
            # Whoever forges a cursor gets a page, but none so deep that it harms.
            return min(max(offset, 0), MAX_OFFSET)
    except (ValueError, binascii.Error, TypeError):
        pass
    raise QueryError(
        "this cursor belongs to another search",
        query=query.text,
        position=0,
        hint="leave the cursor out to begin with the first page",
    )
