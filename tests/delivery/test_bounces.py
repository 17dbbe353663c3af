"""What letters say that come back: from all kinds of servers, from people, and from attackers."""

from __future__ import annotations

import base64
import quopri

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broadsheet.delivery import bounces
from broadsheet.delivery.bounces import LONGEST, WORDS, Returned, read, refused
from broadsheet.delivery.links import Links, Named
from delivery.letters_back import (
    DIGEST,
    EXCHANGE,
    HANDLE,
    LINKS,
    QMAIL,
    bounce_address,
    complaint,
    failed,
    plain,
    report,
)

OURS = Named(HANDLE, DIGEST)
LEAVE = LINKS.unsubscribe_mail(HANDLE)
OTHERS = Links("https://papers.example.org", "cd" * 32, "returns@example.org")


# ---------------------------------------------------------------------------- reports


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("5.1.1", "hard"), ("5.1.2", "hard"), ("5.2.1", "hard"), ("5.7.1", "hard"),
        ("5.2.2", "soft"), ("4.2.2", "soft"), ("4.4.1", "soft"), ("4.0.0", "soft"),
    ],
)  # fmt: skip
def test_a_report_says_how_final_it_is(status, kind):
    """A full mailbox may be emptied, though it is called final."""
    found = read(report(failed(status, "it says so")), LINKS)

    assert found == Returned(kind, OURS, status, "it says so")


@pytest.mark.parametrize("action", ["delayed", "delivered", "relayed", "expanded"])
def test_what_has_not_failed_needs_nothing(action):
    """What is late is still under way: whether it fails is told later."""
    assert read(report(failed("4.4.1", action=action)), LINKS).kind == "auto"


def test_of_several_recipients_the_best_counts():
    """An address may lead to several, of whom one was reached."""
    gone, full, there = failed("5.1.1"), failed("5.2.2"), failed("2.0.0", action="delivered")

    assert read(report(gone, gone), LINKS).kind == "hard"
    assert read(report(gone, full), LINKS)[:3] == ("soft", OURS, "5.2.2")
    assert read(report(full, there, gone), LINKS).kind == "auto"


@pytest.mark.parametrize(
    ("fields", "text", "status"),
    [
        (failed("5.0.0", "550 5.1.1 unknown"), "", "5.1.1"),
        (failed("5.0.0"), EXCHANGE, "5.1.10"),
        (failed("5.0.0", "550 User unknown"), "", "5.1.1"),
        (failed("5.0.0", "554 go away"), "", "5.0.0"),
        (failed("4.0.0", "550 User unknown"), "", "4.0.0"),
        ("Action: failed", "421 try later", "4.0.0"),
        (failed("5.2.2 (full)", "552 over quota"), "", "5.2.2"),
        (failed("5.002.001"), "", "5.2.1"),
    ],
)
def test_a_vague_status_is_made_clear_by_the_words(fields, text, status):
    """Where the field says no more than that it failed, the words beside it do."""
    assert read(report(fields, text=text), LINKS).status == status


@pytest.mark.parametrize("how", ["base64", "quoted-printable"])
def test_parts_may_be_encoded(how):
    """Servers may write the report in an encoding."""
    fields = f"Reporting-MTA: dns; mx\r\n\r\n{failed('5.1.1', '550 nobody')}\r\n".encode()
    coded = base64.encodebytes(fields) if how == "base64" else quopri.encodestring(fields)
    data = report("@@").replace(
        b"message/delivery-status\n\nReporting-MTA: dns; mx.example.net\n\n@@",
        b"message/delivery-status\nContent-Transfer-Encoding: %b\n\n%b" % (how.encode(), coded),
    )

    assert read(data, LINKS)[:3] == ("hard", OURS, "5.1.1")


def test_a_report_without_recipients_is_none():
    """Nobody knows what it says."""
    assert read(report(), LINKS).kind == "unknown"


def test_lines_may_end_in_any_way():
    """A letter that came by SMTP has other ends of lines than one in a file."""
    data = report(failed("5.1.1"))

    assert read(data.replace(b"\n", b"\r\n"), LINKS) == read(data, LINKS)
    # Some write a line before the headers when they hand it to a program.
    assert read(b"From MAILER-DAEMON Tue Mar 17 06:30:00 2026\n" + data, LINKS).named == OURS


# ---------------------------------------------------------------------------- plain text


def test_qmail_says_it_in_plain_text():
    """What is told in the copy of our own letter is none of it."""
    found = read(plain(QMAIL), LINKS)

    assert found == Returned("hard", OURS, "5.1.1", "Sorry, no mailbox here by that name. (#5.1.1)")


@pytest.mark.parametrize(
    ("text", "kind", "status"),
    [
        (EXCHANGE, "hard", "5.1.10"),
        ("<x>: 550 No such user here", "hard", "5.1.1"),
        ("<x>: host mx[192.0.2.5] said: 452 too busy", "soft", "4.0.0"),
        ("552 5.2.2 mailbox full", "soft", "5.2.2"),
        ("All is well.", "auto", ""),
    ],
)
def test_other_servers_say_it_in_plain_text(text, kind, status):
    """Only what is certain is read from words."""
    assert read(plain(text), LINKS)[:3] == (kind, OURS, status)


def test_a_person_who_writes_to_such_an_address_is_no_server():
    """Whoever quotes an error to us has not sent one."""
    assert read(plain(QMAIL, "Ada <ada@example.net>"), LINKS).kind == "unknown"
    assert read(plain(QMAIL, "my.postmaster@example.net"), LINKS).kind == "unknown"


@pytest.mark.parametrize(
    "headers",
    [
        {"Auto_Submitted": "auto-replied (vacation)"},
        {"Auto_Submitted": "Auto-Replied"},
        {"Return_Path": "<>"},
        {"X_Autoreply": "yes"},
    ],
)
def test_automatic_answers_need_nothing(headers):
    """Whoever is away for two weeks has not complained, nor unsubscribed."""
    text = "I am away until 5.1.1 or so."

    assert read(plain(text, "ada@example.net", **headers), LINKS).kind == "auto"
    assert read(plain(text, "ada@example.net", To=LEAVE, **headers), LINKS).kind == "auto"


# ---------------------------------------------------------------------------- leaving


@pytest.mark.parametrize("headers", [{}, {"Auto_Submitted": "auto-generated"}])
def test_a_letter_unsubscribes(headers):
    """Mail programs send such a letter by themselves: it may be empty, and say so."""
    found = read(plain("", "ada@example.net", To=f"<{LEAVE.upper()}>", **headers), LINKS)

    assert found == Returned("unsubscribe", Named(HANDLE))


@pytest.mark.parametrize("header", ["X-Original-To", "Delivered-To", "Envelope-To", "To", "Cc"])
def test_where_it_was_addressed_stands_in_many_headers(header):
    """Each server writes it elsewhere; forwarded letters have several."""
    name = header.replace("-", "_")
    data = plain("", "ada@example.net", **{"To": "list@example.org", name: LEAVE})
    twice = b"Delivered-To: somebody@example.com\n" + data

    assert read(data, LINKS).kind == read(twice, LINKS).kind == "unsubscribe"


def test_our_own_link_in_a_report_does_not_unsubscribe():
    """What comes back shows our headers: nobody wrote there to leave."""
    ours = f"List-Unsubscribe: <mailto:{LEAVE}>\n"

    assert read(report(failed("4.4.1"), returned=ours), LINKS).kind == "soft"
    assert read(plain(f"Re: {LEAVE}", "ada@example.net", To="x@example.org"), LINKS).named is None


# ---------------------------------------------------------------------------- complaints


def test_a_complaint_is_about_the_letter_in_it():
    """It comes to an address for all complaints, so that only its parts say what it is about."""
    for about in (f"Return-Path: <{bounce_address()}>", f"Errors-To: {bounce_address()}"):
        assert read(complaint(about=about), LINKS) == Returned("complaint", OURS, "", "abuse")
    fields = f"Feedback-Type: abuse\nOriginal-Mail-From: <{bounce_address()}>"
    data = report(fields, to="complaints@example.org", kind="feedback-report")
    assert read(data, LINKS).kind == "complaint"


def test_who_was_forwarded_a_digest_can_do_no_more_than_unsubscribe():
    """The link to leave stands in the letter, so that it proves less than where it came from."""
    about = f"List-Unsubscribe: <{LINKS.unsubscribe(HANDLE)}>"

    assert read(complaint(about=about), LINKS)[:2] == ("unsubscribe", Named(HANDLE))
    bounced = report(failed("5.1.1"), to="returns@example.org", returned=about)
    assert read(bounced, LINKS).named is None


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        ("fraud", "complaint"), ("other", "complaint"), ("not-spam", "auto"), ("virus", "auto"),
        ("auth-failure", "auto"), ("opt-out", "unsubscribe"), ("", "auto"),
    ],
)  # fmt: skip
def test_not_every_feedback_is_a_complaint(kind, found):
    """Some take it back, some are made by machines about signatures."""
    data = complaint(about=f"Return-Path: <{bounce_address()}>", kind=kind)

    assert read(data, LINKS)[:2] == (found, OURS)


# ---------------------------------------------------------------------------- whose it is


def test_only_what_carries_a_token_of_ours_counts():
    """A forged report with no token, or with one that we did not sign, is about nobody."""
    for to in (
        "returns@example.org",
        bounce_address(OTHERS),
        f"returns+b{HANDLE}{'x' * 3}-{'a' * 26}@example.org",
        # A link to the page of a digest, or to change a subscription, is no address of bounces.
        f"returns+{LINKS.token('digest', HANDLE, DIGEST)}@example.org",
        f"returns+{LINKS.token('manage', HANDLE)}@example.org",
    ):
        assert read(report(failed("5.1.1"), to=to), LINKS).named is None
        assert read(plain("", "ada@example.net", To=to), LINKS) == Returned("unknown")


def test_addresses_may_come_back_in_capitals():
    """Servers may write an address in any case."""
    assert read(report(failed("5.1.1"), to=bounce_address().upper()), LINKS).named == OURS


def test_the_returned_headers_name_it_where_the_address_is_lost():
    """Some servers answer to another address than the one that they were given."""
    ours = f"Return-Path: <{bounce_address()}>\nSubject: Papers\n"

    assert read(report(failed("5.1.1"), to="x@example.org", returned=ours), LINKS).named == OURS


def test_words_hold_no_address():
    """What is kept of what was said can be shown to others."""
    said = "550 5.1.1 <ada.private@example.net>: no such user; ask help+x@example.com"
    found = read(report(failed("5.1.1", said)), LINKS)

    assert found.words == "550 5.1.1 <the address>: no such user; ask the address"


# ---------------------------------------------------------------------------- refused at once


@pytest.mark.parametrize(
    ("code", "words", "kind", "status"),
    [
        (550, "5.1.1 <x@example.net>: Recipient address rejected", "hard", "5.1.1"),
        (552, "5.2.2 over quota", "soft", "5.2.2"),
        (550, "no such user here", "hard", "5.1.1"),
        (554, "we do not like you", "hard", "5.0.0"),
        (550, "4.7.1 is what it says", "hard", "5.0.0"),
        (554, "5.7.1 blocked, see 10.1.1.1", "hard", "5.7.1"),
    ],
)
def test_what_a_server_meant_that_refused(code, words, kind, status):
    """The enhanced status counts, if it agrees with the code."""
    assert refused(code, words)[:3] == (kind, None, status)


# ---------------------------------------------------------------------------- attackers

_PIECES = st.sampled_from(
    [b"--=_b/1", b"--", b"\n", b"\r\n", b"\n\n", b"=", b"Content-Type: ", b"multipart/report; ",
     b'boundary="=_b/1"', b"message/delivery-status", b"message/feedback-report", b"Status: 5.1.1",
     b"Action: failed", b"Feedback-Type: abuse", b"To: ", b"From: mailer-daemon@x", b"\xff\xfe\x00",
     bounce_address().encode(), LEAVE.encode(), b"@" * 50, b";" * 50, b'"', b"550 ", b"5.1.1",
     b"Content-Transfer-Encoding: base64", b"=?utf-16?B?//8=?=", b"charset=punycode", b" " * 70]
)  # fmt: skip
_LETTERS = st.one_of(
    st.binary(max_size=400),
    st.lists(st.one_of(_PIECES, st.binary(max_size=6)), max_size=60).map(b"".join),
    st.tuples(st.integers(0, 900), st.binary(max_size=9)).map(
        lambda cut: report(failed("5.1.1"))[: cut[0]] + cut[1] + report(failed("5.1.1"))[cut[0] :]
    ),
)


@settings(max_examples=300, deadline=None)
@given(data=_LETTERS)
def test_no_letter_is_too_strange(data):
    """Whatever it is, it is something; and what it names, it names by a token of ours."""
    found = read(data, LINKS)

    assert len(found.words) <= WORDS
    assert "@" not in found.words
    assert found.named in {None, OURS, Named(HANDLE)}


@settings(max_examples=200, deadline=None)
@given(code=st.integers(500, 599), words=st.text(st.characters(codec="utf-8"), max_size=300))
def test_no_refusal_is_too_strange(code, words):
    """A refusal is final or not, and has a status."""
    found = refused(code, words)

    assert found.kind in {"hard", "soft"}
    assert found.status.startswith("5")


def test_what_is_nested_or_many_is_not_followed_for_ever():
    """A letter that is nested a thousand times, or has as many parts, is read in bounded steps.

    The steps are counted, since time is not the same everywhere: no part beyond the bound is read.
    """
    deep = b"".join(
        b'Content-Type: multipart/mixed; boundary="b%d"\n\n--b%d\n' % (n, n) for n in range(20_000)
    )
    many = b'Content-Type: multipart/mixed; boundary="b"\n\n' + b"--b\n\nx\n" * 100_000

    for data in (deep, many):
        assert len(list(bounces._walk(bounces._part(data[:LONGEST])))) <= bounces._PARTS
        assert read(data, LINKS) == Returned("unknown")


@pytest.mark.parametrize(
    "data",
    [
        b"To: " + b"a@" * 500_000,
        b"A: b\n" * 200_000,
        b"Content-Type: multipart/report; " + b";" * 900_000,
        b"From: mailer-daemon@x\n\n" + b"4.1." * 250_000,
        b"From: mailer-daemon@x\n\n" + b"\n---" * 250_000,
        b"From: mailer-daemon@x\n\n" + b"-" * 1_000_000,
        b"\n" + b"\n \t" * 330_000,
        b"Content-Transfer-Encoding: base64\nFrom: postmaster@x\n\n" + b"QUJD" * 250_000,
        report("Status: 5.1.1\n\n" * 60_000),
        report(failed("5.1.1", "@" * 900_000)),
        b"\x00" * 1_000_000,
    ],
    ids=lambda data: data[:12].decode("latin-1").strip(),
)
def test_a_huge_letter_is_read_like_any_other(data):
    """What would take minutes with a careless pattern would end by the test's own time limit."""
    assert read(data * 2, LINKS).kind in {"unknown", "auto", "hard", "soft"}
