"""Messages as servers and mailboxes read them, with the parser of Python and that of dkimpy."""

from __future__ import annotations

import email
import email.message
import email.policy
import re
import sys
from base64 import b64encode
from dataclasses import replace
from datetime import UTC, datetime

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st

from broadsheet.delivery.digest import html, subject, text
from broadsheet.delivery.links import Links
from broadsheet.delivery.message import (
    Head,
    MailRules,
    address_of,
    domain_of,
    list_headers,
    message,
    message_id,
    signer_of,
)
from broadsheet.errors import ConfigError, MailError
from delivery.issued import BASE, HANDLE, LINKS, issue, paper, subscribed

SENDER = "Daily Papers <papers@example.org>"
MADE = datetime(2026, 11, 20, 6, 30, 3, tzinfo=UTC)
HEAD = Head(SENDER, "Broadsheet", "ada@example.net", "Tides", MADE, f"<{'ab' * 16}@example.org>")
ANY = st.text(max_size=300)


def parsed(data: bytes) -> email.message.EmailMessage:
    """Return a message as a mailbox reads it, strictly."""
    strict = email.policy.default.clone(raise_on_defect=True)
    return email.message_from_bytes(data, policy=strict)


def digest() -> bytes:
    """Return an issue as a message."""
    made = issue([paper(n) for n in range(1, 4)])
    head = replace(HEAD, subject=subject(made), message_id=message_id(HANDLE, made.name, SENDER))
    return message(head, list_headers(made, SENDER), text(made), html(made))


# ---------------------------------------------------------------------------- MIME


def test_text_comes_before_html():
    """The two parts are alternatives, the better one last (RFC 2046)."""
    made = issue([paper(n) for n in range(1, 4)])
    read = parsed(digest())

    assert read.get_content_type() == "multipart/alternative"
    plain, rich = read.iter_parts()
    assert plain.get_content_type() == "text/plain"
    assert rich.get_content_type() == "text/html"
    assert plain.get_content() == text(made).replace("\n", "\r\n")
    assert rich.get_content() == html(made).replace("\n", "\r\n")
    assert read["Subject"] == "20 Nov 2026 · 3 papers · Tides in harbour 1"


def test_text_alone_is_one_part():
    """Who wants no HTML gets none."""
    read = parsed(message(HEAD, [], "Tides rise.\n"))

    assert read.get_content_type() == "text/plain"
    assert read.get_content() == "Tides rise.\r\n"


def test_headers():
    """Each header that a serious sender sets, as mailboxes read it."""
    read = parsed(digest())

    assert str(read["From"]) == SENDER
    assert str(read["To"]) == "ada@example.net"
    assert str(read["Reply-To"]) == "papers@example.org"
    assert read["Date"].datetime == MADE
    assert read["Message-ID"] == message_id(HANDLE, "2026-11-20", SENDER)
    assert read["Auto-Submitted"] == "auto-generated"
    assert read["Precedence"] == "bulk"
    assert read["List-Id"] == '"Broadsheet: trending" <trending.digests.example.org>'
    assert read["Feedback-ID"] == "trending:day:digest:broadsheet"
    assert read["MIME-Version"] == "1.0"
    assert len(set(read.keys())) == len(read.keys())


def test_no_server_has_anything_to_change():
    """ASCII, CRLF, and no line longer than 998 bytes, though a link may be longer than 78."""
    lines = digest().split(b"\r\n")

    assert all(line.isascii() and b"\n" not in line and b"\r" not in line for line in lines)
    assert max(map(len, lines)) <= 998
    assert max(map(len, digest().split(b"\r\n\r\n", 1)[1].split(b"\r\n"))) <= 76


def test_the_same_issue_is_the_same_bytes():
    """A retry is the same message to the last byte."""
    assert digest() == digest()


def test_lines_that_mail_programs_change_are_hidden():
    """A `From ` or a dot at the beginning of a line stays what it is."""
    data = message(HEAD, [], "Dear reader\nFrom here\n.\nFrom there\n")

    assert b"\nFrom " not in data
    assert b"\r\n.\r\n" not in data
    assert parsed(data).get_content() == "Dear reader\r\nFrom here\r\n.\r\nFrom there\r\n"


@given(subject=ANY, house=ANY, body=ANY)
def test_whatever_is_told_becomes_no_header(subject, house, body):
    """Texts come out as they went in, but for what cannot be seen in a header."""
    head = replace(HEAD, sender="papers@example.org", subject=subject, house=house)
    data = message(head, [], body, f"<p>{body}</p>")
    read = parsed(data)

    assert read.keys() == [
        "From", "To", "Subject", "Date", "Message-ID", "Reply-To", "Auto-Submitted",
        "MIME-Version", "Content-Type",
    ]  # fmt: skip
    seen = "".join(c if c.isprintable() else " " for c in subject)
    assert str(read["Subject"]).split() == seen.split()
    assert read["From"].addresses[0].addr_spec == "papers@example.org"
    plain, _rich = read.iter_parts()
    told = re.sub(r"\r\n?|\n", "\r\n", body.encode("utf-8", "replace").decode())
    assert plain.get_content() == told
    assert data.isascii()
    assert max(map(len, data.split(b"\r\n"))) <= 76


@pytest.mark.parametrize("address", ["", "ada", "a@b\r\nBcc: c@d", "a b@c", "ä@example.org", "@x"])
def test_what_is_no_address_is_refused(address):
    """Nothing that is no address gets into a header, and the error does not repeat it."""
    with pytest.raises(MailError) as refused:
        message(replace(HEAD, to=address), [], "x")
    assert not address or address not in str(refused.value)


def test_message_id_is_of_subscription_and_issue():
    """It is always the same, of no other issue, and in the domain of the sender."""
    made = message_id(HANDLE, "2026-11-20", SENDER)

    assert re.fullmatch(r"<[0-9a-f]{32}@example\.org>", made)
    assert made == message_id(HANDLE, "2026-11-20", SENDER)
    assert made != message_id(HANDLE, "2026-11-21", SENDER)
    assert made != message_id(HANDLE[::-1], "2026-11-20", SENDER)
    assert (address_of(SENDER), domain_of(SENDER)) == ("papers@example.org", "example.org")
    with pytest.raises(MailError):
        address_of("Nobody")


# ---------------------------------------------------------------------------- leaving a list


def left_by(base: str, returns: str) -> dict[str, str]:
    """Return the headers of a list whose links begin so."""
    made = issue([paper(1)], links=Links(base, "ab" * 32, returns))
    return {name: re.sub(r",\s+", ", ", value) for name, value in list_headers(made, SENDER)}


def test_one_click_with_https():
    """The provider of the recipient posts to the address; a letter unsubscribes, too."""
    found = left_by(BASE, "returns@example.org")

    web, letter = found["List-Unsubscribe"].split(", ")
    assert web == f"<{LINKS.unsubscribe(HANDLE)}>"
    assert letter == f"<mailto:{LINKS.unsubscribe_mail(HANDLE)}?subject=unsubscribe>"
    assert found["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_no_one_click_without_https():
    """RFC 8058 wants https: on plain http the address is a page with a button."""
    found = left_by("http://127.0.0.1:8620", "")

    assert "List-Unsubscribe-Post" not in found
    assert found["List-Unsubscribe"].startswith("<http://127.0.0.1:8620/unsubscribe/")
    assert "mailto:" not in found["List-Unsubscribe"]
    assert "mailto:" in left_by("http://127.0.0.1:8620", "r@example.org")["List-Unsubscribe"]


def test_lists_are_named_by_kind():
    """Who filters their mail can tell what is trending from a search."""
    of_search = issue([], subscription=subscribed(kind="search", cadence="week"))
    found = dict(list_headers(of_search, SENDER))

    assert found["List-Id"].endswith("<search.digests.example.org>")
    assert found["Feedback-ID"] == "search:week:digest:broadsheet"


# ---------------------------------------------------------------------------- the signature


@pytest.fixture(scope="module")
def key():
    """Return a private key."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def rules(key, tmp_path):
    """Return rules by which letters are signed."""
    file = tmp_path / "dkim.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return MailRules(SENDER, str(file), "autumn")


@pytest.fixture
def dns(key):
    """Return what DNS says of the key, and nothing else."""
    der = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    record = b"v=DKIM1; k=rsa; p=" + b64encode(der)
    return lambda name, **_timeout: {b"autumn._domainkey.example.org.": record}.get(name)


def test_signed_messages_verify(rules, dns):
    """Another implementation's verifier takes them; they are signed for the domain of From."""
    data = signer_of(rules)(digest(), MADE)

    assert dkim.verify(data, dnsfunc=dns)
    signature = parsed(data)["DKIM-Signature"]
    assert "d=example.org" in signature
    assert "s=autumn" in signature
    assert f"t={int(MADE.timestamp())}" in signature


@pytest.mark.parametrize(
    "header",
    ["From", "To", "Subject", "Date", "Message-ID", "List-Id", "List-Unsubscribe",
     "List-Unsubscribe-Post", "Reply-To"],
)  # fmt: skip
def test_what_counts_is_signed(rules, dns, header):
    """Nobody can change such a header without breaking the signature (RFC 8058, section 4)."""
    data = signer_of(rules)(digest(), MADE)
    changed = re.sub(rf"(\r\n{header}: )".encode(), rb"\1x", data)

    assert changed != data
    assert not dkim.verify(changed, dnsfunc=dns)


def test_nobody_can_add_another_sender(rules, dns):
    """A second From above ours, which some mail programs would show, breaks the signature."""
    data = signer_of(rules)(digest(), MADE)

    assert not dkim.verify(b"From: Eve <eve@example.com>\r\n" + data, dnsfunc=dns)


def test_a_body_that_was_changed_does_not_verify(rules, dns):
    """The signature covers all of the body."""
    data = signer_of(rules)(digest(), MADE)

    assert not dkim.verify(data.replace(b"Tides in", b"Tidal in"), dnsfunc=dns)


def test_a_letter_without_a_list_is_signed(rules, dns):
    """Headers that a message does not have are not in its signature."""
    data = signer_of(rules)(message(HEAD, [], "Tides.\n"), MADE)

    assert dkim.verify(data, dnsfunc=dns)


def test_a_signature_is_the_same_again(rules):
    """It is as of when the message was made, so that a retry has the same bytes."""
    sign = signer_of(rules)

    assert sign(digest(), MADE) == sign(digest(), MADE)


def test_nothing_is_signed_unasked():
    """Without a key there is no signer."""
    assert signer_of(MailRules(SENDER)) is None


def test_keys_that_cannot_sign_are_told_in_words(rules, tmp_path):
    """What is missing is said before anything is due."""
    with pytest.raises(ConfigError, match="dkim_selector is needed"):
        signer_of(rules._replace(dkim_selector=""))
    with pytest.raises(ConfigError, match="cannot be read"):
        signer_of(rules._replace(dkim_key=str(tmp_path / "none.pem")))
    with pytest.raises(ConfigError, match="mail_from is needed"):
        signer_of(rules._replace(sender=""))
    with pytest.raises(ConfigError, match="names in DNS"):
        signer_of(rules._replace(dkim_selector="a b"))


@pytest.mark.parametrize(
    "text", ["", "no key", "-----BEGIN RSA PRIVATE KEY-----\n!abc\n-----END RSA PRIVATE KEY-----\n"]
)
def test_what_is_no_key_is_told_in_words(rules, tmp_path, text):
    """A file that holds something else is named."""
    (tmp_path / "wrong.pem").write_text(text)
    with pytest.raises(ConfigError, match=r"wrong\.pem' is no private RSA key"):
        signer_of(rules._replace(dkim_key=str(tmp_path / "wrong.pem")))


def test_a_missing_extra_is_told_in_words(rules, monkeypatch):
    """Whoever sets a key is told what to install."""
    monkeypatch.setitem(sys.modules, "dkim", None)
    with pytest.raises(ConfigError, match=r"broadsheet\[dkim\]"):
        signer_of(rules)
