"""The index of one machine: tantivy and the vector matrix in one folder of the home."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray
from tantivy import Query as Compiled

from broadsheet.errors import SearchIndexError
from broadsheet.papers.types import Paper
from broadsheet.search import manifest
from broadsheet.search.embedding import Embedder
from broadsheet.search.index import Facets, Scored
from broadsheet.search.query import Query
from broadsheet.search.text_index import (
    FACETS,
    FORMAT,
    TextIndex,
    conditions,
    everything,
    only,
)
from broadsheet.search.vectors import VectorMatrix

_NEAREST = 1000
"""So many of the nearest papers are tried against the conditions before all matches are listed."""


class Parts:
    """Text index and vector matrix in one folder, each with the sequence that it holds."""

    def __init__(self, path: Path, embedder: Embedder) -> None:
        """Open both in `path`, empty if there are none; raises SearchIndexError if damaged."""
        self.path = path
        self.text = TextIndex(path / "text")
        self.vectors = VectorMatrix(path / "vectors", embedder.dim)
        self._embedder = embedder
        # After a crash the text index may hold more than its manifest says, so the first papers
        # applied are looked for before they are added.
        self._is_certain = False
        self._highest = 0

    @property
    def sequence(self) -> int:
        """Up to where in the change log both hold everything."""
        return min(self.text.sequence, self.vectors.sequence)

    def apply(self, puts: Sequence[Paper], drops: Sequence[int], sequence: int) -> None:
        """Take `puts` in and `drops` out; `sequence` is then held. Repeating changes nothing."""
        ids = [p.id for p in puts]
        if sequence > self.vectors.sequence:
            self.vectors.append(ids, self._embedder.embed([p.text for p in puts]), drops, sequence)
        if sequence > self.text.sequence:
            if not self._is_certain:
                self._highest = self.text.highest
            is_new = self._is_certain and min(ids, default=0) > self._highest
            self.text.apply(puts, drops, is_new=is_new)
            self.text.commit(sequence)
            self._highest = max([self._highest, *ids])
            self._is_certain = True

    def fill(self, papers: Sequence[Paper]) -> None:
        """Add papers to parts that nobody uses yet; `finish` makes them last."""
        vectors = self._embedder.embed([p.text for p in papers])
        self.vectors.append([p.id for p in papers], vectors, [], 0)
        self.text.apply(papers, [], is_new=True)

    def finish(self, sequence: int) -> None:
        """Keep what was filled in; everything up to `sequence` is then held."""
        self.text.commit(sequence)
        self.vectors.append([], self._embedder.embed([]), [], sequence)


class EmbeddedIndex:
    """An `Index` in the folder `path`; one process writes at a time, any number read.

    `current.json` names the folder with the parts in use, and what made them: parts of another
    format or model do not count, so that they are built anew.
    """

    def __init__(self, path: Path, embedder: Embedder) -> None:
        """Open the index in `path`, empty if there is none; raises SearchIndexError if damaged."""
        self.path = path
        self._embedder = embedder
        self._kind = {"format": FORMAT, "model": embedder.id}
        path.mkdir(parents=True, exist_ok=True)
        # The file keeps other processes out, the lock other threads.
        self._lock = FileLock(path / "writer.lock", thread_local=False)
        self._turn = threading.Lock()
        self._current = path / "current.json"
        self._stamp = (-1, -1)
        self._opened: Parts | None = None

    def _facts(self) -> dict[str, str] | None:
        """Return what `current.json` says, None if that is not an index of our kind."""
        facts = manifest.read(self._current)
        if facts is None or any(facts.get(k) != v for k, v in self._kind.items()):
            return None
        return facts

    @property
    def _parts(self) -> Parts | None:
        """The parts in use, opened anew when another process has replaced them."""
        # What is replaced again while it is opened is opened again.
        while (stamp := manifest.stamp(self._current)) != self._stamp:
            facts = self._facts()
            self._opened = Parts(self.path / facts["folder"], self._embedder) if facts else None
            self._stamp = stamp
        return self._opened

    @property
    def sequence(self) -> int:
        """Up to where in the change log both parts hold everything."""
        return self._parts.sequence if self._parts else 0

    @property
    def facts(self) -> dict[str, int | str]:
        """What the index is: format, model, and the sequence that each part holds."""
        parts = self._parts
        held = {
            "text": parts.text.sequence if parts else 0,
            "vectors": parts.vectors.sequence if parts else 0,
        }
        return {**self._kind, **held}

    # ------------------------------------------------------------------ writing

    def try_lock(self, timeout: float = 0) -> bool:
        """Become the one process that writes; False if another is, `timeout` seconds long."""
        if not self._turn.acquire(timeout=timeout):
            return False
        try:
            self._lock.acquire(timeout=timeout)
        except Timeout:
            self._turn.release()
            return False
        self._stamp = (-1, -1)
        return True

    def unlock(self) -> None:
        """Let other processes write."""
        if self._opened:
            self._opened.text.release()
        self._lock.release()
        self._turn.release()

    def apply(self, puts: Sequence[Paper], drops: Sequence[int], sequence: int) -> None:
        """Take `puts` in and `drops` out; `sequence` is then held. Repeating changes nothing."""
        parts = self._parts
        if parts is None:
            parts = self.begin()
            self.adopt(parts)
        parts.apply(puts, drops, sequence)

    def begin(self) -> Parts:
        """Return new empty parts, to be filled and then adopted; only under the lock."""
        if not self._lock.is_locked:
            raise SearchIndexError("the index is written only by the process that holds its lock")
        numbers = [int(p.name[1:]) for p in self.path.glob("g*") if p.name[1:].isdigit()]
        return Parts(self.path / f"g{max(numbers, default=0) + 1}", self._embedder)

    def adopt(self, parts: Parts) -> None:
        """Put filled parts in use, for readers too, and throw the others away."""
        parts.text.release()
        if self._opened and self._opened is not parts:
            self._opened.text.release()
        manifest.write(self._current, {**self._kind, "folder": parts.path.name})
        self._opened, self._stamp = parts, manifest.stamp(self._current)
        for folder in sorted(self.path.glob("g*"), reverse=True):  # what a crash left comes first
            if folder != parts.path:
                # In one step, so that readers find all of it or nothing.
                gone = folder.rename(folder.with_suffix(".gone"))
                shutil.rmtree(gone, ignore_errors=True)

    # ------------------------------------------------------------------ reading

    def text(self, words: Sequence[str], query: Query, k: int) -> Scored:
        """Return the `k` papers that match best in words."""
        parts = self._parts
        compiled = parts.text.compile(words, query) if parts else None
        return parts.text.top(compiled, k) if parts and compiled is not None else []

    def text_scores(
        self, words: Sequence[str], query: Query, papers: Sequence[int]
    ) -> Mapping[int, float]:
        """Return the scores in words of those of `papers` that match."""
        parts = self._parts
        compiled = parts.text.compile(words, query) if parts and papers else None
        if parts is None or compiled is None:
            return {}
        return dict(parts.text.top(only(compiled, papers), len(papers)))

    def vector(self, vector: NDArray[np.float32], query: Query, k: int) -> Scored:
        """Return the `k` papers nearest in meaning that fulfil the conditions, with cosines."""
        parts, condition = self._parts, conditions(query)
        if parts is None or condition is None:
            return parts.vectors.scan(vector, k) if parts else []
        nearest = parts.vectors.scan(vector, max(_NEAREST, 2 * k))
        fitting = _fitting(parts, condition, nearest)
        if len(fitting) >= k or len(nearest) == len(parts.vectors.ids):
            return fitting[:k]
        return parts.vectors.scan(vector, k, parts.text.matching(condition))

    def cosines(self, vector: NDArray[np.float32], papers: Sequence[int]) -> Sequence[float]:
        """Return how near each of `papers` is in meaning (-1 to 1)."""
        parts = self._parts
        return parts.vectors.cosines(vector, papers).tolist() if parts else [0.0] * len(papers)

    def paper_vector(self, paper: int) -> NDArray[np.float32] | None:
        """Return the vector of a paper, or None if it has none."""
        return self._parts.vectors.vector(paper) if self._parts else None

    def paper_vectors(self, papers: Sequence[int]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return those of `papers` that have a vector, ascending, and their vectors at length 1."""
        parts = self._parts
        if parts is None:
            return np.empty(0, np.int64), np.empty((0, self._embedder.dim), np.float32)
        return parts.vectors.several(papers)

    def distinctive(self, words: Sequence[str], k: int) -> list[str]:
        """Return the `k` of `words` that say most of a text, each as often as it stands there."""
        return self._parts.text.distinctive(words, k) if self._parts else []

    def newest(self, words: Sequence[str], query: Query, k: int) -> list[int]:
        """Return the `k` matches with the newest days."""
        return self._parts.text.newest(self._compiled(words, query), k) if self._parts else []

    def matching(self, words: Sequence[str], query: Query) -> NDArray[np.int64]:
        """Return all papers that match in words and fulfil the conditions, ascending."""
        if not self._parts:
            return np.empty(0, np.int64)
        return self._parts.text.matching(self._compiled(words, query))

    def count(self, words: Sequence[str], query: Query) -> tuple[int, Facets]:
        """Return how many papers match in words, and the counts of the values among them."""
        if not self._parts or not self._parts.text.papers:
            return 0, {name: [] for name in FACETS}
        return self._parts.text.count(self._compiled(words, query))

    def _compiled(self, words: Sequence[str], query: Query) -> Compiled:
        compiled = self._parts.text.compile(words, query) if self._parts else None
        if compiled is None:
            return Compiled.empty_query() if words else everything()
        return compiled

    # ------------------------------------------------------------------ checking

    def held(self) -> dict[str, NDArray[np.int64]]:
        """Return the ids of the papers that each part holds, ascending."""
        parts = self._parts
        if parts is None:
            return {"text": np.empty(0, np.int64), "vectors": np.empty(0, np.int64)}
        return {"text": parts.text.matching(everything()), "vectors": parts.vectors.ids}

    def size(self) -> int:
        """Return the bytes on disk."""
        return sum(f.stat().st_size for f in self.path.rglob("*") if f.is_file())

    def close(self) -> None:
        """Let go of the lock, if it is held."""
        if self._lock.is_locked:
            self.unlock()


def _fitting(parts: Parts, condition: Compiled, nearest: Scored) -> Scored:
    """Return those of `nearest` that fulfil the condition."""
    if not nearest:
        return []
    wanted = only(condition, [paper for paper, _ in nearest])
    fits = set(parts.text.matching(wanted, len(nearest)).tolist())
    return [(paper, cosine) for paper, cosine in nearest if paper in fits]
