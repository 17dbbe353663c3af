"""Composing: what is in an issue, whom it is for, and what the ledger says of it."""

from __future__ import annotations

import logging
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from broadsheet.collection import backup, harvests, papers, runs, schema
from broadsheet.collection.database import Database
from broadsheet.collection.harvests import Listed
from broadsheet.delivery.composing import Composed
from broadsheet.delivery.subscription import Wishes
from broadsheet.errors import PaperNotFound, QueryError, RefusedError, SearchIndexError
from broadsheet.factory import DATABASE, open_library
from broadsheet.readers.permissions import OWNER
from delivery.newsdesk import DAILY, FRIDAY, Newsdesk, iso
from editions.presses import Clock, paper

DAY = timedelta(days=1)
THURSDAY, TODAY = "2026-11-19", "2026-11-20"
TOMORROW = FRIDAY + DAY


@pytest.fixture(scope="module")
def empty(tmp_path_factory) -> Path:
    """Return the file of an empty record, to be copied: making one takes long."""
    path = tmp_path_factory.mktemp("empty") / DATABASE
    Database(path).close()
    return path


@pytest.fixture
def desk(home, empty, embedder):
    """Give a desk on a Friday morning, an hour before digests are due."""
    home.mkdir()
    shutil.copy(empty, home)
    clock = Clock(FRIDAY)
    with open_library(home, clock=clock, embedder=embedder) as library:
        yield Newsdesk(library, clock)


def on(day: str, *numbers: int, **more: Any):
    """Return the papers of a day."""
    return [paper(n, day, **more) for n in numbers]


# ---------------------------------------------------------------------------- an issue


def test_a_first_issue_has_the_papers_of_its_day(desk):
    """The row of the ledger says all that was decided, and when the next one is due."""
    desk.file(*on(TODAY, 1, 2), *on(THURSDAY, 3))
    desk.subscribe()

    assert desk.tick() == Composed(ready=1)

    (row,) = desk.ledger()
    assert row | {"body": "", "made": ""} == {
        "id": 1, "subscription_id": 1, "issue": TODAY, "due": "2026-11-20T06:00:00Z",
        "ends": "2026-11-20T18:00:00Z", "state": "ready", "until": TODAY, "cut": 3, "body": "",
        "papers": 2, "made": "", "tries": 0, "next_try": "2026-11-20T06:00:00Z", "claimed": None,
        "sent": None,
    }  # fmt: skip
    assert desk.titles() == ["u1z", "u2z"]
    choice = desk.choice()
    assert (choice.title, choice.more, choice.more_path) == ("Trending", 0, "/trending")
    assert choice.first == choice.until == FRIDAY.date()
    assert choice.items[0].reasons == (f"announced {TODAY}",)
    assert desk.subscription(1).next_due == "2026-11-21T06:00:00Z"


def test_an_issue_is_decided_once(desk):
    """Whoever asks again, or sets the moment back, gets no second one."""
    desk.file(*on(TODAY, 1))
    desk.subscribe()
    assert desk.tick().ready == 1
    assert desk.tick() == Composed()
    with desk.library.database.write() as connection:
        connection.execute(update(schema.subscriptions).values(next_due="2026-11-20T06:00:00Z"))

    # The same issue is not made a second time, whoever set the moment back.
    assert desk.tick() == Composed(stopped=1)
    assert len(desk.ledger()) == 1
    assert desk.subscription(1).next_due == "2026-11-21T06:00:00Z"


def test_nobody_has_a_paper_twice_and_none_is_lost(desk):
    """The next issue goes on where the last one ended."""
    desk.file(*on(TODAY, *range(1, 6)))
    desk.subscribe(replace(DAILY, longest=3))
    desk.tick()
    first = desk.titles()
    desk.file(*on("2026-11-21", 6, 7))
    desk.until(TOMORROW + timedelta(hours=1))

    assert len(first) == 3
    assert desk.choice().more == 0
    assert sorted(desk.titles()) == ["u6z", "u7z"]


def test_what_a_clock_that_was_ahead_composed_covers_nothing(desk):
    """Papers of the days that it leapt over come all the same."""
    desk.file(*on(TODAY, 1))
    desk.subscribe()
    desk.tick()
    with desk.library.database.write() as connection:
        connection.execute(update(schema.subscriptions).values(next_due="2027-11-20T06:00:00Z"))
    desk.until(FRIDAY.replace(year=2027, hour=7))
    assert desk.ledger()[-1]["state"] == "empty"

    desk.file(*on("2026-11-21", 2))
    with desk.library.database.write() as connection:
        connection.execute(update(schema.subscriptions).values(next_due="2026-11-21T06:00:00Z"))
    desk.until(TOMORROW + timedelta(hours=1))
    assert desk.titles() == ["u2z"]


def test_what_was_not_delivered_comes_with_the_next_issue(desk):
    """Only what may have been delivered counts as covered."""
    desk.file(*on(TODAY, 1, 2))
    desk.subscribe()
    desk.tick()
    desk.mark("expired")
    desk.until(TOMORROW + timedelta(hours=1))

    assert sorted(desk.titles()) == ["u1z", "u2z"]


@pytest.mark.parametrize("state", ["sent", "unknown", "claimed", "ready"])
def test_what_may_have_been_delivered_does_not_come_again(desk, state):
    """Where nobody knows, it counts as delivered."""
    desk.file(*on(TODAY, 1, 2))
    desk.subscribe()
    desk.tick()
    desk.mark(state)

    assert desk.until(TOMORROW + timedelta(hours=1)) == Composed(empty=1)


@pytest.mark.parametrize("state", ["stopped", "refused", "expired"])
def test_what_was_delivered_once_does_not_come_again(desk, state):
    """Whatever came of it when a person let it be sent again."""
    desk.file(*on(TODAY, 1, 2))
    desk.subscribe()
    desk.tick()
    desk.mark(state)
    with desk.library.database.write() as connection:
        connection.execute(update(schema.digests).values(sent=iso(FRIDAY)))

    assert desk.until(TOMORROW + timedelta(hours=1)) == Composed(empty=1)


def test_two_subscriptions_of_one_recipient_share_what_was_had(desk):
    """What counts is the address, not the list."""
    desk.file(*on(TODAY, 1, 2, category="cs.CL"), *on(TODAY, 3))
    desk.subscribe(replace(DAILY, query="cat:cs.CL"))
    desk.subscribe(DAILY, recipient=1)
    desk.subscribe(DAILY)

    assert desk.tick() == Composed(ready=3)
    assert [sorted(desk.titles(n)) for n in (1, 2, 3)] == [
        ["u1z", "u2z"], ["u3z"], ["u1z", "u2z", "u3z"],
    ]  # fmt: skip


def test_nothing_to_tell_is_told_if_wished(desk):
    """Else nothing goes out, and the ledger says why."""
    desk.subscribe()
    desk.subscribe(replace(DAILY, when_empty="tell"))

    assert desk.tick() == Composed(ready=1, empty=1)
    assert [desk.ledger(n)[0]["next_try"] is None for n in (1, 2)] == [True, False]


# ---------------------------------------------------------------------------- late, again


def test_a_paper_that_came_late_is_told_so(desk):
    """For two weeks it comes with the next issue; older ones are no news."""
    desk.file(*on(TODAY, 1))
    desk.subscribe()
    desk.tick()
    desk.file(*on(TODAY, 2), *on("2026-11-10", 3), *on("2026-10-01", 4))
    desk.until(TOMORROW + timedelta(hours=1))

    assert sorted(desk.titles()) == ["u2z:late", "u3z:late"]


def test_a_paper_that_was_there_and_had_no_place_does_not_come_late(desk):
    """Saying more of a paper does not make it one that came late."""
    desk.file(*on(TODAY, 1, 2))
    desk.subscribe(replace(DAILY, longest=1))
    desk.tick()
    assert desk.choice().more == 1
    desk.file(replace(paper(2, TODAY), comment="12 pages"))

    assert desk.until(TOMORROW + timedelta(hours=1)) == Composed(empty=1)


def test_a_new_version_comes_again_marked(desk):
    """Only a version that is newer than what they had is told."""
    weekly = replace(DAILY, cadence="week", on_day=5)
    desk.file(*on(TODAY, 1, 2, updated="2026-11-19"))
    desk.subscribe()
    desk.subscribe(weekly, recipient=1)
    desk.tick()
    desk.file(replace(paper(2, TODAY), updated="2026-11-21"))
    desk.until(TOMORROW + timedelta(hours=1))

    assert desk.titles(2) == ["u2z:updated"]


def test_a_merged_paper_is_the_one_that_was_had(desk):
    """What was had under another number was had."""
    desk.file(*on(TODAY, 1, 2))
    desk.subscribe(replace(DAILY, query="u1z"))
    desk.subscribe(replace(DAILY, cadence="week", on_day=5, query="cat:cs.LG"), recipient=1)
    desk.tick()
    one, two = desk.id_of("u1z"), desk.id_of("u2z")
    # The one that was had is now a part of the other.
    desk.library.deciding.merge(f"p{two}", f"p{one}")

    assert desk.titles(1) == ["u1z"]
    assert desk.until(TOMORROW + timedelta(hours=1)) == Composed(empty=2)


def test_a_paper_that_was_split_off_comes(desk):
    """It was a part of another one, which nobody meant to have."""
    desk.file(*on(TODAY, 1, 2))
    merged = desk.library.deciding.merge(f"p{desk.id_of('u1z')}", f"p{desk.id_of('u2z')}")
    desk.subscribe()
    desk.tick()
    assert len(desk.titles()) == 1
    desk.library.deciding.undo(merged.id)
    desk.until(TOMORROW + timedelta(hours=1))

    (other,) = {"u1z:late", "u2z:late"} & set(desk.titles())
    assert desk.titles() == [other]


# ---------------------------------------------------------------------------- kinds


def test_trending_is_in_order_of_what_is_hot(desk):
    """The reason is what was counted; a threshold is one of standing."""
    desk.file(*on(TODAY, 1, 2, 3))
    for word, upvotes in (("u2z", 40), ("u3z", 9)):
        desk.count(desk.id_of(word), upvotes, FRIDAY)
    desk.subscribe()
    desk.subscribe(replace(DAILY, threshold=0.5))
    desk.tick()

    assert desk.titles() == ["u2z", "u3z", "u1z"]
    assert desk.choice().items[0].reasons == ("40 upvotes in a day",)
    assert desk.titles(2) == ["u2z"]


def test_in_a_week_no_day_loses_by_its_age(desk):
    """What has most attention comes first in a weekly issue, what is hottest in a daily one."""
    desk.file(*on("2026-11-15", 1), *on(TODAY, 2))
    desk.count(desk.id_of("u1z"), 40, FRIDAY)
    desk.count(desk.id_of("u2z"), 30, FRIDAY)
    desk.subscribe(replace(DAILY, cadence="week", on_day=4))
    desk.subscribe(replace(DAILY, longest=100))
    desk.tick()

    assert desk.titles() == ["u1z", "u2z"]
    assert desk.titles(2)[0] == "u2z"


def test_what_rises_only_now_has_a_quarter_of_the_places(desk):
    """It is marked, and does not count as more of the issue."""
    desk.file(*on(TODAY, *range(1, 9)), *on("2026-11-12", *range(11, 15)))
    for number in range(11, 15):
        desk.count(desk.id_of(f"u{number}z"), 1, FRIDAY - 3 * DAY)
        desk.count(desk.id_of(f"u{number}z"), 800 - number, FRIDAY)
    desk.subscribe(replace(DAILY, longest=8))
    desk.tick()

    marks = [t for t in desk.titles() if ":" in t]
    assert marks == ["u11z:earlier", "u12z:earlier"]
    assert len(desk.titles()) == 8
    assert desk.choice().more == 2
    earlier = next(i for i in desk.choice().items if i.mark)
    assert earlier.reasons[0].startswith("789 upvotes in 9 days (")


def test_an_edition_is_in_its_order_with_its_reasons(desk):
    """Picks come first and say so."""
    desk.file(*on(TODAY, *range(1, 6)))
    desk.library.picks.pick(OWNER, f"p{desk.id_of('u4z')}", "Read this.")
    desk.count(desk.id_of("u5z"), 9, FRIDAY)
    desk.subscribe(replace(DAILY, kind="edition"))
    desk.tick()

    assert desk.titles()[:2] == ["u4z", "u5z"]
    assert desk.choice().items[0].reasons[0] == "picked by owner: Read this."
    assert desk.choice().more_path == "/2026/11/20"


def test_a_search_is_in_order_of_relevance(desk):
    """All bare words and conditions hold; the reason names them."""
    desk.file(
        paper(1, TODAY, abstract="A tale of whales, in which a lighthouse stands."),
        paper(2, TODAY, title="The lighthouse u2z", abstract="A lighthouse, and its lighthouse."),
        paper(3, TODAY), paper(4, THURSDAY, abstract="An older lighthouse."),
    )  # fmt: skip
    desk.subscribe(replace(DAILY, kind="search", query="lighthouse cat:cs.LG -cat:cs.CL"))
    desk.tick()

    assert desk.titles() == ["u2z", "u1z"]
    choice = desk.choice()
    assert choice.items[0].reasons[0] == "matches lighthouse and cs.LG"
    assert choice.title == "lighthouse cat:cs.LG -cat:cs.CL"
    assert choice.more_path.startswith("/search?q=lighthouse+cat%3Acs.LG+-cat%3Acs.CL+date")


def test_a_search_for_papers_like_one_has_what_is_near(desk):
    """What is not near does not match."""
    whales = "Whales sing in the deep ocean, and their songs are recorded by microphones."
    desk.file(
        *on("2026-11-01", *range(20, 60)),
        paper(1, "2026-11-02", title="Songs of whales u1z", abstract=whales),
        paper(2, TODAY, title="Whale songs in oceans u2z", abstract=whales.replace("deep", "cold")),
        *on(TODAY, 3, 4),
    )
    desk.subscribe(replace(DAILY, kind="search", query=f"like:p{desk.id_of('u1z')}"))
    desk.tick()

    assert desk.titles() == ["u2z"]
    assert desk.choice().items[0].reasons[0].startswith("very near (0.")


def test_wishes_that_cannot_be_fulfilled_are_refused(desk):
    """The error says what is wrong, and where."""
    check = desk.composer.check
    check(Wishes(kind="search", query="lighthouse OR author:woolf"))
    with pytest.raises(QueryError) as raised:
        check(Wishes(query="cat:cs.CL like:p1"))
    assert raised.value.position == 10
    with pytest.raises(QueryError):
        check(Wishes(kind="search", query="lighthouse OR like:p1"))
    with pytest.raises(PaperNotFound):
        check(Wishes(kind="search", query="like:p99"))
    with pytest.raises(RefusedError, match="Recommendations come later"):
        check(Wishes(kind="recommended"))


def test_papers_like_what_is_not_wanted_stay_away(desk):
    """“Less like this” is of meaning, not of words."""
    whales = "Whales sing in the deep ocean, and their songs are recorded by microphones."
    desk.file(
        *on(THURSDAY, *range(20, 60)), paper(1, THURSDAY, title="Whales u1z", abstract=whales)
    )
    desk.file(*on(TODAY, 2), paper(3, TODAY, title="On whales u3z", abstract=whales))
    desk.subscribe()
    row = {"recipient_id": 1, "paper_id": desk.id_of("u1z"), "kind": "less", "at": iso(FRIDAY)}
    with desk.library.database.write() as connection:
        connection.execute(insert(schema.feedback), [row])
    desk.tick()

    assert desk.titles() == ["u2z"]


# ---------------------------------------------------------------------------- waiting


@pytest.fixture
def arxiv(desk):
    """Give a desk that harvests arXiv and has all until Thursday."""
    desk.sources = {"arxiv"}
    desk.harvested(THURSDAY)
    desk.file(*on(THURSDAY, 1))
    desk.subscribe()
    return desk


def test_a_digest_waits_for_arxiv_and_goes_when_it_came(arxiv):
    """Then it lacks nothing, and says nothing."""
    assert arxiv.tick() == Composed(waiting=1)
    arxiv.file(*on(TODAY, 2))
    arxiv.harvested(TODAY)

    assert arxiv.tick(0.1) == Composed(ready=1)
    assert arxiv.titles() == ["u2z"]
    assert arxiv.choice().notices == ()


def test_a_digest_does_not_wait_for_ever(arxiv):
    """It goes with a notice, and what came late comes with the next one."""
    arxiv.file(*on(TODAY, 2))
    numbers = ["2603.00002", "2603.00003", "2603.00004"]
    with arxiv.library.database.write() as connection:
        listed = Listed("arxiv", "cs.LG", TODAY, iso(FRIDAY), {"new": 3}, {"new": numbers})
        harvests.keep_listing(connection, listed)
    assert arxiv.tick(1.9) == Composed(waiting=1)

    assert arxiv.tick(0.1) == Composed(ready=1)
    assert arxiv.titles() == ["u2z"]
    assert arxiv.choice().notices == (
        "arXiv's listing of Friday, 20 November 2026 was late: 2 papers will follow.",
    )
    arxiv.file(*on(TODAY, 3, 4))
    arxiv.harvested(TODAY)
    arxiv.until(TOMORROW + timedelta(hours=1))
    assert sorted(arxiv.titles()) == ["u3z:late", "u4z:late"]


def test_what_was_just_announced_is_of_the_next_issue(desk):
    """At 00:30 UTC, before the announcement at 01:00, the day has only begun."""
    desk.sources = {"arxiv"}
    desk.harvested(THURSDAY)
    desk.file(*on(THURSDAY, 1), *on(TODAY, 2))
    for at in ("00:30", "01:10"):
        desk.clock.now = FRIDAY.replace(hour=0)
        desk.subscribe(replace(DAILY, at=at))

    assert desk.until(FRIDAY.replace(hour=1, minute=20)) == Composed(ready=1, waiting=1)
    assert desk.until(FRIDAY.replace(hour=2, minute=10)) == Composed(ready=1)
    for number in (1, 2):
        assert desk.titles(number) == ["u1z"]
        assert desk.ledger(number)[0]["until"] == THURSDAY
        assert desk.choice(number).notices == ()


def test_without_arxiv_nothing_waits(desk):
    """Only sources that are enabled are waited for."""
    desk.file(*on(TODAY, 1))
    desk.subscribe()
    assert desk.tick() == Composed(ready=1)


def test_a_source_that_failed_is_told(desk):
    """In a sentence, with the reason that the run gave."""
    desk.sources = {"hf"}
    desk.file(*on(TODAY, 1))
    desk.subscribe()
    with desk.library.database.write() as connection:
        run = runs.begin(connection, "hf", iso(FRIDAY), "harvest")
        runs.finish(connection, run, "failed", "Hugging Face answered 503.", iso(FRIDAY))
    desk.tick()

    assert desk.choice().notices == ("hf could not be read: Hugging Face answered 503.",)


# ---------------------------------------------------------------------------- too late


def test_what_is_too_late_is_never_composed(desk):
    """The ledger says so, and its papers come with the next issue."""
    desk.file(*on(TODAY, 1))
    desk.subscribe()

    assert desk.until(FRIDAY + timedelta(hours=13)) == Composed(late=1)
    (row,) = desk.ledger()
    assert (row["state"], row["issue"], row["until"], row["next_try"]) == ("late", TODAY, "", None)
    # Its papers are not lost.
    desk.until(TOMORROW + timedelta(hours=1))
    assert desk.titles() == ["u1z"]


def test_of_several_that_were_missed_the_newest_is_sent(desk):
    """It has the papers of all days that were missed."""
    desk.subscribe()
    desk.file(*on(TODAY, 1), *on("2026-11-24", 2))
    desk.until(datetime(2026, 11, 24, 7, tzinfo=UTC))

    assert [row["issue"] for row in desk.ledger()] == ["2026-11-24"]
    assert sorted(desk.titles()) == ["u1z", "u2z"]


def test_a_long_absence_is_not_told_in_full(desk):
    """Nothing older than a month comes."""
    desk.file(*on("2026-09-01", 1), *on(TODAY, 2))
    desk.clock.now = datetime(2026, 8, 30, tzinfo=UTC)
    desk.subscribe()
    desk.tick(7)
    desk.until(FRIDAY + timedelta(hours=2))

    assert desk.titles() == ["u2z"]
    assert desk.choice().first.isoformat() == "2026-10-21"


def test_what_a_backup_may_have_sent_is_not_sent_again(desk, home, tmp_path, embedder):
    """Neither what waited, nor any paper announced until the restore."""
    desk.file(*on(TODAY, 1))
    desk.subscribe()
    desk.subscribe(replace(DAILY, at="20:00"))
    desk.tick()
    desk.library.backup(tmp_path / "kept")
    desk.library.close()
    restored = desk.clock.now + timedelta(hours=3)
    backup.restore(tmp_path / "kept", tmp_path / "new", now=restored)

    clock = Clock(restored)
    with open_library(tmp_path / "new", clock=clock, embedder=embedder) as library:
        again = Newsdesk(library, clock)
        assert [row["state"] for row in again.ledger()] == ["stopped"]
        with library.database.read() as connection:
            (attempt,) = connection.execute(select(schema.attempts)).mappings()
        assert attempt["outcome"] == "stopped"
        assert "restored from a backup" in attempt["words"]
        # What the house filed again after it may have been sent, too.
        again.file(*on(TODAY, 2))
        assert again.until(restored) == Composed()
        assert again.until(FRIDAY.replace(hour=21)) == Composed(empty=1)
        again.file(*on("2026-11-21", 3))
        again.until(TOMORROW + timedelta(hours=1))
        assert again.titles() == ["u3z"]


def test_what_was_due_before_a_restore_is_late(desk, tmp_path, embedder):
    """Nobody knows whether it was sent."""
    desk.subscribe()
    desk.library.backup(tmp_path / "kept")
    desk.library.close()
    clock = Clock(FRIDAY + timedelta(hours=2))
    backup.restore(tmp_path / "kept", tmp_path / "new", now=clock.now)

    with open_library(tmp_path / "new", clock=clock, embedder=embedder) as library:
        assert Newsdesk(library, clock).tick(0.1) == Composed(late=1)


# ---------------------------------------------------------------------------- trouble


def test_what_cannot_be_decided_keeps_nobody_else_waiting(desk, caplog):
    """The ledger says why, once, and the others get theirs."""
    desk.file(*on(TODAY, 1))
    desk.subscribe(replace(DAILY, kind="search", query="like:p77"))
    desk.subscribe(replace(DAILY, query="cat:"))
    desk.subscribe()
    with caplog.at_level(logging.WARNING):
        assert desk.tick() == Composed(ready=1, stopped=2)
    assert "compose_stopped subscription=1: no paper 'p77'" in caplog.text
    assert [desk.ledger(n)[0]["state"] for n in (1, 2)] == ["stopped", "stopped"]
    with desk.library.database.read() as connection:
        words = connection.execute(select(schema.attempts.c.words)).scalars().all()
    assert words[0] == "no paper 'p77' in this collection"
    assert desk.tick(0.1) == Composed()


def test_what_the_index_does_not_hold_is_waited_for(desk):
    """After a while the issue goes without, and what came is in the next one."""
    desk.file(*on(TODAY, 1))
    desk.subscribe()
    with desk.library.database.write() as connection:
        papers.file(connection, on(TODAY, 2, 3), iso(FRIDAY))
    assert desk.tick() == Composed(waiting=1)
    assert desk.tick() == Composed(ready=1)
    assert desk.titles() == ["u1z"]
    assert desk.choice().notices == ("2 papers that just came will follow.",)
    desk.library.keep_up()
    desk.until(TOMORROW + timedelta(hours=1))
    assert sorted(desk.titles()) == ["u2z:late", "u3z:late"]


def test_while_the_index_is_away_everybody_waits(desk, caplog, monkeypatch):
    """An issue that can be decided later stays due."""
    desk.file(*on(TODAY, 1))
    desk.subscribe(replace(DAILY, query="cat:cs.LG"))

    def broken(*_: Any):
        raise SearchIndexError("the index is damaged")

    with monkeypatch.context() as patch:
        patch.setattr(desk.library.index, "matching", broken)
        assert desk.tick() == Composed(stopped=1)
    assert "compose_failed subscription=1: the index is damaged" in caplog.text
    assert desk.tick() == Composed(ready=1)


def test_whoever_leaves_meanwhile_gets_nothing(desk, monkeypatch):
    """What changed between reading and writing is seen."""
    desk.file(*on(TODAY, 1))
    desk.subscribe()
    write = desk.library.together.write

    def faster(change):
        with desk.library.database.write() as connection:
            connection.execute(update(schema.subscriptions).values(state="ended"))
        return write(change)

    monkeypatch.setattr(desk.library.together, "write", faster)
    assert desk.tick() == Composed(stopped=1)
    assert desk.ledger() == []


def test_composing_stops_when_asked(desk):
    """What is left is done another time."""
    desk.subscribe()
    desk.clock.now += timedelta(hours=2)
    assert desk.composer.compose(desk.clock.now, lambda: True) == Composed()


def test_a_preview_decides_nothing(arxiv):
    """It shows what is here by now, and calls nothing late that is still to come."""
    for due in (FRIDAY.replace(hour=6), TOMORROW.replace(hour=6)):
        arxiv.harvested(TODAY)
        choice = arxiv.composer.choose(arxiv.subscription(1), due)
        assert [i.paper for i in choice.items] == []
        assert choice.notices == ()
    arxiv.file(*on(TODAY, 2))
    assert len(arxiv.composer.choose(arxiv.subscription(1), due).items) == 1
    assert arxiv.ledger() == []
    assert arxiv.subscription(1).next_due == "2026-11-20T06:00:00Z"
