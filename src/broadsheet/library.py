"""The façade: everything that Broadsheet does, each in one call."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from broadsheet import __version__
from broadsheet.collection import backup as keeping
from broadsheet.collection import decisions as by_hand
from broadsheet.collection import editions, harvests, health, repair, signals, votes
from broadsheet.collection import papers as store
from broadsheet.collection import runs as history
from broadsheet.collection.database import HEAD, Database
from broadsheet.collection.decisions import Decision
from broadsheet.collection.signals import Observed
from broadsheet.collection.together import Together
from broadsheet.collection.votes import Counted
from broadsheet.editions.edition import Editions
from broadsheet.editions.presumed import with_presumed_day
from broadsheet.editions.trending_list import Trending, TrendingLists
from broadsheet.errors import (
    ConfigError,
    NotFoundError,
    RecordError,
    SearchIndexError,
    StoreError,
    UnknownFormat,
)
from broadsheet.papers.appearances import Again
from broadsheet.papers.identity import format_paper_id, parse_external_id
from broadsheet.papers.types import Paper, PaperId, Record, SavedPage
from broadsheet.readers.accounts import Accounts, Post
from broadsheet.readers.claims import Claims
from broadsheet.readers.community import Community
from broadsheet.readers.deciding import Deciding
from broadsheet.readers.picks import Picks
from broadsheet.readers.rules import PRIVATE, Rules
from broadsheet.search import query as language
from broadsheet.search.agreement import problems_of
from broadsheet.search.deepening import Deepener, DeepState
from broadsheet.search.embedded import EmbeddedIndex
from broadsheet.search.embedding import Embedder
from broadsheet.search.engine import Engine, Mode, Page, Similar
from broadsheet.search.feeding import UNASKED, Cost, Feeder, Follower, IndexState
from broadsheet.search.query import And, Exact, Like, Or, Word
from broadsheet.search.roles import Facet
from broadsheet.search.understanding import Note

if TYPE_CHECKING:
    from broadsheet.delivery.mailroom import Mailroom, Stock
    from broadsheet.editions.trending import View, Window
    from broadsheet.harvest.newsroom import Newsroom
    from broadsheet.readers.submissions import Submissions

BATCH = 1000
"""Records filed in one transaction: what a crash can ask to be done again."""
BATCH_CHARACTERS = 4_000_000
"""A batch of very large records ends earlier, so that memory stays flat."""
SYNC_EVERY = 10_000
"""After so many changes an import feeds the index."""

ENTRIES = 200
"""So many papers of a file are used to find others like them."""

_BETWEEN = re.compile(r"[\s,;]+")

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
    """All that is known of one paper: what it is made of, where it stood, what was counted.

    `here` is what the readers of this collection did: whose vote is whose, it does not say.
    """

    paper: Paper
    records: list[store.FiledRecord]
    places: list[tuple[SavedPage, int]]
    again: list[Again]
    decisions: list[Decision]
    signals: list[Observed]
    here: Counted


class Report(NamedTuple):
    """What `check` found: `problems` in words, empty if record and index agree."""

    papers: int
    records: int
    sequence: int
    held: dict[str, int | str]
    problems: list[str]


@dataclass(frozen=True, slots=True)
class Status:
    """What a collection holds and how it does; `sizes` are bytes, `warnings` sentences."""

    version: str
    schema: str
    home: Path
    held: health.Counts
    days: list[editions.DayCount]
    runs: list[history.Run]
    index: IndexState
    deep: DeepState | None
    sizes: dict[str, int]
    last_backup: str | None
    mail: health.Mail
    warnings: list[str]


class Selection(Iterator[Paper]):
    """Papers that are read as they are taken; `total` is how many there were to begin with."""

    def __init__(self, total: int, papers: Iterator[Paper]) -> None:
        self.total = total
        self._papers = papers

    def __next__(self) -> Paper:
        """Return the next paper."""
        return next(self._papers)


class Library:
    """A collection of papers with its index, in one home."""

    def __init__(
        self,
        database: Database,
        index: EmbeddedIndex,
        embedder: Embedder,
        *,
        clock: Clock = utc_now,
        unasked: int = UNASKED,
        newsroom: Callable[[Library], Newsroom] | None = None,
        mailroom: Callable[[Library], Mailroom] | None = None,
        deep_share: float = 1.0,
        rules: Rules = PRIVATE,
        post: Post | None = None,
    ) -> None:
        """`newsroom` makes the sources of the library when they are first needed.

        So does `mailroom` with what goes out; without it nothing is sent by mail.

        `deep_share` is what the deep tier of `index`, if it has one, may take of one core's time.
        """
        self.database = database
        self.index = index
        self._clock = clock
        self._feeder = Feeder(database, index, unasked)
        self.together = Together(database)
        self.accounts = Accounts(database, self.together, rules, clock, post)
        self.community = Community(database, self.together, rules, clock)
        self.deciding = Deciding(database, self.writing, self.sync, clock)
        self.claims = Claims(database, self.together, clock)
        self._submissions: Submissions | None = None
        self._deepener: Deepener | None = None
        if index.deep_embedder is not None:
            self._deepener = Deepener(
                database, index, index.deep_embedder, self._feeder.writing, deep_share
            )
        self._followers: list[Follower] = []
        self._trending = TrendingLists(database, index)
        self.editions = Editions(
            database, index, self._trending, clock, picks_first=rules.picks_first
        )
        self.picks = Picks(database, self.together, clock)
        self._engine = Engine(index, embedder, self.papers, self.resolve, deep=index.deep_embedder)
        self._make_newsroom = newsroom
        self._newsroom: Newsroom | None = None
        self._make_mailroom = mailroom
        self._mailroom: Mailroom | None = None
        self._lock = Lock()

    @property
    def newsroom(self) -> Newsroom:
        """The sources: what they are, what is due, and what somebody wants fetched.

        Raises ConfigError if they are set up wrongly.
        """
        with self._lock:
            if self._newsroom is None:
                if self._make_newsroom is None:
                    raise ConfigError("this library was opened without sources")
                self._newsroom = self._make_newsroom(self)
            return self._newsroom

    @property
    def mailroom(self) -> Mailroom:
        """What goes out: subscriptions, digests, and what became of them."""
        with self._lock:
            if self._mailroom is None:
                from broadsheet.delivery.mailroom import Mailroom, Manner  # noqa: PLC0415

                self._mailroom = (
                    self._make_mailroom(self)
                    if self._make_mailroom
                    else Mailroom(self.stock, self.accounts.rules, Manner(), None)
                )
            return self._mailroom

    @property
    def stock(self) -> Stock:
        """What the mailroom makes issues of."""
        from broadsheet.delivery.mailroom import Stock  # noqa: PLC0415

        return Stock(
            self.database, self.together, self.editions, self._trending, self.index,
            self._engine.rank_among, self._enabled, self._clock,
        )  # fmt: skip

    def _enabled(self) -> Sequence[str]:
        return self.newsroom.registry.enabled if self._make_newsroom else ()

    @property
    def submissions(self) -> Submissions:
        """The papers that readers bring, and the queue of those that wait for a curator."""
        with self._lock:
            if self._submissions is None:
                # Reading pages needs what no search needs.
                from broadsheet.readers.desk import Desk  # noqa: PLC0415
                from broadsheet.readers.limits import Limits  # noqa: PLC0415
                from broadsheet.readers.submissions import Submissions  # noqa: PLC0415

                limits = Limits(lambda: self._clock().timestamp())
                rules = self.accounts.rules
                self._submissions = Submissions(
                    Desk(self.database, self.together, rules, self._clock, limits),
                    lambda: self.newsroom.finder,
                    lambda record: [hit.paper for hit in self.like([record]).hits],
                )
            return self._submissions

    @property
    def clock(self) -> Clock:
        """What tells the time."""
        return self._clock

    def keep_up(self) -> None:
        """Feed the index what was just filed, unless another process is writing and will."""
        for _ in self.catch_up():
            pass
        self._feeder.embed_unasked()

    def _now(self) -> str:
        return self._clock().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def today(self) -> date:
        """Return the day it is, where this machine stands."""
        return self._clock().astimezone().date()

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
                history.places_of(connection, paper_id),
                store.appearances_of(connection, paper_id),
                by_hand.recent(connection, 20, paper_id),
                signals.of_paper(connection, paper_id),
                votes.counts(connection, [paper_id])[paper_id],
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
            return history.pages(connection)

    def rejects(self, limit: int = 100) -> tuple[int, list[history.Reject]]:
        """Return how many records were set aside, and the newest of them."""
        with self.database.read() as connection:
            return history.count_rejects(connection), history.rejects(connection, limit)

    def runs(self, limit: int = 20, source: str | None = None) -> list[history.Run]:
        """Return the newest imports and harvests, newest first; of one source, if it is named."""
        with self.database.read() as connection:
            return history.recent(connection, limit, source=source)

    def listed_days(self) -> list[str]:
        """Return the ISO days of which a source's own listing is kept, in order."""
        with self.database.read() as connection:
            return harvests.listed_days(connection)

    def listed_beside(self, day: date) -> list[harvests.Beside]:
        """Return how many new papers the listings of a day count, and how many of them are here."""
        with self.database.read() as connection:
            return harvests.beside(connection, day.isoformat())

    def trending(
        self,
        view: View = "hot",
        *,
        window: Window = "day",
        at: datetime | None = None,
        query: str = "",
        limit: int = 20,
    ) -> Trending:
        """Return what is worth attention now, or as of `at`: docs/trending.md has the formula.

        `hot` sets standing against age, `rising` is what was gained in the window. Raises
        QueryError.
        """
        with self._index_told():
            return self._trending.trending(view, window, at or self._clock(), query, limit=limit)

    # ------------------------------------------------------------------ searching

    def search(
        self,
        text: str,
        *,
        mode: Mode = "hybrid",
        limit: int = 20,
        cursor: str | None = None,
        with_facets: bool = True,
    ) -> Page:
        """Return a page of hits for `text` in the query language, with facets if they are wanted.

        A pasted id, DOI or link gives its paper alone, or nothing if it is not here. Raises
        QueryError, and PaperNotFound for an unknown `like:`.
        """
        query, notes = self.read(text)
        with self._index_told():
            page = self._engine.search(
                query, mode=mode, limit=limit, cursor=cursor, with_facets=with_facets
            )
        return self._told(page, notes)

    def read(self, text: str) -> tuple[language.Query, tuple[Note, ...]]:
        """Return what `text` asks for, and what was understood that is not the query language.

        An id alone asks for its paper, several for these papers; among other words, the ids of
        papers that are here ask for papers like them. Raises QueryError.
        """
        query = _understood(text)
        named = [w for w in query.bare if self.find(w) is not None]
        others = [n for n in query.parts if not (isinstance(n, Word) and n.text in named)]
        if named and others and not query.likes:
            like = Like(",".join(str(parse_external_id(w)) for w in named[: language.MAX_LIKES]))
            note = Note(
                "like", f"papers like {', '.join(like.ids)}, and nearest to the other words"
            )
            return language.Query(And((like, *others)), query.sort, query.text), (note,)
        is_prose = language.is_prose(text)
        note = Note("prose", "read as a text: quotation marks, colons and brackets mean nothing")
        return query, (note,) if is_prose else ()

    def like(
        self,
        records: Sequence[Record],
        text: str = "",
        *,
        mode: Mode = "hybrid",
        limit: int = 20,
    ) -> Page:
        """Return the papers most like all of `records`, narrowed by `text` in the query language.

        Records that are in the collection count as their papers, the others by title and abstract.
        Where all are, the page's query finds the same again. At most `ENTRIES` are used. Raises
        QueryError, and UnknownFormat if there are none.
        """
        query = _understood(text)
        used = records[:ENTRIES]
        with self.database.read() as connection:
            ids = store.held(connection, used)
            papers = store.fetch(connection, list(dict.fromkeys(i for i in ids if i is not None)))
        others = [_unfiled(r) for r, i in zip(used, ids, strict=True) if i is None]
        if not papers and not others:
            raise UnknownFormat("there is no paper in this to find others like it", source="like")
        known = Like(",".join(format_paper_id(p.id) for p in papers))
        if not others and len(papers) <= language.MAX_LIKES:
            query = language.Query(And((known, *query.parts)) if query.parts else known, query.sort)
        note = _told_of(len(records), len(used), len(papers))
        with self._index_told():
            if query.likes:
                page = self._engine.search(query, mode=mode, limit=limit)
            else:
                page = self._engine.like([*papers, *others], query, mode=mode, limit=limit)
        return self._told(page, (Note("like", note),))

    def like_file(
        self,
        path: Path,
        text: str = "",
        *,
        mode: Mode = "hybrid",
        limit: int = 20,
        stdin: BinaryIO | None = None,
    ) -> Page:
        """Return the papers most like those in a file of any format that can be imported.

        Raises UnknownFormat or SourceError if it cannot be read, and what `like` raises.
        """
        from broadsheet.sources import files  # noqa: PLC0415 (needs what no search needs)

        with files.read(path, stdin=stdin) as reading:
            records = [item for item in reading if isinstance(item, Record)]
        return self.like(records, text, mode=mode, limit=limit)

    def _told(self, page: Page, notes: Sequence[Note]) -> Page:
        notice = "; ".join(filter(None, (self._feeder.notice(), page.notice)))
        return replace(page, notice=notice, understood=(*notes, *page.understood))

    def similar(
        self,
        ident: str,
        *,
        limit: int = 10,
        mode: Mode = "hybrid",
        facet: Facet | None = None,
    ) -> Similar:
        """Return the papers most like the one that `ident` leads to; raises PaperNotFound.

        `facet` asks for those with the same problem, method or result, told by what the sentences
        of abstracts do; a paper that says nothing of it is compared as a whole, with a notice.
        """
        paper = self.papers([self.resolve(ident)])[0]
        with self._index_told():
            return self._engine.similar(paper, limit=limit, mode=mode, facet=facet)

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
        from broadsheet.sources import files  # noqa: PLC0415 (as above)

        with files.read(path, year=year, stdin=stdin) as reading:
            progress = Progress(reading.name, size=reading.size)
            source = "standard input" if str(path) == "-" else str(path.absolute())
            dated = (i if isinstance(i, RecordError) else with_presumed_day(i) for i in reading)
            items = self.file(dated, source=source, page=reading.page, counts=progress.counts)
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
                # On a full disk the note fails too; the next run sees that this one never ended.
                with suppress(StoreError):
                    self._finish(run, "failed", f"{type(error).__name__}: {error}")
                raise
            self._finish(run, "done", "")
        self._feeder.embed_unasked()

    def _begin(self, source: str, page: SavedPage | None) -> int:
        with self.database.write() as connection:
            if page is not None and history.keep_page(connection, page, self._now()):
                store.refresh_page(connection, page.key, self._now())
            return history.begin(connection, source, self._now())

    def _finish(self, run: int, outcome: str, reason: str) -> None:
        with self.database.write() as connection:
            history.finish(connection, run, outcome, reason, self._now())

    def _file_batch(self, run: int, batch: Sequence[Item], counts: Counter[str]) -> int:
        """File one batch with its rejects and the run's cursor; return how many records changed."""
        errors = [item for item in batch if isinstance(item, RecordError)]
        records = [item for item in batch if not isinstance(item, RecordError)]
        with self.database.write() as connection:
            outcomes = store.file(connection, records, self._now())
            history.set_aside(connection, run, errors, self._now())
            fresh = Counter(outcomes) + Counter({"rejected": len(errors)})
            total = counts + fresh
            history.advance(connection, run, total.total(), total)
        counts.update(fresh)
        return len(outcomes) - fresh["unchanged"]

    # ------------------------------------------------------------------ the index

    def writing(self, timeout: float = 10) -> AbstractContextManager[None]:
        """Be the one process that writes; raises StoreError if another stays so for `timeout` s."""
        return self._feeder.writing(timeout)

    def catch_up(self) -> Iterator[tuple[int, int]]:
        """Feed the index what it lacks, unless another process is writing.

        Yields changes done and changes in all; nothing if it lacks nothing. An index that cannot
        be read is built anew: it is derived, so nothing is lost with it. What only a slow or paid
        model can embed waits for `embed`.
        """
        return self._feeder.catch_up()

    def follow(
        self, interval_s: float = 2.0, progress: Callable[[int, int], None] | None = None
    ) -> None:
        """Keep the index in step with the record from a thread of its own, until closed.

        It takes in what other processes left behind, builds anew what it finds damaged, and
        embeds with a slow model, never with a paid one. Another one works for the deep tier.
        """
        if self._followers:
            return
        self._followers.append(Follower(self._feeder, interval_s, progress))
        if self._deepener is not None:
            self._followers.append(Follower(self._deepener, interval_s))

    def sync(self) -> None:
        """Feed the index from the change log until it holds everything; only while writing."""
        self._feeder.replay(self.index)

    def _feed(self, target: EmbeddedIndex) -> bool:
        """Feed the next changes to an index; return whether there were any."""
        return self._feeder.feed(target)

    def rebuild(self, *, only_this_model: bool = False) -> Iterator[tuple[int, int]]:
        """Build the index anew from the record beside the old one, then put it in its place.

        Yields papers done and papers in all. Readers use the old index until the new one stands.
        Vectors of a slow or paid model stay where they can be read: `embed` makes what they lack.
        Those of other models stay too, unless there shall be `only_this_model`.
        """
        return self._feeder.rebuild(only_this_model=only_this_model)

    def embed(self) -> Iterator[tuple[int, int]]:
        """Embed what waits with the chosen model, however long that takes and whatever it costs.

        Yields papers with a vector and papers in all, after every small step; what is done stays.
        Raises EmbeddingError if the model fails, and StoreError if another process is at it.
        """
        return self._feeder.embed()

    def deepen(self, share: float = 1.0) -> Iterator[tuple[int, int]]:
        """Embed with the deep tier what it lacks, the newest and most read papers first.

        Yields papers with one and papers in all, after every small step; what is done stays.
        Work takes `share` of one core's time. Raises ConfigError if the tier is off,
        EmbeddingError if the model fails, and StoreError if another process is at it.
        """
        if self._deepener is None:
            raise ConfigError("the deep tier is off: `broadsheet deepen --model` switches it on")
        return self._deepener.work(share)

    def deep_state(self) -> DeepState | None:
        """Return how far the deep tier has come, None if it is off."""
        return self._deepener.state() if self._deepener is not None else None

    def embedding_cost(self) -> Cost:
        """Return what `embed` has to do: papers, about how many tokens, dollars if known."""
        return self._feeder.cost()

    def index_state(self) -> IndexState:
        """Return how the index stands to the record; it never raises for a damaged index."""
        return self._feeder.state()

    def last_change(self) -> int:
        """Return the sequence of the newest change of the record."""
        return self._feeder.last_sequence()

    @contextmanager
    def _index_told(self) -> Iterator[None]:
        """Say of an index that is being built anew how far that has come."""
        try:
            yield
        except SearchIndexError as error:
            building = self._feeder.building
            if building is None:
                raise
            raise SearchIndexError(
                f"the index is being built: {building[0]:,} of {building[1]:,} papers are done. "
                "The papers themselves can be read meanwhile"
            ) from error

    def check(self) -> Report:
        """Compare the index with the record, and let the record check itself."""
        problems = self.database.check()
        with self.database.read() as connection:
            sequence = store.last_sequence(connection)
            ids = np.array(store.all_ids(connection), np.int64)
            records = store.count_records(connection)
            problems += votes.disagreements(connection)
        try:
            facts = self.index.facts
            problems += problems_of(self.index, ids, sequence)
        except SearchIndexError as error:
            facts = {}
            problems.append(str(error))
        return Report(len(ids), records, sequence, facts, problems)

    # ------------------------------------------------------------------ health

    def status(self) -> Status:
        """Return what the collection holds, how it does, and what a person should know of."""
        index, deep = self.index_state(), self.deep_state()
        home = self.database.path.parent
        free = shutil.disk_usage(home).free
        with self.database.read() as connection:
            held = health.counts(connection)
            recent = history.recent(connection, 20)
            days = editions.days(connection, "0000", "9999")[-14:]
            mail = health.mail(connection)
        backup = self._last_backup()
        warnings = health.warnings(
            held,
            recent,
            outgoing=mail,
            notice="; ".join(filter(None, (index.notice, deep.trouble if deep else ""))),
            free=free,
            last_backup=backup,
            now=self._clock().astimezone(UTC),
        )
        sizes = {"record": self.database.size(), "index": self.index.size(), "free": free}
        return Status(
            __version__, HEAD, home, held, days, recent, index, deep, sizes, backup, mail, warnings
        )

    def _last_backup(self) -> str | None:
        return keeping.last(self.database.path.parent)

    def repair(self) -> Iterator[tuple[str, int, int]]:
        """Make again what is derived: papers, ids and days from their records, and the index.

        Yields what is being made, how much of it is done, and how much there is. Decisions, runs
        and kept editions are no derivations and stay.
        """
        with self.writing():
            with self.database.read() as connection:
                ids = store.all_ids(connection)
            done = 0
            for batch in repair.batches(ids):
                with self.database.write() as connection:
                    repair.recompose(connection, batch, self._now())
                done += len(batch)
                yield "papers", done, len(ids)
            with self.database.write() as connection:
                repair.recount(connection, self._now())
                votes.remake(connection, self._now())
        for done, total in self.rebuild():
            yield "index", done, total

    # ------------------------------------------------------------------ keeping

    def backup(
        self, file: Path, *, force: bool = False, progress: keeping.Progress = keeping.silent
    ) -> keeping.Manifest:
        """Write the record as of one moment, and the settings, to `file`; return what it holds.

        Raises StoreError if `file` is there already (and not `force`) or cannot be written.
        """
        path, now = self.database.path, self._clock()
        return keeping.write(path, file, now=now, force=force, progress=progress)

    def select(self, text: str = "") -> Selection:
        """Return every paper that has any of the words of `text` and fulfils its conditions.

        All papers without any. They come in order of id or, with `sort:date`, the newest first,
        and are read from the record as they are taken, so any number of them needs little memory.
        Raises QueryError before the first.
        """
        query = _understood(text)
        if query.is_empty and query.sort is None:
            return Selection(self.count(), self._every_paper())
        with self._index_told():
            ids = self._engine.matching(query)
        return Selection(len(ids), self._each_of(ids))

    def _every_paper(self) -> Iterator[Paper]:
        # Read by and by, not as of one moment: whoever takes them slowly holds nothing up.
        last = 0
        while True:
            with self.database.read() as connection:
                papers = store.fetch_after(connection, last, BATCH)
            if not papers:
                return
            yield from papers
            last = papers[-1].id

    def _each_of(self, ids: NDArray[np.int64]) -> Iterator[Paper]:
        for start in range(0, len(ids), BATCH):
            yield from self.papers(ids[start : start + BATCH].tolist())

    def close(self) -> None:
        """Let go of all files."""
        if self._newsroom is not None:
            self._newsroom.close()
        if self._mailroom is not None:
            self._mailroom.close()
        self.accounts.close()
        self.index.embedder.close()
        if self._deepener is not None:
            self._deepener.stop()
        for follower in self._followers:
            follower.stop()
        self.index.close()
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _understood(text: str) -> language.Query:
    """Return what `text` asks for; ids, DOIs or links alone ask for their papers."""
    external = parse_external_id(text)
    if external is not None:
        return language.parse(f'id:"{external}"')
    words = _BETWEEN.split(text.strip())
    if all(map(parse_external_id, words)):
        exact = tuple(
            Exact("id", i) for i in dict.fromkeys(str(parse_external_id(w)) for w in words)
        )
        return language.Query(Or(exact) if len(exact) > 1 else exact[0], text=text)
    return language.read(text)


def _unfiled(record: Record) -> Paper:
    """Return a paper that is in no collection, as far as others can be like it."""
    return Paper(PaperId(0), record.title, record.abstract)


def _told_of(named: int, used: int, held: int) -> str:
    first = f"the first {used:,} of " if used < named else ""
    return f"papers like {first}{named:,} that were given; in the collection: {held:,}"


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
