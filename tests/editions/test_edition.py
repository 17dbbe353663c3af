"""Editions with a real home: what they hold, in which order, and when they close."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import orjson
import pytest
from sqlalchemy import event

from broadsheet.collection import runs
from broadsheet.editions import calendar, edition
from broadsheet.editions.calendar import Period, month_of, week_of
from broadsheet.editions.edition import Editions
from broadsheet.editions.order import LEAD, REST
from broadsheet.errors import QueryError
from broadsheet.factory import DATABASE, INDEX, open_library
from broadsheet.papers.types import Place
from broadsheet.search.embedded import EmbeddedIndex
from broadsheet.search.embedding import StaticEmbedder
from editions.presses import (
    MONDAY,
    PAGE,
    THURSDAY,
    TUESDAY,
    TUESDAY_MORNING,
    WEDNESDAY,
    Clock,
    Press,
    everything,
    fresh,
    leads,
    listed,
    number,
    on,
    order_of,
    paper,
    sections,
    several,
    shown,
)

# ---------------------------------------------------------------------------- what they hold


def test_a_day_a_week_and_a_month(press: Press):
    """Each holds the papers that were announced in it, and says how many each of its days holds."""
    press.file(
        *several(1, 3, MONDAY), *several(10, 4), paper(20, "2026-03-02"), paper(30, "2026-02-27")
    )
    editions = press.library.editions
    week, month = (editions.edition(of(date(2026, 3, 17))) for of in (week_of, month_of))

    assert sorted(shown(press.of(TUESDAY))) == [10, 11, 12, 13]
    assert sorted(shown(week)) == [1, 2, 3, 10, 11, 12, 13]
    assert sorted(shown(month)) == [1, 2, 3, 10, 11, 12, 13, 20]
    assert [e.total for e in (press.of(TUESDAY), week, month)] == [4, 7, 8]
    assert [d.papers for d in week.days] == [3, 4, 0, 0, 0, 0, 0]
    assert {d.day.day: d.papers for d in month.days if d.papers} == {2: 1, 16: 3, 17: 4}
    assert (week.before, week.after) == (date(2026, 3, 2), None)
    assert editions.calendar(date(2026, 3, 16), date(2026, 3, 17)) == list(week.days[:2])
    assert editions.newest(date(2026, 3, 31)) == date(2026, 3, 17)
    assert editions.newest(date(2026, 2, 1)) is None


def test_an_edition_says_by_which_day_papers_belong_to_it(press: Press):
    """Announced, on a saved page, or filed here: each is counted, and the paper says which."""
    on_page = replace(paper(2, None), source="page", place=Place(PAGE.key, 1))
    press.file(paper(1, MONDAY), on_page, page=PAGE)
    press.file(paper(3, None), paper(4, "2026-03"))

    assert press.of(MONDAY).basis == {"announced": 1, "page": 1}
    assert press.of(TUESDAY).basis == {"filed": 2}
    bases = {
        number(p.paper): p.paper.basis for p in (*press.of(MONDAY).leads, *more(press, MONDAY))
    }
    assert bases == {1: "announced", 2: "page"}


def more(press: Press, day: str) -> tuple[edition.Placed, ...]:
    """Return what stands in the last section of a day."""
    return press.library.editions.listing(on(day), REST).places


def test_leads_come_first_then_sections_by_topic(press: Press):
    """Papers with votes lead, sections have names for people, and small topics stand together."""
    press.file(
        *several(1, 6, category="cs.CL"), *several(10, 4, category="hep-th"),
        paper(20, category="math.CO"), paper(21, category="stat.ML", upvotes=3),
        paper(22, category="cs.CL", upvotes=40), paper(23, category="math.AG"),
    )  # fmt: skip
    found = press.of(TUESDAY)

    assert leads(found)[:2] == [22, 21]
    assert len(found.leads) == 3
    assert [(s.name, s.label) for s in found.sections] == [
        ("cs.CL", "Computation and Language (cs.CL)"),
        ("hep-th", "High Energy Physics - Theory (hep-th)"),
        (REST, "More papers"),
    ]
    assert found.leads[0].reason.text == "40 upvotes"
    assert {s.name: s.total for s in found.sections} == Counter(
        {name: len(numbers) for name, numbers in listed(press, on(TUESDAY)).items() if name != LEAD}
    )


def test_papers_without_category_are_grouped_by_their_words(press: Press):
    """Where no source gives a category, sections are called by words that the titles share."""
    known = [
        replace(
            paper(n, category=""), title=f"{name} of the coast u{n}z", abstract=f"{name}. " * 40
        )
        for n, name in enumerate(["Harbour tides", "Copper kilns", "Honey bees"] * 6)
    ]
    press.file(*known)
    found = press.of(TUESDAY)

    assert {s.label for s in found.sections} == {"Harbour tides", "Copper kilns", "Honey bees"}
    assert everything(listed(press, on(TUESDAY))) == list(range(18))


def test_papers_that_are_new_stand_before_those_that_are_not(press: Press):
    """Beside a hundred earlier papers, what is like none of them stands first, and says so."""
    press.file(*several(100, 120, MONDAY))
    twins = [replace(paper(n), title=paper(n + 100).title, authors=()) for n in range(3)]
    press.file(*(replace(t, abstract=paper(n + 100).abstract + " x") for n, t in enumerate(twins)))
    press.file(*several(10, 9))
    found = press.of(TUESDAY)
    order = [
        p.paper
        for p in (*found.leads, *press.library.editions.listing(on(TUESDAY), "cs.LG").places)
    ]

    assert {p.reason.kind for p in found.leads} == {"newness"}
    assert sorted(number(p) for p in order[-3:]) == [100, 101, 102]


def test_what_came_again_is_marked_not_repeated(press: Press):
    """A new version is named in the edition of its day; the paper stays in its own."""
    press.file(paper(1, MONDAY), paper(2))
    press.file(paper(1, MONDAY, updated=TUESDAY))
    found = press.of(TUESDAY)

    assert shown(found) == [2]
    assert [(number(a.paper), a.day, a.kind, a.note) for a in found.again] == [
        (1, TUESDAY, "version", "arxiv")
    ]
    assert press.of(MONDAY).again == ()
    assert shown(press.of(MONDAY)) == [1]
    assert press.library.editions.edition(week_of(date(2026, 3, 17))).again == ()


def test_a_paper_that_came_again_twice_is_named_once(press: Press):
    """Listed and revised on one day, or on two of one week: one line, the first of them."""
    press.file(paper(1, "2026-03-09"), paper(2, "2026-03-10"))
    press.file(paper(1, MONDAY, updated=TUESDAY), paper(2, TUESDAY, updated=TUESDAY))
    found = press.library.editions.edition(week_of(date(2026, 3, 17)))

    assert [(number(a.paper), a.day) for a in found.again] == [(1, MONDAY), (2, TUESDAY)]


# ---------------------------------------------------------------------------- narrowing

NARROWED = [
    ("graph", {1, 2, 3}),
    ("graph kilns", {2}),
    ("graph -kilns", {1, 3}),
    ("kilns OR bees", {2, 3, 4}),
    ('"graph kilns"', set()),
    ('"kilns graph"', {2}),
    ("cat:cs.CL", {1, 4}),
    ("cat:cs.* -graph", {4}),
    ("graph cat:stat.ML", {2}),
    ("title:bees", {3, 4}),
    ("author:lovelace graph", {1, 2, 3}),
    ("author:nobody", set()),
    ("date:2026-03-16", set()),
    ("is:withdrawn", {4}),
    ("the graph", {1, 2, 3}),
    ("&", {1, 2, 3, 4}),
    ("", {1, 2, 3, 4}),
]


@pytest.fixture
def few(press: Press) -> Press:
    """Return a press with four papers of Tuesday, and one of the day before."""
    titles = {
        1: "The graph u1z",
        2: "The kilns graph u2z",
        3: "The graph of bees u3z",
        4: "Bees u4z",
    }
    made = [
        replace(paper(n), title=titles[n], abstract="About the thing.", authors=("Ada Lovelace",))
        for n in titles
    ]
    categories = {1: ("cs.CL",), 2: ("stat.ML",), 3: ("hep-th",), 4: ("cs.CL",)}
    press.file(*(replace(r, categories=categories[n]) for n, r in enumerate(made, 1)))
    press.file(replace(made[3], categories=("cs.CL",), withdrawn=True), paper(5, MONDAY))
    return press


@pytest.mark.parametrize("is_closed", [False, True])
def test_any_query_narrows_an_edition(few: Press, is_closed: bool):
    """All words are needed, fields and groups are conditions, open or closed alike."""
    few.clock.now = THURSDAY if is_closed else TUESDAY_MORNING
    found = {query: few.of(TUESDAY, query) for query, _ in NARROWED}

    assert {q: set(shown(e)) for q, e in found.items()} == dict(NARROWED)
    assert {q: e.total for q, e in found.items()} == {q: len(n) for q, n in NARROWED}
    assert {e.is_closed for e in found.values()} == {is_closed}
    for query, numbers in NARROWED:
        assert everything(listed(few, on(TUESDAY), query, step=2)) == sorted(numbers)
    assert found["author:nobody"].silence == "No paper of this edition matches."
    assert found["kilns OR bees"].query == "kilns OR bees"
    assert found["graph"].silence is None


@pytest.mark.parametrize(
    ("query", "position"),
    [
        ("like:2603.00001", 0),
        ("graph like:2603.00001", 6),
        ('"like: a saw" like:2603.00001', 14),
        ("“like: a saw” Like:2603.00001", 14),
        ("graph (kilns OR like:2603.00001)", 16),
        ("graph -like:2603.00001", 7),
        ("graph sort:date", 6),
        ("sort:date", 0),
        ("graph (kilns", 6),
        ("auther:lovelace", 0),
    ],
)
def test_what_cannot_narrow_is_refused_with_its_place(few: Press, query: str, position: int):
    """An edition has its own order; what would bring another is refused, as is what is no query."""
    for ask in (few.of, lambda day, q: few.library.editions.listing(on(day), LEAD, q)):
        with pytest.raises(QueryError) as caught:
            ask(TUESDAY, query)
        assert (caught.value.position, caught.value.query) == (position, query)
        assert caught.value.hint


# ---------------------------------------------------------------------------- empty days


@pytest.mark.parametrize(
    ("period", "silence"),
    [
        (on("2026-03-15"), "Sunday: arXiv lists nothing on weekends."),
        (on("2026-03-13"), "Nothing was filed for this day."),
        (on("2026-01-02"), "New Year's Day: arXiv announces nothing the evening before."),
        (on("1987-03-02"), "ArXiv began in August 1991."),
        (on("2026-03-20"), "Not yet."),
        (week_of(date(2026, 3, 4)), "Nothing was filed for these days."),
        (month_of(date(2026, 4, 1)), "Not yet."),
    ],
)
def test_an_empty_edition_says_why(press: Press, period: Period, silence: str):
    """A weekend, a holiday, the future or nothing filed; and the nearest days with papers."""
    press.file(
        paper(1, "1950-01-02"), paper(2, "2026-02-20"), paper(3, MONDAY), paper(4, "2027-03-01")
    )
    found = press.library.editions.edition(period)

    assert (found.total, found.leads, found.sections) == (0, (), ())
    assert found.silence == silence
    days = [date(1950, 1, 2), date(2026, 2, 20), date(2026, 3, 16), date(2027, 3, 1)]
    assert found.before == max((d for d in days if d < period.first), default=None)
    assert found.after == min((d for d in days if d > period.last), default=None)


def test_an_empty_collection_has_editions(press: Press):
    """Nothing filed at all: every edition is empty and no day is near."""
    found = press.of(TUESDAY)

    assert (found.total, found.before, found.after) == (0, None, None)
    assert found.silence == "Nothing was filed for this day."
    assert press.library.editions.listing(on(TUESDAY), "cs.LG").total == 0


def test_what_is_not_yet_becomes_today(press: Press):
    """An edition of tomorrow that was asked for is asked for anew when tomorrow has come."""
    assert press.of(WEDNESDAY).silence == "Not yet."
    press.clock.now += timedelta(days=1)
    assert press.of(WEDNESDAY).silence == "Nothing was filed for this day."


def test_neighbours_come_and_go(press: Press):
    """The nearest days are those of now, though nothing of the edition itself has changed."""
    press.file(*several(1, 3))
    assert (press.of(TUESDAY).before, press.of(TUESDAY).after) == (None, None)
    press.file(paper(10, MONDAY), paper(11, "2026-03-20"))
    found = press.of(TUESDAY)

    assert (found.before, found.after) == (date(2026, 3, 16), date(2026, 3, 20))


# ---------------------------------------------------------------------------- very full days

CROWD = [
    *(paper(n, category="cs.LG", upvotes=n % 7) for n in range(1, 30)),
    *several(30, 25, category="cs.CL"),
    *several(60, 2, category="hep-th"),
    *several(70, 30, category=""),
    *(paper(n, MONDAY, "cs.LG") for n in range(100, 120)),
    *several(120, 3, MONDAY, ""),
    *several(130, 4, MONDAY, LEAD),
    *several(140, 4, TUESDAY, REST),
    *several(150, 2, WEDNESDAY, "cs.CL"),
]


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory, embedder: StaticEmbedder) -> Iterator[Press]:
    """Give a library with far more papers than one day is used to."""
    clock = Clock(TUESDAY_MORNING)
    with open_library(tmp_path_factory.mktemp("crowd"), clock=clock, embedder=embedder) as library:
        press = Press(library, clock)
        press.file(*CROWD)
        yield press


@pytest.mark.parametrize("places", [1, 12, 50, 2000])
@pytest.mark.parametrize("step", [7, 500])
@pytest.mark.parametrize("period", [on(TUESDAY), week_of(date(2026, 3, 17))], ids=["day", "week"])
@pytest.mark.parametrize("query", ["", "source:arxiv", "cat:cs.LG OR cat:cs.CL"])
def test_listings_have_every_paper_once(
    crowd: Press,
    places: int,
    step: int,
    period: Period,
    query: str,
    monkeypatch: pytest.MonkeyPatch,
):
    """However few are put in order: pages have no gap and no overlap, and totals add up."""
    monkeypatch.setattr(edition, "PLACES", places)
    press = fresh(crowd)
    days = {d.isoformat() for d in period.days}
    wanted = sorted(
        int(r.key[1:]) for r in CROWD
        if r.announced in days and ("cat:" not in query or set(r.categories) & {"cs.LG", "cs.CL"})
    )  # fmt: skip
    found = press.library.editions.edition(period, query)
    pages = listed(press, period, query, step=step)

    assert everything(pages) == wanted
    assert found.total == len(wanted) == len(found.leads) + sum(s.total for s in found.sections)
    assert {s.name: s.total for s in found.sections} == {
        name: len(papers) for name, papers in pages.items() if name != LEAD
    }
    for name, numbers in sections(found).items():
        assert [number(p) for p in pages[name][: len(numbers)]] == numbers
    assert sum(found.basis.values()) == len(wanted)


# ---------------------------------------------------------------------------- closed editions


def test_an_edition_closes_when_its_day_is_over_order_of(press: Press):
    """Until noon UTC of the next day it is open; then it is closed, and its order is kept."""
    press.file(*several(1, 5))
    for now, is_closed in [
        (datetime(2026, 3, 18, 11, 59, tzinfo=UTC), False),
        (datetime(2026, 3, 18, 12, 0, tzinfo=UTC), True),
    ]:
        press.clock.now = now
        assert press.of(TUESDAY).is_closed is is_closed
        assert (press.kept(on(TUESDAY)) is not None) is is_closed


def test_an_edition_closes_when_nothing_came_for_twelve_hours(press: Press):
    """What was filed late is waited for: the day is closed half a day after the last change."""
    press.clock.now = datetime(2026, 3, 20, 8, 0, tzinfo=UTC)
    press.file(*several(1, 5))
    press.clock.now += timedelta(hours=11, minutes=59)
    assert not press.of(TUESDAY).is_closed
    assert press.kept(on(TUESDAY)) is None
    press.clock.now += timedelta(minutes=1)
    assert press.of(TUESDAY).is_closed
    assert press.kept(on(TUESDAY)) is not None


def test_nothing_is_kept_while_an_import_runs(closed: Press):
    """An edition that is asked for during an import is shown and kept another time."""
    database = closed.library.database
    with database.write() as connection:
        run = runs.begin(connection, "papers.jsonl", "2026-03-19T06:00:00Z")
    before = closed.of(TUESDAY)
    assert before.total == 20
    assert closed.kept(on(TUESDAY)) is None
    with database.write() as connection:
        runs.finish(connection, run, "done", "", "2026-03-19T06:20:00Z")
    closed.library.editions = Editions(
        database, closed.library.index, closed.library._trending, closed.clock
    )
    assert shown(closed.of(TUESDAY)) == shown(before)
    assert closed.kept(on(TUESDAY)) is not None


def test_a_narrowed_edition_is_not_kept_but_the_whole_is(closed: Press):
    """The order is that of the whole edition, whoever asks first for a part of it."""
    part = closed.of(TUESDAY, "cat:cs.CL")
    assert closed.kept(on(TUESDAY)) is not None
    whole = closed.of(TUESDAY)
    wanted = set(shown(part))

    assert [n for n in shown(whole) if n in wanted] == shown(part)
    assert part.total == 8


@pytest.mark.parametrize("what", ["papers", "votes", "merge", "split", "another day"])
def test_a_closed_edition_keeps_its_order(press: Press, what: str):
    """Later papers stand at the end and say so; votes, merges and splits move nobody else."""
    twin = replace(paper(5), source="file", key="twin", external_ids=())
    press.file(*several(1, 12), *several(13, 8, category="cs.CL"), twin)
    press.clock.now, library = THURSDAY, press.library
    before = order_of(press)
    match what:
        case "papers":
            press.file(*several(21, 3), *several(24, 2, category="hep-th"))
        case "votes":
            press.file(*(paper(n, upvotes=90) for n in (3, 11)))
        case "merge":
            library.deciding.merge("p5", "p15")
        case "split":
            library.deciding.split("p5", "file:twin")
        case "another day":
            press.file(paper(7, MONDAY))
    after = order_of(press)
    gone = {"merge": [15], "another day": [7]}.get(what, [])
    late = {"papers": [21, 22, 23, 24, 25], "split": [21]}.get(what, [])

    assert after == [n for n in before if n not in gone] + late
    end = library.editions.listing(on(TUESDAY), REST).places
    assert [p.paper.id for p in end if p.reason.kind == "late"] == late
    assert {p.reason.text for p in end[-len(late) :] if late} <= {
        "came after this edition was closed"
    }
    assert press.of(TUESDAY).is_closed
    assert press.of(TUESDAY, "source:arxiv").is_closed


def test_an_undone_merge_gives_a_paper_its_place_back(closed: Press):
    """Merged and taken apart again, both papers stand where they stood."""
    before = order_of(closed)
    decision = closed.library.deciding.merge("p5", "p15")
    assert len(order_of(closed)) == len(before) - 1
    closed.library.deciding.undo(decision.id)

    assert order_of(closed) == before


def test_a_place_goes_to_the_paper_that_takes_a_paper_in(press: Press):
    """A paper of a later day that turns out to be one of this day stands in its place."""
    press.file(*several(1, 6), paper(7, WEDNESDAY), paper(8))
    press.clock.now = THURSDAY
    before = order_of(press)
    press.library.deciding.merge("p7", "p8")

    assert order_of(press) == [7 if n == 8 else n for n in before]
    assert press.of(WEDNESDAY).total == 0


def test_the_order_outlives_the_process(closed: Press, home: Path, embedder: StaticEmbedder):
    """Whoever opens the home later reads the edition as it was closed."""
    before = order_of(closed)
    closed.file(paper(3, upvotes=99))
    with open_library(home, clock=closed.clock, embedder=embedder) as library:
        assert order_of(Press(library, closed.clock)) == before


def test_a_closed_edition_of_many_keeps_its_order_too(
    press: Press, monkeypatch: pytest.MonkeyPatch
):
    """Where a day holds more than is put in order, what was stays, and the rest follows."""
    monkeypatch.setattr(edition, "PLACES", 20)
    press.file(*several(1, 30), *several(31, 8, category="cs.CL"))
    press.clock.now = THURSDAY
    before = order_of(press)
    press.file(*(paper(n, upvotes=50 + n) for n in (2, 9)), paper(39))
    after = order_of(press)

    assert sorted(before) == list(range(1, 39))
    assert sorted(after) == list(range(1, 40))
    kept = [place[0] for place in orjson.loads(press.kept(on(TUESDAY)) or "")["places"]]
    assert len(kept) == 20
    assert [n for n in after if n in kept] == [n for n in before if n in kept]
    assert "late" not in {
        p.reason.kind for p in press.library.editions.listing(on(TUESDAY), REST).places
    }


def test_an_open_edition_changes(press: Press):
    """Until it is closed, votes and new papers are put in their places."""
    press.file(*several(1, 10))
    press.file(paper(4, upvotes=3))
    assert leads(press.of(TUESDAY))[0] == 4
    press.file(paper(11, upvotes=8))
    assert leads(press.of(TUESDAY))[:2] == [11, 4]
    assert press.kept(on(TUESDAY)) is None


# ---------------------------------------------------------------------------- when things fail


@pytest.mark.parametrize("damage", ["missing", "torn", "not there"])
@pytest.mark.parametrize("is_closed", [False, True])
def test_an_edition_needs_no_index(
    press: Press, home: Path, embedder: StaticEmbedder, damage: str, is_closed: bool
):
    """Without an index, or with a torn one, the record alone gives the edition."""
    press.file(*several(100, 120, MONDAY), *several(1, 9), *several(20, 14, category=""))
    place = home / INDEX
    if damage == "missing":
        shutil.rmtree(place)
    elif damage == "torn":
        for file in place.rglob("*"):
            if file.is_file() and file.name != "current.json":
                file.write_bytes(file.read_bytes()[:7])
    else:
        place = home / "nowhere"
    press.clock.now = THURSDAY if is_closed else TUESDAY_MORNING
    index = EmbeddedIndex(place, embedder)
    found = Editions(press.library.database, index, press.library._trending, press.clock).edition(
        on(TUESDAY)
    )

    assert found.total == 23
    assert {s.name for s in found.sections} == {"cs.LG", REST}
    assert {p.reason.kind for p in found.leads} == {"recency"}
    assert press.kept(on(TUESDAY)) is None


def test_an_edition_waits_for_no_writer(closed: Press, home: Path):
    """While another process holds the record, an edition answers, and is kept another time."""
    with closing(sqlite3.connect(home / DATABASE, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("UPDATE papers SET venue = 'changing'")
        with ThreadPoolExecutor(1) as beside:
            # It would wait for longer if it waited for the writer.
            found = beside.submit(closed.of, TUESDAY).result(timeout=20)
        other.execute("ROLLBACK")

    assert (found.total, found.is_closed) == (20, True)
    assert closed.kept(on(TUESDAY)) is None
    assert closed.library.deciding.merge("arxiv:2603.00001", "arxiv:2603.00002").paper == 1


def test_a_home_that_cannot_be_written_has_editions(closed: Press):
    """Where nothing can be kept, every edition is put in order anew, and is the same."""
    engine = closed.library.database._engine
    engine.dispose()
    event.listen(engine, "connect", lambda raw, _: raw.execute("PRAGMA query_only = ON"))
    before = shown(closed.of(TUESDAY))
    closed.library.editions = Editions(
        closed.library.database, closed.library.index, closed.library._trending, closed.clock
    )

    assert shown(closed.of(TUESDAY)) == before
    assert closed.of(TUESDAY).total == 20
    assert closed.kept(on(TUESDAY)) is None


def test_many_threads_ask_while_one_files(press: Press):
    """Every answer is the edition as of some moment: nobody twice, nobody half filed."""
    press.file(*several(1, 10))
    done = threading.Event()

    def ask(query: str) -> list[tuple[int, list[int]]]:
        seen = []
        while not done.is_set():
            found = press.of(TUESDAY, query)
            seen.append((found.total, shown(found)))
        return seen

    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(ask, query) for query in ("", "", "cat:cs.LG", "")]
        for start in (10, 20, 30):
            press.file(*several(start + 1, 10, upvotes=start))
        done.set()
        answers = [answer for future in asked for answer in future.result()]

    assert len(answers) >= 4
    for total, numbers in answers:
        assert len(set(numbers)) == len(numbers)
        assert total % 10 == 0
    assert press.of(TUESDAY).total == 40


def test_days_without_papers_any_more_are_empty(press: Press):
    """A paper that moves to an earlier day leaves its old one empty, and the calendar says so."""
    press.file(paper(1))
    press.file(paper(1, MONDAY))

    assert press.of(TUESDAY).silence == "Nothing was filed for this day."
    assert [
        d.papers for d in press.library.editions.calendar(date(2026, 3, 16), date(2026, 3, 17))
    ] == [1, 0]
    assert press.library.editions.newest(date(2026, 3, 31)) == date(2026, 3, 16)
    assert calendar.silence(date(2026, 3, 17)) is None
