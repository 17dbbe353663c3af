"""Links that only a recipient has: each good for one thing, none that can be made up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadsheet.collection.subscriptions import new_handle
from broadsheet.delivery.links import Links, Named, new_key
from broadsheet.errors import ConfigError
from broadsheet.factory import load_config

KEY = new_key()
LINKS = Links("https://papers.example.org", KEY, "bounces@example.org")
PURPOSES = ("manage", "confirm", "unsubscribe", "digest", "bounce")


@given(number=st.none() | st.integers(0, 36**12 - 1), purpose=st.sampled_from(PURPOSES))
def test_a_token_names_what_it_was_made_for_and_nothing_else(number, purpose):
    """In any case of letters, too, as mail servers write addresses."""
    handle = new_handle()
    token = LINKS.token(purpose, handle, number)

    assert LINKS.read(purpose, token) == Named(handle, number)
    assert LINKS.read(purpose, token.upper()) == Named(handle, number)
    assert [p for p in PURPOSES if LINKS.read(p, token)] == [purpose]
    assert Links("", new_key()).read(purpose, token) is None
    assert len(token) <= 56  # beside `+` and a name it fits the 64 characters of RFC 5321


def test_an_address_that_bounces_come_to_is_not_longer_than_servers_take():
    """Of 64 characters before the @ (RFC 5321); the setting leaves room for them."""
    said = {"mail_return": f"{'x' * 12}@example.org"}
    links = Links("", KEY, load_config(said, {})["mail_return"].value)
    assert len(links.bounce(new_handle(), 36**7 - 1).partition("@")[0]) == 64
    for name in ("x" * 13, "a b", "a,b", "a?b", ""):
        with pytest.raises(ConfigError, match="mail_return"):
            load_config({"mail_return": f"{name}@example.org"}, {})


@given(st.data())
def test_a_token_that_was_changed_names_nothing(data):
    """Not one letter of it."""
    token = LINKS.token("manage", new_handle(), data.draw(st.none() | st.integers(0, 99)))
    place = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.characters().filter(lambda c: c.lower() != token[place]))

    assert LINKS.read("manage", token[:place] + other + token[place + 1 :]) is None


@given(st.text(max_size=80))
def test_no_text_is_a_token(text):
    """Whatever somebody types is refused, not an error."""
    assert [LINKS.read(p, text) for p in PURPOSES] == [None] * len(PURPOSES)


def test_addresses_that_bounces_come_to_are_read_back():
    """And only ours."""
    handle = new_handle()
    bounce, leave = LINKS.bounce(handle, 7), LINKS.unsubscribe_mail(handle)

    assert bounce.startswith("bounces+")
    assert bounce.endswith("@example.org")
    assert LINKS.read("bounce", LINKS.returned(bounce.upper())) == Named(handle, 7)
    assert LINKS.read("unsubscribe", LINKS.returned(leave)) == Named(handle)
    assert LINKS.returned(bounce.replace("example.org", "example.net")) == ""
    assert LINKS.returned("bounces@example.org") == ""
    assert Links("", KEY).bounce(handle, 7) == ""


@pytest.mark.parametrize("name", ["manage", "confirm", "unsubscribe"])
def test_links_hold_no_address(name):
    """A handle and a signature, below the address of the house."""
    link = getattr(LINKS, name)("a" * 16)

    assert link.startswith("https://papers.example.org/")
    assert "@" not in link
