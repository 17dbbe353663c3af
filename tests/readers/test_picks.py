"""What curators feature on an edition: who may, what stands first, and what stays."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from broadsheet.collection import actions
from broadsheet.collection.database import Database
from broadsheet.editions.calendar import day_of, month_of, week_of
from broadsheet.editions.edition import Edition
from broadsheet.editions.order import LEAD
from broadsheet.errors import NotAllowed, NotSignedIn, PaperNotFound, RefusedError
from broadsheet.factory import DATABASE, open_library
from broadsheet.library import Library
from broadsheet.papers.types import ExternalId, Record
from broadsheet.readers.permissions import OWNER, VISITOR, Actor
from broadsheet.readers.picks import LONGEST
from broadsheet.readers.rules import PRIVATE, Rules
from broadsheet.search.embedding import StaticEmbedder
from readers.circle import filed, join

TUESDAY = date(2026, 3, 17)
MORNING = datetime(2026, 3, 17, 6, 30, tzinfo=UTC)
THURSDAY = datetime(2026, 3, 19, 6, 30, tzinfo=UTC)
"""When the edition of Tuesday is closed."""


@dataclass
class Room:
    """A library with a clock that can be set, and curators."""

    library: Library
    now: list[datetime]

    def curator(self, name: str) -> Actor:
        """Return a new curator."""
        return join(self.library, name, "curator")

    def order(self, day: date = TUESDAY) -> list[int]:
        """Return all papers of a day in their order."""
        editions, period = self.library.editions, day_of(day)
        names = [LEAD, *(s.name for s in editions.edition(period).sections)]
        return [p.paper.id for n in names for p in editions.listing(period, n).places]

    def of(self, day: date = TUESDAY) -> Edition:
        """Return the edition of a day."""
        return self.library.editions.edition(day_of(day))

    def log(self) -> list[tuple[str, str, str, str]]:
        """Return what was done with a curator's power, newest first."""
        with self.library.database.read() as connection:
            found = actions.recent(connection, 50)
        return [(line.name, line.action, line.subject, line.note) for line in found]


@pytest.fixture
def room(tmp_path: Path, empty_record: Path, embedder: StaticEmbedder) -> Iterator[ExitStack]:
    """Return a function that opens a room with certain rules, with ten papers of Tuesday."""
    with ExitStack() as stack:

        def opened(rules: Rules = PRIVATE) -> Room:
            now = [MORNING]
            (tmp_path / "home").mkdir()
            shutil.copyfile(empty_record, tmp_path / "home" / DATABASE)
            library = stack.enter_context(
                open_library(
                    tmp_path / "home", clock=lambda: now[0], embedder=embedder, rules=rules
                )
            )
            filed(library, *(story(n) for n in range(1, 11)))
            return Room(library, now)

        yield opened


def story(number: int, day: str = "2026-03-17") -> Record:
    """Return an invented paper, announced on a day."""
    return Record(
        "arxiv", f"2603.{number:05}", f"Herons of river {number}", abstract="They wade. " * 30,
        external_ids=(ExternalId("arxiv", f"2603.{number:05}"),), announced=day, year=2026,
        categories=("cs.LG",),
    )  # fmt: skip


# ---------------------------------------------------------------------------- who, and what


def test_a_pick_stands_first_with_its_note(room):
    """Whoever curates picks a paper for its edition: it leads, and says by whom and why."""
    here = room()
    made = here.library.picks.pick(here.curator("ada"), "p4", "  Read\nthis. ")
    first = here.of().leads[0]

    assert (made.paper, made.day, made.by, made.note) == (4, "2026-03-17", "ada", "Read this.")
    assert (first.paper.id, first.pick) == (4, made)
    assert not any(p.pick for s in here.of().sections for p in s.places)
    for period in (week_of(TUESDAY), month_of(TUESDAY)):
        assert here.library.editions.edition(period).leads[0].pick == made
    assert here.library.editions.edition(day_of(TUESDAY), "cat:cs.LG").leads[0].pick == made


def test_a_pick_is_taken_back(room):
    """Any curator may: the order is as it was, and the log has both."""
    here = room()
    before = here.order()
    ada, bo = here.curator("ada"), here.curator("bo")
    here.library.picks.pick(ada, "arxiv:2603.00004", "Good.", day=TUESDAY)
    assert here.order() == [4, *(n for n in before if n != 4)]
    here.library.picks.unpick(bo, "p4")

    assert here.order() == before
    assert here.library.picks.between(TUESDAY, TUESDAY) == []
    assert here.log() == [
        ("bo", "unpick", "paper p4 on 2026-03-17", "picked by ada: Good."),
        ("ada", "pick", "paper p4 on 2026-03-17", "Good."),
    ]
    with pytest.raises(RefusedError, match="Nobody has picked this paper"):
        here.library.picks.unpick(bo, "p4")


def test_only_curators_pick(room):
    """Readers, visitors and tokens of another scope do not; the owner of a collection does."""
    here, reader = room(), Actor(7, "reader", "cy")
    acting = Actor(1, "admin", "owner", frozenset({"act"}))

    for actor, error in ((reader, NotAllowed), (VISITOR, NotSignedIn), (acting, NotAllowed)):
        for ask in (here.library.picks.pick, here.library.picks.unpick):
            with pytest.raises(error):
                ask(actor, "p1")
    assert here.library.picks.pick(OWNER, "p1").by == "owner"


def test_who_picked_may_change_the_note_and_others_not(room):
    """One pick of a paper: its curator says it better, another one is told who has picked it."""
    here = room()
    ada, bo = here.curator("ada"), here.curator("bo")
    first = here.library.picks.pick(ada, "p2", "Good.")
    assert here.library.picks.pick(ada, "p2", "Good.") == first
    better = here.library.picks.pick(ada, "p2", "Very good.")
    with pytest.raises(RefusedError, match="ada has picked this paper already"):
        here.library.picks.pick(bo, "p2", "Mine.")

    assert here.library.picks.between(TUESDAY, TUESDAY) == [better]
    assert here.library.picks.of_paper(2) == [better]
    assert len(here.log()) == 2


@pytest.mark.parametrize("ask", ["pick", "unpick"])
def test_what_cannot_be_picked_says_why(room, ask):
    """A paper that is not here, or of another day, and a note without end."""
    here = room()
    filed(here.library, story(20, "2026-03-16"))
    here.library.picks.pick(OWNER, "p11")
    asked = getattr(here.library.picks, ask)

    with pytest.raises(PaperNotFound):
        asked(OWNER, "p999")
    with pytest.raises(RefusedError, match="p11 belongs to the edition of 2026-03-16, not of 2026"):
        asked(OWNER, "p11", day=TUESDAY)
    with pytest.raises(RefusedError, match=r"A note has 500 characters at most; this has 501\."):
        here.library.picks.pick(OWNER, "p1", "x" * (LONGEST + 1))
    assert len(here.library.picks.pick(OWNER, "p1", "x" * LONGEST).note) == LONGEST


def test_a_note_is_one_line_of_plain_text(room):
    """What turns text round or breaks lines is taken out."""
    assert room().library.picks.pick(OWNER, "p1", "a\u202eb\x00\n\tc").note == "a b c"


# ---------------------------------------------------------------------------- the order


def test_picks_stand_first_only_where_the_house_wants_it(room):
    """Without that rule a pick is a mark, and moves nothing."""
    here = room(Rules(picks_first=False))
    before = here.order()
    here.library.picks.pick(OWNER, f"p{before[-1]}", "Late, and good.")

    assert here.order() == before
    marks = [p for s in here.of().sections for p in s.places if p.pick]
    assert [p.paper.id for p in marks] == before[-1:]


def test_a_pick_made_before_the_edition_closed_is_kept_in_its_order(room):
    """It leads for ever, also once it was taken back: then the mark alone is gone."""
    here = room()
    here.library.picks.pick(OWNER, "p4", "Good.")
    here.now[0] = THURSDAY
    before = here.order()
    assert (before[0], here.of().is_closed) == (4, True)
    here.library.picks.unpick(OWNER, "p4")

    assert here.order() == before
    assert here.of().leads[0].pick is None


def test_a_pick_of_a_closed_edition_moves_nothing(room):
    """It is a mark: the order was made when the day closed, whoever looked first, and when."""
    here = room()
    here.now[0] = THURSDAY
    here.library.picks.pick(OWNER, "p1", "Found late.")
    order = here.order()
    here.library.picks.pick(OWNER, f"p{order[-1]}", "Found later.")

    assert order[0] != 1
    assert here.order() == order
    marks = {p.paper.id for s in here.of().sections for p in s.places if p.pick}
    assert marks == {1, order[-1]} & {p.paper.id for s in here.of().sections for p in s.places}


def test_a_pick_follows_its_paper(room):
    """Merged, or announced earlier than was known, the paper takes its pick along."""
    here = room()
    made = here.library.picks.pick(OWNER, "p6", "Good.")
    here.library.deciding.merge("p3", "p6")
    assert here.of().leads[0].pick == made._replace(paper=3)
    filed(here.library, story(3, "2026-03-16"))
    monday = date(2026, 3, 16)

    assert here.of().leads[0].pick is None
    assert here.of(monday).leads[0].pick == made._replace(paper=3, day="2026-03-16")
    here.library.picks.unpick(OWNER, "p6", day=monday)
    assert here.library.picks.of_paper(3) == []


def test_two_picks_of_what_became_one_paper(room):
    """The earlier one is its mark; taking back ends both."""
    here = room()
    ada, bo = here.curator("ada"), here.curator("bo")
    first = here.library.picks.pick(ada, "p6", "Mine.")
    here.library.picks.pick(bo, "p3", "And mine.")
    here.library.deciding.merge("p3", "p6")

    assert here.of().leads[0].pick == first._replace(paper=3)
    assert len(here.library.picks.of_paper(3)) == 2
    assert len(here.library.picks.unpick(bo, "p3")) == 2
    assert here.of().leads[0].pick is None


def test_a_pick_is_seen_by_whoever_opened_the_home_before(room, embedder):
    """Another process picks; the next look here has it."""
    here = room()
    assert here.of().leads[0].pick is None
    home = here.library.database.path.parent
    with open_library(home, clock=lambda: MORNING, embedder=embedder) as other:
        other.picks.pick(OWNER, "p9", "From elsewhere.")

    assert here.of().leads[0].pick.note == "From elsewhere."
    with Database(home / DATABASE) as database, database.read() as connection:
        assert len(actions.recent(connection, 5)) == 1
