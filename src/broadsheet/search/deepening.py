"""The deep tier: a better model embeds the collection by and by, beside everything else.

What is newest and most read comes first, a few papers at a time, so that what is embedded can be
searched at once, others may write between two steps, and a kill loses one step. What changes
loses its vector and waits for its turn again, so whatever has one has the right one.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from broadsheet.collection import papers as store
from broadsheet.collection.database import Database
from broadsheet.errors import SearchIndexError, StoreError
from broadsheet.papers.types import Paper
from broadsheet.search import manifest
from broadsheet.search.embedded import Embedded, EmbeddedIndex, embedded
from broadsheet.search.embedding import Embedder
from broadsheet.search.vectors import VectorMatrix, text_marks

STEP = 32
"""Papers embedded at a time: about a second of one core."""
_FOREMOST = 1024
"""After so many papers it is looked anew which come first: some may just have been filed."""
_CHANGES = 10_000
DAYS_OF_A_DOUBLING = 30
"""A paper with twice the readers is embedded as if it were so many days newer."""
PATIENCE_S = 60.0
"""How long a step waits for its turn to write."""
_OVERDUE_S = 60
"""Who is so late with the next step has stopped."""
_SMOOTH = 0.2
"""The share of the newest step in the rate that is told."""

_NOTHING = Embedded([], np.empty(0, np.uint64), np.empty((0, 0), np.float32))

Candidate = tuple[int, str, int]
"""A paper's id, its ISO day (empty: none), and how many like it."""


class DeepState(NamedTuple):
    """How far the deep tier has come: `embedded` of `papers`, by `rate` papers a second.

    Rate and the seconds left are None while nobody is at work; `trouble` says in words what keeps
    it from going on.
    """

    model: str
    papers: int
    embedded: int
    share: float
    rate: float | None
    left_s: float | None
    trouble: str


def foremost(candidates: Sequence[Candidate], k: int) -> list[int]:
    """Return the `k` of `candidates` to embed first: the newest and most read, ties by newest id.

    A paper's day counts, and each doubling of (1 + upvotes) as `DAYS_OF_A_DOUBLING` days more.
    """
    ids = np.array([c[0] for c in candidates], np.int64)
    days = np.array([c[1] or "1970-01-01" for c in candidates], "datetime64[D]").astype(np.int64)
    likes = np.array([max(c[2], 0) for c in candidates], np.float64)
    order = np.lexsort((-ids, -(days + DAYS_OF_A_DOUBLING * np.log2(1 + likes))))
    return [int(i) for i in ids[order[:k]]]


def rest_s(spent_s: float, share: float) -> float:
    """Return how long to rest after a step so that work takes `share` of one core's time."""
    return spent_s * (1 / share - 1)


class Deepener:
    """Embeds a home with its deep model; `share` is that of one core's time (above 0, up to 1)."""

    def __init__(
        self,
        database: Database,
        index: EmbeddedIndex,
        model: Embedder,
        writing: Callable[[float], AbstractContextManager[None]],
        share: float,
    ) -> None:
        """Take what embeds; `writing` makes this the one process that writes, within seconds."""
        self.trouble = ""
        self._database = database
        self._index = index
        self._model = model
        self._writing = writing
        self._share = share
        self._note = index.path / "deepening.json"
        self._end = threading.Event()
        self._done_at = (-1, -1)
        self._is_noted = True  # another process may have left something

    def catch_up(self, *, is_following: bool = False) -> Generator[tuple[int, int]]:
        """Embed what lacks a vector, resting between the steps; what is done stays done.

        Yields papers that have one and papers in all. Raises EmbeddingError, and StoreError if
        another process is at it, which whoever is following leaves to that one.
        """
        return self._steps(self._share, is_following=is_following)

    def work(self, share: float = 1.0) -> Generator[tuple[int, int]]:
        """Do as `catch_up` does, with a `share` of its own: by default without a rest."""
        return self._steps(share, is_following=False)

    def stop(self) -> None:
        """Let whoever is at work end after the step that it is at."""
        self._end.set()

    def _steps(self, share: float, *, is_following: bool) -> Generator[tuple[int, int]]:
        with self._index.deepening() as is_ours:
            if is_ours:
                yield from self._work(share)
            elif not is_following:
                raise StoreError(
                    "another Broadsheet is embedding this home for the deep tier", temporary=True
                )

    def _work(self, share: float) -> Generator[tuple[int, int]]:
        pace = _Pace()
        with self._told():
            while not self._end.is_set() and (waiting := self._waiting()):
                queue, lacking, total = waiting
                for start in range(0, len(queue), STEP):
                    began = time.thread_time()
                    some = queue[start : start + STEP]
                    self._embed(some)
                    lacking -= len(some)
                    spent = time.thread_time() - began
                    rest = rest_s(spent, share)
                    self._tell(pace.after(len(some)), share, rest)
                    yield total - lacking, total
                    if self._end.wait(rest):
                        return

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Note for other processes what went wrong, and that nobody is at work any more."""
        trouble = ""
        try:
            yield
        except Exception as error:
            # That others write for long is no trouble: it is tried again.
            trouble = "" if isinstance(error, StoreError) and error.temporary else str(error)
            raise
        finally:
            if trouble or self._is_noted:
                self._tell(None, self._share, trouble=trouble)

    # ------------------------------------------------------------------ what is to be done

    def _waiting(self) -> tuple[list[int], int, int] | None:
        """Return the papers to embed next, how many lack a vector, and how many there are.

        None if no paper lacks one.
        """
        if self._standing() == self._done_at:
            return None
        while self._settle():
            pass
        standing = self._standing()
        with self._database.read() as connection:
            everyone = store.attention(connection)
        held = set(self._held().tolist())
        lacking = [c for c in everyone if c[0] not in held]
        if not lacking:
            self._done_at = standing
            return None
        return foremost(lacking, _FOREMOST), len(lacking), len(everyone)

    def _standing(self) -> tuple[int, int]:
        """Return what is another when there may be something to do."""
        with self._database.read() as connection:
            return store.last_sequence(connection), len(self._held())

    def _held(self) -> NDArray[np.int64]:
        """Return the papers that have a vector; where these cannot be read, they begin anew."""
        try:
            vectors = self._index.deep_vectors
            return vectors.ids if vectors is not None else np.empty(0, np.int64)
        except SearchIndexError:
            with self._writing(PATIENCE_S):
                self._index.complete(with_deep=True)
            return np.empty(0, np.int64)

    def _settle(self) -> bool:
        """Take the next changes into account; return whether there may be more.

        What was dropped, or has another text now, loses its vector.
        """
        held, vectors = self._held(), self._index.deep_vectors
        begun = vectors.sequence if vectors is not None else 0
        with self._database.read() as connection:
            last = store.last_sequence(connection)
            if vectors is None or not len(held):
                gone, sequence = [], last
            elif begun > last:  # they were made from another record: everything is compared
                gone, sequence = np.setdiff1d(held, store.all_ids(connection)).tolist(), 0
            else:
                changes = store.changes_since(connection, begun, _CHANGES)
                sequence = changes[-1].sequence if changes else begun
                changed = np.intersect1d([c.paper_id for c in changes], held).tolist()
                gone = _unlike(vectors, changed, store.fetch(connection, changed))
        if sequence == begun:
            return False
        self._append(_NOTHING, gone, sequence)
        return True

    # ------------------------------------------------------------------ doing it

    def _embed(self, ids: Sequence[int]) -> None:
        with self._database.read() as connection:
            papers = store.fetch(connection, ids)
        vectors = self._index.deep_vectors
        made = embedded(papers, vectors, self._model)
        self._append(made, [], vectors.sequence if vectors is not None else 0)

    def _append(self, made: Embedded, drops: Sequence[int], sequence: int) -> None:
        with self._writing(PATIENCE_S):
            self._index.append_deep(made, drops, sequence)

    # ------------------------------------------------------------------ telling

    def _tell(
        self, rate: float | None, share: float, rest: float = 0, *, trouble: str = ""
    ) -> None:
        """Note for other processes how fast it goes, and until when that can be believed."""
        until = time.time() + rest + _OVERDUE_S
        facts = {"model": self._model.id, "rate": rate, "share": share, "until": until}
        with self._index.told():
            manifest.write(self._note, facts | {"trouble": trouble})
        self._is_noted = rate is not None or bool(trouble)

    def state(self) -> DeepState:
        """Return how far the tier has come, whichever process is at work; raises nothing."""
        try:
            noted = manifest.read(self._note) or {}
            found = self._index.deep
            held = found.embedded if found else 0
        except SearchIndexError as error:
            noted, held = {"trouble": str(error)}, 0
        with self._database.read() as connection:
            papers = store.count(connection)
        is_ours = noted.get("model", self._model.id) == self._model.id
        is_lively = is_ours and time.time() < noted.get("until", 0)
        rate = noted.get("rate") if is_lively else None
        left = max(papers - held, 0) / rate if rate else None
        trouble = str(noted.get("trouble", "")) if is_ours else ""
        share = noted.get("share", self._share) if rate else self._share
        return DeepState(self._model.id, papers, min(held, papers), share, rate, left, trouble)


def _unlike(vectors: VectorMatrix, ids: Sequence[int], papers: Sequence[Paper]) -> list[int]:
    """Return those of `ids` that are not among `papers`, or whose vector was of another text."""
    same = vectors.holds([p.id for p in papers], text_marks(p.text for p in papers))
    kept = {int(p.id) for p, is_same in zip(papers, same.tolist(), strict=True) if is_same}
    return [i for i in ids if i not in kept]


class _Pace:
    """How many papers a second are embedded, rests included, of late."""

    def __init__(self) -> None:
        self._rate: float | None = None
        self._last = time.monotonic()

    def after(self, papers: int) -> float:
        """Return the rate after a step with so many papers."""
        now = time.monotonic()
        rate = papers / max(now - self._last, 1e-6)
        self._rate = rate if self._rate is None else self._rate + _SMOOTH * (rate - self._rate)
        self._last = now
        return self._rate
