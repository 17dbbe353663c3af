"""The full-text index (tantivy): what is indexed how, and queries in its terms."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import tantivy
from numpy.typing import NDArray
from tantivy import Occur
from tantivy import Query as Compiled

from broadsheet.errors import SearchIndexError
from broadsheet.papers.identity import parse_external_id, parse_paper_id
from broadsheet.papers.text import spelled
from broadsheet.papers.types import Paper
from broadsheet.search import manifest
from broadsheet.search.query import (
    And,
    Category,
    DateRange,
    Exact,
    Flag,
    Like,
    Node,
    Not,
    Or,
    Phrase,
    Query,
    Word,
)
from broadsheet.search.scoring import rarity
from broadsheet.search.understanding import Weighed, typed

FORMAT = f"3, tantivy {version('tantivy')}"

# Words are scored in title and abstract taken as one text, so that length and rarity are judged
# over the whole, and again in the title alone, with this weight.
TITLE_WEIGHT = 0.4
MAX_TERMS = 64
"""A pasted abstract is searched by so many of its rarest words: more cost time, not find more."""

FACETS = {"source": 20, "year": 50, "category": 30, "venue": 20}
"""The countable properties, and how many values of each are counted at most."""

STOP_WORDS = frozenset(
    """
    a an and are as at be but by for from had has have if in into is it its no not of on or our
    such that the their then there these they this to was we were which will with
    """.split()  # noqa: SIM905 (a list of forty quoted words would be harder to read)
)

_HEAP = 128_000_000
_LOOK_EVERY = 1.0
"""Seconds between two looks at the files of an open index."""
_LONGEST = 80
_MANY = 1000
"""So far papers are counted that name an author."""


def _analyzer(*, stem: bool) -> tantivy.TextAnalyzer:
    builder = (
        tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
        .filter(tantivy.Filter.remove_long(_LONGEST))
        .filter(tantivy.Filter.lowercase())
        .filter(tantivy.Filter.ascii_fold())
    )
    return (builder.filter(tantivy.Filter.stemmer("english")) if stem else builder).build()


_WORDS = _analyzer(stem=True)
_NAMES = _analyzer(stem=False)


@lru_cache(maxsize=200_000)
def stems(text: str) -> tuple[str, ...]:
    """Return the terms under which the words of a short text stand in title and abstract."""
    return tuple(_WORDS.analyze(spelled(text)))


@lru_cache(maxsize=10_000)
def _names(text: str) -> tuple[str, ...]:
    return tuple(_NAMES.analyze(text))


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_integer_field("id", indexed=True, fast=True)
    for name in ("title", "abstract"):
        builder.add_text_field(name, tokenizer_name="words")
    builder.add_text_field("body", tokenizer_name="words", index_option="freq")
    for name in ("author", "venue_words"):
        builder.add_text_field(name, tokenizer_name="names")
    for name in ("source", "category", "venue"):
        builder.add_text_field(name, tokenizer_name="raw", fast=True, index_option="basic")
    for name in ("ids", "flags", "category_key"):
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic")
    for name in ("year", "first_day", "last_day"):
        builder.add_integer_field(name, indexed=True, fast=True)
    return builder.build()


SCHEMA = _schema()


def _days(day: str) -> tuple[int, int]:
    """Return the first and last day that a whole or shortened ISO day can mean, as 20260317."""
    digits = day.replace("-", "")
    return int(digits.ljust(8, "0")), int(digits.ljust(8, "9"))


def _flags(paper: Paper) -> Iterator[str]:
    if paper.withdrawn:
        yield "is:withdrawn"
    if paper.abstract:
        yield "has:abstract"
    for namespace in {i.namespace for i in paper.external_ids}:
        yield f"has:{namespace}"


def document(paper: Paper) -> tantivy.Document:
    """Return what is indexed of a paper."""
    made = tantivy.Document()
    made.add_integer("id", paper.id)
    title = spelled(paper.title)
    made.add_text("title", title)
    made.add_text("body", title)
    if text := spelled(paper.abstract or paper.summary):
        made.add_text("abstract", text)
        made.add_text("body", text)
    for author in paper.authors:
        made.add_text("author", author)
    if paper.venue:
        made.add_text("venue_words", paper.venue)
        made.add_text("venue", paper.venue[:200])
    for field, values in (
        ("source", paper.sources),
        ("category", paper.categories),
        ("category_key", map(str.lower, paper.categories)),
        ("ids", map(str, paper.external_ids)),
        ("flags", _flags(paper)),
    ):
        for value in values:
            made.add_text(field, value)
    if paper.day:
        first, last = _days(paper.day)
        made.add_integer("first_day", first)
        made.add_integer("last_day", last)
        made.add_integer("year", paper.year or int(paper.day[:4]))
    return made


class TextIndex:
    """The index in the folder `path`; readers in other processes follow what one writes."""

    def __init__(self, path: Path) -> None:
        """Open the index at `path`, or make an empty one.

        Raises SearchIndexError if it is damaged.
        """
        self.path = path
        self._manifest = path.parent / "text.json"
        self._stamp = (-1, -1)
        self._writer: tantivy.IndexWriter | None = None
        self._sizes: dict[Path, int] = {}
        self._looked = 0.0
        if self._manifest.exists() and not (path / "meta.json").exists():
            raise SearchIndexError(f"the text index in {path} is gone: run `broadsheet rebuild`")
        path.mkdir(parents=True, exist_ok=True)
        self._index = self._open()

    def _open(self) -> tantivy.Index:
        try:
            index = tantivy.Index(SCHEMA, str(self.path), reuse=True)
        except (ValueError, OSError) as error:
            raise SearchIndexError(
                f"the text index in {self.path} is damaged or of another version "
                f"({error}): run `broadsheet rebuild`"
            ) from error
        index.register_tokenizer("words", _WORDS)
        index.register_tokenizer("names", _NAMES)
        return index

    @property
    def sequence(self) -> int:
        """Up to where in the change log the index holds everything."""
        facts = manifest.read(self._manifest)
        return int(facts["sequence"]) if facts else 0

    def _searcher(self) -> tantivy.Searcher:
        stamp = manifest.stamp(self._manifest)
        if stamp not in {self._stamp, manifest.GONE}:
            self._reload()
            self._stamp = stamp
        if time.monotonic() - self._looked > _LOOK_EVERY:
            self.look()
        return self._index.searcher()

    def look(self) -> None:
        """See that no file of the open index was cut short: reading beyond its end is fatal.

        Raises SearchIndexError if one was. Files that are gone are held open, and do no harm.
        """
        sizes = {f: n for f in self._sizes if (n := _size(f)) is not None}
        torn = [file.name for file, size in sizes.items() if size < self._sizes[file]]
        if torn:
            raise SearchIndexError(
                f"the text index in {self.path} is damaged ({torn[0]} was cut short): "
                "run `broadsheet rebuild`"
            )
        self._looked = time.monotonic()

    def _reload(self) -> None:
        """Take in what was written; where a rebuild has thrown the folder away, what is open stays.

        Raises SearchIndexError if the files are damaged.
        """
        try:
            self._index.reload()
            # What a commit has written never changes again, and what is being written only grows.
            files = [f for f in self.path.iterdir() if f.suffix not in {".json", ".lock"}]
            self._sizes = {f: n for f in files if (n := _size(f)) is not None}
        except BaseException as error:
            if not _is_damage(error):
                raise
            if manifest.stamp(self._manifest) != manifest.GONE:
                raise SearchIndexError(
                    f"the text index in {self.path} is damaged ({error}): run `broadsheet rebuild`"
                ) from error

    # ------------------------------------------------------------------ writing

    def apply(self, puts: Sequence[Paper], drops: Iterable[int], *, is_new: bool) -> None:
        """Take papers in, in place of what stands under their ids; `commit` makes it last.

        `is_new` promises that none of `puts` stands in the index yet, which saves looking.
        """
        writer = self._writer = self._writer or self._open_writer()
        for paper_id in drops:
            writer.delete_documents_by_term("id", paper_id)
        for paper in puts:
            if not is_new:
                writer.delete_documents_by_term("id", paper.id)
            writer.add_document(document(paper))

    def _open_writer(self) -> tantivy.IndexWriter:
        try:
            return self._index.writer(_HEAP, 1)
        except ValueError as error:
            raise SearchIndexError(f"the text index in {self.path} is in use: {error}") from error

    def commit(self, sequence: int) -> None:
        """Keep what was applied; afterwards everything up to `sequence` is held.

        The index is kept before the manifest says so: a crash between the two repeats work.
        """
        if self._writer is not None:
            self._writer.commit()
        manifest.write(self._manifest, {"sequence": sequence})

    def release(self) -> None:
        """Give the writing lock back, when the merging of segments is done."""
        writer, self._writer = self._writer, None
        if writer is not None:
            # A writer that the disk refused has told so; what it had not committed comes again.
            with suppress(ValueError):
                writer.wait_merging_threads()

    # ------------------------------------------------------------------ reading

    @contextmanager
    def _reading(self) -> Iterator[tantivy.Searcher]:
        """Give the searcher; what it cannot read is told as SearchIndexError."""
        try:
            yield self._searcher()
        except BaseException as error:
            if not _is_damage(error):
                raise
            raise SearchIndexError(
                f"the text index in {self.path} cannot be read ({error}): run `broadsheet rebuild`"
            ) from error

    def top(self, query: Compiled, k: int) -> list[tuple[int, float]]:
        """Return the `k` papers that score highest, with their BM25 scores, best first."""
        with self._reading() as searcher:
            hits = searcher.search(query, limit=_at_most(k, searcher), count=False).hits
            return _scored(searcher, hits)

    def newest(self, query: Compiled, k: int) -> list[int]:
        """Return the `k` matching papers with the newest days; papers without a day come last."""
        with self._reading() as searcher:
            limit = _at_most(k, searcher)
            dated = searcher.search(query, limit=limit, count=False, order_by_field="last_day")
            return [paper for paper, _ in _scored(searcher, dated.hits)]

    def matching(self, query: Compiled, limit: int | None = None) -> NDArray[np.int64]:
        """Return the ids of the papers that match, ascending; all of them without a limit."""
        with self._reading() as searcher:
            wanted = limit or max(searcher.num_docs, 1)
            found = searcher.search(query, limit=wanted, count=False, order_by_field="id").hits
        return np.sort(np.fromiter((h[0] for h in found), np.int64, len(found)))

    def total(self, query: Compiled) -> int:
        """Return how many papers match."""
        with self._reading() as searcher:
            return int(searcher.search(query, limit=1).count)  # type: ignore[attr-defined]

    def count(self, query: Compiled) -> tuple[int, dict[str, list[tuple[str, int]]]]:
        """Return how many papers match, and the values of each of `FACETS` among them."""
        wanted: dict[str, Any] = {
            name: {"terms": {"field": name, "size": size}} for name, size in FACETS.items()
        }
        wanted["papers"] = {"value_count": {"field": "id"}}
        with self._reading() as searcher:
            found = searcher.aggregate(query, wanted)
        return int(found["papers"]["value"]), {name: _buckets(found[name]) for name in FACETS}

    @property
    def papers(self) -> int:
        """How many papers the index holds."""
        with self._reading() as searcher:
            return int(searcher.num_docs)

    @property
    def highest(self) -> int:
        """The highest id of a paper that the index holds, 0 if it holds none."""
        with self._reading() as searcher:
            hits = searcher.search(everything(), limit=1, count=False, order_by_field="id").hits
        return int(hits[0][0]) if hits else 0

    # ------------------------------------------------------------------ what is known

    def having(self, word: str) -> int:
        """Return how many papers have `word`, or its rarest part, in title or abstract."""
        return min(self._having(stems(word[:_LONGEST])).values(), default=0)

    def _having(self, terms: Iterable[str], field: str = "body") -> dict[str, int]:
        """Return how many papers have each of `terms`."""
        with self._reading() as searcher:
            return {t: searcher.doc_freq(field, t) for t in terms}

    def rarities(self, terms: Iterable[str]) -> dict[str, tuple[float, float]]:
        """Return how rare each term is among texts and among titles (idf)."""
        papers, terms = self.papers, list(terms)
        titles = self._having(terms, "title")
        return {
            t: (rarity(papers, n), rarity(papers, titles[t]))
            for t, n in self._having(terms).items()
        }

    def has_phrase(self, text: str) -> bool:
        """Return whether a title or an abstract has these words one after the other."""
        return bool(len(self.matching(_text(text, None), 1)))

    def named(self, names: Sequence[str]) -> int:
        """Return how many papers have an author with these names, one after the other."""
        terms = [t for name in names for t in _names(name)]
        if not terms:
            return 0
        if len(terms) == 1:
            return self._having(terms, "author")[terms[0]]
        return len(self.matching(_words("author", terms), _MANY))

    # ------------------------------------------------------------------ queries

    def rarest(self, words: Iterable[str], limit: int = MAX_TERMS) -> list[str]:
        """Return the distinct terms of `words` without stop words, at most the `limit` rarest."""
        terms = dict.fromkeys(t for w in words for t in stems(w[:_LONGEST]) if t not in STOP_WORDS)
        if not terms:
            terms = dict.fromkeys(t for w in words for t in stems(w))
        if len(terms) <= limit:
            return list(terms)
        common = self._having(terms)
        kept = set(sorted(terms, key=lambda t: (common[t] or 1 << 60, t))[:limit])
        return [t for t in terms if t in kept]

    def distinctive(self, words: Iterable[str], k: int) -> list[str]:
        """Return the `k` of `words` that say most of a text, each as often as it stands there.

        By how often in the text and how rare among papers (tf · idf, Salton and Buckley 1988).
        What a single paper has leads to no other, and stop words lead anywhere: both are left out.
        """
        found: dict[str, list[str]] = {}
        for word in words:
            for term in stems(word[:_LONGEST]):
                if term not in STOP_WORDS and len(term) > 1:
                    found.setdefault(term, []).append(word)
        common = self._having(found)
        papers = max(self.papers, 1)
        said = {t: len(found[t]) * math.log(papers / n) for t, n in common.items() if n > 1}
        kept = sorted(said, key=lambda t: (-said[t], t))[:k]
        return [word for term in kept for word in found[term]]

    def compile_words(self, words: Sequence[Weighed]) -> Compiled | None:
        """Return the query that scores papers by any of `words`; None if there is no word.

        A word that stands more than once counts as often, and one of two forms once.
        """
        scored = self._by_term([w for w in words if w.why == "typed"])
        for meant, others in _instead(words).items():
            own = [q for t in stems(meant) for q in scored.pop(t, ())]
            ways = [*([_any(own)] if own else []), *map(_other, others)]
            scored[meant] = (Compiled.disjunction_max_query(ways),)
        names = [_author(w) for w in words if w.why == "author"]
        found = [*(q for way in scored.values() for q in way), *names]
        if not found:
            return None
        years = [(Occur.Should, _bonus(w)) for w in words if w.why == "year"]
        if not years:
            return _any(found)
        return Compiled.boolean_query([(Occur.Must, _any(found)), *years])

    def _by_term(self, words: Sequence[Weighed]) -> dict[str, tuple[Compiled, ...]]:
        """Return for each term of `words` that is searched by the queries that score it."""
        weights: dict[str, float] = defaultdict(float)
        for word in words:
            for term in stems(word.text[:_LONGEST]):
                weights[term] += word.weight
        return {t: _in_text(t, weights[t]) for t in self.rarest([w.text for w in words])}

    def beside(
        self, words: Sequence[Weighed], papers: Sequence[int]
    ) -> dict[str, NDArray[np.float32]]:
        """Return what names of authors and years among `words` add to the scores of `papers`."""
        found = {}
        for word in words:
            if word.why in {"author", "year"} and papers:
                asked = _author(word) if word.why == "author" else _bonus(word)
                scores = dict(self.top(only(asked, papers), len(papers)))
                found[word.text] = np.array([scores.get(p, 0.0) for p in papers], np.float32)
        return found

    def compile(self, words: Sequence[Weighed], query: Query) -> Compiled | None:
        """Return the query for what matches in words: every condition, and any of `words`.

        None if nothing is asked for, or if no paper can match because the words are none.
        """
        parts = [conditions(query), self.compile_words(words)]
        kept = [p for p in parts if p is not None]
        return _all(kept) if kept else None


def conditions(query: Query) -> Compiled | None:
    """Return the query for what every hit must fulfil, near in meaning or not; None without any."""
    wanted = [n for n in query.parts if not isinstance(n, Like) and not _is_bare(n)]
    return _all([_compile(n) for n in wanted]) if wanted else None


def _compile(node: Node) -> Compiled:
    match node:
        case And(nodes):
            return _all([_compile(n) for n in nodes])
        case Or(nodes):
            return _any(_compile(n) for n in nodes)
        case Not(inner):
            return Compiled.boolean_query(
                [(Occur.Must, everything()), (Occur.MustNot, _compile(inner))]
            )
        case Word(text, field) | Phrase(text, field):
            return _text(text, field)
    return Compiled.const_score_query(_filter(node), 0.0)


def _is_bare(node: Node) -> bool:
    return isinstance(node, Word) and node.field is None


def bare_words(query: Query) -> list[Weighed]:
    """Return the words that rank but need not all be there: those side by side at the top."""
    return typed(query.bare)


def without_words(query: Query) -> Query:
    """Return the conditions of a query alone, in one form for all queries that share them."""
    kept = tuple(n for n in query.parts if not _is_bare(n))
    return Query(And(kept) if len(kept) > 1 else kept[0] if kept else None)


def only(query: Compiled, papers: Sequence[int]) -> Compiled:
    """Return `query` limited to `papers`, with the scores that it gives."""
    among = Compiled.term_set_query(SCHEMA, "id", list(papers))
    return _all([query, Compiled.const_score_query(among, 0.0)])


def everything() -> Compiled:
    """Return the query that every paper matches, with no score."""
    return Compiled.const_score_query(Compiled.all_query(), 0.0)


def _is_damage(error: BaseException) -> bool:
    """Return whether files that cannot be read explain an error.

    What tantivy finds in a file that was cut short can make it panic, and the class of that
    (no Exception) cannot be imported.
    """
    return isinstance(error, ValueError | OSError) or type(error).__name__ == "PanicException"


def _size(file: Path) -> int | None:
    """Return the bytes of a file, None if it is gone."""
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return None


def _at_most(k: int, searcher: tantivy.Searcher) -> int:
    """Return `k` or, if there are fewer, how many papers there are: tantivy makes room for all."""
    return max(1, min(k, searcher.num_docs))


def _scored(searcher: tantivy.Searcher, hits: Sequence[Any]) -> list[tuple[int, float]]:
    ids = searcher.fast_field_values("id", [address for _, address in hits])
    return [(int(i or 0), score) for i, (score, _) in zip(ids, hits, strict=True)]


def _buckets(found: Any) -> list[tuple[str, int]]:
    buckets = [(b.get("key_as_string", b["key"]), b["doc_count"]) for b in found["buckets"]]
    return [(str(int(k)) if isinstance(k, float) else str(k), n) for k, n in buckets]


def _all(parts: Sequence[Compiled]) -> Compiled:
    if len(parts) == 1:
        return parts[0]
    return Compiled.boolean_query([(Occur.Must, p) for p in parts]) if parts else everything()


def _any(parts: Iterable[Compiled]) -> Compiled:
    return Compiled.boolean_query([(Occur.Should, p) for p in parts])


def _term(field: str, value: str | int) -> Compiled:
    return Compiled.term_query(SCHEMA, field, value)


def _in_text(term: str, weight: float) -> tuple[Compiled, Compiled]:
    title = Compiled.boost_query(_scoring("title", term), TITLE_WEIGHT * weight)
    body = _scoring("body", term)
    return title, body if weight == 1 else Compiled.boost_query(body, weight)


def _instead(words: Sequence[Weighed]) -> dict[str, list[Weighed]]:
    """Return for typed words the other forms that may stand in their place."""
    found: dict[str, list[Weighed]] = defaultdict(list)
    for word in words:
        if word.of:
            found[word.of].append(word)
    return found


def _other(word: Weighed) -> Compiled:
    """Return the query for another form of what was typed: of several words, all in this order."""
    terms = stems(word.text[:_LONGEST])
    if len(terms) == 1:
        return _any(_in_text(terms[0], word.weight))
    return Compiled.boost_query(_text(word.text, None), word.weight)


def _author(word: Weighed) -> Compiled:
    return Compiled.boost_query(_words("author", _names(word.text)), word.weight)


def _bonus(word: Weighed) -> Compiled:
    return Compiled.const_score_query(_term("year", int(word.text)), word.weight)


def _scoring(field: str, term: str) -> Compiled:
    return Compiled.term_query(SCHEMA, field, term, "freq")


def _words(field: str, terms: Sequence[str]) -> Compiled:
    """Return the query for `terms` one after the other in `field`."""
    if not terms:
        return Compiled.empty_query()
    if len(terms) == 1:
        return _scoring(field, terms[0])
    return Compiled.phrase_query(SCHEMA, field, list(terms))


def _text(text: str, field: str | None) -> Compiled:
    match field:
        case None:
            title = Compiled.boost_query(_words("title", stems(text)), TITLE_WEIGHT)
            return _any([title, _words("abstract", stems(text))])
        case "author":
            return _words("author", _names(text))
        case "venue":
            return _words("venue_words", _names(text))
        case _:
            return _words(field, stems(text))


def _filter(node: Node) -> Compiled:
    match node:
        case Category() if node.is_prefix:
            stem = node.stem.lower()
            below = Compiled.regex_query(SCHEMA, "category_key", _escaped(stem) + r"\..+")
            return _any([_term("category_key", stem), below])
        case Category():
            return _term("category_key", node.stem.lower())
        case DateRange():
            return _range(node)
        case Exact("source", value):
            return _term("source", value.lower())
        case Exact(field, value):
            return _identified(field, value)
        case Flag():
            return _term("flags", str(node))
    raise AssertionError(node)  # pragma: no cover


def _identified(field: str, value: str) -> Compiled:
    own = parse_paper_id(value) if field == "id" else None
    if own is not None:
        return _term("id", own)
    external = parse_external_id(value)
    return _term("ids", str(external or f"{field}:{value.lower()}"))


def _escaped(text: str) -> str:
    return "".join(c if c.isalnum() or c in "-_" else "\\" + c for c in text)


def _range(node: DateRange) -> Compiled:
    """Return the query for papers whose day, or the month or year known of it, meets the range."""
    first = int(node.start.strftime("%Y%m%d")) if node.start else None
    last = int(node.end.strftime("%Y%m%d")) if node.end else None
    if node.field == "year":
        return _between("year", first and first // 10000, last and last // 10000)
    parts = []
    if first is not None:
        parts.append(_between("last_day", first, None))
    if last is not None:
        parts.append(_between("first_day", None, last))
    return _all(parts)


def _between(field: str, low: int | None, high: int | None) -> Compiled:
    kind = tantivy.FieldType.Integer
    lowest, highest = low if low is not None else 0, high if high is not None else 99_999_999
    return Compiled.range_query(SCHEMA, field, kind, lowest, highest)
