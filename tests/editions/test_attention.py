"""Editions follow what is counted and picked, at once, and remember what they were."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from broadsheet.collection import editions as store
from broadsheet.collection import schema, signals
from broadsheet.editions import edition
from broadsheet.editions.calendar import month_of, week_of
from broadsheet.editions.edition import Editions
from broadsheet.editions.order import LEAD
from broadsheet.errors import DecisionError, NotFoundError, RefusedError
from broadsheet.factory import open_library
from broadsheet.readers.permissions import OWNER, Actor
from broadsheet.search.embedding import StaticEmbedder
from broadsheet.search.ranking import Reason
from editions.presses import (
    MONDAY,
    THURSDAY,
    TUESDAY,
    TUESDAY_MORNING,
    WEDNESDAY,
    Clock,
    Press,
    everything,
    leads,
    listed,
    number,
    on,
    order_of,
    paper,
    several,
    shown,
)
from readers.circle import join

# ---------------------------------------------------------------------------- attention


def noted(press: Press, numbers: dict[int, float], kind: str = "stars", source: str = "github"):
    """Let something be counted of papers, now."""
    seen = press.clock.now.strftime("%Y-%m-%dT%H:%M:%SZ")
    with press.library.database.write() as connection:
        signals.note(
            connection,
            [signals.Observed(p, kind, source, f"of p{p}", seen, n) for p, n in numbers.items()],
        )


def voted(press: Press, ident: str, *names: str) -> None:
    """Let new readers vote for a paper."""
    for name in names:
        press.library.community.votes.vote(join(press.library, name), ident, True)


@pytest.mark.parametrize("query", ["", "cat:cs.LG"])
def test_a_vote_moves_a_paper_of_an_open_edition_at_once(press: Press, query: str):
    """Nobody has to file anything: the next look has the order, and the reason says why."""
    press.file(*several(1, 12))
    before = shown(press.of(TUESDAY, query))
    voted(press, "p5", "ada")
    found = press.of(TUESDAY, query)
    assert leads(found)[0] == 5
    assert found.leads[0].reason.kind == "counted"
    assert found.leads[0].reason.text == "1 upvote in a day"
    voted(press, "p3", "bo", "cy")
    assert leads(press.of(TUESDAY, query))[:2] == [3, 5]
    week = press.library.editions.edition(week_of(date(2026, 3, 17)), query)
    assert leads(week)[:2] == [3, 5]
    for name in ("ada", "bo", "cy"):
        reader = Actor(_row(press, name), "reader", name)
        for ident in ("p3", "p5"):
            press.library.community.votes.vote(reader, ident, False)

    assert shown(press.of(TUESDAY, query)) == before


def _row(press: Press, name: str) -> int:
    with press.library.database.read() as connection:
        table = schema.readers.c
        row: int = connection.execute(select(table.id).where(table.name == name)).scalar_one()
        return row


def test_counts_of_different_kinds_are_weighed_against_each_other(press: Press):
    """Stars, upvotes with a time and upvotes without one stand in one order."""
    press.file(*several(1, 8), paper(9, upvotes=90), paper(10, upvotes=1))
    noted(press, {1: 2000, 2: 1})
    noted(press, {3: 40, 4: 0}, "upvotes", "huggingface")
    found = press.of(TUESDAY)
    told = {number(p.paper): p.reason for p in (*found.leads, *all_places(press, ""))}

    assert shown(found)[:5] == [9, 3, 1, 10, 2]
    assert told[1].text.startswith("2,000 stars")
    assert told[9] == Reason("upvotes", "90 upvotes", 90.0)
    assert told[4].kind == "recency"


def test_a_vote_here_does_not_sink_what_was_voted_for_elsewhere(press: Press):
    """A paper that came with 90 upvotes of no known time, and one here, has both."""
    press.file(*several(1, 8), paper(9, upvotes=90), paper(10, upvotes=20))
    voted(press, "p9", "ada")
    first = press.of(TUESDAY).leads[0]

    assert leads(press.of(TUESDAY))[:2] == [9, 10]
    assert first.reason.text == "90 upvotes, 1 upvote in a day"


def test_upvotes_that_were_timed_count_once(press: Press):
    """Where a source noted its upvotes with the time, what the record says of them is left out."""
    press.file(*several(1, 8), paper(9, upvotes=90))
    noted(press, {9: 90}, "upvotes", "huggingface")

    assert press.of(TUESDAY).leads[0].reason.text == "90 upvotes in a day"


def test_counts_of_other_papers_leave_an_edition(press: Press):
    """What is counted elsewhere makes no edition anew."""
    press.file(*several(1, 6), *several(10, 3, MONDAY))
    first = press.of(TUESDAY)
    noted(press, {8: 12})
    assert press.of(TUESDAY) is first
    noted(press, {2: 12})
    assert press.of(TUESDAY) is not first


def test_reasons_are_told_as_of_today(press: Press):
    """After midnight a count of yesterday is two days old, though nothing was counted since."""
    press.file(*several(1, 6))
    voted(press, "p5", "ada")
    assert press.of(TUESDAY).leads[0].reason.text == "1 upvote in a day"
    press.clock.now += timedelta(days=1)

    assert press.of(TUESDAY).leads[0].reason.text == "1 upvote in 2 days"


def test_votes_after_the_close_count_and_move_nothing(closed: Press):
    """The order is that of the close, also if nobody looked at it before the votes came."""
    voted(closed, "p5", "ada", "bo")
    before = order_of(closed)
    assert before[0] != 5
    voted(closed, "p7", "cy")

    assert order_of(closed) == before
    assert closed.library.community.counts([5, 7], OWNER)[5].upvotes == 2


def test_votes_until_the_close_make_its_order(press: Press):
    """Whoever looks first, and when: what was counted by the close is what counts."""
    press.file(*several(1, 12))
    voted(press, "p5", "ada")
    press.clock.now = THURSDAY + timedelta(days=9)
    found = press.of(TUESDAY)

    assert (leads(found)[0], found.is_closed) == (5, True)
    assert found.leads[0].reason.text == "1 upvote in 2 days"
    kept = orjson.loads(press.kept(on(TUESDAY)) or "")["places"]
    assert kept[0][:4] == [5, LEAD, "counted", "1 upvote in 2 days"]


def test_orders_that_were_kept_before_there_were_votes_stay(closed: Press):
    """A home whose orders were kept by an earlier Broadsheet has them for ever."""
    places = [[n, LEAD if n == 12 else "cs.LG", "upvotes", "3 upvotes", 3.0] for n in (12, 3, 1)]
    body = orjson.dumps({"whole": False, "places": places}).decode()
    with closed.library.database.write() as connection:
        store.keep(connection, TUESDAY, body, "2026-03-18T20:00:00Z")
    voted(closed, "p5", "ada")
    found = closed.of(TUESDAY)

    assert leads(found) == [12]
    assert found.leads[0].reason == Reason("upvotes", "3 upvotes", 3.0)
    assert order_of(closed)[:3] == [12, 3, 1]


def test_attention_is_found_among_more_papers_than_are_put_in_order(
    press: Press, monkeypatch: pytest.MonkeyPatch
):
    """Of a month with very many papers those stand first that people read, and picks."""
    monkeypatch.setattr(edition, "PLACES", 20)
    press.file(*several(1, 60))
    before = shown(press.of(TUESDAY))
    assert not {1, 2} & set(before)
    voted(press, "p1", "ada")
    assert leads(press.of(TUESDAY))[0] == 1
    press.library.picks.pick(OWNER, "p2")

    assert leads(press.of(TUESDAY))[:2] == [2, 1]
    assert everything(listed(press, on(TUESDAY))) == list(range(1, 61))


# ---------------------------------------------------------------------------- the cache


@pytest.mark.parametrize("query", ["", "cat:cs.LG"])
def test_what_touches_a_day_is_seen_at_once(press: Press, query: str):
    """After any filing, merge, split or undo the next look shows it; until then nothing is made."""
    press.file(*several(1, 6), replace(paper(2), source="file", key="twin", external_ids=()))
    first = press.of(TUESDAY, query)
    assert press.of(TUESDAY, query) is first
    press.file(paper(7))
    assert press.of(TUESDAY, query).total == 7
    found = press.library.deciding.merge("arxiv:2603.00001", "arxiv:2603.00003")
    assert press.of(TUESDAY, query).total == 6
    press.library.deciding.undo(found.id)
    assert press.of(TUESDAY, query).total == 7
    press.library.deciding.split("arxiv:2603.00002", "file:twin")
    assert press.of(TUESDAY, query).total == 8
    press.file(replace(paper(1), title="A new title u1z"))
    titles = [p.paper.title for p in (*press.of(TUESDAY, query).leads, *all_places(press, query))]
    assert "A new title u1z" in titles


def all_places(press: Press, query: str) -> list[edition.Placed]:
    """Return what the sections of Tuesday show."""
    return [p for s in press.of(TUESDAY, query).sections for p in s.places]


def test_what_does_not_touch_a_day_leaves_its_edition(press: Press):
    """Papers of another day, or the same papers again, make no edition anew."""
    press.file(*several(1, 6), *several(10, 3, MONDAY), paper(20, WEDNESDAY))
    first, week = press.of(TUESDAY), press.library.editions.edition(week_of(date(2026, 3, 17)))
    press.file(*several(1, 6))
    press.file(paper(13, MONDAY), paper(10, MONDAY, upvotes=9), paper(21, "2026-03-23"))

    assert press.of(TUESDAY) is first
    assert press.library.editions.edition(week_of(date(2026, 3, 17))) is not week


def test_a_return_touches_the_day_of_return(press: Press):
    """A paper of Monday that is revised on Tuesday is named in Tuesday's edition at once."""
    press.file(*several(1, 3), paper(10, MONDAY))
    assert press.of(TUESDAY).again == ()
    press.file(paper(10, MONDAY, updated=TUESDAY))
    assert [number(a.paper) for a in press.of(TUESDAY).again] == [10]
    press.file(paper(10, MONDAY, updated=TUESDAY, upvotes=5))
    assert press.of(TUESDAY).again[0].paper.upvotes == 5


def test_other_processes_are_noticed(press: Press, home: Path, embedder: StaticEmbedder):
    """What another process files is seen at the next look."""
    press.file(*several(1, 3))
    assert press.of(TUESDAY).total == 3
    with open_library(home, clock=press.clock, embedder=embedder) as library:
        Press(library, press.clock).file(paper(4))

    assert sorted(shown(press.of(TUESDAY))) == [1, 2, 3, 4]
    assert shown(press.of(TUESDAY, "u4z")) == [4]


NUMBERS = st.integers(1, 6)
STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("file"),
            st.lists(
                st.builds(
                    paper, NUMBERS, st.sampled_from([None, MONDAY, TUESDAY, WEDNESDAY]),
                    st.sampled_from(["", "cs.LG", "cs.CL"]),
                    upvotes=st.sampled_from([None, 3, 8]),
                    updated=st.sampled_from([None, TUESDAY, WEDNESDAY]),
                    source=st.sampled_from(["arxiv", "file"]),
                ),
                min_size=1, max_size=4,
            ),
        ),
        st.tuples(st.sampled_from(["merge", "tell_apart"]), st.tuples(NUMBERS, NUMBERS)),
        st.tuples(st.just("split"), NUMBERS),
        st.tuples(st.just("undo"), st.integers(1, 3)),
        st.tuples(st.just("vote"), st.tuples(NUMBERS, st.booleans())),
        st.tuples(st.sampled_from(["pick", "unpick"]), NUMBERS),
        st.tuples(st.just("wait"), st.sampled_from([1, 13, 40])),
    ),
    min_size=2, max_size=7,
)  # fmt: skip
ASKED = [
    (on(MONDAY), ""), (on(TUESDAY), ""), (on(TUESDAY), "cat:cs.LG"), (on(WEDNESDAY), ""),
    (week_of(date(2026, 3, 17)), ""), (month_of(date(2026, 3, 17)), "source:arxiv"),
]  # fmt: skip


def take(press: Press, kind: str, facts: Any) -> None:
    """Carry out a step, if it can be."""
    try:
        match kind:
            case "file":
                press.file(*facts)
            case "merge" | "tell_apart":
                getattr(press.library.deciding, kind)(*(f"p{n}" for n in facts))
            case "split":
                record = press.library.sheet(f"p{facts}").records[-1].record
                press.library.deciding.split(f"p{facts}", f"{record.source}:{record.key}")
            case "undo":
                press.library.deciding.undo(facts)
            case "vote":
                press.library.community.votes.vote(OWNER, f"p{facts[0]}", facts[1])
            case "pick" | "unpick":
                getattr(press.library.picks, kind)(OWNER, f"p{facts}")
            case "wait":
                press.clock.now += timedelta(hours=facts)
    except (DecisionError, NotFoundError, RefusedError):
        pass


@settings(
    deadline=None, max_examples=15,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)  # fmt: skip
@given(STEPS)
def test_what_is_remembered_is_what_is(
    tmp_path_factory: pytest.TempPathFactory, empty: Path, embedder: StaticEmbedder, steps: list
):
    """Whatever happens, every edition is what it would be if none was ever asked for before.

    No paper stands twice, and the editions of the days hold what the days are said to hold.
    """
    home = tmp_path_factory.mktemp("any")
    shutil.copy(empty, home)
    clock = Clock(TUESDAY_MORNING)
    with open_library(home, clock=clock, embedder=embedder) as library:
        press = Press(library, clock)
        for kind, facts in steps:
            take(press, kind, facts)
            anew = Editions(library.database, library.index, library._trending, clock)
            for period, query in ASKED:
                found = library.editions.edition(period, query)
                numbers = [
                    p.paper.id
                    for p in (*found.leads, *(q for s in found.sections for q in s.places))
                ]
                assert found == anew.edition(period, query)
                assert len(set(numbers)) == len(numbers) == found.total
                assert query or found.total == sum(d.papers for d in found.days)
