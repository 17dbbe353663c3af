"""Keeps the index in step with the record: what the change log says goes in.

The words are fed at once. The vectors of a fast model are fed with them; those of a slow or paid
model are made in small steps beside everything else, so that a kill loses one step, nobody waits,
and no money is spent that nobody agreed to.
"""

from __future__ import annotations

import gc
import logging
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from broadsheet.collection import papers as store
from broadsheet.collection.database import Database
from broadsheet.errors import BroadsheetError, EmbeddingError, SearchIndexError, StoreError
from broadsheet.papers.types import Paper
from broadsheet.search.embedded import EmbeddedIndex, Parts
from broadsheet.search.embedding import Pace, about_tokens
from broadsheet.search.vocabulary import Lesson

_log = logging.getLogger(__name__)

STEP = 10_000
"""Changes fed to the index at a time."""
UNASKED = 1000
"""So many papers that were just filed are embedded with a slow or paid model without asking."""
_SAMPLE = 400
_TOLD_LAG = 1000
"""From so many changes on that the index lacks, a search says so."""
_LONGEST_PAUSE_S = 60.0
_OBJECTS = 100_000
"""While papers are written, garbage in circles is looked for after so many new objects."""
_COURTESY_S = 0.1
"""How long whoever follows lets others take their turn to write."""

Steps = Generator[tuple[int, int]]
"""How much is done and how much there is in all, after every step."""


class Cost(NamedTuple):
    """What it takes to embed what waits: papers, about how many tokens, dollars if known."""

    model: str
    pace: Pace
    papers: int
    tokens: int
    dollars: float | None


class IndexState(NamedTuple):
    """How the index stands to the record, in sequences of the change log.

    `lag` is how many changes the words lack, `building` what this process has done of what there
    is to do, and `notice` says in words what a reader should know, nothing if all is well.
    """

    format: str
    model: str
    text: int
    vectors: int
    last: int
    lag: int
    papers: int
    embedded: int
    size: int
    building: tuple[int, int] | None
    notice: str


class _Heard(NamedTuple):
    """What was learned from papers while they were fed, up to a sequence of the change log."""

    lesson: Lesson
    sequence: int


@contextmanager
def _seldom_collecting() -> Iterator[None]:
    """Look for garbage in circles seldom: thousands of papers at once are none, and take long."""
    before = gc.get_threshold()
    gc.set_threshold(max(before[0], _OBJECTS), *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


class Feeder:
    """Feeds the index of a home from its record."""

    def __init__(self, database: Database, index: EmbeddedIndex, unasked: int = UNASKED) -> None:
        self.building: tuple[int, int] | None = None
        self.trouble = ""
        self._heard: _Heard | None = None
        self._database = database
        self._index = index
        self._unasked = unasked

    @property
    def _is_fast(self) -> bool:
        return self._index.embedder.pace == "fast"

    def last_sequence(self) -> int:
        """Return up to where the record has changed."""
        with self._database.read() as connection:
            return store.last_sequence(connection)

    @contextmanager
    def writing(self, timeout: float = 10) -> Iterator[None]:
        """Be the one process that writes; raises StoreError if another stays so for `timeout` s."""
        if not self._index.try_lock(timeout):
            raise StoreError(
                f"another Broadsheet is writing to {self._index.path.parent}: wait until it ends",
                temporary=True,
            )
        try:
            with _seldom_collecting():
                yield
        finally:
            self._index.unlock()

    # ------------------------------------------------------------------ words, and fast vectors

    def catch_up(self, *, is_following: bool = False) -> Steps:
        """Feed the index what it lacks, unless another process is writing.

        An index that cannot be read is built anew: it is derived, so nothing is lost with it.
        Whoever is following lets others write between the steps, and embeds with a slow model.
        """
        last = self.last_sequence()
        try:
            self._index.look()
            begun = self._index.sequence
            self._see_same_record()
        except SearchIndexError as error:
            _log.warning("index_unreadable reason=%s", error)
            yield from self.rebuild()
            return
        if begun < last:
            yield from self._shown(self._feed_all(begun, last, is_following=is_following))
        elif self._index.words.lacks(last) and self._index.try_lock():
            try:
                self._learn()
            finally:
                self._index.unlock()
        if is_following and self._index.embedder.pace == "slow":
            yield from self._embed_if_free()

    def _see_same_record(self) -> None:
        """Raise SearchIndexError if the index holds changes that the record never had."""
        # The index first: it cannot come further than the record has come by then.
        if max(self._index.sequence, self._index.embedded_sequence) > self.last_sequence():
            raise SearchIndexError("the index was made from another record")

    def _feed_all(self, begun: int, last: int, *, is_following: bool) -> Steps:
        yield 0, last - begun
        while self._index.try_lock():
            try:
                while self.feed(self._index):
                    yield self._index.sequence - begun, last - begun
                    if is_following:
                        break
                else:
                    self._learn()
                    return
            finally:
                self._index.unlock()
            time.sleep(_COURTESY_S)

    def feed(self, target: EmbeddedIndex | Parts) -> bool:
        """Feed the next changes to an index; return whether there were any. Only while writing."""
        with self._database.read() as connection:
            papers, drops, sequence = _next(connection, target.sequence, STEP)
        if sequence:
            begun = target.sequence
            target.apply(papers, drops, sequence)
            if target is self._index:
                self._hear(papers, begun, sequence)
        return bool(sequence)

    def _hear(self, papers: Sequence[Paper], begun: int, sequence: int) -> None:
        """Read what is fed for its words too, if nothing before it was missed."""
        if self._heard is None or self._heard.sequence != begun:
            lesson, learned = self._index.words.begun(sequence)
            self._heard = _Heard(lesson, begun) if learned == begun else None
        if self._heard is not None:
            self._heard = _Heard(self._heard.lesson.read(papers), sequence)

    def replay(self, target: EmbeddedIndex | Parts) -> None:
        """Feed an index until it holds everything; only while writing."""
        while self.feed(target):
            pass
        self._learn()

    def _learn(self) -> None:
        """Learn the words of the papers, if what is known of them lags; only while writing."""
        with self._database.read() as connection:
            last, words = store.last_sequence(connection), self._index.words
            if not words.lacks(last):
                return
            lesson = self._lesson(connection, last)
            self._heard = None
            with self._index.told():
                words.keep(lesson, last, store.count(connection))

    def _lesson(self, connection: Connection, last: int) -> Lesson:
        """Return what all papers up to `last` teach: what was heard, or else read again."""
        if self._heard is not None and self._heard.sequence == last:
            return self._heard.lesson
        lesson, begun = self._index.words.begun(last)
        for papers in _filed_since(connection, begun):
            lesson.read(papers)
        return lesson

    def rebuild(self, *, only_this_model: bool = False) -> Steps:
        """Build the index anew from the record beside the old one, then put it in its place.

        Yields papers done and papers in all. Readers use the old index until the new one stands.
        The vectors of a slow or paid model stay, unless they cannot be read, and so do those of
        other models, unless the index is to have those of `only_this_model`.
        """
        return self._shown(self._rebuild(only_this_model=only_this_model))

    def _rebuild(self, *, only_this_model: bool) -> Steps:
        with self.writing(), self._index.told():
            with self._database.read() as connection:
                total, sequence = store.count(connection), store.last_sequence(connection)
                parts, lesson = self._index.begin(), Lesson()
                done = 0
                yield done, total
                for papers in store.every(connection, STEP):
                    parts.fill(papers)
                    lesson.read(papers)
                    done += len(papers)
                    yield done, total
            parts.finish(sequence)
            self._index.words.keep(lesson, sequence, total)
            self.replay(parts)
            self._index.adopt(parts)
            if self._index.embedded_sequence > parts.sequence:
                with self._database.read() as connection:
                    self._index.rewind(store.all_ids(connection))
            if only_this_model:
                self._index.forget_other_models()

    def _shown(self, steps: Steps) -> Steps:
        """Yield `steps`, which meanwhile can be read from `building`."""
        try:
            with closing(steps):
                for step in steps:
                    self.building = step
                    yield step
        finally:
            self.building = None

    # ------------------------------------------------------------------ slow and paid vectors

    def embed(self) -> Steps:
        """Embed what waits, in small steps between which others may write.

        Yields papers with a vector and papers in all. What is done stays done, whatever happens.
        Raises EmbeddingError, and StoreError if another process is embedding.
        """
        with self._index.embedding() as is_ours:
            if not is_ours:
                raise StoreError("another Broadsheet is embedding this home", temporary=True)
            yield from self._shown(self._embed())

    def _embed_if_free(self) -> Steps:
        """Embed what waits, unless another process does."""
        with self._index.embedding() as is_ours:
            if is_ours:
                yield from self._shown(self._embed())

    def _embed(self) -> Steps:
        while self._embed_step():
            found = self._index.meaning
            yield min(found.embedded, found.papers), found.papers

    def _embed_step(self) -> bool:
        begun = self._index.embedded_sequence
        with self._database.read() as connection:
            last = store.last_sequence(connection)
            papers, drops, sequence = _next(connection, begun, self._index.embedder.step)
        if sequence:
            made = self._index.embed(papers)
            with self.writing(timeout=60):
                self._index.append(made, drops, sequence, is_whole=sequence >= last)
        return bool(sequence)

    def embed_unasked(self) -> None:
        """Embed what was just filed, if the collection is embedded and that is little.

        What goes wrong is kept to be told: the papers are filed, and found by their words.
        """
        if self._is_fast:
            return
        try:
            if self._index.meaning.is_usable and len(self._waiting()) <= self._unasked:
                for _ in self._embed_if_free():
                    pass
                self.trouble = ""
        except (EmbeddingError, SearchIndexError, StoreError) as error:
            _log.warning("embedding_waits reason=%s", error)
            self.trouble = f"papers wait to be embedded: {error}"

    def _waiting(self) -> NDArray[np.int64]:
        """Return the papers that have no vector, or changed since they got it."""
        with self._database.read() as connection:
            ids = np.array(store.all_ids(connection), np.int64)
            changes = store.changes_since(connection, self._index.embedded_sequence, 1 << 60)
        changed = np.array([c.paper_id for c in changes if c.kind == "put"], np.int64)
        lacking = np.setdiff1d(ids, self._index.embedded_papers)
        return np.union1d(lacking, np.intersect1d(ids, changed))

    def cost(self) -> Cost:
        """Return about what it takes to embed what waits, judged by some of it."""
        embedder, waiting = self._index.embedder, self._waiting()
        some = waiting[:: max(1, len(waiting) // _SAMPLE)]
        with self._database.read() as connection:
            papers = store.fetch(connection, some.tolist())
        each = sum(about_tokens(p.text) for p in papers) / max(1, len(papers))
        tokens = round(each * len(waiting))
        dollars = None if embedder.price is None else tokens * embedder.price / 1e6
        return Cost(embedder.id, embedder.pace, len(waiting), tokens, dollars)

    # ------------------------------------------------------------------ telling

    def state(self) -> IndexState:
        """Return how the index stands to the record; an index that cannot be read is told of."""
        last = self.last_sequence()
        size, building = self._index.size(), self.building
        kind = (self._index.format, self._index.embedder.id)
        try:
            text, vectors = self._index.sequence, self._index.embedded_sequence
            found = self._index.meaning
        except SearchIndexError as error:
            return IndexState(*kind, 0, 0, last, last, 0, 0, size, building, str(error))
        notice = self.notice() or found.notice or self.trouble
        held = (found.papers, found.embedded)
        return IndexState(*kind, text, vectors, last, last - text, *held, size, building, notice)

    def notice(self) -> str:
        """Return in words how far the words are behind the record; nothing if that is little."""
        lag = self.last_sequence() - self._index.sequence
        if lag <= 0 or (lag < _TOLD_LAG and self.building is None):
            return ""
        return f"the index is being brought up to date: {lag:,} changes cannot be found yet"


class Feeding(Protocol):
    """What brings something up to date, and notes what keeps it from that."""

    trouble: str

    def catch_up(self, *, is_following: bool) -> Steps:
        """Take in what is new, leaving room for others between the steps."""


class Follower:
    """A thread that keeps the index in step with the record while a process runs."""

    def __init__(
        self,
        feeder: Feeding,
        interval_s: float,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        """Begin at once; `progress` is told how much is done of how much, from the thread."""
        self._feeder = feeder
        self._interval_s = interval_s
        self._progress = progress
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="broadsheet-follow", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        failures = 0
        while not self._end.is_set():
            trouble = self._look_and_tell()
            failures = failures + 1 if trouble else 0
            # What failed is likely to fail again, and may have cost much time.
            self._end.wait(min(self._interval_s * 2**failures, _LONGEST_PAUSE_S))

    def _look_and_tell(self) -> str:
        """Bring the index up to date; return what went wrong, nothing if all is well."""
        before, trouble = self._feeder.trouble, ""
        try:
            self._look()
        except BroadsheetError as error:
            trouble = str(error)
        except Exception as error:  # noqa: BLE001 (what is derived must not end what is served)
            _log.exception("index_failed")
            trouble = f"the index cannot be brought up to date: {error}"
        if trouble and trouble != before:
            _log.warning("index_waits reason=%s", trouble)
        self._feeder.trouble = trouble
        return trouble

    def _look(self) -> None:
        with closing(self._feeder.catch_up(is_following=True)) as steps:
            for done, total in steps:
                if self._progress is not None:
                    self._progress(done, total)
                if self._end.is_set():
                    return

    def stop(self) -> None:
        """End the thread, when the step that it is at is done."""
        self._end.set()
        self._thread.join()


def _filed_since(connection: Connection, sequence: int) -> Iterator[list[Paper]]:
    """Yield the papers that were put after `sequence`; all, each once, if that is 0."""
    if not sequence:
        yield from store.every(connection, STEP)
        return
    while sequence:
        papers, _, sequence = _next(connection, sequence, STEP)
        yield papers


def _next(connection: Connection, sequence: int, limit: int) -> tuple[list[Paper], list[int], int]:
    """Return the papers to put and to drop by the next changes, and the sequence of the last.

    The sequence is 0 if there are none. The last change of each paper counts.
    """
    changes = store.changes_since(connection, sequence, limit)
    puts, drops = _settled(changes)
    return store.fetch(connection, puts), drops, changes[-1].sequence if changes else 0


def _settled(changes: Iterable[store.Change]) -> tuple[list[int], list[int]]:
    """Return the papers to put and to drop after all `changes`: the last one of each counts."""
    last = {c.paper_id: c.kind for c in changes}
    puts = [int(p) for p, kind in last.items() if kind == "put"]
    return puts, [int(p) for p, kind in last.items() if kind == "drop"]
