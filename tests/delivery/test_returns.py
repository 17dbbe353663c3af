"""What comes back, in a real record: what counts, what suppresses, and who cannot be harmed."""

from __future__ import annotations

import shutil
from datetime import timedelta
from itertools import count

import pytest
from sqlalchemy import func, insert, select

from broadsheet.collection import schema
from broadsheet.collection.database import Database
from broadsheet.collection.subscriptions import address_hash
from broadsheet.delivery.links import Links, new_key
from broadsheet.delivery.returns import Returns, is_enough
from broadsheet.delivery.subscribing import Subscriptions
from broadsheet.delivery.subscription import Wishes
from broadsheet.errors import NotAllowed, RefusedError
from broadsheet.readers.permissions import OWNER, VISITOR, Actor
from delivery.letters_back import complaint, failed, plain, report
from readers.houses import OPEN, House

ADA = "ada.private@example.net"
BEN = "ben@example.net"


@pytest.fixture(scope="session")
def empty(tmp_path_factory):
    """Return a record without anything in it: to make one takes longer than most tests."""
    place = tmp_path_factory.mktemp("empty") / "broadsheet.db"
    Database(place).close()
    return place


class Post(House):
    """A house with subscriptions, and what comes back to it."""

    def __init__(self, database) -> None:
        super().__init__(database, OPEN)
        self._numbers = count(1)
        self.links = Links("https://papers.example.org", new_key(), "returns@example.org")
        self.subscriptions = Subscriptions(
            database, self.together, OPEN, lambda: self.now, self.links, lambda _: None,
            can_send=True,
        )  # fmt: skip
        self.returns = Returns(
            database, self.together, self.subscriptions, self.links, lambda: self.now
        )

    def subscribed(self, address=ADA, kind="trending"):
        """Return a subscription that its address confirmed."""
        asked = self.subscriptions.subscribe(VISITOR, address, Wishes(kind))
        return self.subscriptions.confirm(self.links.token("confirm", asked.handle))

    def digest(self, subscription):
        """Return the number of a digest that was sent."""
        issue = f"issue-{next(self._numbers)}"
        now = self.now.strftime("%Y-%m-%dT%H:%M:%SZ")
        row = {"subscription_id": subscription.id, "issue": issue, "due": now, "ends": now}
        with self.database.write() as connection:
            made = insert(schema.digests).values(**row, state="sent", made=now)
            return connection.execute(made).lastrowid

    def bounce(self, subscription, status, said="it cannot be delivered"):
        """Take the report of a server about a digest; return what was done."""
        to = self.links.bounce(subscription.handle, self.digest(subscription))
        return self.returns.take(report(failed(status, said), to=to)).done

    def state(self, subscription):
        """Return how a subscription stands."""
        return self.subscriptions.by_id(subscription.id).state

    def bounces(self):
        """Return what is kept of what came back."""
        table = schema.bounces.c
        return self.rows(select(table.kind, table.status, table.words).order_by(table.id))


@pytest.fixture
def house(empty, tmp_path):
    """Return a house in a copy of the empty record."""
    place = shutil.copy(empty, tmp_path / "broadsheet.db")
    with Database(place) as database:
        yield Post(database)


# ---------------------------------------------------------------------------- the rules


@pytest.mark.parametrize("status", ["5.1.1", "5.1.2", "5.2.1"])
def test_nobody_is_there_any_more(house, status):
    """Then nothing is sent there, by whichever subscription, and all of them end."""
    ada, also, ben = house.subscribed(), house.subscribed(kind="edition"), house.subscribed(BEN)

    assert house.bounce(ada, status) == "suppressed"
    assert house.returns.is_suppressed(ADA)
    assert not house.returns.is_suppressed(BEN)
    assert [house.state(s) for s in (ada, also, ben)] == ["ended", "ended", "active"]
    how = select(schema.consents.c.how).where(schema.consents.c.what == "ended")
    assert house.rows(how) == [("bounce",), ("bounce",)]


@pytest.mark.parametrize("status", ["4.4.1", "5.2.2"])
def test_what_may_pass_suppresses_on_the_third_day(house, status):
    """More of them on one day count once."""
    ada = house.subscribed()

    assert [house.bounce(ada, status) for _ in range(2)] == ["noted"] * 2
    house.wait(days=1)
    assert house.bounce(ada, status) == "noted"
    house.wait(days=28)
    assert house.bounce(ada, status) == "suppressed"
    assert house.state(ada) == "ended"


def test_the_same_report_counts_once(house):
    """It may be read again, after a crash or a copy of the mailbox, on whatever day."""
    ada = house.subscribed()
    data = report(failed("4.2.2"), to=house.links.bounce(ada.handle, house.digest(ada)))
    for _ in range(5):
        assert house.returns.take(data).done == "noted"
        house.wait(days=1)

    assert len(house.bounces()) == 1


def test_an_old_report_says_nothing_of_who_came_back(house):
    """Read again, it is of a subscription that has ended; only a complaint still counts then."""
    ada = house.subscribed()
    to = house.links.bounce(ada.handle, house.digest(ada))
    assert house.returns.take(report(failed("5.1.1"), to=to)).done == "suppressed"
    house.returns.allow(OWNER, ADA)
    again = house.subscribed()

    assert house.returns.take(report(failed("5.1.1"), to=to)).done == "nothing"
    assert house.state(again) == "active"
    assert house.returns.take(complaint(to=to)).done == "suppressed"
    assert house.state(again) == "ended"


def test_what_is_long_past_does_not_count(house):
    """Three in a year are no reason."""
    ada = house.subscribed()
    for _ in range(4):
        assert house.bounce(ada, "4.2.2") == "noted"
        house.wait(days=16)

    assert not house.returns.is_suppressed(ADA)


def test_refusals_of_other_kinds_suppress_on_the_fifth_day(house):
    """Policy and content may be about one digest, but hardly about five."""
    ada, done = house.subscribed(), []
    for _ in range(5):
        done.append(house.bounce(ada, "5.7.1"))
        house.wait(days=1)

    assert done == ["noted"] * 4 + ["suppressed"]


def test_the_rules_in_one_table():
    """They are those that docs/bounces.md tells."""
    assert is_enough("complaint", "", 1)
    assert is_enough("hard", "5.1.1", 1)
    assert not is_enough("hard", "5.1.6", 4)
    assert is_enough("hard", "5.1.6", 5)
    assert not is_enough("soft", "4.2.2", 2)
    assert is_enough("soft", "4.2.2", 3)


def test_a_letter_that_asks_goes_where_something_only_bounced(house):
    """The mailbox may be there again; whoever complained is asked no more."""
    ada = house.subscribed()
    house.bounce(ada, "5.1.1")

    assert house.returns.is_suppressed(ADA)
    assert not house.returns.is_suppressed(ADA, True)
    house.returns.suppress(OWNER, ADA)
    assert house.returns.is_suppressed(ADA, True)


def test_a_complaint_suppresses_at_once(house):
    """Whoever calls it spam gets nothing more, and cannot be subscribed again by a letter."""
    ada = house.subscribed()
    about = f"Return-Path: <{house.links.bounce(ada.handle, house.digest(ada))}>"

    taken = house.returns.take(complaint(about=about))
    assert (taken.kind, taken.done, taken.is_ours) == ("complaint", "suppressed", True)
    assert [s.reason for s in house.returns.suppressions()] == ["complaint"]
    assert house.state(ada) == "ended"


def test_a_letter_ends_one_subscription(house):
    """Its others go on, and to write twice changes nothing."""
    ada, also = house.subscribed(), house.subscribed(kind="edition")
    data = plain("", ADA, To=house.links.unsubscribe_mail(ada.handle))

    assert [house.returns.take(data).done for _ in range(2)] == ["ended", "ended"]
    assert [house.state(ada), house.state(also)] == ["ended", "active"]
    assert not house.returns.is_suppressed(ADA)


def test_what_needs_nothing_leaves_nothing(house):
    """Automatic answers, letters of people, and what is of nobody here."""
    ada = house.subscribed()
    to = house.links.bounce(ada.handle, 1)
    gone = house.links.bounce("z" * 16, 1)
    for data in (
        plain("I am away.", ADA, To=to, Auto_Submitted="auto-replied"),
        plain("What is this?", ADA, To=to),
        report(failed("4.4.1", action="delayed"), to=to),
        report(failed("5.1.1"), to=gone),
        plain("", ADA, To=house.links.unsubscribe_mail("z" * 16)),
        b"",
    ):
        assert house.returns.take(data).done == "nothing"

    assert house.bounces() == []
    assert house.state(ada) == "active"


# ---------------------------------------------------------------------------- attackers


def test_nobody_suppresses_anybody_else(house):
    """Who knows an address but none of our tokens can forge what they like."""
    ada = house.subscribed()
    other = Links("https://papers.example.org", new_key(), "returns@example.org")
    own = house.subscribed(BEN)
    for data in (
        report(failed("5.1.1", f"550 5.1.1 <{ADA}>"), to="returns@example.org"),
        report(failed("5.1.1", f"550 5.1.1 <{ADA}>"), to=other.bounce(ada.handle, 1)),
        complaint(about=f"To: {ADA}\nList-Unsubscribe: <{other.unsubscribe(ada.handle)}>"),
        # With one's own token one harms oneself alone.
        report(failed("5.1.1", f"550 5.1.1 <{ADA}>"), to=house.links.bounce(own.handle, 1)),
    ):
        house.returns.take(data)

    assert not house.returns.is_suppressed(ADA)
    assert house.state(ada) == "active"
    assert house.returns.is_suppressed(BEN)


def test_who_was_forwarded_a_digest_ends_at_most_that_subscription(house):
    """Its link to leave does the same."""
    ada, also = house.subscribed(), house.subscribed(kind="edition")
    about = f"List-Unsubscribe: <{house.links.unsubscribe(ada.handle)}>"

    assert house.returns.take(complaint(about=about)).done == "ended"
    assert [house.state(ada), house.state(also)] == ["ended", "active"]
    assert not house.returns.is_suppressed(ADA)


# ---------------------------------------------------------------------------- while sending


def test_what_a_server_refuses_counts_like_what_comes_back(house):
    """It is the same answer, only earlier."""
    ada = house.subscribed()

    assert house.returns.note_refused(house.digest(ada), 550, "5.1.1 nobody") == "suppressed"
    assert house.returns.is_suppressed(ADA)


@pytest.mark.parametrize(
    ("code", "words"),
    [(554, "5.7.1 Relay access denied"), (530, "5.7.0 Authentication required"),
     (554, "5.6.1 no"), (550, "no"), (503, "5.5.1 wrong order")],
)  # fmt: skip
def test_what_a_server_holds_against_us_is_no_fault_of_an_address(house, code, words):
    """Else a relay that is set up wrongly would suppress all subscribers within a week."""
    ada = house.subscribed()

    assert house.returns.note_refused(house.digest(ada), code, words) == "nothing"
    assert house.bounces() == []


def test_a_digest_that_is_gone_is_nobodys(house):
    """It may have been forgotten meanwhile."""
    assert house.returns.note_refused(999, 550, "5.1.1 nobody") == "nothing"


# ---------------------------------------------------------------------------- what is kept


def test_no_address_is_kept_nor_told(house, caplog):
    """Neither the words of a server nor the log hold it, nor its first half."""
    caplog.set_level("INFO")
    ada = house.subscribed()
    house.bounce(ada, "5.1.1", f"550 <{ADA}> ADA.Private is unknown here")

    assert house.bounces() == [("hard", "5.1.1", "550 <the address> … is unknown here")]
    kept = house.returns.suppressions()[0]
    assert (kept.address, kept.note) == (
        address_hash(ADA),
        "5.1.1 550 <the address> … is unknown here",
    )
    assert "ada.private" not in caplog.text.lower()
    assert "address_suppressed domain=example.net kind=hard status=5.1.1" in caplog.text


def test_a_suppression_stays_when_all_else_is_forgotten(house):
    """The hash knows the address again, in whatever letters it is written."""
    ada = house.subscribed()
    house.returns.take(
        complaint(about=f"Errors-To: {house.links.bounce(ada.handle, house.digest(ada))}")
    )
    house.subscriptions.forget(ada)

    assert house.rows(select(func.count()).select_from(schema.recipients)) == [(0,)]
    assert house.bounces() == []
    assert house.returns.is_suppressed(ADA)


# ---------------------------------------------------------------------------- by hand


def test_suppressing_by_hand(house):
    """Also an address that nobody knows here; what was done with power is logged, without it."""
    ada = house.subscribed()

    assert house.returns.suppress(OWNER, f" {ADA.upper()}", "asked by letter") is True
    assert house.returns.suppress(OWNER, ADA) is False
    assert house.returns.suppress(OWNER, "new@example.com")
    assert house.state(ada) == "ended"
    found = {s.address: (s.reason, s.note) for s in house.returns.suppressions()}
    assert found[address_hash(ADA)] == ("hand", "asked by letter")
    table = schema.actions.c
    logged = house.rows(select(table.action, table.subject, table.note).order_by(table.id))
    assert logged[0] == ("suppress", f"address {address_hash(ADA)[:12]}…", "asked by letter")
    assert len(logged) == 2


def test_allowing_begins_anew(house):
    """What came back before does not count any more, and nothing is subscribed by itself."""
    ada = house.subscribed()
    for _ in range(3):
        house.bounce(ada, "4.2.2")
        house.wait(days=1)

    assert house.returns.allow(OWNER, ADA.title()) is True
    assert house.returns.allow(OWNER, ADA) is False
    assert house.state(ada) == "ended"
    assert house.bounce(house.subscribed(), "4.2.2") == "noted"


def test_a_bounce_becomes_a_complaint(house):
    """What weighs more stands, and the other way round it stays."""
    ada = house.subscribed()
    house.bounce(ada, "5.1.1")

    assert house.returns.suppress(OWNER, ADA, "by hand") is False
    assert [s.reason for s in house.returns.suppressions()] == ["hand"]
    house.bounce(ada, "5.1.1")
    assert [s.reason for s in house.returns.suppressions()] == ["hand"]


def test_by_hand_only_admins_and_only_addresses(house):
    """Nobody else sees or changes it."""
    for change in (house.returns.suppress, house.returns.allow):
        with pytest.raises(NotAllowed):
            change(Actor(7, "curator", "cy"), ADA)
        with pytest.raises(RefusedError, match="no mail address"):
            change(OWNER, "ada")
    with pytest.raises(RefusedError, match="500 characters"):
        house.returns.suppress(OWNER, ADA, "x" * 501)


def test_the_newest_stands_first(house):
    """Else whoever looks would not see what happened today."""
    house.returns.suppress(OWNER, ADA, "first")
    house.now += timedelta(days=1)
    house.returns.suppress(OWNER, BEN, "second")

    assert [s.note for s in house.returns.suppressions()] == ["second", "first"]
