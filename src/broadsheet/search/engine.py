"""A query's walk: index candidates and vector candidates, fused, read once, with reasons."""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from typing import Literal

import numpy as np
import orjson
from numpy.typing import NDArray

from broadsheet.errors import EmbeddingError, QueryError, SearchIndexError
from broadsheet.papers.identity import format_paper_id
from broadsheet.papers.types import Paper
from broadsheet.search.embedding import Embedder
from broadsheet.search.highlight import Marked, Marker
from broadsheet.search.index import Facets, Index, Meaning
from broadsheet.search.query import And, Exact, Like, Node, Not, Or, Phrase, Query, Word
from broadsheet.search.ranking import (
    SHARE_SIMILAR,
    Ranked,
    Reason,
    fuse,
    reasons,
    words_share,
)
from broadsheet.search.text_index import STOP_WORDS, bare_words, stems, without_words

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

    `notice` says in words what keeps the search from being all that was asked for.
    """

    query: str
    mode: Mode
    total: int
    took_ms: float
    hits: tuple[Hit, ...] = ()
    facets: Facets = field(default_factory=dict)
    next: str | None = None
    notice: str = ""


@dataclass(frozen=True, slots=True)
class _Wish:
    """What a query comes down to: words that rank, a point in meaning, the rest conditions."""

    query: Query
    words: tuple[str, ...]
    vector: NDArray[np.float32] | None
    share: float
    without: frozenset[int] = frozenset()
    notice: str = ""


_Meant = tuple[NDArray[np.float32] | None, str]
_NONE: _Meant = (None, "")


class Engine:
    """Searches an index; `fetch` reads papers from the record by id, in order."""

    def __init__(
        self,
        index: Index,
        embedder: Embedder,
        fetch: Callable[[Sequence[int]], list[Paper]],
        resolve: Callable[[str], int],
    ) -> None:
        self._index = index
        self._embedder = embedder
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
        limit = max(1, min(limit, MAX_LIMIT))
        offset = _read_cursor(cursor, query, mode) if cursor else 0
        wish = self._wish(query, mode)
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
            notice=wish.notice,
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
        words = tuple(bare_words(query))
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
        text = self._index.text_scores(wish.words, query, papers) if mode != "vector" else {}
        return fuse(text, self._meanings(wish, papers), _share(wish, mode))

    def similar(self, paper: Paper, *, limit: int = 10, mode: Mode = "hybrid") -> list[Hit]:
        """Return the papers most like `paper`, itself left out."""
        wish = self._like(Query(None), paper, mode)
        ranked, _ = self._rank(wish, mode, limit)
        return list(self._hits(wish, ranked[:limit]))

    # ------------------------------------------------------------------ the wish

    def _wish(self, query: Query, mode: Mode) -> _Wish:
        if likes := _likes(query):
            papers = self._fetch([self._resolve(ident) for ident in likes])
            return self._like(query, papers[0], mode)
        words = tuple(bare_words(query))
        meant = " ".join(query.words)
        vector, notice = self._vector(mode, lambda: self._embedder.query(meant)) if meant else _NONE
        return _Wish(query, words, vector, words_share(len(query.words)), notice=notice)

    def _like(self, query: Query, paper: Paper, mode: Mode) -> _Wish:
        vector, notice = self._vector(mode, lambda: self._vector_of(paper))
        own = self._index.distinctive(paper.text.split(), SIMILAR_WORDS)
        # Without a word in common its own words find nothing, which leaves the meaning to rank by.
        words = (*bare_words(query), *(own or paper.text.split()))
        return _Wish(query, words, vector, SHARE_SIMILAR, frozenset({paper.id}), notice)

    def _vector_of(self, paper: Paper) -> NDArray[np.float32]:
        held = self._index.paper_vector(paper.id)
        return self._embedder.embed([paper.text])[0] if held is None else held

    def _vector(self, mode: Mode, make: Callable[[], NDArray[np.float32]]) -> _Meant:
        """Return the vector to search by, or None and why there is none."""
        found = self._index.meaning
        if mode == "text" or not found.papers:
            return _NONE
        try:
            return _fitting(make, found), found.notice
        except (EmbeddingError, SearchIndexError) as error:
            if mode == "vector":
                raise
            return None, found.notice or f"by words only: {error}"

    # ------------------------------------------------------------------ the order

    def _rank(self, wish: _Wish, mode: Mode, depth: int) -> tuple[list[Ranked], int]:
        """Return the candidates in order, and how many of them do not match in words."""
        depth += len(wish.without)
        if wish.query.sort == "date" or not (wish.words or wish.query.words):
            papers = self._index.newest(wish.words, wish.query, depth)
            return [Ranked(p, 0.0, None, None) for p in papers if p not in wish.without], 0
        if mode == "vector":
            return self._rank_by_meaning(wish, depth), 0
        found = dict(self._index.text(wish.words, wish.query, max(depth, FUSED)))
        first, rest = dict(list(found.items())[:FUSED]), list(found.items())[FUSED:]
        near = self._nearest(wish, NEAREST)
        beyond = [p for p in near if p not in first]
        late = self._index.text_scores(wish.words, wish.query, beyond)
        meanings = self._meanings(wish, list(first)) | near
        ranked = fuse({**first, **late}, meanings, _share(wish, mode))
        top = max(found.values(), default=0.0) or 1.0
        ranked += [Ranked(p, 0.0, s / top, None) for p, s in rest if p not in late]
        kept = [r for r in ranked if r.paper not in wish.without]
        return kept, sum(r.words is None for r in kept)

    def _rank_by_meaning(self, wish: _Wish, depth: int) -> list[Ranked]:
        near = self._nearest(wish, depth)
        return [Ranked(p, c, None, c) for p, c in near.items() if p not in wish.without]

    def _nearest(self, wish: _Wish, k: int) -> dict[int, float]:
        if wish.vector is None:
            return {}
        return dict(self._index.vector(wish.vector, wish.query, k))

    def _meanings(self, wish: _Wish, papers: Sequence[int]) -> dict[int, float]:
        if wish.vector is None:
            return {}
        return dict(zip(papers, self._index.cosines(wish.vector, papers), strict=True))

    # ------------------------------------------------------------------ counts

    def _count(self, wish: _Wish, mode: Mode) -> tuple[int, Facets]:
        words = () if mode == "vector" and wish.query.sort != "date" else wish.words
        total, facets = self._counted(words, without_words(wish.query), self._index.sequence)
        left_out = sum(self._index.count(words, _narrowed(wish, p))[0] for p in wish.without)
        return total - left_out, facets

    def _count_at(self, words: tuple[str, ...], query: Query, _sequence: int) -> tuple[int, Facets]:
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


def _narrowed(wish: _Wish, paper: int) -> Query:
    """Return the query of a wish limited to one paper."""
    root, only = wish.query.root, Exact("id", format_paper_id(paper))
    return Query(
        And((*root.nodes, only)) if isinstance(root, And) else And((root, only)) if root else only
    )


def _share(wish: _Wish, mode: Mode) -> float:
    if mode == "vector":
        return 0.0
    return 1.0 if mode == "text" or wish.vector is None else wish.share


def _wanted_stems(wish: _Wish) -> dict[str, str]:
    """Return the stems to mark, each with the word of the query that it comes from."""
    words = wish.words if _likes(wish.query) or not wish.query.words else _read_words(wish.query)
    found: dict[str, str] = {}
    for word in words:
        for stem in stems(word):
            if stem not in STOP_WORDS and (len(stem) > 1 or len(words) == 1):
                found.setdefault(stem, word.strip('.,;:()[]"'))
    return found


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
    top = query.root.nodes if isinstance(query.root, And) else (query.root,)
    likes = [n.paper_id for n in top if isinstance(n, Like)]
    if len(likes) > 1 or any(_hides_like(n) for n in top if not isinstance(n, Like)):
        raise QueryError(
            "like: stands once, outside of OR, - and parentheses",
            query=query.text,
            position=max(query.text.lower().rfind("like:"), 0),
            hint="search with one like: and narrow it with other fields",
        )
    return likes


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
