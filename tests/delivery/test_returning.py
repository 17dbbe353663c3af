"""The commands for what comes back, as a mail server or a person runs them."""

from __future__ import annotations

import socket
import threading

import orjson
import pytest

from broadsheet.collection.subscriptions import address_hash
from broadsheet.delivery.mailbox import read_mailbox
from broadsheet.errors import MailboxError
from delivery.letters_back import failed, report
from processes import called

ADA = "ada@example.net"


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Return a home with nothing in it."""
    return tmp_path_factory.mktemp("home")


def told(home, *words: str, stdin=b""):
    """Return what a command tells programs, and see that it ended well."""
    found = called(*words, "--home", home, "--json", stdin=stdin)
    assert found.returncode == 0, found.stderr
    return orjson.loads(found.stdout)


def test_a_letter_comes_by_a_pipe(home):
    """To people it is told in words, to programs as what it is; and any letter can be taken."""
    data = report(failed("5.1.1", "550 no such user"))

    assert told(home, "bounces", stdin=data) == {
        "kind": "hard", "is_ours": False, "done": "nothing", "status": "5.1.1",
        "words": "550 no such user",
    }  # fmt: skip
    assert told(home, "bounces", stdin=b"x" * 2_500_000)["kind"] == "unknown"
    said = called("bounces", "--home", home, stdin=data).stdout.decode()
    assert "hard 5.1.1: nothing had to be done" in said
    assert "no token of ours" in said


def test_addresses_are_added_listed_and_removed(home):
    """What is listed is a hash, since the address is kept nowhere."""
    assert told(home, "suppressions", "--add", ADA, "--note", "asked") == {"changed": True}
    (found,) = told(home, "suppressions")["suppressions"]
    assert (found["address"], found["reason"], found["note"]) == (
        address_hash(ADA),
        "hand",
        "asked",
    )
    said = called("suppressions", "--home", home).stdout.decode()
    assert address_hash(ADA)[:12] in said
    assert ADA not in said
    again = called("suppressions", "--home", home, "--add", ADA.upper())
    assert again.stdout == b"it was suppressed already\n"
    assert told(home, "suppressions", "--remove", ADA) == {"changed": True}
    assert b"Nothing is suppressed." in called("suppressions", "--home", home).stdout


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        (("--add", "ada"), 1, b"no mail address"),
        (("--add", ADA, "--remove", ADA), 2, b"two things"),
        (("--as", "nobody-here"), 1, b"nobody-here"),
    ],
)
def test_what_cannot_be_done_is_told(home, words, code, why):
    """In words that say what is wrong."""
    found = called("suppressions", "--home", home, *words)

    assert found.returncode == code
    assert why in found.stderr


def test_a_mailbox_that_answers_nonsense_is_told():
    """As trouble of the mailbox, so that what is due goes out all the same."""
    answers = {
        "CAPABILITY": b"* CAPABILITY IMAP4rev1\r\n",
        "SELECT": b"* 1 EXISTS\r\n",
        "UID": b"* SEARCH \xff\xfe\r\n",
    }
    with socket.create_server(("127.0.0.1", 0)) as listening:
        serving = threading.Thread(target=_say, args=(listening, answers))
        serving.start()
        place = f"imap://ada@127.0.0.1:{listening.getsockname()[1]}"
        with pytest.raises(MailboxError, match="cannot be read"):
            read_mailbox(place, "secret", lambda _: pytest.fail("there is no letter"))
        serving.join()


def _say(listening, answers):
    """Answer each command of one client, and that it is well."""
    client, _ = listening.accept()
    with client, client.makefile("rwb") as lines:
        lines.write(b"* OK here\r\n")
        lines.flush()
        for line in lines:
            tag, word = line.decode().split()[:2]
            lines.write(answers.get(word, b"") + f"{tag} OK done\r\n".encode())
            lines.flush()
