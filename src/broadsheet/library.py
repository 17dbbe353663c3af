"""The façade: everything that Broadsheet does, each in one call."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from broadsheet.collection import papers as store
from broadsheet.collection import runs
from broadsheet.collection.database import Database
from broadsheet.errors import NotFoundError, RecordError, SearchIndexError, StoreError
from broadsheet.papers.identity import parse_external_id
from broadsheet.papers.types import Paper, PaperId, Record, SavedPage
from broadsheet.search import query as language
from broadsheet.search.embedded import EmbeddedIndex, Parts
from broadsheet.search.embedding import Embedder
from broadsheet.search.engine import Engine, Hit, Mode, Page
from broadsheet.sources import files

BATCH = 1000
"""Records filed in one transaction: what a crash can ask to be done again."""
BATCH_CHARACTERS = 4_000_000
"""A batch of very large records ends earlier, so that memory stays flat."""
SYNC_EVERY = 10_000
"""Changes fed to the index at a time during an import."""

Item = Record | RecordError

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Return the time now, aware, in UTC."""
    return datetime.now(UTC)


@dataclass(slots=True)
class Progress:
    """How far an import has come: `done` of `size` bytes of `name`, and the counts so far."""

    name: str
    done: int = 0
    size: int | None = None
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def read(self) -> int:
        """How many records were read."""
        return sum(self.counts.values())


class Sheet(NamedTuple):
    """All that is known of one paper: what it is made of and where it stood."""

    paper: Paper
    records: list[store.FiledRecord]
    places: list[tuple[SavedPage, int]]


class Report(NamedTuple):
    """What `check` found: `problems` in words, empty if record and index agree."""

    papers: int
    records: int
    sequence: int
    held: dict[str, int | str]
    problems: list[str]


class Library:
    """A collection of papers with its index, in one home."""

    def __init__(
        self,
        database: Database,
        index: EmbeddedIndex,
        embedder: Embedder,
        *,
        clock: Clock = utc_now,
    ) -> None:
        self.database = database
        self.index = index
        self._clock = clock
        self._engine = Engine(index, embedder, self.papers, self.resolve)

    def _now(self) -> str:
        return self._clock().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    # ------------------------------------------------------------------ reading

    def papers(self, ids: Sequence[int]) -> list[Paper]:
        """Return the papers with these ids, in this order."""
        with self.database.read() as connection:
            return store.fetch(connection, ids)

    def resolve(self, ident: str) -> PaperId:
        """Return the paper that an id, DOI or link leads to; raises PaperNotFound."""
        with self.database.read() as connection:
            return store.resolve(connection, ident)

    def find(self, text: str) -> PaperId | None:
        """Return the paper that `text` is an id, DOI or link of; None if it is anything else.

        Our own ids are not looked for: `p53` is a gene first, and `id:p53` says what is meant.
        """
        if parse_external_id(text) is None:
            return None
        try:
            return self.resolve(text)
        except NotFoundError:
            return None

    def sheet(self, ident: str) -> Sheet:
        """Return all that is known of a paper; raises PaperNotFound."""
        with self.database.read() as connection:
            paper_id = store.resolve(connection, ident)
            return Sheet(
                store.fetch(connection, [paper_id])[0],
                store.records_of(connection, paper_id),
                runs.places_of(connection, paper_id),
            )

    def latest(self, limit: int = 20, offset: int = 0) -> list[Paper]:
        """Return the papers of the newest days first."""
        with self.database.read() as connection:
            return store.latest(connection, limit, offset)

    def count(self) -> int:
        """Return how many papers the collection holds."""
        with self.database.read() as connection:
            return store.count(connection)

    def pages(self) -> list[SavedPage]:
        """Return the saved pages that were imported."""
        with self.database.read() as connection:
            return runs.pages(connection)

    def rejects(self, limit: int = 100) -> tuple[int, list[runs.Reject]]:
        """Return how many records were set aside, and the newest of them."""
        with self.database.read() as connection:
            return runs.count_rejects(connection), runs.rejects(connection, limit)

    # ------------------------------------------------------------------ searching

    def search(
        self,
        text: str,
        *,
        mode: Mode = "hybrid",
        limit: int = 20,
        cursor: str | None = None,
    ) -> Page:
        """Return a page of hits for `text` in the query language.

        A pasted id, DOI or link gives its paper alone, or nothing if it is not here. Raises
        QueryError, and PaperNotFound for an unknown `like:`.
        """
        external = parse_external_id(text)
        if external is not None:
            text = f'id:"{external}"'
        return self._engine.search(language.parse(text), mode=mode, limit=limit, cursor=cursor)

    def similar(self, ident: str, *, limit: int = 10, mode: Mode = "hybrid") -> list[Hit]:
        """Return the papers most like the one that `ident` leads to; raises PaperNotFound."""
        paper = self.papers([self.resolve(ident)])[0]
        return self._engine.similar(paper, limit=limit, mode=mode)

    @property
    def engine(self) -> Engine:
        """The search engine, for judging it."""
        return self._engine

    # ------------------------------------------------------------------ filing

    def import_file(
        self, path: Path, *, year: int | None = None, stdin: BinaryIO | None = None
    ) -> Iterator[Progress]:
        """File everything in `path`, yielding how far it has come after every batch.

        Raises UnknownFormat or SourceError before anything is filed if the file cannot be read.
        """
        with files.read(path, year=year, stdin=stdin) as reading:
            progress = Progress(reading.name, size=reading.size)
            source = "standard input" if str(path) == "-" else str(path.absolute())
            items = self.file(reading, source=source, page=reading.page, counts=progress.counts)
            for _ in items:
                progress.done = reading.done
                yield progress
            yield progress

    def file(
        self,
        items: Iterable[Item],
        *,
        source: str,
        page: SavedPage | None = None,
        counts: Counter[str],
    ) -> Iterator[None]:
        """File records in batches, each in one transaction, and feed the index; add to `counts`.

        Yields after every batch. Raises StoreError if another process is writing.
        """
        with self.writing(), ThreadPoolExecutor(1, "broadsheet-index") as beside:
            run = self._begin(source, page)
            try:
                feeding, waiting = beside.submit(self._feed, self.index), 0
                for batch in _batches(items):
                    waiting += self._file_batch(run, batch, counts)
                    if waiting >= SYNC_EVERY:
                        # The index is fed beside the filing, one feeding at a time.
                        feeding.result()
                        feeding, waiting = beside.submit(self._feed, self.index), 0
                    yield
                feeding.result()
                self.sync()
            except BaseException as error:
                self._finish(run, "failed", f"{type(error).__name__}: {error}")
                raise
            self._finish(run, "done", "")

    def _begin(self, source: str, page: SavedPage | None) -> int:
        with self.database.write() as connection:
            if page is not None:
                runs.keep_page(connection, page, self._now())
            return runs.begin(connection, source, self._now())

    def _finish(self, run: int, outcome: str, reason: str) -> None:
        with self.database.write() as connection:
            runs.finish(connection, run, outcome, reason, self._now())

    def _file_batch(self, run: int, batch: Sequence[Item], counts: Counter[str]) -> int:
        """File one batch with its rejects and the run's cursor; return how many records changed."""
        errors = [item for item in batch if isinstance(item, RecordError)]
        records = [item for item in batch if not isinstance(item, RecordError)]
        with self.database.write() as connection:
            outcomes = store.file(connection, records, self._now())
            runs.set_aside(connection, run, errors, self._now())
            fresh = Counter(outcomes) + Counter({"rejected": len(errors)})
            total = counts + fresh
            runs.advance(connection, run, total.total(), total)
        counts.update(fresh)
        return len(outcomes) - fresh["unchanged"]

    # ------------------------------------------------------------------ the index

    @contextmanager
    def writing(self, timeout: float = 10) -> Iterator[None]:
        """Be the one process that writes; raises StoreError if another stays so for `timeout` s."""
        if not self.index.try_lock(timeout):
            raise StoreError(
                f"another Broadsheet is writing to {self.database.path.parent}: wait until it ends",
                temporary=True,
            )
        try:
            yield
        finally:
            self.index.unlock()

    def catch_up(self) -> Iterator[tuple[int, int]]:
        """Feed the index what it lacks, unless another process is writing.

        Yields changes done and changes in all, after every feeding; nothing if it lacks nothing.
        An index that cannot be read is built anew: it is derived, so nothing is lost with it.
        """
        with self.database.read() as connection:
            last = store.last_sequence(connection)
        try:
            begun = self.index.sequence
        except SearchIndexError:
            yield from self.rebuild()
            return
        if begun >= last or not self.index.try_lock():
            return
        try:
            while self._feed(self.index):
                yield self.index.sequence - begun, last - begun
        finally:
            self.index.unlock()

    def sync(self) -> None:
        """Feed the index from the change log until it holds everything; only while writing."""
        self._replay(self.index)

    def _replay(self, target: EmbeddedIndex | Parts) -> None:
        while self._feed(target):
            pass

    def _feed(self, target: EmbeddedIndex | Parts) -> bool:
        """Feed the next changes to an index; return whether there were any."""
        with self.database.read() as connection:
            changes = store.changes_since(connection, target.sequence, SYNC_EVERY)
            if not changes:
                return False
            puts, drops = _settled(changes)
            papers = store.fetch(connection, puts)
        target.apply(papers, drops, changes[-1].sequence)
        return True

    def rebuild(self) -> Iterator[tuple[int, int]]:
        """Build the index anew from the record beside the old one, then put it in its place.

        Yields papers done and papers in all. Readers use the old index until the new one stands.
        """
        with self.writing():
            total = self.count()
            parts = self.index.begin()
            with self.database.read() as connection:
                sequence = store.last_sequence(connection)
                done = 0
                for papers in _all_papers(connection):
                    parts.fill(papers)
                    done += len(papers)
                    yield done, total
            parts.finish(sequence)
            self._replay(parts)
            self.index.adopt(parts)

    def check(self) -> Report:
        """Compare the index with the record, and let the record check itself."""
        problems = self.database.check()
        with self.database.read() as connection:
            sequence = store.last_sequence(connection)
            ids = np.array(store.all_ids(connection), np.int64)
            records = store.count_records(connection)
        for part, held in self.index.held().items():
            problems += _differences(part, ids, held)
        if self.index.sequence != sequence:
            problems.append(f"the index holds sequence {self.index.sequence} of {sequence}")
        return Report(len(ids), records, sequence, self.index.facts, problems)

    def close(self) -> None:
        """Let go of all files."""
        self.index.close()
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    """Yield `items` in batches of at most `BATCH`, smaller ones where records are large."""
    batch: list[Item] = []
    weight = 0
    for item in items:
        batch.append(item)
        weight += _weight(item)
        if len(batch) == BATCH or weight > BATCH_CHARACTERS:
            yield batch
            batch, weight = [], 0
    if batch:
        yield batch


def _weight(item: Item) -> int:
    """Return about how many characters filing a record takes in memory."""
    if isinstance(item, RecordError):
        return len(item.excerpt)
    strings = (len(v) for v in item.extra.values() if isinstance(v, str | list | dict))
    return len(item.abstract) + sum(strings)


def _settled(changes: Iterable[store.Change]) -> tuple[list[int], list[int]]:
    """Return the papers to put and to drop after all `changes`: the last one of each counts."""
    last = {c.paper_id: c.kind for c in changes}
    puts = [int(p) for p, kind in last.items() if kind == "put"]
    return puts, [int(p) for p, kind in last.items() if kind == "drop"]


def _all_papers(connection: Connection) -> Iterator[list[Paper]]:
    last = 0
    while papers := store.fetch_after(connection, last, SYNC_EVERY):
        yield papers
        last = papers[-1].id


def _differences(part: str, wanted: NDArray[np.int64], held: NDArray[np.int64]) -> list[str]:
    found = []
    for words, ids in (
        ("lacks", np.setdiff1d(wanted, held)),
        ("still holds", np.setdiff1d(held, wanted)),
    ):
        if len(ids):
            some = ", ".join(f"p{i}" for i in ids[:5])
            found.append(f"the {part} index {words} {len(ids)} papers ({some}…)")
    return found + ([f"the {part} index holds papers twice"] if len(set(held)) < len(held) else [])
