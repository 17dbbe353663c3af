"""Letters by e-mail: what they look like, who takes them, and that nothing is lost silently."""

from __future__ import annotations

import asyncio
import email
import email.policy
import re
import smtplib
import socket
import ssl
import threading
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult
from hypothesis import given
from hypothesis import strategies as st

from broadsheet import config
from broadsheet.delivery import mail
from broadsheet.delivery.mail import (
    Folder,
    Outbox,
    Sendmail,
    Server,
    Smtp,
    mailer_of,
    message,
)
from broadsheet.delivery.message import Outgoing
from broadsheet.errors import ConfigError, MailError, status_of
from broadsheet.readers.letters import Letter

NOW = datetime(2026, 3, 17, 6, 30, tzinfo=UTC)
SENDER = "Broadsheet <papers@example.org>"
LINK = "https://papers.example.org/letter/" + "x" * 43
LETTER = Letter("ada@example.net", "Signing in at papers.example.org", f"This link:\n\n{LINK}\n")
OUTGOING = Outgoing(
    "bounce@example.org",
    "ada@example.net",
    b"Subject: 1\r\n\r\n.\r\nend\r\n",
    "<abc.1@example.org>",
)


def read(data: bytes) -> email.message.EmailMessage:
    """Return a message as a mail program reads it."""
    return email.message_from_bytes(data, policy=email.policy.default)


# ---------------------------------------------------------------------------- what is sent


def test_a_letter_is_plain_text_with_an_id_and_a_date():
    """What every message should have, and links that stay whole in one line."""
    data = message(LETTER, SENDER, NOW)
    told = read(data)

    assert told["From"] == SENDER
    assert told["To"] == "ada@example.net"
    assert told["Subject"] == LETTER.subject
    assert told["Date"].datetime == NOW
    assert told["Message-ID"].endswith("@example.org>")
    assert told["Auto-Submitted"] == "auto-generated"
    assert told.get_content_type() == "text/plain"
    assert told.get_content().replace("\r\n", "\n") == LETTER.text
    assert LINK.encode() + b"\r\n" in data
    assert message(LETTER, SENDER, NOW) != data
    assert data.count(b"ada@example.net") == 1


HOSTILE = st.text(max_size=300) | st.text("\r\n\x00\u2028\x85 :<>,@ab\ud800", max_size=80)


@given(subject=HOSTILE, text=HOSTILE, name=HOSTILE)
def test_nothing_in_a_letter_becomes_a_header(subject, text, name):
    """Whatever is in it: the same headers, one address, and the text as it was."""
    letter = Letter("ada@example.net", subject, text)
    sender = f"{name} <papers@example.org>" if "<" not in name else "papers@example.org"
    try:
        data = message(letter, sender, NOW)
    except MailError:
        assert sender != "papers@example.org"  # what is around the address may spoil it
        return
    told = read(data)

    assert sorted(k.lower() for k in told) == [
        "auto-submitted", "content-transfer-encoding", "content-type", "date", "from",
        "message-id", "mime-version", "subject", "to",
    ]  # fmt: skip
    assert [a.addr_spec for a in told["To"].addresses] == ["ada@example.net"]
    assert "\n" not in told["Subject"]
    assert all(len(line) <= 998 for line in data.split(b"\r\n"))
    assert b"\n" not in data.replace(b"\r\n", b"")


@pytest.mark.parametrize(
    "to",
    ["", "ada", "@example.org", "a@b@c", "a@example.org, b@example.org", "a b@example.org",
     "a@example.org\nBcc: b@example.org", "<a@example.org>", "a@exämple.org", "a,b@example.org"],
)  # fmt: skip
def test_what_is_no_address_gets_no_letter(to):
    """One letter goes to one address."""
    with pytest.raises(MailError):
        message(LETTER._replace(to=to), SENDER, NOW)


# ---------------------------------------------------------------------------- a folder


def test_a_folder_takes_letters(tmp_path):
    """Each is a file of its own, whole, for its owner's eyes alone."""
    mailer = mailer_of(f"folder:{tmp_path / 'out'}", SENDER)
    for _ in range(3):
        mailer.send(LETTER)
    files = sorted((tmp_path / "out").iterdir())

    assert isinstance(mailer, Folder)
    assert [f.suffix for f in files] == [".eml"] * 3
    assert {read(f.read_bytes())["To"] for f in files} == {"ada@example.net"}
    assert files[0].stat().st_mode & 0o077 == 0


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    """The message names it."""
    (tmp_path / "file").write_text("")
    with pytest.raises(MailError, match="file"):
        mailer_of(f"folder:{tmp_path / 'file'}", SENDER).send(LETTER)


def test_the_same_message_is_one_file(tmp_path):
    """It is named by its id, so that what is handed over again is there once."""
    line = mailer_of(f"folder:{tmp_path}", SENDER).open()
    for data in (b"one", b"the same"):
        assert line.deliver(OUTGOING._replace(data=data)).outcome == "sent"
    line.deliver(OUTGOING._replace(message_id="<../other/../id@x>"))
    line.close()

    assert (tmp_path / "abc.1_example.org.eml").read_bytes() == b"the same"
    assert {f.suffix for f in tmp_path.iterdir()} == {".eml"}
    assert len(list(tmp_path.iterdir())) == 2


def test_a_folder_that_goes_away_takes_the_rest_later(tmp_path):
    """It may be a disk that comes back."""
    line = mailer_of(f"folder:{tmp_path / 'out'}", SENDER).open()
    (tmp_path / "out").rmdir()
    answer = line.deliver(OUTGOING)

    assert answer.outcome == "later"
    assert str(tmp_path) in answer.words


# ---------------------------------------------------------------------------- a program

PROGRAM = """#!/bin/sh
printf '%s\\n' "$@" > {folder}/words
cat > {folder}/message
echo "$4: no such user" >&2
{end}
"""


def sendmail(folder, end, timeout=60.0):
    """Return what hands to a program that ends as it is told."""
    program = folder / "send mail"
    program.write_text(PROGRAM.format(folder=folder, end=end))
    program.chmod(0o700)
    return Sendmail(str(program), SENDER, timeout=timeout)


@pytest.mark.parametrize(
    ("end", "outcome", "code"),
    [
        ("exit 0", "sent", 0),
        ("exit 75", "later", 75),
        ("exit 71", "later", 71),
        ("exit 67", "refused", 67),
        ("exit 64", "refused", 64),
        ("kill -9 $$", "unknown", -9),
        ("exec sleep 60", "unknown", None),
    ],
)
def test_a_program_says_by_its_code_what_came_of_it(tmp_path, end, outcome, code):
    """As sysexits.h has it; who dies has said nothing."""
    line = sendmail(tmp_path, end, 0.5 if "sleep" in end else 60).open()
    answer = line.deliver(OUTGOING._replace(sender="-oQ@example.org", to="-x@example.net"))
    line.close()

    assert (answer.outcome, answer.code) == (outcome, code)
    words = (tmp_path / "words").read_text().splitlines()
    assert words == ["-i", "-f", "-oQ@example.org", "--", "-x@example.net"]
    assert (tmp_path / "message").read_bytes() == b"Subject: 1\n\n.\nend\n"


def test_letters_go_to_a_program_too(tmp_path):
    """And what it says is said."""
    sendmail(tmp_path, "exit 0").send(LETTER)
    assert read((tmp_path / "message").read_bytes())["Subject"] == LETTER.subject
    with pytest.raises(MailError, match="EX_NOUSER") as caught:
        sendmail(tmp_path, "exit 67").send(LETTER)
    assert not caught.value.temporary


def test_a_program_that_is_not_there_is_said(tmp_path):
    """Before anything is handed over."""
    with pytest.raises(MailError, match="no program"):
        mailer_of(f"sendmail:{tmp_path / 'none'}", SENDER).open()


# ---------------------------------------------------------------------------- a server


class Kept:
    """What a server was handed, and what it answers instead, if anything."""

    def __init__(self, **answers: str) -> None:
        self.envelopes: list = []
        self.answers = answers

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802
        """Take a recipient, or not."""
        if answer := self.answers.get("rcpt"):
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_QUIT(self, server, session, envelope):  # noqa: N802
        """Say goodbye, kindly or not."""
        return self.answers.get("quit", "221 Bye")

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        """Keep a message, or not."""
        if answer := self.answers.get("data"):
            return answer
        is_protected = server.transport.get_extra_info("cipher") is not None
        self.envelopes.append((is_protected, session.authenticated, envelope))
        return "250 OK"


@contextmanager
def serving(kept: Kept, *, inside: ssl.SSLContext | None = None, **options: Any):
    """Give the port of a real server, whose connections are protected `inside` from the start."""
    loop = asyncio.new_event_loop()
    made = loop.run_until_complete(
        loop.create_server(lambda: SMTP(kept, loop=loop, **options), "127.0.0.1", 0, ssl=inside)
    )
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield made.sockets[0].getsockname()[1]
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        made.close()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


def smtp(port: int, query: str = "", user: str = "", password: str = "", **more: Any) -> Smtp:
    """Return what sends to a server here."""
    at = f"{user}@" if user else ""
    mailer = mailer_of(f"smtp://{at}127.0.0.1:{port}{query}", SENDER, password)
    assert isinstance(mailer, Smtp)
    return Smtp(mailer._server, SENDER, password, **more)


def test_a_server_here_takes_a_letter():
    """One recipient, who stands in the envelope once, and the sender's bare address."""
    kept = Kept()
    with serving(kept) as port:
        smtp(port).send(LETTER)
    ((_, _, envelope),) = kept.envelopes

    assert envelope.rcpt_tos == ["ada@example.net"]
    assert envelope.mail_from == "papers@example.org"
    assert read(envelope.original_content)["Subject"] == LETTER.subject


def test_the_password_goes_only_over_what_is_protected(certificate):
    """With STARTTLS, to a server whose certificate is trusted, and from its user."""
    own, trust = certificate
    kept, tried = Kept(), []

    def authenticate(server, session, envelope, mechanism, data):
        tried.append((data.login, data.password))
        return AuthResult(success=data.password == b"right", handled=False)

    options = {"tls_context": own, "authenticator": authenticate, "auth_required": True}
    with serving(kept, **options) as port:
        mailer = smtp(port, "?tls=starttls", "me%40example.org", "right", trust=trust)
        mailer.send(LETTER)
        with pytest.raises(MailError, match="535") as caught:
            smtp(port, "?tls=starttls", "me", "wrong", trust=trust).send(LETTER)
        with pytest.raises(MailError, match="certificate") as distrusted:
            smtp(port, "?tls=starttls", "me", "right").send(LETTER)

    assert [found[:2] for found in kept.envelopes] == [(True, True)]
    assert tried[0] == (b"me@example.org", b"right")
    assert len({password for _, password in tried}) == 2
    assert not caught.value.temporary
    assert not distrusted.value.temporary


def test_without_starttls_nothing_is_sent():
    """A server that offers none gets neither password nor letter: nobody falls back to plain."""
    kept = Kept()
    with serving(kept) as port, pytest.raises(MailError, match="STARTTLS") as caught:
        smtp(port, "?tls=starttls", "me", "secret").send(LETTER)

    assert kept.envelopes == []
    assert not caught.value.temporary


def test_smtps_is_protected_from_the_start(certificate):
    """The whole conversation is."""
    own, trust = certificate
    kept = Kept()
    with serving(kept, inside=own) as port:
        server = Server("127.0.0.1", port, "", "always")
        Smtp(server, SENDER, trust=trust).send(LETTER)

    assert kept.envelopes[0][0] is True


@pytest.mark.parametrize(
    ("answers", "temporary", "http"),
    [
        ({"rcpt": "550 no such user"}, False, 502),
        ({"rcpt": "451 4.7.1 greylisted"}, True, 503),
        ({"data": "452 full"}, True, 503),
        ({"data": "554 spam"}, False, 502),
    ],
)
def test_what_a_server_refuses_is_said(answers, temporary, http):
    """With its own words, and whether it may take the letter later."""
    answer = next(iter(answers.values()))
    with serving(Kept(**answers)) as port, pytest.raises(MailError, match=answer) as caught:
        smtp(port).send(LETTER)

    assert caught.value.temporary is temporary
    assert status_of(caught.value).http == http


def test_a_letter_that_was_taken_is_not_sent_again():
    """However the server says goodbye: else the letter would come twice."""
    kept = Kept(quit="421 closing")
    with serving(kept) as port:
        smtp(port).send(LETTER)

    assert len(kept.envelopes) == 1


def test_a_server_that_is_away_or_hangs_up_is_said():
    """Both may be there again later."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        def hang_up() -> None:
            listener.accept()[0].close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        with pytest.raises(MailError) as caught:
            smtp(port).send(LETTER)
        thread.join()
    assert caught.value.temporary
    with pytest.raises(MailError) as caught:
        smtp(port).send(LETTER)
    assert caught.value.temporary


@given(
    data=st.lists(
        st.sampled_from([b"\r", b"\n", b"\r\n", b".", b"a", b"QUIT", b"\x00", b"\xff"]), max_size=40
    ).map(b"".join)
)
def test_no_message_ends_before_its_end(data):
    """Whatever is in it: between the lines that are sent none is the final dot alone."""
    sent = mail._dotted(data)
    lines = sent.split(b"\r\n")

    assert lines[-1] == b""
    assert b"\r\n.\r\n" not in b"\r\n" + sent
    assert not any(b"\r" in line or b"\n" in line for line in lines)
    assert all(not line.startswith(b".") or line.startswith(b"..") for line in lines)
    received = [line.removeprefix(b".") for line in lines[:-1]]
    assert b"\r\n".join(received) == re.sub(rb"\r\n|\r|\n", b"\r\n", data).removesuffix(b"\r\n")


# ---------------------------------------------------------------------------- those that wait


class Failing:
    """Takes letters after some failures."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.sent: list[Letter] = []

    def send(self, letter: Letter) -> None:
        """Fail as told, then keep."""
        if self.failures:
            raise self.failures.pop(0)
        self.sent.append(letter)


BUSY = MailError("busy", temporary=True)


def test_letters_are_sent_in_their_order_and_nobody_waits():
    """Who puts one in goes on at once; closing waits until they are sent."""
    gate, sent = threading.Event(), []

    class Slow:
        def send(self, letter: Letter) -> None:
            assert gate.wait(60)
            sent.append(letter.to)

    outbox = Outbox(Slow())
    for number in range(20):
        outbox.send(LETTER._replace(to=f"a{number}@example.net"))
    assert sent == []
    gate.set()
    outbox.close()

    assert sent == [f"a{number}@example.net" for number in range(20)]


def test_what_may_work_later_is_tried_again():
    """After a while, and told without the address."""
    told, mailer = [], Failing(BUSY, BUSY)
    outbox = Outbox(mailer, told.append, waits=(0, 0, 0))
    outbox.send(LETTER)
    with outbox._changed:
        assert outbox._changed.wait_for(lambda: mailer.sent, 60)
    outbox.close()

    assert mailer.sent == [LETTER]
    assert len(told) == 2
    assert all("example.net" in words and "ada" not in words for words in told)


def test_what_will_never_work_is_told_and_others_are_sent():
    """A refusal, a fault of ours, and too many tries end one letter alone."""
    told = []
    mailer = Failing(
        MailError("550 no such user <A0@Example.net>"), ValueError("a fault"), BUSY, BUSY
    )
    outbox = Outbox(mailer, told.append, waits=(0,))
    for number in range(4):
        outbox.send(LETTER._replace(to=f"a{number}@example.net"))
        outbox.settle()
    with outbox._changed:
        assert outbox._changed.wait_for(lambda: len(told) == 4, 60)
    outbox.close()

    assert [letter.to for letter in mailer.sent] == ["a3@example.net"]
    assert told[0].endswith("550 no such user <the address>")
    assert [words.split(":")[0] for words in told] == [
        "a letter to example.net was not sent",
        "a letter was not sent, for a fault in Broadsheet",
        "a letter to example.net is tried again in 0 seconds",
        "a letter to example.net was not sent",
    ]


def test_what_still_waits_at_the_end_is_told():
    """Nothing is lost silently."""
    told = []
    outbox = Outbox(Failing(BUSY), told.append, waits=(3600,))
    outbox.send(LETTER)
    outbox.close()

    assert told[-1] == "letters that were not sent, and will not be: 1"


def test_no_more_wait_than_there_is_room_for(monkeypatch):
    """Who puts in one more is told to try again."""
    monkeypatch.setattr(mail, "MOST", 3)
    gate = threading.Event()

    class Slow:
        def send(self, letter: Letter) -> None:
            assert gate.wait(60)

    outbox = Outbox(Slow())

    def fill() -> None:
        for _ in range(5):
            outbox.send(LETTER)

    with pytest.raises(MailError) as caught:
        fill()
    gate.set()
    outbox.close()

    assert caught.value.temporary


# ---------------------------------------------------------------------------- settings


def _read(name: str, value: str):
    return config.load({name: value}, {})[name].value


@pytest.mark.parametrize(
    ("place", "server"),
    [
        ("smtp://mail.example.org", ("mail.example.org", 587, "", "starttls")),
        ("smtp://me@mail.example.org:25", ("mail.example.org", 25, "me", "starttls")),
        ("smtp://mail.example.org?tls=none", ("mail.example.org", 587, "", "none")),
        ("smtps://me%40a.org@mail.example.org", ("mail.example.org", 465, "me@a.org", "always")),
        ("smtp://localhost:25", ("localhost", 25, "", "none")),
        ("smtp://[::1]:25?tls=starttls", ("::1", 25, "", "starttls")),
    ],
)
def test_places_that_send(place, server):
    """Protected unless it is this machine, or somebody said otherwise."""
    mailer = mailer_of(_read("mail", place), SENDER)

    assert isinstance(mailer, Smtp)
    assert mailer._server == server


@pytest.mark.parametrize(
    "place",
    ["example.org", "http://example.org", "smtp://", "smtp://me:secret@example.org", "folder:",
     "smtp://example.org/path", "smtp://example.org?tls=perhaps", "smtps://example.org?tls=none",
     "smtp://me@example.org?tls=none", "smtp://example.org:99999"],
)  # fmt: skip
def test_places_that_do_not(place):
    """Each is refused, without showing what may be a password."""
    with pytest.raises(ConfigError) as caught:
        _read("mail", place)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("sender", ["papers@example.org", SENDER, "", "Käthe <k@example.org>"])
def test_senders(sender):
    """An address, with a name or without."""
    assert _read("mail_from", sender) == sender


@pytest.mark.parametrize(
    "sender", ["papers", "A <papers>", "A <a@example.org", "A <>", "A\n<a@example.org>", "a <b> c"]
)
def test_no_senders(sender):
    """What no letter could be from is refused."""
    with pytest.raises(ConfigError):
        _read("mail_from", sender)


def test_sending_is_not_loaded_before_it_is_needed():
    """The modules that talk to servers are slow to load."""
    assert Path(mail.__file__).read_text(encoding="utf-8").count("\nimport smtplib") == 0
    assert smtplib.SMTP is not None
