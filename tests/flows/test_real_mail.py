"""A digest on its whole way: Postfix delivers it, Dovecot shows it, and what comes back counts.

Both are real and started for these tests (`postal`); the clock of the collection is set by hand.
"""

from __future__ import annotations

import re
import shutil
import smtplib
from base64 import b64encode
from collections import Counter
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from fastapi.testclient import TestClient

from broadsheet.delivery.mail import mailer_of
from broadsheet.delivery.mailbox import FOLDER, read_mailbox
from broadsheet.delivery.mailroom import Mailroom, Manner
from broadsheet.delivery.message import MailRules
from broadsheet.delivery.subscription import Wishes
from broadsheet.errors import MailboxError, StoreError
from broadsheet.factory import open_library
from broadsheet.papers.types import ExternalId, Record
from broadsheet.readers.permissions import VISITOR
from broadsheet.readers.rules import Rules
from broadsheet.web.app import create_app
from delivery.letters_back import complaint
from loopback import nobody
from postal import PASSWORD, RETURNS, PostOffice, needs_post
from processes import broadsheet, called
from web.invented import no_sources

pytestmark = needs_post

BASE = "https://papers.example.org"
SENDER = "The Papers <papers@example.org>"
ADA = "ada@reader.example"
RULES = Rules(is_shared=True, is_public=True, address=BASE)
_UNLOCKED = serialization.NoEncryption()
TITLE = "Größe & <b>tidy</b> kitchens of graph 𝔾"
RECORDS = [
    Record(
        "arxiv", f"2603.0000{n}", f"{TITLE} {n}", abstract="We tidy it. It stays so.",
        authors=("Ada Example", "Čeněk Ňoura"), announced=f"2026-03-{18 + n}",
        external_ids=(ExternalId("arxiv", f"2603.0000{n}"),),
    )
    for n in range(1, 4)
]  # fmt: skip


@pytest.fixture(scope="module")
def office():
    """Return a post office that is open for all tests of this module."""
    with PostOffice() as opened:
        yield opened


@pytest.fixture(scope="module")
def filed(tmp_path_factory):
    """Return a home with a few papers."""
    home = tmp_path_factory.mktemp("filed")
    with open_library(home, newsroom=no_sources) as library:
        for _ in library.file(RECORDS, source="arxiv", page=None, counts=Counter()):
            pass
    return home


@pytest.fixture
def house(office, filed, tmp_path):
    """Return a shared collection that sends through the post office, whose mailboxes are empty."""
    office.clear()
    with _opened(office, shutil.copytree(filed, tmp_path / "home")) as made:
        yield made


@contextmanager
def _opened(office, home, **signing: str):
    clock = [datetime(2026, 3, 18, 12, 0, tzinfo=UTC)]
    manner = Manner(
        base=BASE, house="The Papers", mail=MailRules(SENDER, **signing), returns=RETURNS,
        mailbox=office.mailbox(), mailbox_password=PASSWORD,
    )  # fmt: skip
    with open_library(
        home,
        clock=lambda: clock[0],
        rules=RULES,
        newsroom=no_sources,
        mailroom=lambda library: Mailroom(
            library.stock, RULES, manner, mailer_of(office.smtp, SENDER)
        ),
    ) as library:
        yield House(office, library, clock)


class House:
    """A collection whose digests really go out, and a browser at its pages."""

    def __init__(self, office, library, clock) -> None:
        self.office = office
        self.library = library
        self.mailroom = library.mailroom
        self.clock = clock
        app = create_app(library, clock=lambda: clock[0], names=["papers.example.org"])
        # Whoever follows a link from a letter brings no cookie along.
        self.browser = TestClient(app, base_url=BASE, follow_redirects=False)

    def subscribed(self, address=ADA, kind="edition"):
        """Return a subscription whose next issue is due tomorrow morning."""
        held = self.mailroom.subscriptions
        asked = held.subscribe(VISITOR, address, Wishes(kind, at="09:00"))
        return held.confirm(self.mailroom.links.token("confirm", asked.handle))

    def state(self, subscription):
        """Return how a subscription stands."""
        return self.mailroom.subscriptions.by_id(subscription.id).state

    def ledger(self):
        """Return the states of all digests."""
        return sorted(one.state for one in self.mailroom.sender.recent())

    def next_morning(self):
        """Let it become half past nine of the next day, and send what is due."""
        self.clock[0] = self.clock[0].replace(hour=9, minute=30) + timedelta(days=1)
        return self.mailroom.tick()

    def read_mailbox(self):
        """Take what came back."""
        return read_mailbox(self.office.mailbox(), PASSWORD, self.mailroom.returns.take)

    def post(self, data, to=RETURNS, sender="somebody@example.com"):
        """Send a letter to the post office, and see it delivered."""
        before = len(self.office.letters(RETURNS))
        with smtplib.SMTP("127.0.0.1", self.office.smtp_port, timeout=60) as server:
            server.sendmail(sender, [to], data)
        self.office.letters(RETURNS, least=before + 1)


def links_in(text):
    """Return the addresses in a text."""
    return set(re.findall(r"https?://[^\s\"<>)]+", text))


# ---------------------------------------------------------------------------- there


def test_from_subscribing_to_one_click(house):
    """Asked for, confirmed by the letter, delivered, read, and ended with the header's own link."""
    asked = house.mailroom.subscriptions.subscribe(VISITOR, ADA, Wishes("edition", at="09:00"))
    house.mailroom.tick()
    letter = house.office.letters(ADA, least=1)[0]
    plain, _html = letter.iter_parts()
    link = next(one for one in links_in(plain.get_content()) if one.endswith("/confirm"))

    assert house.browser.get(urlsplit(link).path).status_code == 200
    assert house.state(asked) == "pending"
    assert house.browser.post(urlsplit(link).path, data={"yes": "1"}).status_code in {200, 303}
    assert house.state(asked) == "active"

    house.next_morning()
    digest = house.office.letters(ADA, least=2)[1]
    assert "1 paper" in digest["Subject"]
    _is_well_formed(digest, house, asked)
    leave = re.search(r"<(https://[^>]+)>", digest["List-Unsubscribe"])[1]
    assert house.browser.get(urlsplit(leave).path).status_code == 200
    assert house.state(asked) == "active"
    for _ in range(2):
        answer = house.browser.post(
            urlsplit(leave).path, data={"List-Unsubscribe": "One-Click"}, headers={"Origin": "null"}
        )
        assert answer.status_code == 200
    assert house.state(asked) == "ended"
    assert house.next_morning().sent.sent == 0
    assert "ada@" not in leave + link


def _is_well_formed(digest, house, subscription):
    """See that a digest that was delivered is as RFC 5322, 2046, 8058 and we want it."""
    assert digest.get_content_type() == "multipart/alternative"
    plain, html = digest.iter_parts()
    assert (plain.get_content_type(), html.get_content_type()) == ("text/plain", "text/html")
    assert digest.defects == plain.defects == html.defects == []
    text, page = plain.get_content(), html.get_content()
    assert TITLE in text
    assert "<b>tidy" not in page
    assert "<script" not in page
    assert 'src="http' not in page
    assert "Čeněk Ňoura" in text
    assert "Čeněk Ňoura" in page
    in_page = {one.replace("&amp;", "&") for one in links_in(page)}
    assert {one for one in links_in(text) if one.startswith(f"{BASE}/")} <= in_page
    assert digest["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert digest["Auto-Submitted"] == "auto-generated"
    assert digest["Precedence"] == "bulk"
    assert digest["List-Id"]
    assert digest["From"].addresses[0].addr_spec == "papers@example.org"
    assert digest["Message-ID"].endswith("@example.org>")
    assert max(map(len, digest.as_bytes().split(b"\n"))) <= 998
    assert len(digest.as_bytes()) < 100_000
    # Where bounces go is of this subscription and this digest alone.
    token = house.mailroom.links.returned(digest["Return-Path"].strip("<>"))
    assert house.mailroom.links.read("bounce", token).handle == subscription.handle
    assert house.browser.get(urlsplit(_web_version(links_in(text))).path).status_code == 200


def _web_version(links):
    return next(one for one in links if "/digest/" in one)


def test_to_run_again_sends_nothing_again(house):
    """Nor does another process that opens the home."""
    house.subscribed()
    assert house.next_morning().sent.sent == 1
    assert house.mailroom.tick().sent.sent == 0
    with _opened(house.office, house.library.database.path.parent) as other:
        other.clock[0] = house.clock[0]
        assert other.mailroom.tick().sent.sent == 0

    assert len(house.office.letters(ADA, least=1)) == 1
    house.next_morning()
    first, second = house.office.letters(ADA, least=2)
    assert first["Message-ID"] != second["Message-ID"]
    assert f"{TITLE} 1" in first.get_body(("plain",)).get_content()
    assert f"{TITLE} 1" not in second.get_body(("plain",)).get_content()


def test_a_signature_is_good_where_it_arrives(office, filed, tmp_path):
    """No server on the way has anything to change, so that DKIM holds (RFC 6376)."""
    dkim = pytest.importorskip("dkim")
    office.clear()
    key = rsa.generate_private_key(65537, 2048)
    file = tmp_path / "dkim.pem"
    form = serialization.PrivateFormat.TraditionalOpenSSL
    file.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, _UNLOCKED))
    public = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    with _opened(
        office, shutil.copytree(filed, tmp_path / "home"), dkim_key=str(file), dkim_selector="s1"
    ) as house:
        house.subscribed()
        house.next_morning()
        (data,) = office.raw(ADA, least=1)

    asked = []

    def dns(name, **_how: object):
        asked.append(name)
        return b"v=DKIM1; k=rsa; p=" + b64encode(public)

    assert dkim.verify(data, dnsfunc=dns)
    assert asked == [b"s1._domainkey.example.org."]
    assert not dkim.verify(data.replace(b"tidy", b"tidi"), dnsfunc=dns)


# ---------------------------------------------------------------------------- and back


def test_a_bounce_comes_back_and_suppresses(house):
    """Taken at first, then reported to the address of just this digest, by Postfix itself."""
    gone, ada = house.subscribed("nobody@gone.example"), house.subscribed()
    house.next_morning()
    assert house.ledger().count("sent") == 2
    house.office.letters(RETURNS, least=1)

    assert house.read_mailbox() == (1, 0, 0)
    assert house.mailroom.returns.is_suppressed("nobody@gone.example")
    assert [house.state(s) for s in (gone, ada)] == ["ended", "active"]
    assert house.next_morning().sent.sent == 1
    assert house.read_mailbox() == (0, 0, 0)


def test_whoever_delivers_reads_the_mailbox_first(house):
    """So that nothing more goes to whom the last issue did not reach; nor to others twice."""
    gone = house.subscribed("nobody@gone.example")
    house.next_morning()
    house.office.letters(RETURNS, least=1)
    with _opened(house.office, house.library.database.path.parent) as other:
        other.clock[0] = house.clock[0]
        assert other.next_morning().sent.sent == 0

    assert house.state(gone) == "ended"
    assert len(house.office.letters(RETURNS, FOLDER)) == 1


def test_a_full_mailbox_is_noted(house):
    """It may be emptied by tomorrow."""
    full = house.subscribed("ben@full.example")
    house.next_morning()
    house.office.letters(RETURNS, least=1)

    assert house.read_mailbox() == (1, 0, 0)
    assert house.state(full) == "active"
    assert not house.mailroom.returns.is_suppressed("ben@full.example")


def test_who_is_refused_at_once_is_suppressed_at_once(house):
    """Postfix knows its own domains, and says so before it takes anything."""
    gone = house.subscribed("unknown@reader.example")

    assert house.next_morning().sent.refused == 1
    assert house.mailroom.returns.is_suppressed("unknown@reader.example")
    assert house.state(gone) == "ended"


def test_a_complaint_suppresses(house):
    """It has in it the digest as it was delivered, whose Return-Path says which."""
    ada = house.subscribed()
    house.next_morning()
    digest = house.office.letters(ADA, least=1)[0]
    house.post(complaint(to=RETURNS, about=digest.as_string().replace("\r\n", "\n")))

    assert house.read_mailbox() == (1, 0, 0)
    assert [s.reason for s in house.mailroom.returns.suppressions()] == ["complaint"]
    assert house.state(ada) == "ended"


def test_a_letter_unsubscribes(house):
    """It goes to the second address of List-Unsubscribe, as mail programs send it."""
    ada = house.subscribed()
    house.next_morning()
    digest = house.office.letters(ADA, least=1)[0]
    to = re.search(r"<mailto:([^?>]+)", digest["List-Unsubscribe"])[1]
    house.post(f"From: {ADA}\r\nTo: {to}\r\nSubject: unsubscribe\r\n\r\n".encode(), to, ADA)

    assert house.read_mailbox() == (1, 0, 0)
    assert house.state(ada) == "ended"
    assert not house.mailroom.returns.is_suppressed(ADA)


def test_the_same_by_pipe_and_by_http(house):
    """Where no mailbox can be read, a mail server hands over what comes."""
    house.subscribed("nobody@gone.example")
    full = house.subscribed("ben@full.example")
    house.next_morning()
    found = house.office.letters(RETURNS, least=2)
    gone, later = sorted((one.as_bytes() for one in found), key=lambda data: b"5.2.2" in data)

    home = house.library.database.path.parent
    env = {"BROADSHEET_MAIL_RETURN": RETURNS, "BROADSHEET_ADDRESS": BASE}
    piped = broadsheet("bounces", "--json", "--home", home, stdin=gone, **env)
    assert b'"done":"suppressed"' in piped.stdout
    assert house.mailroom.returns.is_suppressed("nobody@gone.example")
    listed = called("suppressions", "--home", home, **env)
    assert b"bounce" in listed.stdout
    assert b"gone.example" not in listed.stdout

    token = house.library.accounts.make_token(_admin(house), "pipe", ["administer"]).secret
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "message/rfc822"}
    answer = house.browser.post("/api/bounces", content=later, headers=headers)
    assert (answer.json()["kind"], answer.json()["done"]) == ("soft", "noted")
    assert house.state(full) == "active"


def _admin(house):
    return house.library.accounts.actor("owner")


# ---------------------------------------------------------------------------- the mailbox


def test_what_is_none_of_ours_stays_unread(house):
    """A mailbox may be a person's, too; what is ours is put away into a folder."""
    ada = house.subscribed()
    house.post(b"From: a@example.com\r\nTo: returns@example.org\r\nSubject: Lunch?\r\n\r\nAt one?")
    to = house.mailroom.links.unsubscribe_mail(ada.handle)
    house.post(f"From: {ADA}\r\nTo: {to}\r\n\r\n".encode(), to, ADA)

    assert house.read_mailbox() == (1, 1, 0)
    unread = house.office.letters(RETURNS, which="UNSEEN")
    assert [one["Subject"] for one in unread] == ["Lunch?"]
    assert len(house.office.letters(RETURNS)) == 1
    assert [one["To"] for one in house.office.letters(RETURNS, FOLDER, which="SEEN")] == [to]
    # It is not even looked at again.
    assert house.read_mailbox() == (0, 0, 0)


def test_what_cannot_be_taken_stays_for_the_next_time(house):
    """Nothing is lost while the record cannot be written."""
    ada = house.subscribed()
    to = house.mailroom.links.unsubscribe_mail(ada.handle)
    house.post(f"From: {ADA}\r\nTo: {to}\r\n\r\n".encode(), to, ADA)

    def fails(_data):
        raise StoreError("the disk is full")

    told = []
    found = read_mailbox(house.office.mailbox(), PASSWORD, fails, lambda *done: told.append(done))
    assert found == (0, 0, 1)
    assert told == [(1, 1)]
    assert house.read_mailbox() == (1, 0, 0)
    assert house.state(ada) == "ended"


def test_by_tls_only_with_a_certificate_that_is_trusted(house):
    """Elsewhere than on this machine nothing else is spoken."""
    place = house.office.mailbox(tls=True)
    take = house.mailroom.returns.take

    assert read_mailbox(place, PASSWORD, take, trust=house.office.trust) == (0, 0, 0)
    with pytest.raises(MailboxError, match="cannot be reached") as told:
        read_mailbox(place, PASSWORD, take)
    assert not told.value.temporary
    with pytest.raises(MailboxError, match="use imaps://"):
        read_mailbox("imap://ada@mail.example.org", PASSWORD, take)


def test_a_mailbox_that_cannot_be_read_is_told(house):
    """In words that say whether to wait or to change something."""
    take = house.mailroom.returns.take
    with pytest.raises(MailboxError, match="refuses to show") as told:
        read_mailbox(house.office.mailbox(), "wrong", take)
    assert not told.value.temporary
    with pytest.raises(MailboxError, match="no folder 'Elsewhere'"):
        read_mailbox(house.office.mailbox(folder="Elsewhere"), PASSWORD, take)
    with pytest.raises(MailboxError, match="plain ASCII"):
        read_mailbox(house.office.mailbox(folder="Entw%C3%BCrfe"), PASSWORD, take)
    with nobody() as place, pytest.raises(MailboxError, match="cannot be reached") as told:
        read_mailbox(place.replace("http://", "imap://ada@"), PASSWORD, take)
    assert told.value.temporary


def test_the_command_reads_the_mailbox(house):
    """As the settings name it; without them it says what is missing."""
    house.subscribed("nobody@gone.example")
    house.next_morning()
    house.office.letters(RETURNS, least=1)
    home = house.library.database.path.parent
    env = {"BROADSHEET_MAIL_RETURN": RETURNS, "BROADSHEET_MAILBOX": house.office.mailbox()}

    missing = called("bounces", "--mailbox", "--home", home, **env)
    assert b"BROADSHEET_MAILBOX_PASSWORD" in missing.stderr
    found = called(
        "bounces", "--mailbox", "--home", home, BROADSHEET_MAILBOX_PASSWORD=PASSWORD, **env
    )
    assert found.stdout == b"taken 1, left as none of ours 0, failed 0\n"
    assert house.mailroom.returns.is_suppressed("nobody@gone.example")
    unset = called("bounces", "--mailbox", "--home", home)
    assert (unset.returncode, b"mailbox is not set" in unset.stderr) == (2, True)
