"""A query's walk: index candidates and vector candidates, fused, read once, with reasons."""

from __future__ import annotations

import base64
import binascii
import re
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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
from broadsheet.search.embedding import Embedder, StaticEmbedder
from broadsheet.search.explaining import Explanation, plain, reasons, words_of
from broadsheet.search.facets import CANDIDATES, FACET_SHARE, Compared, compare, quick
from broadsheet.search.highlight import Marked, Marker, Run
from broadsheet.search.index import Facets, Index, Meaning, Tier
from broadsheet.search.nearness import ASKED, Affinity, Comparison
from broadsheet.search.query import And, Like, Node, Not, Or, Phrase, Query, Word
from broadsheet.search.ranking import (
    BESIDE_DEEP,
    SHARE_SIMILAR,
    Ranked,
    Reason,
    by_meaning,
    fuse,
    parts_of,
    words_share,
)
from broadsheet.search.roles import Facet
from broadsheet.search.scoring import Scoring
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
TOLD = 100
"""So many hits of a page are told by which words they are near."""
_AT_ONCE = 20
"""So many hits are explained together, which bounds the memory that this takes."""
SIMILAR_WORDS = 40
"""So many of the words that say most of a paper look for papers like it."""

_JOINT = re.compile(r"(?<=[^\W_])[-/\u2010\u2013](?=[^\W_])")


@dataclass(frozen=True, slots=True)
class Hit:
    """One paper of a page of results: why it is there, and what to mark in it.

    `made` says what the score was computed from. Where words were scored, what is marked is what
    scored; where none were, it is what was asked for.
    """

    paper: Paper
    score: float
    reasons: tuple[Reason, ...]
    title: Marked
    abstract: Marked
    made: Explanation = field(default_factory=Explanation)


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
    meant: tuple[str, ...] = ()
    """The texts of which `near` is the mean."""

    @property
    def scored(self) -> tuple[Weighed, ...]:
        """The words that candidates are scored by: all there are, phrases and fields too."""
        if self.said:
            return self.said
        words = _apart(_read_words(self.query))
        return (*typed(words), *(w for w in self.words if w.why != "typed"))

    @property
    def wanted(self) -> tuple[Weighed, ...]:
        """The words of which any makes a match."""
        return tuple(w for w in self.words if w.is_meant)


class _Order(NamedTuple):
    """Candidates in order: `extra` of them do not match in words.

    `scoring` is that of `papers`, ascending, by which they were put in order, if they were; `share`
    is that of the words.
    """

    ranked: list[Ranked]
    share: float = 0.0
    extra: int = 0
    scoring: Scoring | None = None
    papers: Sequence[int] = ()


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
        with_facets: bool = True,
    ) -> Page:
        """Return a page of hits for `query`; its facets, which take long, only if they are wanted.

        Where there are no vectors to search by, the words do, and the page says so; in the mode
        `vector` that raises SearchIndexError or EmbeddingError. Raises QueryError for a cursor of
        another query and PaperNotFound for an unknown `like:`.
        """
        began = time.perf_counter()
        offset = _read_cursor(cursor, query, mode) if cursor else 0
        wish = self._wish(query, mode)
        return self._page(wish, mode, limit, offset, began, with_facets=with_facets)

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

    def _page(
        self,
        wish: _Wish,
        mode: Mode,
        limit: int,
        offset: int,
        began: float,
        *,
        with_facets: bool = True,
    ) -> Page:
        limit, query = max(1, min(limit, MAX_LIMIT)), wish.query
        # Counting all matches takes as long as finding the best, on another core beside it.
        counting = self._beside.submit(self._count, wish, mode, with_facets=with_facets)
        order = self._rank(wish, mode, offset + limit + 1)
        total, facets = counting.result()
        total = max(total + order.extra, min(len(order.ranked), offset + limit + 1))
        here = order.ranked[offset : offset + limit]
        has_more = len(order.ranked) > offset + limit <= MAX_OFFSET
        return Page(
            query=str(query),
            mode=mode,
            total=total,
            hits=self._hits(wish, order, here),
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
        return self._rank(self._wish(query, mode), mode, depth).ranked[:depth]

    def rank_among(
        self, query: Query, papers: Sequence[int], *, mode: Mode = "hybrid"
    ) -> list[Ranked]:
        """Return `papers` in the order that `search` would give them, all of them ranked."""
        wish = self._wish(query, mode)
        text = {} if mode == "vector" else self._in_words(wish, papers, {})[0]
        ranked = fuse(text, *self._meanings(wish, papers), _share(wish, mode))
        known = {r.paper for r in ranked}
        return ranked + [Ranked(p, 0.0, None, None) for p in sorted({*papers} - known)]

    def similar(
        self, paper: Paper, *, limit: int = 10, mode: Mode = "hybrid", facet: Facet | None = None
    ) -> Similar:
        """Return the papers most like `paper`, itself left out, as a whole or in one facet."""
        wish = self._like(Query(None), [paper], mode)
        order = self._rank(wish, mode, limit if facet is None else max(limit, CANDIDATES))
        ranked, notice = order.ranked, wish.near.notice
        found = facet and self._compared(paper, ranked[: max(limit, CANDIDATES)], facet)
        if found:
            hits = self._hits(wish, order, found.whole(limit))
            return Similar(tuple(_in_facet(h, found) for h in hits), facet, notice)
        if facet:
            silence = f"no {facet} to compare by: these are like it as a whole"
            notice = "; ".join(filter(None, (notice, silence)))
        return Similar(self._hits(wish, order, ranked[:limit]), None, notice)

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
        share = words_share(len(query.words))
        return _Wish(query, words, near, share, notes=understood.notes, meant=(meant,))

    def _like(self, query: Query, papers: Sequence[Paper], mode: Mode) -> _Wish:
        near = self._meant(mode, lambda e, tier: self._middle(papers, e, tier))
        said = [word for paper in papers for word in paper.text.split()]
        own = self._index.distinctive(said, SIMILAR_WORDS)
        # Without a word in common its own words find nothing, which leaves the meaning to rank by.
        words = (*bare_words(query), *typed(own or said))
        without = frozenset(p.id for p in papers if p.id)
        scored = tuple(typed(_apart([*_read_words(query), *said])))
        meant = tuple(paper.text for paper in papers)
        return _Wish(query, words, near, SHARE_SIMILAR, without, said=scored, meant=meant)

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

    def _rank(self, wish: _Wish, mode: Mode, depth: int) -> _Order:
        """Return the first candidates in order, at least `depth` of them if there are."""
        depth += len(wish.without)
        if wish.query.sort == "date" or not (wish.words or wish.query.words):
            newest = self._index.newest(wish.wanted, wish.query, depth)
            return _Order([Ranked(p, 0.0, None, None) for p in newest if p not in wish.without])
        if mode == "vector":
            return _Order(self._rank_by_meaning(wish, depth))
        found = self._index.text(wish.words, wish.query, max(depth, FUSED))
        first, rest = dict(found[:FUSED]), found[FUSED:]
        papers = sorted(first.keys() | self._nearest(wish))
        scored, scoring = self._in_words(wish, papers, first)
        share = _share(wish, mode)
        ranked = fuse(scored, *self._meanings(wish, papers), share)
        top = max(first.values(), default=0.0) or 1.0
        ranked += [Ranked(p, 0.0, s / top, None) for p, s in rest if p not in scored]
        kept = [r for r in ranked if r.paper not in wish.without]
        return _Order(kept, share, sum(r.words is None for r in kept), scoring, papers)

    def _in_words(
        self, wish: _Wish, papers: Sequence[int], found: Mapping[int, float]
    ) -> tuple[dict[int, float], Scoring | None]:
        """Return the scores in words of those of `papers` that match, or that were `found`.

        With what these are made of, if it is known.
        """
        scoring = self._index.scoring(wish.scored, papers)
        if not scoring.terms.forms and not scoring.beside:
            # Stop words alone say little, but they are what was asked for.
            top = max(found.values(), default=0.0) or 1.0
            return {paper: score / top for paper, score in found.items()}, None
        scored = zip(papers, scoring.scores.tolist(), scoring.is_match.tolist(), strict=True)
        kept = {p: score for p, score, is_match in scored if is_match or p in found}
        return kept, scoring

    def _rank_by_meaning(self, wish: _Wish, depth: int) -> list[Ranked]:
        ranked = by_meaning(*self._meanings(wish, list(self._nearest(wish))))
        known = {r.paper for r in ranked}
        # Those beyond follow by one tier alone, so that the next page goes on where this one ends.
        rest = self._near(wish.near.vector, wish, depth + len(known))
        ranked += [Ranked(p, c, None, c, c) for p, c in rest.items() if p not in known]
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

    def _count(self, wish: _Wish, mode: Mode, *, with_facets: bool) -> tuple[int, Facets]:
        words = () if mode == "vector" and wish.query.sort != "date" else wish.wanted
        conditions, sequence = without_words(wish.query), self._index.sequence
        total, facets = self._counted(words, conditions, sequence, with_facets=with_facets)
        left_out = self._index.matching(words, wish.query, sorted(wish.without))
        return total - len(left_out), facets

    def _count_at(
        self, words: tuple[Weighed, ...], query: Query, _sequence: int, *, with_facets: bool
    ) -> tuple[int, Facets]:
        return self._index.count(words, query, with_facets=with_facets)

    # ------------------------------------------------------------------ hits

    def _hits(self, wish: _Wish, order: _Order, ranked: Sequence[Ranked]) -> tuple[Hit, ...]:
        marker = Marker(_wanted(wish, order.scoring), stems, STOP_WORDS)
        by_id: dict[int, Paper] = {p.id: p for p in self._fetch([r.paper for r in ranked])}
        here = [r for r in ranked if r.paper in by_id]
        texts = [by_id[r.paper].text for r in here if r.static is not None]
        near = self._affinities(wish, texts[:TOLD])
        model = self._deep.id if self._deep else ""
        scored, hits = wish.scored, []
        for r in here:
            place = _place(order, r)
            affinities = next(near, ()) if r.static is not None else ()
            made = _explained(scored, order, r, place, affinities, model)
            among = order.scoring.has(place) if order.scoring and place is not None else None
            hits.append(_hit(by_id[r.paper], r, marker, among, made))
        return tuple(hits)

    def _affinities(self, wish: _Wish, texts: Sequence[str]) -> Iterator[tuple[Affinity, ...]]:
        """Yield for each text by which words it is near to what is meant, if the model can tell."""
        embedder = self._embedder
        if isinstance(embedder, StaticEmbedder) and texts:
            asked = embedder.summands(wish.meant)
            for start in range(0, len(texts), _AT_ONCE):
                said = embedder.summands(texts[start : start + _AT_ONCE])
                compared = Comparison(asked, said, ASKED)
                yield from (compared.affinities(n, _telling) for n in range(len(said.scales)))


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
    if mode == "text" or wish.near.vector is None:
        return 1.0
    return wish.share if wish.near.deep is None else BESIDE_DEEP * wish.share


def _wanted(wish: _Wish, scoring: Scoring | None) -> dict[Run, str]:
    """Return what to mark, each with the word of the query that it comes from.

    That is what is scored or, where nothing is, what was asked for. Of what is only like something
    else, the words that say most.
    """
    if scoring is None:
        asked = [] if wish.said else _read_words(wish.query)
        asked += [w.text for w in wish.words if w.why not in {"author", "year"}]
        runs = {tuple(_telling(word)): plain(word) for word in reversed(asked)}
        return {run: word for run, word in runs.items() if run}
    wanted = {form.stems: plain(form.name) for form in scoring.terms.forms}
    if not wish.said:
        return wanted
    said = {stem for word in wish.words for stem in stems(word.text)}
    return {run: word for run, word in wanted.items() if said.issuperset(run)}


def _apart(words: Iterable[str]) -> list[str]:
    """Return words, compounds in their parts, each of which scores and is told by itself."""
    return [part for word in words for part in _JOINT.split(word)]


def _telling(words: str) -> list[str]:
    """Return the stems of words that say something."""
    return [stem for stem in stems(words) if stem not in STOP_WORDS]


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


def _place(order: _Order, ranked: Ranked) -> int | None:
    """Return the place of a candidate among those whose words were scored, if it is there."""
    place = bisect_left(order.papers, ranked.paper)
    is_there = place < len(order.papers) and order.papers[place] == ranked.paper
    return place if is_there else None


def _explained(
    scored: Sequence[Weighed],
    order: _Order,
    ranked: Ranked,
    place: int | None,
    affinities: tuple[Affinity, ...],
    model: str,
) -> Explanation:
    parts = parts_of(ranked, order.share)
    shares = order.scoring.shares(place) if order.scoring and place is not None else []
    words = words_of(shares, parts.words, scored) if parts.words else ()
    by = model if ranked.deep is not None else ""
    return Explanation(parts._asdict(), words, ranked.static, ranked.deep, by, affinities)


def _hit(
    paper: Paper, ranked: Ranked, marker: Marker, among: set[Run] | None, made: Explanation
) -> Hit:
    title = marker.mark(paper.title, among)
    abstract = marker.mark(paper.abstract or paper.summary, among)
    below = "abstract" if paper.abstract else "summary"
    # What is ranked by meaning alone is not here by its words, even if it has some.
    named = ranked.words is not None or ranked.meaning is None
    why = reasons(made, title.words * named, abstract.words * named, below)
    return Hit(paper, round(ranked.score, 4), why, title, abstract, made)


def _in_facet(hit: Hit, found: Compared) -> Hit:
    """Return a hit as it stands by a facet, which is its first reason."""
    made = hit.made.in_facet(found.facet, found.added(hit.paper.id), 1 - FACET_SHARE)
    told = found.reason(hit.paper.id) + hit.reasons
    score = round(sum(made.parts.values()), 4)
    return replace(hit, score=score, reasons=told, made=made)


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
