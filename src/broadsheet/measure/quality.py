"""`eval`: how good search is on a judged set, measured in a temporary home."""

from __future__ import annotations

import lzma
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import orjson

from broadsheet.collection import papers as store
from broadsheet.errors import SourceError
from broadsheet.factory import open_library
from broadsheet.library import Library
from broadsheet.papers.text import clean
from broadsheet.papers.types import Record
from broadsheet.search import judge as measures
from broadsheet.search import query as language
from broadsheet.search.engine import Mode
from broadsheet.search.query import Like, Query

Show = Callable[[str, int, int | None, int], None]
"""Takes what is being done, steps done, steps in all (None: unknown), and things done."""
DEPTH = 1000


def _ignore(_name: str, _done: int, _size: int | None, _count: int) -> None:
    """Show nothing."""


class _Topic(NamedTuple):
    """One query of a judged set with its judgements."""

    id: str
    text: str
    paper: str
    judged: dict[str, float]


def _existing(folder: Path, name: str) -> Path:
    for path in (folder / name, folder / f"{name}.xz"):
        if path.is_file():
            return path
    raise SourceError(f"{folder} has no {name} (or {name}.xz)", source=str(folder))


def _objects(path: Path) -> Iterator[dict[str, Any]]:
    with lzma.open(path, "rb") if path.suffix == ".xz" else path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                yield orjson.loads(line)
            except orjson.JSONDecodeError as error:
                raise SourceError(f"{path}:{number}: {error}", source=str(path)) from error


def _topics(folder: Path) -> list[_Topic]:
    judged: dict[str, dict[str, float]] = {}
    for query, document, gain in _judgements(_existing(folder, "qrels.tsv")):
        judged.setdefault(query, {})[document] = gain
    return [
        _Topic(ident, _query_text(q), str(q.get("paper_id") or ""), judged[ident])
        for q in _objects(_existing(folder, "queries.jsonl"))
        if (ident := str(q.get("_id", q.get("id")))) in judged
    ]


def _judgements(path: Path) -> Iterator[tuple[str, str, float]]:
    with lzma.open(path, "rb") if path.suffix == ".xz" else path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                query, document, gain = line.decode().rstrip("\r\n").split("\t")[:3]
                if query != "query-id":
                    yield query, document, float(gain)
            except ValueError as error:
                raise SourceError(f"{path}:{number}: {error}", source=str(path)) from error


def _query_text(query: dict[str, Any]) -> str:
    return str(query.get("text") or query.get("title") or "")


def _documents(path: Path, judged: set[str], *, only_with_text: bool) -> Iterator[Record]:
    for found in _objects(path):
        key = str(found.get("_id", found.get("id")))
        abstract = clean(str(found.get("text") or found.get("abstract") or ""))
        if abstract or not only_with_text or key in judged:
            yield Record("eval", key, clean(str(found.get("title") or "")), abstract)


def judge(
    folder: Path,
    *,
    corpus: Path | None = None,
    mode: Mode = "hybrid",
    pool: bool = False,
    progress: Show = _ignore,
) -> dict[str, Any]:
    """Return how well search does on the judged set in `folder`, with its latency.

    The documents are filed in a temporary home and searched as a user searches. With `pool` only
    the judged documents of each query are ranked. A query whose `paper_id` is a document asks
    for papers similar to it. Raises SourceError if a file is missing or damaged.
    """
    topics = _topics(folder)
    judged = {d for t in topics for d in t.judged}
    path = corpus or _existing(folder, "corpus.jsonl")
    documents = _documents(path, judged, only_with_text=corpus is not None)
    with (
        tempfile.TemporaryDirectory(prefix="broadsheet-eval-") as home,
        open_library(Path(home)) as library,
    ):
        found = _judge(library, documents, topics, mode, progress, pool=pool)
    return {"set": folder.name, "mode": mode, **found}


def _judge(
    library: Library,
    documents: Iterable[Record],
    topics: Sequence[_Topic],
    mode: Mode,
    progress: Show,
    *,
    pool: bool,
) -> dict[str, Any]:
    counts = Counter[str]()
    for _ in library.file(documents, source="eval", counts=counts):
        progress("filing", 0, None, counts.total())
    shelf = _Shelf(library)
    rows, times = [], []
    for number, topic in enumerate(topics, start=1):
        query = shelf.query(topic)
        took = _milliseconds(library.engine.search, query, mode=mode)
        ranking = shelf.ranking(topic, query, mode, pool=pool)
        rows.append(_figures(ranking, topic.judged))
        times.append(took)
        progress("judging", number, len(topics), number)
    means = np.mean(rows, axis=0) if rows else np.zeros(4)
    names = ("ndcg_10", "recall_100", "map", "mrr_10")
    return {
        "docs": counts.total(),
        "queries": len(topics),
        **{name: round(float(mean), 4) for name, mean in zip(names, means, strict=True)},
        "ms_p50": _percentile(times, 50),
        "ms_p99": _percentile(times, 99),
    }


class _Shelf:
    """Finds papers by the ids of the judged set's documents, and back."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._documents: dict[int, list[str]] = {}
        self._papers: dict[str, int] = {}
        with library.database.read() as connection:
            for key, paper in store.keys_of_source(connection, "eval"):
                self._papers[key] = paper
                self._documents.setdefault(paper, []).append(key)

    def query(self, topic: _Topic) -> Query:
        paper = self._papers.get(topic.paper)
        return language.plain(topic.text) if paper is None else Query(Like(f"p{paper}"))

    def ranking(self, topic: _Topic, query: Query, mode: Mode, *, pool: bool) -> list[str]:
        """Return the documents that search ranks for a topic, without the asking paper."""
        engine = self._library.engine
        if pool:
            among = [self._papers[d] for d in topic.judged if d in self._papers]
            found = engine.rank_among(query, among, mode=mode)
        else:
            found = engine.rank(query, mode=mode, depth=DEPTH)
        documents = [d for r in found for d in self._documents[r.paper]]
        kept = [d for d in documents if d != topic.paper]
        return [d for d in kept if d in topic.judged] if pool else kept


def _figures(ranking: Sequence[str], judged: measures.Judged) -> tuple[float, ...]:
    return (
        measures.ndcg(ranking, judged),
        measures.recall(ranking, judged),
        measures.average_precision(ranking, judged),
        measures.reciprocal_rank(ranking, judged),
    )


def _milliseconds(call: Callable[..., object], *arguments: object, **named: object) -> float:
    began = time.perf_counter()
    call(*arguments, **named)
    return (time.perf_counter() - began) * 1000


def _percentile(values: Sequence[float], share: float) -> float:
    return round(float(np.percentile(values, share)), 2) if len(values) else 0.0
