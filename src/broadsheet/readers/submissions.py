"""Papers that readers bring: found in the sources, on a page, or entered by hand.

What sources know is filed at once. What somebody enters waits for a curator, so that nothing that
was made up ever becomes a paper. Who may, how often, and how old a paper may be are rules that
`terms` tells beforehand; they bind readers, not curators.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from threading import Lock
from typing import Final, Literal, NamedTuple, Protocol

from sqlalchemy import Connection

from broadsheet.collection import actions, notices
from broadsheet.collection import papers as filed
from broadsheet.collection import submissions as store
from broadsheet.collection.submissions import Given, State, Submission
from broadsheet.errors import NotAllowed, NotFoundError, RefusedError, SourceError, TooOften
from broadsheet.papers.duplicates import near_misses_of
from broadsheet.papers.identity import evidence, format_paper_id, parse_external_id, same_paper
from broadsheet.papers.text import clean, title_key
from broadsheet.papers.types import ExternalId, Paper, PaperId, Record
from broadsheet.readers.desk import Desk
from broadsheet.readers.permissions import ROLES_OF, Actor
from broadsheet.sources import by_hand, fields
from broadsheet.sources.jsonl import parse_day

SOURCE: Final = "submitted"
"""The source of records that readers entered by hand."""
MOST_TITLE: Final = 500
MOST_TEXT: Final = 20_000
MOST_AUTHORS: Final = 500
MOST_NAME: Final = 200
"""Characters of a title, an abstract and a name, and authors, that somebody enters by hand."""
MOST_REASON: Final = 2_000
_SHOWN: Final = 6
"""Candidates that are offered."""
_LIKE: Final = 0.5
"""The share of three-word runs from which a title may be the one that is meant."""
_AT_ONCE: Final = 4
"""Submissions looked up at a time: each holds a thread while sources and pages are waited for."""
_SOON_S: Final = 10
_UNSURE: Final = "no source knows this paper: see whether its page was read well"


class SubmissionNotFound(NotFoundError):  # noqa: N818 (named for what it says, as PaperNotFound)
    """No submission has this number."""

    kind = "submission"


class Entry(NamedTuple):
    """A paper as somebody enters it by hand; `day` is ISO, and may be a month or a year."""

    title: str = ""
    authors: tuple[str, ...] = ()
    abstract: str = ""
    link: str = ""
    day: str = ""


class Candidate(NamedTuple):
    """A paper that may be meant: `what` submits it, `paper` is where it is here already."""

    what: str
    title: str
    authors: tuple[str, ...]
    year: str
    paper: PaperId | None = None


Kept = Literal["here", "added"]
Became = Literal["here", "added", "waiting", "choose", "unknown"]


class Outcome(NamedTuple):
    """What became of a wish to submit a paper.

    `here` and `added` have the paper; `waiting` is for a curator; to `choose` there are candidates;
    of what is `unknown` there is an entry to be completed by hand. Only the first three are kept,
    under `number`.
    """

    state: Became
    what: str
    paper: PaperId | None = None
    number: int | None = None
    reason: str = ""
    candidates: tuple[Candidate, ...] = ()
    entry: Entry = Entry()


class Terms(NamedTuple):
    """The rules as they bind somebody: `oldest` is an ISO day, None if any age will do.

    `most` papers a day (UTC), of which `used` were submitted today; None if there is no limit.
    """

    may: bool
    by: Literal["readers", "curators"]
    used: int
    most: int | None
    oldest: str | None
    is_filed_at_once: bool


class Filed(Protocol):
    """What became of a record that was filed: `outcome` is `new` if it made a paper."""

    @property
    def paper(self) -> PaperId | None:
        """The paper."""

    @property
    def outcome(self) -> str:
        """How it was filed."""


class Finder(Protocol):
    """The sources, as far as they find what somebody names."""

    def look_up(self, external: ExternalId) -> by_hand.Seen:
        """Return what the first source that knows an id says."""

    def find_title(self, title: str) -> tuple[list[Record], str]:
        """Return what is like a title, likest first, and what went wrong."""

    def read_page(self, url: str) -> Record:
        """Return what the page at an address says of its paper, fetched so that it harms nobody."""

    def file(self, text: str, title: str, found: Record) -> Filed:
        """File a record and bring the index up to date."""


class Submissions:
    """What readers bring to a collection; safe to share between threads."""

    def __init__(
        self,
        desk: Desk,
        finder: Callable[[], Finder],
        like: Callable[[Record], Sequence[Paper]],
    ) -> None:
        """`finder` gives the sources once they are needed, `like` the papers nearest to one."""
        self._desk = desk
        self._finder = finder
        self._like = like
        self._lock = Lock()
        self._looking: set[int] = set()

    # ------------------------------------------------------------------ the rules

    def terms(self, actor: Actor) -> Terms:
        """Return the rules as they bind somebody."""
        rules, is_bound = self._desk.rules, not _is_trusted(actor)
        is_open = rules.submit_role == "reader"
        oldest = self._oldest() if is_bound else None
        return Terms(
            may=actor.may("submit") and (is_open or not is_bound),
            by="readers" if is_open else "curators",
            used=self._used(actor) if actor.reader is not None else 0,
            most=rules.submit_per_day if is_bound else None,
            oldest=oldest.isoformat() if oldest else None,
            is_filed_at_once=not is_bound,
        )

    def _oldest(self) -> date | None:
        days = self._desk.rules.submit_oldest_days
        return self._today() - timedelta(days) if days else None

    def _today(self) -> date:
        return self._desk.clock().astimezone(UTC).date()

    def _used(self, actor: Actor) -> int:
        with self._desk.database.read() as connection:
            return store.count_since(connection, actor.id, f"{self._today()}T00:00:00Z")

    def _check_actor(self, actor: Actor) -> None:
        actor.require("submit")
        if self._desk.rules.submit_role == "curator" and not _is_trusted(actor):
            raise NotAllowed("Only curators submit papers here.")

    def _check_often(self, actor: Actor) -> None:
        terms = self.terms(actor)
        if terms.most is None or terms.used < terms.most:
            return
        now = self._desk.clock().astimezone(UTC)
        midnight = datetime.combine(now.date() + timedelta(1), time(0), UTC)
        raise TooOften(
            f"A reader may submit {terms.most} papers a day here, and you have submitted "
            f"{terms.used} today. The next day begins at midnight (UTC).",
            retry_after=(midnight - now).total_seconds(),
        )

    def _check_age(self, actor: Actor, day: str | None) -> None:
        oldest = self.terms(actor).oldest
        # A month or a year is as late as its last day.
        if oldest is not None and day is not None and day < oldest[: len(day)]:
            raise RefusedError(
                f"This paper is of {day}; only papers of {oldest} or later are taken here "
                f"({self._desk.rules.submit_oldest_days} days)."
            )

    @contextmanager
    def _turn(self, actor: Actor) -> Iterator[None]:
        """Look one thing up for a reader at a time, and few for all of them; raises TooOften."""
        with self._lock:
            if actor.id in self._looking:
                raise TooOften("Your last submission is still looked up.", retry_after=_SOON_S)
            if len(self._looking) >= _AT_ONCE:
                raise TooOften("Others submit papers just now.", retry_after=_SOON_S)
            self._looking.add(actor.id)
        try:
            if not _is_trusted(actor):
                self._desk.take("submit", actor)
            yield
        finally:
            with self._lock:
                self._looking.discard(actor.id)

    # ------------------------------------------------------------------ by id, link or title

    def submit(self, actor: Actor, what: str) -> Outcome:
        """Return what became of the paper that `what` names: by an id, a DOI, a link or a title.

        Raises RefusedError where a rule is against it, TooOften where it can be done later.
        """
        self._check_actor(actor)
        try:
            wanted = by_hand.read_wanted(what)
        except SourceError:
            raise RefusedError("Say which paper: by an id, a DOI, a link or its title.") from None
        with self._turn(actor):
            match wanted:
                case by_hand.ById(external):
                    return self._by_id(actor, what, external)
                case by_hand.ByLink(url):
                    return self._by_link(actor, what, url)
                case by_hand.ByTitle(title):
                    return self._by_title(actor, what, title)

    def _by_id(self, actor: Actor, what: str, external: ExternalId) -> Outcome:
        here = self._known(actor, what, external)
        if here is not None:
            return here
        self._check_often(actor)
        return self._looked_up(actor, what, external)

    def _known(self, actor: Actor, what: str, external: ExternalId) -> Outcome | None:
        with self._desk.database.read() as connection:
            held = filed.find_external(connection, [external]).get(external)
        return self._kept(actor, what, "here", held) if held is not None else None

    def _looked_up(self, actor: Actor, what: str, external: ExternalId) -> Outcome:
        seen = self._finder().look_up(external)
        if seen.record is None:
            links = fields.links(("abs", what))
            entry = Entry(link=links[0][1] if links else "")
            return Outcome("unknown", what, reason=seen.told, entry=entry)
        self._check_age(actor, _day_of(seen.record))
        made = self._finder().file(what, seen.told, seen.record)
        return self._kept(actor, what, "added" if made.outcome == "new" else "here", made.paper)

    def _kept(self, actor: Actor, what: str, state: Kept, paper: PaperId | None) -> Outcome:
        given = Given(actor.id, clean(what)[:MOST_TITLE], state, paper)
        number = self._desk.write(actor, lambda c: store.add(c, given, self._desk.now()))
        return Outcome(state, what, paper, number)

    def _by_link(self, actor: Actor, what: str, url: str) -> Outcome:
        self._check_often(actor)
        try:
            record = self._finder().read_page(url)
        except SourceError as error:
            return Outcome("unknown", what, reason=str(error), entry=Entry(link=url))
        for external in record.external_ids:
            found = self._known(actor, what, external) or self._looked_up(actor, what, external)
            if found.state != "unknown":
                return found
        entry = _entry(record, url)
        candidates = self._held_like(entry)
        state: Became = "choose" if candidates else "unknown"
        return Outcome(state, what, reason=_UNSURE, candidates=candidates, entry=entry)

    def _by_title(self, actor: Actor, what: str, title: str) -> Outcome:
        held = self._held_like(Entry(title))
        found: list[Record] = []
        told = ""
        if not any(title_key(c.title) == title_key(title) for c in held):
            self._check_often(actor)
            found, told = self._finder().find_title(title)
        candidates = (*held, *self._offered(title, found, {c.paper for c in held}))[:_SHOWN]
        state: Became = "choose" if candidates else "unknown"
        reason = told or ("" if candidates else "no source has a paper of this title")
        return Outcome(state, what, reason=reason, candidates=candidates, entry=Entry(title))

    def _held_like(self, entry: Entry) -> tuple[Candidate, ...]:
        """Return the papers here that may be an entry, those of the very same title first."""
        record = Record(SOURCE, "", entry.title, abstract=entry.abstract, authors=entry.authors)
        near = self._like(record)
        with self._desk.database.read() as connection:
            exact = [p for p in filed.held(connection, [record]) if p is not None]
            same = filed.fetch(connection, exact)
        misses = near_misses_of(_as_paper(record), near) if entry.authors else []
        known = {p.id for miss in misses for p in (miss.one, miss.other)}
        alike = [p for p in near if p.id in known or _is_like(entry.title, p.title)]
        papers = {p.id: p for p in (*same, *alike)}
        return tuple(map(_candidate, papers.values()))

    def _offered(
        self, title: str, found: Sequence[Record], shown: set[PaperId | None]
    ) -> Iterator[Candidate]:
        """Yield what sources found that may be meant and can be submitted by an id."""
        named = [r for r in found if r.external_ids and _is_like(title, r.title)]
        with self._desk.database.read() as connection:
            held = filed.held(connection, named)
        seen: set[str] = set()
        for record, paper in zip(named, held, strict=True):
            key = title_key(record.title)
            if key in seen or (paper is not None and paper in shown):
                continue
            seen.add(key)
            what, year = str(record.external_ids[0]), (_day_of(record) or "")[:4]
            yield Candidate(what, record.title, record.authors[:_SHOWN], year, paper)

    # ------------------------------------------------------------------ by hand

    def enter(self, actor: Actor, entry: Entry, *, is_new: bool = False) -> Outcome:
        """Return what became of a paper that somebody enters by hand.

        Where its link has an id that is known, or a paper here has its title and an author, that
        is it. Papers that are only like it are offered, unless it `is_new`. A curator's is filed
        at once, a reader's waits for a curator. Raises as `submit` does.
        """
        self._check_actor(actor)
        entry = self._sound(actor, entry)
        with self._turn(actor):
            external = parse_external_id(entry.link)
            if external is not None:
                found = self._by_id(actor, entry.link, external)
                if found.state != "unknown":
                    return found
            record = _record(entry, external)
            held = self._same(record)
            if held is not None:
                return self._kept(actor, entry.title, "here", held)
            candidates = () if is_new else self._held_like(entry)
            if candidates:
                return Outcome("choose", entry.title, candidates=candidates, entry=entry)
            if external is None:
                self._check_often(actor)
            return self._entered(actor, record)

    def _sound(self, actor: Actor, entry: Entry) -> Entry:
        """Return an entry that can be a paper; raises RefusedError that says what is amiss."""
        authors = tuple(dict.fromkeys(a for a in map(clean, entry.authors) if a))
        made = Entry(
            clean(entry.title), authors, clean(entry.abstract), clean(entry.link), clean(entry.day)
        )
        day = _day(made.day)
        faults = {
            "The title is missing.": not title_key(made.title),
            f"The title has more than {MOST_TITLE} characters.": len(made.title) > MOST_TITLE,
            "The authors are missing: one a line.": not authors,
            f"These are more than {MOST_AUTHORS} authors.": len(authors) > MOST_AUTHORS,
            "A name is too long: give one author a line.": any(len(a) > MOST_NAME for a in authors),
            f"The abstract has more than {MOST_TEXT:,} characters.": len(made.abstract) > MOST_TEXT,
            "The link is no address of http or https.": bool(made.link)
            and not (fields.links(("abs", made.link)) or parse_external_id(made.link)),
            "The date is no day such as 2026-03-17.": bool(made.day) and day is None,
            # Elsewhere it is tomorrow already.
            "The date has not come yet.": (day or "") > (self._today() + timedelta(1)).isoformat(),
            "The date is missing: there is a rule on how old papers may be.": not made.day
            and self.terms(actor).oldest is not None,
        }
        wrong = [words for words, is_so in faults.items() if is_so]
        if wrong:
            raise RefusedError(" ".join(wrong))
        self._check_age(actor, day)
        return made._replace(day=day or "")

    def _same(self, record: Record) -> PaperId | None:
        """Return the paper here that has the title of a record and speaks of the same work."""
        with self._desk.database.read() as connection:
            paper = filed.held(connection, [record])[0]
            records = filed.records_of(connection, paper) if paper is not None else []
        mine = evidence(record)
        return paper if any(same_paper(mine, evidence(r.record)) for r in records) else None

    def _entered(self, actor: Actor, record: Record) -> Outcome:
        given = Given(actor.id, record.title, "waiting", record=record)

        def keep(connection: Connection) -> int:
            # A form that is sent twice is one submission.
            own = store.recent(connection, 100, reader=actor.id, state="waiting")
            key = title_key(record.title)
            before = next((s for s in own if title_key(s.title) == key), None)
            return before.id if before else store.add(connection, given, self._desk.now())

        number = self._desk.write(actor, keep)
        if not _is_trusted(actor):
            return Outcome("waiting", record.title, number=number)
        made = self._taken(actor, self._found(number))
        state: Kept = "here" if made.state == "here" else "added"
        return Outcome(state, record.title, made.paper, number)

    # ------------------------------------------------------------------ the queue

    def submissions(
        self, actor: Actor, limit: int = 100, state: State | None = None
    ) -> list[Submission]:
        """Return the newest submissions, newest first: all to curators, to others their own."""
        actor.require("submit")
        reader = None if actor.may("moderate") else actor.id
        with self._desk.database.read() as connection:
            return store.recent(connection, limit, reader=reader, state=state)

    def decide(self, actor: Actor, number: int, *, is_taken: bool, reason: str = "") -> Submission:
        """Take what was entered by hand as a paper, or refuse it; its reader gets a notice.

        Raises SubmissionNotFound, and RefusedError if it does not wait.
        """
        actor.require("moderate")
        waiting = self._found(number)
        if waiting.state != "waiting":
            raise RefusedError(f"Submission {number} does not wait: it is {waiting.state}.")
        said = clean(reason)[:MOST_REASON]
        if is_taken:
            return self._taken(actor, waiting, said)
        return self._decided(actor, waiting, "refused", None, said)

    def _taken(self, actor: Actor, waiting: Submission, reason: str = "") -> Submission:
        assert waiting.record is not None  # noqa: S101 (nothing waits without one)
        record = replace(waiting.record, key=str(waiting.id))
        made = self._finder().file(waiting.asked, f"a submission by {waiting.name}", record)
        state: State = "added" if made.outcome == "new" else "here"
        return self._decided(actor, waiting, state, made.paper, reason)

    def _decided(
        self, actor: Actor, waiting: Submission, state: State, paper: PaperId | None, reason: str
    ) -> Submission:
        def carry_out(connection: Connection) -> None:
            now = self._desk.now()
            is_first = store.decide(
                connection, waiting.id, state, actor.id, now, paper=paper, reason=reason
            )
            if not is_first or actor.id == waiting.reader:
                return
            verb = "refuse" if state == "refused" else "take"
            subject = format_paper_id(paper) if paper else f"“{waiting.title}”"
            note = f"{subject} by {waiting.name}{f': {reason}' if reason else ''}"
            actions.note(connection, actor.id, verb, f"submission {waiting.id}", note, now)
            told = f"“{waiting.title}”, which you submitted, was {_TOLD[state]}"
            notices.tell(
                connection, waiting.reader, "submission", now, by_id=actor.id, paper_id=paper,
                text=f"{told}: {reason}" if reason else f"{told}.",
            )  # fmt: skip

        self._desk.write(actor, carry_out)
        return self._found(waiting.id)

    def _found(self, number: int) -> Submission:
        with self._desk.database.read() as connection:
            found = store.find(connection, number)
        if found is None:
            raise SubmissionNotFound(str(number))
        return found


_TOLD: Final = {"added": "added", "here": "found to be here already", "refused": "not taken"}


def _is_trusted(actor: Actor) -> bool:
    """Return whether somebody is a curator, whatever their token may do."""
    return actor.role in ROLES_OF["moderate"]


def _is_like(one: str, other: str) -> bool:
    is_same = title_key(one) == title_key(other) != ""
    return is_same or by_hand.likeness(one, other) >= _LIKE


def _day_of(record: Record) -> str | None:
    known = record.announced or record.published or record.submitted or record.presumed
    return known or (str(record.year) if record.year else None)


def _day(text: str) -> str | None:
    """Return the ISO day, month or year that a text names."""
    is_year = text.isascii() and text.isdigit() and len(text) == len("2026")
    return parse_day(text) or (text if is_year and fields.year(int(text)) else None)


def _as_paper(record: Record) -> Paper:
    return Paper(
        PaperId(0), record.title, abstract=record.abstract, authors=record.authors, year=record.year
    )


def _candidate(paper: Paper) -> Candidate:
    ident = format_paper_id(paper.id)
    return Candidate(ident, paper.title, paper.authors[:_SHOWN], (paper.day or "")[:4], paper.id)


def _entry(record: Record, url: str) -> Entry:
    """Return what a page says of its paper as the beginning of an entry by hand."""
    where = next((link for kind, link in record.links if kind == "abs"), url)
    text = record.abstract or record.summary
    return Entry(record.title, record.authors, text, where, _day_of(record) or "")


def _record(entry: Entry, external: ExternalId | None) -> Record:
    return Record(
        SOURCE,
        "",
        entry.title,
        abstract=entry.abstract,
        authors=entry.authors,
        external_ids=(external,) if external else (),
        year=int(entry.day[:4]) if entry.day else None,
        published=entry.day if len(entry.day) > len("2026") else None,
        links=fields.links(("abs", entry.link)),
    )
