"""`eval`: how good search is on judged sets, each filed in a temporary home."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from broadsheet.collection import papers as store
from broadsheet.errors import QueryError
from broadsheet.factory import open_library
from broadsheet.library import Library
from broadsheet.measure import judged as sets
from broadsheet.measure import tiers as ways
from broadsheet.measure.judged import JudgedSet, Topic
from broadsheet.measure.remembered import Remembered
from broadsheet.measure.tiers import Asked, Own, Tier
from broadsheet.search import judge as measures
from broadsheet.search import query as language
from broadsheet.search.engine import Mode
from broadsheet.search.query import Like, Query

Show = Callable[[str, int, int | None, int], None]
"""Takes what is being done, steps done, steps in all (None: unknown), and things done."""
MEASURES: dict[str, Callable[[Sequence[str], measures.Judged], float]] = {
    "ndcg_10": measures.ndcg,
    "recall_100": measures.recall,
    "map": measures.average_precision,
    "mrr_10": measures.reciprocal_rank,
    "recall_1": lambda ranking, judged: measures.recall(ranking, judged, 1),
    "recall_10": lambda ranking, judged: measures.recall(ranking, judged, 10),
}
"""What is measured of each ranking. Where one document is sought, `map` is MRR to `DEPTH`."""
_TIMED = 100
"""So many queries of a set are timed: as a page is made for a person, beside the ranking."""
_READ = 5000


def ignore(_name: str, _done: int, _size: int | None, _count: int) -> None:
    """Show nothing."""


class Models(NamedTuple):
    """What is compared with search as it is: the model of its deep tier, and models by name."""

    deep: Remembered | None = None
    against: Mapping[str, Remembered] = {}


# ---------------------------------------------------------------------------- one set


def judge(judged: JudgedSet, mode: Mode = "hybrid", *, progress: Show = ignore) -> dict[str, Any]:
    """Return how well one mode of search does on a judged set, with its latency.

    The documents are filed in a temporary home and searched as a user searches. A query about a
    document asks for papers similar to it. Raises SourceError if a file is damaged.
    """
    with shelved(judged, progress) as shelf:
        found = _measure(shelf, [Own(mode, shelf.library.engine, mode)], progress)
    figures = found.summary(mode)
    names = ("ndcg_10", "recall_100", "map", "mrr_10", "ms_p50", "ms_p99")
    facts = {"set": judged.name, "mode": mode, "docs": found.docs, "queries": len(found.queries)}
    return facts | {name: figures[name] for name in names}


class Shelf:
    """The documents of a judged set, filed in a library: finds papers by their ids, and back."""

    def __init__(self, judged: JudgedSet, library: Library, progress: Show) -> None:
        """File the documents; raises SourceError for a damaged file."""
        self.judged = judged
        self.library = library
        counts = Counter[str]()
        for _ in library.file(judged.documents(), source=sets.SOURCE, counts=counts):
            progress(f"{judged.name}: filing", 0, None, counts.total())
        self.count = counts.total()
        self._documents: dict[int, list[str]] = {}
        self._papers: dict[str, int] = {}
        with library.database.read() as connection:
            for key, paper in sorted(store.keys_of_source(connection, sets.SOURCE)):
                self._papers[key] = paper
                self._documents.setdefault(paper, []).append(key)

    def asked(self, topic: Topic, text: str | None = None) -> Asked:
        """Return what a topic asks for; of a paper papers like it, else by `text` or its own."""
        among = None
        if self.judged.pool:
            among = sorted({self._papers[d] for d in topic.judged if d in self._papers})
        paper = self._papers.get(topic.paper)
        if paper is not None:
            about = self.library.papers([paper])[0].text
            return Asked(Query(Like(f"p{paper}")), about, paper, among)
        text = topic.text if text is None else text
        return Asked(understood(self.library, text), text, None, among)

    def ranking(self, topic: Topic, papers: Iterable[int]) -> list[str]:
        """Return the documents of `papers`, in order, without the one that was asked with."""
        documents = [d for p in papers for d in self._documents[p]]
        return [
            d for d in documents if d != topic.paper and (not self.judged.pool or d in topic.judged)
        ]

    def texts(self) -> dict[int, str]:
        """Return of each paper the text that is embedded."""
        ids = list(self._documents)
        some = (ids[at : at + _READ] for at in range(0, len(ids), _READ))
        return {p.id: p.text for few in some for p in self.library.papers(few)}


def understood(library: Library, text: str) -> Query:
    """Return what `library` takes a text for that a person pastes into the box.

    What the language refuses is taken word for word, as who gets the error will type it.
    """
    try:
        return library.read(text)[0]
    except QueryError:
        return language.plain(text)


@contextmanager
def shelved(judged: JudgedSet, progress: Show = ignore) -> Iterator[Shelf]:
    """Give the set's documents in a library that is thrown away afterwards."""
    with (
        tempfile.TemporaryDirectory(prefix="broadsheet-eval-") as home,
        open_library(Path(home)) as library,
    ):
        yield Shelf(judged, library, progress)


# ---------------------------------------------------------------------------- all sets


@dataclass(slots=True)
class Figures:
    """What was measured on a set: for each tier a row of `MEASURES` for each query, and times."""

    name: str
    docs: int
    queries: list[str]
    rows: dict[str, NDArray[np.float64]]
    times: dict[str, list[float]] = field(default_factory=dict)

    def of(self, tier: str, measure: str) -> NDArray[np.float64]:
        """Return one measure of a tier, a number for each query."""
        column: NDArray[np.float64] = self.rows[tier][:, list(MEASURES).index(measure)]
        return column

    def summary(self, tier: str) -> dict[str, float | None]:
        """Return the means of a tier's measures, and percentiles of its times if it has any."""
        return {m: _mean(self.of(tier, m)) for m in MEASURES} | latency(self.times[tier])


def judge_all(
    judged: Sequence[JudgedSet],
    models: Models = Models(),  # noqa: B008 (it cannot be changed)
    *,
    progress: Show = ignore,
) -> list[Figures]:
    """Return what every tier achieves on every set, each set filed once.

    Raises SourceError for a damaged file and EmbeddingError for a model that cannot be used.
    """
    found = []
    for each in judged:
        with shelved(each, progress) as shelf, ExitStack() as opened:
            compared = _tiers(shelf, models, opened, progress)
            found.append(_measure(shelf, compared, progress))
    return found


def _tiers(shelf: Shelf, models: Models, opened: ExitStack, progress: Show) -> list[Tier]:
    made = ways.own(shelf.library)
    texts = shelf.texts() if models.deep or models.against else {}
    named = ({"deep": models.deep} if models.deep else {}) | dict(models.against)
    for name, model in named.items():
        what = f"{shelf.judged.name}: {name}"
        model.told = lambda done, size, what=what: progress(what, done, size, done)  # type: ignore[misc]
        made += ways.against(name, model, shelf.library, texts)
    if models.deep is not None:
        home = shelf.library.database.path.parent
        library = opened.enter_context(open_library(home, deep=models.deep))
        for _ in library.deepen():
            pass
        made.append(Own(ways.DEEP, library.engine, "hybrid"))
    return made


def _measure(shelf: Shelf, compared: Sequence[Tier], progress: Show) -> Figures:
    topics = shelf.judged.topics
    rows: dict[str, list[list[float]]] = {tier.name: [] for tier in compared}
    times: dict[str, list[float]] = {tier.name: [] for tier in compared}
    for number, topic in enumerate(topics, start=1):
        asked = shelf.asked(topic)
        for tier in compared:
            if number <= _TIMED:
                times[tier.name] += _milliseconds(tier, asked, warm=number == 1)
            ranking = shelf.ranking(topic, tier.rank(asked))
            rows[tier.name].append([m(ranking, topic.judged) for m in MEASURES.values()])
        progress(f"{shelf.judged.name}: judging", number, len(topics), number)
    return Figures(
        shelf.judged.name,
        shelf.count,
        [t.id for t in topics],
        {name: np.array(r, float).reshape(-1, len(MEASURES)) for name, r in rows.items()},
        times,
    )


def _milliseconds(tier: Tier, asked: Asked, *, warm: bool) -> list[float]:
    """Return how long a page takes, nothing of a tier without pages."""
    if warm:  # what is loaded once is no part of a query
        tier.page(asked)
    began = time.perf_counter()
    return [(time.perf_counter() - began) * 1000] if tier.page(asked) else []


# ---------------------------------------------------------------------------- in words


def report(found: Sequence[Figures], skipped: Mapping[str, str], measure: str) -> dict[str, Any]:
    """Return the figures of all sets, their means, and the differences in `measure`.

    The differences are those of each tier to plain BM25, and of the default to each other model,
    on each set and in the mean of the sets, with intervals of 95 % (`judge.interval`).
    """
    names = list(found[0].rows) if found else []
    return {
        "measure": measure,
        "tiers": names,
        "sets": [
            {
                "set": f.name,
                "docs": f.docs,
                "queries": len(f.queries),
                "tiers": {name: f.summary(name) for name in names},
            }
            for f in found
        ],
        "means": {name: _means(found, name) for name in names},
        "differences": list(_differences(found, names, measure)),
        "skipped": [{"set": name, "reason": why} for name, why in skipped.items()],
    }


def _means(found: Sequence[Figures], tier: str) -> dict[str, float | None]:
    averages = {
        m: round(float(np.mean([f.of(tier, m).mean() for f in found])), 4) for m in MEASURES
    }
    return averages | latency([t for f in found for t in f.times[tier]])


def _differences(
    found: Sequence[Figures], names: Sequence[str], measure: str
) -> Iterator[dict[str, Any]]:
    for one, other in _pairs(names):
        better = [f.of(one, measure) - f.of(other, measure) for f in found]
        shown = [(f.name, [b]) for f, b in zip(found, better, strict=True)]
        for name, which in shown if len(found) == 1 else [*shown, ("mean", better)]:
            made = measures.interval(which)
            facts = {key: round(value, 4) for key, value in made._asdict().items()}
            yield {"tier": one, "over": other, "set": name} | facts


def _pairs(names: Sequence[str]) -> list[tuple[str, str]]:
    """Return which tier is compared with which other: what search is with what it must beat."""
    own = {ways.PLAIN, ways.WORDS, ways.STATIC, ways.DEFAULT, ways.DEEP}
    others = [name for name in names if name not in own]
    pairs = [(name, ways.PLAIN) for name in names if name != ways.PLAIN]
    pairs += [(ways.DEFAULT, name) for name in others]
    if ways.DEEP in names:
        pairs += [(ways.DEEP, name) for name in (ways.DEFAULT, *others)]
    return pairs


def write_queries(found: Sequence[Figures], path: Path) -> None:
    """Write a line of JSON for each query and tier, with all measures."""
    with path.open("wb") as out:
        for each in found:
            for tier, rows in each.rows.items():
                for query, row in zip(each.queries, rows.tolist(), strict=True):
                    figures = {m: round(v, 4) for m, v in zip(MEASURES, row, strict=True)}
                    facts = {"set": each.name, "query": query, "tier": tier}
                    out.write(orjson.dumps(facts | figures) + b"\n")


def latency(times: Sequence[float]) -> dict[str, float | None]:
    """Return the median and the 99th percentile of milliseconds; None without any."""
    return {
        f"ms_p{share}": round(float(np.percentile(times, share)), 2) if len(times) else None
        for share in (50, 99)
    }


def _mean(values: NDArray[np.float64]) -> float:
    return round(float(values.mean()), 4) if len(values) else 0.0
