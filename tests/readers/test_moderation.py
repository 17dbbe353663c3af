"""Moderation: what waits, what is decided, who is told, and that the log has all of it."""

from __future__ import annotations

import pytest
from sqlalchemy import insert

from broadsheet.collection import schema
from broadsheet.errors import CommentNotFound, NotAllowed, NotSignedIn, RefusedError, TooOften
from broadsheet.readers.moderation import ReportNotFound
from broadsheet.readers.permissions import OWNER, VISITOR
from readers.commons import commons

SPAM = "https://a.example https://b.example https://c.example"


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


@pytest.fixture
def cleo(place):
    """Return a curator."""
    return place.join("cleo", "curator")


def texts(place, actor=VISITOR, ident="p1"):
    """Return what somebody reads of a thread."""
    return [c.text or c.state for c in place.comments.of(ident, actor).comments]


def told(place, actor):
    """Return what a reader was told, oldest first."""
    return [(n.kind, n.name, n.text) for n in reversed(place.notices.of(actor))]


def log(place, actor):
    """Return the log, oldest first."""
    found = place.moderation.log(actor)
    return [(t.name, t.action, t.subject, t.note) for t in reversed(found)]


def test_a_report_waits_until_somebody_upholds_it(place, ada, bo, cleo):
    """The comment is hidden, its writer reads why, the reporter is told, the log has it."""
    made = place.comments.write(ada, "p1", "rude words")
    place.comments.report(bo, made.id, "it is rude")
    case = place.moderation.queue(cleo).cases[0]
    assert (case.comment.text, case.comment.name) == ("rude words", "ada")
    assert [(r.name, r.reason) for r in case.reports] == [("bo", "it is rude")]
    assert place.moderation.waiting(cleo) == 1
    hidden = place.moderation.decide(cleo, case.reports[0].id, True, "be kind")

    assert (hidden.state, hidden.text) == ("hidden", "rude words")
    assert [texts(place, a) for a in (VISITOR, bo, ada, cleo)] == [
        [], [], ["rude words"], ["rude words"]
    ]  # fmt: skip
    assert told(place, ada) == [("hidden", None, "A curator has hidden your comment: be kind")]
    assert told(place, bo)[0][:2] == ("report", None)
    assert log(place, cleo) == [("cleo", "hide", f"comment {made.id}", "be kind")]
    assert place.moderation.queue(cleo) == ((), (), (), dict.fromkeys(
        ("comments", "submissions", "claims"), 0
    ))  # fmt: skip
    assert place.signals(1)[-1][3] == 0.0
    assert place.problems() == []


def test_a_report_can_be_dismissed(place, ada, bo, cleo):
    """Nothing happens to the comment, nor is its writer told; who reported it is."""
    made = place.comments.write(ada, "p1", "plain words")
    place.comments.report(bo, made.id, "I do not like it")
    report = place.moderation.queue(cleo).cases[0].reports[0]
    assert place.moderation.decide(cleo, report.id, False).state == "shown"

    assert told(place, ada) == []
    assert "lets it stand" in told(place, bo)[0][2]
    assert log(place, cleo) == [("cleo", "dismiss", f"comment {made.id}", "")]
    with pytest.raises(ReportNotFound):
        place.moderation.decide(cleo, report.id, True)


def test_a_comment_is_reported_once_by_each_reader(place, ada, bo, cleo):
    """A second report of one reader changes nothing; one's own comment is not reported."""
    made = place.comments.write(ada, "p1", "words")
    for reporter in (bo, bo, cleo):
        place.comments.report(reporter, made.id, "because")
    with pytest.raises(RefusedError, match="your own"):
        place.comments.report(ada, made.id, "because")
    with pytest.raises(RefusedError, match="Say why"):
        place.comments.report(bo, made.id, " ")
    with pytest.raises(NotSignedIn):
        place.comments.report(VISITOR, made.id, "because")
    with pytest.raises(CommentNotFound):
        place.comments.report(bo, 99, "because")

    assert [r.name for r in place.moderation.queue(cleo).cases[0].reports] == ["bo", "cleo"]


def test_many_reports_in_a_short_time_are_refused(place, ada, bo):
    """Twenty an hour."""
    made = place.comments.write(ada, "p1", "words")
    for _ in range(20):
        place.comments.report(bo, made.id, "because")
    with pytest.raises(TooOften):
        place.comments.report(bo, made.id, "because")


def test_what_waits_is_shown_by_a_curator(place, ada, cleo):
    """It counts from then on, and whom it names is told then."""
    eve = place.join("eve", days=0)
    made = place.comments.write(eve, "p1", f"@ada, see {SPAM}, where there is much about it all")
    case = place.moderation.queue(cleo).cases[0]
    assert [(r.name, r.reason) for r in case.reports] == [
        (None, "It has more than 2 links, and the account is new.")
    ]  # fmt: skip
    assert (told(place, ada), texts(place)) == ([], [])
    place.wait(minutes=1)
    shown = place.moderation.show(cleo, made.id)

    assert (shown.state, shown.waits_for) == ("shown", None)
    assert told(place, ada) == [("mention", "eve", "")]
    assert told(place, eve) == [("shown", None, "Your comment is shown now.")]
    assert place.signals(1) == [("comments", "p1", "06:31:00", 1.0)]
    assert place.moderation.queue(cleo).cases == ()


def test_nobody_is_told_twice_of_one_comment(place, ada, cleo):
    """It was shown, was edited, waited, and is shown again."""
    eve = place.join("eve", days=0)
    made = place.comments.write(eve, "p1", "@ada, this is a nice paper.")
    place.comments.edit(eve, made.id, f"@ada, this is a nice paper, and here is more: {SPAM}")
    assert texts(place) == []
    place.moderation.show(cleo, made.id)

    assert told(place, ada) == [("mention", "eve", "")]
    assert len(texts(place)) == 1


def test_what_was_hidden_can_be_shown_again(place, ada, cleo):
    """Its answers kept their places meanwhile; nobody is told of an answer twice."""
    made = place.comments.write(ada, "p1", "@cleo words")
    place.comments.write(cleo, "p1", "answer", made.id)
    place.moderation.hide(cleo, made.id)
    assert texts(place) == ["hidden", "answer"]
    with pytest.raises(RefusedError, match="hidden this comment"):
        place.comments.edit(ada, made.id, "other words")
    assert place.comments.history(made.id, VISITOR) == []
    place.moderation.show(cleo, made.id)
    place.moderation.show(cleo, made.id)

    assert texts(place) == ["@cleo words", "answer"]
    assert [k for k, _, _ in told(place, cleo)] == ["mention"]
    assert [action for _, action, _, _ in log(place, cleo)] == ["hide", "show"]


def test_what_was_deleted_is_decided_by_that(place, ada, bo, cleo):
    """Nothing of it is left to hide, and its reports wait no more."""
    made = place.comments.write(ada, "p1", "words")
    place.comments.report(bo, made.id, "because")
    place.comments.delete(ada, made.id)

    assert place.moderation.queue(cleo).cases == ()
    assert place.moderation.waiting(cleo) == 0
    with pytest.raises(RefusedError, match="deleted by its writer"):
        place.moderation.hide(cleo, made.id)
    with pytest.raises(CommentNotFound):
        place.moderation.hide(cleo, 99)


def test_locks_are_logged_and_follow_the_paper(place, cleo):
    """To lock twice for the same reason changes nothing."""
    for reason in ("heat", "heat", "more heat"):
        place.moderation.lock(cleo, "p2", reason)
    place.merge("p1", "p2")
    assert place.comments.of("p1", VISITOR).lock.reason == "more heat"
    place.moderation.unlock(cleo, "p1")
    place.moderation.unlock(cleo, "p1")

    assert place.comments.of("p2", VISITOR).lock is None
    assert log(place, cleo) == [
        ("cleo", "lock", "paper p2", "heat"), ("cleo", "lock", "paper p2", "more heat"),
        ("cleo", "unlock", "paper p1", ""),
    ]  # fmt: skip


def test_only_curators_and_admins_moderate(place, ada):
    """Every method asks, and changes nothing for anybody else."""
    made = place.comments.write(ada, "p1", "words")
    moderation = place.moderation
    for actor, error in ((ada, NotAllowed), (VISITOR, NotSignedIn)):
        for attempt in (
            moderation.queue,
            moderation.log,
            lambda who: moderation.hide(who, made.id),
            lambda who: moderation.show(who, made.id),
            lambda who: moderation.decide(who, 1, True),
            lambda who: moderation.lock(who, "p1"),
            lambda who: moderation.unlock(who, "p1"),
        ):
            with pytest.raises(error):
                attempt(actor)
        assert moderation.waiting(actor) == 0

    assert texts(place) == ["words"]


def test_claims_are_for_admins_alone(place, ada, cleo):
    """What somebody writes to prove who they are is read by whoever decides about it."""
    row = {"paper_id": 1, "reader_id": ada.id, "author": "A", "how": "asked", "note": "private",
           "state": "waiting", "at": place.time}  # fmt: skip
    with place.database.write() as connection:
        connection.execute(insert(schema.claims).values(row))
    found = {who.name: place.moderation.queue(who) for who in (cleo, OWNER)}

    assert [w.note for w in found["owner"].claims] == ["private"]
    assert found["cleo"].claims == ()


def test_notes_have_their_bounds(place, ada, cleo):
    """And nothing in them that cannot be seen."""
    made = place.comments.write(ada, "p1", "words")
    with pytest.raises(RefusedError, match="1,000 characters"):
        place.moderation.hide(cleo, made.id, "x" * 1001)
    place.moderation.hide(cleo, made.id, " so\u202e\x1b[31m ")

    assert log(place, cleo)[0][3] == "so[31m"
