"""Subscriptions in a real record: who may, what links do, what letters go out, what is kept."""

from __future__ import annotations

import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select, update

from broadsheet.collection import papers, schema
from broadsheet.collection import subscriptions as store
from broadsheet.collection.database import Database
from broadsheet.delivery.letters import as_text, in_words, letter
from broadsheet.delivery.links import Links, new_key
from broadsheet.delivery.subscribing import (
    MOST,
    MOST_PENDING,
    Subscriptions,
    as_wishes,
    house_key,
)
from broadsheet.delivery.subscription import Wishes
from broadsheet.errors import (
    NotAllowed,
    NotSignedIn,
    PaperNotFound,
    RefusedError,
    SubscriptionNotFound,
    TooOften,
)
from broadsheet.factory import load_config, make_mailroom, open_library
from broadsheet.papers.types import Record
from broadsheet.readers.permissions import OWNER, STRANGER, VISITOR, Actor
from broadsheet.readers.rules import PRIVATE, Rules
from readers.houses import OPEN, House

ADA = "ada@example.org"
HOOK = "https://hooks.example.org/T1/s3cret"
KEY = new_key()
WEEKLY = Wishes(cadence="week", on_day=4, at="18:00", zone="Europe/Berlin")


@pytest.fixture(scope="session")
def empty(tmp_path_factory):
    """Return a record without anything in it: to make one takes longer than most tests."""
    place = tmp_path_factory.mktemp("empty") / "broadsheet.db"
    Database(place).close()
    return place


class Desk(House):
    """A house with accounts, and its subscriptions."""

    def __init__(self, database, rules, **how) -> None:  # noqa: ANN003 (as of Subscriptions)
        super().__init__(database, rules)
        self.links = Links("https://papers.example.org", KEY)
        how = {"can_send": True} | how
        self.subscriptions = Subscriptions(
            database, self.together, rules, lambda: self.now, self.links, lambda _: None, **how
        )

    def ask(self, address=ADA, wishes=WEEKLY, actor=VISITOR, **how):  # noqa: ANN003
        """Ask for a subscription."""
        return self.subscriptions.subscribe(actor, address, wishes, **how)

    def token(self, subscription, purpose="confirm"):
        """Return what the link in a letter holds."""
        return self.links.token(purpose, subscription.handle)

    def confirmed(self, address=ADA, wishes=WEEKLY):
        """Return a subscription that its address confirmed."""
        return self.subscriptions.confirm(self.token(self.ask(address, wishes)), client="192.0.2.7")

    def letters(self, state="ready"):
        """Return which letters wait, or what became of them, by address."""
        recipients, digests = schema.recipients.c, schema.digests.c
        statement = (
            select(recipients.address, digests.issue, digests.body)
            .join(schema.subscriptions, schema.subscriptions.c.id == digests.subscription_id)
            .join(schema.recipients, recipients.id == schema.subscriptions.c.recipient_id)
            .where(digests.issue.startswith("confirm-"), digests.state == state)
        )
        return self.rows(statement.order_by(digests.id))

    def consents(self, subscription):
        """Return what was written down of a subscription."""
        table = schema.consents.c
        mine = table.subscription_id == subscription.id
        return self.rows(select(table.what, table.how, table.client).where(mine))

    def write(self, *statements):  # noqa: ANN002
        """Change the record by hand."""
        with self.database.write() as connection:
            for statement in statements:
                connection.execute(statement)

    def issue(self, subscription, name, state="sent"):
        """Keep an issue of a subscription; return its row."""
        row = {"subscription_id": subscription.id, "issue": name, "due": "", "ends": "", "made": ""}
        statement = insert(schema.digests).values(row | {"state": state})
        with self.database.write() as connection:
            return connection.execute(statement.returning(schema.digests.c.id)).scalar_one()

    def suppress(self, address, reason):
        """Let nothing be sent to an address."""
        row = {"address": store.address_hash(address), "reason": reason, "at": "2026-03-01"}
        self.write(insert(schema.suppressions).values(row))

    def suppressed(self, address=ADA):
        """Return why nothing is sent to an address."""
        with self.database.read() as connection:
            return store.suppressed(connection, address)

    def paper(self, name="2603.00001"):
        """File a paper; return its row."""
        record = Record(source="t", key=name, title=f"Paper {name}")
        with self.database.write() as connection:
            papers.file(connection, [record], "2026-03-17T06:00:00Z")
            return papers.all_ids(connection)[-1]


@pytest.fixture
def desk_of(tmp_path, empty):
    """Return a function that opens a house whose subscriptions follow certain rules."""
    opened = []

    def make(rules=OPEN, **how):  # noqa: ANN003
        shutil.copyfile(empty, tmp_path / "broadsheet.db")
        opened.append(Database(tmp_path / "broadsheet.db"))
        return Desk(opened[-1], rules, **how)

    yield make
    for database in opened:
        database.close()


@pytest.fixture
def desk(desk_of):
    """Return a house where everybody may subscribe."""
    return desk_of()


# ------------------------------------------------------------------ what can be wished for


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"kind": "gossip"}, "trending"),
        ({"kind": "search", "query": "  "}, "query"),
        ({"query": "x" * 1001}, "1000"),
        ({"cadence": "hour"}, "weekdays"),
        ({"cadence": "week", "on_day": 7}, "Monday"),
        ({"cadence": "month", "on_day": 0}, "31"),
        ({"cadence": "month", "on_day": 32}, "31"),
        ({"at": "24:00"}, "07:30"),
        ({"at": "7.30"}, "07:30"),
        ({"at": "٠٧:٣٠"}, "07:30"),
        ({"zone": "Europe/Berln"}, "did you mean Europe/Berlin"),
        ({"zone": "../etc/passwd"}, "time zone"),
        ({"zone": "Europe"}, "time zone"),
        ({"zone": "right/UTC"}, "time zone"),
        ({"zone": "Factory"}, "time zone"),
        ({"zone": ""}, "time zone"),
        ({"longest": 0}, "1 to 100"),
        ({"longest": 101}, "1 to 100"),
        ({"threshold": float("nan")}, "number"),
        ({"when_empty": "shout"}, "skip"),
        ({"form": "slack"}, "html or text"),
        ({"language": "tlh"}, "pt-BR"),
        ({"language": "\x00"}, "pt-BR"),
        ({"language": ""}, "pt-BR"),
    ],
)
def test_what_nobody_can_be_sent_is_refused_in_words(changed, word):
    """That say what can be wished for."""
    with pytest.raises(RefusedError, match=re.escape(word)):
        as_wishes(replace(Wishes(), **changed))


def test_wishes_have_one_form():
    """However they were written; a day is kept only where it means something."""
    asked = Wishes(query=" cat:cs.CL ", at="7:05", zone=" Asia/Tokyo", language="pt_br", on_day=9)
    kept = as_wishes(asked)
    assert as_wishes(Wishes(query="tides\r\nBcc: a\u2028b")).query == "tides Bcc: a b"

    assert (kept.query, kept.at, kept.zone) == ("cat:cs.CL", "07:05", "Asia/Tokyo")
    assert (kept.language, kept.on_day) == ("pt-BR", 0)
    assert as_wishes(kept) == kept
    assert as_wishes(replace(kept, form="slack"), "hook").form == "slack"


@given(at=st.text(max_size=8), zone=st.text(max_size=20), language=st.text(max_size=12))
def test_no_text_does_more_than_be_refused(at, zone, language):
    """Nothing else is raised, and what is taken stays as it is."""
    for wishes in (Wishes(at=at), Wishes(zone=zone), Wishes(language=language)):
        try:
            kept = as_wishes(wishes)
        except RefusedError:
            continue
        assert as_wishes(kept) == kept


# ------------------------------------------------------------------ double opt-in


def test_nothing_begins_until_the_address_confirms_it(desk):
    """A letter asks; once its link is used, issues are due, and the log says who agreed when."""
    asked = desk.ask(how="page", client="2001:db8:1:2:3:4:5:6")
    assert (asked.state, asked.next_due, asked.reader) == ("pending", None, None)
    assert desk.letters() == [(ADA, "confirm-1", "confirm")]

    begun = desk.subscriptions.confirm(desk.token(asked), client="192.0.2.7")
    assert (begun.state, begun.next_due) == ("active", "2026-03-20T17:00:00Z")
    assert begun.wishes == WEEKLY
    assert desk.letters() == []  # had the link been used before the letter went, it need not go
    assert desk.consents(begun) == [
        ("asked", "page", "2001:db8:1:2::"),
        ("confirmed", "letter", "192.0.2.7"),
    ]
    assert desk.subscriptions.confirm(desk.token(asked)) == begun
    assert len(desk.consents(begun)) == 2


def test_links_confirm_for_a_week(desk):
    """Then what nobody confirmed goes, and so does the address."""
    asked = desk.ask()
    desk.wait(days=6, hours=23)
    assert desk.subscriptions.tidy() == 0

    desk.wait(hours=1)
    with pytest.raises(SubscriptionNotFound, match="not good any more"):
        desk.subscriptions.confirm(desk.token(asked))
    assert desk.subscriptions.tidy() == 1
    assert desk.rows(select(schema.recipients)) == []
    assert desk.rows(select(schema.digests)) == []
    with pytest.raises(SubscriptionNotFound):
        desk.subscriptions.by_token("manage", desk.token(asked, "manage"))


def test_asking_again_makes_a_link_good_for_another_week(desk):
    """With the wishes that were asked for last, as one subscription."""
    asked = desk.ask()
    desk.wait(days=5)
    again = desk.ask(wishes=replace(WEEKLY, at="06:00"))
    desk.wait(days=5)

    assert desk.subscriptions.tidy() == 0
    assert again.id == asked.id
    begun = desk.subscriptions.confirm(desk.token(asked))
    assert begun.wishes.at == "06:00"
    assert [body for _, _, body in desk.letters("stopped")] == ["confirm", "confirm"]


def test_a_known_and_an_unknown_address_have_one_answer_and_one_letter(desk):
    """To whom has it already goes a letter that says so, with the link to change it."""
    known = desk.confirmed()
    again = desk.ask(" ADA@Example.org ", replace(WEEKLY, at="05:00"))

    assert again == known  # pages show nothing of it
    assert desk.letters() == [(ADA, "confirm-2", "known")]
    assert desk.ask("bob@example.org").state == "pending"
    assert len(desk.letters()) == 2


def test_an_address_is_written_to_only_so_often(desk):
    """Whether it is known or not, and whoever asks."""
    for _ in range(3):
        desk.ask(client="192.0.2.1")
    with pytest.raises(TooOften, match="address"):
        desk.ask(client="192.0.2.2")
    for number in range(17):
        desk.ask(f"r{number}@example.org", client="192.0.2.1")
    with pytest.raises(TooOften, match="from here"):
        desk.ask("bob@example.org", client="192.0.2.1")


def test_of_letters_that_wait_only_the_last_goes_out(desk):
    """Else a mail server that comes back after a day would be given thirty to one address."""
    for _ in range(3):
        desk.ask()
    assert desk.letters() == [(ADA, "confirm-3", "confirm")]
    assert len(desk.letters("stopped")) == 2


def test_few_subscriptions_of_an_address_wait_to_be_confirmed(desk):
    """The newest ones: with one more the oldest goes."""
    asked = []
    for number in range(MOST_PENDING + 1):
        asked.append(desk.ask(wishes=Wishes(query=f"cat:cs.C{number}")))
        desk.wait(minutes=20)
    with pytest.raises(SubscriptionNotFound):
        desk.subscriptions.confirm(desk.token(asked[0]))
    for one in asked[1:]:
        assert desk.subscriptions.confirm(desk.token(one)).state == "active"


def test_an_address_has_so_many_subscriptions_and_no_more(desk):
    """A letter tells that to whom it is theirs to know, and nobody else."""
    for number in range(MOST):
        desk.confirmed(wishes=Wishes(query=f"year:{1990 + number}"))
        desk.wait(days=1)
    asked = desk.ask(wishes=Wishes(query="year:2020"))

    assert asked.state == "active"
    assert [body for _, _, body in desk.letters()] == ["full"]
    reader = desk.reader("ada", email=ADA)
    with pytest.raises(RefusedError, match="20 subscriptions"):
        desk.ask(actor=reader, wishes=Wishes(query="year:2020"))


def test_letters_say_what_they_ask_and_nothing_that_a_stranger_wrote(desk):
    """The schedule is there; the query is not: it could be anybody's words to anybody."""
    asked = desk.ask(wishes=replace(WEEKLY, kind="search", query="buy pills at evil.example"))
    for kind in ("confirm", "known", "full"):
        words = letter(kind, asked, desk.links, "papers.example.org")
        assert "pills" not in as_text(words)
        assert words.link in as_text(words)
    words = letter("confirm", asked, desk.links, "papers.example.org")
    assert "on Fridays at 18:00 (Europe/Berlin)" in as_text(words)
    assert words.link == desk.links.confirm(asked.handle)
    assert "day 31 of each month" in in_words(Wishes(cadence="month", on_day=31))
    assert "Mondays to Fridays" in in_words(Wishes(cadence="weekdays"))


def test_two_who_ask_at_once_make_one_subscription(desk):
    """Of one address there is one recipient."""
    with ThreadPoolExecutor(3) as pool:
        found = {one.id for one in pool.map(lambda _: desk.ask(), range(3))}
    assert len(found) == 1
    assert len(desk.rows(select(schema.recipients))) == 1


# ------------------------------------------------------------------ who may


def test_the_owner_of_a_private_collection_needs_no_letter(desk_of):
    """Any address will do; twice the same list is one too many."""
    desk = desk_of(PRIVATE)
    mine = desk.ask("list@example.org", actor=OWNER, how="command")

    assert mine.state == "active"
    assert desk.letters() == []
    assert desk.consents(mine) == [("asked", "command", ""), ("confirmed", "command", "")]
    with pytest.raises(RefusedError, match=f"subscription {mine.id}"):
        desk.ask("list@example.org", actor=OWNER)
    assert desk.subscriptions.of_reader(OWNER) == [mine]


def test_a_reader_is_believed_about_the_address_of_their_account_alone(desk):
    """What they asked for before they had signed in begins by it, too."""
    before = desk.ask()
    reader = desk.reader("ada", email=ADA)
    mine = desk.ask(actor=reader)
    other = desk.ask("bob@example.org", actor=reader)
    admins = desk.ask("eve@example.org", actor=desk.admin(), how="command")

    assert (mine.id, mine.state, mine.reader) == (before.id, "active", reader.id)
    assert desk.consents(mine)[-1] == ("confirmed", "account", "")
    assert (other.state, other.reader, admins.state) == ("pending", None, "pending")
    assert desk.subscriptions.own(reader, mine.id) == mine
    with pytest.raises(SubscriptionNotFound):
        desk.subscriptions.own(reader, other.id)
    assert desk.subscriptions.all() == [admins, other, mine]
    assert desk.subscriptions.all(state="active", limit=5) == [mine]


def test_who_may_not_subscribe_is_told_so(desk_of):
    """Strangers, visitors where only readers may, tokens that may only read, anybody by no mail."""
    desk = desk_of(OPEN._replace(subscribe="readers"))
    with pytest.raises(NotSignedIn):
        desk.ask()
    with pytest.raises(NotSignedIn):
        desk.ask(actor=STRANGER)
    with pytest.raises(NotAllowed):
        desk.ask(actor=Actor(1, "admin", scopes=frozenset({"read"})))
    with pytest.raises(RefusedError, match="mail address"):
        desk.ask("ada", actor=desk.admin())


def test_where_no_mail_goes_out_nobody_is_promised_any(desk_of):
    """Hooks need none."""
    desk = desk_of(can_send=False)
    with pytest.raises(RefusedError, match="mail_from"):
        desk.ask()
    slack = Wishes(form="slack")
    assert desk.ask(HOOK, slack, desk.admin(), channel="hook").state == "active"


@pytest.mark.parametrize(
    ("settings", "base", "can_send"),
    [
        ({"shared": "on", "host": "h.local"}, "http://h.local:8620", False),
        ({"shared": "on", "address": "https://h.example/"}, "https://h.example", True),
        ({"host": "::1"}, "http://[::1]:8620", True),
    ],
)
def test_mail_goes_out_only_with_links_that_lead_back(tmp_path, settings, base, can_send):
    """A shared house must say where it is: none of its readers could confirm or unsubscribe."""
    said = {"home": tmp_path, "mail": f"folder:{tmp_path}", "mail_from": ADA, **settings}
    read = {name: one.value for name, one in load_config(said, {}).items()}
    with open_library(
        tmp_path, rules=Rules.of(read), mailroom=lambda library: make_mailroom(read, {}, library)
    ) as library:
        held = library.mailroom.subscriptions
        assert (held.links.base, held.can_send) == (base, can_send)


def test_hooks_are_for_those_with_accounts_and_belong_to_one(desk):
    """They begin at once and are signed with a secret of their own."""
    slack = Wishes(form="slack")
    with pytest.raises(NotSignedIn):
        desk.ask(HOOK, slack, channel="hook")
    ada, bob = desk.reader("ada"), desk.reader("bob")
    mine = desk.ask(HOOK, slack, ada, channel="hook")

    assert (mine.state, mine.reader, mine.channel) == ("active", ada.id, "hook")
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", mine.secret)
    with pytest.raises(RefusedError, match="Another reader"):
        desk.ask(HOOK, slack, bob, channel="hook")
    second = desk.ask(HOOK, replace(slack, query="cat:cs.CL"), ada, channel="hook")
    assert second.secret == mine.secret

    assert desk.subscriptions.end_all(mine.recipient, how="page") == 2
    theirs = desk.ask(HOOK, slack, bob, channel="hook")
    assert theirs.secret != mine.secret


def test_a_reader_has_so_many_hooks_and_no_more(desk):
    """However many addresses they name: this house must not be made to post to thousands."""
    ada, slack = desk.reader("ada"), Wishes(form="slack")
    made = [desk.ask(f"{HOOK}{number}", slack, ada, channel="hook") for number in range(MOST)]
    with pytest.raises(RefusedError, match="20"):
        desk.ask(HOOK, slack, ada, channel="hook")
    desk.subscriptions.end(made[0], how="page")
    assert desk.ask(HOOK, slack, ada, channel="hook").state == "active"


# ------------------------------------------------------------------ addresses nothing is sent to


def test_an_address_that_bounced_must_confirm_anew(desk):
    """Also that of an account; the letter goes out, and its link lets digests through again."""
    reader = desk.reader("ada", email=ADA)
    desk.suppress(ADA, "bounce")
    asked = desk.ask(actor=reader)

    assert (asked.state, desk.letters()) == ("pending", [(ADA, "confirm-1", "confirm")])
    assert desk.suppressed() == "bounce"
    desk.subscriptions.confirm(desk.token(asked))
    assert desk.suppressed() is None

    desk.suppress(ADA, "bounce")
    desk.wait(days=8)
    # An old link proves nothing of today.
    assert desk.subscriptions.confirm(desk.token(asked)).state == "active"
    assert desk.suppressed() == "bounce"
    desk.ask()
    assert desk.letters() == [(ADA, "confirm-2", "confirm")]
    desk.subscriptions.confirm(desk.token(asked))
    assert desk.suppressed() is None


def test_who_complained_is_written_to_again_only_by_hand(desk):
    """Their own account is told; nobody else learns anything, and no link lifts it."""
    desk.suppress(ADA, "complaint")
    asked = desk.ask()
    desk.subscriptions.confirm(desk.token(asked))

    assert desk.suppressed() == "complaint"
    reader = desk.reader("ada", email=ADA)
    with pytest.raises(RefusedError, match="complained"):
        desk.ask(actor=reader)


# ------------------------------------------------------------------ changing


def test_what_is_changed_counts_from_the_next_issue(desk):
    """When it is due changes only with the schedule."""
    begun = desk.confirmed()
    fewer = desk.subscriptions.change(begun, replace(WEEKLY, longest=5), how="page")
    daily = desk.subscriptions.change(fewer, replace(WEEKLY, cadence="day"), how="page")

    assert (fewer.wishes.longest, fewer.next_due) == (5, begun.next_due)
    assert daily.next_due == "2026-03-17T17:00:00Z"
    assert desk.consents(begun)[2:] == [("changed", "page", "")] * 2
    with pytest.raises(RefusedError, match="time zone"):
        desk.subscriptions.change(begun, replace(WEEKLY, zone="x"), how="page")


def test_who_has_a_link_changes_only_so_much(desk):
    """Everything is written down, so anybody with a link could fill the disk."""
    found = desk.confirmed()
    for _ in range(60):
        desk.subscriptions.pause(found, None, how="letter")
    with pytest.raises(TooOften, match="changes"):
        desk.subscriptions.resume(found, how="letter")
    assert desk.subscriptions.end(found, how="letter").state == "ended"
    assert desk.subscriptions.pause(desk.confirmed("bob@example.org"), None, how="letter")


def test_no_date_has_a_second_issue_by_a_change(desk):
    """Nor by a pause, nor by one that was left out."""
    begun = desk.confirmed(wishes=Wishes(at="06:00"))
    desk.issue(begun, "2026-03-17")
    later = desk.subscriptions.change(begun, Wishes(at="20:00"), how="page")
    assert later.next_due == "2026-03-18T20:00:00Z"

    desk.subscriptions.pause(later, None, how="page")
    assert desk.subscriptions.resume(later, how="page").next_due == "2026-03-18T20:00:00Z"

    skipped = desk.subscriptions.skip(later, how="letter")
    assert skipped.next_due == "2026-03-19T20:00:00Z"
    moved = desk.subscriptions.change(skipped, Wishes(at="21:00"), how="page")
    assert moved.next_due == "2026-03-19T21:00:00Z"


@settings(max_examples=20)
@given(st.data())
def test_every_date_has_one_issue_whatever_is_changed_meanwhile(empty, tmp_path_factory, data):
    """Wishes, pauses and skips come in any order between issues."""
    place = tmp_path_factory.mktemp("any") / "broadsheet.db"
    shutil.copyfile(empty, place)
    with Database(place) as database:
        desk = Desk(database, OPEN)
        mine, sent = desk.confirmed(wishes=Wishes()), []
        for _ in range(data.draw(st.integers(1, 8))):
            desk.wait(hours=data.draw(st.integers(0, 40)))
            mine = desk.subscriptions.by_id(mine.id)
            if mine.next_due is not None and datetime.fromisoformat(mine.next_due) <= desk.now:
                sent.append(desk.subscriptions.skip(mine, how="page"))
                mine = sent[-1]
            wishes = Wishes(
                at=data.draw(st.sampled_from(["00:00", "07:00", "23:30"])),
                zone=data.draw(st.sampled_from(["Asia/Tokyo", "America/New_York", "UTC"])),
            )
            step = data.draw(st.sampled_from(["change", "pause", "resume", "tidy"]))
            if step == "change":
                desk.subscriptions.change(mine, wishes, how="page")
            elif step == "pause":
                desk.subscriptions.pause(mine, date(2026, 4, 30), how="page")
            elif step == "resume":
                desk.subscriptions.resume(mine, how="page")
            else:
                desk.subscriptions.tidy()
            mine = desk.subscriptions.by_id(mine.id)
            assert (mine.state == "paused") == (mine.next_due is None)
        digests = schema.digests.c
        issues = desk.rows(select(digests.issue).where(digests.state == "skipped"))
        assert len(issues) == len(sent)


def test_a_pause_ends_with_its_last_day_where_the_reader_is(desk):
    """Even if nobody looked for a while: an issue due right after it is not missed."""
    wishes = Wishes(zone="Pacific/Kiritimati", at="00:00")
    mine = desk.confirmed(wishes=wishes)
    paused = desk.subscriptions.pause(mine, date(2026, 3, 20), how="letter")
    assert (paused.state, paused.paused_until, paused.next_due) == ("paused", "2026-03-20", None)

    desk.now = datetime(2026, 3, 20, 9, 59, tzinfo=UTC)  # the clocks there show 23:59
    assert desk.subscriptions.tidy() == 0
    desk.now = datetime(2026, 3, 20, 12, 0, tzinfo=UTC)
    assert desk.subscriptions.tidy() == 1
    found = desk.subscriptions.by_id(mine.id)
    assert (found.state, found.next_due) == ("active", "2026-03-20T10:00:00Z")
    assert found.paused_until is None


def test_a_clock_that_was_far_ahead_puts_nothing_off_for_long(desk):
    """Once it shows the time again, issues are due as the schedule says."""
    mine, now = desk.confirmed(), desk.now
    desk.wait(days=400)
    desk.subscriptions.pause(mine, None, how="page")
    assert desk.subscriptions.resume(mine, how="page").next_due > "2027"

    desk.now = now
    assert desk.subscriptions.tidy() == 1
    assert desk.subscriptions.by_id(mine.id).next_due == mine.next_due
    assert desk.subscriptions.tidy() == 0


def test_pauses_without_an_end_last_until_somebody_ends_them(desk):
    """What has not begun, has ended or is over cannot be paused or left out."""
    mine = desk.confirmed()
    desk.subscriptions.pause(mine, None, how="page")
    desk.wait(days=400)
    assert desk.subscriptions.tidy() == 0
    with pytest.raises(RefusedError, match="paused"):
        desk.subscriptions.skip(mine, how="page")
    assert desk.subscriptions.resume(mine, how="page").state == "active"
    with pytest.raises(RefusedError, match="today or later"):
        desk.subscriptions.pause(mine, date(2026, 3, 1), how="page")
    pending = desk.ask("bob@example.org")
    for act in (desk.subscriptions.skip, desk.subscriptions.resume):
        with pytest.raises(RefusedError, match="confirmed"):
            act(pending, how="page")


def test_ending_is_at_once_and_for_good(desk):
    """Once more changes nothing; no link of a letter begins it again; one may ask anew."""
    mine = desk.confirmed()
    ended = desk.subscriptions.end(mine, how="one-click")
    assert (ended.state, ended.next_due) == ("ended", None)
    assert desk.subscriptions.end(mine, how="one-click") == ended
    assert [row[0] for row in desk.consents(mine)] == ["asked", "confirmed", "ended"]
    with pytest.raises(RefusedError, match="has ended"):
        desk.subscriptions.change(mine, WEEKLY, how="page")
    with pytest.raises(SubscriptionNotFound):
        desk.subscriptions.confirm(desk.token(mine))

    anew = desk.confirmed()
    assert anew.id != mine.id
    desk.confirmed(wishes=replace(WEEKLY, query="cat:cs.CL"))
    assert len(desk.subscriptions.of_recipient(anew)) == 3
    assert desk.subscriptions.end_all(anew.recipient, how="page") == 2
    assert desk.subscriptions.end_all(anew.recipient, how="page") == 0


def test_who_leaves_by_an_old_link_leaves_what_was_subscribed_anew(desk):
    """They want no more of the list; other lists of theirs, and those of others, go on."""
    old, other = desk.confirmed(), desk.confirmed(wishes=Wishes("edition"))
    theirs = desk.confirmed("bob@example.org")
    desk.subscriptions.leave(old, how="one-click")
    desk.wait(minutes=20)
    new = desk.confirmed()
    assert new.id != old.id

    assert desk.subscriptions.leave(old, how="one-click").state == "ended"
    states = [desk.subscriptions.by_id(one.id).state for one in (new, other, theirs)]
    assert states == ["ended", "active", "active"]
    assert ("ended", "one-click", "") in desk.consents(new)


def test_what_ended_long_ago_is_forgotten(desk):
    """With its ledger; until then bounces and links still find it."""
    mine = desk.confirmed()
    desk.issue(mine, "2026-03-17")
    desk.wait(days=30)
    desk.subscriptions.end(mine, how="page")
    desk.wait(days=89)
    assert desk.subscriptions.tidy() == 0
    desk.wait(days=1, seconds=1)
    assert desk.subscriptions.tidy() == 1
    assert desk.rows(select(schema.digests)) == desk.rows(select(schema.recipients)) == []


# ------------------------------------------------------------------ links


def test_a_link_does_what_it_is_for_and_tells_nothing_of_itself(desk):
    """A confirming link manages nothing; what is raised for a wrong one holds no part of it."""
    mine = desk.confirmed()
    assert desk.subscriptions.by_token("manage", desk.token(mine, "manage")) == mine
    for token in (desk.token(mine, "confirm"), "m" + "a" * 16 + "-" + "b" * 26, "", "\x00"):
        with pytest.raises(SubscriptionNotFound) as raised:
            desk.subscriptions.by_token("manage", token)
        assert not token or token not in str(raised.value)
    with pytest.raises(SubscriptionNotFound):
        desk.subscriptions.by_id(99)


def test_two_processes_agree_on_the_key_of_a_house(desk, tmp_path):
    """Whoever is first makes it; it stays."""
    with Database(tmp_path / "broadsheet.db") as other, other.write() as connection:
        first = house_key(connection)
    with desk.database.write() as connection:
        assert house_key(connection) == first
    with desk.database.read() as connection:
        assert house_key(connection) == first
    with desk.database.write() as connection:
        assert store.keep_key(connection, "links", new_key()) == first
    assert re.fullmatch("[0-9a-f]{64}", first)


# ------------------------------------------------------------------ said of papers


def test_a_recipient_says_what_they_save_and_what_they_want_less_of(desk):
    """For all their subscriptions, once, and takes it back; merged papers are one."""
    mine, other = desk.confirmed(), desk.confirmed(wishes=Wishes(query="year:2026"))
    first, second = desk.paper(), desk.paper("2603.00002")
    desk.subscriptions.say(mine, "save", first)
    desk.wait(minutes=1)
    for _ in range(2):
        desk.subscriptions.say(other, "save", second)
    desk.subscriptions.say(mine, "less", first)

    assert desk.subscriptions.said(mine, "save") == [second, first]
    assert desk.subscriptions.said(other, "less") == [first]
    merged = update(schema.papers).where(schema.papers.c.id == second)
    desk.write(merged.values(merged_into=first))
    assert desk.subscriptions.said(mine, "save") == [first]
    desk.subscriptions.say(mine, "save", second, is_so=False)
    assert desk.subscriptions.said(mine, "save") == []
    with pytest.raises(PaperNotFound):
        desk.subscriptions.say(mine, "save", 99)


# ------------------------------------------------------------------ what is kept


@pytest.fixture
def filled(desk):
    """Return a house with a subscription of which there is a row in every table, and its paper."""
    mine, paper = desk.confirmed(), desk.paper()
    digest = desk.issue(mine, "2026-03-17")
    desk.write(
        insert(schema.attempts).values(digest_id=digest, at="2026-03-17", outcome="sent"),
        insert(schema.had).values(
            recipient_id=mine.recipient, paper_id=paper, digest_id=digest, updated=""
        ),
        insert(schema.bounces).values(
            address=store.address_hash(ADA), digest_id=digest, kind="soft", at="2026-03-17"
        ),
    )
    desk.subscriptions.say(mine, "save", paper)
    desk.suppress(ADA, "bounce")
    desk.mine = mine
    return desk


KEPT = (
    "recipients", "subscriptions", "consents", "digests", "attempts", "had", "feedback", "bounces",
)  # fmt: skip


def held(desk):
    """Return how many rows there are of what is kept of recipients."""
    return {name: len(desk.rows(select(schema.metadata.tables[name]))) for name in KEPT}


def test_all_that_is_kept_can_be_had(filled):
    """Papers by name; nothing that a link could be made of."""
    told = filled.subscriptions.export(filled.mine)

    assert (told["address"], told["channel"]) == (ADA, "mail")
    (one,) = told["subscriptions"]
    assert {k: one[k] for k in ("cadence", "zone", "state")} == {
        "cadence": "week", "zone": "Europe/Berlin", "state": "active",
    }  # fmt: skip
    assert [c["what"] for c in one["consents"]] == ["asked", "confirmed"]
    assert [(d["issue"], d["had"]) for d in one["digests"]] == [
        ("confirm-1", []),
        ("2026-03-17", ["p1"]),
    ]
    assert [[a["outcome"] for a in d["attempts"]] for d in one["digests"]] == [[], ["sent"]]
    assert [f["paper"] for f in told["feedback"]] == ["p1"]
    assert (len(told["bounces"]), len(told["suppressions"])) == (1, 1)
    assert filled.mine.handle not in str(told)


def test_all_that_is_kept_can_be_deleted(filled):
    """But that nothing is to be sent there: what stays tells the address to nobody."""
    assert all(held(filled).values())
    filled.subscriptions.forget(filled.mine)

    assert not any(held(filled).values())
    assert filled.suppressed() == "bounce"
    with pytest.raises(SubscriptionNotFound):
        filled.subscriptions.by_id(filled.mine.id)


def test_what_was_deleted_meanwhile_is_not_there(desk):
    """Whoever still has it in hand is told so, in whatever order things happen."""
    found = desk.confirmed()
    desk.subscriptions.forget(found)
    for late in (
        lambda: desk.subscriptions.export(found),
        lambda: desk.subscriptions.say(found, "save", 1),
        lambda: desk.subscriptions.leave(found, how="one-click"),
    ):
        with pytest.raises(SubscriptionNotFound):
            late()


def test_one_subscription_may_go_and_leave_the_other_of_its_address(filled):
    """With all that belongs to the recipient and not to the one that went."""
    other = filled.confirmed(wishes=Wishes(query="year:2026"))
    with filled.database.write() as connection:
        store.forget_subscriptions(connection, [filled.mine.id])
    left = held(filled)

    assert (left["recipients"], left["subscriptions"], left["feedback"]) == (1, 1, 1)
    assert (left["had"], left["attempts"]) == (0, 0)
    assert filled.subscriptions.by_id(other.id) == other


# ------------------------------------------------------------------ accounts


def test_an_account_that_is_deleted_takes_its_subscriptions_along(filled):
    """Its hooks, and what its address had asked for before; others keep theirs."""
    ada = filled.reader("ada", email=ADA)
    filled.ask(HOOK, Wishes(form="ntfy"), ada, channel="hook")
    theirs = filled.confirmed("bob@example.org")
    told = filled.accounts.export(ada)
    assert {one["address"] for one in told["recipients"]} == {ADA, HOOK}

    filled.accounts.delete(ada, "ada")
    assert filled.subscriptions.all() == [theirs]
    assert filled.rows(select(schema.recipients.c.address)) == [("bob@example.org",)]
    assert filled.rows(select(schema.had)) == []


def test_what_an_account_gets_moves_with_its_address(desk):
    """With what it had and said; also into what the new address had before it was the account's."""
    ada, paper = desk.reader("ada", email=ADA), desk.paper()
    mine = desk.ask(actor=ada)
    hers = desk.confirmed("new@example.org", Wishes(query="year:2026"))
    desk.subscriptions.say(mine, "less", paper)
    digest = desk.issue(mine, "2026-03-17")
    had = {"recipient_id": mine.recipient, "paper_id": paper, "digest_id": digest}
    desk.write(insert(schema.had).values(had))

    desk.accounts.change_email(ada, "new@example.org")
    desk.accounts.use(desk.post.secret())
    moved = desk.subscriptions.by_id(mine.id)
    assert (moved.address, moved.recipient) == ("new@example.org", hers.recipient)
    assert (moved.wishes, moved.next_due) == (mine.wishes, mine.next_due)
    assert desk.subscriptions.said(moved, "less") == [paper]
    assert desk.rows(select(schema.had.c.recipient_id)) == [(hers.recipient,)]
    assert desk.rows(select(schema.recipients.c.address)) == [("new@example.org",)]
    assert desk.consents(moved)[-1] == ("moved", "account", "")
    # Whoever reads the old mailbox has no business with it any more, and no way to the new address.
    with pytest.raises(SubscriptionNotFound):
        desk.subscriptions.by_token("manage", desk.token(mine, "manage"))
    assert desk.subscriptions.by_token("manage", desk.token(moved, "manage")).id == mine.id


def test_who_is_banned_gets_nothing_more(desk):
    """What they read here was for readers."""
    ada = desk.reader("ada", email=ADA)
    mine = desk.ask(actor=ada)
    desk.accounts.ban(desk.admin(), "ada")

    assert desk.subscriptions.by_id(mine.id).state == "ended"
    with pytest.raises(NotSignedIn):
        desk.ask(actor=ada)


def test_a_subscription_reads_as_it_was_written(desk):
    """Every column is where it belongs."""
    wishes = Wishes(
        "search", "graph", "month", 31, "23:59", "Asia/Kathmandu", 7, 1.5, "tell", "text", "de"
    )
    assert asdict(desk.confirmed(wishes=wishes).wishes) == asdict(wishes)
