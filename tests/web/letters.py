"""A library that sends its letters into a folder, and the letters in it."""

from email import message_from_bytes, policy

from broadsheet.delivery.mail import mailer_of
from broadsheet.delivery.mailroom import Mailroom, Manner
from broadsheet.delivery.message import MailRules
from broadsheet.factory import open_library
from web.crowd import RULES
from web.invented import no_sources, now

SENDER = "papers@example.org"
BASE = "https://papers.example.org"
"""What the links in letters begin with: only those of https are unsubscribed from by one click."""


def opened(home, folder, rules=RULES, clock=now):
    """Return the library in a home, with what makes and sends its letters."""

    def mailroom(library):
        manner = Manner(base=BASE, mail=MailRules(SENDER))
        return Mailroom(library.stock, rules, manner, mailer_of(f"folder:{folder}", SENDER))

    return open_library(home, clock=clock, newsroom=no_sources, rules=rules, mailroom=mailroom)


def letters_in(folder, address):
    """Return the letters to an address in a folder, oldest first."""
    found = sorted(folder.glob("*.eml"), key=lambda path: (path.stat().st_mtime_ns, path.name))
    read = [message_from_bytes(path.read_bytes(), policy=policy.default) for path in found]
    return [letter for letter in read if letter["To"] == address]
