"""What letters about accounts say. Pure.

Whoever has the link of a letter can do what it is for, so each says so, and what to do if one did
not ask for it: nothing.
"""

from __future__ import annotations

from typing import NamedTuple

_UNASKED = "If you did not ask for this, do nothing: without the link nothing happens."


class Letter(NamedTuple):
    """A letter in plain text to one address."""

    to: str
    subject: str
    text: str


def welcome(to: str, house: str, link: str) -> Letter:
    """Return the letter by which somebody who has no account makes one."""
    return _letter(
        to,
        f"Your account at {house}",
        f"Somebody, you we hope, wishes to make an account at {house} with this address.",
        f"This link makes it. It is good for an hour, once:\n\n{link}",
        _UNASKED,
    )


def known_already(to: str, house: str, link: str) -> Letter:
    """Return the letter to somebody who has an account and wishes to make one."""
    return _letter(
        to,
        f"Your account at {house}",
        f"Somebody, you we hope, wishes to make an account at {house} with this address. There is "
        "one already.",
        f"This link signs you in. It is good for an hour, once:\n\n{link}",
        _UNASKED,
    )


def sign_in(to: str, house: str, link: str) -> Letter:
    """Return the letter by which somebody signs in, or sets a new password."""
    return _letter(
        to,
        f"Signing in at {house}",
        f"This link signs you in at {house}, and lets you set a new password if you wish. It is "
        f"good for an hour, once:\n\n{link}",
        _UNASKED,
    )


def unknown(to: str, house: str) -> Letter:
    """Return the letter to somebody who wishes to sign in and has no account."""
    return _letter(
        to,
        f"Signing in at {house}",
        f"Somebody, you we hope, wishes to sign in at {house} with this address. There is no "
        "account with it; perhaps you have one with another address.",
        "If you did not ask for this, you need not do anything.",
    )


def invitation(to: str, house: str, link: str) -> Letter:
    """Return the letter that invites somebody."""
    return _letter(
        to,
        f"An invitation to {house}",
        f"You are invited to read together with others at {house}.",
        f"This link makes your account. It is good for two weeks, once:\n\n{link}",
        "If you do not wish to, you need not do anything.",
    )


def new_address(to: str, house: str, link: str) -> Letter:
    """Return the letter by which a new address is confirmed."""
    return _letter(
        to,
        f"Your new address at {house}",
        f"Somebody, you we hope, wishes to use this address for an account at {house}.",
        f"This link confirms it. It is good for an hour, once:\n\n{link}",
        _UNASKED,
    )


def taken_address(to: str, house: str) -> Letter:
    """Return the letter to an address that somebody with another account wishes to use."""
    return _letter(
        to,
        f"Your new address at {house}",
        f"Somebody wishes to use this address for an account at {house}. It belongs to another "
        "account, so nothing was changed. If that was you: sign in with this address, or delete "
        "that account first.",
    )


def address_changes(to: str, house: str, address: str) -> Letter:
    """Return the letter that tells the old address that a new one is wished for, or confirmed."""
    return _letter(
        to,
        f"Your address at {house}",
        f"The account at {house} with this address is to use another one: {address}.",
        "If that was not you, sign in, end all sessions and set a new password; or tell those who "
        "run the site.",
    )


def password_changed(to: str, house: str) -> Letter:
    """Return the letter that tells that there is a new password."""
    return _letter(
        to,
        f"Your password at {house}",
        f"The password of your account at {house} was changed, and all other sessions were ended.",
        "If that was not you, ask for a link to sign in and set a new password; or tell those who "
        "run the site.",
    )


def _letter(to: str, subject: str, *paragraphs: str) -> Letter:
    return Letter(to, subject, "\n\n".join(paragraphs) + "\n")
