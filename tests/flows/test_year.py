"""A year of arXiv: its announcements with everything that happens to them, harvested day by day.

The papers and the days of their listings are those of the shared corpus. How they got there is made
up: when they were submitted, what moderators held back, what was cross-listed, replaced, withdrawn,
edited and deleted later, and when arXiv was away, late, stale or cut short. In the end every paper
must be filed once, on the day of its listing, and every run must have said the right thing.

The whole year is run by `BROADSHEET_LONG=1 pytest tests/flows/test_year.py -s`, else some weeks of
it with a sample of the papers.
"""

from __future__ import annotations

import lzma
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from itertools import cycle, pairwise
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

import orjson
import pytest

from arxiv_answers import EPrint, set_of
from arxiv_world import DAY, HOUR, ArxivWorld, Change, Trouble
from broadsheet.collection import harvests
from broadsheet.collection import papers as store
from broadsheet.collection.database import Database
from broadsheet.editions.calendar import announcement, announcements, listing_day, silence
from broadsheet.harvest.newsroom import Newsroom, Report, Rules
from broadsheet.harvest.reconcile import in_words
from broadsheet.harvest.registry import Registry
from broadsheet.harvest.staleness import FEW
from broadsheet.papers.categories import CATEGORIES
from broadsheet.papers.types import ExternalId
from loopback import FakeTime, Loopback
from processes import IS_LONG
from shared_data import SHARED, needs_shared

NOON = 12


class Span(NamedTuple):
    """Which days are played, how many of the corpus's papers, and for whom."""

    first: date
    last: date
    one_in: int
    categories: tuple[str, ...]


YEAR = Span(
    date(2025, 4, 1),
    date(2026, 3, 26),
    1,
    ("cs.CV", "cs.CL", "cs.AI", "astro-ph.GA", "astro-ph.CO"),
)
# The end of summer time, Thanksgiving and Christmas.
AUTUMN = Span(date(2025, 10, 31), date(2025, 12, 26), 4, ("cs.CL", "astro-ph.GA"))
WITHDRAWN = "This paper has been withdrawn by the authors"


# ---------------------------------------------------------------------------- what happens


def listings(first: date, last: date) -> list[date]:
    """Return the days of arXiv's listings."""
    return [listing_day(a) for a in announcements(first, last)]


def announced(day: date) -> datetime:
    """Return when the listing of a day was announced."""
    return next(announcements(day, day))


def listed_on_or_after(day: date) -> date:
    """Return the first listing day that is not earlier."""
    while silence(day) is not None:
        day += DAY
    return day


@dataclass
class Course:
    """What happens in a span: all changes, and what a reader must hold of it in the end."""

    span: Span
    changes: list[Change] = field(default_factory=list)
    days: dict[str, set[str]] = field(default_factory=dict)
    """The day of each wanted paper; more where it was cross-listed to what is wanted later."""
    withdrawn: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, span: Span) -> Course:
        """Make up the course of a span, always the same."""
        course = cls(span)
        for day, rows in corpus(span).items():
            for row in rows:
                course._add(row, day, random.Random(crc32(row["arxiv_id"].encode())))
        return course

    def _add(self, row: dict, day: date, chance: random.Random) -> None:
        # When those of the first harvest were held up, nobody can know.
        is_held_up = chance.random() < 0.08 and day != self.span.first
        paper = EPrint(
            id=row["arxiv_id"],
            title=row["title"],
            abstract=row["abstract"],
            authors=tuple(row.get("authors") or ["A. Nonymous"]),
            # Some authors put codes of the ACM among them, which arXiv keeps apart.
            categories=tuple(c for c in row["categories"] if c in CATEGORIES),
            comment=row.get("comment") or "",
            versions=(submitted(day, chance, is_held_up=is_held_up),),
        )
        is_old = day < self.span.first
        if is_old and day > self.span.first - 14 * DAY:
            # The first harvest reaches back so far; nobody plays those days here.
            return
        later = list(self._later(paper, day, chance, is_held_up=is_held_up, is_old=is_old))
        if is_old and not later:
            return
        changes = [Change(announced(day), "new", paper), *later]
        self.changes += [c for c in changes if c.day <= self.span.last]
        self._expect([c for c in changes if self.span.first <= c.day <= self.span.last], day)

    def _later(
        self, paper: EPrint, day: date, chance: random.Random, *, is_held_up: bool, is_old: bool
    ) -> Iterator[Change]:
        """Yield what became of a paper after it was announced, in the order of time.

        Of an old one that was never seen before its first change, nobody could say the day if it
        was held up, or if no new version shows when it was submitted.
        """
        if is_old and (is_held_up or chance.random() > 0.05):
            return
        moves = [chance.choice(MOVES) for _ in range(chance.choice((0, 0, 0, 1, 1, 2)))]
        # Changed again before it was harvested, nothing would show that it was held up.
        wait = 6 if is_held_up else 1
        at = announced(self.span.first if is_old else day)
        for move in ["replace"] if is_old else moves:
            at += timedelta(days=wait + min(chance.expovariate(1 / 25), 200), hours=chance.random())
            change = self._move(paper, move, at, chance)
            if change is not None:
                yield change
                paper, at = change.paper, change.at
                if change.kind == "deletion":
                    return
                wait = 6

    def _move(self, paper: EPrint, move: str, at: datetime, chance: random.Random) -> Change | None:
        match move:
            case "replace" | "withdraw":
                comment = WITHDRAWN if move == "withdraw" else paper.comment
                new = replace(paper, versions=(*paper.versions, at), comment=comment)
                return Change(announcement(at), "replace", new)
            case "cross":
                added = chance.choice(self.span.categories)
                if added in paper.categories:
                    return None
                new = replace(paper, categories=(*paper.categories, added))
                return Change(announcement(at), "cross", new, (added,))
            case "edit":
                return Change(at + 6 * DAY, "edit", replace(paper, journal_ref="J. Samp. 1, 2"))
        # Deleted before it was ever harvested, it would rightly never be held.
        return Change(at + 6 * DAY, "deletion", paper) if chance.random() < 0.02 else None

    def _expect(self, changes: Sequence[Change], day: date) -> None:
        """Note what a reader must hold after these changes."""
        seen = [c for c in changes if self.wants(c.paper)]
        if not seen or all(c.kind == "deletion" for c in seen):
            return
        paper = seen[-1].paper
        self.days[paper.id] = {day.isoformat()}
        if seen[0].kind == "cross":
            # It came to the reader's categories later: that day does, or the one it seems to have.
            came = listing_day(announcement(paper.versions[0]))
            self.days[paper.id] |= {seen[0].day.isoformat(), came.isoformat()}
        # What is deleted on the last day is deleted after the last harvest.
        gone = [c for c in seen if c.kind == "deletion" and c.day < self.span.last]
        if paper.comment == WITHDRAWN or gone:
            self.withdrawn.add(paper.id)

    def sleep_over(self, naps: Sequence[tuple[datetime, datetime]]) -> None:
        """Allow for what cannot be told: announced in a nap, and cross-listed before its end.

        Then OAI shows one version and the day of the cross-list, as of a paper held up till then.
        """
        for change in self.changes:
            if change.kind != "cross" or change.paper.id not in self.days:
                continue
            came = announced(date.fromisoformat(min(self.days[change.paper.id])))
            if any(first - HOUR <= came and change.at <= last for first, last in naps):
                self.days[change.paper.id].add(change.day.isoformat())

    def wants(self, paper: EPrint) -> bool:
        """Return whether the paper is in one of the reader's categories."""
        return not {*paper.categories}.isdisjoint(self.span.categories)


MOVES = ("replace", "replace", "replace", "edit", "edit", "cross", "withdraw", "deletion")


def submitted(day: date, chance: random.Random, *, is_held_up: bool) -> datetime:
    """Return a moment at which the first version came that was listed on a day."""
    wanted = announced(day)
    at = wanted - timedelta(hours=6.1 + 20 * chance.random())
    # What came over a weekend or a holiday has the cut-off of days before.
    while announcement(at) > wanted:
        at -= 6 * HOUR
    if announcement(at) != wanted:
        at = wanted - 6.5 * HOUR
        while announcement(at) != wanted:
            at -= HOUR
    return at - timedelta(days=chance.uniform(2, 12)) if is_held_up else at


def corpus(span: Span) -> dict[date, list[dict]]:
    """Return the papers of a span and of the weeks before it by the days of their listings.

    The corpus lacks some listings of some archives; they are given half of the next one's papers.
    """
    assert SHARED is not None
    begin = span.first - 40 * DAY
    days = listings(begin, listed_on_or_after(span.last))
    found: dict[date, list[dict]] = {day: [] for day in days}
    with lzma.open(SHARED / "corpus" / "arxiv_daily.jsonl.xz") as lines:
        for row in map(orjson.loads, lines):
            if begin.isoformat() <= row["date"] <= span.last.isoformat() and is_chosen(row, span):
                found[listed_on_or_after(date.fromisoformat(row["date"]))].append(row)
    for archive in {archive_of(row) for rows in found.values() for row in rows}:
        _fill(found, archive)
    return found


def archive_of(row: dict) -> str:
    """Return the archive of a paper's primary category."""
    return row["primary_category"].partition(".")[0]


def _fill(found: dict[date, list[dict]], archive: str) -> None:
    mine = {day: [r for r in rows if archive_of(r) == archive] for day, rows in found.items()}
    few = sum(map(len, mine.values())) / len(mine) / 2
    for day, following in pairwise(found):
        if len(mine[day]) < few:
            moved, mine[following] = mine[following][::2], mine[following][1::2]
            found[day] = [*found[day], *moved]
            found[following] = [r for r in found[following] if r not in moved]


def is_chosen(row: dict, span: Span) -> bool:
    """Return whether a paper belongs to the sample of a span."""
    return crc32(row["arxiv_id"].encode()) % span.one_in == 0


TROUBLES: tuple[tuple, ...] = (
    ("away", 3, 6),
    ("stale", 0, 20, "cs.CL"),
    ("away", 3, 7, "oai"),
    ("late", 0, 7),
    ("token", 0, 20),
    ("empty", 0, 20),
    ("away", 3, 30, "", 1800),
    ("cut", 3, 6),
    ("refused", 3, 6, "feed"),
    ("cut once", 0, 20),
    ("away", 3, 6, "oai", 900),
    ("away", 3, 6, "listing"),
)
"""What goes wrong, from and until so many hours after an announcement; runs begin after 4¼."""


def troubles_of(span: Span) -> list[Trouble]:
    """Return what goes wrong in a span: something at every third listing, in turns."""
    found = []
    days = listings(span.first, span.last)[3:-2:3]
    for day, (kind, first_h, last_h, *more) in zip(days, cycle(TROUBLES), strict=False):
        begun = announced(day)
        found.append(Trouble(kind, begun + first_h * HOUR, begun + last_h * HOUR, *more))
    return found


# ---------------------------------------------------------------------------- who watches


@dataclass
class Watcher:
    """Knows what each run must come to, from what the world shows at that moment."""

    world: ArxivWorld
    course: Course
    known: set[str] = field(default_factory=set)
    told: Counter[str] = field(default_factory=Counter)

    @property
    def parts(self) -> list[str]:
        """The parts of a harvest, as they are called."""
        wanted = self.course.span.categories
        return [f"oai {set_of(c)}" for c in wanted] + ["feed"] + [f"listing {c}" for c in wanted]

    def answered(self, since: int) -> list[str]:
        """Return the parts that were answered well in the requests after so many."""
        last = {(a.part, a.target): a.is_well for a in self.world.asked[since:]}
        return [
            p for p in self.parts
            if (told := [well for (part, _), well in last.items() if part == p]) and all(told)
        ]  # fmt: skip

    def shown(self, part: str) -> set[str]:
        """Return the ids of the wanted papers that a part shows now."""
        world = self.world
        place, _, where = part.partition(" ")
        if place == "oai":
            first = self.course.span.first.isoformat()
            return {
                p.id for p in world.out().values()
                if p.datestamp >= first and not p.deleted and where in map(set_of, p.categories)
            }  # fmt: skip
        if place == "feed":
            return {p.id for p, _ in world.in_feed(self.course.span.categories)}
        sections = world.in_listing(where, world.listed_day())
        return {p.id for papers in sections.values() for p in papers}

    def watch(self, report: Report, since: int) -> None:
        """Compare what a run said with what it must have said; it made the requests `since`."""
        well = self.answered(since)
        new = {i for part in well for i in self.shown(part)} - self.known
        self.known |= new
        said = f"{self.world.now():%a %Y-%m-%d %H:%M}: {report.outcome}: {report.reason}"
        expected = self._outcome(well, new)
        assert (report.outcome, report.counts["new"]) == (expected, len(new)), said
        assert [p["part"] for p in report.parts if p["error"]] == [
            p for p in self.parts if p not in well
        ], said
        self._watch_reason(report.reason, well, new, said)
        self.told[report.outcome] += 1

    def _outcome(self, well: list[str], new: set[str]) -> str:
        away = self.world.trouble("away")
        if not well and not (away and away.where):
            return "failed"
        if len(well) < len(self.parts):
            return "partly failed"
        if self.world.trouble("late"):
            return "suspicious"
        return "new" if new else "nothing new"

    def _watch_reason(self, reason: str, well: list[str], new: set[str], said: str) -> None:
        if new:
            assert f"{len(new):,} new paper" in reason, said
        if 0 < len(well) < len(self.parts) and not self._was_long_away():
            assert "nothing is missing by it" in reason, said
        if (why := silence(self.world.now().date())) and len(well) == len(self.parts) and not new:
            assert why in reason, said
        stale = self.world.trouble("stale")
        if stale is not None and len(well) == len(self.parts):
            shown = self.world.in_feed(self.course.span.categories)
            old = [p for p, kind in shown if kind == "new" and p.categories[0] == stale.where]
            # Of a few papers nobody can tell.
            if len(old) >= FEW:
                assert f"{stale.where} still shows the papers of" in reason, said

    def _was_long_away(self) -> bool:
        """Return whether more than one listing may have been missed."""
        now = self.world.now()
        return any(
            t.last - t.first > DAY and t.first < now < t.last + DAY for t in self.world.troubles
        )


# ---------------------------------------------------------------------------- the run


@dataclass
class Reader:
    """A newsroom that is awake when it is due, but for some days on which the machine sleeps."""

    newsroom: Newsroom
    time: FakeTime
    watcher: Watcher
    naps: list[tuple[datetime, datetime]]

    def live(self, until: datetime) -> None:
        """Run what is due, and on days without a listing look by hand at noon."""
        while self.time.now() < until:
            self._nap()
            since = len(self.watcher.world.asked)
            for report in self.newsroom.tick():
                self.watcher.watch(report, since)
            self._look_by_hand()
            self._go_to(min(self._next_due(), self._next_noon()))

    def _next_due(self) -> datetime:
        source = self.newsroom.registry.setup("arxiv").source
        return self.newsroom._due("arxiv", "harvest", source.rhythm, self.time.now()).next_try

    def _look_by_hand(self) -> None:
        now = self.time.now()
        if silence(now.date()) and now.hour == NOON:
            since = len(self.watcher.world.asked)
            self.watcher.watch(self.newsroom.harvest("arxiv"), since)

    def _next_noon(self) -> datetime:
        """Return the next noon of a day without a listing."""
        now = self.time.now()
        noon = now.replace(hour=NOON, minute=0, second=0, microsecond=0)
        return next(n for n in (noon + k * DAY for k in range(9)) if n > now and silence(n.date()))

    def _nap(self) -> None:
        for first, last in self.naps:
            if first <= self.time.now() < last:
                self._go_to(last)

    def _go_to(self, moment: datetime) -> None:
        self.time.sleep(max((moment - self.time.now()).total_seconds(), 1.0))


def newsroom_of(home: Path, server: Loopback, span: Span, time: FakeTime) -> Newsroom:
    """Return a newsroom in an empty home whose arXiv is the loopback, under two names of hosts."""
    other = f"http://localhost:{server.port}"
    tables = {
        "arxiv": {
            "enabled": True,
            "categories": list(span.categories),
            "oai_url": f"{server.url}/oai",
            "feed_url": f"{other}/atom",
            "listing_url": f"{other}/list",
            "query_url": f"{server.url}/api/query",
        }
    }
    home.mkdir()
    database = Database(home / "broadsheet.db", clock=time.now)
    rules = Rules(state=home / "state", minutes=600)
    return Newsroom(database, Registry(tables, {}), rules, lambda: None, time.now, time)


@needs_shared
@pytest.mark.corpus
@pytest.mark.timeout(7200 if IS_LONG else 300)
def test_a_year_of_announcements(tmp_path: Path):
    """Every paper is filed once and on its day, and every run says what came and why."""
    span = YEAR if IS_LONG else AUTUMN
    course = Course.of(span)
    days = listings(span.first, span.last)
    time = FakeTime(announced(days[0]) + 4.25 * HOUR)
    world = ArxivWorld(course.changes, time, troubles=troubles_of(span), page=200)
    watcher = Watcher(world, course)
    naps = [(announced(d) + HOUR, announced(d) + 75 * HOUR) for d in days[28:-4:45]]
    course.sleep_over(naps)
    with Loopback(time=time) as server:
        world.mount(server)
        newsroom = newsroom_of(tmp_path / "home", server, span, time)
        end = datetime(span.last.year, span.last.month, span.last.day, NOON + 1, tzinfo=UTC)
        Reader(newsroom, time, watcher, naps).live(end)
        assert server.most_at_once == 1
        assert min(server.gaps) >= 3
    assert {*watcher.told} == {"new", "nothing new", "suspicious", "partly failed", "failed"}
    assert Counter(run.outcome for run in newsroom.recent(100_000, "arxiv")) == watcher.told
    all_is_held(newsroom, course)
    all_is_reconciled(newsroom, course)


def all_is_held(newsroom: Newsroom, course: Course) -> None:
    """Assert that exactly the wanted papers are filed, once each, and on their days."""
    with newsroom._database.read() as connection:
        held = harvests.held(connection, (ExternalId("arxiv", i) for i in course.days))
        papers = store.fetch(connection, [paper.paper for paper in held.values()])
        assert store.count(connection) == len(papers) == len({p.id for p in papers}) == len(held)
    found = {i.value: paper for i, paper in held.items()}
    assert found.keys() == course.days.keys()
    wrong = {i: (p.edition, course.days[i]) for i, p in found.items()
             if p.edition not in course.days[i]}  # fmt: skip
    assert not wrong
    withdrawn = {p.id for p in papers if p.withdrawn}
    assert {i for i, p in found.items() if p.paper in withdrawn} == course.withdrawn


def all_is_reconciled(newsroom: Newsroom, course: Course) -> None:
    """Assert that what arXiv's own pages listed is what is held.

    A paper that came to a category later, from where nobody read it, was not listed on its day.
    """
    for found in newsroom.reconciled():
        extra = {i.value for i, _ in found.extra}
        assert all(len(course.days[i]) > 1 for i in extra), in_words(found)
        assert found._replace(extra=()).agrees, in_words(found)
