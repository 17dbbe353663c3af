"""Issues and letters from a real record: what the ledger holds is what is sent and shown."""

from __future__ import annotations

import email
import email.policy
from typing import Any

import pytest
from fastapi.testclient import TestClient

from broadsheet.delivery.links import Links
from broadsheet.delivery.message import MailRules, message_id
from broadsheet.delivery.rendering import Renderer
from broadsheet.errors import ConfigError, DigestNotFound, MailError
from broadsheet.web.app import create_app
from conftest import NOW
from delivery.house import ADDRESS, RECORDS, SENDER, opened
from delivery.issued import BASE, HANDLE, Read


@pytest.fixture
def house(tmp_path, embedder):
    """Return a house."""
    with opened(tmp_path, embedder) as made:
        yield made


def read(data: bytes) -> Any:
    """Return a message as a mailbox reads it."""
    return email.message_from_bytes(data, policy=email.policy.default)


# ---------------------------------------------------------------------------- the record


def test_an_issue_is_what_was_decided(house):
    """The choice as it was kept, with the papers as they are."""
    issue = house.renderer.issue(house.digest())

    assert issue.name == "2026-03-17"
    assert issue.subscription.address == ADDRESS
    assert [issue.papers[i.paper].title for i in issue.items] == [r.title for r in RECORDS]
    assert issue.choice.more == 2


@pytest.mark.parametrize(("issue", "body"), [("confirm-1", "confirm"), ("2026-03-17", "")])
def test_what_nobody_composed_is_no_issue(house, issue, body):
    """A letter, and an issue that was skipped or came too late, have no web version."""
    with pytest.raises(DigestNotFound):
        house.renderer.issue(house.digest(issue, body))


def test_what_is_not_there_is_not_found(house):
    """A number that nothing has is told so."""
    with pytest.raises(DigestNotFound):
        house.renderer.issue(99)
    with pytest.raises(DigestNotFound):
        house.renderer.outgoing(99)


def test_papers_are_told_as_they_are_now(house):
    """What is kept in memory is read again once the collection has changed."""
    number = house.digest()
    assert house.renderer.issue(number).papers[house.papers[0]].title == "Lighthouses of coast 1"

    house.refile(title="Lighthouses of coast 1, revised")

    found = house.renderer.issue(number).papers[house.papers[0]]
    assert found.title == "Lighthouses of coast 1, revised"


def test_merged_papers_are_told_as_what_they_became(house):
    """A digest keeps the number that a paper had; it leads to what is left."""
    number = house.digest()
    one, other = house.papers[:2]
    house.library.deciding.merge(f"p{one}", f"p{other}")

    issue = house.renderer.issue(number)

    assert issue.papers[one] == issue.papers[other]
    assert [issue.papers[i.paper].id for i in issue.items] == [one, house.papers[2]]


# ---------------------------------------------------------------------------- what is sent


def test_a_digest_as_it_is_sent(house):
    """To the recipient, from the house, with bounces to an address of this very digest."""
    number = house.digest()
    sent = house.renderer.outgoing(number)
    found = read(sent.data)

    assert sent.to == ADDRESS
    assert sent.sender == house.links.bounce(HANDLE, number)
    assert sent.message_id == message_id(HANDLE, "2026-03-17", SENDER) == found["Message-ID"]
    assert found["From"] == SENDER
    assert found["Date"].datetime == NOW
    assert found["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert found["Subject"] == "17 Mar 2026 · 3 papers · Lighthouses of coast 1"
    rich = found.get_body(("html",)).get_content()
    assert "Lighthouses of coast 3" in Read(rich).words
    assert house.links.digest(HANDLE, number) in Read(rich).links


def test_a_retry_is_the_same_bytes(house):
    """Whenever it is sent, it is the same message."""
    number = house.digest()

    assert house.renderer.outgoing(number) == house.renderer.outgoing(number)


def test_who_wants_text_gets_text(house):
    """Text alone has no HTML beside it."""
    house.change(form="text")
    found = read(house.renderer.outgoing(house.digest()).data)

    assert found.get_content_type() == "text/plain"
    assert "Lighthouses of coast 3" in found.get_content()


def test_a_letter_as_it_is_sent(house):
    """A letter that asks for consent has its link, and is no list that could be left."""
    house.change(state="pending")
    found = read(house.renderer.outgoing(house.digest("confirm-1", "confirm")).data)

    assert "List-Unsubscribe" not in found
    assert found["Auto-Submitted"] == "auto-generated"
    link = house.links.confirm(HANDLE)
    assert link in found.get_body(("plain",)).get_content()
    assert link in Read(found.get_body(("html",)).get_content()).links


def test_a_skipped_issue_is_not_sent(house):
    """What nobody composed cannot be sent by mistake."""
    with pytest.raises(DigestNotFound):
        house.renderer.outgoing(house.digest(body=""))


def test_without_a_sender_nothing_is_sent(house):
    """Whoever set no `mail_from` is told."""
    nobody = Renderer(house.library.database, house.links, "Broadsheet", MailRules())
    with pytest.raises(MailError, match="mail_from"):
        nobody.outgoing(house.digest())


def test_a_key_that_cannot_sign_is_told_before_anything_is_sent(house, tmp_path):
    """Whoever is about to send can ask, so that nothing is refused for it."""
    rules = MailRules(SENDER, str(tmp_path / "none.pem"), "autumn")
    unsigned = Renderer(house.library.database, house.links, "Broadsheet", rules)
    with pytest.raises(ConfigError, match="dkim_key"):
        unsigned.check()
    house.renderer.check()


def test_without_an_address_for_bounces_they_go_to_the_sender(house):
    """The envelope needs somebody."""
    links = Links(BASE, "ab" * 32)
    plain = Renderer(house.library.database, links, "Broadsheet", MailRules(SENDER))

    assert plain.outgoing(house.digest()).sender == "papers@example.org"


def test_a_preview_is_not_in_the_ledger(house):
    """What would be in an issue can be looked at, and written to a file."""
    kept = house.renderer.issue(house.digest())
    seen = house.renderer.preview(kept.subscription, kept.choice, "2026-03-18")
    sent = house.renderer.mailed(seen, NOW)

    assert seen.papers == kept.papers
    assert seen.web == ""
    assert sent.sender == "papers@example.org"
    assert read(sent.data)["Subject"].startswith("18 Mar 2026")


# ---------------------------------------------------------------------------- the web version


@pytest.fixture
def client(house):
    """Return a client that nobody has signed in with."""
    return TestClient(create_app(house.library, clock=lambda: NOW), follow_redirects=False)


def test_the_web_version_is_read_by_its_link(house, client):
    """Without an account; it says what was sent, and nothing of whom to."""
    found = client.get(house.web_path())

    assert found.status_code == 200
    for word in ("Lighthouses of coast 1", "They shine.", "41 upvotes", "Ada Example", "17 March"):
        assert word in found.text
    assert "arxiv.org/abs/2603.00001" in found.text
    for secret in (ADDRESS, house.links.manage(HANDLE), "/unsubscribe/", "/subscription/", HANDLE):
        assert secret not in found.text
    assert "noindex" in found.headers["X-Robots-Tag"]
    assert found.headers["Cache-Control"] == "no-store"
    assert found.headers["Referrer-Policy"] == "strict-origin"


def test_only_the_link_of_a_digest_leads_to_it(house, client):
    """No other token, no other digest, and nothing that was not sent."""
    number, letter = house.digest(), house.digest("confirm-1", "confirm")
    other = house.links.token("digest", HANDLE[::-1], number)
    for token in (
        "x", "d" + HANDLE, other, house.links.token("manage", HANDLE),
        house.links.token("digest", HANDLE), house.links.token("digest", HANDLE, letter),
        house.links.token("digest", HANDLE, number + 77),
    ):  # fmt: skip
        found = client.get(f"/digest/{token}")
        assert found.status_code == 404
        assert "not good any more" in found.text
        assert "noindex" in found.headers["X-Robots-Tag"]


def test_hostile_words_are_words_on_the_page(house, client):
    """What a title holds is shown, not used."""
    house.refile(title="<script>alert(1)</script>")
    found = client.get(house.web_path())

    assert "&lt;script&gt;alert(1)" in found.text
    assert "<script>alert" not in found.text
