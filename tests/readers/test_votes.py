"""Votes: once, taken back, counted where the paper leads, and never otherwise than the ledger."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, update

from broadsheet.collection import papers, schema
from broadsheet.collection.votes import Counted, remake, withdraw
from broadsheet.errors import NotAllowed, NotSignedIn, PaperNotFound, TooOften
from broadsheet.factory import open_library
from broadsheet.papers.types import Record
from broadsheet.readers.permissions import OWNER, STRANGER, VISITOR, Actor
from broadsheet.readers.rules import PRIVATE
from processes import start_script
from readers.commons import commons


@pytest.fixture
def place(tmp_path, empty_record):
    """Return four papers and whoever reads them."""
    with commons(tmp_path / "place", empty_record) as made:
        yield made


@pytest.fixture
def ada(place):
    """Return a reader."""
    return place.join("ada")


@pytest.fixture
def bo(place):
    """Return another reader."""
    return place.join("bo")


def upvotes(place, *papers: int):
    """Return the votes that papers have."""
    found = place.community.counts(papers, VISITOR)
    return [found[p].upvotes for p in papers]


def test_a_vote_counts_once_and_can_be_taken_back(place, ada, bo):
    """To vote twice changes nothing; neither does taking back what was not given."""
    assert place.votes.vote(ada, "p1", True) == Counted(1, 0, True)
    assert place.votes.vote(ada, "p1", True) == Counted(1, 0, True)
    assert place.votes.vote(bo, "p1", True) == Counted(2, 0, True)
    assert place.votes.vote(ada, "p1", False) == Counted(1, 0, False)
    assert place.votes.vote(ada, "p1", False) == Counted(1, 0, False)

    assert place.community.counts([1, 2], bo) == {1: Counted(1, 0, True), 2: Counted()}
    assert place.ledger() == [(1, ada.id, True), (1, bo.id, True), (1, ada.id, False)]
    assert place.problems() == []


def test_every_count_is_a_signal_of_its_second(place, ada, bo):
    """Two votes in one second are one observation, of what they come to."""
    place.votes.vote(ada, "p1", True)
    place.votes.vote(bo, "p1", True)
    place.wait(seconds=5)
    place.votes.vote(bo, "p1", False)
    place.votes.vote(bo, "p1", False)

    assert place.signals(1) == [
        ("upvotes", "p1", "06:30:00", 2.0), ("upvotes", "p1", "06:30:05", 1.0)
    ]  # fmt: skip


def test_a_clock_that_was_put_back_leaves_the_newest_count_last(place, ada, bo):
    """What was seen later than now was not: the series ends with what is so."""
    place.votes.vote(ada, "p1", True)
    place.wait(seconds=-30)
    place.votes.vote(bo, "p1", True)

    assert place.signals(1) == [("upvotes", "p1", "06:29:30", 2.0)]
    assert place.problems() == []


def test_who_may_vote(place, ada):
    """Nobody without an account, and no token that may only read."""
    for actor in (VISITOR, STRANGER):
        with pytest.raises(NotSignedIn):
            place.votes.vote(actor, "p1", True)
    with pytest.raises(NotAllowed):
        place.votes.vote(ada._replace(scopes=frozenset({"read"})), "p1", True)
    with pytest.raises(NotSignedIn):
        place.community.counts([1], STRANGER)
    with pytest.raises(PaperNotFound):
        place.votes.vote(ada, "p99", True)

    assert place.ledger() == []


def test_many_votes_in_a_short_time_are_refused(place, ada, bo):
    """Thirty a minute; what is refused is not counted, and nobody else has to wait."""
    for n in range(30):
        place.votes.vote(ada, f"p{n % 4 + 1}", n < 4)
    with pytest.raises(TooOften) as refused:
        place.votes.vote(ada, "p1", True)

    assert refused.value.retry_after == 60
    assert place.votes.vote(bo, "p1", True).upvotes == 1
    place.wait(seconds=61)
    assert place.votes.vote(ada, "p1", True).upvotes == 2


def test_who_reads_alone_may_vote_as_often_as_they_like(tmp_path, empty_record):
    """Limits are for many."""
    with commons(tmp_path / "alone", empty_record, PRIVATE) as place:
        for n in range(80):
            place.votes.vote(OWNER, "p1", n % 2 == 0)

        assert len(place.ledger()) == 80


# ---------------------------------------------------------------------------- merges


def test_votes_for_papers_that_are_one_count_once_for_each_reader(place, ada, bo):
    """The moved series ends with 0, the other goes on with all; an undo brings both back."""
    place.votes.vote(ada, "p1", True)
    place.votes.vote(ada, "p2", True)
    place.votes.vote(bo, "p2", True)
    place.wait(minutes=1)
    merged = place.merge("p1", "p2")

    assert upvotes(place, 1) == [2]
    assert place.signals(1) == [
        ("upvotes", "p1", "06:30:00", 1.0), ("upvotes", "p1", "06:31:00", 2.0),
        ("upvotes", "p2", "06:30:00", 2.0), ("upvotes", "p2", "06:31:00", 0.0),
    ]  # fmt: skip
    assert place.problems() == []

    place.wait(minutes=1)
    place.undo(merged)

    assert upvotes(place, 1, 2) == [1, 2]
    assert place.signals(1)[-1] == ("upvotes", "p1", "06:32:00", 1.0)
    assert place.signals(2)[-1] == ("upvotes", "p2", "06:32:00", 2.0)
    assert len(place.signals(2)) == 3
    assert place.problems() == []


def test_a_vote_for_a_merged_paper_is_taken_back_wherever_it_was_given(place, ada):
    """Both were given, so both are taken back, and stay so after an undo."""
    place.votes.vote(ada, "p1", True)
    place.votes.vote(ada, "p2", True)
    merged = place.merge("p1", "p2")
    place.votes.vote(ada, "p2", True)
    assert len(place.ledger()) == 2

    assert place.votes.vote(ada, "p2", False) == Counted()
    place.undo(merged)

    assert upvotes(place, 1, 2) == [0, 0]
    assert place.ledger()[2:] == [(1, ada.id, False), (2, ada.id, False)]
    assert place.problems() == []


def test_a_chain_of_merges_is_undone_link_by_link(place, ada, bo):
    """What had been merged before goes with the paper that it was merged into."""
    place.votes.vote(ada, "p3", True)
    place.votes.vote(bo, "p2", True)
    place.merge("p2", "p3")
    last = place.merge("p1", "p2")
    assert upvotes(place, 1) == [2]

    place.undo(last)

    assert upvotes(place, 1, 2) == [0, 2]
    assert {key for _, key, _, _ in place.signals(2)} == {"p2", "p3"}
    assert place.problems() == []


def test_merges_without_votes_count_nothing(place):
    """A missing signal is not zero."""
    place.undo(place.merge("p1", "p2"))

    assert place.signals(1) == place.signals(2) == []


@settings(
    max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(data=st.data())
def test_whatever_happens_counts_are_those_of_the_ledger(data, tmp_path_factory, empty_record):
    """Votes, merges, undos and bans in any order, against a set of who voted for what."""
    given_votes, merges, banned = set(), [], set()
    with commons(tmp_path_factory.mktemp("any"), empty_record) as place:
        readers = [place.join(name) for name in ("ada", "bo", "cy")]
        for _ in range(data.draw(st.integers(1, 12))):
            what = data.draw(st.sampled_from(["vote", "vote", "vote", "merge", "undo", "ban"]))
            paper, other = (data.draw(st.integers(1, 4)) for _ in range(2))
            reader = data.draw(st.sampled_from(readers))
            place.wait(seconds=data.draw(st.integers(0, 1)))
            home = place.home(f"p{paper}")
            own = {vote for vote in given_votes if vote[1] == reader.id}
            mine = {vote for vote in own if place.home(f"p{vote[0]}") == home}
            if what == "vote" and reader.id in banned:
                with pytest.raises(NotSignedIn):
                    place.votes.vote(reader, f"p{paper}", True)
            elif what == "vote" and data.draw(st.booleans()):
                place.votes.vote(reader, f"p{paper}", True)
                given_votes |= set() if mine else {(home, reader.id)}
            elif what == "vote":
                place.votes.vote(reader, f"p{paper}", False)
                given_votes -= mine
            elif what == "merge" and home != place.home(f"p{other}"):
                merges.append(place.merge(f"p{paper}", f"p{other}"))
            elif what == "undo" and merges:
                place.undo(merges.pop())
            elif what == "ban":
                banned ^= {reader.id}
                place.set_state(reader, "banned" if reader.id in banned else "active")
            check(place, given_votes, banned)


def check(place, given_votes, banned):
    """See that every count is what a set of votes comes to, and every series too."""
    homes = {p: place.home(f"p{p}") for p in range(1, 5)}
    right = {home: set() for home in homes.values()}
    for paper, reader in given_votes:
        right[homes[paper]] |= {reader} - banned
    counted = place.community.counts(sorted(right), VISITOR)
    assert {p: c.upvotes for p, c in counted.items()} == {p: len(r) for p, r in right.items()}
    assert place.problems() == []
    for home, voters in right.items():
        last = {key: value for kind, key, _, value in place.signals(home)}
        assert sum(last.values()) == len(voters)


# ---------------------------------------------------------------------------- many, and gone


def test_votes_of_many_at_once_are_neither_lost_nor_doubled(place):
    """Each of 40 readers votes five times for the same paper, from eight threads."""
    readers = [place.join(f"reader-{n}") for n in range(40)]

    def vote(actor: Actor) -> None:
        for is_up in (True, True, False, True, True):
            place.votes.vote(actor, "p1", is_up)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(vote, readers))

    assert upvotes(place, 1) == [40]
    assert len(place.ledger()) == 40 * 3
    assert place.problems() == []


def test_votes_of_the_banned_do_not_count_until_they_are_let_in_again(place, ada, bo):
    """Nothing is taken back for them: the ledger says what was voted."""
    place.votes.vote(ada, "p1", True)
    place.votes.vote(bo, "p1", True)
    place.wait(seconds=1)
    place.set_state(ada, "banned")

    assert upvotes(place, 1) == [1]
    assert place.signals(1)[-1][3] == 1.0
    assert len(place.ledger()) == 2

    place.set_state(ada, "active")
    assert upvotes(place, 1) == [2]
    assert place.problems() == []


def test_who_leaves_takes_their_votes_along(place, ada):
    """The ledger has it, and what was counted follows."""
    place.votes.vote(ada, "p1", True)
    place.votes.vote(ada, "p2", True)
    place.wait(seconds=1)
    with place.database.write() as connection:
        withdraw(connection, ada.id, place.time)

    assert upvotes(place, 1, 2) == [0, 0]
    assert len(place.ledger()) == 4
    assert place.signals(2)[-1] == ("upvotes", "p2", "06:30:01", 0.0)
    assert place.problems() == []


# Sixteen readers vote for p1 to p4, on and on, and tell each vote that was kept.
_VOTING = """
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from broadsheet.collection.database import Database
from broadsheet.collection.together import Together
from broadsheet.readers.community import Community
from broadsheet.readers.permissions import Actor
from broadsheet.readers.rules import PRIVATE
database = Database(Path(sys.argv[1]))
community = Community(database, Together(database), PRIVATE, lambda: datetime.now(UTC))
def vote(reader):
    for n in range(1000):
        paper, is_up = n % 4 + 1, n // 4 % 2 == 0
        community.votes.vote(Actor(reader, "reader"), f"p{paper}", is_up)
        sys.stdout.write(f"{reader} {paper} {int(is_up)} {n // 4}\\n")
        sys.stdout.flush()
with ThreadPoolExecutor(16) as pool:
    list(pool.map(vote, map(int, sys.argv[2:])))
"""


def test_a_kill_loses_no_vote_that_was_told_and_no_count(place):
    """After SIGKILL in the middle of it all, votes, ledger and counts agree."""
    readers = [place.join(f"reader-{n}").id for n in range(16)]
    file = place.database.path
    process = start_script(_VOTING, file, *readers)
    told = [process.stdout.readline().split() for _ in range(200)]
    process.kill()
    told += [line.split() for line in process.communicate()[0].splitlines(keepends=True)
             if line.endswith(b"\n")]  # fmt: skip

    assert place.problems() == []
    rounds = Counter((paper, reader) for paper, reader, _ in place.ledger())
    for reader, paper, _, number in told:
        assert rounds[int(paper), int(reader)] > int(number)
    ledger = place.ledger()
    for (paper, reader), count in rounds.items():
        ups = [up for p, r, up in ledger if (p, r) == (paper, reader)]
        assert ups == [n % 2 == 0 for n in range(count)]


# ---------------------------------------------------------------------------- checking


def test_check_finds_what_does_not_agree(place, ada):
    """A vote without a line in the ledger, one that counts for nothing, a wrong count."""
    place.votes.vote(ada, "p1", True)
    place.votes.vote(ada, "p2", True)
    place.votes.vote(ada, "p3", True)
    with place.database.write() as connection:
        voted, counted = schema.voted, schema.signals
        connection.execute(delete(voted).where(voted.c.paper_id == 1))
        row = {"paper_id": 4, "reader_id": ada.id, "at": place.time}
        connection.execute(insert(voted).values(row))
        connection.execute(update(counted).where(counted.c.paper_id == 3).values(value=7))

    assert place.problems() == [
        f"the vote of reader {ada.id} for p1 stands in the ledger and does not count",
        f"the vote of reader {ada.id} for p4 stands in no ledger and counts",
        "p1 has 0 upvotes, and 1 were counted",
        "p3 has 1 upvotes, and 7 were counted",
        "p4 has 1 upvotes, and 0 were counted",
    ]

    with place.database.write() as connection:
        remake(connection, place.time)

    assert place.problems() == []
    assert upvotes(place, 1, 2, 3, 4) == [1, 1, 1, 0]


def test_the_library_checks_and_repairs_them_too(home):
    """`check` of a whole collection says it among everything else."""
    with open_library(home) as library:
        with library.database.write() as connection:
            papers.file(connection, [Record("x", "1", "A paper")], "2026-03-17T06:30:00Z")
        library.keep_up()
        library.community.votes.vote(OWNER, "p1", True)
        assert library.check().problems == []
        with library.database.write() as connection:
            connection.execute(delete(schema.voted))

        assert library.check().problems == [
            "the vote of reader 1 for p1 stands in the ledger and does not count",
            "p1 has 0 upvotes, and 1 were counted",
        ]
        assert library.sheet("p1").here == Counted(0, 0)
        list(library.repair())
        assert library.check().problems == []
        assert library.sheet("p1").here == Counted(1, 0)
