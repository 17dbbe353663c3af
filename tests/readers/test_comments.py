"""Comments: threads, edits, what is left of what was deleted, mutes, notices, and spam."""

from __future__ import annotations

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadsheet.collection.comments import Held
from broadsheet.errors import (
    CommentNotFound,
    NotAllowed,
    NotSignedIn,
    PaperNotFound,
    ReaderNotFound,
    RefusedError,
    TooOften,
)
from broadsheet.readers.comments import DEEPEST, LONGEST, _in_order
from broadsheet.readers.permissions import OWNER, STRANGER, VISITOR
from broadsheet.readers.rules import PRIVATE
from broadsheet.readers.spam import (
    COMPARED,
    DAYS_NEW,
    LINKS,
    LINKS_NEW,
    PACE,
    Writer,
    reason_to_wait,
)
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


def read(place, ident="p1", actor=VISITOR):
    """Return a thread as it is read: how far in, who, and what or why not."""
    found = place.comments.of(ident, actor).comments
    return [(c.depth, c.name, c.text or c.state) for c in found]


def told(place, actor):
    """Return the kinds of a reader's notices, oldest first, with whom they come from."""
    return [(n.kind, n.name) for n in reversed(place.notices.of(actor))]


# ---------------------------------------------------------------------------- threads


def test_a_thread_is_read_answer_by_answer(place, ada, bo):
    """Answers follow what they answer, the oldest first."""
    one = place.comments.write(ada, "p1", "one")
    two = place.comments.write(bo, "p1", "two")
    place.comments.write(bo, "p1", "to one", one.id)
    place.comments.write(ada, "p1", "to two", two.id)
    place.comments.write(ada, "p1", "to one, too", one.id)

    assert read(place) == [
        (0, "ada", "one"), (1, "bo", "to one"), (1, "ada", "to one, too"),
        (0, "bo", "two"), (1, "ada", "to two"),
    ]  # fmt: skip
    assert place.comments.of("p1", ada).count == 5
    assert place.community.counts([1], ada)[1].comments == 5
    assert place.signals(1) == [("comments", "p1", "06:30:00", 5.0)]
    assert place.problems() == []


def test_threads_go_as_deep_as_anybody_answers_and_are_shown_flat_from_there(
    tmp_path, empty_record
):
    """A hundred answers to answers are in order, and none stands further in than six."""
    with commons(tmp_path / "alone", empty_record, PRIVATE) as place:
        last = None
        for n in range(100):
            last = place.comments.write(OWNER, "p1", f"answer {n}", last).id
        found = place.comments.of("p1", OWNER).comments

    assert [c.text for c in found] == [f"answer {n}" for n in range(100)]
    assert [c.depth for c in found[:8]] == [0, 1, 2, 3, 4, 5, 6, 6]
    assert {c.depth for c in found[8:]} == {DEEPEST}


def test_what_a_comment_says_is_kept_clean_and_shown_safe(place, ada):
    """Markdown is kept as it was written, but for what cannot be seen; HTML is made of it."""
    made = place.comments.write(ada, "p1", "  *so*\x00\u202e <script>x</script>\r\n$a_i$ ")

    assert made.text == "*so* <script>x</script>\n$a_i$"
    assert made.html == "<p><em>so</em> &lt;script&gt;x&lt;/script&gt;<br>\n$a_i$</p>\n"
    assert (made.state, made.is_mine, made.at) == ("shown", True, "2026-03-17T06:30:00Z")


@pytest.mark.parametrize("text", ["", "  \n", "\u200b", "x" * (LONGEST + 1)])
def test_an_empty_comment_and_one_that_is_too_long_are_refused(place, ada, text):
    """The longest that can be is taken."""
    with pytest.raises(RefusedError, match=r"needs some text|at most 10,000 characters"):
        place.comments.write(ada, "p1", text)

    assert len(place.comments.write(ada, "p1", "x" * LONGEST).text) == LONGEST


def test_who_may_comment(place, ada):
    """Nobody without an account; and only on papers, and to comments, that are there."""
    first = place.comments.write(ada, "p1", "one")
    for actor in (VISITOR, STRANGER):
        with pytest.raises(NotSignedIn):
            place.comments.write(actor, "p1", "two")
    with pytest.raises(NotSignedIn):
        place.comments.of("p1", STRANGER)
    with pytest.raises(PaperNotFound):
        place.comments.write(ada, "p99", "two")
    with pytest.raises(CommentNotFound):
        place.comments.write(ada, "p1", "two", 99)
    with pytest.raises(CommentNotFound):
        place.comments.write(ada, "p2", "two", first.id)
    with pytest.raises(CommentNotFound):
        place.comments.get(99, ada)


def test_who_has_left_or_is_banned_meanwhile_does_nothing_more(place, ada, bo):
    """Somebody is known at the beginning of a request, and the account may end before its end."""
    made = place.comments.write(bo, "p1", "words")
    mine = place.comments.write(ada, "p1", "more words")
    for state in ("banned", "deleted"):
        place.set_state(ada, state)
        for attempt in (
            lambda: place.comments.write(ada, "p1", "after the end"),
            lambda: place.comments.edit(ada, mine.id, "after the end"),
            lambda: place.comments.report(ada, made.id, "after the end"),
            lambda: place.votes.vote(ada, "p1", True),
            lambda: place.community.mute(ada, "bo", is_muted=True),
        ):
            with pytest.raises(NotSignedIn, match="ended"):
                attempt()

    assert read(place) == [(0, "bo", "words"), (0, "ada", "more words")]
    assert place.ledger() == []


def test_many_comments_in_a_short_time_are_refused(place, ada):
    """Five a minute."""
    for n in range(5):
        place.comments.write(ada, "p1", f"number {n}")
    with pytest.raises(TooOften):
        place.comments.write(ada, "p1", "one more")
    with pytest.raises(TooOften):
        place.comments.edit(ada, 1, "one more")

    assert place.comments.of("p1", ada).count == 5


def test_comments_follow_merged_papers_and_come_back(place, ada, bo):
    """An answer stays with what it answers, wherever that leads."""
    one = place.comments.write(ada, "p2", "one")
    place.wait(minutes=2)
    merged = place.merge("p1", "p2")
    place.comments.write(bo, "p1", "to one", one.id)
    place.comments.write(bo, "p1", "two")

    assert read(place) == read(place, "p2")
    assert len(read(place)) == 3
    assert place.comments.get(one.id, ada).paper == 1
    place.wait(minutes=2)
    place.undo(merged)

    assert read(place, "p2") == [(0, "ada", "one"), (1, "bo", "to one")]
    assert read(place, "p1") == [(0, "bo", "two")]
    assert place.problems() == []


def test_an_author_is_here(place, ada, bo):
    """A granted claim to the paper, or to what became part of it, is said beside the name."""
    place.author(ada, 2, "Ada Example")
    place.merge("p1", "p2")
    place.comments.write(ada, "p1", "one")
    place.comments.write(bo, "p1", "two")
    place.comments.write(ada, "p3", "three")

    assert [c.author for c in place.comments.of("p1", bo).comments] == ["Ada Example", None]
    assert place.comments.of("p3", bo).comments[0].author is None


STATES = st.sampled_from(["shown", "waiting", "hidden", "deleted"])


@given(st.lists(st.tuples(st.integers(0, 10**6), STATES), max_size=30))
def test_every_thread_is_in_order_and_tells_nobody_what_they_may_not_read(drawn):
    """What is shown is there once, after what it answers; the rest only where it was answered."""
    above = {n: (pick % n or None) for n, (pick, _) in enumerate(drawn, 1)}
    held = [held_as(n, above[n], state) for n, (_, state) in enumerate(drawn, 1)]
    found = _in_order(held, VISITOR, {})
    places = {c.id: place for place, c in enumerate(found)}
    lines = {h.id: [h.id, *line_above(h.id, above)] for h in held}
    shown = {h.id for h in held if h.state == "shown"}

    assert len(places) == len(found)
    assert set(places) == {n for one in shown for n in lines[one]}
    assert all(bool(c.text) == (c.id in shown) for c in found)
    assert [c.id for c in found] == sorted(places, key=lambda n: lines[n][::-1])
    assert all(c.depth == min(len(lines[c.id]) - 1, DEEPEST) for c in found)


def held_as(number, parent, state):
    """Return a comment as it is kept."""
    return Held(
        number, 1, 1, 2, parent, "words", state, "", None, "ada", "", False, "a reason"
    )  # fmt: skip


def line_above(number, above):
    """Return what a comment answers, what that answers, and so on."""
    found = []
    while number := above[number]:
        found.append(number)
    return found


# ---------------------------------------------------------------------------- changing


def test_what_was_edited_can_be_read_as_it_was(place, ada, bo):
    """Every earlier wording stays; only its writer can change a comment."""
    made = place.comments.write(ada, "p1", "one")
    place.wait(minutes=2)
    assert place.comments.edit(ada, made.id, "one") == made
    edited = place.comments.edit(ada, made.id, "two")
    place.wait(minutes=2)
    place.comments.edit(ada, made.id, "three")

    assert edited.edited == "2026-03-17T06:32:00Z"
    assert [tuple(w) for w in place.comments.history(made.id, bo)] == [
        ("one", "2026-03-17T06:32:00Z"), ("two", "2026-03-17T06:34:00Z")
    ]  # fmt: skip
    for actor in (bo, place.join("cy", "admin")):
        with pytest.raises(NotAllowed, match="Only who wrote"):
            place.comments.edit(actor, made.id, "mine")
        with pytest.raises(NotAllowed):
            place.comments.delete(actor, made.id)
    assert read(place) == [(0, "ada", "three")]


def test_of_what_was_deleted_nothing_is_left_but_its_place(place, ada, bo):
    """Text and history are gone from the record; the place stays while it has answers."""
    made = place.comments.write(ada, "p1", "one secret")
    place.comments.edit(ada, made.id, "two secrets")
    answer = place.comments.write(bo, "p1", "to one", made.id)
    left = place.comments.delete(ada, made.id)

    assert (left.state, left.text, left.html) == ("deleted", "", "")
    assert read(place) == [(0, "ada", "deleted"), (1, "bo", "to one")]
    assert place.comments.history(made.id, ada) == []
    assert "secret" not in "".join(map(str, rows(place, "comments") + rows(place, "wordings")))
    for change in (place.comments.edit, place.comments.report):
        with pytest.raises((CommentNotFound, RefusedError)):
            change(ada, made.id, "x")
    with pytest.raises(CommentNotFound):
        place.comments.delete(ada, made.id)
    with pytest.raises(RefusedError, match="cannot be answered"):
        place.comments.write(bo, "p1", "again", made.id)

    place.comments.delete(bo, answer.id)
    assert read(place) == []
    assert place.signals(1)[-1][3] == 0.0
    assert place.problems() == []


def rows(place, table):
    """Return all rows of a table."""
    from sqlalchemy import text  # noqa: PLC0415 (for looking past everything that hides)

    with place.database.read() as connection:
        return list(connection.execute(text(f"SELECT * FROM {table}")))  # noqa: S608


def test_a_locked_paper_takes_no_comments_and_no_edits(place, ada):
    """It says why; deleting stays possible, and so does voting."""
    made = place.comments.write(ada, "p1", "one")
    place.moderation.lock(OWNER, "p1", "too hot")
    for write in (
        lambda: place.comments.write(ada, "p1", "two"),
        lambda: place.comments.write(ada, "p1", "two", made.id),
        lambda: place.comments.edit(ada, made.id, "two"),
    ):
        with pytest.raises(RefusedError, match="are closed: too hot"):
            write()

    assert place.comments.of("p1", ada).lock.reason == "too hot"
    assert place.votes.vote(ada, "p1", True).upvotes == 1
    place.comments.delete(ada, made.id)
    place.moderation.unlock(OWNER, "p1")
    place.comments.write(ada, "p1", "two")
    assert read(place) == [(0, "ada", "two")]


# ---------------------------------------------------------------------------- each other


def test_whom_a_comment_answers_or_names_is_told_once(place, ada, bo):
    """An answer tells more than a mention; nobody is told of what they did themselves."""
    cy = place.join("cy")
    one = place.comments.write(ada, "p1", "@ada, @bo and @nobody: hello")
    place.comments.write(bo, "p1", "@ada and @cy, too", one.id)

    assert told(place, ada) == [("reply", "bo")]
    assert told(place, bo) == [("mention", "ada")]
    assert told(place, cy) == [("mention", "bo")]
    notice = place.notices.of(cy)[0]
    assert (notice.paper_id, notice.comment_id, notice.seen) == (1, 2, None)


def test_notices_are_seen_up_to_what_was_shown(place, ada, bo):
    """What came meanwhile stays unseen."""
    for n in range(3):
        place.comments.write(bo, "p1", f"@ada {n}")
    newest, middle, _ = place.notices.of(ada)
    assert place.notices.unseen(ada) == 3
    place.notices.see(ada, middle.id)
    assert (place.notices.unseen(ada), place.notices.unseen(VISITOR)) == (1, 0)
    assert [n.seen for n in place.notices.of(ada)] == [None, place.time, place.time]
    place.notices.see(ada)
    assert place.notices.unseen(ada) == 0
    assert place.notices.of(ada, 1)[0].id == newest.id
    with pytest.raises(NotSignedIn):
        place.notices.of(VISITOR)


def test_who_is_muted_is_folded_and_tells_nothing(place, ada, bo):
    """For the one who muted, and for nobody else."""
    place.community.mute(ada, "Bo", is_muted=True)
    place.community.mute(ada, "bo", is_muted=True)
    one = place.comments.write(ada, "p1", "one")
    place.comments.write(bo, "p1", "@ada", one.id)

    assert [c.is_muted for c in place.comments.of("p1", ada).comments] == [False, True]
    assert [c.is_muted for c in place.comments.of("p1", VISITOR).comments] == [False, False]
    assert told(place, ada) == []
    assert place.community.muted(ada) == ["bo"]
    place.community.mute(ada, "bo", is_muted=False)
    assert place.community.muted(ada) == []
    with pytest.raises(ReaderNotFound):
        place.community.mute(ada, "nobody", is_muted=True)
    with pytest.raises(RefusedError):
        place.community.mute(ada, "ada", is_muted=True)


# ---------------------------------------------------------------------------- spam


def test_a_new_account_with_many_links_waits_and_is_told_why(place):
    """Only its writer and curators see it; nobody gets a notice, and it counts for nothing."""
    eve, bo = place.join("eve", days=0), place.join("bo")
    cleo = place.join("cleo", "curator")
    text = "@bo buy https://a.example https://b.example https://c.example"
    made = place.comments.write(eve, "p1", f"{text} and very much more of all this today")

    assert (made.state, made.waits_for) == (
        "waiting", "It has more than 2 links, and the account is new."
    )  # fmt: skip
    assert (read(place), read(place, actor=bo)) == ([], [])
    assert len(read(place, actor=eve)) == len(read(place, actor=cleo)) == 1
    for actor in (bo, VISITOR):
        with pytest.raises(CommentNotFound):
            place.comments.get(made.id, actor)
    with pytest.raises(CommentNotFound):
        place.comments.report(bo, made.id, "spam")
    assert told(place, bo) == []
    assert place.community.counts([1], bo)[1].comments == 0
    assert place.problems() == []


def test_links_that_come_with_an_edit_are_seen_too(place):
    """What was shown waits from then on."""
    eve = place.join("eve", days=0)
    made = place.comments.write(eve, "p1", "What a nice paper this is.")
    links = " ".join(f"https://{n}.example" for n in range(9))
    edited = place.comments.edit(eve, made.id, f"What a nice paper! {links}")

    assert edited.state == "waiting"
    assert read(place) == []
    assert place.signals(1)[-1][3] == 0.0


def test_the_same_again_waits(place, ada):
    """Whoever posts one text under every paper."""
    text = "Do have a look at my page about all of this, everybody!"
    states = [place.comments.write(ada, f"p{n}", text + "!" * n).state for n in (1, 2, 3)]

    assert states == ["shown", "waiting", "waiting"]
    place.wait(days=2)
    assert place.comments.write(ada, "p4", text).state == "shown"


def test_nobody_waits_while_a_comment_is_looked_at(place, ada, monkeypatch):
    """To compare long texts takes longer than a vote may take: the record is free meanwhile."""
    free = []

    def looked(text, links, writer):
        with sqlite3.connect(place.database.path, timeout=0) as other:
            other.execute("BEGIN IMMEDIATE")
        other.close()
        free.append(text)
        return reason_to_wait(text, links, writer)

    monkeypatch.setattr("broadsheet.readers.comments.reason_to_wait", looked)
    made = place.comments.write(ada, "p1", "words")
    place.comments.edit(ada, made.id, "other words")

    assert free == ["words", "other words"]


def test_curators_never_wait(place):
    """They would decide about it themselves."""
    cleo = place.join("cleo", "curator", days=0)
    links = " ".join(f"https://{n}.example" for n in range(9))

    assert place.comments.write(cleo, "p1", links).state == "shown"


OLD, NEW = Writer(days=100, shown=50), Writer(days=0, shown=0)
LINK = "https://x.example/page"


@pytest.mark.parametrize(
    ("text", "count", "writer", "reason"),
    [
        ("Nice work. " * 5, 0, NEW, ""),
        ("See the code, which is at this place: ", 1, NEW, ""),
        ("", 1, NEW, "little else"),
        ("", 1, OLD, ""),
        ("There is related work. " * 9, LINKS_NEW + 1, NEW, "account is new"),
        ("There is related work. " * 9, LINKS_NEW + 1, OLD, ""),
        ("There is related work. " * 99, LINKS + 1, OLD, "more than 8 links"),
        ("Thanks!", 0, Writer(100, 50, ["Thanks!"]), ""),
        ("Thanks a lot for this!", 0, Writer(100, 50, ["thanks  A lot for this!"]), "the same"),
        ("Thanks a lot for this!", 0, Writer(100, 50, ["Quite other words than those"]), ""),
        ("One more of these.", 0, Writer(100, 50, pace=PACE - 1), ""),
        ("One more of these.", 0, Writer(100, 50, pace=PACE), "in 10 minutes"),
        ("One more of these.", 0, Writer(0, 0, pace=3), "account is new"),
        ("", 1, Writer(DAYS_NEW, 0), ""),
        ("", 1, Writer(0, 3), ""),
    ],
)
def test_the_rules_of_spam(text, count, writer, reason):
    """Each by itself: what new accounts may do less, what nobody may, and what all may."""
    links = [LINK] * count
    found = reason_to_wait(f"{text} {' '.join(links)}".strip(), links, writer)

    assert reason in found
    assert bool(found) == bool(reason)


def test_of_many_texts_the_last_are_compared_word_by_word():
    """To compare with all of a day takes seconds; what is the very same is always seen."""
    text, others = (
        "Thanks a lot for this!",
        [f"{n} other words than those" for n in range(COMPARED)],
    )

    def found(*recent: str) -> str:
        return reason_to_wait(text, [], Writer(100, 50, recent))

    assert found(*others, f"{text}!")
    assert not found(f"{text}!", *others)
    assert found(text, *others)


@given(st.text(), st.lists(st.text()), st.floats(0, 1e4), st.integers(0, 99), st.lists(st.text()))
def test_whoever_is_known_may_do_all_that_the_new_may(text, links, days, shown, recent):
    """To be here longer never makes a comment wait."""
    known = reason_to_wait(text, links, Writer(days + 1000, shown, recent))

    assert not known or reason_to_wait(text, links, Writer(days, shown, recent))
